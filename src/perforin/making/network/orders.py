"""A whole cohort through a supply network: one row for each patient and replication, and what the stock did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.making.network.calendar import LotsSpent
from perforin.making.network.description import Network
from perforin.making.network.drawing import Drawing
from perforin.making.network.plan import DELAY, INFUSED, LOST, Outcome, Plan
from perforin.making.network.simulate import Engine, chosen_engine, run
from perforin.streams import Streams

__all__ = ["LOST_WAITING", "NO_DONOR", "STATUSES", "Orders", "simulate"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

STATUSES = ("in system", "infused", "lost")
LOST_WAITING = "died or became ineligible while waiting"
NO_DONOR = "no donor class without an antibody"
FIRST_LOTS = 32


@dataclass(frozen=True)
class Orders:
    """What became of every order; days count from the start of the simulation.

    ``table``: rep, patient, status, cause_of_loss, stage (reached last), referred, deadline, the day on which each
    stage ended (``NAME_day``, of the last attempt), infused, the site of each group, lot and donor_class, remakes,
    ``waiting_NAME`` days in the queue of each shared stage over all attempts, match_score, and recalled (the lot was
    recalled, whether before or after the infusion).

    ``visits`` to shared stages: rep, patient, attempt, stage, site, entered, started, ended and left_queue (the
    start, or the loss while waiting; NaN who still waits). ``lots``: rep, hub, donor_class, lot, and what became of
    its units: made, used, expired, refused, recalled, left; days ordered, stocked, recalled_on, expires.
    ``sites``: rep, group, site, kind and capacity (lines, or appointments until the end; NaN for a store).
    """

    network: Network
    table: pd.DataFrame
    visits: pd.DataFrame
    lots: pd.DataFrame
    sites: pd.DataFrame
    until: float
    replications: int
    engine: Engine

    @property
    def causal_share(self) -> float:
        """How much of the association of delay with outcome is the delay's own doing, from 0 to 1."""
        return self.network.attrition.causal_share.value


def simulate(
    network: Network, streams: Streams, *, n: int | None = None, replications: int = 1,
    arrival: ArrayLike | None = None, deadline: ArrayLike | None = None, urgency: ArrayLike | None = None,
    engine: Engine | None = None,
) -> Orders:  # fmt: skip
    """Send patients through a network.

    Args:
        network: as ``read_network`` gives it.
        streams: the shared luck, by purpose and patient, site or lot.
        n: referrals, at random days of the simulated ones; as many as the network's rate gives if not given. More or
            fewer stretch or shorten the simulated days, so that the rate stays.
        replications: how often, with other luck each time.
        arrival: (n,) day of each referral, in place of random ones; the network's days are then simulated.
        deadline: (n,) days from referral to the loss of each patient by the own untreated course, infinity for none;
            by the network's constant hazard if not given.
        urgency: (n,) who has more is served sooner where the discipline is urgency; the earlier deadline if not given.
        engine: which; the fastest that is exact if not given.

    Raises:
        UserError: fewer than one patient or replication, arrays of other lengths or that hold what is no day, a
            referral after the simulated days.
    """
    rate, days = network.referrals.value, network.days.value
    count = round(rate * days) if n is None else n
    if arrival is not None:
        count = len(np.atleast_1d(arrival))
    if count < 1 or replications < 1:
        raise UserError(f"found {count} patients and {replications} replications; needed 1 or more of each")
    until = days if n is None or arrival is not None else n / rate
    patients = np.arange(count)
    given = {name: _column(name, value, count) for name, value in
             (("arrival", arrival), ("deadline", deadline), ("urgency", urgency))}  # fmt: skip
    if given["arrival"] is not None and given["arrival"].max() > until:
        last = given["arrival"].max()
        raise UserError(f"found a referral on day {last:g}; needed all within the {until:g} days of the network")
    tables, visits, lots, sites, used = [], [], [], [], engine
    for replication in range(replications):
        luck = Drawing(network, patients, np.empty(0), streams, replication, until)
        came = until * luck.uniform("referral") if given["arrival"] is None else given["arrival"]
        drawing = Drawing(network, patients, came, streams, replication, until)
        lost = drawing.deadline() if given["deadline"] is None else came + given["deadline"]
        plan, out = _run(drawing, lost, given["urgency"], engine)
        used = engine or chosen_engine(plan)
        tables.append(_table(drawing, plan, out))
        visits.append(_visits(drawing, plan, out))
        lots.append(_lots(drawing, out))
        sites.append(_sites(drawing, plan))
    assert used is not None
    together = [pd.concat(parts, ignore_index=True) for parts in (tables, visits, lots, sites)]
    return Orders(network, together[0], together[1], together[2], together[3], until, replications, used)


def _column(name: str, value: ArrayLike | None, count: int) -> Array | None:
    if value is None:
        return None
    column = np.asarray(value, dtype=np.float64)
    if column.shape != (count,) or np.isnan(column).any() or (name != "urgency" and (column < 0).any()):
        needed = "numbers" if name == "urgency" else "days of 0 or more"
        raise UserError(f"found {name} of shape {column.shape}, {np.isnan(column).sum()} no numbers, "
                        f"{(column < 0).sum()} negative; needed {count} {needed}, one for each patient")  # fmt: skip
    return column


def _run(drawing: Drawing, deadline: Array, urgency: Array | None, engine: Engine | None) -> tuple[Plan, Outcome]:
    lots = FIRST_LOTS
    while True:
        plan = drawing.plan(deadline, urgency, lots)
        try:
            return plan, run(plan, engine)
        except LotsSpent:
            lots *= 4


