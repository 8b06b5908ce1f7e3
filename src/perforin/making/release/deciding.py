"""Test lots, decide on them, and follow what becomes of those out of specification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.making.batch import Batches
from perforin.making.batch.batches import COPIES, PURITY, TOO_FEW, VIABILITY, lost_at
from perforin.making.release.specification import (
    ATTRIBUTES,
    CONDITIONAL,
    OUTSIDE,
    PRESENCE,
    RETEST,
    Specification,
    Specifications,
)
from perforin.streams import Streams

__all__ = ["GIVEN_AS_IT_IS", "IN_SPECIFICATION", "NOT_GIVEN", "NOT_MADE", "OUT", "REJECTED", "RELEASED", "REMADE",
           "Verdicts", "follow", "measure", "release"]  # fmt: skip

Array = NDArray[np.float64]
Truth = NDArray[np.bool_]

NOT_MADE, RELEASED, OUT, REJECTED = "not made", "released", "out of specification", "rejected"
"""What a lot may be: never tested, in specification, out of it but open to one patient, or scrapped."""
IN_SPECIFICATION, GIVEN_AS_IT_IS, REMADE, NOT_GIVEN = (
    "in specification", "given out of specification", "in specification when made again", "not given",
)  # fmt: skip


@dataclass(frozen=True)
class Verdicts:
    """Decisions on n lots by A tests.

    ``true`` and ``measured`` (n, A) in the attributes' units, 1 for presence; ``failing`` (n, A) after retests;
    ``retested`` (n, A); ``verdict`` (n,); ``recalled`` (n,): released before a result that then failed; ``reason`` (n,)
    the failing attributes, or why a lot was never made, "" where released; ``days`` (n,) from sample to decision, NaN
    where nothing was tested, of which retests added ``retest_days``; ``doses`` (n,) released and not recalled.
    """

    attributes: tuple[str, ...]
    batch: NDArray[np.int64]
    true: Array
    measured: Array
    failing: Truth
    retested: Truth
    verdict: NDArray[np.str_]
    recalled: Truth
    reason: NDArray[np.str_]
    days: Array
    retest_days: Array
    doses: NDArray[np.int64]
    outside: Truth

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def tested(self) -> Truth:
        """(n,) lots that reached the tests."""
        return np.asarray(self.verdict != NOT_MADE)

    @property
    def reasons(self) -> dict[str, float]:
        """Share of tested lots that failed each attribute, whatever else they failed, the most frequent first."""
        if not self.tested.any():
            return {}
        shares = self.failing[self.tested].mean(axis=0)
        return {self.attributes[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable") if shares[i] > 0}


def release(
    batches: Batches, specifications: Specifications, streams: Streams, *, own_cells: bool = False
) -> Verdicts:
    """Measure every attribute of every lot with its test's error and decide.

    The gates of ``grow``, which judge true values, and the failures of the step that the tests stand in for do not
    count here: a lot is tested if it was made, and fails by what is measured. A retest is one second sample, which
    decides. Own cells short of a dose are tested if ``dose_share`` is; lots of a bank short of one dose are not made.

    Args:
        batches: as grown.
        specifications: what they must show.
        streams: the shared luck, by batch: purposes "true ATTRIBUTE" and "test of ATTRIBUTE" (index 1: the retest).
        own_cells: of the patient, who may then be given a lot out of specification.
    """
    tests = specifications.tests
    n, ids = len(batches), batches.batch
    true, measured = np.zeros((n, len(tests))), np.zeros((n, len(tests)))
    failing, retested = np.zeros((n, len(tests)), np.bool_), np.zeros((n, len(tests)), np.bool_)
    made = _made(batches, specifications, own_cells)
    for i, test in enumerate(tests):
        true[:, i] = _truth(test, batches, streams)
        measured[:, i] = measure(test, true[:, i], ids, streams, 0)
        failing[:, i] = made & _outside(test, measured[:, i])
        if test.decision(own_cells) == RETEST:
            retested[:, i] = failing[:, i]
            again = measure(test, true[:, i], ids, streams, 1)
            measured[:, i] = np.where(retested[:, i], again, measured[:, i])
            failing[:, i] &= _outside(test, again)
    outside = np.column_stack([_outside(test, true[:, i]) for i, test in enumerate(tests)])
    return _decide(batches, specifications, own_cells, made, true, measured, failing, retested, outside)


def measure(test: Specification, true: Array, ids: NDArray[np.int64], streams: Streams, attempt: int) -> Array:
    """(n,) results: truth with the test's error, or presence as it was found."""
    purpose = f"test of {test.attribute}"
    if test.kind == PRESENCE:
        false = test.false_positive.value if test.false_positive else 0.0
        return np.where(streams.uniform(purpose, ids, attempt) < false, 1.0, true)
    result = test.unscaled(test.scaled(true) + test.error * streams.normal(purpose, ids, attempt))
    return np.maximum(result, test.detection.value) if test.detection else result


