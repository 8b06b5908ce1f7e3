"""perforin site: where treatment sites, depots and plants should stand, and who is then within reach."""

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, show, table
from perforin.command.running import Machine
from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.access.siting.capacity import CapacityPlan
    from perforin.access.siting.location import Siting
    from perforin.access.siting.places import Places
    from perforin.report.tables import Table

__all__ = ["EXAMPLES", "site"]

NUMBERS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150)
"""Sites of the curve of share against number."""
DAYS_A_YEAR = 365.25
PLANTS = 12
"""Candidates for plants that are looked through."""


class _Aim(Enum):
    """What the sites are chosen for."""

    most = "most"
    mean = "mean"
    cheapest = "cheapest"


def site(
    people: Annotated[str, typer.Argument(help="CSV of places with people, or the name of one of the library.")]
    = "contiguous_us_counties",
    candidates: Annotated[
        str, typer.Option(help="CSV of candidate sites, or how many of the most populous places.")
    ] = "100",
    number: Annotated[int, typer.Option(help="How many sites; with --aim cheapest, at most so many.")] = 20,
    aim: Annotated[
        _Aim, typer.Option(help="Most people within reach, shortest mean drive, or cheapest for a share.")
    ] = _Aim.most,
    within: Annotated[float, typer.Option(help="Hours of driving that count as within reach.")] = 2.0,
    share: Annotated[float, typer.Option(help="With --aim cheapest: share of the people to be reached.")] = 0.5,
    budget: Annotated[float, typer.Option(help="With --aim cheapest: sum of the costs of sites.")] = math.inf,
    cost: Annotated[float, typer.Option(help="With --aim cheapest: cost of a site.")] = 1.0,
    depots: Annotated[int, typer.Option(help="Depots at so many of the sites, for the shortest mean courier.")] = 0,
    therapies: Annotated[float, typer.Option(help="Therapies a year: plan plants that make them.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Write a map and curves into this folder: siting.html.")] = None,
    json: Machine = False,
) -> None:
    """Place treatment sites, depots and plants, and say who lives within reach.

    Drives are great circles times a detour over a speed; every choice is proven best of its candidates by HiGHS.
    """  # fmt: skip
    import numpy as np

    from perforin.access.siting.location import cover_most, cover_share, shortest_mean
    from perforin.access.siting.places import hours_between, read_places

    homes = read_places(people)
    sites = _candidates(homes, candidates)
    hours = hours_between(homes, sites)
    if aim is _Aim.most:
        found = cover_most(hours, homes.people, number, within)
    elif aim is _Aim.mean:
        found = shortest_mean(hours, homes.people, number, within=within)
    else:
        found = cover_share(hours, homes.people, within, share, cost, budget, number)
    chosen = sites.only(found.sites)
    served = np.array([homes.people[found.site == one].sum() for one in found.sites])
    curve = [(n, cover_most(hours, homes.people, n, within)) for n in NUMBERS if n <= len(sites)]
    facts = _facts(homes, chosen, served, found, within, curve)
    hubs = _depots(chosen, served, depots)
    if hubs:
        facts["depots"] = hubs
    plan = _plants(chosen, served, therapies, sites) if therapies else None
    if plan:
        facts["plants"] = plan
    facts["sources"] = _sources((people, candidates), bool(plan))
    if out is not None:
        facts["page"] = _draw(out, homes, chosen, served, found, within, facts)
    if json:
        emit(facts)
        return
    _show(facts)


def _candidates(homes: Places, candidates: str) -> Places:
    from perforin.access.siting.places import read_places

    if not candidates.lstrip("+-").isdigit():
        return read_places(candidates)
    if not 1 <= int(candidates) <= len(homes):
        raise UserError(f"found --candidates {candidates}; needed 1 to {len(homes)}, or a CSV of places")
    return homes.largest(int(candidates))


