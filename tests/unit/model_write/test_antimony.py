"""Antimony text is what people read: stable, complete, and the same model as the SBML."""

from __future__ import annotations

import pytest

from perforin.model.write import to_antimony, to_sbml
from unit.model_write.small_network import DOSES, START, VALUES, small


def factors(definition) -> dict[tuple[int, float], float]:
    """Size of each base unit; Antimony writes 86400 as 8.64 of scale 4."""
    units = [definition.getUnit(i) for i in range(definition.getNumUnits())]
    return {(u.getKind(), u.getExponentAsDouble()): u.getMultiplier() * 10.0 ** u.getScale() for u in units}


def test_antimony_parses_back_to_valid_sbml_with_the_same_parts():
    antimony = pytest.importorskip("antimony", reason="antimony is not installed")
    libsbml = pytest.importorskip("libsbml", reason="python-libsbml is not installed")
    dois = {"Growth2020": "10.1000/growth"}
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(to_antimony(small(), VALUES, START, DOSES, dois=dois)) >= 0
    document = libsbml.readSBMLFromString(antimony.getSBMLString("perforin_model"))
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    theirs = document.getModel()
    ours = libsbml.readSBMLFromString(to_sbml(small(), VALUES, START, DOSES, dois=dois)).getModel()
    for count in ("NumSpecies", "NumReactions", "NumRules", "NumEvents", "NumParameters", "NumUnitDefinitions"):
        assert getattr(theirs, f"get{count}")() == getattr(ours, f"get{count}")(), count
    for i in range(ours.getNumParameters()):
        one = ours.getParameter(i)
        other = theirs.getParameter(one.getId())
        assert (one.getName() or one.getId()) == (other.getName() or other.getId())
        assert one.getUnits() == other.getUnits()
        assert one.getConstant() == other.getConstant()
    for i in range(ours.getNumUnitDefinitions()):
        one = ours.getUnitDefinition(i)
        other = theirs.getUnitDefinition(one.getId())
        assert factors(one) == pytest.approx(factors(other), rel=1e-12), one.getId()


def test_changing_one_value_changes_one_line():
    first = to_antimony(small(), VALUES, START, DOSES).splitlines()
    second = to_antimony(small(), VALUES | {"growth.room": 2e11}, START, DOSES).splitlines()
    changed = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    assert changed == [("  growth_room = 100000000000.0;", "  growth_room = 200000000000.0;")]


def test_every_name_of_the_network_stands_in_the_text():
    network = small()
    text = to_antimony(network, VALUES, START)
    for name in (*network.state_names, *network.level_names, *network.parameter_names, *network.flow_names):
        assert name in text
    assert "Cytokine2019" in text
