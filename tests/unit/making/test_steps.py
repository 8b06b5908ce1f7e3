"""Steps: order, longest path, and what is refused with the line of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batch_recipes import library_process
from perforin.errors import UserError
from perforin.library import default_library
from perforin.making.process import Process, read_process
from perforin.making.steps import critical_path, downstream, finishes, upstream
from perforin.streams import Streams
from perforin.yaml_reader import read_yaml

IDS = np.arange(20_000, dtype=np.int64)
STEPS = """label: Two ways round
starting_material: patient
steps:
  - name: collect
    duration: {value: 1, unit: day, kind: assumed, status: assumed, note: made up}
  - name: long way
    after: [collect]
    duration: {value: 24, unit: hour, cv: 0.5, kind: assumed, status: assumed, note: made up}
    cost: {value: 100, unit: USD, kind: assumed, status: assumed, note: made up}
  - name: short way
    after: [collect]
    duration: {value: 0.9, unit: day, cv: 0.5, kind: assumed, status: assumed, note: made up}
    yield: {value: 0.8, unit: "", kind: assumed, status: assumed, note: made up}
    failure: {value: 0.1, unit: "", kind: assumed, status: assumed, note: made up}
  - name: give
    after: [long way, short way]
    duration: {value: 2, unit: day, kind: assumed, status: assumed, note: made up}
