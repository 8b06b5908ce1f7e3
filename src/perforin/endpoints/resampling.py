"""Random weights of subjects for the Bayesian bootstrap (Rubin 1981), keyed by subject.

A subject has the same weights in every arm, whatever the order of rows and however many others there are: patients who
are in both arms are resampled together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perforin.streams import Streams, philox

__all__ = ["weights"]

Array = NDArray[np.float64]
LOW = np.uint64(0xFFFFFFFF)
WORDS = 4


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
