"""Writers of Network: LaTeX, SBML, Antimony, diagrams."""

from __future__ import annotations

from perforin.model.write.antimony import to_antimony
from perforin.model.write.sbml import to_sbml

__all__ = ["to_antimony", "to_sbml"]
