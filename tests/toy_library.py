"""A library of a few nouns in a temporary folder, with the mechanisms of the toy model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from perforin.evidence.parameters import Row, read_table
from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, Mechanism, mechanism
from perforin.shelf import Library
from perforin.units import Cells, CellsPerDay, Density, PerDay, Ratio

HEAD = (
    "parameter,cell,antigen,disease,value,unit,low,high,between_patient_cv,distribution,kind,status,source,locator,note"
)
TABLE = f"""{HEAD}
tumour_growth.rate,,,,0.02,1/day,0.01,0.05,0.6,,assumed,assumed,,,made up
tumour_growth.rate[negative],,,,0.01,1/day,0.005,0.02,0,,assumed,assumed,,,made up
lysis.kills,T,,,6,1/day,2,16,0.4,,measured,read,Halle2016,abstract,
lysis.kills,NK,,,10,1/day,3,16,0.4,,measured,read,Halle2016,abstract,
lysis.half,,,,1e9,cell,1e8,1e10,0,,assumed,assumed,,,made up
recognition.half,,,,2000,molecule/cell,1000,5000,0,,assumed,assumed,,,made up
washout.rate,,,,1,1/day,1,1,0,,assumed,assumed,,,made up
"""

NOUNS = {
    "diseases/lymphoma": """
label: A lymphoma
keys: {disease: lymphoma}
families: {class: [negative, high]}
states: {"tumour[class]": {unit: cell, start: [burden, "share[class]"]}}
sums: {"killed[class]": cell/day}
mechanisms:
  - tumour_growth: {tumour: "tumour[class]", rate: "[class]", killed: "killed[class]"}
parameters:
  burden: {value: 3e10, unit: cell, low: 1e9, high: 1e12, cv: 1.5, note: made up}
  share[negative]: {value: 0.001, note: made up}
  share[high]: {value: 0.999, note: made up}
  CD19[negative]: {value: 0, unit: molecule/cell, note: made up}
  CD19[high]: {value: 15000, unit: molecule/cell, low: 8000, high: 30000, cv: 0.5, note: made up}
  waiting.attrition: {value: 0.00442, unit: 1/day, note: pooled}
observables:
  tumour: {of: "tumour[high]", unit: cell}
clones: {"tumour[class]": positive}
criteria: lugano
population:
  covariates:
    weight: {distribution: lognormal, median: 75 kg, cv: 0.2}
    burden: {distribution: lognormal, median: 3e10 cell, cv: 1.5, sets: burden}
  correlations: [[weight, burden, 0.2]]
""",
    "cells/killer": """
label: Cells that kill
states: {effector: {unit: cell}}
mechanisms:
  - recognition: {density: "$target[class]", signal: "signal[class]"}
  - lysis: {signal: "signal[class]", tumour: "tumour[class]", killed: "patient.killed[class]"}
parameters:
  viability: {value: 0.9, note: made up}
doses: {unit: cell, into: [{state: effector, factors: [viability]}]}
observables: {cells: {of: effector, unit: cell}}
""",
    "cells/quick": "{label: Quick killers, includes: [cells/killer], keys: {cell: NK}}",
    "cells/slow": """
label: Slow killers
includes: [cells/killer]
keys: {cell: T}
parameters: {viability: {value: 0.8, note: made up}}
""",
    "constructs/cd19": "{label: A CD19 CAR, words: {target: CD19}}",
    "edits/keener": """
label: A lower threshold
parameters: {recognition.half: {times: 0.1, note: made up}}
""",
    "products/quick19": """
label: Quick CD19
cell: quick
construct: cd19
process: stocked
schedule: [{day: 0, dose: 8e8 cell}]
studied: {diseases: [lymphoma], low: 1e7 cell, high: 1e9 cell}
""",
    "products/slow19": """
label: Slow CD19
cell: slow
construct: cd19
process: made_to_order
schedule: [{day: 0, dose: 2e6 cell/kg, cap: 2e8 cell}]
published: [zuma_1]
""",
    "products/keen19": """
label: Keen CD19
cell: slow
construct: cd19
edits: [keener]
schedule: [{day: 0, dose: 1e8 cell}]
""",
    "drugs/poison": """
label: A poison
states: {poison: {unit: ""}}
mechanisms: [washout: {drug: poison}]
doses: {unit: mg/m^2, into: [{state: poison, factors: [scale]}]}
parameters: {scale: {value: 0.01, unit: "", note: made up}}
usual: 25 mg/m^2
""",
    "regimens/clearing": "{label: Clearing, drugs: [{drug: poison, dose: 30 mg/m^2, days: [-5, -4, -3]}]}",
    "processes/stocked": """
label: From stock
starting_material: donor_bank
list_price: {value: 2000, unit: USD, kind: assumed, status: assumed, note: a goal}
""",
    "processes/made_to_order": """
label: Made to order
starting_material: patient
list_price: {value: 399000, unit: USD, kind: measured, status: read, source: Joyner2022}
""",
}  # fmt: skip


@mechanism()
def tumour_growth(tumour: Cells, killed: CellsPerDay, *, rate: PerDay) -> Iterator[Flow | Level]:
    """Grows and is killed."""
    yield Flow("growth", rate * tumour, sink=tumour)
    yield Flow("killing", killed, source=tumour)


@mechanism()
def recognition(density: Density, *, half: Density) -> Iterator[Flow | Level]:
    """Denser antigen, stronger signal."""
    yield Level("signal", saturation(density, half))


@mechanism("Halle2016")
def lysis(effector: Cells, tumour: Cells, signal: Ratio, *, kills: PerDay, half: Cells) -> Iterator[Flow | Level]:
    """A bounded number of kills a day."""
    yield Level("killed", kills * effector * signal * saturation(tumour, half))


@mechanism()
def washout(drug: Ratio, *, rate: PerDay) -> Iterator[Flow | Level]:
    """Decays."""
    yield Flow("loss", rate * drug, source=drug)


@dataclass(frozen=True)
class ToyLibrary(Library):
    """The toy mechanisms in place of perforin's."""

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        return {verb.name: verb for verb in (tumour_growth, recognition, lysis, washout)}

    @property
    def stems(self) -> tuple[str, ...]:
        return tuple(f"{name}.{one}" for name, verb in self.mechanisms.items() for one in verb.parameters)

    @property
    def tables(self) -> Mapping[str, tuple[Row, ...]]:
        rows = read_table(self.folders[0] / "toy.csv")
        return {stem: tuple(row for row in rows if row.stem == stem) for stem in {row.stem for row in rows}}


def write_library(folder: Path, **changed: str) -> ToyLibrary:
    """The library in a folder; ``kind__name="..."`` replaces or adds a noun."""
    texts = NOUNS | {name.replace("__", "/"): text for name, text in changed.items()}
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "toy.csv").write_text(TABLE)
    return ToyLibrary((folder,))
