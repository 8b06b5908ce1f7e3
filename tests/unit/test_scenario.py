from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perforin.distributions import Covariate, quantity
from perforin.errors import UserError
from perforin.patients.cohort import enrol
from perforin.scenario import Scenario, json_schema, read_scenario, scenario_names
from perforin.schedule import DrugRow, amount
from perforin.streams import Streams
from toy_library import write_library

TEXT = """
title: Quick against slow
question: Which of the two clears more?
disease: {use: lymphoma, parameters: {tumour_growth.rate: 0.03 1/day}}
patients:
  n: 200
  covariates:
    age: {distribution: truncnorm, mean: 60 year, sd: 12 year, low: 18 year, high: 85 year}
    receptor:
      distribution: categorical
      levels: {VV: 0.15, VF: 0.45, FF: 0.40}
      sets: {recognition.half: {VV: 1000 molecule/cell, VF: 2000 molecule/cell, FF: 4000 molecule/cell}}
    growth: {distribution: lognormal, median: 1, cv: 0.5, multiplies: tumour_growth.rate}
  correlations: [[age, weight, -0.3]]
seed: 7
horizon: 12 month
visits: [30, 90, 180]
arms:
  quick:
    product: quick19
    lymphodepletion: &clearing clearing
    rescue: [{drug: poison, when: "CRS >= 3"}]
    parameters: {lysis.kills: {times: 2, note: why not}}
  slow:
    label: The slow one
    product: slow19
    lymphodepletion: *clearing
    drugs: [{drug: poison, dose: 10 mg, every: 28 day, start: 28, until: 84}]
  both:
    products: {first: quick19, second: slow19}
    schedule:
      - {product: first, days: [0, 7], dose: 1e7 cell/kg}
      - {product: second, day: 14, dose: 1e8 cell}
  none: {}
reference: slow
"""


def read(folder: Path, text: str = TEXT) -> Scenario:
    library = write_library(folder / "nouns")
    (folder / "mine.yaml").write_text(text.replace("10 mg,", "10 mg/m^2,"))
    return read_scenario(folder / "mine.yaml", library)


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return read(tmp_path)


def test_a_scenario_says_what_a_study_needs(scenario: Scenario) -> None:
    assert (scenario.name, scenario.compared_with, scenario.judged_by) == ("mine", "slow", "lugano")
    assert scenario.horizon == pytest.approx(365.25)
    assert scenario.question.question_of_interest == "Which of the two clears more?"
    assert list(scenario.population.covariates) == ["weight", "burden", "age", "receptor", "growth"]
    assert scenario.published("slow") == ("zuma_1",) and scenario.published("none") == ()


def test_doses_come_from_the_arm_or_else_from_the_product(scenario: Scenario) -> None:
    quick = scenario.given("quick")
    assert [(one.dose, one.days) for one in quick] == [("product", (0,)), ("poison", (-5, -4, -3))]
    assert quick[0].amount.value == 8e8 and quick[1].unit == "mg/m^2"
    assert [(one.dose, one.days) for one in scenario.given("both")] == [("first", (0, 7)), ("second", (14,))]
    assert scenario.given("slow")[-1].days == (28, 56, 84)
    assert scenario.given("none") == () and scenario.products("none") == {}


def test_a_dose_per_kilogram_follows_the_weight_up_to_its_cap(scenario: Scenario) -> None:
    given = scenario.given("slow")[0]
    weights = {"weight": np.array([50.0, 100.0, 150.0])}
    assert given.amount.each("cell", weights, 3).tolist() == [1e8, 2e8, 2e8]
    with pytest.raises(UserError, match="no covariate 'weight'"):
        given.amount.each("cell", {}, 3)


def test_a_dose_per_square_metre_follows_the_body_surface() -> None:
    per_area = amount("30 mg/m^2")
    assert per_area.each("mg", {"body_surface": np.array([2.0])}, 1).tolist() == [60.0]
    assert per_area.each("mg", {"weight": np.array([70.0])}, 1)[0] == pytest.approx(30 * 287 / 160)
    assert per_area.each("mg/m^2", {}, 2).tolist() == [30.0, 30.0]
    assert amount("1 g").each("mg", {}, 1).tolist() == [1000.0]


def test_rescue_takes_the_drugs_usual_dose(scenario: Scenario) -> None:
    (rescue,) = scenario.rescue("quick")
    assert (rescue.dose, rescue.toxicity, rescue.grade, rescue.amount.value) == ("poison", "CRS", 3, 25.0)


