"""Release: what lots must show, what tests find, what becomes of lots that fail, and where cells went."""

from __future__ import annotations

from perforin.making.release.deciding import Verdicts, follow, release
from perforin.making.release.genealogy import Genealogy, genealogy_of, serve, served_by
from perforin.making.release.specification import Specifications, read_specifications, specifications_of

__all__ = ["Genealogy", "Specifications", "Verdicts", "follow", "genealogy_of", "read_specifications", "release",
           "serve", "served_by", "specifications_of"]  # fmt: skip
