"""Readers of models that others wrote: SBML."""

from __future__ import annotations

from perforin.model.read.imported import Imported, UnsupportedError
from perforin.model.read.sbml import read_sbml

__all__ = ["Imported", "UnsupportedError", "read_sbml"]
