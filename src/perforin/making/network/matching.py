"""Which donor classes a patient may have, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from perforin.making.network.description import DonorClass, Matching

__all__ = ["preferences", "scores"]

Array = NDArray[np.float64]
Draw = Callable[[str], Array]


def scores(classes: Mapping[str, DonorClass], matching: Matching, uniform: Draw) -> Array:
    """(n, classes) how well each class fits each patient; minus infinity where the patient has an antibody against it.

    Each ligand that the donor has and the patient lacks releases the donor's effectors that were licensed by it
    (Ruggeri 2002, as a count); the donor's other features count for every patient alike.

    Args:
        classes: donor classes.
        matching: shares, scores and weights.
        uniform: (n,) uniform numbers for a purpose.
    """
    has = {name: uniform(f"ligand {name}") < share.value for name, share in matching.ligands.items()}
    columns = []
    for name, donor in classes.items():
        lacking = sum((~has[ligand]).astype(np.float64) for ligand in donor.ligands)
        fixed = sum(matching.weights[feature].value * amount for feature, amount in donor.features.items())
        score = matching.ligand_mismatch.value * lacking + fixed
        antibody = uniform(f"antibody against {name}") < matching.antibody.value
        columns.append(np.where(antibody, -np.inf, score))
    return np.column_stack(columns)


def preferences(score: Array) -> NDArray[np.int64]:
    """(n, classes) numbers of classes, the highest score first, -1 after the last that may be given; ties by number."""
    order = np.argsort(-score, axis=1, kind="stable")
    return np.where(np.isneginf(np.take_along_axis(score, order, axis=1)), -1, order)
