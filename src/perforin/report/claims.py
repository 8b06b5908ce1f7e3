"""Statements about these therapies that the evidence qualifies or contradicts, from the library's ledger of claims."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

import pandas as pd

__all__ = ["disputed"]

DISPUTED = re.compile(
    "^(?:qualified|contradicted|product-dependent|direction|open|early|not supported)|indirect|unknown", re.IGNORECASE
)
VERDICTS = ("qualified by evidence", "not reproduced")


@lru_cache(maxsize=1)
def disputed() -> pd.DataFrame:
    """Claims with columns id, statement, evidence_status and verdict; empty where the library has no ledger."""
    path = resources.files("perforin").joinpath("library/claims.csv")
    if not path.is_file():
        return pd.DataFrame(columns=["id", "statement", "evidence_status", "verdict"])
    with path.open(encoding="utf-8") as file:
        every = pd.read_csv(file, dtype=str, keep_default_na=False)
    kept = every["evidence_status"].map(lambda text: bool(DISPUTED.search(text)))
    if "verdict" in every:
        kept |= every["verdict"].isin(VERDICTS)
    return every[kept].reset_index(drop=True)
