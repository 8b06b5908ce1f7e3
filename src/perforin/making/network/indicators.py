"""What a network achieves: the funnel, waits, use of capacity, stock; with intervals over replications."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from perforin.making.network.orders import Orders
from perforin.records import Estimate, exact_interval

__all__ = ["busy_lines", "cumulative_incidence", "funnel", "indicators", "queue_length", "stock_level"]

Array = NDArray[np.float64]

LEVEL = 0.95


def cumulative_incidence(orders: Orders, days: ArrayLike) -> pd.DataFrame:
    """Share infused, or lost by each cause, by days from referral (Aalen and Johansen 1978).

    Infusion and every cause compete; who is still in the system at the end is censored there.

    Returns:
        Columns outcome (``infused`` or a cause), day, share; all replications together.
    """
    table, days = orders.table, np.asarray(days, dtype=np.float64)
    end = table["infused"].fillna(table["lost"])
    time = (end.fillna(orders.until) - table["referred"]).to_numpy()
    outcome = np.where(table["status"] == "infused", "infused", table["cause_of_loss"]).astype(object)
    order = np.argsort(time, kind="stable")
    time, outcome = time[order], outcome[order]
    at_risk = np.arange(len(time), 0, -1)
    event = outcome != ""
    # With patients in order of time, ties give the same product whether taken together or one by one.
    before = np.concatenate([[1.0], np.cumprod(1 - event / at_risk)[:-1]])
    rows = []
    for name in ["infused", *sorted(set(outcome) - {"", "infused"})]:
        line = np.concatenate([[0.0], np.cumsum(np.where(outcome == name, before / at_risk, 0.0))])
        share = line[np.searchsorted(time, days, side="right")]
        rows.append(pd.DataFrame({"outcome": name, "day": days, "share": share}))
    return pd.concat(rows, ignore_index=True)


def funnel(orders: Orders) -> pd.DataFrame:
    """Mean numbers a replication by stage.

    Returns:
        Columns stage, entered, completed, ``in system``, and one for each cause of loss in that stage.
    """
    table, stages = orders.table, [stage.name for stage in orders.network.stages]
    place = pd.Categorical(table["stage"].where(table["stage"] != "", "infused"), [*stages, "infused"], ordered=True)
    reached = place.codes
    rows = []
    for s, stage in enumerate(stages):
        here = table[reached == s]
        lost = here.loc[here["status"] == "lost", "cause_of_loss"].value_counts()
        counts = {"entered": (reached >= s).sum(), "completed": (reached > s).sum(),
                  "in system": (here["status"] == "in system").sum(), **lost}  # fmt: skip
        rows.append({"stage": stage} | {name: count / orders.replications for name, count in counts.items()})
    return pd.DataFrame(rows).fillna(0.0)


def queue_length(orders: Orders, days: ArrayLike) -> pd.DataFrame:
    """Who waits at each shared stage, by day: columns stage, day, mean, low, high (95 % of replications)."""
    names = {"entered": "from", "left_queue": "to"}
    spans = {str(stage): part.rename(columns=names) for stage, part in orders.visits.groupby("stage", sort=False)}
    return _over_time(orders, days, spans, "stage")


def busy_lines(orders: Orders, days: ArrayLike) -> pd.DataFrame:
    """Share of each site's lines in use, by day: columns site, day, mean, low, high."""
    lines = orders.sites[orders.sites["kind"] == "lines"].drop_duplicates("site").set_index("site")["capacity"]
    begun = orders.visits.dropna(subset="started")
    begun = begun.assign(**{"from": begun["started"], "to": begun["started"] + begun["days"]})
    spans = {str(site): part for site, part in begun[begun["site"].isin(lines.index)].groupby("site", sort=False)}
    found = _over_time(orders, days, spans, "site")
    for name in ("mean", "low", "high"):
        found[name] /= found["site"].map(lines) if len(found) else 1.0
    return found


