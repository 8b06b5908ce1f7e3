"""CAR-NK trials on the registry: a dated snapshot, counted so that nothing is left out unsaid."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import pandas as pd

from perforin.errors import UserError, nearest
from perforin.evidence.sources import LIBRARY

__all__ = ["FACETS", "KINDS", "SNAPSHOT", "Landscape", "by_facet", "last_day", "snapshot"]

SNAPSHOT = date(2026, 8, 22)
"""The day on which the records of ``library/landscape.csv`` were taken."""
KINDS = ("CAR-NK", "suspected bulk", "borderline")
"""What a record is, each record once. ``CAR-NK``: the text says so. ``suspected bulk``: it does, but the record is one
of a series of near-duplicates that two sponsors registered within weeks. ``borderline``: the text does not clearly say
that NK cells carry a CAR."""
NOT_STATED = "not stated"
_SOURCES = {
    "CB": "cord blood",
    "iPSC/ESC": "iPSC or ESC",
    "PB/healthy donor": "donor's blood",
    "unspecified": NOT_STATED,
    "unspecified_allogeneic": "allogeneic, cell not stated",
}
_PHASES = {"EARLY_PHASE1": "early 1", "PHASE1": "1", "PHASE1|PHASE2": "1/2", "PHASE2": "2", "NA": "not applicable"}
_AREAS = {"heme": "blood cancer", "solid": "solid tumour", "autoimmune/heme": "autoimmune and blood cancer",
          "Unknown": NOT_STATED, "Mixed": "several"}  # fmt: skip
_BETWEEN_TARGETS = re.compile(r"/(?=[A-Za-z][\w.-]{2})")
"""A slash before three letters parts two antigens; that in MICA/B or TRBC1/2 belongs to a name."""


def _year(record: Mapping[str, str]) -> list[str]:
    return [record["start_date"][:4] or "no start date"]


def _target(record: Mapping[str, str]) -> list[str]:
    named = re.sub(r"\s*\(.*\)", "", record["target"])
    if named in ("", "dual", "various", "undisclosed", "none stated"):
        return [f"{named}, not named" if named in ("dual", "various") else NOT_STATED]
    return _BETWEEN_TARGETS.split(named)


FACETS: Mapping[str, Callable[[Mapping[str, str]], list[str]]] = {
    "year": _year,
    "target": _target,
    "source": lambda record: [_SOURCES.get(record["nk_source"], record["nk_source"]) or NOT_STATED],
    "phase": lambda record: [_PHASES.get(record["phase"], record["phase"]) or NOT_STATED],
    "country": lambda record: record["countries"].split("|") if record["countries"] else [NOT_STATED],
    "area": lambda record: [_AREAS.get(record["area"], record["area"]) or NOT_STATED],
    "status": lambda record: [record["status"].replace("_", " ").lower() or NOT_STATED],
}
"""What records are counted by: each gives the values of a record, more than one for two targets or countries."""


def last_day(written: str) -> date | None:
    """The last day that a registry date may mean: ``2017-12`` gives 31 December 2017; None for no date.

    Raises:
        UserError: no date of the form YYYY, YYYY-MM or YYYY-MM-DD.
    """
    if not written:
        return None
    try:
        numbers = [int(part) for part in written.split("-")]
        year, month = numbers[0], numbers[1] if len(numbers) > 1 else 12
        day = numbers[2] if len(numbers) > 2 else calendar.monthrange(year, month)[1]
        return date(year, month, day)
    except (ValueError, IndexError, calendar.IllegalMonthError):
        raise UserError(f"found the date {written!r}; needed YYYY-MM-DD, YYYY-MM or YYYY") from None


@dataclass(frozen=True)
class Landscape:
    """Records of the registry, one row each; all columns are text as the registry or the snapshot wrote it."""

    records: pd.DataFrame

    @property
    def kinds(self) -> pd.Series[str]:
        """What each record is, one of ``KINDS``."""
        kind = pd.Series(KINDS[0], index=self.records.index)
        kind[self.records["suspect_bulk_registration"] == "True"] = KINDS[1]
        kind[self.records["is_car_nk"] != "yes"] = KINDS[2]
        return kind

    def started(self, day: date) -> pd.Series[bool]:
        """Which records state a start on or before ``day``; a date without a day counts from its last day."""
        starts = [last_day(written) for written in self.records["start_date"]]
        return pd.Series([start is not None and start <= day for start in starts], index=self.records.index, dtype=bool)

    def registered(self, day: date) -> pd.Series[bool]:
        """Which records can be shown to have been registered by ``day``: a lower bound.

        The registry numbers its records in the order of registration (recalled, not read), so that whatever is
        numbered below a record last updated on or before ``day`` was there on that day.
        """
        updated = self.records["last_update"].map(last_day)
        shown = self.records["nct"][[update is not None and update <= day for update in updated]]
        return self.records["nct"] <= (shown.max() if len(shown) else "")

    def until(self, day: date) -> Landscape:
        """Records that started by ``day``, and those without a start date that were registered by then."""
        undated = self.records["start_date"] == ""
        return Landscape(self.records[self.started(day) | (undated & self.registered(day))])

    def count(self, by: str) -> pd.DataFrame:
        """Records by the values of one facet and by kind; years in order, anything else by frequency.

        A record with two targets or countries counts once under each, so columns may add to more than the records.

        Args:
            by: one of ``FACETS``.

        Returns:
            One row per value; columns ``value`` and ``KINDS``.

        Raises:
            UserError: an unknown facet (nearest name suggested).
        """
        values, kinds = by_facet(by), list(self.kinds)
        found = Counter(
            (value, kind)
            for record, kind in zip(self.records.to_dict("records"), kinds, strict=True)
            for value in values({str(key): str(text) for key, text in record.items()})
        )
        names = sorted({value for value, _ in found})
        if by != "year":
            names.sort(key=lambda name: [-found[name, kind] for kind in KINDS])
        return pd.DataFrame([{"value": name} | {kind: found[name, kind] for kind in KINDS} for name in names],
                            columns=["value", *KINDS])  # fmt: skip


def by_facet(name: str) -> Callable[[Mapping[str, str]], list[str]]:
    """The values of a record under one facet.

    Raises:
        UserError: an unknown facet (nearest name suggested).
    """
    if name not in FACETS:
        raise UserError(f"found the facet {name!r}; needed one of {list(FACETS)}{nearest(name, FACETS)}")
    return FACETS[name]


@lru_cache(maxsize=1)
def snapshot() -> Landscape:
    """The records of the library, taken on ``SNAPSHOT``."""
    return Landscape(pd.read_csv(LIBRARY / "landscape.csv", dtype=str, keep_default_na=False))
