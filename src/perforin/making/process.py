"""How a product is made and how long that takes: numbers with their sources, and the distributions they describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from perforin.evidence.parameters import Row
from perforin.making.numbers import Reader
from perforin.making.recipe import Recipe, read_recipe
from perforin.making.steps import Step, downstream, durations, finishes, read_steps, upstream
from perforin.streams import Streams

__all__ = ["Process", "Remake", "Waiting", "read_process"]

Array = NDArray[np.float64]

_KEYS = ("label", "summary", "starting_material", "waiting", "steps", "failure", "remake", "cost_of_goods",
         "list_price", "thaw", "batch", "specifications", "lane", "sources")  # fmt: skip


@dataclass(frozen=True)
class Waiting:
    """Time from enrolment to infusion when all goes well.

    ``lognormal``: median and the standard deviation of the logarithm; ``shifted_gamma``: never below ``shift``, with
    ``sigma`` the coefficient of variation of what comes on top; ``constant``: the median for everybody.
    """

    kind: str
    median: Row
    sigma: Row | None = None
    shift: Row | None = None

    def quantile(self, score: Array) -> Array:
        """(n,) days at standard normal scores, so that a patient's luck has one meaning in every process."""
        if self.kind == "constant" or self.sigma is None or self.sigma.value == 0:
            return np.full(len(score), self.median.value)
        if self.kind == "lognormal":
            return np.asarray(self.median.value * np.exp(self.sigma.value * score), dtype=np.float64)
        shift = self.shift.value if self.shift else 0.0
        shape = self.sigma.value**-2
        drawn = gammaincinv(shape, ndtr(score)) / gammaincinv(shape, 0.5)
        return np.asarray(shift + (self.median.value - shift) * drawn, dtype=np.float64)


@dataclass(frozen=True)
class Remake:
    """A second attempt after a failure: how often it ends in an infusion, and the days it adds."""

    probability_of_success: Row
    delay: Row