def test_every_arm_and_the_untreated_patient_compose(scenario: Scenario) -> None:
    models = scenario.models()
    assert set(models) == {"quick", "slow", "both", "none"}
    growth = "tumour_growth.rate[high]"
    assert all(m.parameters.values[m.parameters.names.index(growth)] == 0.03 for m in models.values())
    table = models["quick"].parameters.table().set_index("name")
    assert table.loc["lysis.kills[product]", "value"] == 20
    assert "poison" in models["quick"].network.state_names
    untreated = scenario.model(None)
    assert untreated.network.state_names == ("tumour[high]", "tumour[negative]")


def test_covariates_set_and_multiply_parameters(scenario: Scenario) -> None:
    patients = np.arange(400)
    population = scenario.population
    columns = enrol(population.covariates, population.correlations, patients, Streams(1)).columns
    set_by, multiplied_by = scenario.parameter_columns(scenario.model("both"), columns)
    assert set(set_by) == {"burden", "recognition.half[first]", "recognition.half[second]"}
    by_level = {0.0: 1000.0, 1.0: 2000.0, 2.0: 4000.0}
    assert set_by["recognition.half[first]"].tolist() == [by_level[x] for x in columns["receptor"]]
    assert np.array_equal(set_by["burden"], columns["burden"])
    assert set(multiplied_by) == {"tumour_growth.rate[high]", "tumour_growth.rate[negative]"}
    assert np.corrcoef(columns["age"], columns["weight"])[0, 1] < -0.15


def test_a_change_by_path_gives_another_scenario_and_leaves_the_first(scenario: Scenario) -> None:
    other = scenario.with_changes({
        "patients.n": 10, "arms.both.schedule.0.dose": "5e8 cell", "arms.slow.parameters.lysis.kills": "3 1/day",
        "visits": "[30, 60]", "disease.parameters.burden": "1e9 cell",
    })  # fmt: skip
    assert (scenario.patients.n, other.patients.n, other.visits) == (200, 10, (30, 60))
    assert other.given("both")[0].amount.value == 5e8
    table = other.model("slow").parameters.table().set_index("name")
    assert table.loc["lysis.kills[product]", ["value", "place"]].tolist() == [
        3.0, "--set arms.slow.parameters.lysis.kills=3 1/day:1"
    ]  # fmt: skip
    assert other.fingerprint != scenario.fingerprint


def test_the_text_reads_back_as_the_same_scenario(scenario: Scenario, tmp_path: Path) -> None:
    changed = scenario.with_changes({"patients.n": 17})
    (tmp_path / "copy.yaml").write_text(changed.text)
    again = read_scenario(tmp_path / "copy.yaml", changed.library)
    assert (again.fingerprint, again.name, again.patients.n) == (changed.fingerprint, "mine", 17)


def test_a_scenario_may_extend_another(scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        "extends: mine.yaml\npatients: {n: 3}\narms: {both: null, quick: {label: New}}\n"
    )
    more = read_scenario(tmp_path / "more.yaml", scenario.library)
    assert (more.name, more.patients.n, list(more.arms)) == ("more", 3, ["quick", "slow", "none"])
    assert more.arms["quick"].label == "New" and more.arms["quick"].product == "quick19"
    assert str(more.at("arms", "quick", "product")).endswith("mine.yaml:20")
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(UserError, match=r"b.yaml:1: found scenarios that extend each other"):
        read_scenario(tmp_path / "b.yaml", scenario.library)


def test_nouns_beside_the_scenario_are_found_and_named_in_its_text(tmp_path: Path) -> None:
    regimen = "label: Mine\ndrugs: [{drug: poison, dose: 1 mg/m^2, day: -1}]"
    (tmp_path / "library" / "regimens").mkdir(parents=True)
    (tmp_path / "library" / "regimens" / "mine.yaml").write_text(regimen)
    (tmp_path / "library" / "diseases").mkdir()
    (tmp_path / "library" / "diseases" / "void.yaml").write_text(
        "label: Void\ncriteria: recist\nstates: {tumour: {unit: cell}}"
    )
    (tmp_path / "mine.yaml").write_text("{title: T, question: Q, disease: void, arms: {none: {}}}")
    scenario = read_scenario(tmp_path / "mine.yaml")
    assert "mine" in scenario.library.names("regimens") and scenario.judged_by == "recist"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scenario.yaml").write_text(scenario.text)
    again = read_scenario(tmp_path / "run" / "scenario.yaml")
    assert "mine" in again.library.names("regimens") and again.name == "mine"


