"""One page of figures and tables for one module: an HTML file that needs no network, in the style of the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
import plotly.offline
from markupsafe import Markup

from perforin.errors import UserError
from perforin.evidence.sources import cite
from perforin.report.page import script_json
from perforin.report.style import Drawing
from perforin.report.tables import Table

__all__ = ["Section", "write_sheet"]


@dataclass(frozen=True)
class Section:
    """What stands under one heading: sentences, then tables with their captions, then figures."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: tuple[tuple[str, Table], ...] = ()
    drawings: tuple[Drawing, ...] = ()


def write_sheet(folder: Path | str, name: str, title: str, lead: Sequence[str], sections: Sequence[Section],
                sources: Iterable[str] = (), kind: str = "simulated") -> Path:  # fmt: skip
    """Write ``<name>.html`` into a folder and return its path.

    Args:
        folder: made if it is not there.
        name: of the file, without its ending.
        title: of the page.
        lead: sentences under the title.
        sections: in order.
        sources: keys of sources.bib, listed at the end in the order of their text.
        kind: of what the page holds, above its title.

    Raises:
        UserError: a source that the bibliography lacks, or a folder that cannot be written.
    """
    drawn = [one for section in sections for one in section.drawings]
    text = resources.files("perforin.report").joinpath("sheet.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)  # fmt: skip
    specs = {one.key: {"figure": json.loads(one.figure.to_json()), "narrow": dict(one.narrow)} for one in drawn}
    page = environment.from_string(text).render(
        title=title, kind=kind, lead=lead, sections=sections, sources=sorted(cite(sources)), specs=script_json(specs),
        plotly=Markup(plotly.offline.get_plotlyjs()) if drawn else "",  # noqa: S704 - the library itself
    )  # fmt: skip
    path = Path(folder) / f"{name}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise UserError(f"found the folder {folder}, which cannot be written ({problem.strerror}); needed another "
                        "--out") from None  # fmt: skip
    return path
