"""Two closed forms that several mechanisms share, each written so that it never subtracts nearly equal numbers."""

from __future__ import annotations

from typing import Annotated, Any

from perforin.model.functions import sqrt

__all__ = ["Contact", "complexes", "switch"]

Contact = Annotated[Any, "molecule/cell/(nmol/L)"]
"""Molecules per cell that a concentration of 1 nmol/L means inside a contact zone."""


def complexes(receptors: Any, ligands: Any, affinity: Any) -> Any:
    """Bound pairs at equilibrium when either side can run out; all three in one unit.

    The textbook root ((s - sqrt(s^2 - 4 R L)) / 2 with s = R + L + K) loses digits when few are bound; its conjugate
    does not and needs no clamp.
    """
    total = receptors + ligands + affinity
    root = sqrt((receptors - ligands) ** 2 + affinity * (affinity + 2 * (receptors + ligands)))
    return 2 * receptors * ligands / (total + root)


def switch(drive: Any, kinase_half: Any, phosphatase_half: Any) -> Any:
    """Share of a protein that is phosphorylated, 0 to 1, in a cycle of kinase and phosphatase (Goldbeter-Koshland).

    ``drive`` is the ratio of their velocities. The textbook form is 0/0 at a drive of 1; its conjugate is smooth.
    """
    balance = 1 - drive + kinase_half + phosphatase_half * drive
    return 2 * phosphatase_half * drive / (balance + sqrt(balance**2 + 2 * 2 * phosphatase_half * (drive - 1) * drive))
