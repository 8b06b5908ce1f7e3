"""perforin show: what is inside a scenario's models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from perforin.command import loading, models
from perforin.command.console import emit, note, table
from perforin.command.running import DEMO, Machine
from perforin.errors import UserError, nearest

__all__ = ["EXAMPLES", "show"]


def show(
    what: Annotated[str, typer.Argument(help="What to show, from the list below.")],
    scenario: Annotated[str, typer.Argument(help="A scenario file, or the name of one in the library.")] = DEMO,
    arm: Annotated[str | None, typer.Option("--arm", help="Only this arm.")] = None,
    json: Machine = False,
) -> None:
    """Print what a scenario's models are made of."""
    if what not in SHOWS:
        raise UserError(f"found {what!r}; needed one of {list(SHOWS)}{nearest(what, SHOWS)}")
    read = loading.load(scenario)
    arms = list(read.arms)
    if arm is not None and arm not in arms:
        raise UserError(f"found the arm {arm!r}; needed one of {arms}{nearest(arm, arms)}")
    SHOWS[what](read, [arm] if arm else arms, json)


def _wiring(scenario: Any, arms: list[str], machine: bool) -> None:
    from perforin.model.wiring import RULE

    found = {arm: models.placements(scenario, arm) for arm in arms}
    if machine:
        emit({"rule": RULE, "arms": found})
        return
    typer.echo(RULE + "\n")
    for arm, rows in found.items():
        shown = [
            (row["placement"], ", ".join(f"{port} = {name}" for port, name in row["joined"].items())) for row in rows
        ]
        table(("Placement", "Joined to"), shown, f"{arm}: {len(rows)} placements")


def _network(scenario: Any, arms: list[str], machine: bool) -> None:
    found = {arm: scenario.model(arm).network for arm in arms}
    if machine:
        emit({"arms": {arm: {"network_hash": network.hash, **network.to_dict()} for arm, network in found.items()}})
        return
    for arm, network in found.items():
        typer.echo(
            f"{arm}: network {network.hash}, {len(network.states)} states, {len(network.levels)} levels, "
            f"{len(network.flows)} flows, {len(network.parameters)} parameters"
        )
        rows = [(flow.name, flow.source or "nowhere", flow.sink or "nowhere") for flow in network.flows]
        table(("State", "Unit"), [(state.name, state.unit or "-") for state in network.states], "States")
        table(("Flow", "From", "To"), rows, "Flows")
        table(("Dose", "Unit", "Into"), [(one.dose, one.unit, one.state) for one in network.entries], "Doses")
        table(("Observable", "Read from", "Unit"), network.observables, "Observables")


def _parameters(scenario: Any, arms: list[str], machine: bool) -> None:
    rows = models.parameter_rows(scenario, arms)
    if machine:
        emit({"scenario": scenario.name, "parameters": rows})
        return
    for arm in arms:
        loading.print_parameters([row for row in rows if row["arm"] == arm], arm)


def _equations(scenario: Any, arms: list[str], machine: bool) -> None:
    found = {}
    for arm in arms:
        network = scenario.model(arm).network
        slopes = {
            f"d({name})/dt": str(slope) for name, slope in zip(network.state_names, network.slopes(), strict=True)
        }
        found[arm] = {"levels": {level.name: str(level.expression) for level in network.levels}, "states": slopes}
    if machine:
        emit({"arms": found})
        return
    for arm, parts in found.items():
        typer.echo(f"# {arm}")
        for name, text in (parts["levels"] | parts["states"]).items():
            typer.echo(f"{name} = {text}")


def _nouns(part: str) -> Callable[[Any, list[str], bool], None]:
    def shown(scenario: Any, arms: list[str], machine: bool) -> None:
        found = models.nouns(scenario, part, arms)
        if machine:
            emit({part: found})
            return
        for name, facts in found.items():
            table(("", ""), [(key, str(text)) for key, text in facts.items()], f"{part} {name}")

    return shown


def _export(form: str) -> Callable[[Any, list[str], bool], None]:
    def shown(scenario: Any, arms: list[str], machine: bool) -> None:
        texts = {arm: models.export(scenario, arm, form) for arm in arms}
        if machine:
            emit({form: texts})
            return
        if len(texts) > 1:
            note(f"{form} of {len(texts)} arms, one after the other; --arm picks one")
        for text in texts.values():
            typer.echo(text)

    return shown


SHOWS: dict[str, Callable[[Any, list[str], bool], None]] = {
    "wiring": _wiring,
    "network": _network,
    "parameters": _parameters,
    "equations": _equations,
    "product": _nouns("product"),
    "disease": _nouns("disease"),
    "latex": _export("latex"),
    "sbml": _export("sbml"),
    "antimony": _export("antimony"),
    "diagram": _export("diagram"),
}
EXAMPLES = {
    "show": """\b
  wiring      the wiring rule, and every mechanism with the names it is joined to
  network     states, flows, doses and observables
  parameters  every value with unit, range, kind and source
  equations   right-hand side of every state
  product     what each arm's product is and brings
  disease     what the disease is and brings
  latex       the equations as a document
  sbml        a typical patient as SBML L3V2, doses as events (needs perforin[sbml])
  antimony    the same as Antimony
  diagram     states and flows as Mermaid

\b
Examples:
  perforin show wiring cd19_lbcl_head_to_head
  perforin show parameters mine.yaml --json
  perforin show equations cd19_lbcl_head_to_head --arm car_t
  perforin show sbml cd19_lbcl_head_to_head --arm car_nk > car_nk.xml"""
}
