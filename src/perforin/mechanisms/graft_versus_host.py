"""The product against the patient's tissues."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, mechanism
from perforin.units import Cells, PerDay, Ratio

__all__ = ["graft_attack", "graft_injury_repair"]


@mechanism()
def graft_attack(injury: Ratio, effector: Cells, alloreactivity: Ratio, *, rate: PerDay, half: Cells) -> Iterator[Flow]:
    """Donor cells with an alloreactive antigen receptor injure skin, gut and liver.

    ``alloreactivity`` is 0 for the patient's own cells, for cells without such a receptor and after its knock-out.

    Assumes: effectors in lymphoid tissue stand for those in the organs.
    Leaves out: the organs one by one.
    Seen in: graft-versus-host disease after donor lymphocytes; hardly any after receptor knock-out.
    """
    yield Flow("injury", alloreactivity * rate * saturation(effector, half), sink=injury)


@mechanism()
def graft_injury_repair(injury: Ratio, *, repair: PerDay) -> Iterator[Flow]:
    """Injured tissue heals by itself once it is left in peace.

    Assumes: first order.
    Leaves out: chronic disease.
    Seen in: acute disease that resolves when the donor cells are gone.
    """
    yield Flow("repair", repair * injury, source=injury)
