"""YAML with its line numbers: every key keeps file:line, a repeated key is refused, and only ``true`` is true.

Plain YAML 1.1 reads ``1e7`` as text, ``NO`` as false and ``1:30`` as 90; here numbers are numbers and words are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml
from pydantic_core import PydanticCustomError

from perforin.errors import Location, UserError, nearest

__all__ = ["Document", "Strict", "find_yaml", "problem_at", "problems_in", "read_text", "read_yaml", "validated"]

Keys = tuple[str | int, ...]

_MERGE = "<<"
_WORDS = {"null": None, "~": None, "": None, "true": True, "True": True, "false": False, "False": False}
_WHOLE = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d+,\d+")
_COMMA_HINT = "a decimal comma is written as a point"
_MOST_KEYS = 100_000


@dataclass(frozen=True)
class Document:
    """What a file holds, as plain dicts, lists, texts and numbers, and where each key stands."""

    file: str
    data: Any
    places: Mapping[Keys, Location] = field(default_factory=dict)

    def location(self, keys: Keys = ()) -> Location:
        """Where a key stands, or the nearest key above it."""
        for end in range(len(keys), -1, -1):
            if keys[:end] in self.places:
                return self.places[keys[:end]]
        return Location(self.file, 1)


class Strict(pydantic.BaseModel):
    """A part of a file: frozen, and an unknown key is an error that names the nearest known one."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [info.alias or name for name, info in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    comma = f" ({_COMMA_HINT})" if isinstance(key, int) and data[key] is None else ""
                    message = f"found the unknown key {key!r}{comma}; needed one of {known}{nearest(str(key), known)}"
                    raise problem_at(key, message, under="")
        return data


def problem_at(key: Any, message: str, under: str | None = None) -> PydanticCustomError:
    """What a validator raises to point at one key of its mapping; the path in the text ends with ``under``."""
    shown = str(key) if under is None else under
    return PydanticCustomError("at_key", "{message}", {"message": message, "key": key, "under": shown})


Part = TypeVar("Part", bound=pydantic.BaseModel)


def validated(model: type[Part], document: Document, data: Any = None) -> Part:
    """A document's data as ``model``.

    Raises:
        UserError: one line for each problem, with file:line, the path of the key, what was found and what was needed.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except pydantic.ValidationError as problem:
        first, *rest = problems_in(problem, document, data)
        raise UserError("\n".join([first[1], *(f"{place}: {text}" for place, text in rest)]), first[0]) from None


def problems_in(error: pydantic.ValidationError, document: Document, data: Any = None) -> list[tuple[Location, str]]:
    """Where each problem stands, and the path of the key, what was found and what was needed; each once."""
    given = document.data if data is None else data
    return list(dict.fromkeys(_line(one, document, given) for one in error.errors()))


def _line(problem: Any, document: Document, data: Any) -> tuple[Location, str]:
    kind, context = problem["type"], problem.get("ctx") or {}
    keys = _written_keys(problem["loc"][:-1] if kind == "missing" else problem["loc"], data)
    if kind == "at_key":
        shown = (*keys, context["under"]) if context["under"] else keys
        return document.location((*keys, context["key"])), _under(shown, context["message"])
    if kind == "missing":
        return document.location(keys), _under(keys, f"found no {problem['loc'][-1]!r}; needed one")
    if kind in ("value_error", "assertion_error"):
        return document.location(keys), _under(keys, str(context["error"]))
    needed = problem["msg"].replace("Input should be ", "").replace("Input should ", "").partition(", unable to")[0]
    if isinstance(problem["input"], str) and _COMMA.fullmatch(problem["input"].strip()):
        needed += f": {_COMMA_HINT}"
    return document.location(keys), _under(keys, f"found {problem['input']!r}; needed {needed}")


def _written_keys(path: Keys, data: Any) -> Keys:
    """The keys of a path that stand in the file; pydantic adds names of types where a key may hold several."""
    keys: list[str | int] = []
    for key in path:
        inside = isinstance(data, Mapping) and key in data
        if inside or (isinstance(data, list | tuple) and isinstance(key, int) and key < len(data)):
            keys.append(key)
            data = data[key]
    return tuple(keys)


def _under(keys: Keys, text: str) -> str:
    return f"{'.'.join(map(str, keys))}: {text}" if keys else text


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML's reader where the wheel brings it, ten times as fast."""