@dataclass(frozen=True)
class Process:
    """How one product is made.

    ``starting_material`` is the patient's own cells or a donor bank, and nothing else tells an own-cell product from
    one off the shelf. ``waiting`` is what published trials waited; without it the wait is the longest path through
    ``steps``. ``failure`` is the published share of orders that fail; ``batch`` says how a batch grows, with its own
    reasons to fail. ``specifications`` and ``lane`` name how it is released and shipped, "" for none; with a lane what
    thaw leaves comes from there, by the ``preparation`` of the cells, and not from ``thaw``.
    """

    name: str
    label: str
    starting_material: str
    waiting: Waiting | None
    failure: Row
    thaw: Row
    remake: Remake | None = None
    cost_of_goods: Row | None = None
    list_price: Row | None = None
    steps: tuple[Step, ...] = ()
    batch: Recipe | None = None
    specifications: str = ""
    lane: str = ""
    preparation: str = ""
    summary: str = ""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every number with its source, for the parameter table and the assumption ledger."""
        return tuple(row for row in self._rows() if row is not None)

    def _rows(self) -> Iterator[Row | None]:
        if self.waiting:
            yield from (self.waiting.median, self.waiting.sigma, self.waiting.shift)
        yield from (self.failure, self.thaw)
        if self.remake:
            yield from (self.remake.probability_of_success, self.remake.delay)
        yield from (self.cost_of_goods, self.list_price)
        for step in self.steps:
            yield from step.rows
        yield from self.batch.rows if self.batch else ()

    @property
    def batch_steps(self) -> tuple[Step, ...]:
        """The steps that end with finished doses: those up to the store, or all of them."""
        stores = [step.name for step in self.steps if step.stored]
        return upstream(self.steps, stores[0]) if stores else self.steps

    @property
    def order_steps(self) -> tuple[Step, ...]:
        """The steps that a patient waits for: all for own cells, those after the store for cells from a bank."""
        stores = [step.name for step in self.steps if step.stored]
        return downstream(self.steps, stores[0]) if stores and self.starting_material != "patient" else self.steps

    def wait(self, patients: NDArray[np.int64], streams: Streams) -> Array:
        """(n,) days from the order to the infusion when all goes well.

        Where a process states its waiting, that is drawn (purpose "waiting"); else each step's duration is, and the
        longest path counts (purpose "duration of STEP").
        """
        if self.waiting is not None:
            return self.waiting.quantile(streams.normal("waiting", patients))
        ends = finishes(self.order_steps, durations(self.order_steps, patients, streams))
        return np.asarray(np.max([np.zeros(len(patients)), *ends.values()], axis=0), dtype=np.float64)

    @property
    def typical_wait(self) -> float:
        """Days that a typical patient waits when all goes well."""
        if self.waiting is not None:
            return self.waiting.median.value
        steps = self.order_steps
        return float(max(finishes(steps, {step.name: step.duration.value for step in steps}).values(), default=0.0))


def read_process(name: str, mapping: Mapping[str, Any], place: str = "") -> Process:
    """A process from its YAML mapping.

    Args:
        name: the file's stem, such as ``autologous_slow``.
        mapping: ``label, starting_material, waiting {kind, median, sigma, shift} or steps [{name, after, duration,
            yield, failure, cost, stored}], failure {probability}, remake {probability_of_success, delay},
            cost_of_goods, list_price, thaw {viability, preparation}, batch (see ``recipe``), specifications, lane``;
            every number is a mapping with value, unit, low, high, cv, kind, status, source, locator and note.
        place: the file, for messages; where it can be read they name the line.

    Raises:
        UserError: an unknown key, a missing part, a unit of another dimension, a share above 1, a negative duration
            or cost, steps in a circle or after one that is not there, no source.
    """
    reader = Reader(name, place or f"processes/{name}.yaml")
    if not isinstance(mapping, Mapping):
        raise reader.refuse(f"found {mapping!r}; needed a mapping with {', '.join(_KEYS[1:])}")
    reader.check_keys(mapping, (), _KEYS)
    material = reader.choice(mapping.get("starting_material"), ("patient", "donor_bank"), ("starting_material",))
    again = None
    if mapping.get("remake") is not None:
        part = reader.part(mapping, ("remake",), ("probability_of_success", "delay"))
        share = reader.number(part, ("remake", "probability_of_success"), "", 1.0)
        again = Remake(share, reader.number(part, ("remake", "delay"), "day"))
    steps = read_steps(reader, mapping["steps"]) if mapping.get("steps") is not None else ()
    waits = mapping.get("waiting") is not None or not steps
    failure = reader.part(mapping, ("failure",), ("probability",))
    thaw = reader.part(mapping, ("thaw",), ("viability", "preparation"))
    return Process(
        name=name,
        label=str(mapping.get("label", name)),
        summary=str(mapping.get("summary", "")),
        starting_material=material,
        waiting=_read_waiting(reader, mapping) if waits else None,
        failure=reader.number(failure, ("failure", "probability"), "", 1.0),
        thaw=reader.number(thaw, ("thaw", "viability"), "", 1.0),
        remake=again,
        cost_of_goods=reader.optional(mapping, ("cost_of_goods",), "USD"),
        list_price=reader.optional(mapping, ("list_price",), "USD"),
        steps=steps,
        batch=read_recipe(reader, mapping, steps) if mapping.get("batch") is not None else None,
        specifications=str(mapping.get("specifications") or ""),
        lane=str(mapping.get("lane") or ""),
        preparation=str(thaw.get("preparation") or ""),
    )


def _read_waiting(reader: Reader, mapping: Mapping[str, Any]) -> Waiting:
    part = reader.part(mapping, ("waiting",), ("kind", "median", "sigma", "shift"))
    kind = reader.choice(part.get("kind"), ("lognormal", "shifted_gamma", "constant"), ("waiting", "kind"))
    median = reader.number(part, ("waiting", "median"), "day")
    if kind == "constant":
        return Waiting(kind, median)
    sigma = reader.number(part, ("waiting", "sigma"), "")
    shift = reader.optional(part, ("waiting", "shift"), "day")
    if shift is not None and (kind == "lognormal" or shift.value >= median.value):
        problem = f"waiting: found the shift {shift.value:g} day with a {kind} of median {median.value:g} day"
        raise reader.refuse(f"{problem}; needed a shifted_gamma whose median lies above the shift", ("waiting",))
    return Waiting(kind, median, sigma, shift)
