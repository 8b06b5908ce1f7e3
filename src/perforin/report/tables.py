"""Tables of the report, as rows of text; the template only prints them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from perforin.records import Estimate
from perforin.report.answer import chance
from perforin.report.findings import Adjusted, Comparison, Findings, Published
from perforin.report.ledger import SWING, assumptions
from perforin.report.wording import (
    PERCENT,
    difference,
    differences,
    endpoint,
    interval,
    number,
    percent,
    quantity,
    unit_text,
)

__all__ = [
    "Cell",
    "Table",
    "adjustments",
    "assumption_table",
    "compared",
    "failures",
    "grades",
    "head_to_head",
    "parameters",
    "plain",
    "predicted",
    "published_line",
    "zero_events",
]


@dataclass(frozen=True)
class Cell:
    """Text with an optional second line in small print, and lines of published values."""

    text: str
    small: str = ""
    lines: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """Heads and rows; ``numeric`` are the places of the columns set flush right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


def predicted(one: Estimate | None) -> Cell:
    """A prediction with its interval; a share of zero says the bound that zero events allow."""
    if one is None:
        return Cell("not scored", kind="faint")
    share = endpoint(one.endpoint).share
    limits = f"{interval(one.low, one.high, share)} · n\u00a0=\u00a0{one.n:,}"
    if share and one.value == 0:
        return Cell(
            f"0{PERCENT}", f"no event in {one.n:,}; upper bound {quantity(one.high, one.unit, True)}", kind="zero"
        )
    return Cell(quantity(one.value, one.unit, share), limits)


def published_line(one: Published, unit: str) -> str:
    """A published value with its trial, denominator and scale; ``unit`` is the prediction's, its own comes first.

    An assay reports in its own unit (copies per DNA or cells per volume), and these are not interchangeable.
    """
    share = endpoint(one.endpoint).share
    scale = f", {one.scale}" if one.scale else ""
    limits = f" ({interval(one.low, one.high, share)})" if not math.isnan(one.low + one.high) else ""
    size = f", n\u00a0=\u00a0{one.n:,}" if one.n is not None else ""
    return f"{one.shown}: {quantity(one.value, one.unit or unit, share)}{limits}{size}{scale}"


def head_to_head(findings: Findings) -> Table:
    """Endpoint by arm: predicted, published beside it, difference and probability of being better."""
    others = [arm for arm in findings.arms if arm != findings.reference]
    heads = ["Endpoint", *findings.arms.values()]
    many = len(others) > 1
    for arm in others:
        named = f" ({findings.arms[arm]})" if many else ""
        heads += [f"Difference{named}", f"P(better){named}"]
    rows = []
    for name in findings.endpoints:
        row = [Cell(endpoint(name).label, name)]
        for arm in findings.arms:
            one = findings.estimate(arm, name)
            cell = predicted(one)
            lines = tuple(published_line(p, one.unit if one else "") for p in findings.beside(arm, name))
            row.append(Cell(cell.text, cell.small, lines, cell.kind))
        for arm in others:
            row += compared(findings.comparison(arm, name))
        rows.append(tuple(row))
    return Table(tuple(heads), tuple(rows), frozenset(range(1, len(heads))))


def compared(found: Comparison | None) -> list[Cell]:
    """Difference with interval, and the probability of being better; dashes where there is none."""
    if found is None or math.isnan(found.value):
        return [Cell("–", kind="faint"), Cell("–", kind="faint")]
    share = endpoint(found.endpoint).share
    limits = differences(found.low, found.high, share)
    better = Cell("–", kind="faint") if found.better is None else Cell(chance(found.better))
    return [Cell(difference(found.value, found.unit, share), limits), better]


def grades(findings: Findings) -> Table | None:
    """Highest grade by patient: a row for each toxicity and arm, a column for each grade."""
    rows = []
    for toxicity, by_arm in findings.grades.items():
        for arm, counts in by_arm.items():
            total = max(1, sum(counts))
            cells = [Cell(f"{count:,}", percent(count / total)) for count in counts]
            rows.append((Cell(toxicity), Cell(findings.arms.get(arm, arm)), *cells))
    if not rows:
        return None
    most = max(len(row) for row in rows)
    full = tuple((*row, *[Cell("0")] * (most - len(row))) for row in rows)
    heads = ("Toxicity", "Arm", *[f"Grade {grade}" for grade in range(most - 2)])
    return Table(heads, full, frozenset(range(2, most)))


