"""States and flows as a picture: Mermaid and DOT text, and an SVG drawn here. Families are folded into one box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from perforin.model.network import Network
from perforin.model.write.names import Identifiers, Name, flow_parts, state_parts, words

__all__ = ["Arrow", "Box", "Picture", "picture", "to_dot", "to_mermaid", "to_svg"]

Key = tuple[str, str]


@dataclass(frozen=True)
class Box:
    """A state, or all members of a family of states; ``product`` is "" for the patient's."""

    id: str
    product: str
    name: str
    members: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The name, then the members."""
        return (words(self.name), ", ".join(map(words, self.members))) if self.members else (words(self.name),)


@dataclass(frozen=True)
class Arrow:
    """All flows between two boxes; None is nowhere (made or lost)."""

    source: str | None
    sink: str | None
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows, in the order of their names."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def groups(self) -> dict[str, tuple[Box, ...]]:
        """Boxes of the patient (``""``) and of each product."""
        products = dict.fromkeys(box.product for box in self.boxes)
        return {one: tuple(box for box in self.boxes if box.product == one) for one in sorted(products)}


def picture(network: Network) -> Picture:
    """Fold the members of each family into one box, and all flows between two boxes into one arrow."""
    parts = {name: state_parts(name) for name in network.state_names}
    folded: dict[Key, list[str]] = defaultdict(list)
    for one in parts.values():
        members = folded[one.product, one.stem]
        if one.members:
            members.append(" ".join(one.members))
    give = Identifiers()
    ids = {key: give.give(f"{key[0]}_{key[1]}") for key in sorted(folded)}
    boxes = tuple(Box(ids[key], *key, tuple(folded[key])) for key in sorted(folded))
    arrows: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for name, _, source, sink, _ in network.flows:
        ends = [parts[end] if end is not None else None for end in (source, sink)]
        keys = [ids[end.product, end.stem] if end is not None else "" for end in ends]
        arrows[keys[0], keys[1]][_label(name, ends[0], ends[1])] = None
    rows = tuple(Arrow(a or None, b or None, tuple(labels)) for (a, b), labels in sorted(arrows.items()))
    return Picture(boxes, rows)


def _label(flow: str, source: Name | None, sink: Name | None) -> str:
    mechanism, _, name = flow_parts(flow)
    text = f"{words(mechanism)}: {words(name)}"
    if source is not None and sink is not None and source[:2] == sink[:2]:
        text += f" ({' '.join(source.members)} to {' '.join(sink.members)})"
    return text


def to_mermaid(network: Network) -> str:
    """States and flows as a Mermaid flowchart; a flow from or to nowhere has a small round end."""
    drawn = picture(network)
    lines = ["flowchart LR"]
    for product, boxes in drawn.groups.items():
        if product:
            lines.append(f'  subgraph group_{boxes[0].id}["{words(product)}"]')
        lines += [f'    {box.id}["{"<br/>".join(map(_quoted, box.lines))}"]' for box in boxes]
        if product:
            lines.append("  end")
    for arrow, (source, sink) in zip(drawn.arrows, _ends(drawn), strict=True):
        for end, missing in ((source, arrow.source), (sink, arrow.sink)):
            if missing is None:
                lines.append(f"  {end}(( ))")
        text = "<br/>".join(_quoted(label) for label in arrow.labels)
        lines.append(f'  {source} -->|"{text}"| {sink}')
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")


def _ends(drawn: Picture) -> Iterator[tuple[str, str]]:
    give = Identifiers([box.id for box in drawn.boxes])
    for arrow in drawn.arrows:
        source = arrow.source or give.give(f"made_{arrow.sink}")
        yield source, arrow.sink or give.give(f"lost_{arrow.source}")


def to_dot(network: Network) -> str:
    """States and flows as DOT text for Graphviz; products are clusters, nowhere is a point."""
    drawn = picture(network)
    lines = ["digraph perforin {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    for product, boxes in drawn.groups.items():
        if product:
            lines += [f"  subgraph cluster_{boxes[0].id} {{", f"    label={_dot_text(words(product))};"]
        lines += [f"    {box.id} [label={_dot_text(*box.lines)}];" for box in boxes]
        if product:
            lines.append("  }")
    for arrow, (source, sink) in zip(drawn.arrows, _ends(drawn), strict=True):
        for end, missing in ((source, arrow.source), (sink, arrow.sink)):
            if missing is None:
                lines.append(f"  {end} [shape=point];")
        lines.append(f"  {source} -> {sink} [label={_dot_text(*arrow.labels)}];")
    return "\n".join([*lines, "}", ""])


def _dot_text(*lines: str) -> str:
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


_WIDTH, _HEIGHT, _GAP, _COLUMN = 190, 40, 34, 330


def to_svg(network: Network) -> str:
    """States and flows as SVG: a column for the patient and one for each product; hover an arrow to read its flows.

    Arrows inside a column bend to the right of it; what is made enters, and what is lost leaves, at a box's left.
    """
    drawn = picture(network)
    places: dict[str, tuple[float, float]] = {}
    body: list[str] = []
    tallest = 0
    for column, (product, boxes) in enumerate(drawn.groups.items()):
        left = 70 + column * _COLUMN
        body.append(f'<text x="{left}" y="24" class="head">{escape(words(product) or "patient")}</text>')
        for row, box in enumerate(boxes):
            places[box.id] = (left, 44 + row * (_HEIGHT + _GAP))
            body += _svg_box(box, *places[box.id])
        tallest = max(tallest, len(boxes))
    arrows = [line for arrow in drawn.arrows for line in _svg_arrow(arrow, places)]
    width, height = 70 + len(drawn.groups) * _COLUMN, 60 + tallest * (_HEIGHT + _GAP)
    style = (
        "text{font:12px sans-serif}.head{font-weight:bold}.small{font-size:10px;fill:#555}"
        "rect{fill:#f4f7fa;stroke:#335}path{fill:none;stroke:#567;stroke-width:1.4;marker-end:url(#tip)}"
    )
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#567"/></marker>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    parts = [head, "<title>States and flows</title>", f"<style>{style}</style>", f"<defs>{tip}</defs>"]
    return "\n".join([*parts, *arrows, *body, "</svg>", ""])


def _svg_box(box: Box, x: float, y: float) -> Iterator[str]:
    yield f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
    yield f'<text x="{x + 8:g}" y="{y + (17 if box.members else 25):g}">{escape(box.lines[0])}</text>'
    if box.members:
        shown = box.lines[1] if len(box.lines[1]) < 36 else f"{len(box.members)} members"
        yield f'<text x="{x + 8:g}" y="{y + 32:g}" class="small">{escape(shown)}</text>'


def _svg_arrow(arrow: Arrow, places: dict[str, tuple[float, float]]) -> Iterator[str]:
    text = f"<title>{escape('; '.join(arrow.labels))}</title>"
    middle = _HEIGHT / 2
    if arrow.source is None or arrow.sink is None:
        x, y = places[arrow.sink or arrow.source or ""]
        made = arrow.source is None
        y += middle + (-8 if made else 8)
        start, end = (x - 44, x) if made else (x, x - 44)
        yield f'<path d="M{start:g},{y:g} H{end:g}">{text}</path>'
        return
    (x1, y1), (x2, y2) = places[arrow.source], places[arrow.sink]
    y1, y2 = y1 + middle - 4, y2 + middle + 4
    if x1 == x2:
        bend = x1 + _WIDTH + 24 + 0.25 * abs(y2 - y1)
        curve = f"M{x1 + _WIDTH:g},{y1:g} C{bend:g},{y1 - 6:g} {bend:g},{y2 + 6:g} {x2 + _WIDTH:g},{y2:g}"
    else:
        a, b = (x1 + _WIDTH, x2) if x1 < x2 else (x1, x2 + _WIDTH)
        curve = f"M{a:g},{y1:g} C{(a + b) / 2:g},{y1:g} {(a + b) / 2:g},{y2:g} {b:g},{y2:g}"
    yield f'<path d="{curve}">{text}</path>'
