"""Cytokine release and neurotoxicity: effector cytokines, macrophages, interleukins 6 and 1, the endothelium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, CellsPerDay, PerDay, PgPerML, Ratio

__all__ = [
    "activity", "cytokine_clearance", "cytokine_release", "endothelial_injury", "interleukin_1", "interleukin_6",
    "macrophages", "release_attenuation",
]  # fmt: skip


@mechanism()
def activity(effector: Cells, toggle: Ratio) -> Iterator[Level]:
    """Effectors in action: those that the antigen of their site has switched on.

    Assumes: cytokine release follows the same toggle as division.
    Leaves out: cells that release without dividing.
    Seen in: cytokines peak with expansion.
    """
    yield Level("active", toggle * effector)


@mechanism("Hardiansyah2019")
def cytokine_release(
    cytokine: PgPerML,
    active: Cells,
    steroid: Ratio,
    attenuation: Ratio,
    *,
    made: Annotated[Any, "pg/mL/day/cell"],
    steroid_effect: Ratio,
) -> Iterator[Flow]:
    """Effectors in action release interferon gamma and GM-CSF into the circulation.

    How much each cell releases is what sets products apart; the chain behind it is the same for all.

    Assumes: proportional to active effectors; distribution volume is part of ``made``.
    Leaves out: tumour necrosis factor by name.
    Seen in: interferon and GM-CSF precede interleukin 6.
    """
    yield Flow("release", made * active * (1 - steroid_effect * steroid) / (1 + attenuation), sink=cytokine)


@mechanism("Chen2019")
def release_attenuation(
    attenuation: Ratio, active: Cells, *, rate: PerDay, half: Cells, fading: PerDay
) -> Iterator[Flow]:
    """Cells that have released cytokines release less the next time (priming attenuation).

    Assumes: one state for a product.
    Leaves out: tolerance of macrophages.
    Seen in: first-dose reactions of bispecific antibodies.
    """
    yield Flow("rise", rate * saturation(active, half), sink=attenuation)
    yield Flow("fading", fading * attenuation, source=attenuation)


@mechanism("Hardiansyah2019")
def cytokine_clearance(cytokine: PgPerML, *, rate: PerDay) -> Iterator[Flow]:
    """A cytokine leaves the circulation.

    Assumes: first order.
    Leaves out: uptake by the cells that it acts on.
    Seen in: half-lives of hours.
    """
    yield Flow("clearance", rate * cytokine, source=cytokine)


@mechanism("Santurio2025", "Hanson2016", "Cooley2019")
def macrophages(
    resting: Ratio,
    active: Ratio,
    ifn: PgPerML,
    gm_csf: PgPerML,
    il15: PgPerML,
    agonist15: PgPerML,
    lysis: CellsPerDay,
    steroid: Ratio,
    *,
    rate: PerDay,
    half_ifn: PgPerML,
    half_gm: PgPerML,
    weight_gm: Ratio,
    half_lysis: CellsPerDay,
    weight_lysis: Ratio,
    half_il15: PgPerML,
    weight_il15: Ratio,
    refill: PerDay,
    death: PerDay,
    steroid_effect: Ratio,
) -> Iterator[Flow]:
    """Macrophages are roused by interferon, GM-CSF and debris of lysed cells, and amplify the storm.

    Systemic interleukin 15 rouses them too, which is why its drugs cause cytokine release without any CAR.

    Assumes: relative to the resting pool; stimuli add.
    Leaves out: contact between effectors and macrophages (CD40).
    Seen in: depletion or blockade of macrophages prevents cytokine release in mice.
    """
    stimulus = saturation(ifn, half_ifn) + weight_gm * saturation(gm_csf, half_gm)
    stimulus = stimulus + weight_lysis * saturation(lysis, half_lysis)
    stimulus = stimulus + weight_il15 * saturation(il15 + agonist15, half_il15)
    yield Flow("activation", rate * stimulus * (1 - steroid_effect * steroid) * resting, source=resting, sink=active)
    yield Flow("supply", refill, sink=resting)
    yield Flow("exit", refill * resting, source=resting)
    yield Flow("death", death * active, source=active)


@mechanism("Hardiansyah2019", "Dwivedi2014")
def interleukin_6(
    il6: PgPerML,
    active: Ratio,
    tocilizumab: Ratio,
    *,
    base: Annotated[Any, "pg/mL/day"],
    made: Annotated[Any, "pg/mL/day"],
    half: Ratio,
    clearance: PerDay,
    through_receptor: Ratio,
) -> Iterator[Flow | Level]:
    """Roused macrophages make interleukin 6; tocilizumab blocks its effect and, with it, its clearance.

    So serum interleukin 6 rises after tocilizumab while what tissues perceive (``signal``) falls.

    Assumes: ``through_receptor`` is the share of clearance by the receptor.
    Leaves out: soluble receptor and gp130.
    Seen in: rises of serum interleukin 6 after tocilizumab.
    """
    switched = active**2 / (half**2 + active**2)
    yield Flow("baseline", base, sink=il6)
    yield Flow("production", made * switched * active, sink=il6)
    yield Flow("clearance", clearance * (1 - through_receptor * tocilizumab) * il6, source=il6)
    yield Level("signal", il6 * (1 - tocilizumab))


@mechanism("Santurio2025")
def interleukin_1(
    il1: PgPerML,
    active: Ratio,
    steroid: Ratio,
    *,
    made: Annotated[Any, "pg/mL/day"],
    half: Ratio,
    clearance: PerDay,
    steroid_effect: Ratio,
) -> Iterator[Flow]:
    """Roused macrophages make interleukin 1, which reaches the brain.

    Assumes: the same switch as for interleukin 6.
    Leaves out: its natural antagonist.
    Seen in: anakinra prevents neurotoxicity in mice.
    """
    switched = active**2 / (half**2 + active**2)
    yield Flow("production", made * switched * (1 - steroid_effect * steroid), sink=il1)
    yield Flow("clearance", clearance * il1, source=il1)


@mechanism("Gust2017")
def endothelial_injury(
    injury: Ratio,
    il6_signal: PgPerML,
    il1: PgPerML,
    ifn: PgPerML,
    steroid: Ratio,
    il1_blocked: Ratio,
    *,
    rate: PerDay,
    half_il6: PgPerML,
    half_il1: PgPerML,
    half_ifn: PgPerML,
    repair: PerDay,
    steroid_effect: Ratio,
) -> Iterator[Flow]:
    """Cytokines open the endothelium of the brain, the ground on which neurotoxicity grows.

    Assumes: three stimuli add; grades follow from the peak by a calibrated rule, not here.
    Leaves out: antigen on cells of the brain.
    Seen in: endothelial markers in patients with severe neurotoxicity.
    """
    cause = saturation(il6_signal, half_il6) + saturation(il1 * (1 - il1_blocked), half_il1) + saturation(ifn, half_ifn)
    yield Flow("injury", rate * cause * (1 - steroid_effect * steroid), sink=injury)
    yield Flow("repair", repair * injury, source=injury)
