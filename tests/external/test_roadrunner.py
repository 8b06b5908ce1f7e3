"""Networks exported as SBML and run by libRoadRunner agree with our kernels to 1e-5 on every state (``running.agree``).

libRoadRunner: CVODE at rtol 1e-10, atol 1e-12. Ours: rtol 1e-9. States are compared where they matter, that is above
1e-9 of their own peak and above a thousand times the absolute tolerance that the network gives their unit.
"""

from __future__ import annotations

import pytest

from external.published import blood_models, kinetic_models, leon_triana, product_models
from external.published.published_model import Published
from external.running import agree, backends, identifiers, roadrunner_course, run
from perforin.model.write import to_antimony, to_sbml
from unit.model_write.small_network import DOSES, START, VALUES, small

pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
pytest.importorskip("libsbml", reason="python-libsbml is not installed")


def every_kind() -> Published:
    return Published(small(), VALUES, START, tuple(DOSES))


CASES = {
    "every_kind": (every_kind, (1, 6, 7, 8, 20, 60)),
    "leukaemia": (leon_triana.leukaemia, (7, 14, 28, 60)),
    "single_target": (leon_triana.single_target, (7, 14, 28, 60)),
    "dual_target": (leon_triana.dual_target, (7, 14, 28, 60)),
    "lotka_volterra": (blood_models.lotka_volterra, (5, 10, 20, 40)),
    "competition": (blood_models.competition, (7, 14, 28)),
    "memory_recall": (blood_models.memory_recall, (10, 46, 60, 251, 260)),
    "stein": (kinetic_models.stein, (5, 10, 28, 365)),
    "hardiansyah": (kinetic_models.hardiansyah, (0.5, 1.5, 3, 7, 28)),
    "singh": (product_models.singh, (1, 14, 28, 90)),
    "mueller_schoell": (product_models.mueller_schoell, (7, 14, 28)),
}


@backends
@pytest.mark.parametrize("doses_as_events", [False, True], ids=["without doses", "doses as events"])
@pytest.mark.parametrize("name", CASES)
def test_the_exported_network_runs_the_same_in_libroadrunner(name, doses_as_events, backend):
    maker, days = CASES[name]
    model = maker() if doses_as_events else maker()._replace(doses=())
    text = to_sbml(model.network, model.values, model.start, model.doses)
    theirs = roadrunner_course(text, [0, *days], identifiers(model.network, model.values, model.start))[1:]
    ours = run(model, days, backend=backend, rtol=1e-9)
    assert agree(model.network, ours, theirs, days) > 0


def test_antimony_text_and_sbml_run_the_same_in_libroadrunner():
    antimony = pytest.importorskip("antimony", reason="antimony is not installed")
    model, days = every_kind(), (1, 7, 20, 60)
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(to_antimony(model.network, model.values, model.start, model.doses)) >= 0
    names = identifiers(model.network, model.values, model.start)
    from_antimony = roadrunner_course(antimony.getSBMLString("perforin_model"), [0, *days], names)
    from_sbml = roadrunner_course(to_sbml(model.network, model.values, model.start, model.doses), [0, *days], names)
    assert from_antimony == pytest.approx(from_sbml, rel=1e-9)


def test_a_later_begin_shifts_every_dose():
    model = every_kind()
    later = [(day - 5, *rest) for day, *rest in model.doses]
    names = identifiers(model.network, model.values, model.start)
    plain = roadrunner_course(to_sbml(model.network, model.values, model.start, model.doses), [0, 8, 20], names)
    shifted = to_sbml(model.network, model.values, model.start, later, begin=-5.0)
    assert roadrunner_course(shifted, [0, 8, 20], names) == pytest.approx(plain, rel=1e-12)
