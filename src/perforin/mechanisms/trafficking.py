"""Where the cells go: exchange between blood, lymphoid tissue and the disease site, and access to solid tumours."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, PerDay, Ratio

__all__ = ["migration", "open_access", "solid_access"]


@mechanism("Singh2021", "LeonTriana2021")
def migration(here: Cells, there: Cells, access: Ratio, *, out: PerDay, back: PerDay) -> Iterator[Flow]:
    """Cells leave the blood for a tissue and come back; a barrier slows the way in, not the way out.

    Assumes: first order both ways; all pools of a product move alike.
    Leaves out: chemokine gradients; a matching receptor is a larger ``out``.
    Seen in: fast distribution after infusion.
    """
    yield Flow("out", out * access * here, source=here, sink=there)
    yield Flow("back", back * there, source=there, sink=here)


@mechanism("Singh2021")
def open_access(*, openness: Ratio) -> Iterator[Level]:
    """Blood, marrow and nodes let lymphocytes in freely.

    Assumes: no barrier.
    Leaves out: sanctuaries such as brain and testis.
    Seen in: marrow and blood counts that move together.
    """
    yield Level("access", openness)


@mechanism("LeonTriana2021")
def solid_access(living: Cells, stroma: Ratio, *, best: Ratio, barrier: Ratio, half: Cells) -> Iterator[Level]:
    """A solid tumour lets few lymphocytes in, fewer behind stroma, and a small one attracts few.

    Assumes: stroma closes up to ``barrier`` of the way; ``half`` is the size at which half of the vessels are there.
    Leaves out: excluded and inflamed regions within one tumour.
    Seen in: few percent of infused cells reach solid tumours.
    """
    yield Level("access", best * (1 - barrier * stroma) * saturation(living, half))
