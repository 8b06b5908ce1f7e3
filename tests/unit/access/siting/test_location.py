"""Sites against every choice there is, and the bounds that forbid one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from perforin.access.siting.location import cover_most, cover_share, shortest_mean
from perforin.errors import UserError


def made(seed, demand=24, candidates=8):
    rng = np.random.default_rng(seed)
    homes, sites = rng.uniform(0, 10, (demand, 2)), rng.uniform(0, 10, (candidates, 2))
    return np.linalg.norm(homes[:, None] - sites[None], axis=2), rng.integers(1, 100, demand).astype(float)


def every(candidates, number, existing=()):
    return [list(one) for one in combinations(range(candidates), number) if set(existing) <= set(one)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("number", [1, 3])
def test_the_sites_that_cover_most_are_the_best_of_every_choice(seed, number):
    hours, people = made(seed)
    best = max(people[(hours[:, one] <= 2).any(axis=1)].sum() for one in every(8, number)) / people.sum()
    found = cover_most(hours, people, number, 2.0)
    assert found.share == pytest.approx(best) and len(found.sites) <= number
    np.testing.assert_allclose(found.hours, hours[:, found.sites].min(axis=1))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("number, existing", [(1, ()), (2, ()), (4, (0,)), (7, (1, 2))])
def test_the_shortest_mean_drive_is_the_best_of_every_choice(seed, number, existing):
    hours, people = made(seed)
    best = min(hours[:, one].min(axis=1) @ people for one in every(8, number, existing)) / people.sum()
    found = shortest_mean(hours, people, number, existing)
    assert found.mean_hours == pytest.approx(best) and set(existing) <= set(found.sites.tolist())


def test_places_at_equal_distances_do_no_harm():
    hours = np.round(made(3)[0])
    people = np.ones(len(hours))
    best = min(hours[:, one].min(axis=1).mean() for one in every(8, 3))
    assert shortest_mean(hours, people, 3).mean_hours == pytest.approx(best)


@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_sites_for_a_share_are_the_best_of_every_choice(seed):
    hours, people = made(seed)
    cost = np.random.default_rng(seed).uniform(1, 5, 8)
    choices = [list(one) for n in range(9) for one in combinations(range(8), n)]
    able = [one for one in choices if people[(hours[:, one] <= 3).any(axis=1)].sum() >= 0.7 * people.sum()]
    found = cover_share(hours, people, 3.0, 0.7, cost)
    assert cost[found.sites].sum() == pytest.approx(min(cost[one].sum() for one in able))
    assert found.share >= 0.7


def test_more_sites_never_serve_fewer():
    hours, people = made(9, demand=60, candidates=12)
    shares = [cover_most(hours, people, n, 2.0).share for n in range(1, 13)]
    means = [shortest_mean(hours, people, n).mean_hours for n in range(1, 13)]
    assert (np.diff(shares) >= -1e-9).all() and (np.diff(means) <= 1e-9).all()


def test_the_bound_that_forbids_a_choice_is_named_with_what_it_would_have_to_be():
    hours, people = np.array([[0.0, 9, 9], [9, 0, 9], [9, 9, 0]]), np.ones(3)
    cost = np.array([1.0, 2.0, 4.0])
    with pytest.raises(UserError, match="found a budget of 5; needed 7 .*: the budget binds"):
        cover_share(hours, people, 1.0, 1.0, cost, budget=5)
    with pytest.raises(UserError, match="found at most 2 sites; needed 3 .*: the number of sites binds"):
        cover_share(hours, people, 1.0, 1.0, cost, most=2)
    with pytest.raises(UserError, match="found 66.7% of the people .*: the candidates bind"):
        cover_share(hours[:, :2], people, 1.0, 0.9)
    with pytest.raises(UserError, match="found a site that costs -4"):
        cover_share(hours, people, 1.0, 1.0, -cost)
    with pytest.raises(UserError, match="found 4 sites to place; needed 1"):
        cover_most(hours, people, 4, 1.0)
    with pytest.raises(UserError, match="found 1 sites to place; needed 2 .those that stand"):
        shortest_mean(hours, people, 1, existing=(0, 2))
