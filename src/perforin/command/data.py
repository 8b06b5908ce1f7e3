"""perforin data: a user's own table, its columns named once, as Records."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, note, table
from perforin.command.running import Machine
from perforin.errors import Location, UserError

if TYPE_CHECKING:
    from perforin.evidence.user_tables.convert import Converted, Problem
    from perforin.evidence.user_tables.guess import Guess
    from perforin.evidence.user_tables.mapping import Mapping, Measured
    from perforin.evidence.user_tables.reading import Table

__all__ = ["EXAMPLES", "ask", "data_check", "data_map"]

Answer = Callable[[str, str], str]
SHOWN = 12
"""Lines of one kind of problem that are printed; the JSON has all."""
Data = Annotated[Path, typer.Argument(help="A CSV file: comma, semicolon or tab, UTF-8 or Latin-1.")]
Given = Annotated[
    Path | None, typer.Option("--mapping", help="Its mapping.", show_default="FILE.mapping.yaml beside the data")
]


def data_map(
    file: Data,
    mapping: Given = None,
    accept: Annotated[bool, typer.Option("--accept", help="Take the guessed mapping without asking.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Records, .csv or .parquet.", show_default="FILE.records.csv beside the data"),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Write the good rows; count and name the others.")
    ] = False,
    json: Machine = False,
) -> int:
    """Turn a table of yours into Records: kinetics, outcomes, adverse events, or events per study.

    Columns and units are guessed and shown; you confirm once, and the answer is kept beside the data. Values such as
    <LLOQ and <5 stay, as censored. No row is left out unsaid.
    """
    from perforin.evidence.user_tables.convert import convert
    from perforin.evidence.user_tables.mapping import mapping_path
    from perforin.evidence.user_tables.reading import read_table

    found, kept = read_table(file), mapping or mapping_path(file)
    target = out or file.with_suffix(".records.csv")
    if target.suffix not in (".csv", ".parquet"):
        raise UserError(f"found --out {target}; needed a name that ends in .csv or .parquet")
    chosen = _mapping(found, file, kept, mapping is not None, accept, json)
    done = convert(found, chosen)
    stopped = bool(done.errors) and not skip_bad_rows
    if not stopped:
        _write(done, target)
    report = _machine(found, chosen, done) | {"mapping": str(kept), "records": None if stopped else str(target)}
    if json:
        emit(report)
    else:
        _tell(found, done)
        if not stopped:
            skipped = f", {len(done.errors)} rows skipped" if done.errors else ""
            typer.echo(f"Records: {target} ({len(done.records.table)}{skipped}). Mapping: {kept}")
    if stopped and not json:
        note(f"perforin: found {len(done.errors)} rows of {file} that cannot be read; needed every row: change the "
             f"file or the mapping {kept}, or say --skip-bad-rows")  # fmt: skip
    return 1 if stopped else 0


def data_check(file: Data, mapping: Given = None, json: Machine = False) -> int:
    """Say how a table would be read and what is wrong with it; nothing is written."""
    from perforin.evidence.user_tables.convert import convert
    from perforin.evidence.user_tables.guess import guess
    from perforin.evidence.user_tables.mapping import mapping_path, open_questions, read_mapping
    from perforin.evidence.user_tables.reading import read_table

    found, kept = read_table(file), mapping or mapping_path(file)
    guessed = None if mapping is not None or kept.exists() else guess(found, file.stem)
    chosen = read_mapping(kept, found) if guessed is None else guessed.mapping
    questions = list(open_questions(chosen))
    done = None if questions else convert(found, chosen)
    if json:
        emit(_machine(found, chosen, done) | {"questions": questions})
    else:
        _preview(found, chosen, guessed)
        for question in questions:
            typer.echo(f"needed: {question}")
        if done is not None:
            _tell(found, done)
    return 1 if questions or (done is not None and done.errors) else 0


def _mapping(found: Table, file: Path, kept: Path, named: bool, accept: bool, machine: bool) -> Mapping:
    """The mapping beside the data, or the guess once somebody has agreed to it."""
    from perforin.evidence.user_tables.guess import guess
    from perforin.evidence.user_tables.mapping import open_questions, read_mapping, write_mapping

    if named or kept.exists():
        return read_mapping(kept, found)
    guessed = guess(found, file.stem)
    chosen = guessed.mapping
    if not machine:
        _preview(found, chosen, guessed)
    if not accept and (machine or not sys.stdin.isatty()):
        raise UserError("found a mapping that nobody has agreed to; needed --accept, or --mapping FILE, or a terminal "
                        "to ask at")  # fmt: skip
    if not accept:
        chosen = ask(chosen, found, _typed, typer.confirm)
    write_mapping(kept, chosen, str(file))
    if questions := list(open_questions(chosen)):
        raise UserError(f"found columns that cannot be guessed; needed {'; '.join(questions)}: answer where "
                        "a '?' stands and run this again", Location(str(kept), 1))  # fmt: skip
    return chosen


def ask(guessed: Mapping, found: Table, answer: Answer, confirm: Callable[..., bool]) -> Mapping:
    """Ask for what is open, and whether the rest is right.

    Args:
        guessed: the mapping as guessed.
        found: the table it is for.
        answer: takes a question and a default, and gives the text that was typed.
        confirm: asks yes or no, as ``typer.confirm`` does.
    """
    from perforin.evidence.user_tables.mapping import NEEDED, OPEN
    from perforin.evidence.user_tables.words import role_meanings

    right = confirm("Is this right, as far as it goes?", default=True)
    columns = dict(guessed.columns)
    for role in dict.fromkeys([*NEEDED[guessed.kind], *columns]):
        now = columns.get(role, OPEN)
        if now == OPEN or not right:
            columns[role] = _until(answer, f"Column of {role} ({role_meanings()[role]}; - for none)", now,
                                   lambda text: text in ("-", *found.header))  # fmt: skip
    columns = {role: name for role, name in columns.items() if name != "-"}
    time_unit = guessed.time_unit
    if "day" in columns and (time_unit in ("", OPEN) or not right):
        time_unit = _until(answer, f"Unit of {columns['day']} (day, hour, week)", time_unit, _is_time)
    values = tuple(_ask_value(one, right, found, answer) for one in guessed.values)
    return type(guessed)(kind=guessed.kind, decimal=guessed.decimal, time_unit=time_unit, arm=guessed.arm,
                         columns=columns, values=values)  # fmt: skip


def _ask_value(one: Measured, right: bool, found: Table, answer: Answer) -> Measured:
    from perforin.evidence.user_tables.mapping import OPEN

    answers = {"column": one.column, "parameter": one.parameter, "unit": one.unit}
    if one.column == OPEN:
        answers["column"] = _until(answer, "Column of the numbers", OPEN, lambda text: text in found.header)
    what = one.text or answers["column"]
    if one.parameter == OPEN or not right:
        answers["parameter"] = _until(answer, f"What is {what}? (a name such as il6)", one.parameter, bool)
    if one.unit == OPEN or (one.unit and not right):
        answers["unit"] = _until(answer, f"Unit of {what} (such as copies/ug)", one.unit, _is_unit)
    return one.model_copy(update=answers)


def _typed(question: str, default: str) -> str:
    try:
        return input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
    except EOFError:
        raise typer.Abort from None


def _until(answer: Answer, question: str, now: str, fits: Callable[[str], bool]) -> str:
    from perforin.evidence.user_tables.mapping import OPEN

    while True:
        said = answer(question, "" if now == OPEN else now).strip()
        if fits(said):
            return said
        note(f"found {said!r}, which does not fit")


def _is_unit(text: str) -> bool:
    from perforin.evidence.user_tables.words import unit_of

    try:
        return bool(unit_of(text))
    except UserError:
        return False


def _is_time(text: str) -> bool:
    from perforin.evidence.user_tables.words import factor, unit_of

    try:
        return factor(unit_of(text), "day") > 0
    except UserError:
        return False


def _preview(found: Table, chosen: Mapping, guessed: Guess | None) -> None:
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    typer.echo(
        f"{found.file}: {len(found.lines)} rows, {len(found.header)} columns, parted by {names[found.separator]}, "
        f"{found.encoding}, decimal sign {names.get(chosen.decimal, 'point')}."
    )
    roles = {name: role for role, name in chosen.columns.items()}
    rows = []
    for name in found.header:
        mine = [one for one in chosen.values if one.column == name]
        said = "\n".join(_described(one) for one in mine) or _role(roles.get(name, ""), chosen)
        first = ", ".join(dict.fromkeys(cell for cell in found.column(name)[:6] if cell))
        reason = guessed.reasons.get(name, "its name" if said != "not used" else "") if guessed else ""
        rows.append((name, said, *([reason] if guessed else []), first[:40]))
    table(("Column", "Read as", *(["Guessed by"] if guessed else []), "First entries"), rows)


def _role(role: str, chosen: Mapping) -> str:
    return f"day [{chosen.time_unit}]" if role == "day" else role or "not used"


def _described(one: Measured) -> str:
    text = f"{one.text!r}: " if one.text else ""
    return f"{text}{one.parameter}" + (f" [{one.unit}]" if one.unit else "")


def _tell(found: Table, done: Converted) -> None:
    parts = done.records.table.groupby(["arm", "parameter", "unit"], observed=True, sort=False)
    rows = [
        (str(arm), str(parameter), str(unit) or "-", str(part["subject"].nunique()), str(len(part)),
         str(int(part["censored"].sum())))
        for (arm, parameter, unit), part in parts
    ]  # fmt: skip
    table(("Arm", "Parameter", "Unit", "Subjects", "Records", "Censored"), rows, "Records", numeric=(3, 4, 5))
    for warning in done.warnings:
        typer.echo(f"warning: {warning}")
    for text, lines in _grouped(done.errors).items():
        shown = ", ".join(map(str, lines[:SHOWN])) + (f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else "")
        typer.echo(f"error: {found.file}, line{'s' if len(lines) > 1 else ''} {shown}: {text}")


def _grouped(errors: Sequence[Problem]) -> dict[str, list[int]]:
    by_text: dict[str, list[int]] = defaultdict(list)
    for problem in errors:
        by_text[problem.text].append(problem.line)
    return by_text


def _machine(found: Table, chosen: Mapping, done: Converted | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "file": found.file, "rows": len(found.lines), "encoding": found.encoding, "separator": found.separator,
        "mapped": chosen.model_dump(exclude_defaults=True) | {"kind": chosen.kind},
    }  # fmt: skip
    if done is None:
        return content
    return content | {
        "written_rows": len(done.records.table),
        "censored": int(done.records.table["censored"].sum()),
        "subjects": len(done.subjects),
        "warnings": list(done.warnings),
        "errors": [{"line": problem.line, "text": problem.text} for problem in done.errors],
    }


def _write(done: Converted, target: Path) -> None:
    import pandas as pd

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".parquet":
            done.records.table.to_parquet(target, index=False)
        else:
            done.records.table.to_csv(target, index=False)
        if any(name != str(number) for name, number in done.subjects.items()):
            key = pd.DataFrame({"subject": list(done.subjects.values()), "name": list(done.subjects)})
            key.to_csv(target.with_suffix(".subjects.csv"), index=False)
    except OSError as problem:
        raise UserError(f"found {target}, which cannot be written ({problem.strerror})") from None


EXAMPLES = {
    "data_map": """\b
Examples:
  perforin data map my_trial.csv
  perforin data map my_trial.csv --accept --out my_trial.records.parquet
  perforin data map next_cut.csv --mapping my_trial.mapping.yaml --json
  perforin data map my_trial.csv --skip-bad-rows""",
    "data_check": """\b
Examples:
  perforin data check my_trial.csv
  perforin data check my_trial.csv --mapping my_trial.mapping.yaml --json""",
}