def _table(drawing: Drawing, plan: Plan, out: Outcome) -> pd.DataFrame:
    network, n = drawing.network, len(drawing.patients)
    causes = np.array(list(_causes(network)), dtype=object)
    reached = _reached(out)
    columns: dict[str, object] = {
        "rep": np.full(n, drawing.replication), "patient": drawing.patients,
        "status": np.array(STATUSES, dtype=object)[out.status], "cause_of_loss": causes[out.cause],
        "stage": np.array([*(stage.name for stage in network.stages), ""], dtype=object)[reached],
        "referred": plan.arrival, "deadline": plan.deadline,
    }  # fmt: skip
    last = _ended(plan, out)
    columns |= {f"{stage.name}_day": last[:, s] for s, stage in enumerate(network.stages)}
    columns |= {"infused": np.where(out.status == INFUSED, out.day, np.nan),
                "lost": np.where(out.status == LOST, out.day, np.nan)}  # fmt: skip
    sites = np.array([site.name for site in drawing.sites] or [""], dtype=object)
    columns |= {group: sites[pool] for group, pool in drawing.site_of.items()}
    classes, k = np.array([*(network.donor_classes or [""]), ""], dtype=object), plan.lead.shape[2]
    given = np.where(out.lot >= 0, out.lot // k % plan.choice.shape[1], -1)
    columns |= {"lot": out.lot, "donor_class": classes[given], "remakes": out.attempt}
    left = _left_queue(out)
    for s in np.flatnonzero(plan.kind != DELAY):
        wait = np.where(np.isnan(left[:, :, s]), drawing.until, left[:, :, s]) - out.entered[:, :, s]
        columns[f"waiting_{network.stages[s].name}"] = np.nansum(wait, axis=0)
    score = np.take_along_axis(drawing.match_score, np.maximum(given, 0)[:, None], axis=1)[:, 0]
    columns["match_score"] = np.where(given >= 0, score, 0.0)
    recalled = np.isfinite(out.ledger.recalled_on.ravel()) if plan.lead.size else np.zeros(1, np.bool_)
    columns["recalled"] = (out.lot >= 0) & recalled[out.lot]
    return pd.DataFrame(columns)


def _causes(network: Network) -> Iterator[str]:
    """Words for the causes of a plan, the last for none."""
    yield LOST_WAITING
    yield from (stage.lost.cause if stage.lost else "" for stage in network.stages)
    yield NO_DONOR
    yield ""


def _reached(out: Outcome) -> Whole:
    """(n,) the stage in which each patient is or was lost; one past the last for those infused."""
    n, stages = out.entered.shape[1:]
    entered = ~np.isnan(out.entered[out.attempt, np.arange(n)])
    last = stages - 1 - np.argmax(entered[:, ::-1], axis=1)
    return np.asarray(np.where(out.status == INFUSED, stages, last), dtype=np.int64)


def _ended(plan: Plan, out: Outcome) -> Array:
    """(n, stages) when each stage ended, at the last attempt of those that it repeats."""
    ended: Array = out.ended[0].copy()
    begins = plan.again.max()
    for attempt in range(1, len(out.ended)):
        again = out.attempt >= attempt
        ended[again, begins:] = out.ended[attempt, again, begins:]
    return ended


def _left_queue(out: Outcome) -> Array:
    """(attempts, n, stages) when each stopped waiting: the start, or the loss; NaN who still waits or never came."""
    waited = ~np.isnan(out.entered) & np.isnan(out.started)
    gone = np.where(out.status == LOST, out.day, np.nan)[None, :, None]
    return np.where(waited, np.broadcast_to(gone, waited.shape), out.started)


def _visits(drawing: Drawing, plan: Plan, out: Outcome) -> pd.DataFrame:
    network = drawing.network
    shared = np.flatnonzero(plan.kind != DELAY)
    attempt, who, place = np.nonzero(~np.isnan(out.entered[:, :, shared]))
    s = shared[place]
    sites = np.array([site.name for site in drawing.sites] or [""], dtype=object)
    return pd.DataFrame({
        "rep": np.full(len(who), drawing.replication), "patient": drawing.patients[who], "attempt": attempt,
        "stage": np.array([stage.name for stage in network.stages], dtype=object)[s],
        "site": sites[plan.pool[who, s]], "entered": out.entered[attempt, who, s],
        "started": out.started[attempt, who, s], "ended": out.ended[attempt, who, s],
        "left_queue": _left_queue(out)[attempt, who, s], "days": plan.days[attempt, who, s],
    })  # fmt: skip


def _lots(drawing: Drawing, out: Outcome) -> pd.DataFrame:
    ledger = out.ledger
    h, c, k = np.nonzero(~np.isnan(ledger.ordered))
    hubs = np.array([site.name for site in drawing.sites if site.stock is not None] or [""], dtype=object)
    classes = np.array(list(drawing.network.donor_classes) or [""], dtype=object)
    number = (h * ledger.made.shape[1] + c) * ledger.made.shape[2] + k
    columns = {"rep": np.full(len(h), drawing.replication), "hub": hubs[h], "donor_class": classes[c], "lot": number}
    return pd.DataFrame(columns | {name: getattr(ledger, name)[h, c, k] for name in ledger._fields})


def _sites(drawing: Drawing, plan: Plan) -> pd.DataFrame:
    """Each site with its lines, or its appointments until the end."""
    rows = []
    for pool, (group, site) in enumerate(drawing.named_sites):
        coming = plan.slot_day[plan.slot[pool] : plan.slot[pool + 1]]
        offered = {"lines": float(plan.lines[pool]), "slots": float((coming <= drawing.until).sum())}
        capacity = offered.get(site.kind, np.nan)
        rows.append((drawing.replication, group, site.name, site.kind, capacity))
    return pd.DataFrame(rows, columns=["rep", "group", "site", "kind", "capacity"])
