"""Random weights of subjects for the Bayesian bootstrap (Rubin 1981), keyed by subject.

A subject has the same weights in every arm, whatever the order of rows and however many others there are: patients who
are in both arms are resampled together. Of more than ``GROUPS`` patients those whose numbers are a multiple of it apart
share their weights: patients are drawn alike, so a group of them is resampled as well as one, and the cost of large
cohorts stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perforin.streams import Streams, philox

__all__ = ["GROUPS", "Weights", "weights", "weights_of"]

Array = NDArray[np.float64]
LOW = np.uint64(0xFFFFFFFF)
WORDS = 4
GROUPS = 4096
"""Groups of patients that are resampled: a standard error from so many is known to 1/sqrt(2*4096), one per cent."""
BLOCK = 1_000_000
"""Weights held at once: they stay in the cache."""


def weights(subjects: NDArray[np.int64], replicates: int, seed: int, purpose: str = "resampling") -> Array:
    """Standard exponential weights; each row divided by its sum would be uniform on the simplex.

    Args:
        subjects: (n,) numbers, whole and not negative.
        replicates: B.
        seed: of the streams.
        purpose: two purposes give independent weights.

    Returns:
        (B, n).
    """
    key, who = Streams(seed).key(purpose), subjects.astype(np.uint64)
    out = np.empty((-(-replicates // WORDS) * WORDS, len(who)))
    counter = np.zeros((len(who), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1] = who & LOW, who >> np.uint64(32)
    for block in range(len(out) // WORDS):
        counter[:, 2] = block
        out[block * WORDS : (block + 1) * WORDS] = philox(counter, key).T
    return np.asarray(-np.log((out[:replicates] + 0.5) * 2.0**-32), dtype=np.float64)


@dataclass(frozen=True)
class Weights:
    """Weights (B, n) of subjects, held by group: ``drawn`` (B, groups), and the ``group`` (n,) of each subject."""

    drawn: Array
    group: NDArray[np.int64]

    def total(self, values: NDArray[np.generic]) -> Array:
        """(B,) weighted sums of ``values`` (n,)."""
        return np.asarray(self.drawn @ np.bincount(self.group, values, self.drawn.shape[1]), dtype=np.float64)

    def of(self, order: NDArray[np.intp]) -> Weights:
        """The weights of some subjects, in an order."""
        return Weights(self.drawn, self.group[order])

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """The weights of some replicates at a time: which, and (b, n)."""
        many = max(1, BLOCK // max(1, len(self.group)))
        for first in range(0, len(self.drawn), many):
            rows = slice(first, first + many)
            yield rows, np.take(self.drawn[rows], self.group, axis=1)


def weights_of(subjects: NDArray[np.int64], replicates: int, seed: int, purpose: str = "resampling") -> Weights:
    """The weights of some subjects; arguments as for ``weights``."""
    most = int(subjects.max(initial=0)) + 1
    groups = GROUPS if most > GROUPS else 1 << (most - 1).bit_length()
    return Weights(_drawn(groups, replicates, seed, purpose), subjects % groups)


@lru_cache(maxsize=2)
def _drawn(groups: int, replicates: int, seed: int, purpose: str) -> Array:
    return weights(np.arange(groups), replicates, seed, purpose)
