# ruff: noqa: E501  a message stands on one line
"""What a user gets wrong is refused with what was found, what was needed, the nearest spelling and the line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.scenario import read_scenario
from toy_library import write_library

GOOD = """\
title: Quick against slow
question: Which clears more?
disease: lymphoma
patients:
  n: 20
  covariates:
    age: {distribution: normal, mean: 60 year, sd: 12 year}
  correlations: [[age, weight, 0.3]]
horizon: 365
visits: [30, 90]
arms:
  quick:
    product: quick19
    schedule: [{day: 0, dose: 8e8 cell}]
    lymphodepletion: [{drug: poison, dose: 30 mg/m^2, days: [-5, -4]}]
    rescue: [{drug: poison, dose: 1 mg/m^2, when: CRS >= 2}]
  slow: {product: slow19, lymphodepletion: clearing, published: [zuma_1]}
reference: slow
endpoints: [ORR_d30, PFS_12m]
criteria: lugano
"""

AGE = "{distribution: normal, mean: 60 year, sd: 12 year}"
DOSE = "{day: 0, dose: 8e8 cell}"
DRUG = "{drug: poison, dose: 30 mg/m^2, days: [-5, -4]}"
RESCUE = "{drug: poison, dose: 1 mg/m^2, when: CRS >= 2}"


def refused(folder: Path, old: str, new: str) -> str:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as problem:
        read_scenario(folder / "mine.yaml", write_library(folder / "nouns")).models()
    return str(problem.value).replace(f"{folder}/", "")


def test_the_good_one_is_good(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert len(read_scenario(tmp_path / "mine.yaml", write_library(tmp_path / "nouns")).models()) == 2


@pytest.mark.parametrize(
    "old, new, message",
    [
        # unknown keys
        ("lymphodepletion: [", "lymphodepletoin: [", "mine.yaml:15: arms.quick: found the unknown key 'lymphodepletoin'; ...did you mean 'lymphodepletion'?"),
        ("horizon:", "horizonn:", "mine.yaml:9: found the unknown key 'horizonn'; ...did you mean 'horizon'?"),
        (DOSE, "{day: 0, dose: 8e8 cell, capp: 1 cell}", "mine.yaml:14: arms.quick.schedule.0: found the unknown key 'capp'; ...did you mean 'cap'?"),
        (AGE, "{distribution: normal, mean: 60 year, sdd: 12 year}", "mine.yaml:7: patients.covariates.age: found the unknown key 'sdd'; ...did you mean 'sd'?"),
        # what is missing
        ("title: Quick against slow\n", "", "mine.yaml:1: found no 'title'; needed one"),
        ("disease: lymphoma\n", "", "mine.yaml:1: found no 'disease'; needed one"),
        ("dose: 8e8 cell", "note: nothing", "mine.yaml:14: arms.quick.schedule.0: found no 'dose'; needed one"),
        # units
        ("8e8 cell", "8e8", "mine.yaml:14: arms.quick.schedule.0.dose: found 8e+08 with no unit; needed [cell] or [cell / kg], for example '8e+08 cell'"),
        ("8e8 cell", "8e8 mg", "mine.yaml:14: arms.quick.schedule.0.dose: found 8e+08 with [mg]; needed [cell]"),
        ("8e8 cell", "8e8 cells per kilo", "mine.yaml:14: arms.quick.schedule.0.dose: found '8e8 cells per kilo', which is not a quantity"),
        ("8e8 cell", "lots", "mine.yaml:14: arms.quick.schedule.0.dose: found 'lots', which is not a quantity"),
        (DOSE, "{day: 0, dose: 8e8 cell, cap: 3}", "mine.yaml:14: arms.quick.schedule.0.cap: ...needed [cell]"),
        ("30 mg/m^2", "30", "mine.yaml:15: arms.quick.lymphodepletion.0.dose: found 30 with no unit; needed [mg / m ** 2]"),
        ("30 mg/m^2", "30 cell", "mine.yaml:15: arms.quick.lymphodepletion.0.dose: found 30 with [cell]; needed [mg / m ** 2]"),
        ("1 mg/m^2, when", "1 day, when", "mine.yaml:16: arms.quick.rescue.0.dose: found 1 with [d]; needed [mg / m ** 2]"),
        ("horizon: 365", "horizon: 365 mg", "mine.yaml:9: horizon: found '365 mg' with the unit [mg]; needed [d]"),
        ("mean: 60 year", "mean: 60 kg", "mine.yaml:7: patients.covariates.age: found '60 kg' with the unit [kg]; needed [a]"),
        ("mean: 60 year", "mean: 60", "mine.yaml:7: patients.covariates.age: found '60' with no unit; needed [a]"),
        # names
        ("product: quick19", "product: quik19", "mine.yaml:13: found the product 'quik19'; ...did you mean 'quick19'?"),
        ("disease: lymphoma", "disease: lymphomma", "mine.yaml:3: found the disease 'lymphomma'; ...did you mean 'lymphoma'?"),
        ("{drug: poison, dose: 30", "{drug: poisson, dose: 30", "mine.yaml:15: found the drug 'poisson'; ...did you mean 'poison'?"),
        ("lymphodepletion: clearing", "lymphodepletion: cleering", "mine.yaml:17: found the regimen 'cleering'; ...did you mean 'clearing'?"),
        ("{product: slow19", "{product: slow19, process: stoked", "mine.yaml:17: found the process 'stoked'; ...did you mean 'stocked'?"),
        ("[zuma_1]", "[zuma_11]", "mine.yaml:17: found the trial 'zuma_11'; ...did you mean 'zuma_1'?"),
        ("PFS_12m]", "PFS_12]", "mine.yaml:19: endpoints: found the endpoint 'PFS_12'; ...did you mean 'PFS_12m'?"),
        ("reference: slow", "reference: slo", "mine.yaml:18: found the reference 'slo'; ...did you mean 'slow'?"),
        ("criteria: lugano", "criteria: lugan", "mine.yaml:20: criteria: found 'lugan'; needed 'lugano', 'recist', 'marrow' or 'myeloma'"),
        ("[age, weight, 0.3]", "[age, wieght, 0.3]", "mine.yaml:8: patients.correlations: ...'wieght'...did you mean 'weight'?"),
        (AGE, AGE.replace("}", ", sets: burdn}"), "mine.yaml:7: found the covariate 'age' for 'burdn', which is no parameter; did you mean 'burden'?"),
        # doses and days
        ("8e8 cell", "-8e8 cell", "mine.yaml:14: arms.quick.schedule.0.dose: found the dose '-8e8 cell'; needed 0 or more"),
        ("30 mg/m^2", "-30 mg/m^2", "mine.yaml:15: arms.quick.lymphodepletion.0.dose: found the dose '-30 mg/m^2'; needed 0 or more"),
        ("{day: 0, dose", "{dose", "mine.yaml:14: arms.quick.schedule.0: found a dose on no day; needed 'day: 0' or 'days:"),
        ("days: [-5, -4]", "days: []", "mine.yaml:15: arms.quick.lymphodepletion.0: found a dose on no day; needed"),
        ("{day: 0, dose", "{day: 400, dose", "mine.yaml:14: arms.quick: found a dose of product on day 400; needed a day from 0 to 365, the horizon"),
        ("{day: 0, dose", "{day: -1, dose", "mine.yaml:14: arms.quick: found a dose of product on day -1; needed a day from 0"),
        ("[-5, -4]", "[-5, 500]", "found a dose of poison on day 500; needed a day from -90 to 365"),
        ("[-5, -4]", "[-5, -5]", "mine.yaml:15: arms.quick.lymphodepletion.0: found the days [-5.0, -5.0]; needed each day once"),
        ("{day: 0, dose", "{day: 0, days: [1], dose", "mine.yaml:14: arms.quick.schedule.0: found 'day' and 'days'; needed one of them"),
        ("{day: 0, dose", "{day: soon, dose", "mine.yaml:14: arms.quick.schedule.0.day: found 'soon', which is not a quantity"),
        ("days: [-5, -4]", "every: 0 day, until: 9", "mine.yaml:15: arms.quick.lymphodepletion.0: found a dose on no day"),
        ("days: [-5, -4]", "every: 7", "found a dose on no day; needed 'day: 0' or 'days: [0, 7, 14]', or 'every: 21 day' with 'until: 180 day'"),
        (f"schedule: [{DOSE}]", "schedule: [{product: other, day: 0, dose: 1 cell}]", "mine.yaml:12: arms.quick: schedule: found the product 'other'; needed one of ['product']"),
        ("CRS >= 2", "CRS above 2", "mine.yaml:16: arms.quick.rescue.0.when: found 'CRS above 2'; needed a toxicity and a grade, such as 'CRS >= 2'"),
        ("CRS >= 2", "CRS > 5", "mine.yaml:16: arms.quick.rescue.0.when: found 'CRS > 5'; needed"),
        ("CRS >= 2", "FEVER >= 2", "mine.yaml:16: arms.quick.rescue.0.when: found 'FEVER >= 2'; needed"),
        # distributions and correlations
        (AGE, "{distribution: uniform, low: 60 year, high: 18 year}", "mine.yaml:7: patients.covariates.age: found low 60 and high 18; needed low below high"),
        (AGE, "{distribution: truncnorm, mean: 60 year, sd: 2 year, low: 65 year, high: 70 year}", "patients.covariates.age: found 60 outside low 65 and high 70"),
        (AGE, "{distribution: lognormal, median: 60 year, cv: -0.2}", "mine.yaml:7: patients.covariates.age: found cv -0.2; needed 0 or more"),
        (AGE, "{distribution: lognormal, median: 0 year, cv: 0.2}", "found a lognormal of median 0; needed more than 0"),
        (AGE, "{distribution: normal, mean: 60 year, sd: -12 year}", "mine.yaml:7: patients.covariates.age: found sd -12; needed 0 or more"),
        (AGE, "{distribution: beta, mean: 1.2, sd: 0.1}", "found '1.2' with no unit"),
        (AGE, "{distribution: normal, mean: 60 year}", "found a normal without 'sd'; needed mean, sd"),
        (AGE, "{distribution: normal, mean: 60 year, sd: 1 year, cv: 2}", "found 'cv' with a normal; needed mean, sd"),
        (AGE, "{distribution: categorical, levels: {a: 0.4, b: 0.7}}", "mine.yaml:7: patients.covariates.age: found levels whose shares are [0.4, 0.7], sum 1.1; needed 0 or more, sum 1"),
        (AGE, "{distribution: categorical, levels: {a: -0.1, b: 1.1}}", "needed 0 or more, sum 1"),
        (AGE, "{distribution: categorical, levels: {a: 0.5, b: 0.5}, sets: {burden: {a: 1 cell}}}", "found values for ['a']; needed one for each level, ['a', 'b']"),
        (AGE, "{distribution: gamma, mean: 60 year}", "mine.yaml:7: patients.covariates.age.distribution: found 'gamma'; needed 'lognormal', 'normal'"),
        ("[[age, weight, 0.3]]", "[[age, weight, 0.9], [age, burden, 0.9], [weight, burden, -0.9]]", "mine.yaml:8: patients.correlations: found correlations whose matrix has the eigenvalue -0.8; needed a positive definite one"),
        ("0.3]]", "1.3]]", "mine.yaml:8: patients.correlations: found [age, weight, 1.3]; needed two covariates and a number between -1 and 1"),
        ("[age, weight, 0.3]", "[age, age, 0.3]", "needed two covariates"),
        # whole scenario
        (GOOD[GOOD.index("arms:"):GOOD.index("reference")], "arms: {}\n", "mine.yaml:11: arms: found no arm; needed at least one"),
        ("  slow: {", "  quick: {", "mine.yaml:17: found the key 'quick' twice, first in line 12; needed it once"),
        ("n: 20", "n: 0", "mine.yaml:5: patients.n: found 0 patients; needed at least 1"),
        ("n: 20", "n: -3", "mine.yaml:5: patients.n: found -3 patients; needed at least 1"),
        ("n: 20", "n: many", "mine.yaml:5: patients.n: found 'many'; needed a valid integer"),
        ("horizon: 365", "horizon: 20", "mine.yaml:9: found the horizon 20 day; needed one not before the first visit, day 30"),
        ("visits: [30, 90]", "visits: [90, 30]", "mine.yaml:10: visits: found the visits [90.0, 30.0]; needed at least one day, from 0, each later than the last"),
        ("visits: [30, 90]", "visits: []", "mine.yaml:10: visits: found the visits []; needed at least one day"),
        ("product: quick19", "product: quick19\n    products: {a: slow19}", "mine.yaml:12: arms.quick: found 'product' and 'products'; needed one of them"),
        ("product: quick19", "products: {patient: slow19}", "found the product key 'patient'; needed a word"),
        ("product: quick19\n", "label: nothing\n", "mine.yaml:12: arms.quick: found a schedule and no product"),
        ("product: quick19", "product: quick19\n    parameters: {lysis.kils: 3 1/day}", "mine.yaml:14: found 'lysis.kils', which is no parameter of this model; did you mean 'lysis.kills'?"),
        ("product: quick19", "product: quick19\n    parameters: {lysis.kills: 3}", "mine.yaml:14: found lysis.kills 3 with no unit; needed [1 / d], for example '3 1/day'"),
        ("product: quick19", "product: quick19\n    parameters: {lysis.kills: 3 cell}", "mine.yaml:14: lysis.kills: found a value in [...]; needed [1 / d]"),
        ("disease: lymphoma", "disease: {use: lymphoma, parameters: {lisis.kills: 3 1/day}}", "mine.yaml:3: found 'lisis.kills', which is no parameter of this model; did you mean 'lysis.kills'?"),
        (AGE, AGE.replace("}", ", sets: burden}"), "covariate 'age', which sets burden: found a value in [a]; needed [cell]"),
        ("title: Quick", "title: [Quick", "mine.yaml:2: found text that is not YAML"),
        (GOOD, "- a\n- list\n", "mine.yaml:1: found no mapping; needed 'title:', 'question:', 'disease:' and 'arms:'"),
        (GOOD, "", "mine.yaml:1: found no mapping"),
        ("title:", "extends: nowhere\ntitle:", "mine.yaml:1: found no scenario 'nowhere'"),
        ("title:", "libraries: [nowhere]\ntitle:", "mine.yaml:1: found no folder nowhere"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = refused(tmp_path, old, new)
    pattern = ".*".join(re.escape(part) for part in message.split("..."))
    assert re.search(pattern, found), found


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("n: 20", "n: 0").replace("8e8 cell", "8e8").replace("CRS >= 2", "often")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as problem:
        read_scenario(tmp_path / "mine.yaml", write_library(tmp_path / "nouns"))
    places = [line.replace(f"{tmp_path}/", "").split(": ")[0] for line in str(problem.value).splitlines()]
    assert places == ["mine.yaml:5", "mine.yaml:14", "mine.yaml:16"]


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("patients.m", "3", "--set patients.m=3:1: patients: found the unknown key 'm'; needed"),
        ("arms.quick.schedule.4.dose", "1 cell", "with '4'; needed a place in a list of 1, from 0"),
        ("arms.quick.schedule.0.dose", "1", "--set arms.quick.schedule.0.dose=1:1: arms.quick.schedule.0.dose: found 1"),
        ("arms.quik.product", "slow19", "with 'quik'; needed one of ['quick', 'slow']; did you mean 'quick'?"),
        ("title.x.y", "3", "needed a path whose 'title' holds something"),
    ],
)
def test_a_bad_change_by_path_is_refused(tmp_path: Path, path: str, value: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    scenario = read_scenario(tmp_path / "mine.yaml", write_library(tmp_path / "nouns"))
    with pytest.raises(UserError) as problem:
        scenario.with_changes({path: value})
    assert message in str(problem.value)


def test_a_scenario_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"found no file runs/nothing\.yaml"):
        read_scenario("runs/nothing.yaml")
    with pytest.raises(UserError, match=r"found no scenario 'cd19_lbcl_hed_to_head'; .*did you mean 'cd19_lbcl_head_to_head'"):
        read_scenario("cd19_lbcl_hed_to_head")
