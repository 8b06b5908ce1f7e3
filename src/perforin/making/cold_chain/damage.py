"""What temperature does to frozen cells, and what becomes of them after thaw."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expi

from perforin.making.cold_chain.frozen import KELVIN, Frozen

__all__ = ["alive", "arrhenius_straight", "crossing_survival", "freezing_survival", "loss_over", "relaxing"]

Array = NDArray[np.float64]
GAS = 8.31446261815324e-3
"""The gas constant [kJ/mol/K]."""
LONG = 30.0
"""Time constants after which a relaxing temperature has arrived, to thirteen digits."""
FLAT = 1e-4
"""Kelvins below which a piece counts as level, at its mean temperature; the error is below 1e-9 of its loss."""


def relaxing(begin: Array, surrounding: Array, tau: Array, hours: ArrayLike) -> Array:
    """Temperature after some hours in surroundings: the solution of T' = (surrounding - T)/tau."""
    return np.asarray(surrounding + (begin - surrounding) * np.exp(-np.asarray(hours) / tau), dtype=np.float64)


def loss_over(begin: Array, surrounding: Array, tau: Array, hours: Array, cells: Frozen) -> tuple[Array, Array]:
    """Loss exponent, and hours above the glass transition, of relaxing pieces.

    The loss exponent is the integral of k exp(-E/R (1/T - 1/T_ref)) over the time above the glass transition, and
    exactly 0 below. With dt = tau dT/(surrounding - T) and u = 1/T it is a difference of exponential integrals
    (Abramowitz and Stegun 1964, 5.1), so nothing is stepped.

    Args:
        begin: (n,) temperature at the start [degrees Celsius].
        surrounding: (n,) temperature to which it relaxes [degrees Celsius].
        tau: (n,) time constant [h].
        hours: (n,) how long.
        cells: whose rows are used.
    """
    glass = cells["glass.transition"]
    end = relaxing(begin, surrounding, tau, hours)
    # A relaxing temperature crosses the transition once at most, so the time above it is one stretch.
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = tau * np.log((surrounding - begin) / (surrounding - glass))
    rising, falling = (begin <= glass) & (end > glass), (begin > glass) & (end <= glass)
    above = np.where(rising, hours - crossing, np.where(falling, crossing, np.where(begin > glass, hours, 0.0)))
    out = np.zeros(len(begin))
    warm = above > 0
    if warm.any():
        first = np.where(rising, glass, begin)[warm]
        out[warm] = _relaxing_loss(first + KELVIN, surrounding[warm] + KELVIN, tau[warm], above[warm], cells)
    return out, np.maximum(above, 0.0)


def _relaxing_loss(begin: Array, surrounding: Array, tau: Array, hours: Array, cells: Frozen) -> Array:
    """The integral for pieces that lie above the transition; temperatures in kelvin."""
    heat = cells["glass.activation_energy"] / GAS
    reference, rate = cells.kelvin("glass.reference"), cells["glass.loss_rate"]
    short = np.minimum(hours, LONG * tau)
    arrived = np.exp(heat / reference - heat / surrounding)
    gap = surrounding - begin
    level = np.abs(gap) < FLAT
    # A level piece is taken at its mean temperature: at an end of it the error would be of first order.
    mean = surrounding + gap * np.expm1(-short / tau) * tau / short
    flat = np.exp(heat / reference - heat / np.where(level, mean, surrounding))
    gap = np.where(level, 1.0, gap)
    closing = gap * np.exp(-short / tau)
    start, end = np.where(level, surrounding - 1.0, begin), surrounding - closing
    # w = 1/T - 1/surrounding from the gap itself: a difference of reciprocals would lose the digits.
    w0, w1 = gap / (surrounding * start), closing / (surrounding * end)
    apart = expi(-heat * w1) - expi(-heat * w0)
    near = np.exp(heat / reference) * (expi(-heat / end) - expi(-heat / start))
    curved = tau * (near - arrived * apart)
    return np.asarray(rate * (np.where(level, short * flat, curved) + (hours - short) * arrived), dtype=np.float64)


def arrhenius_straight(begin: Array, end: Array, hours: Array, heat: float, reference: float) -> Array:
    """Integral of exp(heat/reference - heat/T) dt [h] over pieces on which T runs straight from begin to end.

    Args:
        begin: (n,) [K].
        end: (n,) [K].
        hours: (n,) how long.
        heat: activation energy over the gas constant [K].
        reference: temperature at which the integrand is 1 [K].
    """

    def whole(kelvin: Array) -> Array:
        return np.asarray(kelvin * np.exp(heat / reference - heat / kelvin)
                          + heat * np.exp(heat / reference) * expi(-heat / kelvin))  # fmt: skip

    level = np.abs(end - begin) < FLAT
    slope = np.where(level, 1.0, end - begin)
    middle = np.exp(heat / reference - 2 * heat / (begin + end))
    return np.asarray(hours * np.where(level, middle, (whole(end) - whole(begin)) / slope), dtype=np.float64)


def crossing_survival(crossings: ArrayLike, cells: Frozen) -> Array:
    """Share that outlives being warmed through the glass transition that many times; the loss saturates."""
    lost = cells["crossing.most"] * -np.expm1(-np.asarray(crossings, dtype=np.float64) / cells["crossing.scale"])
    return np.asarray(1 - lost, dtype=np.float64)


def freezing_survival(cooling: ArrayLike, warming: ArrayLike, cells: Frozen) -> Array:
    """Share that outlives freezing at one rate and thawing at another [K/min], beyond what every thaw costs.

    Gently frozen cells stand any warming; harshly frozen ones are lost to ice that grows again when they are warmed
    slowly (Baboo 2019). Between the rates examined the loss is interpolated in their logarithms.
    """
    harsh = _between(cooling, cells["freezing.gentle"], cells["freezing.harsh"])
    slow = 1 - _between(warming, cells["thaw.slow"], cells["thaw.fast"])
    return np.asarray(1 - cells["thaw.regrowth"] * harsh * slow, dtype=np.float64)


def _between(rate: ArrayLike, low: float, high: float) -> Array:
    return np.asarray(np.clip(np.log(np.asarray(rate) / low) / np.log(high / low), 0.0, 1.0), dtype=np.float64)


def alive(hours: ArrayLike, lasting: ArrayLike, cells: Frozen) -> Array:
    """Share of thawed cells alive after some hours: those that last die slowly, the others within the day."""
    hours, lasting = np.asarray(hours, dtype=np.float64), np.asarray(lasting, dtype=np.float64)
    slow, fast = cells["survival.lasting_death"], cells["survival.early_death"]
    return np.asarray(lasting * np.exp(-slow * hours) + (1 - lasting) * np.exp(-fast * hours), dtype=np.float64)
