"""LaTeX holds every mechanism, every slope and every name, and its braces close."""

from __future__ import annotations

import re

from perforin.model.write import mechanism_equations, to_latex
from perforin.model.write.latex import equations, latex_name
from unit.model_write.small_network import growth, helping, killing, small

VERBS = {"growth": growth, "killing": killing, "helping": helping}


def test_braces_and_delimiters_close():
    text = to_latex(small(), VERBS)
    plain = text.replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))
    for environment in set(re.findall(r"\\begin\{([^}]*)\}", text)):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")


def test_no_symbol_has_two_superscripts_or_two_subscripts():
    for rows in equations(small()).values():
        for row in rows:
            assert not re.search(r"\^\{\\text\{[^}]*\}\}(_\{[^{}]*(\{[^}]*\})*\})?\^", row.right), row.right


def test_each_mechanism_has_its_sentence_and_its_citation():
    text = to_latex(small(), VERBS)
    assert r"Effectors kill targets they meet.~\cite{Killing2021}" in text
    assert r"\nocite{Cytokine2019,Growth2020,Killing2021}" in text


def test_every_slope_is_the_sum_of_its_flows():
    text = to_latex(small())
    numbers = {name: i for i, name in enumerate(small().flow_names, start=1)}
    low = next(line for line in text.splitlines() if line.startswith(r"\frac{\mathrm{d}") and "{low}" in line)
    gain, loss = numbers["growth[low].division"], numbers["killing[low].granules"]
    assert f"= v_{{{gain}}} - v_{{{loss}}} " in low
    moved = next(line for line in text.splitlines() if line.startswith(r"\frac{\mathrm{d}") and "{blood}" in line)
    assert f"= - v_{{{numbers['migration.step']}}} " in moved


def test_placements_that_differ_in_members_only_are_written_once():
    rows = equations(small())["killing"]
    assert [(row.name, row.also) for row in rows] == [("granules", ("low",))]


def test_placements_that_differ_in_more_are_written_in_full():
    network = small()
    flows = [f._replace(rate=2 * f.rate) if f.name == "killing[low].granules" else f for f in network.flows]
    changed = type(network)(network.states, network.levels, tuple(flows), network.parameters)
    assert len(equations(changed)["killing"]) == 2


def test_names_are_words_with_members_below_and_product_above():
    assert latex_name("a.host_cell[blood]") == r"\mathrm{host~cell}^{\text{a}}_{\text{blood}}"
    assert latex_name("IL6") == r"\mathrm{IL6}"


def test_a_mechanism_alone_is_written_in_its_own_names():
    (row,) = mechanism_equations(growth)
    assert row.left == r"\varnothing \xrightarrow{\text{division}} \mathrm{cells}"
    assert r"\mathrm{rate} \cdot" in row.right
    (level,) = mechanism_equations(helping)
    assert level.kind == "level"
    assert r"\max\left(0,\ \mathrm{cytokine} - \mathrm{half}\right)" in level.right
