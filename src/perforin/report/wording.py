"""What endpoints, units and numbers are called on paper."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

__all__ = [
    "ENDPOINTS",
    "Wording",
    "difference",
    "differences",
    "endpoint",
    "interval",
    "number",
    "percent",
    "quantity",
    "unit_text",
]


POINTS = "\u00a0points"
PERCENT = "\u00a0%"
"""The sign with a space that does not break."""


class Wording(NamedTuple):
    """How an endpoint is spoken of; ``better`` is +1 where more is better, -1 where less is, 0 where neither."""

    label: str
    better: int = 0
    share: bool = False


ENDPOINTS: dict[str, Wording] = {
    "ORR_d30": Wording("Response at day 30", 1, True),
    "ORR_best": Wording("Best response, complete or partial", 1, True),
    "CR_best": Wording("Best response, complete", 1, True),
    "PFS_6m": Wording("Progression-free at 6 months", 1, True),
    "PFS_12m": Wording("Progression-free at 12 months", 1, True),
    "OS_12m": Wording("Alive at 12 months", 1, True),
    "CRS_any": Wording("CRS, any grade", -1, True),
    "CRS_ge3": Wording("CRS, grade 3 or more", -1, True),
    "ICANS_any": Wording("ICANS, any grade", -1, True),
    "ICANS_ge3": Wording("ICANS, grade 3 or more", -1, True),
    "GvHD_ge2": Wording("GvHD, grade 2 or more", -1, True),
    "Cmax": Wording("Peak of the product in blood"),
    "Tmax": Wording("Day of the peak"),
    "AUC0_28": Wording("Exposure, days 0 to 28"),
    "last_detectable_day": Wording("Last day above the assay limit"),
    "infused_share": Wording("Infused, of those enrolled", 1, True),
    "time_to_infusion": Wording("Enrolment to infusion", -1),
    "cost": Wording("Cost per enrolled patient", -1),
    "cost_per_responder": Wording("Cost per responder", -1),
}
"""The endpoints every report prints, in the order of the tables."""

_UNITS = {
    "": "",
    "USD": "USD",
    "copy/ug": "copies/µg DNA",
    "cell/uL": "cells/µL",
    "copy/ug*day": "copies/µg DNA × day",
    "copy*day/ug": "copies/µg DNA × day",
    "day": "days",
    "pg/mL": "pg/mL",
    "cell": "cells",
    "month": "months",
}


_FAMILIES: tuple[tuple[str, str, int, bool], ...] = (
    (r"ORR_d(\d+)", "Response at day {0}", 1, True),
    (r"CR_d(\d+)", "Complete response at day {0}", 1, True),
    (r"ORR_(\d+)m", "Response at {0} months", 1, True),
    (r"CR_(\d+)m", "Complete response at {0} months", 1, True),
    (r"PFS_(\d+)m", "Progression-free at {0} months", 1, True),
    (r"EFS_(\d+)m", "Event-free at {0} months", 1, True),
    (r"OS_(\d+)m", "Alive at {0} months", 1, True),
    (r"DOR_(\d+)m", "Still in response at {0} months", 1, True),
    (r"(PFS|OS|EFS|DOR)_median", "Median {0}", 1, False),
    (r"RMST_(PFS|OS)_(\d+)m", "Mean {0} time within {1} months", 1, False),
    (r"(CRS|ICANS|GvHD)_any", "{0}, any grade", -1, True),
    (r"(CRS|ICANS|GvHD)_ge(\d)", "{0}, grade {1} or more", -1, True),
    (r"(CRS|ICANS)_onset", "{0}, day of onset", 0, False),
    (r"(CRS|ICANS)_duration", "{0}, days from onset to end", -1, False),
    (r"AUC0_(\d+)", "Exposure, days 0 to {0}", 0, False),
    (r"persistence_d(\d+)", "Product detectable at day {0}", 0, True),
    (r"aplasia_share", "B-cell aplasia", -1, True),
    (r"aplasia_duration", "Days of B-cell aplasia", -1, False),
    (r"GvHD_onset", "GvHD, day of onset", 0, False),
    (r"relapse_antigen_negative_share", "Antigen-negative, of relapses", 0, True),
    (r"(SD|PD)_best", "Best response {0}", 0, True),
    (r"MRD_negative", "No residual disease detected", 1, True),
    (r"CR_MRD_negative", "Complete response without residual disease", 1, True),
    (r"B_cell_aplasia_days", "Days of B-cell aplasia", -1, False),
    (r"healthy_nadir", "Lowest healthy cells, of baseline", 1, True),
    (r"organ_injury", "Organ injury", -1, False),
    (r"no_admission_share", "Never needing admission", 1, True),
    (r"toxicity_to_clearance", "Days from toxicity to clearance", -1, False),
    (r"relapse_antigen_negative", "Antigen-negative, of relapses", -1, True),
    (r"clearance_d28", "Product cleared by day 28", 0, True),
)


def endpoint(name: str) -> Wording:
    """The wording of an endpoint; one that nobody described is called by its own name."""
    if name in ENDPOINTS:
        return ENDPOINTS[name]
    for pattern, label, better, share in _FAMILIES:
        match = re.fullmatch(pattern, name)
        if match:
            return Wording(label.format(*match.groups()), better, share)
    return Wording(name.replace("_", " "))


def unit_text(unit: str) -> str:
    """A unit as a reader writes it."""
    return _UNITS.get(unit, unit.replace("**", "^").replace("ug", "µg").replace("uL", "µL"))


def number(value: float, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, no trailing zeros, and powers of ten beyond five digits.

    >>> number(0.123456), number(1234.5), number(2.5e8), number(float("nan"))
    ('0.123', '1,230', '2.5 × 10⁸', 'not reached')
    """
    if math.isnan(value):
        return "not reached"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -3 or size >= 6:
        exponent = str(size).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        mantissa = f"{value / 10**size:.{digits - 1}f}".rstrip("0").rstrip(".")
        return f"{mantissa} × 10{exponent}".replace("-", "−")
    rounded = round(value, digits - 1 - size)
    text = f"{rounded:,.{max(0, digits - 1 - size)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def percent(value: float) -> str:
    """A share as per cent: one decimal below 10 %, none above."""
    if math.isnan(value):
        return "not reached"
    per_cent = 100 * value
    text = f"{per_cent:.1f}" if 0 < abs(per_cent) < 9.95 else f"{per_cent:.0f}"
    return text.replace("-", "−") + PERCENT


def quantity(value: float, unit: str, share: bool) -> str:
    """A value with its unit."""
    if share:
        return percent(value)
    text = number(value)
    return text if not unit or math.isnan(value) else f"{text} {unit_text(unit)}"


def interval(low: float, high: float, share: bool) -> str:
    """Limits of an interval without units, ``12 to 31 %``."""
    if math.isnan(low) and math.isnan(high):
        return "no interval"
    if share:
        return f"{percent(low).removesuffix(PERCENT)} to {percent(high)}"
    return f"{number(low)} to {number(high)}"


def differences(low: float, high: float, share: bool) -> str:
    """Limits of a difference, ``−20 to −4 points``."""
    return f"{difference(low, '', share).removesuffix(POINTS)} to {difference(high, '', share)}"


def difference(value: float, unit: str, share: bool) -> str:
    """A difference with its sign; shares differ by percentage points."""
    sign = "+" if value > 0 else ""
    if share:
        return f"{sign}{percent(value).removesuffix(PERCENT)}{POINTS}" if not math.isnan(value) else "not reached"
    return sign + quantity(value, unit, share)
