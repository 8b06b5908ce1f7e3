"""perforin import: what a user sees of a model that others wrote."""

from __future__ import annotations

import json
import math

import pytest

from perforin.command import app
from perforin.model.network import Network

DECAY = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
  <model id="decay" name="One way out">
    <listOfCompartments><compartment id="body" size="1" constant="true"/></listOfCompartments>
    <listOfSpecies>
      <species id="cells" compartment="body" initialAmount="8" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>
    </listOfSpecies>
    <listOfParameters><parameter id="k" value="0.5" constant="true"/></listOfParameters>
    <listOfReactions>
      <reaction id="loss" reversible="false">
        <listOfReactants><speciesReference species="cells" stoichiometry="1" constant="true"/></listOfReactants>
        <kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>cells</ci></apply></math></kineticLaw>
      </reaction>
    </listOfReactions>
  </model>
</sbml>
"""  # noqa: E501


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "decay.xml"
    path.write_text(DECAY)
    return path


def run(capsys, *words):
    code = app.execute([str(word) for word in words])
    return code, *capsys.readouterr()


def test_an_imported_model_is_shown_solved_and_written(capsys, file, tmp_path):
    code, out, err = run(capsys, "import", file, "--until", 4, "--out", tmp_path / "made")
    assert code == 0
    assert "One way out" in out and "1 states" in out and "1.08268" in out
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"network.json", "course.csv", "course.html"}
    kept = json.loads((tmp_path / "made" / "network.json").read_text())
    assert Network.from_dict(kept["network"]).state_names == ("cells",)
    assert kept["values"]["k"] == 0.5
    rows = (tmp_path / "made" / "course.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), map(float, rows[-1].split(",")), strict=True))
    assert last["cells"] == pytest.approx(8 * math.exp(-2), rel=1e-7)
    assert "course.html" in err


def test_json_holds_the_course(capsys, file):
    code, out, _ = run(capsys, "import", file, "--until", 2, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["states"], found["flows"], found["events"]) == (1, 1, 0)
    assert found["course"]["cells"][-1] == pytest.approx(8 * math.exp(-1), rel=1e-7)


@pytest.mark.parametrize(
    "text, message",
    [("", "empty"), ("not SBML", "no <sbml>"), (DECAY[:900], "not valid SBML"), ("<html></html>", "SBML")],
)
def test_a_file_that_is_no_model_is_refused(capsys, file, text, message):
    file.write_text(text)
    code, out, err = run(capsys, "import", file)
    assert (code, out) == (1, "")
    assert message in err and "decay.xml" in err and "Traceback" not in err


def test_a_time_that_is_none_is_refused(capsys, file):
    assert run(capsys, "import", file, "--until", "-1")[0] == 1
    assert "after 0" in run(capsys, "import", file, "--until", "nan")[2]
