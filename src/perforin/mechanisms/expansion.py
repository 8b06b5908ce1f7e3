"""Antigen makes the product act: contact, a toggle between rest and action, activation and division."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, Concentration, PerDay, Ratio

__all__ = [
    "activation", "antigen_contact", "antigen_toggle", "competition", "exhaustion", "expansion", "reinvigoration",
]  # fmt: skip


@mechanism("Kirouac2023")
def antigen_contact(target: Cells, drive: Ratio, *, reach: Ratio) -> Iterator[Level]:
    """The antigen that a site offers: its target cells, weighed by how strongly each drives the product.

    Assumes: ``reach`` is the share of these cells that the product meets in the site.
    Leaves out: soluble antigen.
    Seen in: expansion follows tumour burden and healthy antigen-positive cells.
    """
    yield Level("antigen", reach * drive * target)


@mechanism("Kirouac2023")
def antigen_toggle(antigen: Cells, *, half: Cells) -> Iterator[Level]:
    """Antigen flips the product from rest to action: 0 without antigen, 1 with plenty.

    One toggle for activation, division, exhaustion and return to memory spares an explicit time of peak.

    Assumes: the toggle follows antigen at once.
    Leaves out: cells that stay active for days after the last contact.
    Seen in: fits of responders and non-responders by one structure.
    """
    yield Level("toggle", saturation(antigen, half))


@mechanism("Kimmel2021")
def competition(
    host_t: Concentration, host_nk: Concentration, *, half: Concentration, host_nk_share: Ratio, weight: Ratio
) -> Iterator[Level]:
    """The patient's own lymphocytes use up what the product needs to grow; lymphodepletion makes room.

    Assumes: hyperbolic; ``weight`` 0 means that the product does not compete for it.
    Leaves out: which cytokine it is; interleukins 7 and 15 are modelled apart.
    Seen in: growth of the graft depends on absolute lymphocyte count.
    """
    yield Level("freedom", half / (half + weight * (host_t + host_nk_share * host_nk)))


@mechanism("Kirouac2023", "Minucci2024")
def activation(
    memory: Cells, effector: Cells, toggle: Ratio, *, rate: PerDay, daughters: Ratio, self_renewal: Ratio
) -> Iterator[Flow]:
    """Antigen wakes resting cells: each gives daughters, some of which stay at rest and the others act.

    One daughter and no self-renewal is plain activation without division.

    Assumes: division and the choice of fate fall together.
    Leaves out: the hours to a first division.
    Seen in: the toggle of self-renewal against differentiation in patients with leukaemia.
    """
    woken = rate * toggle * memory
    yield Flow("woken", woken, source=memory)
    yield Flow("self_renewal", woken * daughters * self_renewal, sink=memory)
    yield Flow("daughters", woken * daughters * (1 - self_renewal), sink=effector)


@mechanism("Stein2019", "Singh2021", "Park2025")
def expansion(
    effector: Cells,
    toggle: Ratio,
    freedom: Ratio,
    untouched: Ratio,
    potential: Ratio,
    total: Cells,
    tocilizumab: Ratio,
    steroid: Ratio,
    *,
    rate: PerDay,
    ceiling: Cells,
    tocilizumab_effect: Ratio,
    steroid_effect: Ratio,
    site_share: Ratio,
) -> Iterator[Flow | Level]:
    """Effectors divide on antigen, held back by competitors, TGF-beta, spent divisions and sheer crowding.

    Assumes: ``site_share`` is the site's weight in the divisions that are counted against the replicative budget.
    Leaves out: helper and killer subsets with own rates.
    Seen in: doublings in less than a day for about a week; tocilizumab and steroids changed it little.
    """
    drugs = (1 + tocilizumab_effect * tocilizumab) * (1 - steroid_effect * steroid)
    pace = rate * freedom * toggle * untouched * potential * drugs * ceiling / (ceiling + total)
    yield Flow("division", pace * effector, sink=effector)
    yield Level("divisions", site_share * pace)


@mechanism("Kirouac2023", "Paixao2022", "Long2015")
def exhaustion(effector: Cells, exhausted: Cells, toggle: Ratio, *, rate: PerDay, tonic: Ratio) -> Iterator[Flow]:
    """Effectors tire on antigen, and without it as far as their CAR signals by itself (tonic signalling).

    Assumes: the same rate per unit of either signal; death by overstimulation is part of it.
    Leaves out: degrees of exhaustion.
    Seen in: CARs that cluster exhaust their cells before any antigen; 4-1BB domains less than CD28.
    """
    yield Flow("tiring", rate * (toggle + tonic) * effector, source=effector, sink=exhausted)


@mechanism("Kosinsky2018")
def reinvigoration(exhausted: Cells, effector: Cells, blockade: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """Checkpoint blockade brings some tired cells back to action.

    Assumes: proportional to receptor occupancy.
    Leaves out: the epigenetic scar that lets them tire again sooner.
    Seen in: case reports of renewed expansion after blockade.
    """
    yield Flow("return", rate * blockade * exhausted, source=exhausted, sink=effector)
