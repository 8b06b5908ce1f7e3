"""Compare a compiled kernel with the interpreter, state by state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.kernels.build import Doses, build
from perforin.kernels.interpret import Interpreted
from perforin.model.network import Network


@dataclass(frozen=True)
class Agreement:
    """Largest relative error of each output over patients and days, and how the patients fared."""

    errors: dict[str, float]
    status: NDArray[np.int8]

    @property
    def worst(self) -> tuple[str, float]:
        name = max(self.errors, key=self.errors.__getitem__)
        return name, self.errors[name]


def relative_error(found: NDArray, reference: NDArray, floor: NDArray) -> NDArray:
    """|found - reference| over (|reference| + 1/1000 of its largest value in the patient + floor), per entry."""
    largest = np.abs(reference).max(axis=1, keepdims=True)
    return np.abs(found - reference) / (np.abs(reference) + 1e-3 * largest + floor)


def compare_with_oracle(network: Network, parameters: NDArray, start: NDArray, doses: Doses, days: ArrayLike, *,
                        begin: ArrayLike = 0.0, rtol: float = 1e-5, reference: float = 1e-12,
                        method: str = "DOP853", cache=None) -> Agreement:  # fmt: skip
    """Run both on the states; ``floor`` of the error is 100 times the network's absolute tolerance."""
    names = network.state_names
    ours = build(network, names, backend="compiled", cache=cache).run(
        parameters, start, doses, days, begin=begin, rtol=rtol
    )
    exact = Interpreted(network, names, method).run(parameters, start, doses, days, begin=begin, rtol=reference)
    assert (exact.status == 0).all(), exact.reasons
    error = relative_error(ours.values, exact.values, 100 * network.absolute_tolerances).max(axis=(0, 1))
    return Agreement(dict(zip(names, error.tolist(), strict=True)), ours.status)
