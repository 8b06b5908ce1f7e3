"""Response at each visit by published criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm, Wide, align

__all__ = ["MRD", "Responses", "align_days", "measured_at", "responses"]

Array = NDArray[np.float64]
Codes = NDArray[np.int8]
Mask = NDArray[np.bool_]
CONFIRMATION = 28.0
"""Days after which a response is confirmed (RECIST 1.1 asks for four weeks)."""
NODE = 15.0
"""Longest diameter of a normal node at most [mm] (Lugano)."""
FOUR = ("PD", "SD", "PR", "CR")
DEPTHS = ("PD", "SD", "MR", "PR", "VGPR", "CR", "sCR")
MRD = 1e-4
"""Residual disease up to this share of the marrow counts as none."""


@dataclass(frozen=True)
class Responses:
    """Category of every subject at every visit after the baseline.

    ``codes`` (n, K) place in ``categories`` (worst first), -1 where not evaluable; every visit from the first
    progression on counts as progression. ``response`` and ``complete`` are the lowest codes that count as such.
    """

    subjects: NDArray[np.int64]
    days: Array
    codes: Codes
    categories: tuple[str, ...]
    response: int
    complete: int

    @property
    def progression(self) -> Array:
        """(n,) day of the first progression, infinity for none."""
        return _first_day(self.days, self.codes == 0)

    @property
    def last_assessed(self) -> Array:
        """(n,) day of the last evaluable visit, 0 for none."""
        return np.asarray(np.max(np.where(self.codes >= 0, self.days, 0.0), axis=1, initial=0.0), dtype=np.float64)

    def since(self, code: int) -> Array:
        """(n,) first day with at least this category before progression, infinity for none."""
        return _first_day(self.days, self.codes >= code)

    def best(self, confirmed: bool = False) -> Codes:
        """(n,) best category, -1 where never evaluable.

        Confirmed: a response counts only as far as a visit at least 28 days later shows it too; an unconfirmed
        response counts as stable disease.
        """
        if self.codes.shape[1] == 0:
            return np.full(len(self.subjects), -1, dtype=np.int8)
        best = self.codes.max(axis=1)
        if not confirmed:
            return np.asarray(best, dtype=np.int8)
        sure = np.full(len(self.subjects), -1, dtype=np.int8)
        for first, day in enumerate(self.days.tolist()):
            for later in np.flatnonzero(self.days >= day + CONFIRMATION).tolist():
                sure = np.maximum(sure, np.minimum(self.codes[:, first], self.codes[:, later]))
        below = np.minimum(best, self.response - 1)
        return np.asarray(np.where(sure >= self.response, sure, below), dtype=np.int8)

    def at(self, day: float, window: float) -> Codes:
        """(n,) category at the evaluable visit nearest to a day within the window, -1 for none."""
        if len(self.days) == 0:
            return np.full(len(self.subjects), -1, dtype=np.int8)
        distance = np.where(self.codes >= 0, np.abs(self.days - day), np.inf)
        column, who = distance.argmin(axis=1), np.arange(len(distance))
        return np.where(distance[who, column] <= window, self.codes[who, column], -1).astype(np.int8)


def _first_day(days: Array, held: NDArray[np.bool_]) -> Array:
    if held.shape[1] == 0:
        return np.full(len(held), np.inf)
    return np.where(held.any(axis=1), days[held.argmax(axis=1)], np.inf)


@dataclass(frozen=True)
class _Change:
    """A measure at baseline (n, 1), now (n, K), and its lowest value at any earlier visit (n, K)."""

    baseline: Array
    now: Array
    nadir: Array


def _change(wide: Wide, subjects: NDArray[np.int64], days: Array) -> _Change:
    """A measure on the given visit days, NaN where absent; the baseline is the last record not after day 0."""
    place, there = align(subjects, wide.subjects)
    values = np.full((len(subjects), len(wide.days)), np.nan)
    values[there] = wide.values[place[there]]
    before = wide.days <= 0
    baseline = np.full((len(subjects), 1), np.nan)
    for early in np.flatnonzero(before).tolist():
        baseline = np.where(np.isnan(values[:, [early]]), baseline, values[:, [early]])
    column, known = align_days(days, wide.days)
    now = np.where(known, values[:, column], np.nan) if len(wide.days) else np.full((len(subjects), len(days)), np.nan)
    so_far = np.fmin.accumulate(np.concatenate([baseline, now], axis=1), axis=1)
    return _Change(baseline, now, so_far[:, :-1])


def align_days(days: Array, found: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(K,) column of each day among the found ones, and whether it is there."""
    column = np.minimum(np.searchsorted(found, days), max(len(found) - 1, 0))
    known = found[column] == days if len(found) else np.zeros(len(days), dtype=np.bool_)
    return column, np.asarray(known, dtype=np.bool_)


