"""The patient model of the demonstration, both arms, exported as SBML and run by libRoadRunner.

libRoadRunner (CVODE, rtol 1e-10) and our compiled kernel (rtol 1e-9) agree to 1e-5 on every state where it matters, as
``running.agree`` defines it, without anything given and with all doses of the arm as events. The patient has the
central value of every parameter and weighs 70 kg. The largest difference found was 5e-7, in a drug nearly gone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from external.running import agree, identifiers, roadrunner_course
from perforin.kernels.build import build, no_doses
from perforin.kernels.compile import find_compiler
from perforin.model.write import to_antimony, to_latex, to_mermaid, to_sbml
from perforin.patients.doses import Administration, doses_for
from perforin.scenario import read_scenario

pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
libsbml = pytest.importorskip("libsbml", reason="python-libsbml is not installed")
DEMO = "cd19_lbcl_head_to_head"
pytestmark = [
    pytest.mark.skipif(find_compiler() is None, reason="no C compiler on this machine"),
]
BEGIN = -10.0
RESCUE = 5.0
"""Day on which the drugs against toxicity are given, so that they too are compared."""
DAYS = (-4.0, 0.5, 3.0, 7.0, 14.0, 28.0, 60.0, 120.0, 180.0)
both_arms = pytest.mark.parametrize("number", [0, 1], ids=["first arm", "second arm"])


@lru_cache(maxsize=2)
def composed(number: int):
    scenario = read_scenario(DEMO)
    arm = list(scenario.arms)[number]
    model = scenario.model(arm)
    values = np.asarray(model.parameters.values, dtype=float)[None, :]
    start = model.network.start(values)
    rows = [(row, day) for row in scenario.given(arm) for day in row.days]
    rows += [(row, RESCUE) for row in scenario.rescue(arm)]
    given = [
        Administration(row.dose, np.array([day]), row.amount.each(row.unit, {"weight": np.array([70.0])}, 1))
        for row, day in rows
    ]
    return model.network, values, start, doses_for(model.network, given, values)


def rows(network, doses):
    """Kernel doses of the one patient as the writers take them."""
    names = [network.state_names[i] for i in doses.state]
    return list(zip(doses.when[0], names, doses.keep, doses.add[0], strict=True))


@both_arms
@pytest.mark.parametrize(
    "given",
    [pytest.param(False, marks=pytest.mark.slow, id="nothing given"), pytest.param(True, id="doses as events")],
)
def test_the_patient_model_runs_the_same_in_libroadrunner(number, given):
    network, values, start, doses = composed(number)
    doses = doses if given else no_doses(1)
    kernel = build(network, network.state_names, backend="compiled")
    solution = kernel.run(values, start, doses, np.array(DAYS), begin=BEGIN, rtol=1e-9)
    assert solution.status[0] == 0, solution.reasons
    ours = dict(zip(kernel.outputs, solution.values[0].T, strict=True))
    text = to_sbml(network, values[0], start[0], rows(network, doses), begin=BEGIN)
    times = [0.0, *(day - BEGIN for day in DAYS)]
    theirs = roadrunner_course(text, times, identifiers(network, values[0], start[0]))[1:]
    assert agree(network, ours, theirs, DAYS) > len(DAYS) * len(network.states) / 3


@both_arms
def test_the_exported_patient_model_has_units_that_libsbml_accepts(number):
    network, values, start, doses = composed(number)
    document = libsbml.readSBMLFromString(to_sbml(network, values[0], start[0], rows(network, doses), begin=BEGIN))
    document.checkConsistency()
    found = [document.getError(i) for i in range(document.getNumErrors())]
    assert {problem.getErrorId() for problem in found} <= {99505}, [p.getMessage()[:300] for p in found]


@both_arms
def test_every_writer_takes_the_patient_model(number):
    antimony = pytest.importorskip("antimony", reason="antimony is not installed")
    network, values, start, doses = composed(number)
    antimony.clearPreviousLoads()
    text = to_antimony(network, values[0], start[0], rows(network, doses), begin=BEGIN)
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    assert to_latex(network).count(r"\frac{\mathrm{d}}{\mathrm{d}t}") == len(network.states)
    assert to_mermaid(network).startswith("flowchart LR")