def _facts(homes: Places, chosen: Places, served: Any, found: Siting, within: float,
           curve: list[tuple[int, Siting]]) -> dict[str, Any]:  # fmt: skip
    import numpy as np

    near = found.hours <= within
    regions = sorted({one for one in homes.region if one})
    region = np.array(homes.region)
    by_region = []
    for one in regions:
        there = region == one
        count = float(homes.people[there].sum())
        by_region.append({"region": one, "people": count,
                          "share": float(homes.people[there & near].sum()) / count if count else None})  # fmt: skip
    order = np.argsort(-served, kind="stable")
    return {
        "method": found.method,
        "places": len(homes),
        "people": float(homes.people.sum()),
        "within_hours": within,
        "share": found.share,
        "mean_hours": found.mean_hours,
        "gap": found.gap,
        "sites": [{"place": chosen.name[i], "region": chosen.region[i], "latitude": float(chosen.latitude[i]),
                   "longitude": float(chosen.longitude[i]), "nearest_to": float(served[i])} for i in order],
        "by_region": sorted(by_region, key=lambda row: (row["share"] or 0.0, row["region"])),
        "curve": [{"sites": n, "share": one.share, "mean_hours": one.mean_hours} for n, one in curve],
    }  # fmt: skip


def _depots(chosen: Places, served: Any, depots: int) -> dict[str, Any] | None:
    from perforin.access.siting.location import shortest_mean
    from perforin.access.siting.places import hours_between

    if not depots:
        return None
    found = shortest_mean(hours_between(chosen, chosen), served, depots)
    names = [f"{chosen.name[i]}, {chosen.region[i]}".rstrip(", ") for i in found.sites]
    return {"places": names, "mean_courier_hours": found.mean_hours}


def _plants(chosen: Places, served: Any, therapies: float, sites: Places) -> dict[str, Any]:
    """Plants at some of the first candidates, which are the most populous unless a file says otherwise."""
    import numpy as np

    from perforin.access.siting.capacity import plan_plants, plant_rows, shipped_sizes
    from perforin.access.siting.places import hours_between
    from perforin.evidence.parameters import choose

    row = {name: choose(plant_rows(), name).value for name in (
        "plant.days_on_line", "plant.materials", "plant.quality_control", "plant.variability", "plant.fullest",
        "courier.fixed", "courier.per_hour", "waiting.value_of_a_day")}  # fmt: skip
    if not therapies > 0:
        raise UserError(f"found --therapies {therapies:g}; needed some therapies a year")
    places = sites.only(np.arange(min(PLANTS, len(sites))))
    demand = therapies / DAYS_A_YEAR * served / served.sum()
    courier = 2 * (row["courier.fixed"] + row["courier.per_hour"] * hours_between(chosen, places))
    sizes = shipped_sizes()
    plan = plan_plants(demand, courier, sizes, days=row["plant.days_on_line"], variability=row["plant.variability"],
                       goods=row["plant.materials"] + row["plant.quality_control"], fullest=row["plant.fullest"],
                       value_of_a_day=row["waiting.value_of_a_day"])  # fmt: skip
    return _plan_facts(plan, places, sizes.name, therapies)


def _plan_facts(plan: CapacityPlan, places: Places, sizes: tuple[str, ...], therapies: float) -> dict[str, Any]:
    opened = [m for m, size in enumerate(plan.size.tolist()) if size >= 0]
    return {
        "therapies_a_year": therapies,
        "opened": [
            {"place": places.name[m], "region": places.region[m], "size": sizes[plan.size[m]],
             "load": float(plan.load[m]), "wait_days": float(plan.wait[m]),
             "therapies_a_year": float(plan.flow[:, m].sum()) * DAYS_A_YEAR}
            for m in opened
        ],
        "cost_per_therapy": plan.cost | {"total": sum(plan.cost.values())},
        "gap": plan.gap,
    }  # fmt: skip


