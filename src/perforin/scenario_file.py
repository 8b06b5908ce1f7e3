"""Files of scenarios: where they are, what they extend, and how a dotted path changes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perforin.errors import Location, UserError, nearest
from perforin.yaml_reader import Document, read_yaml

__all__ = ["find_scenario", "scenario_names", "set_at", "with_base"]

_HOMES = (Path(__file__).parent / "library" / "scenarios", Path(__file__).parents[2] / "scenarios")
"""In an installed wheel, and in a checkout."""


_OPENED = ("patients", "covariates", "report", "parameters", "products")
"""Mappings that a change may begin; elsewhere a new name would be a slip."""


def set_at(data: Any, path: str, value: Any) -> tuple[str | int, ...]:
    """Put a value at a dotted path, in place; ``arms.nk.parameters.killing.kills_per_day`` ends with one key.

    Returns:
        The keys on the way.

    Raises:
        UserError: the path leads nowhere.
    """
    parts, holder = path.split("."), data
    keys: list[str | int] = []
    while parts:
        if isinstance(holder, list):
            part = parts.pop(0)
            if not part.isdigit() or int(part) >= len(holder):
                raise UserError(
                    f"found --set {path!r} with {part!r}; needed a place in a list of {len(holder)}, from 0"
                )
            key: str | int = int(part)
        elif not isinstance(holder, dict):
            raise UserError(f"found --set {path!r}; needed a path whose {'.'.join(map(str, keys))!r} holds something")
        elif keys and keys[-1] == "parameters":
            key, parts = ".".join(parts), []
        else:
            key = parts.pop(0)
        keys.append(key)
        if not parts:
            holder[key] = value
        elif isinstance(holder, dict):
            if isinstance(holder.get(key), str) and key in ("disease", "question"):
                holder[key] = {"use" if key == "disease" else "question_of_interest": holder[key]}
            if key not in holder and key not in _OPENED:
                raise UserError(
                    f"found --set {path!r} with {key!r}; needed one of {list(holder)}{nearest(str(key), holder)}"
                )
            holder = holder.setdefault(key, {})
        else:
            holder = holder[key]
    return tuple(keys)


def scenario_names() -> list[str]:
    """Scenarios that come with perforin."""
    return sorted({path.stem for home in _HOMES if home.is_dir() for path in home.glob("*.yaml")})


def find_scenario(given: str | Path, beside: Path | None = None) -> Path:
    """The file of a scenario, by path or by name; a path is also looked for in the folder ``beside``.

    Raises:
        UserError: no such scenario (nearest suggested).
    """
    for path in (Path(given), *([beside / given] if beside else [])):
        if path.is_file():
            return path
    if Path(given).suffix in (".yaml", ".yml") or Path(given).name != str(given):
        near = nearest(Path(given).stem, scenario_names())
        raise UserError(f"found no file {given}; needed a scenario file, or the name of one that perforin has{near}")
    for home in _HOMES:
        if (home / f"{given}.yaml").is_file():
            return home / f"{given}.yaml"
    names = scenario_names()
    raise UserError(f"found no scenario {str(given)!r}; needed a file or one of {names}{nearest(str(given), names)}")


def with_base(document: Document, above: tuple[str, ...]) -> Document:
    """``extends: name`` takes another scenario and changes what this one says; ``null`` leaves a key out.

    Args:
        document: a scenario's file.
        above: files that extend it.

    Raises:
        UserError: no mapping, no such scenario, or scenarios that extend each other.
    """
    data = document.data
    if not isinstance(data, dict):
        raise UserError(
            "found no mapping; needed 'title:', 'question:', 'disease:' and 'arms:'", Location(document.file, 1)
        )
    if "extends" not in data:
        return document
    where = document.location(("extends",))
    try:
        path = find_scenario(str(data["extends"]), Path(document.file).parent)
    except UserError as problem:
        raise UserError(str(problem), where) from None
    if str(path) in above:
        raise UserError("found scenarios that extend each other; needed one that stands alone", where)
    base = with_base(read_yaml(path), (*above, str(path)))
    own = {key: value for key, value in data.items() if key != "extends"}
    return Document(document.file, _merged(base.data, own), {**base.places, **document.places})


def _merged(base: Any, own: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    out = dict(base)
    for key, value in own.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = _merged(base.get(key), value)
    return out
