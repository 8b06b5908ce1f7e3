"""perforin network: a cohort through a supply network, from referral to infusion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, note, show, table
from perforin.command.running import Machine
from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.making.network.orders import Orders
    from perforin.records import Estimate

__all__ = ["EXAMPLES", "network"]

POINTS = 101


def network(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="A network of the library, or a YAML file.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", help="Referrals in each replication.", show_default="rate times days")
    ] = None,
    replications: Annotated[int, typer.Option("--replications", help="How often, with other luck each time.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write network.html, orders.csv and lots.csv to this folder.")
    ] = None,
    json: Machine = False,
) -> None:
    """Send a cohort through a supply network: who is infused, who is lost and why, how long each waits.

    Patients share appointments, lines and stock. Without a name, lists the networks of the library.
    """
    from perforin.making.network.description import read_network
    from perforin.making.network.indicators import indicators
    from perforin.making.network.orders import simulate
    from perforin.streams import Streams

    if name is None:
        _list(json)
        return
    network = read_network(name)
    if not json:
        note("simulating; the first time on a machine the loops are compiled for it, which takes half a minute")
    orders = simulate(network, Streams(seed), n=n, replications=replications)
    found = indicators(orders, Path(name).stem)
    written = _write(out, orders, found, seed) if out is not None else []
    if json:
        emit(_machine_copy(orders, found, name, seed) | {"written": written})
        return
    from perforin.report.network import funnel_table, shares_table, waits_table

    count = len(orders.table) // orders.replications
    typer.echo(f"{orders.network.label}: {count} referrals in {orders.until:.0f} days, {replications} replications")
    show(funnel_table(orders), "Patients a replication")
    show(shares_table(found), "Shares of those referred, use and stock")
    show(waits_table(found), "Waits of those who completed the stage")
    typer.echo(f"Declared causal share of delay: {orders.causal_share:g} (0 all confounding, 1 all causal)")
    for path in written:
        typer.echo(f"Written: {path}")


def _list(machine: bool) -> None:
    from perforin.making.network.description import network_names, read_network

    found = {name: read_network(name) for name in network_names()}
    if machine:
        emit({"networks": [{"network": name, "label": one.label, "starting_material": one.starting_material,
                            "summary": one.summary.strip()} for name, one in found.items()]})  # fmt: skip
        return
    rows = [(name, one.label, one.starting_material.replace("_", " "), one.summary.strip())
            for name, one in found.items()]  # fmt: skip
    table(("Network", "", "Starting material", ""), rows, "Networks of the library")


def _machine_copy(orders: Orders, found: list[Estimate], name: str, seed: int) -> dict[str, Any]:
    import numpy as np

    from perforin.making.network.indicators import (
        busy_lines,
        cumulative_incidence,
        funnel,
        queue_length,
        stock_level,
    )

    days = np.linspace(0, orders.until, POINTS)
    times = {"queue": queue_length, "lines_in_use": busy_lines, "stock": stock_level, "incidence": cumulative_incidence}
    units = orders.lots[["made", "used", "expired", "refused", "recalled", "left"]].sum()
    return {
        "network": Path(name).stem, "label": orders.network.label, "seed": seed, "days": orders.until,
        "starting_material": orders.network.starting_material,
        "referrals": len(orders.table) // orders.replications, "replications": orders.replications,
        "engine": orders.engine, "causal_share": orders.causal_share,
        "estimates": [one.as_dict() | dict(one.details) for one in found],
        "funnel": funnel(orders).to_dict("records"), "units": {str(what): int(many) for what, many in units.items()},
        **{key: of(orders, days).to_dict("records") for key, of in times.items()},
        "parameters": {place: figure.model_dump(exclude={"times"}) for place, figure in orders.network.figures.items()},
    }  # fmt: skip


def _write(out: Path, orders: Orders, found: list[Estimate], seed: int) -> list[str]:
    """The page, and every order and lot as a table."""
    from perforin.report.network import (
        funnel_figure,
        funnel_table,
        incidence_figure,
        over_time_figures,
        shares_table,
        waits_table,
    )
    from perforin.report.sheet import Section, write_sheet

    drawn, titles = over_time_figures(orders), {"queue": "Queues", "lines": "Lines in use", "stock": "Stock"}
    first = funnel_figure(orders)
    sections = [
        Section("From referral to infusion", (), (("Patients in each replication.", funnel_table(orders)),),
                (first,) if first else ()),
        Section("Infused and lost", (), (("Shares of those referred, use and stock.", shares_table(found)),),
                (incidence_figure(orders),)),
        Section("Waits", (), (("Of those who completed the stage.", waits_table(found)),)),
        *(Section(titles[one.key], drawings=(one,)) for one in drawn),
    ]  # fmt: skip
    figures = orders.network.figures
    assumed = sum(one.kind == "assumed" for one in figures.values())
    count = len(orders.table) // orders.replications
    size = f"{count} referrals in {orders.until:.0f} days, {orders.replications} replications, seed {seed}."
    declared = (
        f"{assumed} of {len(figures)} numbers are assumptions. The share of the association of delay with outcome that "
        f"is the delay's own doing is declared as {orders.causal_share:g}."
    )
    lead = (orders.network.summary.strip(), size, declared)
    sources = dict.fromkeys(one.source for one in figures.values() if one.source)
    try:
        page = write_sheet(out, "network", f"Supply network: {orders.network.label}", lead, sections, sources)
        orders.table.to_csv(out / "orders.csv", index=False)
        orders.lots.to_csv(out / "lots.csv", index=False)
    except OSError as problem:
        raise UserError(f"found the folder {out}, which cannot be written ({problem.strerror})") from None
    return [str(page), str(out / "orders.csv"), str(out / "lots.csv")]


EXAMPLES = {
    "network": """\b
Examples:
  perforin network
  perforin network autologous_two_plants
  perforin network donor_bank_two_hubs --n 2000 --out network
  perforin network mine.yaml --replications 100 --json"""
}
