"""Where to stand: maximum coverage, p-median and least-cost coverage, solved to proven optimality by HiGHS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array, csr_array, hstack

from perforin.access.siting.solving import solve
from perforin.errors import UserError

__all__ = ["Siting", "cover_most", "cover_share", "shortest_mean"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Siting:
    """Chosen sites and what they do.

    ``sites`` indices of the chosen, rising; ``hours`` (demand,) to the nearest of them; ``site`` (demand,) which that
    is; ``share`` of the people within the hours asked for (NaN where none were asked); ``mean_hours`` of all people;
    ``gap`` between the best found and the best possible, relative; ``method``.
    """

    sites: Places
    hours: Array
    site: Places
    share: float
    mean_hours: float
    gap: float
    method: str


def cover_most(hours: Array, people: Array, number: int, within: float, existing: Sequence[int] = ()) -> Siting:
    """Maximal covering location (Church and ReVelle 1974): so many sites that most people live within some hours.

    Args:
        hours: (demand, candidates).
        people: (demand,).
        number: sites in all, the existing ones included.
        within: hours.
        existing: candidates that stand already.

    Raises:
        UserError: fewer sites than stand already, more than there are, or hours or people that are negative.
    """
    _check(hours, people, number, existing, within)
    covered = csr_array(hours <= within, dtype=np.float64)
    demand, candidates = hours.shape
    rules = LinearConstraint(hstack([covered, -_identity(demand)]), 0, np.inf)
    whole = np.concatenate([np.ones(candidates), np.zeros(demand)])
    found = _solve(np.concatenate([np.zeros(candidates), -people]), [rules, LinearConstraint(whole, 0, number)],
                   candidates, existing)  # fmt: skip
    method = f"maximal covering of {number} sites within {within:g} h"
    return _siting(found, hours, people, within, method)


def shortest_mean(
    hours: Array, people: Array, number: int, existing: Sequence[int] = (), within: float = np.nan
) -> Siting:
    """The p-median (Hakimi 1964): so many sites that the mean drive is shortest.

    In the radius form a variable says that no site stands among a place's nearest k candidates. Few k matter, so the
    programme begins with the nearest few and takes in more for places that none of them serves, until none is left
    (Garcia, Labbe and Marin 2011); what it then has found is the best of all.

    Args:
        hours: (demand, candidates).
        people: (demand,).
        number: sites in all, the existing ones included.
        existing: candidates that stand already.
        within: hours for which ``share`` is told.

    Raises:
        UserError: as for ``cover_most``.
    """
    _check(hours, people, number, existing, 0.0 if np.isnan(within) else within)
    demand, candidates = hours.shape
    order = np.argsort(hours, axis=1, kind="stable")
    near = np.take_along_axis(hours, order, axis=1)
    reach = np.full(demand, min(candidates - 1, 1 + candidates // number))
    while True:
        found = _solve(*_radii(order, near, people, reach, number), candidates, existing)
        site = _siting(found, hours, people, within, f"p-median of {number} sites")
        beyond = site.hours > near[np.arange(demand), reach]
        if not beyond.any():
            return site
        reach[beyond] = np.minimum(2 * reach[beyond], candidates - 1)


def _radii(order: Places, near: Array, people: Array, reach: Places, number: int) -> tuple[Array, list[Any]]:
    """Costs and rules of the programme in which place i drives at most to its candidate number ``reach[i]``."""
    demand, candidates = order.shape
    row = np.repeat(np.arange(demand), reach)
    step = np.arange(len(row)) - np.repeat(np.cumsum(reach) - reach, reach)
    count = len(row)
    sites = coo_array((np.ones(count), (np.arange(count), order[row, step])), shape=(count, candidates))
    later = np.flatnonzero(step > 0)
    before = coo_array((-np.ones(len(later)), (later, later - 1)), shape=(count, count))
    rules = LinearConstraint(hstack([sites, _identity(count) + before]), (step == 0).astype(np.float64), np.inf)
    total = np.concatenate([np.ones(candidates), np.zeros(count)])
    cost = np.concatenate([np.zeros(candidates), people[row] * (near[row, step + 1] - near[row, step])])
    return cost, [rules, LinearConstraint(total, 0, number)]


def cover_share(
    hours: Array, people: Array, within: float, share: float, cost: ArrayLike = 1.0, budget: float = np.inf,
    most: int | None = None, existing: Sequence[int] = (),
) -> Siting:  # fmt: skip
    """The cheapest sites by which a share of the people live within some hours.

    Args:
        hours: (demand, candidates).
        people: (demand,).
        within: hours.
        share: of the people, 0 to 1.
        cost: of opening each candidate, one number or (candidates,).
        budget: the sum of costs is at most this.
        most: at most so many sites.
        existing: candidates that stand already and cost nothing.

    Raises:
        UserError: no choice does all of this; the message says which bound stands in the way and what it would have
            to be.
    """
    _check(hours, people, most or hours.shape[1], existing, within)
    if not 0 <= share <= 1:
        raise UserError(f"found a share of {share:g} to be reached; needed 0 to 1")
    candidates = hours.shape[1]
    price = np.broadcast_to(np.asarray(cost, dtype=np.float64), (candidates,)).copy()
    if (price < 0).any():
        raise UserError(f"found a site that costs {price.min():g}; needed 0 or more")
    price[list(existing)] = 0
    reachable = float(people[(hours <= within).any(axis=1)].sum() / people.sum())
    if reachable < share:
        raise UserError(f"found {reachable:.1%} of the people within {within:g} h of any candidate; needed "
                        f"{share:.1%}: the candidates bind, not the budget")  # fmt: skip
    found = _cheapest(hours, people, within, share, price, budget, most, existing)
    if found is None:
        raise UserError(_what_binds(hours, people, within, share, price, budget, most, existing))
    return _siting(found, hours, people, within, f"cheapest sites for {share:.1%} within {within:g} h")


def _cheapest(hours: Array, people: Array, within: float, share: float, price: Array, budget: float,
              most: int | None, existing: Sequence[int]) -> Any:  # fmt: skip
    demand, candidates = hours.shape
    none = np.zeros(demand)
    rules = [
        LinearConstraint(hstack([csr_array(hours <= within, dtype=np.float64), -_identity(demand)]), 0, np.inf),
        LinearConstraint(np.concatenate([np.zeros(candidates), people]), share * people.sum() * (1 - 1e-12), np.inf),
    ]
    if most is not None:
        rules.append(LinearConstraint(np.concatenate([np.ones(candidates), none]), 0, most))
    if np.isfinite(budget):
        rules.append(LinearConstraint(np.concatenate([price, none]), 0, budget))
    return _solve(np.concatenate([price, none]), rules, candidates, existing)


def _what_binds(hours: Array, people: Array, within: float, share: float, price: Array, budget: float,
                most: int | None, existing: Sequence[int]) -> str:  # fmt: skip
    """Which of the bounds, on money and on the number of sites, forbids the share, and by how much."""
    asked = f"{share:.1%} of the people within {within:g} h"
    richer = _cheapest(hours, people, within, share, price, np.inf, most, existing)
    if np.isfinite(budget) and richer is not None:
        return f"found a budget of {budget:g}; needed {richer.fun:g} for {asked}: the budget binds"
    fewest = _cheapest(hours, people, within, share, np.ones(len(price)), np.inf, None, existing)
    if most is not None and round(fewest.fun) > most:
        return f"found at most {most} sites; needed {round(fewest.fun)} for {asked}: the number of sites binds"
    return f"found {budget:g} for at most {most} sites; needed more of both for {asked}: together they bind"


def _check(hours: Array, people: Array, number: int, existing: Sequence[int], within: float) -> None:
    demand, candidates = hours.shape
    if len(people) != demand:
        raise UserError(f"found {len(people)} numbers of people for {demand} places; needed one each")
    if not (hours >= 0).all() or not (people >= 0).all() or not within >= 0:
        raise UserError("found negative hours or people; needed 0 or more")
    strays = [one for one in existing if not 0 <= one < candidates]
    if strays:
        raise UserError(f"found the existing site {strays[0]}; needed 0 to {candidates - 1}")
    if not max(1, len(set(existing))) <= number <= candidates:
        raise UserError(f"found {number} sites to place; needed {max(1, len(set(existing)))} (those that stand "
                        f"already) to {candidates} (all candidates)")  # fmt: skip


def _identity(size: int) -> csr_array:
    places = np.arange(size)
    return csr_array((np.ones(size), (places, places)), shape=(size, size))


def _solve(cost: Array, rules: list[LinearConstraint], candidates: int, existing: Sequence[int]) -> Any:
    whole, low = np.zeros(len(cost)), np.zeros(len(cost))
    whole[:candidates] = 1
    low[list(existing)] = 1
    return solve(cost, rules, whole, low, np.ones(len(cost)))


def _siting(found: Any, hours: Array, people: Array, within: float, method: str) -> Siting:
    sites = np.flatnonzero(found.x[: hours.shape[1]] > 0.5)
    near = hours[:, sites]
    drive = near.min(axis=1)
    share = np.nan if np.isnan(within) else float(people[drive <= within].sum() / people.sum())
    mean = float(drive @ people / people.sum())
    return Siting(sites, drive, sites[near.argmin(axis=1)], share, mean, float(found.mip_gap or 0.0), method)
