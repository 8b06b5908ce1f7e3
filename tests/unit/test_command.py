"""The command line: help that teaches, errors as sentences, exit codes, JSON on stdout alone."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from perforin.command import app, environment, loading, running
from perforin.command.console import Stop, interruptible, progress_bar
from perforin.errors import ComputeError, UserError
from perforin.scenario import scenario_names

VERBS = "demo new check run resume compare report explain replay show import claims doctor".split()


def execute(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_json(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    code, out, err = execute(capsys, verb, "--help")
    assert (code, err) == (0, "")
    assert f"perforin {verb}" in out.split("Examples:")[1]
    assert "--json" in out


def test_the_help_lists_every_verb_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = execute(capsys, "--help")
    assert code == 0
    assert all(re.search(rf"^\s+{verb}\s+\S", out, re.MULTILINE) for verb in VERBS)
    assert "0 ok, 1 your input, 2 some patients failed, 3 internal" in out
    assert execute(capsys)[1] == out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert execute(capsys, "--version") == (0, version("perforin") + "\n", "")


@pytest.mark.parametrize(
    "words,expected",
    [
        (["rnu"], "run"),
        (["run"], "scenario"),
        (["doctor", "--jsn"], "--json"),
        (["run", "x", "--n", "many"], "integer"),
        (["run", "x", "--set", "no equals sign"], "PATH=VALUE"),
        (["run", "x", "--quick", "--n", "3"], "one of them"),
        (["show", "wirring"], "'wiring'"),
    ],
)
def test_a_wrong_command_line_is_a_sentence_on_stderr_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    code, out, err = execute(capsys, *words)
    assert (code, out) == (1, "")
    assert err.startswith("perforin: ")
    assert expected in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_an_error_is_json_on_stderr_when_json_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys, "show", "wirring", "--json")
    assert (code, out) == (1, "")
    found = json.loads(err)
    assert found["exit_code"] == 1
    assert "did you mean 'wiring'" in found["error"]


def test_an_internal_fault_says_so_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("a quarter past nine")

    monkeypatch.setattr(environment, "diagnose", broken)
    code, out, err = execute(capsys, "doctor")
    assert (code, out) == (3, "")
    assert "ZeroDivisionError: a quarter past nine" in err
    assert "--debug" in err
    assert "Traceback" not in err
    code, _, err = execute(capsys, "doctor", "--debug")
    assert code == 3
    assert "Traceback" in err


@pytest.mark.parametrize(
    "problem,code", [(UserError("found x"), 1), (ComputeError("found y"), 3), (KeyboardInterrupt(), 130)]
)
def test_exit_codes_follow_the_kind_of_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, problem: BaseException, code: int
) -> None:
    def broken() -> dict[str, Any]:
        raise problem

    monkeypatch.setattr(environment, "diagnose", broken)
    assert execute(capsys, "doctor")[0] == code


def test_doctor_prints_versions_compiler_and_cache(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path / "kernels"))
    code, out, _ = execute(capsys, "doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["versions"]["perforin"]
    assert found["cache"] == {"folder": str(tmp_path / "kernels"), "writable": True}
    assert [one["name"] for one in found["tried"]] == ["clang", "gcc", "cc", "zig (ziglang wheel)"]
    assert found["cores"] >= 1
    code, out, _ = execute(capsys, "doctor")
    assert code == 0
    assert str(tmp_path / "kernels")[-20:] in out.replace("\n", "").replace(" ", "")


def test_doctor_says_what_to_install_where_there_is_no_compiler(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "ziglang" else find(name, *a))
    code, out, _ = execute(capsys, "doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["compiler"] == ""
    assert any("perforin[compiler]" in line for line in found["advice"])


def test_doctor_names_a_cache_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path / "file" / "cache"))
    found = json.loads(execute(capsys, "doctor", "--json")[1])
    assert found["cache"]["writable"] is False
    assert any("cannot be written" in line for line in found["advice"])


def test_help_loads_no_science() -> None:
    heavy = ["numpy", "pandas", "scipy", "sympy", "plotly", "pint", "pyarrow"]
    script = (
        "import sys; from perforin.command.app import execute; code = execute(['run', '--help']); "
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_settings_are_paths_and_texts() -> None:
    assert loading.settings(["a.b=1e9 cell", "c = x=y "]) == {"a.b": "1e9 cell", "c": "x=y"}
    assert loading.settings(None) == {}
    with pytest.raises(UserError, match="PATH=VALUE"):
        loading.settings(["=3"])


def test_a_new_run_never_lands_on_an_older_one(tmp_path: Path) -> None:
    assert loading.fresh_folder(str(tmp_path), "x") == str(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="perforin resume"):
        loading.fresh_folder(str(tmp_path), "x")
    assert loading.fresh_folder(None, "x").endswith("-x")


def test_the_first_interrupt_is_a_wish_and_the_second_an_order() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as stop:
        assert isinstance(stop, Stop)
        assert stop() is False
        signal.raise_signal(signal.SIGINT)
        assert stop() is True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_progress_shows_stage_and_speed_of_what_this_run_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from perforin.study import Progress

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    with progress_bar(quiet=False) as moved:
        assert moved is not None
        moved(Progress(0, 1000, "composing and compiling"))
        for done in (900, 901, 902):
            moved(Progress(done, 1000, "simulating"))
            time.sleep(0.2)
        moved(Progress(903, 1000, "simulating"))
    shown = re.sub("\x1b[^a-zA-Z]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "composing and compiling" in shown
    speeds = [int(found) for found in re.findall(r"simulating.*903/1000 *(\d+)/s", shown)]
    assert speeds
    assert max(speeds) < 100, "the 900 patients of an earlier run are not this one's speed"


def test_new_refuses_to_overwrite(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin.yaml"
    origin.write_text("# a comment\nname: x\n")
    monkeypatch.setattr(loading, "scenario_path", lambda _: origin)
    mine = tmp_path / "mine.yaml"
    assert execute(capsys, "new", str(mine))[0] == 0
    assert mine.read_text() == origin.read_text()
    mine.write_text("my own")
    code, _, err = execute(capsys, "new", str(mine))
    assert code == 1
    assert "--force" in err
    assert mine.read_text() == "my own"
    assert execute(capsys, "new", str(mine), "--force", "--json")[0] == 0
    assert execute(capsys, "new", str(tmp_path / "no" / "mine.yaml"))[0] == 1


READY = running.DEMO in scenario_names()
stack = [pytest.mark.slow, pytest.mark.skipif(not READY, reason=f"no scenario {running.DEMO} to run")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of the demo's scenario."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    code = app.execute(["run", running.DEMO, "--n", "6", "--seed", "3", "--out", str(folder), "--json"])
    assert code in {0, 2}
    return folder


class TestARun:
    """A small run of the demo's scenario, read in every way."""

    pytestmark = stack

    def test_json_of_a_run_is_one_object_with_the_promised_keys(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        code, out, _ = execute(
            capsys, "run", running.DEMO, "--n", "4", "--seed", "3", "--out", str(tmp_path / "r"), "--json"
        )
        found = json.loads(out)
        assert code == (2 if found["failed"] else 0)
        assert found["patients"] == 4
        assert found["seconds"] > 0
        assert set(found["network_hash"]) == {one["arm"] for one in found["estimates"]}
        wanted = set(
            "ORR_d30 ORR_best CR_best PFS_6m PFS_12m OS_12m CRS_any CRS_ge3 ICANS_any ICANS_ge3 "
            "GvHD_ge2 Cmax Tmax AUC0_28 last_detectable_day infused_share time_to_infusion cost".split()
        )
        for arm in found["network_hash"]:
            assert wanted <= {one["endpoint"] for one in found["estimates"] if one["arm"] == arm}
        for one in found["estimates"]:
            assert {"arm", "endpoint", "value", "low", "high", "n", "unit", "published"} <= set(one)
            assert all({"trial", "value", "low", "high", "n"} <= set(other) for other in one["published"])
        assert any(one["published"] for one in found["estimates"])

    def test_reading_a_run_again_gives_the_same_estimates(
        self, capsys: pytest.CaptureFixture[str], finished: Path
    ) -> None:
        before = json.loads((finished / "report.json").read_text())["estimates"]
        (finished / "report.html").unlink()
        code, out, _ = execute(capsys, "report", str(finished), "--json")
        assert code == 0
        assert json.loads(out)["estimates"] == before
        assert (finished / "report.html").is_file()

    def test_compare_gives_one_endpoint_of_each_run(self, capsys: pytest.CaptureFixture[str], finished: Path) -> None:
        words = ["compare", str(finished), str(finished), "--endpoint", "ORR_d30", "--json"]
        code, out, _ = execute(capsys, *words)
        runs = json.loads(out)["runs"]
        assert code == 0
        assert len(runs) == 2
        assert {one["endpoint"] for one in runs[0]["estimates"]} == {"ORR_d30"}
        assert runs[0]["estimates"] == runs[1]["estimates"]
        code, _, err = execute(capsys, "compare", str(finished), "--endpoint", "ORR_d31")
        assert code == 1
        assert "did you mean 'ORR_d30'" in err

    def test_replay_repeats_one_patient(
        self, capsys: pytest.CaptureFixture[str], finished: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "one.csv"
        code, out, _ = execute(capsys, "replay", str(finished), "--patient", "2", "--out", str(file), "--json")
        assert code == 0
        assert json.loads(out)["patient"] == 2
        assert len(file.read_text().splitlines()) > 10
        assert execute(capsys, "replay", str(finished), "--patient", "600")[0] == 1
        assert execute(capsys, "replay", str(finished), "--patient", "2", "--arm", "nobody")[0] == 1

    def test_a_second_run_does_not_overwrite_the_first(
        self, capsys: pytest.CaptureFixture[str], finished: Path
    ) -> None:
        code, _, err = execute(capsys, "run", running.DEMO, "--n", "4", "--out", str(finished))
        assert code == 1
        assert "perforin resume" in err

    @pytest.mark.parametrize("what", ["wiring", "network", "parameters", "equations", "product", "disease"])
    def test_show_prints_text_and_json(self, capsys: pytest.CaptureFixture[str], what: str) -> None:
        code, out, _ = execute(capsys, "show", what, running.DEMO)
        assert code == 0
        assert len(out.splitlines()) > 5
        code, out, _ = execute(capsys, "show", what, running.DEMO, "--json")
        assert code == 0
        assert json.loads(out)

    def test_every_parameter_has_value_unit_kind_and_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = json.loads(execute(capsys, "show", "parameters", running.DEMO, "--json")[1])["parameters"]
        assert len(rows) > 100
        for row in rows:
            assert isinstance(row["value"], float)
            assert {"unit", "kind", "source", "arm", "name"} <= set(row)
            assert row["source"] or row["kind"] == "assumed"

    def test_explain_knows_endpoints_and_parameters_and_suggests_names(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = json.loads(execute(capsys, "show", "parameters", running.DEMO, "--json")[1])["parameters"]
        name = next(row["name"] for row in rows if "." in row["name"])
        assert json.loads(execute(capsys, "explain", name, "--json")[1])["values"]
        assert "12 months" in execute(capsys, "explain", "PFS_12m")[1]
        code, _, err = execute(capsys, "explain", "PFS_12")
        assert code == 1
        assert "did you mean 'PFS_12m'" in err

    def test_check_accepts_the_copy_that_new_writes(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        mine = tmp_path / "mine.yaml"
        assert execute(capsys, "new", str(mine))[0] == 0
        code, out, err = execute(capsys, "check", str(mine))
        assert (code, err) == (0, "")
        assert "Nothing is wrong" in out

    def test_a_folder_that_holds_no_run_is_a_sentence(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        for words in (["report", str(tmp_path)], ["resume", str(tmp_path)], ["compare", str(tmp_path / "none")]):
            code, out, err = execute(capsys, *words)
            assert (code, out) == (1, "")
            assert "Traceback" not in err


@pytest.mark.parametrize(
    "form, mark",
    [("latex", r"\begin{document}"), ("sbml", "<sbml"), ("antimony", "model "), ("diagram", "flowchart")],
)
def test_a_model_leaves_in_the_formats_of_the_field(form, mark, capsys):
    assert app.execute(["show", form, "cd19_lbcl_head_to_head", "--arm", "car_t"]) == 0
    assert mark in capsys.readouterr().out
