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
    file, text = _text(source)
    libsbml = libsbml_library("reads SBML")
    document = libsbml.readSBMLFromString(text)
    _refuse_broken(libsbml, document, file)
    _refuse_packages(document, file)
    model = document.getModel()
    if model is None:
        raise UserError(f"{file}: found SBML without a model; needed one")
    for what, name, line in _unsupported(model):
        message = f"found {what} {name!r}, which is not supported; needed a model without it"
        raise UnsupportedError(what.removeprefix("an ").removeprefix("the "), message, Location(file, line))
    return assemble(read_contents(libsbml, model, file))


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<"):
        size, file, text = len(source), "text", source
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"found no file {path}; needed an SBML file")
        size, file = path.stat().st_size, str(path)
        text = ""
        if size <= LARGEST:
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise UserError(f"{file}: found bytes that are no text; needed an SBML file in UTF-8") from None
    if size > LARGEST:
        raise UserError(f"{file}: found {size:,} bytes; needed at most {LARGEST:,}")
    if not text.strip():
        raise UserError(f"{file}: found an empty file; needed SBML")
    return file, text


def _refuse_broken(libsbml: Any, document: Any, file: str) -> None:
    log = document.getErrorLog()
    for problem in (log.getError(i) for i in range(log.getNumErrors())):
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            message = " ".join(problem.getMessage().split())
            raise UserError(f"found what is not valid SBML: {message}", Location(file, problem.getLine()))
    level, version = document.getLevel(), document.getVersion()
    if level not in (2, 3):
        raise UserError(f"{file}: found SBML Level {level} Version {version}; needed Level 2 or 3")


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
