"""Antibody-dependent killing: antibody on the target, Fc receptors that bind it, and their shedding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.mechanisms.equilibrium import Contact, complexes
from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, Concentration, Density, Nanomolar, PerDay, Ratio, UgPerML

__all__ = [
    "antibody_coating", "antibody_secretion", "cd16_turnover", "complement_killing", "fc_binding", "host_adcc",
]  # fmt: skip


@mechanism("Hoffman2018")
def antibody_coating(antibody: UgPerML, antigen: Density, *, half: UgPerML) -> Iterator[Level]:
    """A monoclonal antibody covers its antigen on the target.

    Assumes: equilibrium; the antibody is in excess of antigen.
    Leaves out: internalisation of the antigen, and complement.
    Seen in: receptor occupancy of therapeutic antibodies.
    """
    yield Level("coat", antigen * saturation(antibody, half))


@mechanism("Bryceson2006")
def fc_binding(
    coat: Density,
    cd16: Ratio,
    contact: Contact,
    *,
    receptors: Density,
    affinity: Nanomolar,
    weight: Ratio,
) -> Iterator[Level]:
    """CD16 binds the antibody on the target and triggers the cell on its own; the V158 variant binds tighter.

    Both sides can run out, so complexes never exceed the antibody on the target.

    Assumes: monovalent contact; ``affinity`` is that of the cell's own FCGR3A genotype, the donor's if allogeneic.
    Leaves out: competition by serum immunoglobulin.
    Seen in: CD16 alone activates resting cells; V/V carriers respond better to several antibodies.
    """
    yield Level("antibody", weight * complexes(receptors * cd16, coat, affinity * contact))


@mechanism("Bryceson2006")
def cd16_turnover(cd16: Ratio, toggle: Ratio, *, rate: PerDay, shedding: PerDay) -> Iterator[Flow]:
    """Activation cuts CD16 off the cell (ADAM17); a non-cleavable variant stays.

    Assumes: one level for all cells of a product, relative to rest.
    Leaves out: shedding by engaged CD16 itself.
    Seen in: activated cells lose CD16 within hours and regain it over days.
    """
    yield Flow("synthesis", rate, sink=cd16)
    yield Flow("turnover", rate * cd16, source=cd16)
    yield Flow("shedding", shedding * toggle * cd16, source=cd16)


@mechanism("Hoffman2018")
def host_adcc(
    target: Cells,
    host_nk: Concentration,
    coat: Density,
    contact: Contact,
    *,
    rate: PerDay,
    half_cells: Concentration,
    half_bound: Density,
    receptors: Density,
    affinity: Nanomolar,
) -> Iterator[Flow | Level]:
    """The patient's own lymphocytes kill antibody-coated tumour cells.

    Assumes: saturates in cells and in bound antibody; ``affinity`` follows the patient's FCGR3A genotype.
    Leaves out: macrophages that eat coated cells, and complement.
    Seen in: response to rituximab and trastuzumab alone.
    """
    bound = complexes(receptors, coat, affinity * contact)
    killed = rate * saturation(host_nk, half_cells) * saturation(bound, half_bound) * target
    yield Flow("lysis", killed, source=target)
    yield Level("killed", killed)


@mechanism()
def complement_killing(target: Cells, coat: Density, *, rate: PerDay, half: Density) -> Iterator[Flow | Level]:
    """Antibody on a tumour cell can fix complement and kill without any lymphocyte.

    Assumes: saturates in antibody on the target; a rate of 0 switches it off.
    Leaves out: complement that runs out, and inhibitors on the tumour cell.
    Seen in: antibodies against CD20 in culture; its share in patients is disputed.
    """
    killed = rate * saturation(coat, half) * target
    yield Flow("lysis", killed, source=target)
    yield Level("killed", killed)


@mechanism()
def antibody_secretion(
    antibody: UgPerML,
    effector: Cells,
    *,
    made: Annotated[Any, "ug/mL/day/cell"],
    loss: PerDay,
) -> Iterator[Flow]:
    """Engineered cells secrete an antibody where they are.

    Assumes: a well-mixed disease site of fixed volume, folded into ``made``.
    Leaves out: leakage into blood.
    Seen in: designs in which the cell brings its own antibody or engager.
    """
    yield Flow("secretion", made * effector, sink=antibody)
    yield Flow("loss", loss * antibody, source=antibody)
