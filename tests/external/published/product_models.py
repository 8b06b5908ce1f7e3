"""Singh 2021 (idecabtagene vicleucel) and Mueller-Schöll 2021 (axicabtagene ciloleucel)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

from external.published.published_model import Published
from external.published.turnover import loss, passage
from perforin.model.compose import compose
from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.model.network import State
from perforin.units import Cells, Concentration, Density, Litres, PerDay

CellsPerLitre = Annotated[Any, "cell/L"]
MoleculesPerLitre = Annotated[Any, "molecule/L"]
OnRate = Annotated[Any, "L/molecule/day"]
Copies = Annotated[Any, "copy/ug"]
CopiesPerCell = Annotated[Any, "copy/ug*L/cell"]
Volume = Annotated[Any, "mL"]
Boost = Annotated[Any, "cell/uL/mL/day"]
Clearance = Annotated[Any, "mL/day*uL/cell"]

AVOGADRO = 6.023e23
"""As the authors write it."""


@mechanism("Singh2021")
def tissue_cells(effector: Cells, memory: Cells, *, volume: Litres) -> Iterator[Level]:
    """Cells per litre of marrow."""
    yield Level("per_litre", (effector + memory) / volume)


@mechanism("Singh2021")
def binding(
    complexes: MoleculesPerLitre,
    per_litre: CellsPerLitre,
    tumour: CellsPerLitre,
    *,
    receptors: Density,
    antigens: Density,
    on: OnRate,
    off: PerDay,
) -> Iterator[Flow]:
    """Receptors bind antigens."""
    free = (per_litre * receptors - complexes) * (tumour * antigens - complexes)
    yield Flow("association", on * free, sink=complexes)
    yield Flow("dissociation", off * complexes, source=complexes)


@mechanism("Singh2021")
def expansion(
    effector: Cells, complexes: MoleculesPerLitre, per_litre: CellsPerLitre, *, rate: PerDay, half: Density
) -> Iterator[Flow]:
    """Effectors divide with complexes per effector."""
    yield Flow("division", rate * saturation(complexes / per_litre, half) * effector, sink=effector)


@mechanism("Singh2021")
def killing(
    tumour: CellsPerLitre, complexes: MoleculesPerLitre, *, growth: PerDay, rate: PerDay, half: Density
) -> Iterator[Flow]:
    """Tumour cells grow, and die with complexes per tumour cell."""
    yield Flow("growth", growth * tumour, sink=tumour)
    yield Flow("killing", rate * saturation(complexes / tumour, half) * tumour, source=tumour)


@mechanism("Singh2021")
def assay(effector: Cells, memory: Cells, *, copies: CopiesPerCell, volume: Litres) -> Iterator[Level]:
    """Transgene copies in blood."""
    yield Level("transgene", copies * (effector + memory) / volume)


def singh() -> Published:
    """450 million cells; the tissue starts with 3.65e-6 cells, as in the authors' code, so that no ratio is 0/0."""
    cells = ("effector[blood]", "memory[blood]", "effector[marrow]", "memory[marrow]")
    states = [*(State(n, "cell") for n in cells), State("complexes", "molecule/L"), State("tumour", "cell/L")]
    marrow = {"effector": "effector[marrow]", "memory": "memory[marrow]"}
    kinds = [{"k": "effector"}, {"k": "memory"}]
    placements = [
        *tissue_cells.on(**marrow),
        *binding.on(),
        *expansion.on(effector="effector[marrow]"),
        *killing.on(),
        *assay.on(effector="effector[blood]", memory="memory[blood]"),
        *loss.on(kinds, cells="{k}[blood]", rate="[{k}]"),
        *passage.on([{"d": "in", "k": k["k"]} for k in kinds], here="{k}[blood]", there="{k}[marrow]", rate="[{d}]"),
        *passage.on([{"d": "out", "k": k["k"]} for k in kinds], here="{k}[marrow]", there="{k}[blood]", rate="[{d}]"),
        *passage.on([{"d": "memory"}], here="effector[marrow]", there="memory[marrow]", rate="[{d}]"),
    ]
    values = {
        "tissue_cells.volume": 3.65,
        "binding.receptors": 15000.0,
        "binding.antigens": 12590.0,
        "binding.on": 7.103e4 * 86400 / AVOGADRO,
        "binding.off": 2.385e-3 * 86400,
        "expansion.rate": 1.73,
        "expansion.half": 10.0,
        "killing.growth": 0.008,
        "killing.rate": 0.343,
        "killing.half": 2.24,
        "assay.copies": 0.002,
        "assay.volume": 5.0,
        "loss.rate[effector]": 113.0,
        "loss.rate[memory]": 0.219,
        "passage.rate[in]": 1.71,
        "passage.rate[out]": 0.176,
        "passage.rate[memory]": 2e-5,
    }
    start = dict.fromkeys(cells, 0.0) | {"effector[marrow]": 3.65e-6, "complexes": 0.0, "tumour": 2.5e9}
    return Published(compose(placements, states), values, start, ((0.0, "effector[blood]", 1.0, 450e6),))


