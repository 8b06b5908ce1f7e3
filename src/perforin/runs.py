"""A run's folder: tables in parts of some patients each, every file written whole or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from perforin.errors import UserError
from perforin.stores import Store, open_store

__all__ = ["RunFolder"]

MAGIC = b"PAR1"
"""How a whole Parquet file ends."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run's tables live, by path or URL: ``scenario.yaml manifest.json`` and tables.

    A table is one file, or a folder ``<table>.parquet`` of parts that are named by their first patient; every part
    holds all of its patients' rows.
    """

    where: str

    @cached_property
    def store(self) -> Store:
        """What holds the files."""
        return open_store(self.where)

    def __str__(self) -> str:
        return self.where

    @classmethod
    def at(cls, where: str | Path) -> RunFolder:
        """The folder at a path or URL; a path is made absolute, for processes that start elsewhere."""
        text = str(where)
        return cls(text if "://" in text else str(Path(text).resolve()))

    @classmethod
    def existing(cls, where: str | Path) -> RunFolder:
        """A folder that an earlier run began.

        Raises:
            UserError: no folder, or one without scenario and manifest.
        """
        kept = cls.at(where)
        known = kept.store.names("")
        if not known:
            raise UserError(f"found no run folder {where}; needed one that 'perforin run' wrote")
        for name in ("scenario.yaml", "manifest.json"):
            if name not in known:
                raise UserError(f"found the run folder {where} without {name}; it is truncated, run the scenario again")
        return kept

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file at once."""
        self.store.write(name, content)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as Parquet, at once and with the same bytes for the same table."""
        self.write_bytes(name, table.to_parquet(index=False, compression="zstd"))

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write JSON with sorted keys, at once."""
        self.write_bytes(name, (json.dumps(content, indent=2, sort_keys=True, default=str) + "\n").encode())

    def has(self, name: str) -> bool:
        """Whether the file is there and not empty."""
        return bool(self.store.end(name, 1))

    def has_part(self, name: str, first: int) -> bool:
        """Whether the part of a table is there and was not cut short."""
        return self.store.end(_part(name, first), len(MAGIC)) == MAGIC

    def write_part(self, name: str, first: int, table: pd.DataFrame) -> None:
        """Write the part of a table that begins with the patient ``first``."""
        self.write_table(_part(name, first), table)

    def parts(self, name: str) -> Iterator[pd.DataFrame]:
        """The parts of a table, one at a time, in the order of patients.

        Raises:
            UserError: there are none, or one is cut short.
        """
        names = self.store.names(name)
        if not names:
            raise self._unfinished(name)
        for one in names:
            yield self.table(f"{name}/{one}")

    def table(self, name: str) -> pd.DataFrame:
        """Read a table of one file.

        Raises:
            UserError: the file is missing or cut short.
        """
        try:
            return pd.read_parquet(io.BytesIO(self.store.read(name)))
        except FileNotFoundError:
            raise self._unfinished(name) from None
        except (OSError, ValueError) as problem:
            raise UserError(
                f"found {self.where}/{name}, which cannot be read ({problem}); it is truncated, go on with: "
                f"perforin resume {self.where}"
            ) from None

    def _unfinished(self, name: str) -> UserError:
        return UserError(
            f"found the run folder {self.where} without {name}; needed a finished run: perforin resume {self.where}"
        )

    def text(self, name: str) -> str:
        """Read a text.

        Raises:
            UserError: the file is missing or no text.
        """
        try:
            return self.store.read(name).decode()
        except (OSError, ValueError) as problem:
            raise UserError(f"found {self.where}/{name}, which cannot be read ({problem}); run the scenario again") \
                from None  # fmt: skip

    def json(self, name: str) -> dict[str, Any]:
        """Read JSON.

        Raises:
            UserError: the file is missing or cut short.
        """
        text = self.text(name)
        try:
            content: dict[str, Any] = json.loads(text)
        except ValueError as problem:
            raise UserError(f"found {self.where}/{name}, which cannot be read ({problem}); run the scenario again") \
                from None  # fmt: skip
        return content


def _part(name: str, first: int) -> str:
    return f"{name}/{first:09d}.parquet"
