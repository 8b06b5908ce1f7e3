"""LaTeX: each mechanism's flows and levels with what it cites, then the whole system as sums of named flows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sympy
from sympy.printing.latex import LatexPrinter

from perforin.model.mechanism import Level, Mechanism, symbol
from perforin.model.network import LevelRow, Network
from perforin.model.write.names import flow_parts, state_parts, words
from perforin.units import short

__all__ = ["Equation", "equations", "latex_name", "mechanism_equations", "to_latex"]

_ESCAPES = {"\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "{": r"\{",
            "}": r"\}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}  # fmt: skip
_WIDE = 8
"""An equation with more symbols than this breaks after each term of its sum."""


def _plain(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def latex_name(name: str) -> str:
    """A state's, level's or parameter's name as LaTeX: members below, product above, underscores as spaces."""
    product, stem, members = state_parts(name)
    shown = rf"\mathrm{{{_plain(words(stem)).replace(' ', '~')}}}"
    above = rf"^{{\text{{{_plain(words(product))}}}}}" if product else ""
    below = ",".join(rf"\text{{{_plain(words(one))}}}" for one in members)
    return shown + above + (f"_{{{below}}}" if below else "")


class _Readable(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX with our names and our opaque functions."""

    def __init__(self) -> None:
        super().__init__({"mul_symbol": "dot"})

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:  # noqa: ARG002  (SymPy's own signature)
        return latex_name(expr.name)

    def _print_Float(self, expr: Any) -> str:
        return str(sympy.latex(sympy.Float(f"{float(expr):.6g}")))

    def _print_Larger(self, expr: Any) -> str:
        return rf"\max\left({self._print(expr.args[0])},\ {self._print(expr.args[1])}\right)"

    def _print_Step(self, expr: Any) -> str:
        return rf"\left[{self._print(expr.args[0])} > 0\right]"

    def _print_Power(self, expr: Any, exp: str | None = None) -> str:
        base, exponent = expr.args
        shown = self._print(base)
        shown = shown if base.is_Symbol and "[" not in base.name and "." not in base.name else rf"\left({shown}\right)"
        whole = rf"{shown}^{{{self._print(exponent)}}}"
        return whole if exp is None else rf"\left({whole}\right)^{{{exp}}}"


class Equation(NamedTuple):
    """One flow or level of a mechanism: LaTeX of both sides, and the members for which it also holds."""

    kind: str
    name: str
    left: str
    right: str
    also: tuple[str, ...]


def _folded(rows: Iterable[tuple[str, str, str, str, tuple[str, ...]]]) -> Iterator[Equation]:
    """Rows that differ in nothing but their own members become the first of them and a list of the others."""
    found: dict[tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]] = defaultdict(list)
    for kind, name, left, right, members in rows:
        template = [left, right]
        for place, member in enumerate(members):
            shown = rf"\text{{{_plain(words(member))}}}"
            template = [side.replace(shown, rf"\text{{<{place}>}}") for side in template]
        found[kind, name, *template].append((left, right, members))
    for (kind, name, *_), same in found.items():
        left, right, _ = same[0]
        also = tuple(words(", ".join(members)) for _, _, members in same[1:])
        yield Equation(kind, name, left, right, also)


def equations(network: Network) -> dict[str, tuple[Equation, ...]]:
    """Equations of each mechanism's flows by the mechanism's name; levels, which add shares, under ``""``."""
    printer = _Readable()
    rows: dict[str, list[tuple[str, str, str, str, tuple[str, ...]]]] = defaultdict(list)
    for name, rate, source, sink, _ in network.flows:
        mechanism, members, flow = flow_parts(name)
        rows[mechanism].append(("flow", flow, _arrow(flow, source, sink), _terms(rate, printer), members))
    for level in network.levels:
        rows[""].append(_level(level, printer))
    return {mechanism: tuple(_folded(one)) for mechanism, one in sorted(rows.items())}


def mechanism_equations(mechanism: Mechanism) -> tuple[Equation, ...]:
    """Equations of a mechanism in its own ports and parameters, wherever it may be placed."""
    printer = _Readable()
    found = []
    for item in mechanism.function(**{name: symbol(name) for name in (*mechanism.ports, *mechanism.parameters)}):
        right = _terms(sympy.sympify(item[1]), printer)
        if isinstance(item, Level):
            found.append(Equation("level", item.name, latex_name(item.name), right, ()))
        else:
            found.append(Equation("flow", item.name, _arrow(item.name, item.source, item.sink), right, ()))
    return tuple(found)


def _arrow(flow: str, source: object, sink: object) -> str:
    ends = [r"\varnothing" if end is None else latex_name(str(end)) for end in (source, sink)]
    return rf"{ends[0]} \xrightarrow{{\text{{{_plain(words(flow))}}}}} {ends[1]}"


def _level(level: LevelRow, printer: LatexPrinter) -> tuple[str, str, str, str, tuple[str, ...]]:
    product, stem, members = state_parts(level.name)
    inside = (*([product] if product else []), *members)
    return ("level", stem, latex_name(level.name), _terms(level.expression, printer), inside)


def _terms(expression: sympy.Expr, printer: LatexPrinter) -> str:
    """An expression; a long sum stands on several lines."""
    if not expression.is_Add or len(expression.free_symbols) <= _WIDE:
        return str(printer.doprint(expression))
    parts = [str(printer.doprint(term)) for term in sympy.Add.make_args(expression)]
    lines = [parts[0], *(part if part.startswith("-") else f"+ {part}" for part in parts[1:])]
    return r" \\ &\quad ".join(lines)


def _system(network: Network) -> Iterator[str]:
    moves: dict[str, list[str]] = {name: [] for name in network.state_names}
    for number, flow in enumerate(network.flows, start=1):
        for end, coefficient in flow.changes:
            size = "" if abs(coefficient) == 1 else f"{abs(coefficient):g}\\,"
            moves[end].append(f"{'-' if coefficient < 0 else '+'} {size}v_{{{number}}}")
    for state in network.states:
        right = " ".join(moves[state.name]).removeprefix("+ ") or "0"
        unit = _plain(short(f"({state.unit})/day" if state.unit else "1/day"))
        yield rf"\frac{{\mathrm{{d}}}}{{\mathrm{{d}}t}}\,{latex_name(state.name)} &= {right} && \text{{[{unit}]}} \\"


def _mechanism(name: str, rows: tuple[Equation, ...], known: Mechanism | None) -> Iterator[str]:
    yield rf"\subsection*{{{_plain(words(name)).capitalize() if name else 'Levels'}}}"
    if known is not None:
        text = known.__doc__.split("\n\n", 1)[0].replace("\n", " ")
        cited = "".join(rf"~\cite{{{key}}}" for key in known.citations)
        yield _plain(text.replace("``", "")) + cited
    yield r"\begin{align*}"
    for row in rows:
        joint = ":" if row.kind == "flow" else " ="
        yield rf"{row.left} &{joint}\ {row.right} \\"
    yield r"\end{align*}"
    for row in rows:
        if row.also:
            yield rf"{_plain(words(row.name)).capitalize()}: the same for {_plain('; '.join(row.also))}." + "\n"


def to_latex(network: Network, mechanisms: Mapping[str, Mechanism] | None = None) -> str:
    """A LaTeX document of the network.

    One section per mechanism with its flows (from, name, to: rate), or, when it gives levels only, with their form in
    its own names; then the levels as composed, every state's slope as a sum of numbered flows, the flows by number and
    the parameters. Placements that differ only in their members are written once.

    Args:
        network: the model.
        mechanisms: those of the network by name; each adds the first paragraph of its docstring and its
            own citations to its section.

    Returns:
        A document for any LaTeX with amsmath; the citations are keys of sources.bib.
    """
    verbs = mechanisms or {}
    shown = equations(network)
    lines = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb,longtable}",
        r"\allowdisplaybreaks",
        r"\begin{document}",
        r"\section*{Mechanisms}",
    ]
    for name in sorted({*shown, *verbs} - {""}):
        lines += _mechanism(name, shown.get(name) or mechanism_equations(verbs[name]), verbs.get(name))
    if "" in shown:
        lines += _mechanism("", shown[""], None)
    lines += [r"\section*{The whole system}", r"\begin{align*}", *_system(network), r"\end{align*}"]
    lines += [r"\section*{Flows}", r"\begin{longtable}{rl}"]
    for number, name in enumerate(network.flow_names, start=1):
        lines.append(rf"$v_{{{number}}}$ & {_plain(words(name))} \\")
    lines += [r"\end{longtable}", r"\section*{Parameters}", r"\begin{longtable}{lll}"]
    for slot in network.parameters:
        lines.append(rf"${latex_name(slot.name)}$ & {_plain(words(slot.name))} & {_plain(short(slot.unit))} \\")
    lines += [r"\end{longtable}"]
    if network.citations:
        lines += [rf"\nocite{{{','.join(network.citations)}}}", r"\bibliographystyle{plain}", r"\bibliography{sources}"]
    return "\n".join([*lines, r"\end{document}", ""])