def _settle(codes: Codes) -> Codes:
    """Everything from the first progression on is progression."""
    after = np.maximum.accumulate(codes == 0, axis=1)
    return np.where(after, 0, codes).astype(np.int8)


def _four(change: _Change, progressed: Mask, complete: Mask, partial: Mask) -> Codes:
    codes = np.where(progressed, 0, np.where(complete, 3, np.where(partial, 2, 1)))
    return np.where(np.isnan(change.now) | np.isnan(change.baseline), -1, codes).astype(np.int8)


Measures = Callable[[str], _Change]


def _lugano(of: Measures) -> Codes:
    """Lugano 2014 on CT (Cheson 2014).

    Complete: every target node at most 15 mm, or gone where it was no longer at baseline; no new lesion. Partial: sum
    of products down by 50 % or more. Progression: a new lesion, or a node above 15 mm with a sum of products up by 50 %
    or more from its nadir and a diameter up by 5 mm (10 mm from a nadir above 20 mm). Metabolic response is not used.
    """
    products, node, new = of("sum_product_diameters"), of("longest_diameter"), of("new_lesion")
    step = np.where(node.nadir > 2 * 10, 10.0, 5.0)
    grown = (node.now > NODE) & (products.now >= 1.5 * products.nadir) & (node.now - node.nadir >= step)
    small = np.where(node.baseline > NODE, node.now <= NODE, products.now == 0)
    return _four(products, grown | (new.now == 1), small, products.now <= 0.5 * products.baseline)


def _recist(of: Measures) -> Codes:
    """RECIST 1.1 (Eisenhauer 2009).

    Complete: every target lesion gone. Partial: sum of longest diameters down by 30 % or more from baseline.
    Progression: up by 20 % or more and by 5 mm or more from its nadir, or a new lesion.
    """
    sums, new = of("sum_longest_diameters"), of("new_lesion")
    grown = (sums.now >= 1.2 * sums.nadir) & (sums.now - sums.nadir >= 5)
    return _four(sums, grown | (new.now == 1), sums.now == 0, sums.now <= 0.7 * sums.baseline)


def _leukaemia(of: Measures) -> Codes:
    """Marrow response (after Dohner 2022).

    Complete: blasts below 5 %, and where they were so at baseline no measurable residual disease. Partial: blasts of 5
    to 25 % and halved. Progression: blasts back at 5 % or more after a complete response, or up by half and by 15
    points or more from baseline. Blood counts are not used, so incomplete recovery counts as complete.
    """
    blasts, residual = of("marrow_blasts"), of("mrd")
    negative = np.isnan(residual.now) | (residual.now <= MRD)
    complete = np.where(blasts.baseline >= 0.05, blasts.now < 0.05, (blasts.now < 0.05) & negative)
    cleared = np.maximum.accumulate(complete, axis=1)
    cleared = np.concatenate([np.zeros((len(cleared), 1), dtype=np.bool_), cleared[:, :-1]], axis=1)
    grown = (blasts.now >= 1.5 * blasts.baseline) & (blasts.now - blasts.baseline >= 0.15)
    relapsed = cleared & (blasts.now >= 0.05)
    partial = (blasts.now >= 0.05) & (blasts.now <= 0.25) & (blasts.now <= 0.5 * blasts.baseline)
    return _four(blasts, grown | relapsed, complete, partial)


