"""Finding a compiler, keeping kernels, and what happens without either."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from kernel_networks import network
from perforin.errors import ComputeError, UserError
from perforin.kernels import compile as compiling
from perforin.kernels.build import build, no_doses
from perforin.kernels.compile import Compiler, built, cache_folder, find_compiler
from perforin.kernels.interpret import Interpreted
from perforin.model.mechanism import symbol


@pytest.fixture
def decay():
    return network({"x": "cell"}, [("loss", symbol("rate") * symbol("x"), "x", None)], {"double": 2 * symbol("x")})


@pytest.fixture
def no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: None)


def _run(kernel):
    return kernel.run(np.array([[0.5]]), np.array([[100.0]]), no_doses(1), [2.0]).values[0, 0]


def test_a_second_build_neither_generates_nor_compiles(decay, tmp_path, monkeypatch):
    first = _run(build(decay, cache=tmp_path))

    def never(*_, **__):
        raise AssertionError("the cache has this kernel")

    monkeypatch.setattr(compiling, "generate", never)
    monkeypatch.setattr(compiling.subprocess, "run", never)
    again = build(decay, cache=tmp_path)
    assert again.built.from_cache
    assert _run(again).tobytes() == first.tobytes()
    assert again.built.notes["states"] == 1


def test_other_outputs_flags_or_compilers_are_other_kernels(decay, tmp_path, monkeypatch):
    compiler = find_compiler()
    same = built(decay, ["x"], compiler, cache=tmp_path).library
    others = {
        built(decay, ["double"], compiler, cache=tmp_path).library,
        built(decay, ["x"], compiler, cache=tmp_path, lanes=1).library,
        built(decay, ["x"], Compiler(compiler.command, "another version"), cache=tmp_path).library,
    }
    monkeypatch.setattr(compiling, "FLAGS", (*compiling.FLAGS, "-O1"))
    others.add(built(decay, ["x"], compiler, cache=tmp_path).library)
    assert len(others - {same}) == 4


def test_no_half_written_kernel_is_left_behind(decay, tmp_path):
    broken = Compiler(("false",), "always fails")
    with pytest.raises(ComputeError, match="could not compile"):
        built(decay, ["x"], broken, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_notes_are_written_last_and_say_what_was_built(decay, tmp_path):
    made = built(decay, ["x"], find_compiler(), cache=tmp_path)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".so"]
    notes = json.loads(made.library.with_suffix(".json").read_text())
    assert notes["compiler"] == find_compiler().identity and notes["lanes"] == compiling.native_lanes()
    made.library.with_suffix(".json").unlink()
    assert not built(decay, ["x"], find_compiler(), cache=tmp_path).from_cache, "half a kernel is no kernel"


def test_without_a_compiler_the_interpreter_runs_and_says_what_to_install(decay, no_compiler):
    with pytest.warns(UserWarning, match=r"pip install perforin\[compiler\]"):
        kernel = build(decay, ["double"])
    assert isinstance(kernel, Interpreted)
    np.testing.assert_allclose(_run(kernel), 200 * np.exp(-1.0), rtol=1e-3)


def test_asking_for_machine_code_without_a_compiler_is_refused(decay, no_compiler):
    with pytest.raises(UserError, match=r"found no C compiler; needed .*pip install perforin\[compiler\]"):
        build(decay, backend="compiled")


def test_a_compiler_that_fails_gives_way_to_the_interpreter(decay, monkeypatch, tmp_path):
    import importlib

    building = importlib.import_module("perforin.kernels.build")

    monkeypatch.setattr(building, "find_compiler", lambda: Compiler(("false",), "a stub without its tools"))
    with pytest.warns(UserWarning, match="false could not compile a kernel"):
        assert isinstance(build(decay, ["x"], cache=tmp_path), Interpreted)
    with pytest.raises(ComputeError):
        build(decay, ["x"], backend="compiled", cache=tmp_path)


def test_asking_for_the_interpreter_gives_no_warning(decay):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(build(decay, backend="interpreted"), Interpreted)


def test_the_zig_wheel_serves_where_no_compiler_is_installed(decay, monkeypatch, tmp_path):
    pytest.importorskip("ziglang", reason="the ziglang wheel is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ziglang" in find_compiler().command
    kernel = build(decay, ["x"], backend="compiled", cache=tmp_path)
    np.testing.assert_allclose(_run(kernel), 100 * np.exp(-1.0), rtol=1e-4)


def test_clang_is_preferred_to_gcc(monkeypatch, tmp_path):
    for name in ("gcc", "clang", "cc"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(find_compiler().command[0]).name == "clang"


def test_the_cache_goes_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("PERFORIN_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg" / "perforin"
    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("PERFORIN_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "perforin"


def test_a_named_cache_that_cannot_be_written_is_an_error_that_names_it(decay, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PERFORIN_CACHE", str(blocked / "cache"))
    with pytest.raises(UserError, match=f"{blocked}/cache, which cannot be written .* in PERFORIN_CACHE"):
        build(decay, ["x"], backend="compiled")


def test_a_default_cache_that_cannot_be_written_gives_way_to_a_temporary_one(decay, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.delenv("PERFORIN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.warns(UserWarning, match=f"found the cache folder {blocked}/perforin, which cannot be written"):
        kernel = build(decay, ["x"], backend="compiled")
    np.testing.assert_allclose(_run(kernel), 100 * np.exp(-1.0), rtol=1e-4)
    assert os.fspath(blocked) not in os.fspath(kernel.built.library)


@pytest.mark.parametrize("backend", ["compiled", "interpreted"])
def test_an_unknown_output_is_refused_with_the_nearest_name(decay, backend, tmp_path):
    with pytest.raises(UserError, match=r"found the output 'duoble'.*did you mean 'double'"):
        build(decay, ["duoble"], backend=backend, cache=tmp_path)


def test_an_unknown_backend_is_refused(decay):
    with pytest.raises(UserError, match="did you mean 'compiled'"):
        build(decay, backend="compile")


def test_outputs_default_to_states_and_levels(decay, tmp_path):
    assert build(decay, cache=tmp_path).outputs == ("x", "double")
