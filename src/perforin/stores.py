"""Where the files of a run lie: a folder of this machine, or a URL such as s3://bucket/run, through fsspec."""

from __future__ import annotations

import errno
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from perforin.errors import ComputeError, UserError

__all__ = ["Bucket", "Folder", "Store", "open_store"]

DRAFTS = ".drafts"


class Store(Protocol):
    """Files by name, ``/`` between folder and file; each is there whole or not at all."""

    def read(self, name: str) -> bytes:
        """The content of a file; ``FileNotFoundError`` where there is none."""

    def end(self, name: str, count: int) -> bytes:
        """The last ``count`` bytes of a file; none where there is no file."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there at once."""

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, rising; none where there is no folder."""

    def tidy(self) -> None:
        """Remove what a killed process left half written."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine: a file is written beside its place and moved there."""

    path: Path

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.path / name).read_bytes()

    def end(self, name: str, count: int) -> bytes:
        """The last bytes of a file; none where there is no file."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(-min(count, file.seek(0, 2)), 2)
                return file.read()
        except FileNotFoundError:
            return b""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there at once.

        Raises:
            UserError: the folder cannot be written.
            ComputeError: the disk is full.
        """
        target, draft = self.path / name, self.path / DRAFTS / uuid.uuid4().hex
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.replace(target)
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise ComputeError(
                    f"found no room for {target} ({problem.strerror}); needed {len(content)} bytes more. What is "
                    f"finished is kept; make room and go on: perforin resume {self.path}"
                ) from None
            raise UserError(
                f"found a run folder that cannot be written, {self.path} ({problem.strerror}); needed another --out"
            ) from None
        finally:
            with suppress(OSError):
                draft.unlink()

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder."""
        found = self.path / folder
        return sorted(one.name for one in found.iterdir() if one.is_file()) if found.is_dir() else []

    def tidy(self) -> None:
        """Remove drafts of a killed process."""
        shutil.rmtree(self.path / DRAFTS, ignore_errors=True)


@dataclass(frozen=True)
class Bucket:
    """A place that fsspec reaches; object stores show a file only when it is whole."""

    url: str
    system: Any = field(repr=False, compare=False)
    root: str

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return bytes(self.system.cat_file(self._at(name)))

    def end(self, name: str, count: int) -> bytes:
        """The last bytes of a file; none where there is no file."""
        try:
            return bytes(self.system.cat_file(self._at(name), start=-count))
        except FileNotFoundError:
            return b""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there at once.

        Raises:
            UserError: the place cannot be written.
        """
        try:
            self.system.pipe_file(self._at(name), content)
        except OSError as problem:
            raise UserError(f"found a place that cannot be written, {self.url} ({problem}); needed another --out") \
                from None  # fmt: skip

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder."""
        try:
            listed = self.system.ls(self._at(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(str(one).rstrip("/").rpartition("/")[2] for one in listed)

    def tidy(self) -> None:
        """Nothing is ever half written."""


def open_store(where: str) -> Store:
    """The store at a path or URL; ``file://`` is a folder of this machine.

    Raises:
        UserError: a URL of a kind that is not installed, or of no kind that exists.
    """
    kind, mark, rest = where.partition("://")
    if not mark:
        return Folder(Path(where))
    if kind == "file":
        return Folder(Path(rest))
    try:
        import fsspec
    except ImportError:
        raise UserError(f"found the URL {where}, which needs fsspec; pip install perforin[cluster]") from None
    try:
        system, root = fsspec.core.url_to_fs(where)
    except (ImportError, ValueError) as problem:
        raise UserError(f"found the URL {where}, which cannot be opened here: {problem}") from None
    return Bucket(where, system, str(root).rstrip("/"))
