"""Which arm to choose when costs and effects are uncertain, and what knowing more would be worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri, stdtrit

from perforin.errors import UserError, nearest

__all__ = ["Draws", "Ratio", "acceptability", "dominated", "expected_value_of_parameters",
           "expected_value_of_perfect_information", "frontier", "icer", "net_benefit", "threshold_price"]  # fmt: skip

Array = NDArray[np.float64]

DEGREE = 3
"""Powers of each parameter in the regression of net benefit."""
CHANCE = 0.001
"""A regression that explains no more than chance alone does this often tells nothing."""


@dataclass(frozen=True)
class Draws:
    """Costs and effects of every arm in a probabilistic analysis: the same draw is the same world in every arm.

    ``cost`` and ``effect`` (draws, arms) [USD] and [QALY] per patient enrolled; ``parameters`` (draws,) by name.
    """

    arms: tuple[str, ...]
    cost: Array
    effect: Array
    parameters: Mapping[str, Array]

    def __post_init__(self) -> None:
        shape = (len(self.cost), len(self.arms))
        if self.cost.shape != shape or self.effect.shape != shape or len(self.cost) < 2:
            raise UserError(f"found costs {self.cost.shape} and effects {self.effect.shape} of {len(self.arms)} arms; "
                            "needed draws by arms, 2 draws or more")  # fmt: skip
        if not np.isfinite(self.cost).all() or not np.isfinite(self.effect).all():
            raise UserError("found costs or effects that are not finite; needed finite draws of every arm")
        short = [name for name, values in self.parameters.items() if values.shape != shape[:1]]
        if short:
            raise UserError(f"found other than {shape[0]} draws of {short[0]!r}; needed one in each draw")

    def __len__(self) -> int:
        return len(self.cost)

    def place(self, arm: str) -> int:
        """The column of an arm.

        Raises:
            UserError: no such arm (nearest name suggested).
        """
        if arm not in self.arms:
            raise UserError(f"found the arm {arm!r}; needed one of {list(self.arms)}{nearest(arm, self.arms)}")
        return self.arms.index(arm)

    @cached_property
    def mean_cost(self) -> Array:
        """(arms,) [USD]."""
        return np.asarray(self.cost.mean(axis=0), dtype=np.float64)

    @cached_property
    def mean_effect(self) -> Array:
        """(arms,) [QALY]."""
        return np.asarray(self.effect.mean(axis=0), dtype=np.float64)


def net_benefit(draws: Draws, worth: float) -> Array:
    """(draws, arms) net monetary benefit: effect times what a unit of it is worth, less the cost [USD].

    Raises:
        UserError: a worth below 0.
    """
    if not worth >= 0:
        raise UserError(f"found {worth:g} USD for a unit of effect; needed 0 or more")
    return np.asarray(worth * draws.effect - draws.cost, dtype=np.float64)


@dataclass(frozen=True)
class Ratio:
    """Incremental cost over incremental effect. ``low`` and ``high`` are Fieller's; NaN where these are no interval."""

    value: float
    low: float
    high: float
    method: str


def icer(draws: Draws, arm: str, reference: str, level: float = 0.95) -> Ratio:
    """Incremental cost-effectiveness ratio of an arm against a reference, with Fieller's limits (1954).

    The limits are an interval only where the difference in effect is told from 0; else the ratio is anything.
    """
    a, b = draws.place(arm), draws.place(reference)
    cost, effect = draws.cost[:, a] - draws.cost[:, b], draws.effect[:, a] - draws.effect[:, b]
    x, y = float(cost.mean()), float(effect.mean())
    value = x / y if y else math.copysign(math.inf, x) if x else math.nan
    # The draws are a distribution, not a sample: their own spread is the uncertainty.
    t = float(stdtrit(len(draws) - 1, (1 + level) / 2))
    vx, vy, vxy = float(cost.var(ddof=1)), float(effect.var(ddof=1)), float(np.cov(cost, effect)[0, 1])
    a2, a1, a0 = y**2 - t**2 * vy, -2 * (x * y - t**2 * vxy), x**2 - t**2 * vx
    root = a1**2 - 4 * a2 * a0
    if a2 <= 0 or root < 0:
        return Ratio(value, math.nan, math.nan, "Fieller: the difference in effect is not told from 0")
    low, high = sorted(((-a1 - math.sqrt(root)) / (2 * a2), (-a1 + math.sqrt(root)) / (2 * a2)))
    return Ratio(value, low, high, "ratio of means with Fieller's limits")


def acceptability(draws: Draws, worths: ArrayLike) -> Array:
    """(worths, arms) chance that an arm has the highest net benefit; arms that tie share it."""
    out = []
    for worth in np.atleast_1d(np.asarray(worths, dtype=np.float64)).tolist():
        benefit = net_benefit(draws, worth)
        best = benefit == benefit.max(axis=1, keepdims=True)
        out.append((best / best.sum(axis=1, keepdims=True)).mean(axis=0))
    return np.array(out)