def _show(facts: dict[str, Any]) -> None:
    reach = f"{facts['within_hours']:g} h"
    typer.echo(
        f"{facts['method']}: {facts['share']:.1%} of {facts['people']:,.0f} people live within {reach}; the mean drive "
        f"is {facts['mean_hours']:.2f} h (proven within {facts['gap']:.1%} of the best)."
    )
    rows: list[tuple[str, ...]]
    rows = [(f"{one['place']}, {one['region']}".rstrip(", "), f"{one['nearest_to']:,.0f}") for one in facts["sites"]]
    table(("Site", "People nearest to it"), rows, numeric=(1,))
    worst = [one for one in facts["by_region"] if one["share"] is not None][:10]
    rows = [(one["region"], f"{one['people']:,.0f}", f"{one['share']:.1%}") for one in worst]
    if rows:
        table(("Region", "People", f"Within {reach}"), rows, "The ten regions least reached", numeric=(1, 2))
    rows = [(str(one["sites"]), f"{one['share']:.1%}", f"{one['mean_hours']:.2f}") for one in facts["curve"]]
    table(("Sites", f"Within {reach}", "Mean drive, h"), rows, "Most people within reach, by number", numeric=(0, 1, 2))
    if hubs := facts.get("depots"):
        typer.echo(f"Depots: {'; '.join(hubs['places'])}. Mean courier {hubs['mean_courier_hours']:.2f} h.")
    for title, shown in _plant_tables(facts):
        show(shown, title)
    if page := facts.get("page"):
        typer.echo(f"Map and curves: {page}")


def _plant_tables(facts: dict[str, Any]) -> list[tuple[str, Table]]:
    """The plants and the cost of a therapy, with their titles; none where no plants were asked for."""
    from perforin.report.tables import Cell, Table

    if not (plants := facts.get("plants")):
        return []
    rows = [
        (f"{one['place']}, {one['region']}".rstrip(", "), one["size"], f"{one['therapies_a_year']:,.0f}",
         f"{one['load']:.0%}", f"{one['wait_days']:.2f}") for one in plants["opened"]
    ]  # fmt: skip
    costs = [(name.capitalize(), f"{value:,.0f}") for name, value in plants["cost_per_therapy"].items()]
    heads = ("Plant", "Size", "Therapies a year", "Lines at work", "Wait, days")
    return [(title, Table(heads, tuple(tuple(map(Cell, row)) for row in cells), frozenset(numeric)))
            for title, heads, cells, numeric in (("Plants opened", heads, rows, (2, 3, 4)),
                                                 ("What a therapy costs", ("Part", "USD"), costs, (1,)))]  # fmt: skip


def _sources(files: tuple[str, ...], plants: bool) -> list[str]:
    """Keys of the sources of places that come with perforin and, where they are planned, of plants."""
    from perforin.access.siting.capacity import plant_rows
    from perforin.access.siting.places import shipped_places
    from perforin.evidence.sources import LIBRARY
    from perforin.yaml_reader import read_yaml

    shipped = [read_yaml(LIBRARY / "places" / f"{one}.yaml").data["source"] for one in files if one in shipped_places()]
    return list(dict.fromkeys([*shipped, *(row.source for row in plant_rows() if plants and row.source)]))


def _draw(out: Path, homes: Places, chosen: Places, served: Any, found: Siting, within: float,
          facts: dict[str, Any]) -> str:  # fmt: skip
    from perforin.report.sheet import Section, write_sheet
    from perforin.report.siting import curve_figure, map_figure, regions_figure

    lead = [
        f"{facts['method'].capitalize()}: {facts['share']:.1%} of {facts['people']:,.0f} people have a site in reach.",
        f"The mean drive is {facts['mean_hours']:.2f} h.",
        "Drives are great circles times a detour over a speed, both assumed.",
    ]
    sections = [
        Section("Map", drawings=(map_figure(homes, chosen, served, found.hours, within),)),
        Section("Reach by number of sites", drawings=(curve_figure(facts["curve"], within, len(chosen)),)),
    ]
    if facts["by_region"]:
        sections.append(Section("Reach by region", drawings=(regions_figure(facts["by_region"], within),)))
    if hubs := facts.get("depots"):
        lead.append(f"Depots: {'; '.join(hubs['places'])}. Mean courier {hubs['mean_courier_hours']:.2f} h.")
    if tables := tuple((f"{title}.", shown) for title, shown in _plant_tables(facts)):
        sections.append(Section("Plants", tables=tables))
    return str(write_sheet(out, "siting", "Where sites should stand", lead, sections, facts["sources"]))


EXAMPLES = {
    "site": """\b
Examples:
  perforin site                                     20 sites in the contiguous United States
  perforin site --number 50 --aim mean --depots 3   shortest mean drive, and three depots
  perforin site --therapies 3000                    and plants for so many therapies a year
  perforin site --aim cheapest --share 0.6 --budget 30
  perforin site my_people.csv --candidates my_hospitals.csv --within 1 --out maps""",
}
