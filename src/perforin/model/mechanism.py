"""A mechanism is an ordinary function: ports and parameters in, named flows and levels out.

Positional arguments are ports (states and levels), keyword-only arguments are parameters, annotations are units, the
docstring is the biology. Flows on one state add; shares of one level add.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_type_hints

import sympy

from perforin.errors import ModelError
from perforin.units import ANY, registry, same, short

__all__ = ["Flow", "Level", "Mechanism", "Placement", "grid", "mechanism", "symbol"]


class Flow(NamedTuple):
    """Something that moves: from ``source`` (or nowhere) to ``sink`` (or nowhere), in the state's unit per day."""

    name: str
    rate: Any
    source: Any = None
    sink: Any = None


class Level(NamedTuple):
    """A number that follows from states; several shares of one level add."""

    name: str
    value: Any


class Placement(NamedTuple):
    """One use of a mechanism: which name each port, level and parameter takes."""

    mechanism: Mechanism
    wiring: Mapping[str, Any]
    label: str
    product: str = ""


def symbol(name: str) -> sympy.Symbol:
    """The symbol that stands for a state, a level or a parameter."""
    return sympy.Symbol(name, real=True)


def grid(**indices: Iterable[str]) -> list[dict[str, str]]:
    """Every combination of the members of the named indices.

    >>> grid(c="01")
    [{'c': '0'}, {'c': '1'}]
    """
    return [dict(zip(indices, values, strict=True)) for values in itertools.product(*indices.values())]


@dataclass(frozen=True, eq=False)
class Mechanism:
    """A process, read from one function with any kind of number."""

    function: Callable[..., Iterator[Flow | Level]]
    citations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The verb: the function's name."""
        return self.function.__name__

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return inspect.getdoc(self.function) or ""

    @property
    def place(self) -> str:
        """``file:line`` of the function, for messages."""
        code = self.function.__code__
        return f"{code.co_filename.rsplit('/', 1)[-1]}:{code.co_firstlineno}"

    @cached_property
    def _units(self) -> tuple[dict[str, str], dict[str, str]]:
        hints = get_type_hints(self.function, include_extras=True)
        ports: dict[str, str] = {}
        parameters: dict[str, str] = {}
        for argument in inspect.signature(self.function).parameters.values():
            try:
                needed = hints[argument.name].__metadata__[0]
            except (KeyError, AttributeError):
                problem = f"{self.name}: {argument.name!r} has no unit; annotate it, for example 'Cells'"
                raise ModelError(problem) from None
            (parameters if argument.kind is argument.KEYWORD_ONLY else ports)[argument.name] = needed
        return ports, parameters

    @property
    def ports(self) -> dict[str, str]:
        """Unit of each port."""
        return self._units[0]

    @property
    def parameters(self) -> dict[str, str]:
        """Unit of each parameter."""
        return self._units[1]

    def __call__(self, *ports: Any, **parameters: Any) -> dict[str, Any]:
        """Read with any kind of number; returns each flow's rate and each level's value by name."""
        return {item.name: item[1] for item in self.function(*ports, **parameters)}

    def on(self, over: Iterable[Mapping[str, str]] = ({},), **wiring: Any) -> Iterator[Placement]:
        """Place it once for every index in ``over``; ``{index}`` in a wired name is filled in."""
        for index in over:
            filled = {port: name.format(**index) if isinstance(name, str) else name for port, name in wiring.items()}
            yield Placement(self, filled, self.name + (f"[{','.join(index.values())}]" if index else ""))

    @cached_property
    def levels(self) -> dict[str, str]:
        """Unit found for each level; reading this checks the whole mechanism, once.

        Raises:
            ModelError: a rate with the wrong unit, a hidden factor between units of one dimension, or a Python
                ``if`` on a quantity; the message names mechanism, flow, found, needed and line.
        """
        plain, measured = self._sample()
        found: dict[str, str] = {}
        quantity = registry().Quantity
        for item, bare in zip(self._read(measured), self._read(plain), strict=True):
            value = item[1] if hasattr(item[1], "units") else quantity(item[1], "")
            if isinstance(item, Flow):
                self._check_flow(item, str(value.units))
            else:
                found[item.name] = str(value.units)
            if not math.isclose(value.magnitude, bare[1], rel_tol=1e-9, abs_tol=1e-300):
                raise ModelError(
                    f"{self.name}.{item.name} ({self.place}) mixes units of one dimension: a factor of "
                    f"{value.magnitude / bare[1]:.6g} is hidden; convert with a parameter"
                )
        self._read({name: symbol(name) for name in plain})
        clash = found.keys() & (self.ports.keys() | self.parameters.keys())
        if clash:
            raise ModelError(f"{self.name} ({self.place}): {sorted(clash)} name both a level and a port or parameter")
        return found

    def _sample(self) -> tuple[dict[str, float], dict[str, Any]]:
        draw = random.Random(self.name)
        units = self.ports | self.parameters
        plain = {name: draw.uniform(0.5, 2.0) for name in units}
        return plain, {name: registry().Quantity(value, units[name]) for name, value in plain.items()}

    def _read(self, numbers: Mapping[str, Any]) -> list[Flow | Level]:
        import pint

        try:
            return list(self.function(**numbers))
        except (pint.DimensionalityError, pint.OffsetUnitCalculusError) as problem:
            raise ModelError(f"{self.name}: {problem}{self._line()}") from None
        except TypeError as problem:
            if "truth value" not in str(problem):
                raise
            text = "a Python 'if' (or min, max, abs) on a quantity; needed 'where', 'minimum' or 'maximum'"
            raise ModelError(f"{self.name}: found {text}{self._line()}") from None

    def _line(self) -> str:
        frames = [f for f in inspect.trace() if f.filename == self.function.__code__.co_filename]
        if not frames:
            return f" ({self.place})"
        last = frames[-1]
        code = last.code_context[0].strip() if last.code_context else ""
        return f"\n  {last.filename.rsplit('/', 1)[-1]}:{last.lineno}: {code}"

    def _check_flow(self, flow: Flow, found: str) -> None:
        ends = [end for end in (flow.source, flow.sink) if end is not None]
        if not ends:
            raise ModelError(f"{self.name}.{flow.name} ({self.place}) has neither source nor sink")
        first = str(ends[0].units)
        for other in ends[1:]:
            if not same(str(other.units), first):
                raise ModelError(
                    f"{self.name}.{flow.name} ({self.place}) joins [{short(first)}] to [{short(str(other.units))}]"
                )
        needed = f"({first})/day" if first != "dimensionless" else "1/day"
        if not same(found, needed):
            raise ModelError(
                f"{self.name}.{flow.name} ({self.place}): found a rate in [{short(found)}]; needed [{short(needed)}]"
            )


def mechanism(*citations: str) -> Callable[[Callable[..., Iterator[Flow | Level]]], Mechanism]:
    """Declare a mechanism; ``citations`` are keys of sources.bib."""
    return lambda function: Mechanism(function, citations)


__all__ += ["ANY"]
