"""Run the semantic cases of the public SBML test suite: python tests/external/sbml_suite.py FOLDER [--json].

FOLDER is ``cases/semantic`` of https://github.com/sbmlteam/sbml-test-suite, which is no part of this repository. Every
case is read in its newest Level and Version, run with its own settings and judged by its own tolerances. A case counts
as refused where ``read_sbml`` says that it does not support a construct, and as failed where anything else goes wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from perforin.errors import PerforinError
from perforin.kernels.build import build, no_doses
from perforin.model.read import Imported, UnsupportedError, read_sbml

RTOL = 1e-9
LEVELS = ("l3v2", "l3v1", "l2v5", "l2v4", "l2v3", "l2v2", "l2v1")


def settings(folder: Path) -> dict[str, str]:
    rows = (folder / f"{folder.name}-settings.txt").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (row.partition(":") for row in rows) if key.strip()}


def names(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def expected(folder: Path) -> tuple[list[str], np.ndarray]:
    with (folder / f"{folder.name}-results.csv").open() as file:
        head, *rows = [row for row in csv.reader(file) if row]
    return [name.strip() for name in head], np.array(rows, dtype=float)


def column(model: Imported, found: dict[str, np.ndarray], name: str, kind: str) -> np.ndarray:
    """A variable of the suite over time: amounts and concentrations by their own names, constants from the values."""
    constants = {**model.left_out, **model.values}
    wanted = f"concentration[{name}]" if kind == "concentration" else name
    if wanted in found or wanted in constants:
        return found[wanted] if wanted in found else np.array(constants[wanted])
    size = model.compartments[name]
    return column(model, found, name, "amount") / column(model, found, size, "")


def judge(folder: Path, file: Path, backend: str) -> str:
    """"" when the case passes, else what is wrong."""
    rows = settings(folder)
    heads, numbers = expected(folder)
    model = read_sbml(file)
    network = model.network
    outputs = [*network.state_names, *network.level_names]
    outputs += [name for name in network.flow_names if name not in outputs]
    start, span, steps = (float(rows[key]) for key in ("start", "duration", "steps"))
    days = np.linspace(start, start + span, int(steps) + 1)
    solution = build(network, outputs, backend=backend).run(model.parameters, model.start, no_doses(1), days, rtol=RTOL)
    if solution.status[0] == 2:
        return solution.reasons[0]
    found = dict(zip(outputs, solution.values[0].T, strict=True))
    dense = set(names(rows["concentration"]))
    absolute, relative = float(rows["absolute"]), float(rows["relative"])
    for number, name in enumerate(heads[1:], 1):
        ours = np.broadcast_to(column(model, found, name, "concentration" if name in dense else "amount"), days.shape)
        theirs = numbers[:, number]
        with np.errstate(invalid="ignore"):
            good = np.abs(ours - theirs) <= absolute + relative * np.abs(theirs)
        good |= (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        if not good.all():
            first = int(np.argmin(good))
            return f"{name} at {days[first]:g}: {ours[first]:g} here, {theirs[first]:g} there"
    return ""


def run(folder: Path, backend: str) -> tuple[str, str]:
    """("passed" or "failed" or "refused", why)."""
    if "FluxBalance" in (folder / f"{folder.name}-model.m").read_text(errors="replace"):
        return "refused", "package fbc"
    files = [folder / f"{folder.name}-sbml-{level}.xml" for level in LEVELS]
    try:
        wrong = judge(folder, next(file for file in files if file.is_file()), backend)
    except UnsupportedError as refusal:
        return "refused", refusal.construct
    except (PerforinError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as problem:
        return "failed", f"{type(problem).__name__}: {problem}"
    return ("failed", wrong) if wrong else ("passed", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", help="only these, for example 00001")
    parser.add_argument("--backend", default="interpreted", help="interpreted (the oracle), compiled or auto")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folders = sorted(one for one in given.folder.iterdir() if one.name.isdigit())
    folders = [one for one in folders if not given.cases or one.name in given.cases]
    if not folders:
        sys.exit(f"found no cases in {given.folder}; needed the folder cases/semantic of the suite")
    found = {one.name: run(one, given.backend) for one in folders}
    counts = Counter(verdict for verdict, _ in found.values())
    refused = Counter(why for verdict, why in found.values() if verdict == "refused")
    failed = {case: why for case, (verdict, why) in found.items() if verdict == "failed"}
    if given.json:
        lines = [json.dumps({**counts, "refused_by": dict(refused.most_common()), "failures": failed}, indent=2)]
    else:
        lines = [f"{counts['passed']} passed, {counts['failed']} failed, {counts['refused']} refused"]
        lines += [f"  refused {count}: {why}" for why, count in refused.most_common()]
        lines += [f"  failed {case}: {why}" for case, why in failed.items()]
    sys.stdout.write("\n".join([*lines, ""]))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
