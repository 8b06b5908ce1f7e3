"""Where cells came from and where they went, from donor to patient, as a directed graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.errors import Location, UserError, nearest
from perforin.making.batch import Batches
from perforin.making.process import Process
from perforin.making.release.deciding import NOT_MADE, OUT, RELEASED, Verdicts

__all__ = ["KINDS", "Genealogy", "genealogy_of", "inventory", "read_genealogy", "serve", "served_by",
           "write_genealogy"]  # fmt: skip

KINDS = ("donor", "collection", "bank", "batch", "lot", "vial", "patient")
"""Every node has one of these; material passes from one to a later one."""
NODES, LINKS = ("id", "kind", "day", "status"), ("parent", "child", "amount", "unit")
COLUMNS = (*NODES, "parent", "amount", "unit")
"""Columns of a CSV: one row for each parent of a node; a donor has none."""


@dataclass(frozen=True)
class Genealogy:
    """Nodes and what passed between them.

    ``nodes``: id, kind, day (of the collection, the start of a batch, the release, the infusion; NaN if not known),
    status ("" or a verdict). ``links``: parent, child, amount and its unit.

    Raises:
        UserError: an id that stands twice, an unknown kind, a link to nobody, material that flows back, a circle, or
            a node that is no donor and has no parent.
    """

    nodes: pd.DataFrame
    links: pd.DataFrame

    def __post_init__(self) -> None:
        for one in self.nodes["id"][self.nodes["id"].duplicated()]:
            raise UserError(f"found the id {one!r} twice; needed it once")
        kind = self.kinds
        for one, what in kind.items():
            if what not in KINDS:
                needed = f"needed one of {list(KINDS)}{nearest(what, KINDS)}"
                raise UserError(f"found {one!r} of the kind {what!r}; {needed}")
        for end in ("parent", "child"):
            lost = self.links.loc[~self.links[end].isin(kind), end]
            if len(lost):
                hint = nearest(lost.iloc[0], kind)
                raise UserError(f"found a link with the {end} {lost.iloc[0]!r}, which is no node; needed one{hint}")
        self._no_circle()
        rank = self.nodes["id"].map(dict(zip(self.nodes["id"], self.nodes["kind"].map(KINDS.index), strict=True)))
        order = dict(zip(self.nodes["id"], rank, strict=True))
        back = self.links[self.links["parent"].map(order) > self.links["child"].map(order)]
        for parent, child in back[["parent", "child"]].itertuples(index=False):
            problem = f"found the {kind[parent]} {parent!r} before the {kind[child]} {child!r}"
            raise UserError(f"{problem}; needed the reverse")
        children = set(self.links["child"])
        for one, what in kind.items():
            if what != "donor" and one not in children:
                raise UserError(f"found the {what} {one!r} without a parent (an orphan); needed one")

    def _no_circle(self) -> None:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for parent, child in self.links[["parent", "child"]].itertuples(index=False):
            sorter.add(child, parent)
        try:
            sorter.prepare()
        except CycleError as problem:
            circle = " -> ".join(map(str, problem.args[1]))
            raise UserError(f"found a circle in the genealogy: {circle}; needed none") from None

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of each node."""
        return dict(zip(self.nodes["id"], self.nodes["kind"], strict=True))

    @cached_property
    def _down(self) -> dict[str, list[str]]:
        return {str(one): list(part) for one, part in self.links.groupby("parent")["child"]}

    @cached_property
    def _up(self) -> dict[str, list[str]]:
        return {str(one): list(part) for one, part in self.links.groupby("child")["parent"]}

    def origins(self, one: str) -> list[str]:
        """All that a node came from, nearest first."""
        return _reached(self._known(one), self._up)

    def destinations(self, one: str) -> list[str]:
        """All that came of a node, nearest first."""
        return _reached(self._known(one), self._down)

    def trace(self, one: str) -> pd.DataFrame:
        """Rows of ``nodes`` for a node, what it came from and what came of it, in the order of the kinds."""
        family = {one, *self.origins(one), *self.destinations(one)}
        rows = self.nodes[self.nodes["id"].isin(family)]
        return rows.sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable").reset_index(drop=True)

    def recall(self, one: str) -> list[str]:
        """Patients who were given anything of a node."""
        return sorted(found for found in self.destinations(one) if self.kinds[found] == "patient")

    def _known(self, one: str) -> str:
        if one not in self.kinds:
            some = nearest(one, self.kinds) or f"; there are {len(self.kinds)}, such as {self.nodes['id'].iloc[0]!r}"
            raise UserError(f"found {one!r}, which is no node of this genealogy; needed one{some}")
        return one