def frontier(draws: Draws, worths: ArrayLike) -> NDArray[np.intp]:
    """(worths,) arm of the highest mean net benefit: what a decision maker without risk aversion chooses."""
    values = np.atleast_1d(np.asarray(worths, dtype=np.float64)).tolist()
    return np.array([int(net_benefit(draws, worth).mean(axis=0).argmax()) for worth in values], dtype=np.intp)


def dominated(draws: Draws, labels: Mapping[str, str]) -> dict[str, str]:
    """Arms that another one dominates, or two together do, with the words for it (strong and extended dominance)."""
    cost, effect = draws.mean_cost, draws.mean_effect
    out: dict[str, str] = {}
    for i, name in enumerate(draws.arms):
        better = [j for j in range(len(draws.arms)) if j != i and cost[j] <= cost[i] and effect[j] >= effect[i]
                  and (cost[j] < cost[i] or effect[j] > effect[i])]  # fmt: skip
        if better:
            out[name] = f"costs more and gives less than {labels[draws.arms[better[0]]]}"
    for i, name in enumerate(draws.arms):
        for j, k in combinations([m for m in range(len(draws.arms)) if m != i and draws.arms[m] not in out], 2):
            first, second = sorted((j, k), key=lambda m: float(effect[m]))
            if name in out or not effect[first] < effect[i] < effect[second]:
                continue
            share = (effect[i] - effect[first]) / (effect[second] - effect[first])
            if cost[first] + share * (cost[second] - cost[first]) < cost[i]:
                out[name] = f"costs more than a mixture of {labels[draws.arms[first]]} and {labels[draws.arms[second]]}"
    return out


def expected_value_of_perfect_information(draws: Draws, worth: float) -> float:
    """What knowing everything would add to a patient's net benefit [USD]: mean of the best less best of the means."""
    benefit = net_benefit(draws, worth)
    return max(float(benefit.max(axis=1).mean() - benefit.mean(axis=0).max()), 0.0)


def expected_value_of_parameters(draws: Draws, worth: float, names: Sequence[str]) -> float:
    """What knowing some parameters would add to the net benefit of a patient [USD] (Strong, Oakley and Brennan 2014).

    Net benefit is regressed on the parameters (powers up to three, and products of two); what the regression explains
    is what knowing them would tell. Draws of a number without any bearing seem to explain a little too, and where arms
    are alike that little looks valuable: what an F test does not tell from chance is worth 0.

    Raises:
        UserError: a parameter that was not drawn, or fewer draws than terms of the regression.
    """
    for name in names:
        if name not in draws.parameters:
            known = list(draws.parameters)
            raise UserError(f"found the parameter {name!r}; needed one of those drawn, {known}{nearest(name, known)}")
    scores = [_standard(draws.parameters[name]) for name in names]
    columns = [np.ones(len(draws)), *(score**power for score in scores for power in range(1, DEGREE + 1))]
    columns += [a * b for a, b in combinations(scores, 2)]
    design = np.column_stack(columns)
    if len(draws) <= 2 * design.shape[1]:
        raise UserError(f"found {len(draws)} draws for {design.shape[1]} terms of the regression; needed over twice as "
                        "many")  # fmt: skip
    benefit = net_benefit(draws, worth)
    gain = benefit - benefit[:, :1]
    told = design @ np.linalg.lstsq(design, gain, rcond=None)[0]
    terms, left = design.shape[1] - 1, len(draws) - design.shape[1]
    explained, other = told.var(axis=0) / terms, (gain - told).var(axis=0) / left
    told = np.where(explained > fdtri(terms, left, 1 - CHANCE) * other, told, gain.mean(axis=0))
    found = float(told.max(axis=1).mean() - told.mean(axis=0).max())
    return min(max(found, 0.0), expected_value_of_perfect_information(draws, worth))


def _standard(values: Array) -> Array:
    spread = float(values.std())
    return np.asarray((values - values.mean()) / spread if spread > 0 else np.zeros(len(values)), dtype=np.float64)


def threshold_price(draws: Draws, arm: str, reference: str, worth: float, given: float = 1.0) -> float:
    """What an arm's product may cost more (or must cost less, if negative) to be worth as much as the reference [USD].

    Args:
        draws: with the arm at its present price.
        arm: whose product changes price.
        reference: the other.
        worth: USD of a unit of effect.
        given: mean number of products paid for per patient enrolled.

    Raises:
        UserError: nobody is given the product.
    """
    if not given > 0:
        raise UserError(f"found {given:g} products paid for per patient; needed more than 0")
    mean = net_benefit(draws, worth).mean(axis=0)
    return float(mean[draws.place(arm)] - mean[draws.place(reference)]) / given