PHENOTYPES = ("naive", "central", "effector_memory", "effector")


@mechanism("MuellerSchoell2021")
def antigen_expansion(cells: Concentration, tumour: Volume, *, rate: Boost, half: Concentration) -> Iterator[Flow]:
    """Expansion grows with tumour volume and saturates with cells."""
    yield Flow("division", rate * tumour * saturation(cells, half), sink=cells)


@mechanism("MuellerSchoell2021")
def renewal(cells: Concentration, *, rate: PerDay) -> Iterator[Flow]:
    """Growth without antigen."""
    yield Flow("division", rate * cells, sink=cells)


@mechanism("MuellerSchoell2021")
def tumour_growth(tumour: Volume, *, rate: PerDay, capacity: Volume) -> Iterator[Flow]:
    """Logistic growth."""
    yield Flow("growth", rate * tumour * (1 - tumour / capacity), sink=tumour)


@mechanism("MuellerSchoell2021")
def tumour_killing(tumour: Volume, cells: Concentration, *, rate: Clearance, half: Volume) -> Iterator[Flow]:
    """Killing per cell saturates with tumour volume."""
    yield Flow("killing", rate * cells * saturation(tumour, half), source=tumour)


@mechanism()
def addition(cells: Concentration) -> Iterator[Level]:
    """All phenotypes."""
    yield Level("all_cells", cells)


def mueller_schoell() -> Published:
    """Reference population, tumour volume 85.7 mL."""
    states = [*(State(p, "cell/uL") for p in PHENOTYPES), State("tumour", "mL")]
    every = [{"p": p} for p in PHENOTYPES]
    placements = [
        *antigen_expansion.on(every[:3], cells="{p}"),
        *renewal.on(every[:3], cells="{p}", rate="[{p}]"),
        *loss.on(every, cells="{p}", rate="[{p}]"),
        *tumour_growth.on(),
        *tumour_killing.on(every, cells="{p}", rate="[{p}]"),
        *addition.on(every, cells="{p}"),
    ]
    for here, there in pairwise(PHENOTYPES):
        placements += passage.on([{"p": here}], here=here, there=there, rate="[{p}]")
    values = {"antigen_expansion.rate": 0.00846, "antigen_expansion.half": 1.13}
    values |= {"tumour_growth.rate": 0.0023, "tumour_growth.capacity": 5000.0, "tumour_killing.half": 276.0}
    for stem, numbers in (
        ("renewal.rate", (0.0005, 0.007, 0.007)),
        ("loss.rate", (0.0104, 0.0104, 0.0104, 0.518)),
        ("passage.rate", (0.14, 0.191, 0.355)),
        ("tumour_killing.rate", (2.57, 4.04, 3.78, 4.24)),
    ):
        values |= {f"{stem}[{p}]": number for p, number in zip(PHENOTYPES, numbers, strict=False)}
    start = dict.fromkeys(PHENOTYPES, 0.1) | {"tumour": 85.7}
    return Published(compose(placements, states), values, start)
