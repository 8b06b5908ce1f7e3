"""The bibliography: a strict reader of our own BibTeX file, citations as text, and what is cited but not listed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from perforin.errors import Location, UserError, nearest

__all__ = ["LIBRARY", "MECHANISMS", "Source", "bibliography", "cite", "cited_in_csv", "cited_in_yaml", "compare",
           "read_bib"]  # fmt: skip

LIBRARY = Path(__file__).parents[1] / "library"
MECHANISMS = Path(__file__).parents[1] / "mechanisms"
_HEAD = re.compile(r"@([a-z]+)\{([A-Za-z][\w-]*),$")
_FIELD = re.compile(r"\s+([a-z]+)\s*=\s*\{(.*)\},?$")
_NEEDED = ("title", "year")
_YAML_SOURCE = re.compile(
    r"(?:^|[\s{,-])(?:sources?|citations?)\s*:\s*"
    r"(?:\[([^\]]*)\]|['\"]?([A-Za-z][\w-]*)['\"]?)\s*(?=[,}#]|$)"
)


@dataclass(frozen=True)
class Source:
    """One entry of sources.bib."""

    key: str
    kind: str
    fields: Mapping[str, str]
    place: str

    def __str__(self) -> str:
        """``Marin D and others (2024) Safety, ... Nature Medicine 30:772-784. doi:10.1038/...``."""
        field = self.fields
        names = field.get("author", field.get("organization", "")).split(" and ")
        who = names[0] + (" and others" if len(names) > 1 else "")
        where = field.get("journal", field.get("howpublished", field.get("publisher", "")))
        volume = field.get("volume", "") + (":" + field["pages"].replace("--", "-") if "pages" in field else "")
        link = f"doi:{field['doi']}" if "doi" in field else field.get("url", field.get("note", ""))
        first = " ".join(filter(None, (who, f"({field['year']})", field["title"].rstrip("."))))
        return " ".join(f"{part.strip('. ')}." for part in (first, f"{where} {volume}", link) if part.strip(". "))


def read_bib(path: str | Path) -> dict[str, Source]:
    """Entries by key. The file holds ``@kind{Key,``, then ``  field = {text},`` lines, then ``}``; ``%`` comments.

    Raises:
        UserError: a line of another form, a key or field twice, or an entry without title or year (file:line).
    """
    found: dict[str, Source] = {}
    for key, kind, lines in _entries(Path(path)):
        where, fields = lines[0][0], {}
        for place, text in lines[1:]:
            match = _FIELD.match(text)
            if match is None or match[2].count("{") != match[2].count("}"):
                raise UserError(f"found {text.strip()!r} in {key}; needed 'field = {{text}},' on one line", place)
            if match[1] in fields:
                raise UserError(f"found the field {match[1]!r} of {key} twice; needed it once", place)
            fields[match[1]] = re.sub(r"[{}]", "", match[2]).strip()
        if missing := [name for name in _NEEDED if not fields.get(name)]:
            raise UserError(f"found the entry {key} without {missing}; needed {list(_NEEDED)}", where)
        if key in found:
            raise UserError(f"found the key {key} twice, first at {found[key].place}; needed it once", where)
        found[key] = Source(key, kind, fields, str(where))
    return found


def _entries(path: Path) -> Iterator[tuple[str, str, list[tuple[Location, str]]]]:
    head: re.Match[str] | None = None
    lines: list[tuple[Location, str]] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = Location(str(path), number)
        if head is None:
            if not text.strip() or text.lstrip().startswith("%"):
                continue
            head, lines = _HEAD.match(text.rstrip()), [(where, text)]
            if head is None:
                raise UserError(f"found {text.strip()!r}; needed '@article{{Key2020,' or a comment", where)
        elif text.rstrip() == "}":
            yield head[2], head[1], lines
            head = None
        elif text.strip():
            lines.append((where, text.rstrip()))
    if head is not None:
        raise UserError(f"found {head[2]} without its closing brace; needed '}}' on its own line", lines[0][0])


@lru_cache(maxsize=1)
def bibliography() -> Mapping[str, Source]:
    """The library's own sources.bib."""
    return read_bib(LIBRARY / "sources.bib")


def cite(keys: Iterable[str], sources: Mapping[str, Source] | None = None) -> list[str]:
    """The text of each source, in the order of the keys, each once.

    Raises:
        UserError: a key that the bibliography lacks (nearest key suggested).
    """
    sources = bibliography() if sources is None else sources
    wanted = list(dict.fromkeys(filter(None, keys)))
    for key in wanted:
        if key not in sources:
            raise UserError(f"found the source {key!r}; needed a key of sources.bib{nearest(key, sources)}")
    return [str(sources[key]) for key in wanted]


def cited_in_csv(path: Path) -> Iterator[tuple[str, str]]:
    """(key, file:line) of every cell in a column ``source``; a file without that column cites nothing."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            for key in re.split(r"[;\s]+", (row.get("source") or "").strip()):
                if key:
                    yield key, f"{path}:{reader.line_num}"


def cited_in_yaml(path: Path) -> Iterator[tuple[str, str]]:
    """(key, file:line) of every ``source: Key`` and ``sources: [Key, Key]`` on one line, in block or flow style."""
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for match in _YAML_SOURCE.finditer(text.partition(" #")[0]):
            for key in re.split(r"[,\s]+", match[1] or match[2] or ""):
                if key.strip("'\""):
                    yield key.strip("'\""), f"{path}:{number}"


def compare(
    cited: Iterable[tuple[str, str]], sources: Mapping[str, Source] | None = None
) -> tuple[list[str], list[str]]:
    """Both directions of the citation check.

    Args:
        cited: (key, place) pairs.
        sources: the bibliography; the library's own if not given.

    Returns:
        Messages for keys that do not resolve, and keys of entries that nothing cites.
    """
    sources = bibliography() if sources is None else sources
    places: dict[str, str] = {}
    for key, place in cited:
        places.setdefault(key, place)
    lost = [f"{place}: found the source {key!r}; needed a key of sources.bib{nearest(key, sources)}"
            for key, place in places.items() if key not in sources]  # fmt: skip
    return lost, sorted(set(sources) - set(places))
