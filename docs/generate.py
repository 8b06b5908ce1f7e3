"""Write the pages that follow from code and tables: mechanisms, claims, validation, and the documents of the root."""

from __future__ import annotations

import csv
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from latex2mathml.converter import convert

from perforin import mechanisms
from perforin.evidence.claims import chosen
from perforin.model.mechanism import Mechanism
from perforin.model.write.latex import mechanism_equations
from perforin.units import short

ROOT = Path(__file__).resolve().parents[1]
COPIED = {"ARCHITECTURE.md": "architecture.md", "CONTRIBUTING.md": "contributing.md", "VISION.md": "vision.md"}
HEADINGS = ("Assumes", "Leaves out", "Seen in")
VALIDATION = """# Validation of making and supply

Published figures on making, testing, shipping and waiting for cells, beside what perforin gives. *Calibrated*: a number
of the model was found from this figure, or read with it. *Predicted*: none was. *Inside*: within the tolerance, which
is the exact 95 % interval where patients or lots were counted. Every comparison is a test; one that is missed is
expected to fail there, and the note says why. The table is `library/supply_targets.csv`.

"""


def discovered() -> Iterator[tuple[Mechanism, Path]]:
    """Every mechanism with the file it stands in, by file and name."""
    for module in sorted(info.name for info in pkgutil.iter_modules(mechanisms.__path__)):
        loaded = import_module(f"perforin.mechanisms.{module}")
        found = {name: verb for name, verb in vars(loaded).items() if isinstance(verb, Mechanism)}
        for _, verb in sorted(found.items()):
            if verb.function.__module__ == loaded.__name__:
                yield verb, Path(str(loaded.__file__))


def prose(text: str) -> str:
    """A docstring as Markdown: its headings become small headings, the indentation below them goes."""
    lines = []
    for line in text.splitlines():
        if line.strip() in HEADINGS:
            lines += ["", f"**{line.strip()}**", ""]
        else:
            lines.append(line.strip() if line.startswith("    ") else line)
    return "\n".join(lines).replace("``", "`")


def rows(verb: Mechanism, file: Path) -> list[dict[str, str]]:
    """Rows of the table beside the file that belong to this mechanism."""
    table = file.with_suffix(".csv")
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["parameter"].partition(".")[0] == verb.name]


def table(verb: Mechanism, file: Path) -> Iterator[str]:
    """Ports and parameters of a mechanism with what the table says."""
    yield from ["", "| port | unit |", "|---|---|"]
    yield from (f"| `{port}` | {short(unit)} |" for port, unit in verb.ports.items())
    found = rows(verb, file)
    if not found:
        return
    yield from ["", "| parameter | for | value | unit | range | spread | kind | source |", "|---" * 8 + "|"]
    for row in found:
        keys = ", ".join(row[key] for key in ("cell", "antigen", "disease") if row[key]) or "any"
        source = " ".join(filter(None, [row["source"], row["locator"]])) or row["note"]
        yield (
            f"| `{row['parameter'].partition('.')[2]}` | {keys} | {row['value']} | {short(row['unit'])} "
            f"| {row['low']} to {row['high']} | {row['between_patient_cv']} | {row['kind']} "
            f"| {source.replace('|', '/')} |"
        )


def page(verb: Mechanism, file: Path) -> str:
    """One mechanism: what it is, its equations, its numbers and what it cites."""
    lines = [f"# {verb.name.replace('_', ' ').capitalize()}", "", prose(verb.__doc__), "", "## Equations", ""]
    for row in mechanism_equations(verb):
        joint = ":" if row.kind == "flow" else "="
        right = row.right.replace(r" \\ &\quad ", " ")
        lines += [convert(rf"{row.left} {joint} {right}", display="block"), ""]
    lines += ["## Numbers", *table(verb, file), ""]
    if verb.citations:
        lines += ["Cites: " + ", ".join(verb.citations) + ".", ""]
    return "\n".join([*lines, f"Code: `src/perforin/mechanisms/{file.name}`", ""])


def ledger() -> str:
    """Every claim with its verdict, disputed ones first."""
    lines = ["# Claims", "", "Statements often made about these therapies; each is a test (`perforin claims`).",
             "", "| claim | what is said | verdict | note | test |", "|---|---|---|---|---|"]  # fmt: skip
    for claim in chosen():
        test = f"`{claim.tests[0].rpartition('/')[2]}`" if claim.tests else ""
        lines.append(f"| {claim.id} | {claim.statement} | {claim.verdict} | {claim.note} | {test} |")
    return "\n".join([*lines, ""])


def validation() -> str:
    """Every published figure on making and supply beside what perforin gives, which is computed here."""
    from supply_figures import given, rows

    verdicts = [row["verdict"] for row in rows()]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    lines = [*VALIDATION.splitlines(), f"{len(verdicts)} figures: {counts}.", "",
             "| | figure | unit | published | tolerance | perforin | verdict | note | source |",
             "|---" * 9 + "|"]  # fmt: skip
    for row in rows():
        published, low, high = (shown(row[key], row["unit"]) for key in ("value", "low", "high"))
        tolerance = f"{low} to {high}" if low else ""
        ours = shown(str(given(row)), row["unit"]) if row["test"] and low else "see its test" if row["test"] else ""
        unit = "%" if row["unit"] == "share" else row["unit"]
        lines.append(
            f"| {row['id']} | {row['what']} | {unit} | {published} | {tolerance} | {ours} "
            f"| {row['role']}: {row['verdict']} | {row['note']} | {row['source']} {row['locator']} |"
        )
    return "\n".join([*lines, ""])


def shown(number: str, unit: str) -> str:
    """A number to three digits, from a thousand on whole, a share in per cent; nothing for nothing."""
    if not number:
        return ""
    value = float(number) * (100 if unit == "share" else 1)
    return f"{value:,.0f}" if 1e3 <= value < 1e6 else re.sub(r"e\+0?", "e", f"{value:.3g}")


def copied(name: str) -> str:
    """A document of the root, with its links as seen from ``docs/generated/``."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](../")
    for source, target in COPIED.items():
        text = text.replace(f"]({source})", f"]({target})")
    return re.sub(r"\]\((../decisions)\)", r"](\1/index.md)", text)


def generate(target: Path) -> list[Path]:
    """Write every generated page below ``target``; what stood there before goes."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "mechanisms").mkdir(parents=True)
    pages = {new: copied(old) for old, new in COPIED.items()}
    index = ["# Mechanisms", "", "One process each: what it says, its equations, and every number with its source.", ""]
    for verb, file in discovered():
        pages[f"mechanisms/{verb.name}.md"] = page(verb, file)
        index.append(f"- [{verb.name.replace('_', ' ')}]({verb.name}.md): {verb.__doc__.splitlines()[0]}")
    pages["claims.md"], pages["validation.md"] = ledger(), validation()
    pages["mechanisms/index.md"] = "\n".join([*index, ""])
    for name, text in pages.items():
        (target / name).write_text(text, encoding="utf-8")
    return [target / name for name in pages]


if __name__ == "__main__":
    sys.path.append(str(ROOT / "tests"))  # what perforin gives for each published figure is computed there
    written = generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "generated")
    print(f"{len(written)} pages")
