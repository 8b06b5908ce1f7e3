"""Diagrams hold every state and every flow, with families folded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from perforin.model.write import to_dot, to_mermaid, to_svg
from perforin.model.write.diagram import picture
from perforin.model.write.names import flow_parts, state_parts
from unit.model_write.small_network import small


def test_members_of_a_family_are_one_box():
    boxes = {(box.product, box.name): box.members for box in picture(small()).boxes}
    assert boxes == {("", "IL6"): (), ("", "tumour"): ("high", "low"), ("a", "effector"): ("blood", "disease")}


def test_every_flow_stands_on_one_arrow_between_its_boxes():
    network = small()
    drawn = picture(network)
    names = {(box.product, box.name): box.id for box in drawn.boxes}
    for flow, _, source, sink, _ in network.flows:
        ends = [names[state_parts(end)[:2]] if end else None for end in (source, sink)]
        (arrow,) = [one for one in drawn.arrows if [one.source, one.sink] == ends]
        verb = flow_parts(flow)
        assert any(label.startswith(f"{verb.mechanism}: {verb.flow}") for label in arrow.labels), flow


def test_a_move_inside_a_family_says_from_where_to_where():
    labels = [label for arrow in picture(small()).arrows for label in arrow.labels]
    assert "migration: step (blood to disease)" in labels


def test_mermaid_and_dot_declare_each_node_they_use():
    mermaid, dot = to_mermaid(small()), to_dot(small())
    for text, arrow, node in (
        (mermaid, r"^  (\w+) -->\|.*\| (\w+)$", r"^ +(\w+)[\[(]"),
        (dot, r"^  (\w+) -> (\w+) \[", r"^ +(\w+) \["),
    ):
        declared = set(re.findall(node, text, re.MULTILINE))
        used = {end for pair in re.findall(arrow, text, re.MULTILINE) for end in pair}
        assert used
        assert used <= declared
    assert dot.count("{") == dot.count("}")


def test_the_svg_is_well_formed_and_draws_every_box_and_arrow():
    drawn = picture(small())
    root = ET.fromstring(to_svg(small()))  # noqa: S314  (our own text)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}rect")) == len(drawn.boxes)
    assert len(root.findall(f"{space}path")) == len(drawn.arrows)
    titles = {path.findtext(f"{space}title") for path in root.findall(f"{space}path")}
    assert titles == {"; ".join(arrow.labels) for arrow in drawn.arrows}
