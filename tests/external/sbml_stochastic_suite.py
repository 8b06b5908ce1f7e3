"""Run the stochastic cases of the public SBML test suite: python tests/external/sbml_stochastic_suite.py FOLDER.

FOLDER is ``cases/stochastic`` of https://github.com/sbmlteam/sbml-test-suite, no part of this repository. Every
time course (DSMTS 001-01 to 004-03) is read from its SBML, followed exactly ``--repeats`` times, and its means and
variances are held to the ranges that its own settings name. The suite calls a day or two outside them an accident.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from sbml_suite import LEVELS, expected, names, settings

from perforin.errors import PerforinError
from perforin.kernels.build import no_doses
from perforin.kernels.stochastic import build
from perforin.model.read import UnsupportedError, read_sbml

FEW = 2
"""Days outside the range that are still an accident."""


def score(folder: Path, repeats: int, seed: int) -> list[tuple[str, int, int]]:
    """(variable, days on which the mean is outside its range, and the variance) of one case."""
    rows, (heads, numbers) = settings(folder), expected(folder)
    model = read_sbml(next(file for level in LEVELS if (file := folder / f"{folder.name}-sbml-{level}.xml").is_file()))
    known = {*model.network.state_names, *model.network.level_names}
    wanted = [name for name in names(rows["variables"]) if name in known]  # the others are constants
    run = build(model.network, wanted).run(
        model.parameters, model.start, no_doses(1), numbers[:, 0], seed=seed, replicates=repeats
    )
    if run.status[0]:
        raise ValueError(run.reasons[0])
    out = []
    for name, found in zip(wanted, run.values[0].transpose(2, 0, 1), strict=True):
        mean, spread = (numbers[:, heads.index(f"{name}-{what}")] for what in ("mean", "sd"))
        moving = spread > 0
        z = np.sqrt(repeats) * (found.mean(axis=0) - mean)[moving] / spread[moving]
        y = np.sqrt(repeats / 2) * (found.var(axis=0, ddof=1)[moving] / spread[moving] ** 2 - 1)
        outside = [
            int(((values < low) | (values > high)).sum())
            for values, key in ((z, "meanRange"), (y, "sdRange"))
            for low, high in [map(float, rows[key].strip("()").split(","))]
        ]
        out.append((name, outside[0], outside[1]))
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", help="only these, for example 00001")
    parser.add_argument("--repeats", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folders = sorted(one for one in given.folder.iterdir() if one.name.isdigit())
    folders = [one for one in folders if not given.cases or one.name in given.cases]
    folders = [one for one in folders if "StochasticTimeCourse" in (one / f"{one.name}-model.m").read_text()]
    if not folders:
        sys.exit(f"found no time courses in {given.folder}; needed the folder cases/stochastic of the suite")
    bad = 0
    for folder in folders:
        try:
            scores = score(folder, given.repeats, given.seed)
            told = "; ".join(f"{name}: {z} means and {y} variances outside" for name, z, y in scores)
            bad += any(z > FEW or y > FEW for _, z, y in scores)
        except UnsupportedError as refusal:
            told = f"refused: {refusal.construct}"
        except (PerforinError, ValueError) as problem:
            told, bad = f"failed: {problem}", bad + 1
        sys.stdout.write(f"{folder.name} {told}\n")
    sys.stdout.write(f"{len(folders)} time courses, {bad} beyond what accident allows\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
