"""Names of a network taken apart, and turned into identifiers that every format accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Identifiers", "Name", "Placed", "flow_parts", "state_parts", "words"]

_TAKEN = frozenset(
    "abs acos acosh and annihilation arccos arcsin arctan area as asin asinh at atan atanh avogadro ceil ceiling "
    "compartment const constant cos cosh cot cv cyclic day delay delete delta dimensionless dna e end eqn event "
    "exp exponentiale ext extent factorial false floor formula fromtrigger function gene gram has identity if "
    "implies import in inf infinity is item kilogram len length litre ln log log10 max maximize metre min "
    "minimize model module mole nan neq not notanumber operator or parent persistent pi piecewise plus pow power "
    "prior priority quotient ratelaw rateof reaction rem root sec second sin sinh species sqr sqrt subject "
    "substance substanceonly t0 tan tanh then time time_unit times to true uncert unit unknown using var volume "
    "with xor ".split()
)


class Name(NamedTuple):
    """A state or level: ``a.effector[blood]`` is ``("a", "effector", ("blood",))``."""

    product: str
    stem: str
    members: tuple[str, ...]


class Placed(NamedTuple):
    """A flow: ``killing[a,high].granules`` is ``("killing", ("a", "high"), "granules")``."""

    mechanism: str
    members: tuple[str, ...]
    flow: str


def _members(inside: str) -> tuple[str, ...]:
    return tuple(filter(None, inside.rstrip("]").split(",")))


def state_parts(name: str) -> Name:
    """Product, stem and members of a state's, level's or parameter's name."""
    head, _, inside = name.partition("[")
    product, dot, stem = head.partition(".")
    return Name(product, stem, _members(inside)) if dot else Name("", head, _members(inside))


def flow_parts(name: str) -> Placed:
    """Mechanism, members and flow of a flow's name."""
    label, _, flow = name.rpartition(".")
    mechanism, _, inside = label.partition("[")
    return Placed(mechanism, _members(inside), flow)


def words(text: str) -> str:
    """``host_t`` as people read it: ``host t``."""
    return text.replace("_", " ")


class Identifiers:
    """Gives each name a short identifier: letters, digits and underscores, no two alike, no reserved word."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._given = {one.lower() for one in taken} | _TAKEN

    def give(self, name: str, kind: str = "") -> str:
        """A new identifier for a name; the same calls in the same order give the same identifiers.

        Where the plain identifier is taken, ``kind`` is appended first, then a number.
        """
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "x"
        plain = f"x_{plain}" if plain[0].isdigit() else plain
        if kind and plain.lower() in self._given:
            plain = f"{plain}_{kind}"
        chosen, count = plain, 1
        while chosen.lower() in self._given:
            count += 1
            chosen = f"{plain}_{count}"
        self._given.add(chosen.lower())
        return chosen
