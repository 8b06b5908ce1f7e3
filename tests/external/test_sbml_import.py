"""SBML files that others could have written, read by perforin and run by it, agree with libRoadRunner to 1e-5."""

from __future__ import annotations

import numpy as np
import pytest

from external.running import COMPILED, roadrunner_course
from perforin.kernels.build import build, no_doses
from perforin.model.read import read_sbml

pytest.importorskip("libsbml", reason="python-libsbml is not installed")
pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
antimony = pytest.importorskip("antimony", reason="antimony is not installed")
backends = pytest.mark.parametrize("backend", ["interpreted", pytest.param("compiled", marks=COMPILED)])
DAYS = np.linspace(0.0, 10.0, 21)

MODELS = {
    "reactions between species in a volume": """
        compartment v = 2.5; species A in v, B in v; A = 10; B = 0; k = 0.3; back = 0.1;
        R: A => B; v*(k*A - back*B); D: 2 B => ; v*0.01*B^2;""",
    "rules": """
        x = 1; y := 2*z + x; z := x^2; x' = -0.2*x*y; w' = x - w; w = 0;""",
    "initial assignments": """
        compartment v = 2; k = 3; species S in v; S = 2*k; q = S + 1; R: S => ; q*S*v/100;""",
    "functions and choices": """
        compartment v = 1; species S in v; S = 5;
        R: S => ; share(S, 2) + piecewise(0.2, S > 1, 0.1) + max(S, 1)*0.01;""",
}


FUNCTIONS = """
    function share(x, half)
      x^3/(half^3 + x^3)
    end
"""


def sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(f"{FUNCTIONS}\nmodel one()\n{text}\nend") >= 0, antimony.getLastError()
    return antimony.getSBMLString("one")


def agree(text: str, backend: str, days=DAYS) -> None:
    model = read_sbml(text)
    names = [name for name in model.network.state_names if name != "time"]
    theirs = roadrunner_course(text, days, names)
    kernel = build(model.network, names, backend=backend)
    ours = kernel.run(model.parameters, model.start, no_doses(1), days, rtol=1e-9)
    assert ours.status[0] == 0, ours.reasons
    for number, name in enumerate(names):
        assert ours.values[0, :, number] == pytest.approx(theirs[:, number], rel=1e-5, abs=1e-10), name


@backends
@pytest.mark.parametrize("name", MODELS)
def test_an_imported_model_runs_as_in_libroadrunner(name, backend):
    agree(sbml(MODELS[name]), backend)
