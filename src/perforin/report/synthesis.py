"""The page of one synthesis: a forest plot, how it was pooled, and every study with its source."""

from __future__ import annotations

from pathlib import Path

from perforin.evidence.pooling.sparse import exact_limits
from perforin.evidence.pooling.synthesis import Synthesis
from perforin.evidence.pooling.words import estimate, heterogeneity, limits, percent
from perforin.report.forest import forest_figure
from perforin.report.sheet import Section, write_sheet
from perforin.report.tables import Table, plain
from perforin.report.wording import endpoint

__all__ = ["write_synthesis"]


def write_synthesis(folder: Path | str, found: Synthesis) -> Path:
    """Write ``meta.html`` into a folder and return its path."""
    share = found.studies.kind == "share"
    lead = [f"{found.studies.title}. {estimate(found.pooled, share)}; {heterogeneity(found.pooled)}.",
            *(f"Published: {percent(one.value, one.low, one.high)}, {one.k} studies, {one.n} patients."
              for one in found.reviews)]  # fmt: skip
    notes = (found.pooled.method, *found.pooled.warnings, *found.studies.said, *found.notes,
             *(f"Left out: {one.name}: {one.why}." for one in found.studies.left_out))  # fmt: skip
    sections = [
        Section("Forest plot", (), (), (forest_figure("forest", found, _caption(found)),)),
        Section("How it was pooled", tuple(notes), (("Pooled by every method", _methods(found, share)),)),
        Section("Studies", (), (("Counts and where they stand", _studies(found, share)),)),
    ]
    sources = [*(one.source for one in found.studies.studies), *(one.source for one in found.reviews)]
    known = sources if found.therapy else ()  # a user's own sources are in no bibliography of ours
    title = f"{endpoint(found.studies.endpoint).label}, pooled"
    return write_sheet(folder, "meta", title, lead, sections, known, "published evidence")


def _methods(found: Synthesis, share: bool) -> Table:
    rows = [[name, estimate(one, share), heterogeneity(one)] for name, one in found.by_method.items()]
    return plain(["Method", "Pooled", "Heterogeneity"], rows, ())


def _studies(found: Synthesis, share: bool) -> Table:
    rows = [[one.name, f"{one.events} of {one.n:g}",
             limits(one.events / one.n, *exact_limits(one.events, one.n, found.studies.kind), share),
             ", ".join(value for value in one.groups.values() if value), one.scale, one.status,
             " ".join(filter(None, (one.source, one.locator, one.note)))]
            for one in found.studies.studies]  # fmt: skip
    heads = ["Study", "Events", "Share" if share else "Rate", "Groups", "Scale", "Status", "Source"]
    return plain(heads, rows, (1,))


def _caption(found: Synthesis) -> str:
    text = (
        "Squares are studies with exact 95 % intervals, larger with more patients. Diamonds are pooled values: the "
        "thick line is the 95 % interval, the thin line the prediction interval, where the next trial may lie."
    )
    if any(one.status == "memory" for one in found.studies.studies):
        text += " * A count written from memory."
    if found.reviews:
        text += " The shaded band is the published pooled value with its interval."
    return text
