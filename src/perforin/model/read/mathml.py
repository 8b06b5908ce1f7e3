"""MathML as SymPy: functions of the file are put in place, functions of SBML become those that kernels know."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import sympy

from perforin.errors import UserError, nearest
from perforin.model.functions import SMALLEST, Larger, Power
from perforin.model.mechanism import symbol
from perforin.model.read.imported import UnsupportedError

__all__ = ["AVOGADRO", "TIME", "Definition", "Formulas", "exact", "folded"]

AVOGADRO = 6.02214179e23
"""As SBML Level 3 Version 1 and 2 Core fix it (section 3.4.6), whatever was measured since [1/mol]."""

TIME = symbol("time")

MOST_OPERATIONS = 200_000
"""Operations read from one file, functions put in place: a file of this size is refused, not left to run for hours."""

Names = Mapping[str, sympy.Basic]


class Definition(NamedTuple):
    """A function of the file: names of its arguments and libSBML's tree of its body."""

    arguments: tuple[str, ...]
    body: Any


def exact(value: float) -> sympy.Expr:
    """A number, whole ones as integers so that powers by them are exact."""
    if math.isnan(value):
        return sympy.nan
    if math.isinf(value):
        return sympy.oo if value > 0 else -sympy.oo
    return sympy.Integer(int(value)) if value == int(value) and abs(value) < 1e15 else sympy.Float(value)


def folded(value: sympy.Basic) -> sympy.Basic:
    """A formula of numbers only as its number, as a computer works it out: NaN for what is not real."""
    if not isinstance(value, sympy.Expr) or value.is_Rational or value.is_Float or value.free_symbols:
        return value
    plain = value.replace(Larger, sympy.Max).replace(Power, sympy.Pow).evalf(20)
    if plain in (sympy.oo, -sympy.oo):
        return plain
    return exact(float(plain)) if plain.is_real else sympy.nan


def _number(value: sympy.Basic) -> sympy.Expr:
    """A truth as one or zero; numbers as they are."""
    truth = isinstance(value, sympy.logic.boolalg.Boolean) and not isinstance(value, sympy.Symbol)
    return sympy.Piecewise((1, value), (0, True)) if truth else value


def _truth(value: sympy.Basic) -> sympy.Basic:
    """A number as a truth: anything but zero."""
    truth = isinstance(value, sympy.logic.boolalg.Boolean) and not isinstance(value, sympy.Symbol)
    return value if truth else sympy.Ne(value, 0)


def _power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    """``base**exponent`` for real numbers: NaN where the base is negative and the exponent not whole.

    Kernels read powers other than whole ones for bases of zero or more, so the sign is put on by its own factor. Where
    the exponent is a parameter, that factor is worked out once in a patient.
    """
    if exponent.is_Integer or base == 0:
        return base**exponent
    if isinstance(base, Larger) and base.args[1] == SMALLEST:  # as perforin writes its own powers
        return Power(base.args[0], exponent)
    if isinstance(base, Larger) and ((base.args[1].is_number and base.args[1] >= 0) or base.args[1] == -base.args[0]):
        return Power(base, exponent)
    if exponent.is_number and abs(exponent) == sympy.Float(0.5):
        return sympy.sqrt(base) if exponent > 0 else 1 / sympy.sqrt(base)
    if base.is_number and (exponent.is_number or base > 0):
        return base**exponent
    if exponent.is_number:
        return sympy.Piecewise((Power(base, exponent), base >= 0), (sympy.nan, True))
    return _signed(base, exponent)


