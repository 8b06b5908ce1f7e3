"""Random numbers depend on seed, purpose, patient and index, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perforin.streams import Streams, philox

# Known answers of Random123 (Salmon 2011) for philox4x32 with ten rounds: counter, key, output.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
STREAMS = Streams(seed=1)


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("counter,key,expected", KNOWN)
def test_philox_gives_the_known_answers(counter: str, key: str, expected: str) -> None:
    first, second = words(key)
    out = philox(np.array([words(counter)], dtype=np.uint64), (first, second))
    assert out.tolist() == [words(expected)]


def test_rows_of_a_block_do_not_touch_each_other() -> None:
    rows = np.array([words(counter) for counter, _, _ in KNOWN], dtype=np.uint64)
    together = philox(rows, (7, 9))
    apart = [philox(rows[i : i + 1], (7, 9))[0] for i in range(len(rows))]
    assert np.array_equal(together, apart)


def test_a_patients_number_does_not_depend_on_who_else_is_there() -> None:
    everyone = STREAMS.uniform("dropout", np.arange(1000))
    few = np.array([3, 999, 0, 512])
    assert np.array_equal(STREAMS.uniform("dropout", few), everyone[few])


def test_a_number_does_not_depend_on_the_order_of_calls() -> None:
    first, second = STREAMS.normal("waiting", range(5)), STREAMS.normal("dropout", range(5))
    other = Streams(seed=1)
    assert np.array_equal(other.normal("dropout", range(5)), second)
    assert np.array_equal(other.normal("waiting", range(5)), first)


@pytest.mark.parametrize(
    "other",
    [
        Streams(2).uniform("dropout", range(100)),
        STREAMS.uniform("waiting", range(100)),
        STREAMS.uniform("dropout", range(100), index=1),
        STREAMS.uniform("dropout", range(100, 200)),
    ],
    ids=["seed", "purpose", "index", "patient"],
)
def test_another_seed_purpose_index_or_patient_gives_other_numbers(other: np.ndarray) -> None:
    assert not np.isin(STREAMS.uniform("dropout", range(100)), other).any()


def test_patients_beyond_the_32nd_bit_are_still_distinct() -> None:
    far = STREAMS.uniform("dropout", np.array([1, 1 + 2**32, 1 + 2**40], dtype=np.uint64))
    assert len(set(far.tolist())) == 3


def test_numbers_are_uniform_and_never_zero_or_one() -> None:
    # One test at a false-alarm rate of 1e-6; the seed is fixed, so it passes always or never.
    numbers = STREAMS.uniform("any purpose", np.arange(100_000))
    assert numbers.min() > 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-6
    assert len(np.unique(numbers)) == len(numbers)


def test_normal_numbers_are_the_inverse_of_the_uniform_ones() -> None:
    numbers = STREAMS.normal("any purpose", np.arange(1000))
    assert np.allclose(stats.norm.cdf(numbers), STREAMS.uniform("any purpose", np.arange(1000)), rtol=1e-9)


def test_purposes_and_neighbouring_patients_are_not_correlated() -> None:
    # Five standard errors of a correlation of independent numbers.
    n = 20_000
    first, second = STREAMS.normal("waiting", np.arange(n)), STREAMS.normal("dropout", np.arange(n))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(n)
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 5 / np.sqrt(n)
