"""What a run rests on beside its scenario: every number is listed, and a change of any file is noticed."""

from __future__ import annotations

import shutil

import pytest

from perforin import study
from perforin.errors import UserError
from perforin.library import default_library
from perforin.making.cold_chain import read_lane
from perforin.making.ledger import mark
from perforin.making.network.description import read_network
from perforin.making.process import read_process
from perforin.making.release import specifications_of
from perforin.prepared import make_ready
from perforin.scenario import read_scenario
from perforin.supplying import mark_of, numbers_of
from perforin.yaml_reader import read_yaml

SCENARIO = """extends: cd19_lbcl_supply
patients: {n: 6}
horizon: 60 day
visits: [30]
arms:
  car_t: {process: mine, network: mine}
"""
HISTORY = "days,cells_started,cells_harvested,car_fraction,viability\n8,1e8,6e9,0.3,0.9\n9,1e8,4e9,0.25,0.88\n"


@pytest.fixture(scope="module")
def ready():
    return make_ready(read_scenario("cd19_lbcl_supply").with_changes({"patients.n": 6}))


@pytest.fixture
def folder(tmp_path):
    """A scenario whose own-cell arm is made, tested, shipped and waited for by files of the user's."""
    library = default_library()
    for kind in ("processes", "networks", "products"):
        (tmp_path / "library" / kind).mkdir(parents=True)
    process = library.path("processes", "autologous_viral").read_text(encoding="utf-8")
    process = process.replace("lane: national_air", f"lane: {tmp_path}/lane.yaml")
    process = process.replace("specifications: t_own", f"specifications: {tmp_path}/tests.yaml")
    (tmp_path / "library/processes/mine.yaml").write_text(process, encoding="utf-8")
    shutil.copy(library.path("networks", "autologous_two_plants"), tmp_path / "library/networks/mine.yaml")
    shutil.copy(library.path("specifications", "t_own"), tmp_path / "tests.yaml")
    shutil.copy(library.path("processes", "autologous_viral").parents[1] / "lanes/national_air.yaml",
                tmp_path / "lane.yaml")  # fmt: skip
    (tmp_path / "mine.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def supply_mark(folder):
    process = folder / "library/processes/mine.yaml"
    return mark(read_process("mine", read_yaml(process).data, str(process)),
                read_network(folder / "library/networks/mine.yaml"))  # fmt: skip


CHANGES = {
    "a number of the process": ("library/processes/mine.yaml", "value: 0.0387", "value: 0.0388"),
    "a word of the process": ("library/processes/mine.yaml", "after: [leukapheresis]", "after: []"),
    "a limit of the specifications": ("tests.yaml", "value: 0.8,", "value: 0.79,"),
    "what a failed test leads to": ("tests.yaml", "own_cells: retest", "own_cells: reject"),
    "a number of the lane": ("lane.yaml", "value: 0.01,", "value: 0.02,"),
    "the container of the lane": ("lane.yaml", "container: bag", "container: vial"),
    "a number of the network": ("library/networks/mine.yaml", "value: 1096", "value: 1097"),
    "whom the network serves first": ("library/networks/mine.yaml", "discipline: fifo", "discipline: lottery"),
}


@pytest.mark.parametrize("file, old, new", CHANGES.values(), ids=CHANGES)
def test_the_mark_of_a_supply_changes_with_what_its_files_say(folder, file, old, new):
    before = supply_mark(folder)
    change(folder / file, old, new)
    assert supply_mark(folder) != before


def test_the_mark_of_a_supply_does_not_depend_on_where_its_files_lie(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(folder, elsewhere)
    assert supply_mark(elsewhere) == supply_mark(folder)


def test_a_changed_table_of_batches_changes_the_mark(folder):
    (folder / "library/processes/batches.csv").write_text(HISTORY, encoding="utf-8")
    change(folder / "library/processes/mine.yaml", "batch:\n", "batch:\n  history: batches.csv\n")
    before = supply_mark(folder)
    change(folder / "library/processes/batches.csv", "0.88", "0.87")
    assert supply_mark(folder) != before


@pytest.mark.slow
def test_a_run_is_not_resumed_with_a_file_that_says_something_else(folder):
    study.run(read_scenario(folder / "mine.yaml"), folder=folder / "run")
    for file, old, new in list(CHANGES.values())[::2]:
        change(folder / file, old, new)
        study._ready.cache_clear()
        with pytest.raises(UserError, match=r"found a run with the numbers .*'car_t': .*; run the scenario again"):
            study.resume(folder / "run")
        change(folder / file, new, old)
    study._ready.cache_clear()
    study.resume(folder / "run")


def test_a_changed_number_of_a_disease_changes_the_mark_of_every_arm(ready):
    scenario = ready.scenario.with_changes({"disease.parameters": {"waiting.attrition": "0.01 1/day"}})
    other = make_ready(scenario)
    for one, changed in zip(ready.arms, other.arms, strict=True):
        assert mark_of(ready, one) == mark_of(ready, one) != mark_of(other, changed)


def test_every_number_that_the_supply_of_a_run_uses_is_in_its_table_of_parameters(ready, tmp_path):
    done = study.run(ready.scenario, folder=tmp_path / "run")
    library = ready.scenario.library
    for arm, (name, network) in {"car_nk": ("nk_cord_blood", "donor_bank_two_hubs"),
                                 "car_t": ("autologous_viral", "autologous_two_plants")}.items():  # fmt: skip
        table = done.parameters[arm].set_index("name")
        assert table.index.is_unique
        process = read_process(name, *library.process(name))
        tests = specifications_of(process)
        expected = [(row.parameter, row.value) for row in (*process.rows, *tests.rows)]
        lane = read_lane(process.lane).figures
        expected += [(f"lane.{key.replace(' ', '_')}", one.value) for key, one in lane.items()]
        expected += [(f"network.{key}", one.value) for key, one in read_network(network).figures.items()
                     if key != "days" and not key.startswith("attrition.")]  # fmt: skip
        expected += [(row, None) for row in ("glass.transition", "waiting.attrition", "culture_death.rate")]
        assert len(expected) > 100
        for key, value in expected:
            row = table.loc[key]
            assert value is None or row["value"] == value, key
            assert row["status"] in ("read", "memory", "derived", "assumed"), key
            assert row["source"] if row["kind"] != "assumed" else row["note"], key


def test_what_the_equations_use_comes_first_and_once(ready):
    for arm in ready.arms:
        found = numbers_of(ready, arm)
        own = arm.model.parameters.names
        assert found.names[: len(own)] == own and len(set(found.names)) == len(found.names)
