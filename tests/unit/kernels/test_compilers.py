"""Every compiler, any number of lanes: equal statuses, and results that differ by rounding alone."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from kernel_networks import dose_table, immune_population, network
from perforin.errors import ComputeError
from perforin.kernels import compile as compiling
from perforin.kernels.compile import Compiler, built, find_compiler, native_lanes
from perforin.kernels.compiled import Compiled
from perforin.model.mechanism import symbol

DAYS = np.array([-6.0, 0.0, 1.0, 7.0, 28.0, 90.5])
BETWEEN = 1e-8
"""Largest difference between compilers, and between scalar and vector code, relative to a course's largest value: a
thousandth of the tolerance of 1e-5. Compilers join products and sums differently. Measured on 64 patients of each
network, gcc 12 and zig 0.17, 1 to 8 lanes: 4e-14 for the immune network, 1.4e-11 for the small one."""


def _compiler(name: str) -> Compiler:
    if name == "zig":
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("the ziglang wheel is not installed: pip install perforin[compiler]")
        command = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
        return Compiler(command, f"ziglang {version('ziglang')}")
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return Compiler((path,), f"{path} {Path(path).stat().st_size}")


def _small(patients: int):
    x, y = symbol("x"), symbol("y")
    flows = [("loss", symbol("rate") * x, "x", None), ("burst", symbol("gain") * x**2, None, "x")]
    net = network({"x": "cell", "y": ""}, [*flows, ("rise", x - y, None, "y")])
    rates = np.column_stack([np.geomspace(1e-3, 1.0, patients), np.geomspace(1e3, 0.01, patients)])  # gain, rate
    start = np.tile([50.0, 0.0], (patients, 1))
    return net, rates, start, dose_table(net, [(2.0, "x", 1, 20.0)], patients)


def _solve(made, compiler, lanes, cache):
    net, parameters, start, doses = made
    return Compiled(net, net.state_names, compiler, lanes=lanes, cache=cache).run(
        parameters, start, doses, DAYS, begin=-6.0
    )


def _agree(found, expected, net):
    assert found.status.tolist() == expected.status.tolist()
    largest = np.nanmax(np.abs(expected.values), axis=(0, 1)) + net.absolute_tolerances
    np.testing.assert_allclose(found.values / largest, expected.values / largest, rtol=0, atol=BETWEEN)


@pytest.fixture(scope="module")
def networks():
    return {"small": _small(13), "immune": immune_population(13, seed=2)}


@pytest.mark.parametrize("name", ["gcc", "clang", "zig"])
@pytest.mark.parametrize("which", ["small", pytest.param("immune", marks=pytest.mark.slow)])
def test_every_compiler_gives_the_same_statuses_and_results(networks, which, name, cache):
    made, compiler = networks[which], _compiler(name)
    expected = _solve(made, find_compiler(), native_lanes(), cache)
    scalar, four, eight = (_solve(made, compiler, lanes, cache) for lanes in (1, 4, 8))
    _agree(scalar, expected, made[0])
    _agree(four, expected, made[0])
    assert four.values.tobytes() == eight.values.tobytes() and four.steps.tobytes() == eight.steps.tobytes()
    assert 0 in expected.status and (which == "immune" or 2 in expected.status)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="asks for the oldest x86-64 processors")
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_processor_without_wide_vectors_gives_the_same(networks, lanes, cache, monkeypatch):
    expected = _solve(networks["small"], find_compiler(), native_lanes(), cache)
    old = tuple("-march=x86-64" if flag == compiling.NATIVE else flag for flag in compiling.FLAGS)
    monkeypatch.setattr(compiling, "FLAGS", old)
    _agree(_solve(networks["small"], find_compiler(), lanes, cache), expected, networks["small"][0])


@pytest.mark.parametrize("flags, lanes", [("sse2", 4), ("sse2 avx avx2 fma", 4), ("avx2 fma avx512f", 8), ("", 4)])
def test_lanes_follow_the_processor(monkeypatch, flags, lanes):
    monkeypatch.setattr(compiling, "processor", lambda: f"Linux x86_64 flags\t: {flags}")
    assert native_lanes() == lanes


def _script(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Compiler((str(path),), f"{name} of a test")


def test_a_compiler_that_does_not_know_the_processor_builds_for_any(networks, tmp_path, cache):
    real = " ".join(find_compiler().command)
    refuse = 'for one in "$@"; do case $one in -m*=native) echo "unknown target" >&2; exit 1;; esac; done'
    odd = _script(tmp_path, "odd", f'{refuse}\nexec {real} "$@"')
    found = _solve(networks["small"], odd, 4, tmp_path / "kernels")
    _agree(found, _solve(networks["small"], find_compiler(), 4, cache), networks["small"][0])


def test_a_broken_compiler_says_which_and_why(networks, tmp_path):
    broken = _script(tmp_path, "broken", 'echo "cannot find crt1.o" >&2; exit 1')
    with pytest.raises(ComputeError, match=r"(?s)broken could not compile a kernel:\ncannot find crt1\.o"):
        built(networks["small"][0], ["x"], broken, cache=tmp_path / "kernels")


def test_gcc_comes_before_cc_and_both_before_zig(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    assert "ziglang" in find_compiler().command
    for name in ("cc", "gcc", "clang"):
        _script(tmp_path, name, "")
        assert Path(find_compiler().command[0]).name == name
