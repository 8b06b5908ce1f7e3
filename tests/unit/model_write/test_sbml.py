"""The SBML is valid, keeps units, cites, and refuses what does not fit."""

from __future__ import annotations

import builtins
import math

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.model.network import Network, Slot, State
from perforin.model.write import to_antimony, to_sbml
from unit.model_write.small_network import DOSES, START, VALUES, small

libsbml = pytest.importorskip("libsbml", reason="python-libsbml is not installed")
DOIS = {"Killing2021": "10.1000/killing.2021"}
UNIT_CLASHES = range(10501, 10600)


@pytest.fixture(scope="module")
def document():
    return libsbml.readSBMLFromString(to_sbml(small(), VALUES, START, DOSES, title="A < B", dois=DOIS))


def test_libsbml_finds_neither_error_nor_warning_but_zeros_without_unit(document):
    document.checkConsistency()
    found = [document.getError(i) for i in range(document.getNumErrors())]
    assert {problem.getErrorId() for problem in found} <= {99505}, [p.getMessage() for p in found]
    assert (document.getLevel(), document.getVersion()) == (3, 2)


def test_a_wrong_unit_is_seen_by_libsbml():
    network = small()
    slots = tuple(s._replace(unit="1/day") if s.name == "helping.half" else s for s in network.parameters)
    wrong = Network(network.states, network.levels, network.flows, slots)
    document = libsbml.readSBMLFromString(to_sbml(wrong, VALUES, START))
    document.checkConsistency()
    assert any(document.getError(i).getErrorId() in UNIT_CLASHES for i in range(document.getNumErrors()))


def test_cells_are_species_and_concentrations_are_parameters_with_rate_rules(document):
    model = document.getModel()
    species = {model.getSpecies(i).getName() for i in range(model.getNumSpecies())}
    assert species == {"tumour[low]", "tumour[high]", "a.effector[blood]", "a.effector[disease]"}
    assert all(model.getSpecies(i).getHasOnlySubstanceUnits() for i in range(model.getNumSpecies()))
    assert model.getParameter("IL6").getUnits() == "pg_per_mL"
    assert model.getRateRule("IL6") is not None
    assert model.getAssignmentRule("help_level") is not None


@pytest.mark.parametrize(
    "unit, factors",
    [
        ("pg_per_mL", {("gram", 1, -12, 1), ("litre", -1, -3, 1)}),
        ("per_day", {("second", -1, 0, 86400)}),
        ("cell", {("item", 1, 0, 1)}),
    ],
)
def test_units_are_defined_by_base_units(document, unit, factors):
    definition = document.getModel().getUnitDefinition(unit)
    units = [definition.getUnit(i) for i in range(definition.getNumUnits())]
    found = {(libsbml.UnitKind_toString(u.getKind()), u.getExponent(), u.getScale(), u.getMultiplier()) for u in units}
    assert found == factors


def test_a_flow_between_states_is_a_reaction_that_conserves_and_names_what_it_reads(document):
    step = document.getModel().getReaction("migration_step")
    assert step.getReactant(0).getSpecies() == "a_effector_blood"
    assert step.getProduct(0).getSpecies() == "a_effector_disease"
    killing = document.getModel().getReaction("killing_low_granules")
    assert killing.getNumProducts() == 0
    assert [killing.getModifier(i).getSpecies() for i in range(killing.getNumModifiers())] == ["a_effector_disease"]


def test_a_citation_with_a_doi_is_an_annotation(document):
    model = document.getModel()
    terms = [model.getCVTerm(i) for i in range(model.getNumCVTerms())]
    links = {term.getResourceURI(0) for term in terms}
    assert links == {"https://identifiers.org/doi/10.1000/killing.2021"}
    assert all(term.getModelQualifierType() == libsbml.BQM_IS_DESCRIBED_BY for term in terms)
    assert "Growth2020" in model.getNotesString()
    assert model.getName() == "A < B"


def test_values_and_starts_are_the_ones_given(document):
    model = document.getModel()
    assert {
        p: model.getParameter(p.replace(".", "_").replace("[", "_").strip("]")).getValue() for p in VALUES
    } == VALUES
    assert model.getSpecies("tumour_high").getInitialAmount() == 2e9


def test_doses_of_one_day_are_one_event_and_endless_days_none(document):
    assert document.getModel().getNumEvents() == 2
    never = [*DOSES, (math.inf, "IL6", 1.0, 1.0)]
    assert to_sbml(small(), VALUES, START, never) == to_sbml(small(), VALUES, START, DOSES)


def test_two_doses_into_one_state_on_one_day_act_one_after_the_other():
    doses = [(1.0, "IL6", 0.5, 3.0), (1.0, "IL6", 0.5, 1.0)]
    model = libsbml.readSBMLFromString(to_sbml(small(), VALUES, START, doses)).getModel()
    assert libsbml.formulaToL3String(model.getEvent(0).getEventAssignment(0).getMath()).startswith("IL6 * 0.25 ")
    assert model.getParameter("dose_1_IL6").getValue() == 2.5


def test_numbers_may_be_arrays_in_the_order_of_the_network():
    network = small()
    values = np.array([VALUES[name] for name in network.parameter_names])
    start = np.array([START[name] for name in network.state_names])
    doses = [(np.float64(day), state, np.float64(keep), np.float64(add)) for day, state, keep, add in DOSES]
    assert to_antimony(network, values, start, doses) == to_antimony(network, VALUES, START, DOSES)
    assert to_sbml(network, values, start, doses) == to_sbml(network, VALUES, START, DOSES)


def test_names_that_collide_or_are_reserved_get_identifiers_of_their_own():
    states = tuple(State(name, "cell") for name in ("time", "a.b", "a_b", "A_B", "1st", "species", "cell"))
    network = Network(states, (), (), (Slot("pi", "1/day", "", "pi"),))
    text = to_antimony(network, [1.0], dict.fromkeys(network.state_names, 1.0))
    antimony = pytest.importorskip("antimony", reason="antimony is not installed")
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    model = libsbml.readSBMLFromString(to_sbml(network, [1.0], dict.fromkeys(network.state_names, 1.0))).getModel()
    assert {model.getSpecies(i).getName() for i in range(7)} == set(network.state_names)


@pytest.mark.parametrize("write", [to_sbml, to_antimony])
def test_what_does_not_fit_is_refused_with_what_was_found_and_needed(write):
    network = small()
    with pytest.raises(UserError, match=r"no value for the parameter 'growth.room'.*did you mean 'growth.roam'"):
        write(network, {("growth.roam" if k == "growth.room" else k): v for k, v in VALUES.items()}, START)
    with pytest.raises(UserError, match="found 2 values of states; needed 5"):
        write(network, VALUES, [1.0, 2.0])
    with pytest.raises(UserError, match=r"'tumour\[lo\]', which is not a state; did you mean 'tumour\[low\]'"):
        write(network, VALUES, START, [(1.0, "tumour[lo]", 1.0, 1.0)])
    with pytest.raises(UserError, match="dose on day -1; needed day 0"):
        write(network, VALUES, START, [(-1.0, "IL6", 1.0, 1.0)])
    with pytest.raises(UserError, match="SBML cannot express"):
        write(Network((State("x", "ampere"),), (), (), ()), [], [1.0])


def test_without_libsbml_the_message_says_what_to_install(monkeypatch):
    original = builtins.__import__

    def without(name, *rest, **more):
        if name == "libsbml":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install perforin\[sbml\]"):
        to_sbml(small(), VALUES, START)
    assert "model perforin_model()" in to_antimony(small(), VALUES, START)
