"""Named random numbers that every arm shares: counter-based (Philox 4x32-10), keyed by seed, purpose and patient.

A number depends on (seed, purpose, patient, index) and on nothing else: not on the arm, the order of calls, the
thread, the chunk or how many patients there are. Adding an arm or a patient changes no other number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

__all__ = ["Streams", "philox"]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: NDArray[np.uint64], key: tuple[int, int]) -> NDArray[np.uint64]:
    """Philox 4x32 with ten rounds (Salmon 2011), one block per row.

    Args:
        counter: (n, 4) words below 2**32.
        key: two words below 2**32.

    Returns:
        (n, 4) random words below 2**32.
    """
    a, b, c, d = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(10):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (second >> _HALF) ^ b ^ np.uint64(k0),
            second & _LOW,
            (first >> _HALF) ^ d ^ np.uint64(k1),
            first & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([a, b, c, d], axis=1)


@dataclass(frozen=True)
class Streams:
    """Random numbers by purpose and patient."""

    seed: int

    def key(self, purpose: str) -> tuple[int, int]:
        """The two key words of one purpose under this seed."""
        digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")

    def uniform(self, purpose: str, patients: ArrayLike, index: ArrayLike = 0) -> NDArray[np.float64]:
        """Numbers in the open interval (0, 1), one per patient.

        Args:
            purpose: what is decided, such as ``"dropout"`` or ``"between-patient killing.kills_per_day"``.
            patients: (n,) patient numbers, whole and not negative.
            index: which draw of this purpose, for decisions taken several times; one, or (n,).
        """
        who = np.asarray(patients, dtype=np.uint64)
        counter = np.zeros((len(who), 4), dtype=np.uint64)
        counter[:, 0], counter[:, 1], counter[:, 2] = who & _LOW, who >> _HALF, index
        words = philox(counter, self.key(purpose))
        bits = (words[:, 0] << np.uint64(20)) | (words[:, 1] >> np.uint64(12))  # 52 random bits
        return (bits.astype(np.float64) + 0.5) * 2.0**-52

    def normal(self, purpose: str, patients: ArrayLike, index: ArrayLike = 0) -> NDArray[np.float64]:
        """Standard normal numbers, one per patient, by inversion (so that they are monotone in the uniform)."""
        return np.asarray(ndtri(self.uniform(purpose, patients, index)), dtype=np.float64)
