"""A supply network as its file says it: stages, the sites that serve them, stock, matching and attrition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from perforin.errors import nearest
from perforin.making.network.figures import Count, Days, Effect, Figure, PerDay, Share
from perforin.yaml_reader import Strict, find_yaml, problem_at, read_yaml, validated

__all__ = ["Attrition", "DonorClass", "Loss", "Lots", "Matching", "Network", "Outage", "Policy", "Remake", "Site",
           "Slots", "Stage", "network_names", "read_network"]  # fmt: skip

FOLDER = Path(__file__).parents[2] / "library" / "networks"

Positive = Annotated[float, pydantic.Field(gt=0)]
Window = tuple[float, float]


class Slots(Strict):
    """Appointments that pass unused if nobody waits, at random days (Poisson) or evenly spaced."""

    rate: PerDay
    spacing: Literal["random", "even"] = "random"

    @pydantic.field_validator("rate")
    @classmethod
    def _some(cls, rate: Figure) -> Figure:
        if rate.value == 0:
            raise ValueError("found zero slots; needed a rate above 0, for example '2 1/month'")
        return rate


class Outage(Strict):
    """Unplanned stops: nothing begins while one lasts, what has begun goes on; both times are exponential."""

    interval: Days
    duration: Days

    @pydantic.field_validator("interval")
    @classmethod
    def _some(cls, interval: Figure) -> Figure:
        if interval.value == 0:
            raise ValueError("found 0 days between outages; needed more than 0")
        return interval


class Policy(Strict):
    """Order up to ``S`` units when those on hand and on order, less those promised, are ``s`` or fewer."""

    s: Annotated[int, pydantic.Field(ge=0)]
    S: Annotated[int, pydantic.Field(ge=1)]
    initial: Annotated[int, pydantic.Field(ge=0)] | None = None

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Policy:
        if self.s > self.S:
            raise problem_at("s", f"found s = {self.s} above S = {self.S}; needed s <= S", under="")
        return self


class Site(Strict):
    """One place of a group.

    ``share`` of the patients it serves, relative to the others of its group; ``lines`` that work at once, or ``slots``,
    or ``stock`` by donor class; ``closed`` at weekends (day 0 is a Monday) or in windows [from, to] of days, when
    nothing begins; ``review``: days between looks at the stock, always if not given.
    """

    name: str
    share: Positive = 1.0
    lines: Count | None = None
    slots: Slots | None = None
    stock: dict[str, Policy] | None = None
    closed: Literal["never", "weekends"] | tuple[Window, ...] = "never"
    outage: Outage | None = None
    review: Days | None = None
    note: str = ""

    @pydantic.model_validator(mode="after")
    def _one_resource(self) -> Site:
        given = [name for name in ("lines", "slots", "stock") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"found {given or 'no resource'}; needed one of lines, slots and stock")
        if self.lines is not None and self.lines.value != round(self.lines.value):
            raise problem_at("lines", f"found {self.lines.value:g}; needed a whole number", under="lines")
        if self.lines is None and (self.closed != "never" or self.outage):
            raise ValueError(f"found a calendar with {given[0]}; needed one only with lines")
        if self.review is not None and (self.stock is None or self.review.value == 0):
            raise ValueError("found review without stock, or every 0 days; needed days above 0 between looks at stock")
        for start, end in self.closed if isinstance(self.closed, tuple) else ():
            if not 0 <= start < end:
                raise problem_at("closed", f"found closed from day {start:g} to {end:g}; needed 0 <= from < to",
                                 under="closed")  # fmt: skip
        return self

    @property
    def kind(self) -> str:
        """What it offers: lines, slots or stock."""
        return next(name for name in ("lines", "slots", "stock") if getattr(self, name) is not None)


class Loss(Strict):
    """The share of those who finish a stage and go no further, and why."""

    share: Share
    cause: str


class Remake(Strict):
    """Another attempt after a failure, from an earlier stage on; ``success`` of each, at most so many."""

    begins: str
    success: Share
    at_most: Annotated[int, pydantic.Field(ge=1, le=5)] = 1


class Stage(Strict):
    """What a patient goes through: at a site of the group ``at``, or without waiting where none is named."""

    name: Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")]
    at: str = ""
    duration: Days | None = None
    lost: Loss | None = None
    remake: Remake | None = None


class DonorClass(Strict):
    """Donors of one kind: the KIR ligands that they have, and amounts of other features that are scored."""

    ligands: tuple[str, ...] = ()
    features: dict[str, float] = pydantic.Field(default_factory=dict)


class Matching(Strict):
    """Who may be given what: never against a donor-specific antibody; else the highest score first.

    ``ligands``: the share of patients with each; ``antibody``: the share with an antibody against a given class;
    ``ligand_mismatch``: the score of each ligand that a donor has and the patient lacks; ``weights`` of features;
    ``effect`` of a point of the score on the log odds of response, which is handed on and acts on nothing here.
    """

    ligands: dict[str, Share]
    antibody: Share
    ligand_mismatch: Effect
    weights: dict[str, Effect] = pydantic.Field(default_factory=dict)
    effect: Effect


class Lots(Strict):
    """Batches for the stock: days from order to store, days they keep, the share rejected, the share recalled."""

    lead_time: Days
    shelf_life: Days
    rejected: Share
    recalled: Share
    recalled_after: Days


class Attrition(Strict):
    """Loss while waiting, where no patient model says when; and how much of delay's association is causal."""

    hazard: PerDay
    causal_share: Share


