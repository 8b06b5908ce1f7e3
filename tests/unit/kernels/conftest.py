from __future__ import annotations

import pytest

from perforin.kernels.build import build


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Kernels compiled by these tests, away from the user's cache."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def compiled(cache):
    """Build with the compiler, or skip where there is none."""

    def make(network, outputs=None):
        return build(network, outputs, backend="compiled", cache=cache)

    return make
