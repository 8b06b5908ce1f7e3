"""The one family of exceptions: each message says what was found, what was needed and the nearest valid spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ComputeError", "Location", "ModelError", "PerforinError", "UserError", "nearest"]


class PerforinError(Exception):
    """Anything perforin refuses to do, with a message a user can act on."""

    exit_code = 3


@dataclass(frozen=True)
class Location:
    """Where in a user's file a problem stands."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class UserError(PerforinError):
    """Bad input: the command ends with exit code 1 and the message names the place and the cure."""

    exit_code = 1

    def __init__(self, message: str, location: Location | None = None) -> None:
        self.location = location
        super().__init__(f"{location}: {message}" if location else message)


class ModelError(UserError):
    """Mechanisms that do not fit together: units, names, ownership or order."""


class ComputeError(PerforinError):
    """A calculation that could not finish."""

    exit_code = 3


def nearest(name: str, valid: Iterable[str]) -> str:
    """A closing clause with the nearest valid spelling, or the empty string.

    >>> nearest("lymphodepletoin", ["lymphodepletion", "arms"])
    "; did you mean 'lymphodepletion'?"
    """
    near = difflib.get_close_matches(name, list(valid), 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
