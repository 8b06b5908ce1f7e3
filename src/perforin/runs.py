"""A run's folder: finished chunks are kept whatever happens, and every file is written whole or not at all."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from perforin.errors import UserError

__all__ = ["RunFolder"]


@dataclass(frozen=True)
class RunFolder:
    """Where a run's tables live: ``scenario.yaml manifest.json *.parquet chunks/``."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder and its ``chunks``.

        Raises:
            UserError: the folder cannot be written.
        """
        try:
            (path / "chunks").mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise UserError(
                f"found a run folder that cannot be written, {path} ({problem.strerror}); needed another --out"
            ) from None
        return cls(path)

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """A folder that an earlier run began.

        Raises:
            UserError: no folder, or one without scenario and manifest.
        """
        if not path.is_dir():
            raise UserError(f"found no run folder {path}; needed one that 'perforin run' wrote")
        for name in ("scenario.yaml", "manifest.json"):
            if not (path / name).is_file():
                raise UserError(f"found the run folder {path} without {name}; it is truncated, run the scenario again")
        return cls(path)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file atomically."""
        target = self.path / name
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as Parquet, atomically and with the same bytes for the same table."""
        self.write_bytes(name, table.to_parquet(index=False, compression="zstd"))

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write JSON with sorted keys, atomically."""
        self.write_bytes(name, (json.dumps(content, indent=2, sort_keys=True, default=str) + "\n").encode())

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.path / name).is_file()

    def table(self, name: str) -> pd.DataFrame:
        """Read a table.

        Raises:
            UserError: the file is missing or cut short.
        """
        try:
            return pd.read_parquet(self.path / name)
        except FileNotFoundError:
            raise UserError(
                f"found the run folder {self.path} without {name}; needed a finished run: perforin resume {self.path}"
            ) from None
        except (OSError, ValueError) as problem:
            raise UserError(
                f"found {self.path / name}, which cannot be read ({problem}); it is truncated, go on with: "
                f"perforin resume {self.path}"
            ) from None

    def json(self, name: str) -> dict[str, Any]:
        """Read JSON.

        Raises:
            UserError: the file is missing or cut short.
        """
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except (OSError, ValueError) as problem:
            raise UserError(
                f"found {self.path / name}, which cannot be read ({problem}); run the scenario again"
            ) from None
        return content
