"""Small networks for the kernels' tests, written in SymPy so that they need no mechanism."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from perforin.kernels.build import Doses
from perforin.model.functions import Larger, Power, Step, hill, maximum, saturation, sqrt, where
from perforin.model.mechanism import symbol
from perforin.model.network import FlowRow, LevelRow, Network, Slot, State

__all__ = ["dose_table", "immune", "immune_population", "network"]


def network(states: Mapping[str, str], flows: Sequence[tuple], levels: Mapping[str, sympy.Expr] | None = None,
            clones: Sequence[tuple[str, str]] = ()) -> Network:  # fmt: skip
    """A network whose parameters are all other symbols; flows are (name, rate, from, to)."""
    levels = levels or {}
    used = {s.name for e in [*levels.values(), *(flow[1] for flow in flows)] for s in sympy.sympify(e).free_symbols}
    names = sorted(used - set(states) - set(levels))
    return Network(
        states=tuple(State(name, unit) for name, unit in states.items()),
        levels=tuple(LevelRow(name, sympy.sympify(e), "") for name, e in levels.items()),
        flows=tuple(FlowRow(name, sympy.sympify(rate), source, sink) for name, rate, source, sink in flows),
        parameters=tuple(Slot(name, "", "", name) for name in names),
        clones=tuple(clones),
    )


def dose_table(net: Network, rows: Sequence[tuple[float, str, float, float]], patients: int) -> Doses:
    """The same (day, state, keep, add) for every patient."""
    when = np.tile([float(row[0]) for row in rows], (patients, 1)).reshape(patients, len(rows))
    add = np.tile([float(row[3]) for row in rows], (patients, 1)).reshape(patients, len(rows))
    state = np.array([net.state_names.index(row[1]) for row in rows], dtype=np.int32)
    return Doses(when, state, np.array([float(row[2]) for row in rows]), add)


def _complexes(receptors, ligands, affinity):
    total = receptors + ligands + affinity
    root = sqrt((receptors - ligands) ** 2 + affinity * (affinity + 2 * (receptors + ligands)))
    return 2 * receptors * ligands / (total + root)


def _switch(drive, k1, k2):
    b = 1 - drive + k1 + k2 * drive
    return 2 * k2 * drive / (b + sqrt(b * b + 4 * k2 * (drive - 1) * drive))


IMMUNE = {
    "tumour_low": "cell", "tumour_high": "cell", "tumour_negative": "cell", "dying": "cell", "memory": "cell",
    "effector": "cell", "exhausted": "cell", "host": "cell/uL", "drug": "dose", "il15": "pg/mL", "ifn": "pg/mL",
    "il6": "pg/mL", "macrophages": "", "ligand": "", "injury": "", "potential": "",
}  # fmt: skip

CENTRE = {
    "affinity": 200.0, "antigen_high": 15000.0, "antigen_low": 600.0, "birth": 0.25, "capacity": 1e12,
    "clear_drug": 1.0, "clear_ifn": 8.0, "clear_il15": 24.0, "clear_il6": 4.0, "death_effector": 0.16,
    "death_memory": 0.003, "depletion": 1.3, "division": 1.3, "encounter": 1e9, "exhaustion": 0.05,
    "half_activation": 1e9, "half_host": 900.0, "half_il15": 20.0, "half_ifn": 60.0, "host_baseline": 1200.0,
    "host_turnover": 0.03, "k1": 0.0015, "k2": 0.0462, "kills": 6.0, "ligand_rate": 40.0, "ligand_steep": 1.7,
    "make_ifn": 4e-6, "make_il15": 120.0, "make_il6": 9000.0, "mutation": 1e-7, "natural_death": 0.2,
    "receptors": 15000.0, "repair": 0.4, "smallest": 0.01, "tonic": 0.02, "use_il15": 0.002, "weight": 1.0,
}  # fmt: skip


def immune() -> Network:
    """Three antigen classes, effector cells, cytokines, a toxicity chain: stiff, with every function kernels know."""
    names = [*IMMUNE, *CENTRE, "burden", "contact", "drive", "toggle", "room", "dose_effect"]
    s = {name: symbol(name) for name in names}
    kill = {c: symbol(f"kill_{c}") for c in ("low", "high")}
    levels = {
        "burden": s["tumour_low"] + s["tumour_high"] + s["tumour_negative"],
        "dose_effect": 1 - sympy.exp(-s["drug"] * s["weight"]),
        "contact": s["kills"] / (s["encounter"] + s["effector"] + s["burden"]),
    }
    for c in kill:
        bound = _complexes(s["receptors"], s[f"antigen_{c}"] * s["ligand"], s["affinity"])
        levels[f"kill_{c}"] = _switch(bound / 4000, s["k1"], s["k2"]) * s["contact"]
    levels["drive"] = s["tumour_low"] * kill["low"] + s["tumour_high"] * kill["high"]
    levels["toggle"] = saturation(s["burden"], s["half_activation"])
    levels["room"] = maximum(0 * s["capacity"], s["capacity"] - s["effector"] - s["memory"]) / s["capacity"]
    gain = {c: s["birth"] * s[f"tumour_{c}"] * (1 - s["burden"] / s["capacity"]) for c in ("low", "high", "negative")}
    flows = [(f"division_{c}", gain[c], None, f"tumour_{c}") for c in gain]
    flows += [(f"natural_{c}", s["natural_death"] * s[f"tumour_{c}"], f"tumour_{c}", None) for c in gain]
    flows += [(f"killing_{c}", kill[c] * s["effector"] * s[f"tumour_{c}"], f"tumour_{c}", "dying") for c in kill]
    flows += [(f"mutation_{c}", s["mutation"] * gain[c], f"tumour_{c}", "tumour_negative") for c in kill]
    flows += [("stripping", s["tonic"] * kill["high"] * s["effector"] * s["tumour_high"], "tumour_high", "tumour_low"),
              ("lysis", 3 * s["dying"], "dying", None)]  # fmt: skip
    return network(IMMUNE, [*flows, *_cells(s), *_host(s)], levels, clones=[
        ("tumour_high", "positive"), ("tumour_low", "positive"), ("tumour_negative", "negative"),
    ])  # fmt: skip


def _cells(s: Mapping[str, sympy.Symbol]) -> list[tuple]:
    freedom = s["half_host"] / (s["half_host"] + s["host"])
    growth = s["division"] * freedom * s["toggle"] * s["room"] * s["potential"]
    signal = saturation(s["il15"], s["half_il15"])
    return [
        ("activation", 0.9 * s["toggle"] * s["memory"], "memory", "effector"),
        ("division", growth * s["effector"], None, "effector"),
        ("effector_death", s["death_effector"] * (1 - 0.5 * signal) * s["effector"], "effector", None),
        ("memory_death", s["death_memory"] * s["memory"], "memory", None),
        ("exhaustion", s["exhaustion"] * (s["toggle"] + s["tonic"]) * s["effector"], "effector", "exhausted"),
        ("exhausted_death", 0.05 * s["exhausted"], "exhausted", None),
        ("spent", 0.02 * growth * s["potential"], "potential", None),
    ]


def _host(s: Mapping[str, sympy.Symbol]) -> list[tuple]:
    active = s["make_ifn"] * s["effector"] * s["toggle"]
    stimulus = hill(s["ifn"], s["half_ifn"], s["ligand_steep"])
    fever = where(s["macrophages"] > s["smallest"], sympy.log(s["macrophages"] / s["smallest"]), 0 * s["macrophages"])
    return [
        ("drug_loss", s["clear_drug"] * s["drug"], "drug", None),
        ("host_renewal", s["host_turnover"] * s["host_baseline"], None, "host"),
        ("host_death", (s["host_turnover"] + s["depletion"] * s["dose_effect"]) * s["host"], "host", None),
        ("make_il15", s["make_il15"], None, "il15"),
        ("use_il15", (s["clear_il15"] + s["use_il15"] * s["host"]) * s["il15"], "il15", None),
        ("release_ifn", active, None, "ifn"),
        ("clear_ifn", s["clear_ifn"] * s["ifn"], "ifn", None),
        ("ligand_up", s["ligand_rate"] * (1 + 2 * stimulus), None, "ligand"),
        ("ligand_down", s["ligand_rate"] * s["ligand"], "ligand", None),
        ("macrophages_up", 0.8 * stimulus * (1 - s["macrophages"]), None, "macrophages"),
        ("macrophages_down", 0.5 * s["macrophages"], "macrophages", None),
        ("make_il6", 6.8 + s["make_il6"] * s["macrophages"] ** 3 / (0.125 + s["macrophages"] ** 2), None, "il6"),
        ("clear_il6", s["clear_il6"] * s["il6"], "il6", None),
        ("injury", 0.5 * saturation(s["il6"], 500) + 0.01 * fever * Step(s["ifn"] - 1), None, "injury"),
        ("repair", s["repair"] * Power(s["injury"], 1.5) + 0.1 * Larger(s["injury"], 0), "injury", None),
    ]


def immune_population(patients: int, seed: int = 1, spread: float = 0.3):
    """Parameters, start, and doses (lymphodepletion on days -5 and -4, cells on day 0); patients begin on day -6."""
    net, random = immune(), np.random.default_rng(seed)
    centre = np.array([CENTRE[name] for name in net.parameter_names])
    parameters = centre * np.exp(spread * random.standard_normal((patients, len(centre))))
    start = np.zeros((patients, len(net.states)))
    burden = 3e10 * np.exp(random.standard_normal(patients))
    first = {"tumour_low": 0.3, "tumour_high": 0.7, "tumour_negative": 1e-6}
    for name, share in first.items():
        start[:, net.state_names.index(name)] = burden * share
    for name, value in {"host": 1200.0, "il15": 5.0, "il6": 1.7, "ligand": 1.0, "potential": 1.0}.items():
        start[:, net.state_names.index(name)] = value
    rows = [(-5, "drug", 1, 1.0), (-4, "drug", 1, 1.0), (0, "memory", 1, 5e7), (0, "effector", 1, 5e7)]
    return net, parameters, start, dose_table(net, rows, patients)