def _reached(start: str, ways: dict[str, list[str]]) -> list[str]:
    found: dict[str, None] = {}
    todo = [start]
    while todo:
        for one in ways.get(todo.pop(0), ()):
            if one not in found:
                found[one] = None
                todo.append(one)
    return list(found)


def serve(verdicts: Verdicts, patients: int, first: int = 0) -> pd.DataFrame:
    """Give released doses to patients in turn, the earliest lots first.

    Args:
        verdicts: of the lots of a bank.
        patients: how many; fewer are served where doses run out.
        first: number of the first patient.

    Returns:
        patient, batch (its number): one row for each dose given.
    """
    doses = np.repeat(verdicts.batch, verdicts.doses)[:patients]
    return pd.DataFrame({"patient": [f"patient-{first + i}" for i in range(len(doses))], "batch": doses})


def served_by(orders: pd.DataFrame, verdicts: Verdicts) -> pd.DataFrame:
    """Doses as the orders of a supply network gave them.

    The network's lots have no batch of their own: that of which most was used is the released batch with most doses,
    and so on.

    Args:
        orders: the table of ``network.Orders``, of one replication.
        verdicts: of the lots of a bank.

    Returns:
        patient, batch and day of infusion, as ``genealogy_of`` takes them.

    Raises:
        UserError: more lots used than released, or several replications.
    """
    if (replications := len(set(orders["rep"]))) > 1:
        raise UserError(f"found orders of {replications} replications; needed those of one")
    taken = orders[(orders["lot"] >= 0) & orders["infused"].notna()]
    used = taken["lot"].value_counts().index.to_numpy()
    released = verdicts.batch[np.argsort(-verdicts.doses, kind="stable")][: int((verdicts.doses > 0).sum())]
    if len(used) > len(released):
        raise UserError(f"found {len(used)} lots used and {len(released)} released; needed more batches")
    batch = taken["lot"].map(dict(zip(used.tolist(), released.tolist(), strict=False)))
    who = [f"patient-{one}" for one in taken["patient"]]
    return pd.DataFrame({"patient": who, "batch": batch.to_numpy(), "day": taken["infused"].to_numpy(dtype=np.float64)})


def genealogy_of(
    process: Process, batches: Batches, verdicts: Verdicts, given: pd.DataFrame | None = None
) -> Genealogy:
    """The graph of batches and of what they gave.

    Own cells need no ``given``: each released lot goes to its donor, or, after a recall, went. Of a bank's lots only
    vials that a patient was given are nodes; the amounts say how many a lot had.

    Args:
        process: how they were made.
        batches: as grown.
        verdicts: on them.
        given: patient (id) and batch (number) for each dose, as ``serve`` or ``served_by`` gives it; a column day
            is optional.

    Raises:
        UserError: a patient who was given a lot that was not released, or more vials than a lot has.
    """
    own = process.starting_material == "patient"
    if given is None:
        gone = verdicts.verdict == RELEASED
        who = [f"patient-{i}" for i in verdicts.batch[gone]]
        given = pd.DataFrame({"patient": who if own else who[:0], "batch": verdicts.batch[gone][: None if own else 0]})
    bank = [] if own else ["bank"]
    chain = ["donor", "collection", *bank, "batch", "lot"]
    many = batches.donor if bank else batches.batch
    ids = {"donor": batches.donor, "collection": many, "bank": many, "batch": batches.batch, "lot": batches.batch}
    amounts = {"collection": (batches.cells_started, "cell"), "bank": (batches.cells_started, "cell"),
               "batch": (batches.cells_started, "cell"), "lot": (_vials(batches, own), "vial")}  # fmt: skip
    made = verdicts.verdict != NOT_MADE
    nodes, links = [], []
    for place, kind in enumerate(chain):
        keep = made if kind == "lot" else np.ones(len(batches), np.bool_)
        names = [f"{kind}-{i}" for i in ids[kind][keep]]
        status = verdicts.verdict[keep] if kind == "lot" else [""] * len(names)
        nodes.append(pd.DataFrame({"id": names, "kind": kind, "day": np.nan, "status": status}))
        if place:
            above = [f"{chain[place - 1]}-{i}" for i in ids[chain[place - 1]][keep]]
            amount, unit = amounts[kind]
            links.append(pd.DataFrame({"parent": above, "child": names, "amount": amount[keep], "unit": unit}))
    _check_given(given, batches, verdicts, own)
    vials = [f"vial-{batch}-{i}" for batch, i in zip(given["batch"], given.groupby("batch").cumcount(), strict=True)]
    days = given["day"] if "day" in given else np.full(len(given), np.nan)
    nodes.append(pd.DataFrame({"id": vials, "kind": "vial", "day": np.nan, "status": ""}))
    nodes.append(pd.DataFrame({"id": given["patient"], "kind": "patient", "day": days, "status": ""}))
    lots = [f"lot-{batch}" for batch in given["batch"]]
    links.append(pd.DataFrame({"parent": lots, "child": vials, "amount": 1.0, "unit": "vial"}))
    links.append(pd.DataFrame({"parent": vials, "child": given["patient"], "amount": 1.0, "unit": "vial"}))
    every = pd.concat(nodes, ignore_index=True).drop_duplicates("id", ignore_index=True)
    joined = pd.concat(links, ignore_index=True)
    summed = joined.groupby(["parent", "child", "unit"], sort=False)["amount"].sum().reset_index()
    return Genealogy(every, summed)


