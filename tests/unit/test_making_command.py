"""perforin make: tables, JSON and a page for one process or several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perforin.command import app
from perforin.library import default_library


def execute(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(["make", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_without_a_process_those_that_can_be_made_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys)
    assert (code, err) == (0, "")
    assert "nk_peripheral_feeder" in out and "autologous_viral" in out
    assert "autologous_slow" not in out  # says how long it takes, not how a batch is made


def test_several_processes_stand_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys, "nk_peripheral_cytokine", "nk_peripheral_feeder", "--batches", "100")
    assert (code, err) == (0, "")
    assert out.count("longest path") >= 10
    for words in ("Doses of a batch", "Fold expansion", "Copies in these", "too few cells", "Somanchi2016"):
        assert words in out, words


def test_json_is_one_object_and_the_dose_decides_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    large, small = (
        json.loads(execute(capsys, "nk_ipsc", "--dose", dose, "--batches", "100", "--json")[1])["processes"][0]
        for dose in ("1e9 cell", "2e8 cell")
    )
    assert large["planned_dose"] == 1e9 and large["batches"] == 100
    assert small["doses"]["median"] == pytest.approx(5 * large["doses"]["median"], rel=0.01)
    assert small["cells_harvested"] == large["cells_harvested"]  # same luck


def test_the_seed_decides_the_luck(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (
        json.loads(execute(capsys, "nk_92", "--seed", seed, "--batches", "20", "--json")[1])["processes"]
        for seed in ("1", "1", "2")
    )
    assert first == again != other


def test_the_page_needs_no_network_and_draws_growth_doses_and_steps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = execute(capsys, "nk_cord_blood", "nk_92", "--batches", "50", "--out", str(tmp_path))
    page = (tmp_path / "making.html").read_text(encoding="utf-8")
    assert code == 0 and "Figures: " in out
    for key in ("growth", "doses", "steps-nk_cord_blood", "steps-nk_92"):
        assert f'data-key="{key}"' in page
    assert "to\u00a05\u00a0EU/mL" in page, "a limit stands with its unit"
    assert "Nowakowska" in page and "Published batches beside" in page
    assert 'src="http' not in page and '<link rel="stylesheet"' not in page


def test_a_file_of_ones_own_with_historical_batches_can_be_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = Path(default_library().process("nk_peripheral_feeder")[1]).read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("batch:\n", "batch:\n  history: batches.csv\n"))
    (tmp_path / "batches.csv").write_text(
        "days,cells_started,cells_harvested,car_fraction,viability\n35,4e7,9e11,0.4,0.9\n36,4e7,5e11,0.3,0.88\n"
    )
    code, out, err = execute(capsys, str(tmp_path / "mine.yaml"), "--json", "--out", str(tmp_path))
    assert (code, err) == (0, "")
    found = json.loads(out)["processes"][0]
    assert {found["cells_harvested"]["low"], found["cells_harvested"]["high"]} == {5e11, 9e11}
    assert found["donor_share_of_variance"] is None
    assert 'data-key="growth"' not in (tmp_path / "making.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words, message",
    [
        (["nk_ispc"], "did you mean 'nk_ipsc'"),
        (["autologous_slow"], "does not say how a batch is made"),
        (["nk_92", "--batches", "0"], "needed 1 or more"),
        (["nk_92", "--dose", "2e8 day"], "needed"),
        (["nk_92", "--dose", "0 cell"], "needed more than 0"),
        (["nowhere.yaml"], "found no file nowhere.yaml"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = execute(capsys, *words)
    assert (code, out) == (1, "")
    assert err.startswith("perforin: ") and message in err
