"""Whether and when the last tumour clone dies out in each patient, and what is then seen.

The ODE gives expected numbers and never declares a cure. The branching process along its trajectory gives the
probability that no clone is left by each day; one uniform number per patient, shared by all arms, turns it into a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.streams import Streams

__all__ = ["Fate", "draw_fate", "first_day"]

Array = NDArray[np.float64]
MOST_LIKELY_GONE = 1e-12
"""Survival below this is not divided by: such a patient is drawn as extinct anyway."""


@dataclass(frozen=True)
class Fate:
    """Days on which the last clone of a kind died, infinity where it lives; all (patients,)."""

    extinct_day: Array
    positive_day: Array
    negative_day: Array


def first_day(probability: Array, days: Array, luck: Array) -> Array:
    """The first day on which a rising probability exceeds each patient's luck; infinity when it never does.

    Args:
        probability: (patients, days) of having happened by each day.
        days: (days,).
        luck: (patients,) uniform numbers.
    """
    happened = np.maximum.accumulate(probability, axis=1) > luck[:, None]
    return np.where(happened.any(axis=1), days[happened.argmax(axis=1)], np.inf)


def draw_fate(gone: Array, positive_gone: Array, negative_gone: Array, days: Array, patients: NDArray[np.int64],
              streams: Streams) -> Fate:  # fmt: skip
    """Draw the days of extinction, consistent with the joint probabilities.

    The positive clones' day comes from their own probability; the negative clones' day from the probability given
    what the positive ones did, so that "all gone" keeps its exact probability at the last day.

    Args:
        gone: (patients, days) probability that no clone is left.
        positive_gone: (patients, days) probability that no antigen-positive clone is left.
        negative_gone: (patients, days) probability that no antigen-negative clone is left.
        days: (days,).
        patients: (patients,) numbers that key the streams.
        streams: the shared luck.
    """
    positive = first_day(positive_gone, days, streams.uniform("extinction of positive clones", patients))
    last_positive, last_negative = positive_gone[:, -1:], negative_gone[:, -1:]
    both, cleared = gone[:, -1:], np.isfinite(positive)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        given_cleared = np.where(last_positive > 0, both / last_positive, 0.0)
        given_kept = np.where(last_positive < 1, (last_negative - both) / (1 - last_positive), 0.0)
        scale = np.where(last_negative > 0, np.where(cleared, given_cleared, given_kept) / last_negative, 0.0)
    conditional = np.clip(negative_gone * scale, 0.0, 1.0)
    negative = first_day(conditional, days, streams.uniform("extinction of negative clones", patients))
    return Fate(np.maximum(positive, negative), positive, negative)