def read_yaml(path: str | Path) -> Document:
    """Read one YAML file.

    Raises:
        UserError: no such file, not UTF-8, not YAML, a key twice, or an anchor that holds itself (file:line).
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"found no file {path}; needed a YAML file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"found a file that cannot be read, {path} ({problem}); needed UTF-8 text") from None
    return read_text(text, str(path))


def find_yaml(folder: Path, name: str | Path, what: str) -> Path:
    """A user's file, or one of a folder's YAML files by its name.

    Raises:
        UserError: neither (nearest name suggested); ``what`` is the word for such a file.
    """
    path, known = Path(name), sorted(one.stem for one in folder.glob("*.yaml"))
    if path.is_file():
        return path
    if str(name) not in known:
        hint = nearest(str(name), known)
        raise UserError(f"found no {what} {str(name)!r}; needed a file, or one of {known}{hint}")
    return folder / f"{name}.yaml"


def read_text(text: str, file: str = "text") -> Document:
    """Read YAML text; ``file`` is its name in messages."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1)
        raise UserError(f"found text that is not YAML ({problem.problem}); needed 'key: value' lines", where) from None
    except yaml.YAMLError as problem:
        raise UserError(f"found text that is not YAML ({problem})", Location(file, 1)) from None
    reader = _Reader(file)
    data = reader.value(root, ()) if root is not None else None
    return Document(file, data, reader.places)


@dataclass
class _Reader:
    """Walks the nodes of one file."""

    file: str
    places: dict[Keys, Location] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)

    def where(self, node: yaml.Node) -> Location:
        return Location(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def value(self, node: yaml.Node, keys: Keys) -> Any:
        self.places.setdefault(keys, self.where(node))
        if len(self.places) > _MOST_KEYS:
            raise UserError(f"found more than {_MOST_KEYS} keys; needed a smaller file", self.where(node))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self.open:
            raise UserError("found an anchor that holds itself; needed one that ends", self.where(node))
        self.open.append(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(child, (*keys, i)) for i, child in enumerate(node.value)]
            return self.mapping(node, keys)
        finally:
            self.open.pop()

    def mapping(self, node: yaml.Node, keys: Keys) -> dict[Any, Any]:
        own: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, child in self.pairs(node):
            name = self.key(key)
            if name in own:
                first = self.where(own[name][0]).line
                problem = f"found the key {name!r} twice, first in line {first}; needed it once"
                raise UserError(problem, self.where(key))
            own[name] = (key, child)
        for name, pair in self.merged(node, ()).items():
            own.setdefault(name, pair)
        out = {}
        for name, (key, child) in own.items():
            self.places[(*keys, name)] = self.where(key)
            out[name] = self.value(child, (*keys, name))
        return out

    def pairs(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        yield from ((key, child) for key, child in node.value if key.value != _MERGE)

    def key(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise UserError("found a key that is a list or a mapping; needed a word", self.where(node))
        found = _scalar(node)
        return found if isinstance(found, str | int) and not isinstance(found, bool) else node.value

    def merged(self, node: yaml.Node, seen: tuple[int, ...]) -> dict[Any, tuple[yaml.Node, yaml.Node]]:
        """Pairs that ``<<`` brings; earlier anchors win, and an anchor may merge others."""
        if id(node) in seen:
            raise UserError("found an anchor that merges itself; needed one that ends", self.where(node))
        found: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, child in node.value:
            if key.value != _MERGE:
                continue
            for source in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                if not isinstance(source, yaml.MappingNode):
                    raise UserError(
                        "found '<<' before something that is no mapping; needed '<<: *anchor'", self.where(key)
                    )
                for name, pair in ((self.key(k), (k, v)) for k, v in self.pairs(source)):
                    found.setdefault(name, pair)
                for name, pair in self.merged(source, (*seen, id(node))).items():
                    found.setdefault(name, pair)
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
