"""The assumption ledger: what was not measured, ranked by how far it moves the answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["assumptions", "rank", "ranked_by", "swings"]

SWING = "swing "
"""Prefix of the columns that hold the signed change of an endpoint from the low to the high end of a range."""


def swings(ledger: pd.DataFrame) -> dict[str, str]:
    """Endpoint to column, for the endpoints that a sensitivity pass covered."""
    return {str(name).removeprefix(SWING): str(name) for name in ledger.columns if str(name).startswith(SWING)}


def ranked_by(ledger: pd.DataFrame, endpoint: str) -> str:
    """What the ledger is ranked by: the endpoint where the pass covered it, else the first thing that it measured."""
    found = swings(ledger)
    return endpoint if endpoint in found else next(iter(found), "")


def rank(ledger: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """The ledger with the largest absolute swing of ``endpoint`` first; rows that were not moved come last.

    Args:
        ledger: columns parameter, arm, kind and one ``swing <endpoint>`` per endpoint.
        endpoint: the endpoint to rank by; one that was not covered leaves the order as it is.
    """
    column = swings(ledger).get(endpoint)
    if column is None:
        return ledger.reset_index(drop=True)
    size = ledger[column].abs()
    return (
        ledger.assign(_size=size)
        .sort_values("_size", ascending=False, na_position="last", kind="stable")
        .drop(columns="_size")
        .reset_index(drop=True)
    )


def assumptions(ledger: pd.DataFrame, parameters: Mapping[str, pd.DataFrame], endpoint: str) -> pd.DataFrame:
    """Assumed parameters only, ranked; those that no sensitivity pass moved are listed too, with no swing.

    Args:
        ledger: as the study wrote it; may be empty.
        parameters: every arm's table with columns name, value, unit, low, high, kind, status, note.
        endpoint: the endpoint to rank by.

    Returns:
        Columns parameter, arm, value, unit, low, high, status, note, and the swings.
    """
    tables = [table.assign(arm=arm).rename(columns={"name": "parameter"}) for arm, table in parameters.items()]
    if not tables:
        return pd.DataFrame(columns=["parameter", "arm", "value", "unit", "low", "high", "status", "note"])
    every = pd.concat(tables, ignore_index=True)
    assumed = every[every["kind"] == "assumed"]
    columns = [
        name for name in ("parameter", "arm", "value", "unit", "low", "high", "status", "note") if name in assumed
    ]
    out = assumed[columns]
    found = swings(ledger)
    if len(ledger) and found:
        out = out.merge(ledger[["parameter", "arm", *found.values()]], on=["parameter", "arm"], how="left")
    else:
        out = out.assign(**{SWING + endpoint: np.nan} if endpoint else {})
    return rank(out, endpoint)