def _signed(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    even, whole = sympy.Eq(2 * sympy.floor(exponent / 2), exponent), sympy.Eq(sympy.floor(exponent), exponent)
    sign = sympy.Piecewise((1, even), (-1, whole), (sympy.nan, True))
    return Power(Larger(base, -base), exponent) * sympy.Piecewise((1, base >= 0), (sign, True))


def _root(*inside: sympy.Expr) -> sympy.Expr:
    degree, base = inside if len(inside) == 2 else (sympy.Integer(2), inside[0])
    return _power(base, 1 / degree)


def _divide(above: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    """As computers divide: by zero to infinity, of the sign above."""
    return above * sympy.oo if below == 0 else above / below


def _ln(x: sympy.Expr) -> sympy.Expr:
    return -sympy.oo if x == 0 else sympy.log(x)


def _logarithm(*inside: sympy.Expr) -> sympy.Expr:
    base, number = inside if len(inside) == 2 else (sympy.Integer(10), inside[0])
    return _ln(number) / sympy.log(base)


def _quotient(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """Whole part of a / b, towards zero."""
    ratio = a / b
    return sympy.Piecewise((sympy.floor(ratio), ratio >= 0), (-sympy.floor(-ratio), True))


def _arcsin(x: sympy.Expr) -> sympy.Expr:
    return 2 * sympy.atan(x / (1 + sympy.sqrt(1 - x * x)))


def _arccos(x: sympy.Expr) -> sympy.Expr:
    return math.pi / 2 - _arcsin(x)


def _arsinh(x: sympy.Expr) -> sympy.Expr:
    """By the size of x, for the sum under the logarithm cancels below zero."""
    size = Larger(x, -x)
    grown = sympy.log(size + sympy.sqrt(x * x + 1))
    return sympy.Piecewise((grown, x >= 0), (-grown, True))


def _arcosh(x: sympy.Expr) -> sympy.Expr:
    return sympy.log(x + sympy.sqrt(x - 1) * sympy.sqrt(x + 1))


def _artanh(x: sympy.Expr) -> sympy.Expr:
    return sympy.log((1 + x) / (1 - x)) / 2


def _sinh(x: sympy.Expr) -> sympy.Expr:
    return (sympy.exp(x) - sympy.exp(-x)) / 2


def _cosh(x: sympy.Expr) -> sympy.Expr:
    return (sympy.exp(x) + sympy.exp(-x)) / 2


def _tanh(x: sympy.Expr) -> sympy.Expr:
    """Written so that it stays finite for large x."""
    return 1 - 2 / (1 + sympy.exp(2 * x))


def _largest(*inside: sympy.Expr) -> sympy.Expr:
    found = inside[0]
    for one in inside[1:]:
        found = Larger(found, one)
    return found


def _chain(relation: Callable[..., sympy.Basic]) -> Callable[..., sympy.Basic]:
    def joined(*inside: sympy.Expr) -> sympy.Basic:
        return sympy.And(*[relation(a, b) for a, b in itertools.pairwise(inside)])

    return joined


def _minus(*inside: sympy.Expr) -> sympy.Expr:
    return -inside[0] if len(inside) == 1 else inside[0] - inside[1]


def _over_one(function: Callable[..., sympy.Expr]) -> Callable[..., sympy.Expr]:
    return lambda x: 1 / function(x)


def _of_inverse(function: Callable[..., sympy.Expr]) -> Callable[..., sympy.Expr]:
    return lambda x: function(1 / x)


def _tan(x: sympy.Expr) -> sympy.Expr:
    return sympy.sin(x) / sympy.cos(x)


# Functions of numbers by libSBML's name of the operation, without its "AST_".
_NUMERIC: dict[str, Callable[..., sympy.Basic]] = {
    "PLUS": sympy.Add,
    "TIMES": sympy.Mul,
    "MINUS": _minus,
    "DIVIDE": _divide,
    "POWER": _power,
    "FUNCTION_POWER": _power,
    "FUNCTION_ROOT": _root,
    "FUNCTION_ABS": lambda x: Larger(x, -x),
    "FUNCTION_EXP": sympy.exp,
    "FUNCTION_LN": _ln,
    "FUNCTION_LOG": _logarithm,
    "FUNCTION_FLOOR": sympy.floor,
    "FUNCTION_CEILING": lambda x: -sympy.floor(-x),
    "FUNCTION_FACTORIAL": lambda x: sympy.gamma(x + 1),
    "FUNCTION_MAX": _largest,
    "FUNCTION_MIN": lambda *inside: -_largest(*[-one for one in inside]),
    "FUNCTION_QUOTIENT": _quotient,
    "FUNCTION_REM": lambda a, b: a - b * _quotient(a, b),
    "FUNCTION_SIN": sympy.sin,
    "FUNCTION_COS": sympy.cos,
    "FUNCTION_TAN": _tan,
    "FUNCTION_SEC": _over_one(sympy.cos),
    "FUNCTION_CSC": _over_one(sympy.sin),
    "FUNCTION_COT": _over_one(_tan),
    "FUNCTION_SINH": _sinh,
    "FUNCTION_COSH": _cosh,
    "FUNCTION_TANH": _tanh,
    "FUNCTION_SECH": _over_one(_cosh),
    "FUNCTION_CSCH": _over_one(_sinh),
    "FUNCTION_COTH": _over_one(_tanh),
    "FUNCTION_ARCSIN": _arcsin,
    "FUNCTION_ARCCOS": _arccos,
    "FUNCTION_ARCTAN": sympy.atan,
    "FUNCTION_ARCSEC": _of_inverse(_arccos),
    "FUNCTION_ARCCSC": _of_inverse(_arcsin),
    "FUNCTION_ARCCOT": _of_inverse(sympy.atan),
    "FUNCTION_ARCSINH": _arsinh,
    "FUNCTION_ARCCOSH": _arcosh,
    "FUNCTION_ARCTANH": _artanh,
    "FUNCTION_ARCSECH": _of_inverse(_arcosh),
    "FUNCTION_ARCCSCH": _of_inverse(_arsinh),
    "FUNCTION_ARCCOTH": _of_inverse(_artanh),
    "RELATIONAL_EQ": _chain(sympy.Eq),
    "RELATIONAL_NEQ": sympy.Ne,
    "RELATIONAL_LT": _chain(sympy.Lt),
    "RELATIONAL_LEQ": _chain(sympy.Le),
    "RELATIONAL_GT": _chain(sympy.Gt),
    "RELATIONAL_GEQ": _chain(sympy.Ge),
}
_LOGICAL: dict[str, Callable[..., sympy.Basic]] = {
    "LOGICAL_AND": sympy.And,
    "LOGICAL_OR": sympy.Or,
    "LOGICAL_NOT": sympy.Not,
    "LOGICAL_XOR": lambda *inside: sympy.Xor(*inside).to_nnf() if inside else sympy.false,
    "LOGICAL_IMPLIES": lambda a, b: sympy.Or(sympy.Not(a), b),
}
_CONSTANTS = {
    "NAME_TIME": TIME,
    "NAME_AVOGADRO": sympy.Float(AVOGADRO),
    "CONSTANT_E": sympy.Float(math.e),
    "CONSTANT_PI": sympy.Float(math.pi),
    "CONSTANT_TRUE": sympy.true,
    "CONSTANT_FALSE": sympy.false,
}
_NUMBERS = ("INTEGER", "REAL", "REAL_E", "RATIONAL")
_OTHERS = ("NAME", "FUNCTION", "FUNCTION_PIECEWISE")
_REFUSED = {"FUNCTION_DELAY": "delay", "FUNCTION_RATE_OF": "rateOf"}
_JOINING = ("PLUS", "TIMES", "LOGICAL_AND", "LOGICAL_OR")


class Formulas:
    """Reads the formulas of one file.

    Args:
        libsbml: the library.
        functions: functions that the file defines, by identifier.
    """

    def __init__(self, libsbml: Any, functions: Mapping[str, Definition]) -> None:
        known = (*_NUMERIC, *_LOGICAL, *_CONSTANTS, *_NUMBERS, *_OTHERS, *_REFUSED)
        self._kinds = {getattr(libsbml, f"AST_{name}"): name for name in known}
        self._functions = functions
        self._read = 0
        self._calls: list[str] = []

    def number(self, tree: Any, names: Names) -> sympy.Expr:
        """A formula as a number.

        Args:
            tree: libSBML's tree.
            names: what each identifier stands for.

        Raises:
            UserError: an identifier without a meaning, a function that is not supported, or a formula that grows
                beyond bounds.
        """
        try:
            return _number(self._new(tree, names)).replace(sympy.Abs, lambda x: Larger(x, -x))
        except RecursionError:
            raise UserError("found a formula nested too deeply to read; needed a flatter one") from None

    def truth(self, tree: Any, names: Names) -> sympy.Basic:
        """A formula as a condition; raises what ``number`` does."""
        try:
            return _truth(self._new(tree, names)).replace(sympy.Abs, lambda x: Larger(x, -x))
        except RecursionError:
            raise UserError("found a condition nested too deeply to read; needed a flatter one") from None

    def _new(self, tree: Any, names: Names) -> sympy.Basic:
        self._read += 1
        if self._read > MOST_OPERATIONS:
            raise UserError(f"found formulas of more than {MOST_OPERATIONS:,} operations; needed a smaller model")
        kind = self._kinds.get(tree.getType(), "")
        if kind in _NUMERIC:
            inside = [_number(one) for one in self._inside(tree, kind, names)]
            return folded(self._applied(_NUMERIC[kind], tree, inside))
        if kind in _LOGICAL:
            return self._applied(_LOGICAL[kind], tree, [_truth(one) for one in self._inside(tree, kind, names)])
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "INTEGER":
            return sympy.Integer(tree.getInteger())
        if kind == "RATIONAL":
            return sympy.Rational(tree.getNumerator(), tree.getDenominator())
        if kind == "REAL_E":  # libSBML would multiply, and round once more than the text says
            return exact(float(f"{tree.getMantissa()!r}e{tree.getExponent()}"))
        if kind in _NUMBERS:
            return exact(tree.getReal())
        if kind == "NAME":
            return self._named(tree.getName(), names)
        if kind == "FUNCTION_PIECEWISE":
            return self._choice(tree, names)
        if kind == "FUNCTION":
            return self._call(tree, names)
        name = _REFUSED.get(kind) or tree.getName() or tree.getOperatorName() or "an unknown operation"
        message = f"found the function {name!r}, which is not supported; needed a model without it"
        raise UnsupportedError(name, message)

    def _inside(self, tree: Any, kind: str, names: Names) -> Iterator[sympy.Basic]:
        return (self._new(part, names) for part in self._parts(tree, kind))

    def _applied(self, function: Callable[..., sympy.Basic], tree: Any, inside: list[sympy.Basic]) -> sympy.Basic:
        try:
            return function(*inside)
        except (TypeError, IndexError):
            name = tree.getOperatorName() or tree.getName() or chr(tree.getType())
            given = ", ".join(map(str, inside)) or "nothing"
            raise UserError(f"found {name!r} of {given}, which has no meaning") from None

    def _parts(self, tree: Any, kind: str) -> Iterator[Any]:
        """Operands; a chain of sums, products, ands or ors is one operation of many, however deep it is nested."""
        stack = [tree.getChild(i) for i in reversed(range(tree.getNumChildren()))]
        while stack:
            part = stack.pop()
            if kind in _JOINING and self._kinds.get(part.getType()) == kind:
                stack += [part.getChild(i) for i in reversed(range(part.getNumChildren()))]
            else:
                yield part

    def _named(self, name: str, names: Names) -> sympy.Basic:
        if name not in names:
            hint = nearest(name, names)
            raise UserError(f"found the unknown symbol {name!r}; needed one that the file defines{hint}")
        return names[name]

    def _choice(self, tree: Any, names: Names) -> sympy.Expr:
        parts = [tree.getChild(i) for i in range(tree.getNumChildren())]
        pairs = [(self._new(a, names), self._new(b, names)) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        other = _number(self._new(parts[-1], names)) if len(parts) % 2 else sympy.nan
        return sympy.Piecewise(*[(_number(value), _truth(test)) for value, test in pairs], (other, True))

    def _call(self, tree: Any, names: Names) -> sympy.Basic:
        name = tree.getName()
        if name not in self._functions:
            hint = nearest(name, self._functions)
            raise UserError(f"found the unknown function {name!r}; needed one that the file defines{hint}")
        if name in self._calls:
            raise UserError(f"found the function {name!r}, which calls itself: {' -> '.join([*self._calls, name])}")
        arguments, body = self._functions[name]
        if tree.getNumChildren() != len(arguments):
            found, needed = tree.getNumChildren(), len(arguments)
            raise UserError(f"found the function {name!r} with {found} arguments; needed {needed}")
        given = [self._new(tree.getChild(i), names) for i in range(len(arguments))]
        self._calls.append(name)
        try:
            return self._new(body, dict(zip(arguments, given, strict=True)))
        finally:
            self._calls.pop()
