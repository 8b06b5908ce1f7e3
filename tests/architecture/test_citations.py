"""Every source that a table, a noun or a mechanism names stands in sources.bib, and every entry there is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import perforin
from perforin.evidence.sources import bibliography, cited_in_csv, cited_in_yaml, compare

PACKAGE = Path(perforin.__path__[0])
DECORATOR = re.compile(r"@mechanism\(([^)]*)\)", re.DOTALL)


def decorated(path: Path) -> Iterator[tuple[str, str]]:
    text = path.read_text(encoding="utf-8")
    for match in DECORATOR.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        for key in re.findall(r"[\"']([A-Za-z][\w-]*)[\"']", match[1]):
            yield key, f"{path}:{line}"


def cited() -> Iterator[tuple[str, str]]:
    for folder in ("mechanisms", "trial", "library", "access", "making"):
        for path in sorted((PACKAGE / folder).rglob("*.csv")):
            yield from cited_in_csv(path)
    for path in sorted((PACKAGE / "library").rglob("*.yaml")):
        yield from cited_in_yaml(path)
    for path in sorted((PACKAGE / "mechanisms").rglob("*.py")):
        yield from decorated(path)


def test_every_cited_source_resolves() -> None:
    found = list(cited())
    assert len(found) > 50, "the search for citations finds next to nothing"
    lost, _ = compare(found)
    assert not lost, "\n".join(lost)


def test_every_source_is_cited() -> None:
    _, unused = compare(cited())
    assert not unused, "\n".join(f"{bibliography()[key].place}: nothing cites {key}" for key in unused)
