"""What an arm does when a patient's state calls for it, as events of the arm's network: rescue drugs, further doses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
from numpy.typing import NDArray

from perforin import units
from perforin.arms import Redose, Rescue
from perforin.errors import UserError, nearest
from perforin.model.mechanism import symbol
from perforin.model.network import Entry, EventRow, Network, RunningRow, Slot
from perforin.streams import Streams
from perforin.trial.grades import LUCK, crs_severity, crs_signal, icans_signal
from perforin.trial.numbers import Numbers

__all__ = ["Actions", "actions_of"]

Array = NDArray[np.float64]

NEVER = -1e9
"""Luck with which no toxicity reaches any grade."""


@dataclass(frozen=True)
class Actions:
    """A network with the events of an arm, and how to fill the parameters that these add.

    ``network`` has the states of the arm's model in their order, and its parameters before the added ones.
    """

    network: Network
    rescue: tuple[Rescue, ...]
    redose: tuple[Redose, ...]
    spreads: Mapping[str, float]

    def numbers(
        self, numbers: Array, columns: Mapping[str, Array], living_share: Array, patients: NDArray[np.int64],
        streams: Streams,
    ) -> Array:  # fmt: skip
        """(patients, parameters) with each patient's luck and amounts added; of further cells only the living count."""
        n = len(numbers)
        luck = [spread * LUCK[name](patients, streams) for name, spread in self.spreads.items()]
        drugs = [one.amount.each(one.unit, columns, n) for one in self.rescue]
        cells = [one.amount.each(one.unit, columns, n) * living_share for one in self.redose]
        return np.column_stack([numbers, *luck, *drugs, *cells])

    def never(self, numbers: Array) -> Array:
        """(patients, parameters) with which no rescue is called for and further doses hold nothing."""
        n, drugs = len(numbers), len(self.rescue) + len(self.redose)
        return np.column_stack([numbers, np.full((n, len(self.spreads)), NEVER), np.zeros((n, drugs))])

    def reached(self, event_day: Array) -> dict[tuple[str, int], Array]:
        """(toxicity, grade) -> (patients,) first day on which a rescue found it reached, NaN for never."""
        out: dict[tuple[str, int], Array] = {}
        for i, one in enumerate(self.rescue):
            what = (one.toxicity, one.grade)
            out[what] = np.fmin(out[what], event_day[:, i]) if what in out else event_day[:, i]
        return out

    def redosed(self, event_count: NDArray[np.int32]) -> NDArray[np.int64]:
        """(patients,) further infusions given, from the counts of the network's events."""
        return np.asarray(event_count[:, len(self.rescue) :].sum(axis=1), dtype=np.int64)


def actions_of(network: Network, rescue: Sequence[Rescue], redose: Sequence[Redose], numbers: Numbers) -> Actions:
    """The network with an event for each rescue drug and each rule of further dosing.

    A rescue drug is given once, at the moment at which the severity of the toxicity, as the trial grades it, passes the
    cut-point of the grade. A further dose is given when an observable falls below its level.

    Raises:
        UserError: an observable that the model lacks, or a level in another unit.
    """
    graders = {"CRS": _crs, "ICANS": _icans}
    spreads = {name: numbers[f"{name.lower()}.spread"] for name in dict.fromkeys(one.toxicity for one in rescue)}
    slots = [Slot(_luck(name), "", "", _luck(name)) for name in spreads]
    running: dict[str, RunningRow] = {}
    events = []
    for i, one in enumerate(rescue):
        severity, rows = graders[one.toxicity](network, numbers)
        running |= {row.name: row for row in rows}
        slots.append(Slot(f"rescue {i}", one.unit, "", f"rescue {i}"))
        reached = severity + symbol(_luck(one.toxicity)) > _cut(one, numbers)
        events.append(EventRow(f"rescue {i}: {one.dose}", reached, _given(network, one.dose, f"rescue {i}"), most=1))
    for i, rule in enumerate(redose):
        slots.append(Slot(f"redose {i}", rule.unit, "", f"redose {i}"))
        time, level = symbol("time"), _observed(network, rule.observable, rule.unit_of_level)
        low = sympy.And(level < rule.level, time >= rule.after, time <= rule.until)
        acts = _given(network, rule.dose, f"redose {i}")
        events.append(EventRow(f"redose {i}: {rule.dose}", low, acts, most=rule.most))
    whole = replace(
        network, parameters=(*network.parameters, *slots), events=tuple(events), running=tuple(running.values())
    )
    return Actions(whole, tuple(rescue), tuple(redose), spreads)


def _luck(toxicity: str) -> str:
    return f"luck of {toxicity}"


def _cut(one: Rescue, numbers: Numbers) -> float:
    cut = float(numbers.cuts(one.toxicity.lower())[one.grade - 1])
    return cut if one.toxicity == "CRS" else float(np.log(cut))


def _target(network: Network, observable: str) -> sympy.Symbol:
    return symbol(next(target for name, target, _ in network.observables if name == observable))


def _crs(network: Network, numbers: Numbers) -> tuple[sympy.Expr, list[RunningRow]]:
    known = [name for name, _, _ in network.observables]
    il6 = _target(network, "il6_signal" if "il6_signal" in known else "il6")
    window = (0.0, numbers["crs.window"])
    rows = [
        RunningRow("highest il6", "peak", crs_signal(il6, numbers), *window),
        RunningRow("highest ifn_gamma", "peak", crs_signal(_target(network, "ifn_gamma"), numbers), *window),
        RunningRow("days of fever", "days", il6 - numbers["crs.fever_il6"], *window),
    ]
    return crs_severity(numbers, *[symbol(row.name) for row in rows]), rows


def _icans(network: Network, numbers: Numbers) -> tuple[sympy.Expr, list[RunningRow]]:
    injury = icans_signal(_target(network, "endothelial_injury"), numbers)
    row = RunningRow("highest injury", "peak", injury, 0.0, numbers["icans.window"])
    return symbol(row.name), [row]


def _given(network: Network, dose: str, amount: str) -> tuple[tuple[str, sympy.Expr], ...]:
    """What one dose assigns: state * keep + constant + amount * factors, as a dose on a fixed day does."""

    def after(entry: Entry) -> sympy.Expr:
        factors = [symbol(one) if isinstance(one, str) else sympy.Float(one) for one in entry.factors]
        return symbol(entry.state) * entry.keep + entry.constant + symbol(amount) * sympy.Mul(*factors)

    return tuple((entry.state, after(entry)) for entry in network.entries if entry.dose == dose)


def _observed(network: Network, observable: str, unit: str) -> sympy.Symbol:
    known = {name: measured for name, _, measured in network.observables}
    if observable not in known:
        hint = nearest(observable, known)
        raise UserError(f"found the observable {observable!r} in 'redose'; needed one of {sorted(known)}{hint}")
    if not units.same(known[observable], unit):
        raise UserError(f"found a level of {observable} in [{units.short(unit)}]; needed [{known[observable]}]")
    return _target(network, observable)
