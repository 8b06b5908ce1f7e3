"""From a network and everybody's luck to a plan: each draw by purpose and patient, site or lot, never by arm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.making.network.description import Network, Site, Stage
from perforin.making.network.matching import preferences, scores
from perforin.making.network.plan import DELAY, LINES, SLOTS, STOCK, Plan
from perforin.streams import Streams

__all__ = ["Drawing"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Drawing:
    """The luck of one replication of a network: ``patients`` (n,) numbers, ``arrival`` (n,) [day]."""

    network: Network
    patients: Whole
    arrival: Array
    streams: Streams
    replication: int
    until: float

    def uniform(self, purpose: str, ids: ArrayLike | None = None, index: int = 0) -> Array:
        """(n,) uniform numbers, of the patients if nothing else is given."""
        return self.streams.uniform(self._named(purpose), self.patients if ids is None else ids, index)

    def normal(self, purpose: str, ids: ArrayLike | None = None, index: int = 0) -> Array:
        """(n,) standard normal numbers, likewise."""
        return self.streams.normal(self._named(purpose), self.patients if ids is None else ids, index)

    def _named(self, purpose: str) -> str:
        return f"{purpose}, replication {self.replication}" if self.replication else purpose

    @cached_property
    def named_sites(self) -> list[tuple[str, Site]]:
        """Every site with its group, in the order of the pools."""
        return [(group, site) for group, sites in self.network.sites.items() for site in sites]

    @cached_property
    def sites(self) -> list[Site]:
        """Every site, in the order of the pools."""
        return [site for _, site in self.named_sites]

    @cached_property
    def site_of(self) -> dict[str, Whole]:
        """(n,) the pool that serves each patient in each group of sites."""
        found, first = {}, 0
        for group, sites in self.network.sites.items():
            bounds = np.cumsum([site.share for site in sites])
            chosen = np.searchsorted(bounds / bounds[-1], self.uniform(f"site of {group}"), side="right")
            found[group] = first + np.minimum(chosen, len(sites) - 1)
            first += len(sites)
        return found

    @cached_property
    def match_score(self) -> Array:
        """(n, classes), one column of zeros where nothing is matched."""
        matching = self.network.matching
        if matching is None:
            return np.zeros((len(self.patients), 1))
        return scores(self.network.donor_classes, matching, self.uniform)

    def deadline(self) -> Array:
        """(n,) day on which each patient is lost, by the constant hazard."""
        hazard = self.network.attrition.hazard.value
        if hazard == 0:
            return np.full(len(self.patients), np.inf)
        return self.arrival - np.log(self.uniform("attrition")) / hazard

    def plan(self, deadline: Array, urgency: Array | None, lots: int) -> Plan:
        """Everything that an engine reads.

        Args:
            deadline: (n,) day on which each patient is lost.
            urgency: (n,) the higher the sooner, for that discipline; the earlier deadline if not given.
            lots: of each hub and donor class.
        """
        stages = self.network.stages
        kinds = [_kind(self.network, stage) for stage in stages]
        pool = [self.site_of[stage.at] if stage.at else np.full(len(self.patients), -1) for stage in stages]
        closed = [self._closed(site, f"{group} {site.name}") for group, site in self.named_sites]
        slots = [self._slots(site, f"{group} {site.name}") for group, site in self.named_sites]
        windows = np.concatenate([np.empty((0, 2)), *closed])
        names = [stage.name for stage in stages]
        again = [names.index(stage.remake.begins) if stage.remake else -1 for stage in stages]
        return Plan(
            arrival=self.arrival, deadline=deadline, rank=self._rank(deadline, urgency), kind=np.array(kinds),
            days=np.stack([self._days(attempt) for attempt in range(self.network.attempts)]),
            fails=np.stack([self._fails(attempt) for attempt in range(self.network.attempts)]),
            again=np.array(again), pool=np.column_stack(pool),
            lines=np.array([round(site.lines.value) if site.lines else 0 for site in self.sites], np.int64),
            closed=_offsets(map(len, closed)), closed_from=windows[:, 0].copy(), closed_to=windows[:, 1].copy(),
            slot=_offsets(map(len, slots)), slot_day=np.concatenate([np.empty(0), *slots]),
            choice=preferences(self.match_score), until=np.array([self.until]), **self._stock(lots),
        )  # fmt: skip

    def _days(self, attempt: int) -> Array:
        return np.column_stack([
            stage.duration.quantile(self.normal(f"duration of {stage.name}", index=attempt))
            if stage.duration else np.zeros(len(self.patients)) for stage in self.network.stages
        ])  # fmt: skip

    def _fails(self, attempt: int) -> NDArray[np.bool_]:
        def share(stage: Stage) -> float:
            if stage.remake and attempt:
                return 1 - stage.remake.success.value
            return stage.lost.share.value if stage.lost else 0.0

        return np.column_stack([
            self.uniform(f"loss in {stage.name}", index=attempt) < share(stage) for stage in self.network.stages
        ])  # fmt: skip

    def _rank(self, deadline: Array, urgency: Array | None) -> Array:
        if self.network.discipline == "lottery":
            return self.uniform("lottery")
        if self.network.discipline == "urgency":
            return deadline if urgency is None else -urgency
        return np.zeros(len(self.patients))

    def _closed(self, site: Site, name: str) -> Array:
        """(windows, 2) when nothing begins, rising and apart."""
        windows = [np.empty((0, 2))]
        if site.closed == "weekends":
            saturdays = np.arange(5.0, self.until + 7, 7.0)
            windows.append(np.column_stack([saturdays, saturdays + 2]))
        elif isinstance(site.closed, tuple):
            windows.append(np.array(site.closed, dtype=np.float64).reshape(-1, 2))
        if site.outage is not None:
            between, lasts = site.outage.interval.value, site.outage.duration.value
            many = np.arange(_enough(self.until / between))
            gaps = -between * np.log(self.uniform(f"outage of {name}", many))
            ends = -lasts * np.log(self.uniform(f"length of an outage of {name}", many))
            starts = np.cumsum(gaps) + np.concatenate([[0.0], np.cumsum(ends)[:-1]])
            windows.append(np.column_stack([starts, starts + ends]))
        return _apart(np.concatenate(windows))

    def _slots(self, site: Site, name: str) -> Array:
        """(slots,) days of appointments, rising."""
        if site.slots is None:
            return np.empty(0)
        rate = site.slots.rate.value
        if site.slots.spacing == "even":
            return np.arange(1, int(self.until * rate) + 1) / rate
        many = np.arange(_enough(self.until * rate))
        return np.cumsum(-np.log(self.uniform(f"appointments of {name}", many)) / rate)

    def _stock(self, lots: int) -> dict[str, Any]:
        stores = [k for k, site in enumerate(self.sites) if site.stock is not None]
        hub = np.full(len(self.sites), -1)
        hub[stores] = np.arange(len(stores))
        classes, made = list(self.network.donor_classes) or [""], self.network.lots
        shape = (len(stores), len(classes), lots)
        if made is None:
            none, units = np.zeros((0, len(classes), 1)), np.zeros((0, len(classes)), np.int64)
            return {"hub": hub, "reorder": units, "up_to": units, "initial": units, "review": np.empty(0), "lead": none,
                    "shelf": none, "rejected": none > 0, "recall": none}  # fmt: skip
        policies = [[(self.sites[k].stock or {})[name] for name in classes] for k in stores]
        ids, many = [f"{self.sites[k].name} {name}" for k in stores for name in classes], np.arange(lots)

        def of(purpose: str, normal: bool = False) -> Array:
            draw = self.normal if normal else self.uniform
            return np.concatenate([draw(f"{purpose} {name}", many) for name in ids]).reshape(shape)

        rejected = of("rejection of a lot for") < made.rejected.value
        rejected[:, :, 0] = False
        recalled = of("recall of a lot for") < made.recalled.value
        after = made.recalled_after.quantile(of("day of a recall for", True).ravel()).reshape(shape)
        return {
            "hub": hub, "reorder": np.array([[one.s for one in row] for row in policies]),
            "up_to": np.array([[one.S for one in row] for row in policies]),
            "initial": np.array([[one.S if one.initial is None else one.initial for one in row] for row in policies]),
            "review": np.array([review.value if (review := self.sites[k].review) else 0.0 for k in stores]),
            "lead": made.lead_time.quantile(of("lead time of a lot for", True).ravel()).reshape(shape),
            "shelf": made.shelf_life.quantile(of("shelf life of a lot for", True).ravel()).reshape(shape),
            "rejected": rejected, "recall": np.where(recalled, after, np.inf),
        }  # fmt: skip


def _kind(network: Network, stage: Stage) -> int:
    if not stage.at:
        return DELAY
    return {"lines": LINES, "slots": SLOTS, "stock": STOCK}[network.sites[stage.at][0].kind]


def _enough(expected: float) -> int:
    """More than a Poisson number of this mean will ever be, so that the draws reach beyond the end."""
    return int(expected + 10 * np.sqrt(expected) + 20)


def _offsets(lengths: Iterable[int]) -> Whole:
    return np.concatenate([[0], np.cumsum(list(lengths), dtype=np.int64)]).astype(np.int64)


def _apart(windows: Array) -> Array:
    """Windows that overlap or touch as one, rising."""
    windows = windows[np.argsort(windows[:, 0], kind="stable")]
    if not len(windows):
        return windows
    reach = np.maximum.accumulate(windows[:, 1])
    first = np.concatenate([[True], windows[1:, 0] > reach[:-1]])
    starts = np.flatnonzero(first)
    return np.column_stack([windows[starts, 0], reach[np.append(starts[1:] - 1, len(windows) - 1)]])
