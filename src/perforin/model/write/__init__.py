"""Writers of Network: LaTeX, SBML, Antimony, diagrams."""

from __future__ import annotations

from perforin.model.write.antimony import to_antimony
from perforin.model.write.diagram import to_dot, to_mermaid, to_svg
from perforin.model.write.latex import mechanism_equations, to_latex
from perforin.model.write.sbml import to_sbml

__all__ = ["mechanism_equations", "to_antimony", "to_dot", "to_latex", "to_mermaid", "to_sbml", "to_svg"]