def _vials(batches: Batches, own: bool) -> NDArray[np.float64]:
    whole = np.ones(len(batches)) if own else np.floor(batches.cells_filled / batches.planned_dose)
    return np.asarray(whole, dtype=np.float64)


def _check_given(given: pd.DataFrame, batches: Batches, verdicts: Verdicts, own: bool) -> None:
    out = verdicts.batch[np.isin(verdicts.verdict, [RELEASED, OUT] if own else [RELEASED])]
    stray = given.loc[~given["batch"].isin(out)]
    if len(stray):
        patient, batch = stray[["patient", "batch"]].iloc[0]
        raise UserError(f"found {patient!r} given lot-{batch}, which was not released; needed a released lot")
    had = dict(zip(batches.batch.tolist(), _vials(batches, own).tolist(), strict=True))
    for batch, count in given["batch"].value_counts().to_dict().items():
        if count > had[batch]:
            raise UserError(f"found {count} vials given of lot-{batch}; needed at most its {had[batch]:g}")


def inventory(batches: Batches, verdicts: Verdicts, given: pd.DataFrame, expired: Iterable[int] = (), *,
              own_cells: bool = False) -> dict[str, int]:  # fmt: skip
    """Vials produced, and what became of them: used, rejected, expired, in stock.

    Args:
        batches: as grown.
        verdicts: on them.
        given: one row for each vial given, with its batch.
        expired: batches whose remaining vials have expired.
        own_cells: one vial a lot.
    """
    vials = pd.Series(_vials(batches, own_cells), index=batches.batch).where(verdicts.verdict != NOT_MADE, 0)
    used = given["batch"].value_counts().reindex(vials.index, fill_value=0)
    left = vials - used
    good = pd.Series((verdicts.verdict == RELEASED) & ~verdicts.recalled, index=vials.index)
    old = vials.index.isin(list(expired))
    return {
        "produced": int(vials.sum()), "used": int(used.sum()), "rejected": int(left[~good].sum()),
        "expired": int(left[good & old].sum()), "in stock": int(left[good & ~old].sum()),
    }  # fmt: skip


def write_genealogy(path: Path | str, genealogy: Genealogy) -> None:
    """As CSV: one row for each parent of a node."""
    rows = genealogy.nodes.merge(genealogy.links, left_on="id", right_on="child", how="left")
    rows[list(COLUMNS)].to_csv(path, index=False)


def read_genealogy(path: Path | str) -> Genealogy:
    """From CSV with the columns ``COLUMNS``.

    Raises:
        UserError: a column that is missing, an amount that is no number (file:line), or a graph that is none.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as problem:
        raise UserError(f"found a genealogy that cannot be read, {path} ({problem}); needed a CSV") from None
    missing: Sequence[str] = [name for name in ("id", "kind", "parent") if name not in rows]
    if missing:
        raise UserError(f"found no columns {missing}; needed {list(COLUMNS)}", Location(str(path), 1))
    rows = rows.reindex(columns=list(COLUMNS), fill_value="")
    for name in ("day", "amount"):
        number = pd.to_numeric(rows[name].replace("", np.nan), errors="coerce")
        for row in np.flatnonzero(number.isna() & (rows[name] != "")):
            found = f"found the {name} {rows[name].iloc[row]!r}; needed a number"
            raise UserError(found, Location(str(path), int(row) + 2))
        rows[name] = number
    nodes = rows[list(NODES)].drop_duplicates("id", ignore_index=True)
    links = rows.loc[rows["parent"] != ""].rename(columns={"id": "child"})[list(LINKS)].reset_index(drop=True)
    try:
        return Genealogy(nodes, links)
    except UserError as problem:
        raise UserError(str(problem), Location(str(path), 1)) from None