def _truth(test: Specification, batches: Batches, streams: Streams) -> Array:
    of = ATTRIBUTES[test.attribute].of
    if of is not None:
        return of(batches)
    assert test.batches is not None
    purpose = f"true {test.attribute}"
    if test.kind == PRESENCE:
        return np.where(streams.uniform(purpose, batches.batch) < test.batches.value, 1.0, 0.0)
    return test.batches.quantile(streams.normal(purpose, batches.batch))


def _outside(test: Specification, values: Array) -> Truth:
    low, high = test.limits
    return np.asarray((values < low) | (values > high))


def _made(batches: Batches, specifications: Specifications, own_cells: bool) -> Truth:
    judged = [VIABILITY, PURITY, COPIES, lost_at(specifications.step), ""]
    if own_cells and any(test.attribute == "dose_share" for test in specifications.tests):
        judged.append(TOO_FEW)
    enough = batches.cells_filled >= batches.planned_dose
    return np.isin(batches.failed, judged) & (enough | (own_cells & (batches.cells_filled > 0)))


def _decide(
    batches: Batches, specifications: Specifications, own_cells: bool, made: Truth, true: Array, measured: Array,
    failing: Truth, retested: Truth, outside: Truth,
) -> Verdicts:  # fmt: skip
    tests, n = specifications.tests, len(batches)
    actions = [test.decision(own_cells) for test in tests]
    late = np.array([action == CONDITIONAL for action in actions])
    open_ = np.array([action == OUTSIDE and own_cells for action in actions])
    scrapped = (failing & ~late & ~open_).any(axis=1)
    verdict = np.full(n, RELEASED, dtype=object)
    verdict[(failing & open_).any(axis=1)] = OUT
    verdict[scrapped] = REJECTED
    verdict[~made] = NOT_MADE
    recalled = made & ~scrapped & (failing & late).any(axis=1)
    awaited = np.array([0.0 if is_late else test.days.value for test, is_late in zip(tests, late, strict=True)])
    days = (awaited * (1 + retested)).max(axis=1)
    names = np.array([test.label for test in tests], dtype=object)
    failed = np.array([", ".join(names[row]) for row in failing], dtype=object)
    reason = np.where(made, failed, np.where(batches.failed == "", TOO_FEW, batches.failed))
    each = np.ones(n) if own_cells else np.floor(batches.cells_filled / batches.planned_dose)
    given = (verdict == RELEASED) & ~recalled
    return Verdicts(
        attributes=tuple(test.attribute for test in tests), batch=batches.batch, true=true, measured=measured,
        failing=failing, retested=retested, verdict=verdict.astype(np.str_), recalled=recalled,
        reason=reason.astype(np.str_), days=np.where(made, days, np.nan),
        retest_days=np.where(made, days - awaited.max(), 0.0),
        doses=np.where(given, each, 0).astype(np.int64), outside=outside,
    )  # fmt: skip


def follow(verdicts: Verdicts, specifications: Specifications, streams: Streams) -> NDArray[np.str_]:
    """(n,) what each patient is given whose own cells these are.

    A lot out of specification is given as it is to a share of patients (expanded access, named patient, exceptional
    release); others, and those whose lot was rejected or never made, may be made again. Without numbers for this path
    nobody is given anything but lots in specification.

    Args:
        verdicts: of own-cell lots.
        specifications: with their path out of specification.
        streams: purposes "given out of specification", "made again" and "made well", by batch.
    """
    def drawn(purpose: str, share: float) -> Truth:
        return np.asarray(streams.uniform(purpose, verdicts.batch) < share)

    path = (specifications.accepted, specifications.remade, specifications.remade_well)
    accepted, remade, well = (row.value if row is not None else 0.0 for row in path)
    fate = np.full(len(verdicts), NOT_GIVEN, dtype=object)
    good = (verdicts.verdict == RELEASED) & ~verdicts.recalled
    asked = (verdicts.verdict == OUT) & drawn("given out of specification", accepted)
    again = ~good & ~asked & drawn("made again", remade) & drawn("made well", well)
    fate[again], fate[asked], fate[good] = REMADE, GIVEN_AS_IT_IS, IN_SPECIFICATION
    return fate.astype(np.str_)