def _myeloma(of: Measures) -> Codes:
    """Depth by M-protein (after Kumar 2016).

    Complete: M-protein below its assay limit and marrow below 5 %; stringent: no residual disease in the marrow too,
    in place of light chains. Very good partial 90 %, partial 50 %, minimal 25 % down. Progression: up by 25 % or more
    and by 5 g/L or more from its nadir. Urine, light chains and bone lesions are not used.
    """
    level, gone, marrow, residual = of("m_protein"), of("m_protein below limit"), of("marrow_blasts"), of("mrd")
    clear = (gone.now == 1) & (np.isnan(marrow.now) | (marrow.now < 0.05))
    left = level.now / level.baseline
    codes = np.select(
        [(level.now >= 1.25 * level.nadir) & (level.now - level.nadir >= 5), clear & (residual.now <= MRD), clear,
         left <= 0.1, left <= 0.5, left <= 0.75],
        [0, 6, 5, 4, 3, 2], default=1,
    )  # fmt: skip
    return np.where(np.isnan(level.now) | np.isnan(level.baseline), -1, codes).astype(np.int8)


_RULES: Mapping[str, tuple[str, Callable[[Measures], Codes], tuple[str, ...], int, int]] = {
    "lugano": ("sum_product_diameters", _lugano, FOUR, 2, 3),
    "recist": ("sum_longest_diameters", _recist, FOUR, 2, 3),
    "leukaemia": ("marrow_blasts", _leukaemia, FOUR, 3, 3),
    "myeloma": ("m_protein", _myeloma, DEPTHS, 3, 5),
}
"""Leading measure, rule, categories, lowest code of response and of complete response."""


def _measure(arm: Arm, name: str) -> Wide:
    if name == "m_protein below limit":
        wide = arm.wide("m_protein")
        return Wide(wide.subjects, wide.days, np.where(wide.recorded, wide.censored, np.nan), wide.censored)
    if name == "longest_diameter" and not arm.has(name):
        products, sums = arm.wide("sum_product_diameters"), arm.wide("sum_longest_diameters")
        place, there = align(products.subjects, sums.subjects)
        column, known = align_days(products.days, sums.days)
        longest = np.where(there[:, None] & known, sums.values[place][:, column], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            node = np.where(longest > 0, 100 * products.values / longest, 0.0)
        return Wide(products.subjects, products.days, np.where(np.isnan(longest), np.nan, node), products.censored)
    return arm.wide(name)


def responses(arm: Arm) -> Responses | None:
    """Responses of the infused subjects by the arm's criteria; None where the leading measure was not recorded.

    The longest diameter of a target lesion, if not recorded, is the sum of products over the sum of diameters, which
    is exact for lesions that are alike. A new lesion that is not recorded did not appear.
    """
    if "responses" not in arm.cache:
        arm.cache["responses"] = _responses(arm)
    found: Responses | None = arm.cache["responses"]
    return found


def _responses(arm: Arm) -> Responses | None:
    leading, rule, categories, response, complete = _RULES[arm.criteria]
    if not arm.has(leading):
        return None
    days = np.unique(arm.rows(leading)["day"].to_numpy(np.float64))
    days = days[days > 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        codes = rule(lambda name: _change(_measure(arm, name), arm.infused, days))
    return Responses(arm.infused, days, _settle(codes), categories, response, complete)


def measured_at(arm: Arm, parameter: str, found: Responses) -> Array:
    """(n, K) values of a parameter at the visits of the responses, NaN where absent."""
    return _change(arm.wide(parameter), found.subjects, found.days).now
