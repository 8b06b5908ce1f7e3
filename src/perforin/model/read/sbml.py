"""SBML Level 2 and 3 as a Network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perforin.errors import Location, UserError
from perforin.model.read.assemble import assemble
from perforin.model.read.contents import read_contents
from perforin.model.read.imported import Imported, UnsupportedError
from perforin.model.write.sbml import libsbml_library

__all__ = ["LARGEST", "read_sbml"]

LARGEST = 20_000_000
"""Bytes of a file that is read: libSBML needs a second for two million, and no kinetic model in use is near it."""


def read_sbml(source: str | Path) -> Imported:
    """The network of an SBML file.

    Args:
        source: a file, or the text of one.

    Returns:
        the network with the values of its parameters. Species are states in amounts; ``concentration[S]`` is a level.

    Raises:
        UserError: no such file, not SBML, a construct that is not supported (named with its line), a formula without
            a meaning, or python-libsbml is absent.

    Source: Hucka and others (2019), SBML Level 3 Version 2 Core, doi:10.1515/jib-2019-0021.
    """
    libsbml = libsbml_library("reads SBML")
    file, document = _document(libsbml, source)
    _refuse_broken(libsbml, document, file)
    _refuse_packages(document, file)
    model = document.getModel()
    if model is None:
        raise UserError(f"{file}: found SBML without a model; needed one")
    for what, name, line in _unsupported(model):
        called = f" {name!r}" if name else ""
        message = f"found {what}{called}, which is not supported; needed a model without it"
        raise UnsupportedError(what.removeprefix("an ").removeprefix("the "), message, Location(file, line))
    return assemble(read_contents(libsbml, model, file))


def _document(libsbml: Any, source: str | Path) -> tuple[str, Any]:
    """What the source is called, and libSBML's document of it."""
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<"):
        _refuse_huge("the text", len(source))
        return "text", libsbml.readSBMLFromString(source)
    path = Path(source)
    if not path.is_file():
        raise UserError(f"found no file {path}; needed an SBML file")
    if path.suffix in (".gz", ".bz2", ".zip", ".omex"):
        raise UserError(f"found the packed file {path}; needed the SBML file inside it")
    _refuse_huge(str(path), path.stat().st_size)
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UserError(f"found a file that cannot be read, {path} ({problem.strerror}); needed SBML") from None
    if not content.strip():
        raise UserError(f"{path}: found an empty file; needed SBML")
    if not re.search(rb"<(\w+:)?sbml\b", content[:10_000]):
        raise UserError(f"{path}: found no <sbml> at its beginning; needed an SBML file")
    return str(path), libsbml.readSBMLFromFile(str(path))


def _refuse_huge(file: str, size: int) -> None:
    if size > LARGEST:
        raise UserError(f"{file}: found {size:,} bytes; needed at most {LARGEST:,}")


def _refuse_broken(libsbml: Any, document: Any, file: str) -> None:
    level, version = document.getLevel(), document.getVersion()
    if level and version not in _VERSIONS.get(level, ()):
        raise UserError(f"{file}: found SBML Level {level} Version {version}; needed 2.1 to 2.5, 3.1 or 3.2")
    log = document.getErrorLog()
    for problem in (log.getError(i) for i in range(log.getNumErrors())):
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            message = " ".join(problem.getMessage().split())
            raise UserError(f"found what is not valid SBML: {message}", Location(file, problem.getLine()))


_VERSIONS = {2: (1, 2, 3, 4, 5), 3: (1, 2)}
_HARMLESS = ("core", "layout", "render", "groups", "l3v2extendedmath")


def _refuse_packages(document: Any, file: str) -> None:
    spaces = document.getNamespaces()
    for uri in (spaces.getURI(i) for i in range(spaces.getLength())):
        found = re.search(r"/sbml/level3/version\d+/(\w+)", uri)
        if found and found[1] not in _HARMLESS:
            message = f"{file}: found the SBML package {found[1]!r}, which is not supported; needed core SBML"
            raise UnsupportedError(f"package {found[1]}", message)


def _unsupported(model: Any) -> Iterator[tuple[str, str, int]]:
    for rule in (model.getRule(i) for i in range(model.getNumRules())):
        if rule.isAlgebraic():
            yield "an algebraic rule", rule.getId() or rule.getMetaId(), rule.getLine()
    for one in (model.getReaction(i) for i in range(model.getNumReactions())):
        if one.isSetFast() and one.getFast():
            yield "the fast reaction", one.getId(), one.getLine()
