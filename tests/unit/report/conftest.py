"""Fixtures of the report's tests."""

from __future__ import annotations

import pytest

from perforin.report.findings import Findings
from unit.report.synthetic import made_findings


@pytest.fixture(scope="session")
def findings() -> Findings:
    """Every part filled; no toxicity at all of two kinds in one arm, so that zero events are shown."""
    return made_findings()