def stock_level(orders: Orders, days: ArrayLike) -> pd.DataFrame:
    """Units on hand in each hub, by day: columns hub, day, mean, low, high."""
    spans = {}
    for hub, lots in orders.lots.groupby("hub", sort=False):
        visits = orders.visits[(orders.visits["site"] == hub)].dropna(subset="started")
        there = lots.dropna(subset="stocked")
        held = pd.DataFrame({"rep": there["rep"], "from": there["stocked"], "units": there["made"] - there["refused"]})
        gone = [pd.DataFrame({"rep": visits["rep"], "from": visits["started"], "units": -1})]
        gone += [pd.DataFrame({"rep": there["rep"], "from": there[when], "units": -there[what]})
                 for when, what in (("expires", "expired"), ("recalled_on", "recalled"))]  # fmt: skip
        spans[str(hub)] = pd.concat([held, *gone]).assign(to=np.inf)
    return _over_time(orders, days, spans, "hub")


def _over_time(orders: Orders, days: ArrayLike, spans: dict[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """How many of the spans [from, to) hold each day, by replication, and then over these."""
    days, rows = np.asarray(days, dtype=np.float64), []
    for key, span in spans.items():
        counts = np.zeros((orders.replications, len(days)))
        for rep, part in span.groupby("rep"):
            units = part["units"].to_numpy(float) if "units" in part else np.ones(len(part))
            counts[int(str(rep))] = _steps(part["from"], units, days) - _steps(part["to"], units, days)
        low, high = np.quantile(counts, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        rows.append(pd.DataFrame({name: key, "day": days, "mean": counts.mean(axis=0), "low": low, "high": high}))
    empty = pd.DataFrame(columns=[name, "day", "mean", "low", "high"], dtype=float)
    return pd.concat(rows, ignore_index=True) if rows else empty


def _steps(at: pd.Series, units: Array, days: Array) -> Array:
    known = at.notna().to_numpy()
    when, amount = at.to_numpy(dtype=np.float64)[known], units[known]
    order = np.argsort(when, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(amount[order])])
    return np.asarray(total[np.searchsorted(when[order], days, side="right")], dtype=np.float64)


def indicators(orders: Orders, name: str = "") -> list[Estimate]:
    """Every key number, with a 95 % interval: over replications by Student's t, else by what one allows.

    Args:
        orders: of a simulation.
        name: of the network, as the arm of the estimates.
    """
    return [*_outcomes(orders, name), *_times(orders, name), *_sites_used(orders, name), *_stores(orders, name)]


def _outcomes(orders: Orders, name: str) -> Iterator[Estimate]:
    table = orders.table
    yield _share(orders, name, "share_infused", table["status"] == "infused")
    yield _share(orders, name, "share_in_system", table["status"] == "in system")
    for cause in sorted(set(table["cause_of_loss"]) - {""}):
        yield _share(orders, name, f"share_lost: {cause}", table["cause_of_loss"] == cause)
    yield _share(orders, name, "share_remade", table["remakes"] > 0)


def _times(orders: Orders, name: str) -> Iterator[Estimate]:
    table = orders.table
    done = table[table["status"] == "infused"]
    yield _median(orders, name, "referral_to_infusion", done["infused"] - done["referred"], done["rep"])
    before = "referred"
    for step in orders.network.stages:
        column = f"{step.name}_day"
        part = table.dropna(subset=column)
        yield _median(orders, name, f"days_in_{step.name}", part[column] - part[before], part["rep"])
        before = column
    for stage in orders.visits["stage"].unique():
        column = f"waiting_{stage}"
        part = table[table["stage"].eq("") | table[f"{stage}_day"].notna()]
        yield _median(orders, name, column, part[column], part["rep"])


def _sites_used(orders: Orders, name: str) -> Iterator[Estimate]:
    begun = orders.visits.dropna(subset="started")
    used = np.minimum(begun["started"] + begun["days"], orders.until) - begun["started"]
    for (group, site), part in orders.sites[orders.sites["kind"] != "stock"].groupby(["group", "site"], sort=False):
        here = begun["site"] == site
        capacity = part.set_index("rep")["capacity"]
        if part["kind"].iloc[0] == "lines":
            each = used[here].groupby(begun["rep"]).sum() / orders.until
        else:
            each = begun[here].groupby("rep").size().astype(float)
        share = each.reindex(capacity.index, fill_value=0.0) / capacity
        yield _across(name, f"utilisation: {group} {site}", share.to_numpy(), orders)


def _stores(orders: Orders, name: str) -> Iterator[Estimate]:
    if orders.lots.empty:
        return
    hubs = orders.sites.loc[orders.sites["kind"] == "stock", "site"].unique()
    asked = orders.visits[orders.visits["site"].isin(hubs)]
    yield _share(orders, name, "service_level", asked["started"] == asked["entered"], asked["rep"])
    there = orders.lots.dropna(subset="stocked")
    units = there.groupby("rep")[["made", "expired", "refused", "recalled"]].sum()
    for what in ("expired", "refused", "recalled"):
        yield _across(name, f"share_of_units_{what}", (units[what] / units["made"]).to_numpy(), orders)
    days = np.linspace(0, orders.until, 1 + int(orders.until))
    for hub, part in stock_level(orders, days).groupby("hub", sort=False):
        mean = float(part["mean"].mean())
        yield Estimate(f"units_in_stock: {hub}", name, mean, float(part["low"].mean()), float(part["high"].mean()),
                       orders.replications, "unit", "mean over days; range of 95 % of replications")  # fmt: skip


def _share(orders: Orders, name: str, endpoint: str, is_so: pd.Series, rep: pd.Series | None = None) -> Estimate:
    rep = orders.table["rep"] if rep is None else rep
    if orders.replications > 1:
        return _across(name, endpoint, is_so.groupby(rep).mean().to_numpy(float), orders, len(is_so))
    low, high = exact_interval(int(is_so.sum()), len(is_so))
    return Estimate(endpoint, name, float(is_so.mean()), low, high, len(is_so), "", "one replication, exact interval")


def _median(orders: Orders, name: str, endpoint: str, days: pd.Series, rep: pd.Series) -> Estimate:
    quartiles = [float(q) for q in np.quantile(days, [0.25, 0.5, 0.75])] if len(days) else [np.nan] * 3
    details, middle = {"q1": quartiles[0], "q3": quartiles[2]}, quartiles[1]
    if orders.replications > 1:
        found = _across(name, endpoint, days.groupby(rep).median().to_numpy(float), orders, len(days), False)
        middle, low, high, method = found.value, found.low, found.high, f"of the medians, {found.method}"
    else:
        ordered, k = np.sort(days.to_numpy(float)), 0.98 * np.sqrt(len(days))
        places = np.clip(np.rint([len(days) / 2 - k - 1, len(days) / 2 + k]), 0, max(len(days) - 1, 0)).astype(int)
        low, high = (float(ordered[i]) for i in places) if len(days) else (np.nan, np.nan)
        method = "one replication, interval by order statistics"
    return Estimate(endpoint, name, middle, low, high, len(days), "day", method, (), details)


def _across(
    name: str, endpoint: str, each: Array, orders: Orders, n: int | None = None, share: bool = True
) -> Estimate:
    mean, count, half = float(np.mean(each)) if len(each) else np.nan, len(each), np.nan
    if count > 1:
        half = float(student.ppf((1 + LEVEL) / 2, count - 1) * np.std(each, ddof=1) / np.sqrt(count))
    low, high = (max(mean - half, 0.0), min(mean + half, 1.0)) if share else (mean - half, mean + half)
    method = f"mean of {orders.replications} replications, Student's t" + (", kept within 0 and 1" if share else "")
    return Estimate(endpoint, name, mean, low, high, count if n is None else n, "", method)
