"""The patient's immune system against the product: priming, rejection, missing self and antibodies."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, Concentration, PerDay, Ratio

__all__ = ["humoral_priming", "priming_against_graft", "reactive_turnover", "rejection", "removal"]


@mechanism()
def priming_against_graft(
    reactive: Concentration,
    host_t: Concentration,
    total: Cells,
    steroid: Ratio,
    mismatch: Ratio,
    hidden: Ratio,
    class_two_hidden: Ratio,
    *,
    alloreactive: Ratio,
    recruitment: PerDay,
    rate: PerDay,
    half: Cells,
    half_host: Concentration,
    ceiling: Concentration,
    class_two_share: Ratio,
    steroid_effect: Ratio,
) -> Iterator[Flow]:
    """Foreign cells prime host T lymphocytes, which then multiply against the graft.

    Lymphodepletion delays it because few host lymphocytes are left to be primed. Cells without B2M show no HLA class
    I, cells without CIITA no class II.

    Assumes: both classes prime; growth is logistic, written as division and crowding.
    Leaves out: regulatory cells of the host, and minor antigens.
    Seen in: allogeneic cells vanish as the host's lymphocytes return.
    """
    foreign = mismatch * (1 - hidden) * (1 - class_two_share * class_two_hidden) * saturation(total, half)
    growing = rate * foreign * saturation(host_t, half_host) * (1 - steroid_effect * steroid) * reactive
    yield Flow("priming", alloreactive * recruitment * foreign * host_t, sink=reactive)
    yield Flow("division", growing, sink=reactive)
    yield Flow("crowding", growing * reactive / ceiling, source=reactive)


@mechanism()
def reactive_turnover(reactive: Concentration, depletion: PerDay, *, death: PerDay) -> Iterator[Flow]:
    """Graft-reactive lymphocytes die off, faster under conditioning.

    Assumes: as sensitive to conditioning as other lymphocytes.
    Leaves out: memory, which would speed a second rejection.
    Seen in: contraction after an immune response.
    """
    yield Flow("death", (death + depletion) * reactive, source=reactive)


@mechanism("Awasthi2020")
def humoral_priming(
    antibodies: Ratio,
    total: Cells,
    mismatch: Ratio,
    *,
    rate: PerDay,
    half: Cells,
    receptor_share: Ratio,
    waning: PerDay,
) -> Iterator[Flow]:
    """Over weeks the patient makes antibodies against foreign HLA and against the receptor itself.

    It comes too late for a first infusion and meets a second one.

    Assumes: ``receptor_share`` of the response is against the CAR and needs no mismatch of HLA.
    Leaves out: the lack of B cells after products against CD19.
    Seen in: antibodies against the CAR before and after treatment.
    """
    seen = receptor_share + (1 - receptor_share) * mismatch
    yield Flow("production", rate * seen * saturation(total, half) * (1 - antibodies), sink=antibodies)
    yield Flow("waning", waning * antibodies, source=antibodies)


@mechanism("Bachanova2014")
def rejection(
    reactive: Concentration,
    host_nk: Concentration,
    antibodies: Ratio,
    mismatch: Ratio,
    hidden: Ratio,
    cloak: Ratio,
    *,
    by_host_t: PerDay,
    half_host_t: Concentration,
    by_host_nk: PerDay,
    half_host_nk: Concentration,
    by_antibodies: Ratio,
) -> Iterator[Level]:
    """The graft is killed by primed host lymphocytes and, where it shows no HLA class I, by host NK cells.

    HLA-E or CD47 on the graft cloak it from the latter. Antibodies make host lymphocytes kill more.

    Assumes: killing saturates in the number of killers; it strikes all pools and sites alike.
    Leaves out: sites without host lymphocytes.
    Seen in: grafts without B2M vanish quickly unless cloaked.
    """
    primed = by_host_t * saturation(reactive, half_host_t) * mismatch * (1 - hidden)
    missing_self = by_host_nk * saturation(host_nk, half_host_nk) * hidden * (1 - cloak)
    yield Level("rejected", (primed + missing_self) * (1 + by_antibodies * antibodies))


@mechanism()
def removal(cell: Cells, rejected: PerDay) -> Iterator[Flow]:
    """Rejection takes its share of a pool.

    Assumes: all pools are equally visible.
    Leaves out: nothing.
    Seen in: nothing; bookkeeping.
    """
    yield Flow("rejection", rejected * cell, source=cell)
