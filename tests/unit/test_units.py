"""Units are equal or not, and quantities are read or refused with a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as any_of

from perforin.errors import UserError
from perforin.units import convert, parse_quantity, same, short


@pytest.mark.parametrize(
    "first,second,equal",
    [
        ("1/day", "day**-1", True),
        ("pg/mL", "ng/L", True),
        ("pg/mL", "ng/mL", False),
        ("cell/day", "cell/hour", False),
        ("cell", "molecule", False),
        ("", "dimensionless", True),
        ("", "cell/cell", True),
        ("cell/uL", "cell/mL", False),
        ("USD", "cell", False),
        ("anything", "cell", False),
    ],
)
def test_units_are_the_same_only_when_no_factor_lies_between_them(first: str, second: str, equal: bool) -> None:
    assert same(first, second) is equal
    assert same(second, first) is equal


def test_units_are_shown_as_people_write_them() -> None:
    assert short("1/day") == "1 / d"
    assert short("") == "-"


def test_conversion_multiplies_by_the_factor_between_the_units() -> None:
    assert convert(2.0, "ng/mL", "pg/mL") == pytest.approx(2000.0)
    assert convert(1.0, "week", "day") == pytest.approx(7.0)


def test_conversion_between_dimensions_says_what_was_found_and_needed() -> None:
    with pytest.raises(UserError, match=r"found a value in \[pg / ml\]; needed \[cell\]"):
        convert(1.0, "pg/mL", "cell")
    with pytest.raises(UserError, match=r"'cels' is not defined.*needed \[cell\]"):
        convert(1.0, "cels", "cell")


@pytest.mark.parametrize(
    "text,alternatives,expected",
    [
        ("8e8 cell", ("cell",), (8e8, "cell")),
        ("1e6 cells", ("cell",), (1e6, "cell")),
        ("2e6 cell/kg", ("cell", "cell/kg"), (2e6, "cell/kg")),
        ("30 mg/m^2", ("mg/m**2",), (30.0, "mg/m**2")),
        ("2 weeks", ("day",), (14.0, "day")),
        ("0.5 1/day", ("1/day",), (0.5, "1/day")),
        ("0.5/day", ("1/day",), (0.5, "1/day")),
        ("5 %", ("",), (0.05, "")),
        ("-3 day", ("day",), (-3.0, "day")),
        (3, ("",), (3.0, "")),
        (".5 ng/mL", ("pg/mL",), (500.0, "pg/mL")),
    ],
)
def test_a_quantity_is_converted_to_the_first_unit_it_fits(
    text: object, alternatives: tuple[str, ...], expected: tuple[float, str]
) -> None:
    value, unit = parse_quantity(text, *alternatives)
    assert value == pytest.approx(expected[0])
    assert unit == expected[1]


@pytest.mark.parametrize(
    "text,message",
    [
        ("8e8", r"found '8e8' with no unit; needed \[cell\], for example '8e\+08 cell'"),
        ("8e8 day", r"found '8e8 day' with the unit \[d\]; needed \[cell\]"),
        ("8e8 cels", r"found '8e8 cels', which is not a quantity; needed a number with a unit, \[cell\]"),
        ("cell", r"found 'cell', which is not a quantity"),
        ("1e400 cell", r"found '1e400 cell', which is not a finite number"),
        ("1/0 cell", "which is not a quantity"),
        ("((", "which is not a quantity"),
        ("1 2 cell", "which is not a quantity"),
        ("nan cell", "which is not a quantity"),
        ("", "which is not a quantity"),
        (None, "which is not a quantity"),
        (True, "which is not a quantity"),
        ([1, 2], "which is not a quantity"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_was_found_and_needed(text: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_quantity(text, "cell")


@given(any_of.text(max_size=12) | any_of.from_regex(r"[0-9.e+]{1,4} ?[a-z0-9/*^(). ]{0,8}", fullmatch=True))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        value, unit = parse_quantity(text, "cell", "")
    except UserError:
        return
    assert isinstance(value, float)
    assert unit in {"cell", ""}


@given(any_of.floats(1e-12, 1e15), any_of.sampled_from(["cell", "pg/mL", "1/day", "cell/uL/day"]))
def test_a_written_quantity_reads_back(value: float, unit: str) -> None:
    assert parse_quantity(f"{value!r} {unit}", unit) == (pytest.approx(value, rel=1e-12), unit)
