"""The reference model: CAR cells in blood and tumour, three antigen classes, host cells, cytokines and a drug.

24 states, 61 parameters, three doses, one year. Its numbers are illustrative and of order one; it is here because it is
as stiff and as coupled as such models are, small enough for every tool, and never changes.
"""

from __future__ import annotations

import re

import numpy as np
import sympy
from numpy.typing import NDArray

from perforin.kernels.build import Doses
from perforin.model.functions import hill, saturation
from perforin.model.mechanism import symbol
from perforin.model.network import FlowRow, LevelRow, Network, Slot, State

__all__ = ["DAYS", "doses", "network", "population"]

Array = NDArray[np.float64]

DAYS = np.linspace(0.0, 365.0, 101)[1:]
DOSE_DAYS = (0.0, 7.0, 14.0)
DOSE = {"effector_blood": 1.0, "memory_blood": 0.3, "drug_depot": 2.0}
SPREAD = 0.3
"""Coefficient of variation of every parameter over patients (log-normal, mean as below)."""
BURDEN = 0.6
"""Standard deviation of the logarithm of the tumour at the start, over patients."""

STATES = {
    "effector_blood": 0.0, "memory_blood": 0.0, "exhausted_blood": 0.0, "effector": 0.0, "memory": 0.0,
    "exhausted": 0.0, "tumour_high": 6.0, "tumour_low": 3.0, "tumour_negative": 0.05, "lymphocytes": 0.25,
    "resting": 3.0, "activated": 0.02, "suppressive": 0.5, "il15_blood": 2.0, "il15": 1.5, "ifn": 0.01,
    "ifn_blood": 0.01, "il6": 0.05, "il6_blood": 0.05, "tgf": 0.6, "crp": 0.1, "drug_depot": 0.0, "drug": 0.0,
    "drug_tissue": 0.0,
}  # fmt: skip

PARAMETERS = {
    "growth": 0.06, "capacity": 60.0, "high_to_low": 0.002, "low_to_high": 0.004, "low_to_negative": 0.0005,
    "kill_rate": 6.0, "low_share": 0.25, "bystander": 0.02, "kill_half": 3.0, "bystander_ifn": 0.3,
    "antigen_half": 1.0, "divide": 1.1, "divide_blood": 0.55, "il15_half": 1.0, "il15_steep": 2.0,
    "cell_capacity": 40.0, "effector_loss": 0.12, "memory_loss": 0.008, "exhausted_loss": 0.25, "to_memory": 0.03,
    "activate": 0.25, "exhaust": 0.12, "enter": 0.35, "leave": 0.05, "enter_half": 2.0, "reject": 0.03,
    "lymphocyte_set": 5.0, "lymphocyte_rate": 0.08, "il15_base": 4.0, "il15_secretion": 0.6, "il15_clear": 8.0,
    "il15_use": 0.5, "il15_use_half": 1.0, "il15_mix": 2.0, "ifn_secretion": 3.0, "ifn_clear": 12.0, "ifn_mix": 1.0,
    "ifn_half": 0.5, "il6_secretion": 4.0, "il6_clear": 10.0, "il6_mix": 2.0, "il6_base": 0.2, "tgf_secretion": 1.2,
    "tgf_clear": 20.0, "tgf_half": 1.5, "tgf_steep": 1.8, "resting_made": 0.3, "resting_loss": 0.1,
    "macrophage_activate": 0.8, "activated_loss": 0.5, "macrophage_suppress": 0.25, "suppressive_loss": 0.15,
    "crp_made": 6.0, "crp_half": 1.0, "crp_loss": 0.9, "absorb": 4.0, "eliminate": 0.4, "outward": 1.2, "inward": 0.6,
    "drug_half": 0.5, "drug_kill": 0.05,
}  # fmt: skip

LEVELS = {
    "tumour": "tumour_high + tumour_low + tumour_negative",
    "antigen": "saturation(tumour_high + low_share * tumour_low, antigen_half)",
    "inflamed": "saturation(tumour, enter_half)",
    "il15_signal_blood": "hill(il15_blood, il15_half, il15_steep)",
    "il15_signal": "hill(il15, il15_half, il15_steep)",
    "uptake_blood": "il15_use * saturation(il15_blood, il15_use_half)",
    "uptake": "il15_use * saturation(il15, il15_use_half)",
    "tgf_signal": "hill(tgf, tgf_half, tgf_steep)",
    "uninhibited": "1 - tgf_signal",
    "ifn_signal": "ifn**2 / (ifn_half**2 + ifn**2)",
    "killing": "kill_rate * effector * uninhibited * (1 + ifn_signal / 2) / (kill_half + effector + tumour)",
    "room_blood": "1 + (effector_blood + memory_blood) / cell_capacity",
    "room": "1 + (effector + memory) / cell_capacity",
    "logistic": "growth * (1 - tumour / capacity)",
    "drug_effect": "saturation(drug, drug_half)",
}

