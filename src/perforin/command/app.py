"""The verbs, and what becomes of their errors: a plain sentence on stderr and an exit code."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from perforin.command import (
    claims,
    costing,
    curve,
    data,
    environment,
    evidence,
    importing,
    landscape,
    lot,
    making,
    match,
    network,
    pooling,
    reading,
    running,
    shipping,
    showing,
    siting,
)
from perforin.errors import PerforinError

__all__ = ["app", "execute", "root", "say"]

INTERRUPTED = 130
USAGE: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises on a wrong command line: click's own class, or the copy that typer brings."""

app = typer.Typer(
    name="perforin",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
First steps:
  perforin demo                          CAR-NK against CAR-T in lymphoma, with a report
  perforin new mine.yaml                 a commented scenario to change
  perforin check mine.yaml               units, names, ranges
  perforin run mine.yaml --quick         a small run; drop --quick for the full one

\b
Every verb takes --json (one object on stdout) and --debug (traceback of an internal error).
Exit codes: 0 ok, 1 your input, 2 some patients failed, 3 internal, 130 stopped by Ctrl-C.""",
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Model engineered immune cells: CAR-NK against CAR-T, from a scenario file to a report."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("perforin"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


EXAMPLES = running.EXAMPLES | reading.EXAMPLES | showing.EXAMPLES | importing.EXAMPLES | environment.EXAMPLES
EXAMPLES |= shipping.EXAMPLES | network.EXAMPLES | making.EXAMPLES | siting.EXAMPLES
EXAMPLES |= lot.EXAMPLES | costing.EXAMPLES
EXAMPLES |= landscape.EXAMPLES | curve.EXAMPLES | match.EXAMPLES | claims.EXAMPLES | data.EXAMPLES
EXAMPLES |= pooling.EXAMPLES | evidence.EXAMPLES
VERBS: tuple[Callable[..., int | None], ...] = (
    running.demo,
    running.new,
    running.check,
    running.run,
    running.resume,
    reading.compare,
    reading.report,
    reading.explain,
    reading.replay,
    showing.show,
    importing.import_,
    making.make,
    shipping.ship,
    network.network,
    siting.site,
    costing.cost,
    claims.claims,
    environment.doctor,
)
GROUPS: Mapping[str, tuple[str, tuple[Callable[..., int | None], ...]]] = {
    "evidence": (
        "What is known from trials: published numbers, and the registry.",
        (
            evidence.evidence_list,
            evidence.evidence_show,
            evidence.evidence_check,
            evidence.grading,
            curve.curve,
            landscape.landscape,
            match.match,
            pooling.meta,
        ),
    ),
    "lot": (
        "Lots: where cells came from, who was given them, and what lots must show.",
        (lot.export, lot.trace, lot.recall, lot.criteria),
    ),
    "data": ("Your own tables: read, checked, and turned into records.", (data.data_map, data.data_check)),
}
"""Families of verbs by their first word: what the family is about, and its verbs.

A function may carry the family's name before its own, as ``data_check`` does, where another verb is called alike."""


def _register(to: typer.Typer, verbs: Iterable[Callable[..., int | None]], family: str = "") -> None:
    for verb in verbs:
        word = verb.__name__.removeprefix(f"{family}_").rstrip("_")
        to.command(word, epilog=EXAMPLES[verb.__name__])(verb)


_register(app, VERBS)
for name, (about, verbs) in GROUPS.items():
    family = typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)
    _register(family, verbs, name)
    app.add_typer(family)


def execute(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised.

    Args:
        arguments: words after ``perforin``.
    """
    debug, machine = "--debug" in arguments, "--json" in arguments
    words = [word for word in arguments if word != "--debug"]
    try:
        result = app(args=words, standalone_mode=False)
    except typer.Abort:
        return say("stopped", machine, INTERRUPTED)
    except KeyboardInterrupt:
        return say("stopped", machine, INTERRUPTED)
    except USAGE as problem:
        return say(_usage(problem), machine, 1)
    except PerforinError as problem:
        if debug:
            traceback.print_exc()
        return say(str(problem), machine, problem.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as problem:  # noqa: BLE001 - the last resort: nobody should meet a traceback unasked
        if debug:
            traceback.print_exc()
        return say(_internal(problem), machine, 3)
    return int(result or 0)


def _usage(problem: Exception) -> str:
    text = str(getattr(problem, "format_message", problem.__str__)())
    context = getattr(problem, "ctx", None)
    return f"{text} (see {context.command_path} --help)" if context is not None else text


def _internal(problem: Exception) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    last = frames[-1] if frames else None
    where = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return (
        "perforin failed inside, which is a fault of perforin and not of your input: "
        f"{type(problem).__name__}: {problem}{where}. Run it again with --debug for the traceback, and report it "
        "together with the output of 'perforin doctor --json'"
    )


def say(message: str, machine: bool, code: int) -> int:
    """Print an error to stderr, as a sentence or as JSON, and return the exit code."""
    if machine:
        print(json.dumps({"error": message, "exit_code": code}), file=sys.stderr)
    else:
        print(f"perforin: {message}", file=sys.stderr)
    return code