def zero_events(findings: Findings) -> list[str]:
    """A sentence for each share of zero: absence of events is not absence of risk."""
    return [
        f"{endpoint(one.endpoint).label}, {findings.arms[one.arm]}: no event in {one.n:,} virtual patients; "
        f"the 95 % interval still allows up to {quantity(one.high, '', True)}."
        for one in findings.estimates
        if endpoint(one.endpoint).share
        and endpoint(one.endpoint).better < 0
        and one.value == 0
        and one.arm in findings.arms
    ]


def parameters(table: pd.DataFrame) -> Table:
    """One arm's parameters with range, kind and source."""
    rows = []
    for row in table.to_dict("records"):
        cv = float(row["between_patient_cv"])
        spread = f"{100 * cv:.0f} %" if cv > 0 else "none"
        source = " ".join(
            part for part in (str(row["source"] or ""), str(row["locator"] or "")) if part and part != "nan"
        )
        rows.append(
            (
                Cell(str(row["name"])),
                Cell(number(float(row["value"]))),
                Cell(unit_text(str(row["unit"]))),
                Cell(f"{number(float(row['low']))} to {number(float(row['high']))}"),
                Cell(spread),
                Cell(str(row["kind"]), str(row["status"]), kind=str(row["kind"])),
                Cell(source, _clean(row["note"])),
            )
        )
    heads = ("Parameter", "Value", "Unit", "Range", "Spread (CV)", "Kind", "Source")
    return Table(heads, tuple(rows), frozenset({1, 3, 4}))


def _clean(note: object) -> str:
    return "" if note is None or (isinstance(note, float) and math.isnan(note)) else str(note)


def assumption_table(findings: Findings, name: str, most: int | None = None) -> Table | None:
    """The assumed parameters, the most influential on endpoint ``name`` first."""
    ranked = assumptions(findings.ledger, findings.parameters, name)
    if not len(ranked):
        return None
    columns = [column for column in ranked.columns if column.startswith(SWING)]
    rows = []
    for place, row in enumerate(ranked.head(most).to_dict("records") if most else ranked.to_dict("records"), start=1):
        cells = [
            Cell(str(place)),
            Cell(str(row["parameter"]), _clean(row.get("note"))),
            Cell(findings.arms.get(str(row["arm"]), str(row["arm"]))),
            Cell(
                quantity(float(row["value"]), str(row["unit"]), False),
                f"{number(float(row['low']))} to {number(float(row['high']))}",
            ),
        ]
        rows.append((*cells, *[_swing(column, float(row[column])) for column in columns]))
    heads = ["Rank", "Assumption", "Arm", "Value and range"]
    heads += [f"Moves “{endpoint(column.removeprefix(SWING)).label}” by" for column in columns]
    return Table(tuple(heads), tuple(rows), frozenset({0, *range(3, len(heads))}))


def _swing(column: str, value: float) -> Cell:
    if math.isnan(value):
        return Cell("not tried", kind="faint")
    words = endpoint(column.removeprefix(SWING))
    return Cell(difference(value, "", words.share))


def failures(failed: pd.DataFrame, labels: dict[str, str]) -> Table | None:
    """Patients who could not be simulated, each with arm and reason."""
    if not len(failed):
        return None
    rows = [
        (Cell(labels.get(str(row["arm"]), str(row["arm"]))), Cell(str(row["patient"])), Cell(str(row["reason"])))
        for row in failed.to_dict("records")
    ]
    return Table(("Arm", "Patient", "Reason"), tuple(rows), frozenset({1}))


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> Table:
    """A table of plain text."""
    return Table(tuple(heads), tuple(tuple(Cell(text) for text in row) for row in rows), frozenset(numeric))


def adjustments(findings: Findings) -> Table | None:
    """Predictions as they are and weighted, beside what the trial published; None where nothing could be weighted."""
    if not findings.adjusted:
        return None
    heads = ["Endpoint", "Arm", "Trial", "Predicted", "Predicted, weighted", "Published", "Effective patients"]
    return plain(heads, [_adjustment(findings, one) for one in findings.adjusted], (3, 4, 5, 6))


def _adjustment(findings: Findings, one: Adjusted) -> list[str]:
    first = [endpoint(one.endpoint).label, findings.arms[one.arm], one.trial]
    if one.refused:
        return [*first, "", f"not possible: {one.refused}", "", ""]
    shares = map(_limits, (one.plain, one.weighted, one.published))
    return [*first, *shares, f"{one.effective:.0f} of {one.n}"]


def _limits(limits: tuple[float, float, float] | None) -> str:
    return "" if limits is None else f"{percent(limits[0])} ({interval(limits[1], limits[2], share=True)})"