FLOWS = """
                > effector_blood  : divide_blood * il15_signal_blood * effector_blood / room_blood
                > memory_blood    : 0.3 * divide_blood * il15_signal_blood * memory_blood / room_blood
effector_blood  > memory_blood    : 0.2 * to_memory * effector_blood
memory_blood    > effector_blood  : 0.1 * activate * memory_blood
effector_blood  > effector        : enter * inflamed * effector_blood
memory_blood    > memory          : 0.2 * enter * inflamed * memory_blood
effector        > effector_blood  : leave * effector
exhausted       > exhausted_blood : leave * exhausted
effector_blood  >                 : (effector_loss + reject * lymphocytes) * effector_blood
memory_blood    >                 : (memory_loss + 0.3 * reject * lymphocytes) * memory_blood
exhausted_blood >                 : (exhausted_loss + reject * lymphocytes) * exhausted_blood
                > effector        : divide * antigen * il15_signal * uninhibited * effector / room
memory          > effector        : activate * antigen * memory
effector        > memory          : to_memory * (1 - antigen) * effector
effector        > exhausted       : exhaust * antigen * effector
effector        >                 : effector_loss * effector
memory          >                 : memory_loss * memory
exhausted       >                 : exhausted_loss * exhausted
                > tumour_high     : logistic * tumour_high
                > tumour_low      : logistic * tumour_low
                > tumour_negative : logistic * tumour_negative
tumour_high     >                 : killing * tumour_high
tumour_low      >                 : low_share * killing * tumour_low
tumour_negative >                 : bystander * killing * tumour_negative
tumour_negative >                 : bystander * bystander_ifn * ifn_signal * activated * tumour_negative / (1 + tumour)
tumour_high     >                 : drug_kill * drug_effect * tumour_high
tumour_low      >                 : drug_kill * drug_effect * tumour_low
tumour_negative >                 : drug_kill * drug_effect * tumour_negative
tumour_high     > tumour_low      : high_to_low * tumour_high
tumour_low      > tumour_high     : low_to_high * tumour_low
tumour_low      > tumour_negative : low_to_negative * tumour_low
                > lymphocytes     : lymphocyte_rate * lymphocyte_set
lymphocytes     >                 : lymphocyte_rate * lymphocytes
                > resting         : resting_made
resting         >                 : resting_loss * resting
resting         > activated       : macrophage_activate * ifn_signal * resting
resting         > suppressive     : macrophage_suppress * tgf_signal * resting
activated       >                 : activated_loss * activated
suppressive     >                 : suppressive_loss * suppressive
                > il15_blood      : il15_base + il15_secretion * (effector_blood + memory_blood)
                > il15            : il15_secretion * (effector + memory)
il15            > il15_blood      : il15_mix * (il15 - il15_blood)
il15_blood      >                 : 0.25 * il15_clear * il15_blood
il15            >                 : 0.1 * il15_clear * il15
il15_blood      >                 : (effector_blood + memory_blood + lymphocytes) * uptake_blood
il15            >                 : (effector + memory) * uptake
                > ifn             : ifn_secretion * antigen * uninhibited * (effector + 0.2 * exhausted)
ifn             > ifn_blood       : ifn_mix * (ifn - ifn_blood)
ifn             >                 : ifn_clear * ifn
ifn_blood       >                 : ifn_clear * ifn_blood
                > il6             : il6_secretion * activated
                > il6_blood       : il6_base
il6             > il6_blood       : il6_mix * (il6 - il6_blood)
il6             >                 : 0.5 * il6_clear * il6
il6_blood       >                 : il6_clear * il6_blood
                > tgf             : tgf_secretion * (tumour + 4 * suppressive)
tgf             >                 : tgf_clear * tgf
                > crp             : crp_made * il6_blood**2 / (crp_half**2 + il6_blood**2) * (1 - 0.8 * drug_effect)
crp             >                 : crp_loss * crp
drug_depot      > drug            : absorb * drug_depot
drug            >                 : eliminate * drug
drug            > drug_tissue     : outward * drug
drug_tissue     > drug            : inward * drug_tissue
"""
"""One flow a line: source > sink (either may be nowhere) : rate per day."""


def network() -> Network:
    """The model as states, levels and flows."""
    known = {name: symbol(name) for name in (*STATES, *PARAMETERS, *LEVELS)} | {"hill": hill, "saturation": saturation}

    def read(text: str) -> sympy.Expr:
        return sympy.sympify(text, locals=known)

    flows = []
    for number, line in enumerate(FLOWS.strip().splitlines()):
        source, sink, rate = (part.strip() for part in re.split("[>:]", line))
        flows.append(FlowRow(f"flow_{number}", read(rate), source or None, sink or None))
    return Network(
        states=tuple(State(name, "", (value,)) for name, value in STATES.items()),
        levels=tuple(LevelRow(name, read(text), "") for name, text in LEVELS.items()),
        flows=tuple(flows),
        parameters=tuple(Slot(name, "", "", name) for name in PARAMETERS),
    )


def population(patients: int, seed: int = 1) -> tuple[Array, Array]:
    """(patients, parameters) values and (patients, states) starts; the first patients do not depend on how many."""
    spread = np.sqrt(np.log1p(SPREAD**2))
    draws = np.random.default_rng(seed).standard_normal((patients, len(PARAMETERS)))
    values = np.array(list(PARAMETERS.values())) * np.exp(spread * draws - spread**2 / 2)
    start = np.tile(list(STATES.values()), (patients, 1))
    burden = np.exp(BURDEN * np.random.default_rng(seed + 10**6).standard_normal(patients))
    start[:, [i for i, name in enumerate(STATES) if name.startswith("tumour")]] *= burden[:, None]
    return values, start


def doses(patients: int) -> Doses:
    """Cells and drug on each dose day, the same for every patient."""
    rows = [(day, list(STATES).index(name), amount) for day in DOSE_DAYS for name, amount in DOSE.items()]
    when, state, add = (np.array(column) for column in zip(*rows, strict=True))
    return Doses(np.tile(when, (patients, 1)), state.astype(np.int32), np.ones(len(rows)), np.tile(add, (patients, 1)))
