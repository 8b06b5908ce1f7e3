"""The command line of perforin."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of the ``perforin`` command; ends the process with exit code 0, 1, 2, 3 or 130."""
    import sys

    from perforin.command.app import execute

    sys.exit(execute(sys.argv[1:]))
