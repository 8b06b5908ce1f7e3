"""perforin network, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from perforin.command import app


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = app.execute(["network", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_without_a_name_it_lists_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--json")
    assert code == 0
    assert {one["network"] for one in json.loads(out)["networks"]} >= {"autologous_two_plants", "donor_bank_two_hubs"}
    assert "myeloma_slot_queue" in run(capsys)[1]


def test_it_prints_the_funnel_waits_and_use(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "autologous_two_plants", "--replications", 3)
    assert code == 0
    assert "the first time on a machine" in err
    for text in ("720 referrals in 1096 days, 3 replications", "Manufacturing failed", "Utilisation: plants east",
                 "in the queue for apheresis", "Quartiles", "Declared causal share of delay: 0.5"):  # fmt: skip
        assert text in out, text


def test_json_is_one_object_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "donor_bank_two_hubs", "--n", 100, "--replications", 2, "--seed", 4, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["referrals"], found["seed"], found["engine"]) == (100, 4, "calendar")
    assert found["days"] == pytest.approx(100 / 20 * 30.4375)
    assert {"estimates", "funnel", "queue", "stock", "incidence", "units", "parameters", "causal_share"} <= found.keys()
    assert found["units"]["made"] > found["units"]["used"] > 0
    assert found["parameters"]["attrition.hazard"]["source"] == "ManufacturingFailure2021"
    assert all(one["low"] is None or one["low"] <= one["high"] for one in found["estimates"])


def test_it_writes_a_page_that_needs_no_network_and_every_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "donor_bank_two_hubs", "--n", 100, "--replications", 2, "--out", tmp_path / "new")
    assert code == 0 and "Written: " in out
    page = (tmp_path / "new" / "network.html").read_text()
    for text in ("Supply network: Donor bank, two hubs", "Stock", "From referral to infusion", "Triantafyllou"):
        assert text in page
    assert "src=" not in page.partition("<script>")[0]
    assert len(pd.read_csv(tmp_path / "new" / "orders.csv")) == 200
    assert {"donor_class", "made", "expired"} <= set(pd.read_csv(tmp_path / "new" / "lots.csv"))


@pytest.mark.parametrize(
    "words,message",
    [
        (["autologus_two_plants"], "did you mean 'autologous_two_plants'?"),
        (["myeloma_slot_queue", "--n", 0], "found 0 patients and 20 replications"),
        (["myeloma_slot_queue", "--replications", 0], "needed 1 or more of each"),
        (["nowhere.yaml"], "found no network 'nowhere.yaml'"),
    ],
)
def test_what_cannot_be_is_said(capsys: pytest.CaptureFixture[str], words: list[object], message: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert message in err


def test_a_file_of_ones_own_is_refused_at_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("label: mine\nstarting_material: pacient\n")
    code, _, err = run(capsys, path)
    assert code == 1
    assert "mine.yaml:2: starting_material: found 'pacient'" in err
