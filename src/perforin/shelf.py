"""Where nouns and mechanisms are found: by name in the library's folders, by discovery in perforin and its plug-ins."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from perforin.distributions import Population
from perforin.errors import Location, ModelError, UserError, nearest
from perforin.evidence.parameters import Row, read_table
from perforin.model.mechanism import Mechanism
from perforin.nouns import KINDS, Disease, Host, Noun, Number, Product, ProductNoun, Regimen, read_noun
from perforin.yaml_reader import Document, read_yaml, validated

__all__ = ["Found", "Library", "default_library", "discover"]

PACKAGE = Path(__file__).parent / "library"
"""The folder of nouns that comes with perforin."""


@dataclass(frozen=True)
class Found:
    """One noun with its file."""

    reference: str
    noun: Noun
    document: Document

    def place(self, *keys: str | int) -> str:
        """``diseases/lbcl.yaml:12``, where a key stands."""
        return f"{self.reference}.yaml:{self.document.location(keys).line}"


@dataclass(frozen=True)
class Library:
    """Nouns in folders (``<folder>/<kind>/<name>.yaml``) and the mechanisms of perforin and its plug-ins."""

    folders: tuple[Path, ...]

    def names(self, kind: str) -> list[str]:
        """What there is of one kind, such as ``products``."""
        return sorted({path.stem for folder in self.folders for path in (folder / kind).glob("*.yaml")})

    def path(self, kind: str, name: str, where: Location | None = None) -> Path:
        """The file of a noun.

        Raises:
            UserError: no such noun (nearest suggested), or two folders hold it.
        """
        found = [path for folder in self.folders if (path := folder / kind / f"{name}.yaml").is_file()]
        if len(found) > 1:
            raise UserError(
                f"found {name} twice, {found[0]} and {found[1]}; needed one of them, rename the other", where
            )
        if not found:
            known = self.names(kind)
            word = KINDS.get(kind, kind)
            raise UserError(f"found the {word} {name!r}; needed one of {known}{nearest(name, known)}", where)
        return found[0]

    def find(self, reference: str, where: Location | None = None) -> Found:
        """A noun by reference, such as ``cells/effector``.

        Raises:
            UserError: an unknown kind or name, or a file that does not fit.
        """
        kind, _, name = reference.partition("/")
        if kind not in KINDS or not name:
            raise UserError(
                f"found {reference!r}; needed 'kind/name' with a kind of {list(KINDS)}{nearest(kind, KINDS)}", where
            )
        path = self.path(kind, name, where)
        return _found(path, path.stat().st_mtime_ns, reference)

    def gather(self, references: Iterable[str]) -> list[Found]:
        """The nouns and, before each, what it includes; every noun once, depth first.

        Raises:
            UserError: a noun that includes itself.
        """
        out: dict[str, Found] = {}

        def visit(reference: str, above: tuple[str, ...], where: Location | None) -> None:
            if reference in above:
                raise UserError(f"found nouns that include each other: {' -> '.join((*above, reference))}", where)
            if reference in out:
                return
            found = self.find(reference, where)
            for i, other in enumerate(found.noun.includes):
                visit(other, (*above, reference), found.document.location(("includes", i)))
            out[reference] = found

        for reference in references:
            visit(reference, (), None)
        return list(out.values())

    def disease(self, name: str, where: Location | None = None) -> Disease:
        """A disease by name, with the patients, criteria and range of the diseases and hosts that it includes."""
        noun = self.find(f"diseases/{name}", where).noun
        assert isinstance(noun, Disease)
        above = [one.noun for one in self.gather([f"diseases/{name}"])]
        population, criteria, beyond = Population(), noun.criteria, noun.extrapolation
        for one in above:
            population = population.with_more(one.population) if isinstance(one, Host) else population
        for one in reversed(above):
            if isinstance(one, Disease):
                criteria, beyond = criteria or one.criteria, beyond or one.extrapolation
        return noun.model_copy(update={"population": population, "criteria": criteria, "extrapolation": beyond})

    def drug_unit(self, name: str, where: Location | None = None) -> str:
        """The unit of a drug's dose.

        Raises:
            UserError: no such drug, or a drug without doses.
        """
        found = self.find(f"drugs/{name}", where)
        if found.noun.doses is None:
            raise UserError(f"found the drug {name!r} without 'doses'; needed its unit and the states it enters", where)
        return found.noun.doses.unit

    def regimen(self, name: str, where: Location | None = None) -> Regimen:
        """A regimen by name."""
        return validated(Regimen, _document(self.path("regimens", name, where)))

    def process(self, name: str, where: Location | None = None) -> tuple[Mapping[str, Any], str]:
        """How a product is made, as its file says it, and the file."""
        path = self.path("processes", name, where)
        return _document(path).data, str(path)

    def product(self, name: str, where: Location | None = None, process: str = "") -> Product:
        """A product by name; ``process`` replaces the one its file names."""
        found = self.find(f"products/{name}", where)
        noun = found.noun
        assert isinstance(noun, ProductNoun)
        made = process or noun.process
        place = where if process else found.document.location(("process",))
        mapping = self.process(made, place)[0] if made else {}
        priced = [key for key in ("list_price", "cost_of_goods") if mapping.get(key)]
        price = None
        if priced:
            document = _document(self.path("processes", made))
            number = validated(Number, document, mapping[priced[0]])
            price = number.row(f"{made}.{priced[0]}", str(document.location((priced[0],))))
        for part, keys in zip(noun.parts, noun.keys_of_parts, strict=True):
            self.find(part, found.document.location(keys))
        units = {one.noun.doses.unit for one in self.gather([*noun.parts, found.reference]) if one.noun.doses}
        return Product(
            name=name, label=noun.label, cell=noun.cell, construct=noun.car, payloads=noun.payloads,
            edits=noun.edits, process=made, unit=next(iter(units), "cell"),
            starting_material=str(mapping.get("starting_material", "")), price=price, schedule=noun.schedule,
            published=noun.published, studied=noun.studied, noun=noun,
        )  # fmt: skip

    @cached_property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        """Every mechanism by name."""
        return _discovered()[0]

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """``mechanism.parameter`` of every mechanism."""
        return tuple(f"{name}.{one}" for name, verb in self.mechanisms.items() for one in verb.parameters)

    @cached_property
    def tables(self) -> Mapping[str, tuple[Row, ...]]:
        """Rows of the tables beside the mechanisms, by ``mechanism.parameter``."""
        return _discovered()[1]


@cache
def _found(path: Path, _changed: int, reference: str) -> Found:
    noun, document = read_noun(reference.partition("/")[0], path)
    return Found(reference, noun, document)


@cache
def _read(path: Path, _changed: int) -> Document:
    return read_yaml(path)


def _document(path: Path) -> Document:
    """A file, read again only when it has changed."""
    return _read(path, path.stat().st_mtime_ns)


def default_library(*folders: Path) -> Library:
    """The library that comes with perforin, plug-ins of the entry-point group ``perforin.library``, and ``folders``."""
    plugged = [_plugged_folder(entry.name, entry.load()) for entry in entry_points(group="perforin.library")]
    return Library(tuple(dict.fromkeys((PACKAGE, *plugged, *(folder for folder in folders if folder.is_dir())))))


def _plugged_folder(name: str, given: object) -> Path:
    if isinstance(given, str | Path):
        return Path(given)
    if isinstance(given, ModuleType) and given.__file__:
        return Path(given.__file__).parent
    raise UserError(f"found the plug-in {name!r} of perforin.library with {given!r}; needed a module or a folder")


@cache
def _discovered() -> tuple[Mapping[str, Mechanism], Mapping[str, tuple[Row, ...]]]:
    home = importlib.import_module("perforin.mechanisms")
    inside = [importlib.import_module(one.name) for one in pkgutil.walk_packages(home.__path__, "perforin.mechanisms.")]
    return discover([*inside, *(entry.load() for entry in entry_points(group="perforin.mechanisms"))])


def discover(modules: Iterable[ModuleType]) -> tuple[dict[str, Mechanism], dict[str, tuple[Row, ...]]]:
    """Mechanisms of modules by name, and the rows of the CSV beside each module by ``mechanism.parameter``.

    Raises:
        ModelError: two mechanisms of one name (both places are named).
        UserError: a table that does not fit.
    """
    verbs: dict[str, Mechanism] = {}
    rows: dict[str, list[Row]] = {}
    for module in modules:
        for verb in vars(module).values():
            if isinstance(verb, Mechanism) and verbs.setdefault(verb.name, verb) is not verb:
                places = f"{verbs[verb.name].place} and {verb.place}"
                raise ModelError(f"found two mechanisms called {verb.name!r}, {places}; needed one, rename the other")
        table = Path(str(module.__file__)).with_suffix(".csv")
        for row in read_table(table) if table.is_file() else ():
            rows.setdefault(row.stem, []).append(row)
    return verbs, {stem: tuple(found) for stem, found in rows.items()}