@pytest.mark.parametrize(
    "given, share, value",
    [
        ({"distribution": "lognormal", "median": "75 kg", "cv": 0.2}, 0.5, 75),
        ({"distribution": "lognormal", "median": 10, "cv": 1, "high": 20}, 1 - 1e-12, 20),
        ({"distribution": "normal", "mean": 10, "sd": 2}, 0.8413447460685429, 12),
        ({"distribution": "truncnorm", "mean": 0, "sd": 1, "low": -1, "high": 1}, 0.5, 0),
        ({"distribution": "uniform", "low": "1 year", "high": "3 year"}, 0.25, 1.5),
        ({"distribution": "beta", "mean": 0.5, "sd": 0.28867513459481287}, 0.3, 0.3),
        ({"distribution": "constant", "value": "4 g"}, 0.9, 4),
        ({"distribution": "categorical", "levels": {0: 0.4, 1: 0.6}}, 0.39, 0),
        ({"distribution": "categorical", "levels": {0: 0.4, 1: 0.6}}, 0.41, 1),
        ({"distribution": "categorical", "levels": {"low": 0.4, "high": 0.6}}, 0.41, 1),
    ],
)
def test_distributions_have_the_quantiles_of_their_names(given: dict[str, object], share: float, value: float) -> None:
    assert Covariate.model_validate(given).quantile(np.array([share]))[0] == pytest.approx(value, abs=1e-6)


def test_quantities_keep_the_unit_they_are_written_in() -> None:
    assert quantity("30 mg/m^2") == (30, "mg/m**2")
    assert quantity("5 1/day") == (5, "1/day")
    assert quantity("0.4") == (0.4, "")


def test_a_course_of_doses_ends_on_its_last_day() -> None:
    assert DrugRow(drug="x", dose="1 mg", every="0.1 day", until=0.3).times == pytest.approx((0, 0.1, 0.2, 0.3))


def test_what_was_not_studied_is_flagged(scenario: Scenario) -> None:
    assert scenario.extrapolations("quick") == ()
    high = scenario.with_changes({"arms.quick.schedule": "[{day: 0, dose: 2e7 cell/kg}]"})
    (dose,) = high.extrapolations("quick")
    assert "1.5e+09 cells lies above what has been studied, 1e9 cell" in str(dose)
    flagged = [one.name for one in high.model("quick").extrapolations]
    assert flagged == ["quick19", "lysis.kills", "tumour_growth.rate"], (
        "dose, twice 10 kills a day, growth of one class"
    )


def test_editors_get_a_schema_that_knows_every_key() -> None:
    schema = json_schema()
    assert {"title", "arms", "patients", "extends"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert "construct" not in str(schema["$defs"]["Arm"])


def test_the_schema_beside_the_scenarios_is_this_one() -> None:
    kept = Path(__file__).parents[2] / "scenarios" / "scenario.schema.json"
    assert json.loads(kept.read_text()) == json_schema(), "write it again: perforin.scenario.json_schema()"


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_of_perforin_reads_and_composes(name: str) -> None:
    scenario = read_scenario(name)
    models = scenario.models()
    assert set(models) == set(scenario.arms) and scenario.compared_with in models
    for arm, model in models.items():
        doses = {entry.dose for entry in model.network.entries}
        assert {one.dose for one in (*scenario.given(arm), *scenario.rescue(arm))} <= doses
        assert model.constants["waiting.attrition"].value > 0
    assert {seen for seen, _, _ in scenario.model(None).network.observables} >= {"tumour_burden", "il6"}


def test_the_shipped_questions_cover_the_diseases() -> None:
    asked = {read_scenario(name).disease.use for name in scenario_names()}
    assert asked == {"lbcl", "b_all", "myeloma", "aml", "her2_solid", "egfr_solid", "cldn18_solid"}
    solid = read_scenario("her2_solid")
    assert solid.model("car_nk").extrapolations, "a solid tumour is an extrapolation"


def test_arms_of_one_question_differ_in_rows_and_not_in_patients() -> None:
    scenario = read_scenario("cd19_lbcl_head_to_head")
    nk, t = scenario.model("car_nk").parameters, scenario.model("car_t").parameters
    shared = {name: i for i, name in enumerate(nk.names)}
    patient = [name for name in t.names if "product" not in name and name in shared]
    assert len(patient) > 50
    assert all(nk.rows[shared[name]] == t.rows[t.names.index(name)] for name in patient)