class Network(Strict):
    """A supply network; ``days`` are simulated, ``referrals`` come in them."""

    label: str
    summary: str = ""
    starting_material: Literal["patient", "donor_bank"]
    days: Days
    referrals: PerDay
    attrition: Attrition
    discipline: Literal["fifo", "urgency", "lottery"] = "fifo"
    sites: dict[str, tuple[Site, ...]] = pydantic.Field(default_factory=dict)
    stages: Annotated[tuple[Stage, ...], pydantic.Field(min_length=1)]
    donor_classes: dict[str, DonorClass] = pydantic.Field(default_factory=dict)
    matching: Matching | None = None
    lots: Lots | None = None

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Network:
        if self.days.value == 0 or self.referrals.value == 0:
            raise ValueError("found no days or no referrals; needed more than 0 of both")
        names = [stage.name for stage in self.stages]
        for name, times in Counter(names).items():
            if times > 1:
                raise problem_at("stages", f"found the stage {name!r} {times} times; needed it once", under="stages")
        for place, stage in enumerate(self.stages):
            self._check_stage(stage, names[: place + 1])
        if sum(stage.remake is not None for stage in self.stages) > 1:
            raise problem_at("stages", "found several stages with a remake; needed at most one", under="stages")
        for group, sites in self.sites.items():
            kinds = sorted({site.kind for site in sites})
            if len(kinds) != 1:
                raise problem_at("sites", f"found {group} with {kinds}; needed one kind in a group", under=group)
        self._check_stock()
        return self

    def _check_stage(self, stage: Stage, earlier: list[str]) -> None:
        if stage.at and stage.at not in self.sites:
            known = list(self.sites)
            raise problem_at("stages", f"{stage.name}: found at {stage.at!r}; needed one of the sites {known}"
                             f"{nearest(stage.at, known)}", under="stages")  # fmt: skip
        if stage.remake and stage.lost is None:
            raise problem_at("stages", f"{stage.name}: found remake without lost; needed both", under="stages")
        if stage.remake and stage.remake.begins not in earlier:
            found = stage.remake.begins
            raise problem_at("stages", f"{stage.name}: found a remake that begins at {found!r}; needed this stage or "
                             f"an earlier one, {earlier}{nearest(found, earlier)}", under="stages")  # fmt: skip

    def _check_stock(self) -> None:
        stores = [stage for stage in self.stages if stage.at and self.sites[stage.at][0].stock is not None]
        banked = self.starting_material == "donor_bank"
        if len(stores) != banked:
            raise problem_at("starting_material", f"found {self.starting_material} with {len(stores)} stages at a "
                             "stock; needed one for a donor_bank and none for patient", under="")  # fmt: skip
        if banked and not (self.donor_classes and self.matching and self.lots):
            raise ValueError("found a donor_bank without donor_classes, matching or lots; needed all three")
        for name, donor in self.donor_classes.items():
            unknown = {*donor.ligands} - {*self._matched.ligands} | {*donor.features} - {*self._matched.weights}
            if unknown:
                raise problem_at("donor_classes", f"{name}: found {sorted(unknown)}, which matching does not know; "
                                 "needed its ligands and weights", under="donor_classes")  # fmt: skip
        for site in (site for stage in stores for site in self.sites[stage.at]):
            stray = {*(site.stock or {})} ^ {*self.donor_classes}
            if stray:
                raise problem_at("sites", f"{site.name}: found the stock of {list(site.stock or {})}; needed a policy "
                                 f"for each of {list(self.donor_classes)}", under="sites")  # fmt: skip

    @property
    def _matched(self) -> Matching:
        if self.matching is None:
            raise ValueError("found donor_classes without matching; needed both")
        return self.matching

    @property
    def attempts(self) -> int:
        """The most times that anything is made for a patient."""
        return 1 + max((stage.remake.at_most for stage in self.stages if stage.remake), default=0)

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every number with its source, by where it stands."""
        return dict(_figures(self, ""))


def _figures(part: object, path: str) -> list[tuple[str, Figure]]:
    if isinstance(part, Figure):
        return [(path, part)]
    if isinstance(part, pydantic.BaseModel):
        inside = [(name, getattr(part, name)) for name in type(part).model_fields]
    elif isinstance(part, Mapping):
        inside = list(part.items())
    elif isinstance(part, tuple):
        inside = [(getattr(one, "name", str(i)), one) for i, one in enumerate(part)]
    else:
        return []
    return [found for name, one in inside for found in _figures(one, f"{path}.{name}".lstrip("."))]


def network_names() -> list[str]:
    """Networks that come with perforin."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_network(name: str | Path) -> Network:
    """A network from its YAML file.

    Args:
        name: a file, or the name of a network that comes with perforin.

    Raises:
        UserError: a file that does not fit; each problem with its line.
    """
    return validated(Network, read_yaml(find_yaml(FOLDER, name, "network")))