failure: {probability: {value: 0, unit: "", kind: assumed, status: assumed, note: made up}}
thaw: {viability: {value: 0.9, unit: "", kind: assumed, status: assumed, note: made up}}
"""


def read(folder: Path, text: str) -> Process:
    path = folder / "round.yaml"
    path.write_text(text)
    return read_process("round", read_yaml(path).data, str(path))


def test_the_wait_is_the_longest_path_of_each_patient(tmp_path: Path) -> None:
    process = read(tmp_path, STEPS)
    assert process.waiting is None and process.typical_wait == 4
    assert critical_path(process.steps) == ("collect", "long way", "give")
    streams = Streams(3)
    spread = np.sqrt(np.log1p(0.25))
    ways = [median * np.exp(spread * streams.normal(f"duration of {name}", IDS))
            for name, median in (("long way", 1.0), ("short way", 0.9))]  # fmt: skip
    assert process.wait(IDS, streams) == pytest.approx(3 + np.maximum(*ways))
    assert process.wait(IDS[5:9], streams) == pytest.approx(process.wait(IDS, streams)[5:9])
    assert np.median(process.wait(IDS, streams)) > 4  # whichever way is longer counts


def test_a_bank_makes_patients_wait_only_for_what_comes_after_the_store(tmp_path: Path) -> None:
    stored = STEPS.replace("  - name: long way\n", "  - name: long way\n    stored: true\n")
    own = read(tmp_path, stored)
    bank = read(tmp_path, stored.replace("starting_material: patient", "starting_material: donor_bank"))
    assert own.typical_wait == 4 and bank.typical_wait == 2
    assert [step.name for step in own.order_steps] == [step.name for step in own.steps]
    assert [step.name for step in bank.order_steps] == ["give"]
    assert bank.batch_steps == own.batch_steps
    assert [step.name for step in bank.batch_steps] == ["collect", "long way"]


def test_steps_come_in_an_order_in_which_they_can_be_done(tmp_path: Path) -> None:
    first, rest = STEPS.split("  - name: long way")
    later = rest.split("failure: {prob")[0]
    shuffled = first.replace("  - name: collect", "  - name: long way" + later.rstrip() + "\n  - name: collect")
    shuffled += "failure: {prob" + rest.split("failure: {prob")[1]
    process = read(tmp_path, shuffled)
    assert [step.name for step in process.steps].index("collect") == 0
    assert max(finishes(process.steps, {step.name: step.duration.value for step in process.steps}).values()) == 4
    assert {step.name for step in upstream(process.steps, "long way")} == {"collect", "long way"}
    assert {step.name for step in downstream(process.steps, "collect")} == {"long way", "short way", "give"}


def test_every_number_of_the_steps_is_in_the_table(tmp_path: Path) -> None:
    names = {row.parameter for row in read(tmp_path, STEPS).rows}
    assert {"round.steps.collect.duration", "round.steps.long_way.cost", "round.steps.short_way.yield",
            "round.steps.short_way.failure"} <= names  # fmt: skip


@pytest.mark.parametrize(
    "change, line, message",
    [
        (lambda t: t.replace("  - name: collect\n", "  - name: collect\n    after: [give]\n"), 5,
         "found steps that wait for each other: "),
        (lambda t: t.replace("after: [long way, short way]", "after: [longway]"), 16,
         "'longway', which is no step; needed one of ['collect', 'long way', 'short way', 'give']; did you mean"),
        (lambda t: t.replace("yield: {value: 0.8", "yield: {value: 1.2"), 13, "found 1.2; needed a number from 0 to 1"),
        (lambda t: t.replace("yield: {value: 0.8", "yield: {value: 0"), 13, "found 0; needed more"),
        (lambda t: t.replace("failure: {value: 0.1", "failure: {value: 1.1"), 14, "needed a number from 0 to 1"),
        (lambda t: t.replace("value: 100", "value: -100"), 9, "steps.1.cost: found -100; needed 0 or more"),
        (lambda t: t.replace("{value: 2, unit: day", "{value: -2, unit: day"), 17, "found -2; needed 0 or more"),
        (lambda t: t.replace("unit: hour", "unit: cell"), 8, "found a value in [cell]"),
        (lambda t: t.replace("    yield:", "    yeild:"), 13, "found the key 'yeild'"),
        (lambda t: t.replace("name: short way", "name: long way"), 10, "found the step 'long way' twice"),
        (lambda t: t.replace("after: [collect]", "after: collect"), 7, "needed a list of steps"),
        (lambda t: t.replace("  - name: give", "  - nome: give"), 15, "needed a mapping with name and duration"),
        (lambda t: t.replace("starting_material: patient", "starting_material: pateint"), 2, "did you mean 'patient'"),
        (lambda t: t.replace("thaw:", "thaww:"), 19, "did you mean 'thaw'"),
        (lambda t: t.replace("note: made up}\n  - name: long", "note: ''}\n  - name: long"), 5, "without a note"),
    ],
)  # fmt: skip
def test_a_bad_process_is_refused_with_its_line(
    tmp_path: Path, change: Callable[[str], str], line: int, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, change(STEPS))
    assert message in str(caught.value)
    assert f"round.yaml:{line}:" in str(caught.value)


def test_the_cycle_is_spelt_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="collect -> .*long way|long way -> .*collect") as caught:
        read(tmp_path, STEPS.replace("  - name: collect\n", "  - name: collect\n    after: [long way]\n"))
    assert str(caught.value).count("->") == 2


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("step: culture", "step: cultur", "did you mean 'culture'"),
        ("culture_room.capacity:", "culture_room.capacty:", "did you mean 'culture_room.capacity'"),
        ("days: [0, 7, 14]", "days: [0, -7]", "needed a list of days from 0"),
        ("days: [0, 7, 14]", "days: [0, 21]", "needed a list of days from 0 to below 21"),
        ("keys: {cell: NK}", "keys: {cel: NK}", "did you mean 'cell'"),
        ("1e12, unit: cell, low", "1e12, unit: day, low", "found a value in [d]; needed [cell]"),
        ("culture_room.capacity:", "transduction.receptive:", "which follows from engineering"),
        ("efficiency: {value: 0.37", "efficiency: {value: 1.37", "needed a number from 0 to 1"),
        ("dose: {value: 9e8, unit: cell", "dose: {value: 9e8, unit: day", "found a value in"),
        ("left: {value: 0.001", "left: {value: 10", "needed a number from 0 to 1"),
        ("what: fold", "what: fould", "did you mean 'fold'"),
        ("  limits:", "  limit:", "did you mean 'limits'"),
        ("day: {value: 5,", "day: {value: 50,", "needed a number from 0 to 21"),
        ('{value: 4, unit: "", low: 1', '{value: 0.5, unit: "", low: 0', "needed 1 or more"),
    ],
)
def test_a_bad_recipe_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = Path(default_library().process("nk_peripheral_feeder")[1]).read_text(encoding="utf-8")
    assert old in text
    line = 1 + text[: text.index(old)].count("\n")
    with pytest.raises(UserError) as caught:
        read(tmp_path, text.replace(old, new))
    assert message in str(caught.value)
    found = int(str(caught.value).split("round.yaml:")[1].split(":")[0])
    assert abs(found - line) <= 3


def test_a_culture_whose_length_differs_is_refused(tmp_path: Path) -> None:
    text = Path(default_library().process("nk_peripheral_feeder")[1]).read_text(encoding="utf-8")
    with pytest.raises(UserError, match="a protocol fixes the day of harvest"):
        read(tmp_path, text.replace("high: 28,", "high: 28, cv: 0.2,"))


def test_a_published_wait_is_drawn_as_ever() -> None:
    process, streams = library_process("autologous_slow"), Streams(4)
    assert np.array_equal(process.wait(IDS, streams), 54 * np.exp(0.25 * streams.normal("waiting", IDS)))


def test_published_waits_are_kept_by_the_processes_of_the_products() -> None:
    waits = {name: library_process(name).typical_wait for name in default_library().names("processes")}
    assert waits["autologous_central"] == 24 and waits["autologous_slow"] == 54 and waits["autologous_myeloma"] == 49
    assert waits["off_the_shelf_frozen"] == waits["off_the_shelf_allogeneic"] == 7
    assert waits["autologous_viral"] == pytest.approx(24)
    assert 3 <= waits["nk_ipsc"] <= 14
