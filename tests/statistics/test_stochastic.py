"""Courses of whole cells against exact answers, with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_networks import network
from perforin.kernels.build import no_doses
from perforin.kernels.stochastic import build
from perforin.model.mechanism import symbol

REPLICATES = 10_000


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORIN_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


def test_births_and_deaths_have_the_mean_and_the_variance_of_the_textbook():
    x, birth, death = (symbol(name) for name in ("x", "birth", "death"))
    net = network({"x": "cell"}, [("birth", birth * x, None, "x"), ("death", death * x, "x", None)])
    days, b, d = np.arange(0.0, 51.0), 0.1, 0.11
    run = build(net, ["x"]).run(
        np.array([[b, d]]), np.array([[100.0]]), no_doses(1), days, seed=1, replicates=REPLICATES
    )
    found, grown = run.values[0, :, 1:, 0], np.exp((b - d) * days[1:])
    mean, variance = 100 * grown, 100 * (b + d) / (b - d) * grown * (grown - 1)
    assert (np.abs(found.mean(axis=0) - mean) < 3 * np.sqrt(variance / REPLICATES)).all()
    assert (np.abs(found.var(axis=0, ddof=1) / variance - 1) < 5 * np.sqrt(2 / REPLICATES)).all()
