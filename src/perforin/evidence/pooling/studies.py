"""What is pooled: studies with their counts, which of them share patients, and what the set must warn of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal

from perforin.errors import UserError

__all__ = ["Kind", "LeftOut", "Study", "StudySet"]

Kind = Literal["share", "rate"]


@dataclass(frozen=True)
class Study:
    """One cohort and its count.

    Attributes:
        name: what it is called in tables.
        events: patients with the outcome, or events.
        n: patients, or the time under observation where a rate is pooled (any one unit, the same in all studies).
        groups: moderators by name, such as ``{"target": "CD19"}``.
        scale: how the outcome was graded; empty where nothing says.
        status: read, memory or derived; empty for a user's own table.
        source: key of sources.bib.
        locator: where in the source.
        overlaps: names of studies that share patients with this one.
        note: anything else a reader must know.
    """

    name: str
    events: int
    n: float
    groups: Mapping[str, str] = field(default_factory=dict)
    scale: str = ""
    status: str = ""
    source: str = ""
    locator: str = ""
    overlaps: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.n <= 0:
            raise UserError(f"found {self.n:g} patients in {self.name}; needed at least 1")
        if self.events < 0:
            raise UserError(f"found {self.events} events in {self.name}; needed 0 or more")

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        plain = {name: getattr(self, name) for name in ("events", "n", "scale", "status", "source", "locator", "note")}
        return {"study": self.name, **plain, **self.groups}


@dataclass(frozen=True)
class LeftOut:
    """A study that is not pooled, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class StudySet:
    """Studies of one outcome that may be pooled: no cohort twice, none inside another.

    Attributes:
        endpoint: the outcome.
        studies: what is pooled.
        kind: ``share`` of patients, or ``rate`` per unit of time.
        title: what the set is, for a heading.
        left_out: what is not pooled, and why.
        warnings: what limits the set, in plain sentences.
    """

    endpoint: str
    studies: tuple[Study, ...]
    kind: Kind = "share"
    title: str = ""
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [one.name for one in self.studies]
        if not names:
            raise UserError(f"found no study that counts {self.endpoint}; needed at least one")
        if twice := {name for name in names if names.count(name) > 1}:
            raise UserError(f"found the study {min(twice)!r} twice; needed each cohort once")
        for one in self.studies:
            if self.kind == "share" and (one.events > one.n or one.n != int(one.n)):
                raise UserError(f"found {one.events} events of {one.n:g} patients in {one.name}; needed whole numbers, "
                                "with no more events than patients")  # fmt: skip
        for first, second in combinations(self.studies, 2):
            if first.name in second.overlaps or second.name in first.overlaps:
                raise UserError(f"found {first.name} and {second.name}, which share patients; needed one of them")

    @classmethod
    def without_overlap(cls, studies: Iterable[Study], **about: Any) -> StudySet:
        """A set in which of two studies that share patients the smaller is left out, and said to be."""
        kept: list[Study] = []
        left: list[LeftOut] = list(about.pop("left_out", ()))
        everything = list(studies)
        for one in sorted(everything, key=lambda one: -one.n):
            larger = next((k for k in kept if one.name in k.overlaps or k.name in one.overlaps), None)
            if larger is None:
                kept.append(one)
            else:
                size = "larger" if larger.n > one.n else "as large"
                left.append(LeftOut(one.name, f"shares patients with {larger.name}, which is {size}"))
        return cls(studies=tuple(one for one in everything if one in kept), left_out=tuple(left), **about)

    def by(self, names: Sequence[str]) -> dict[str, StudySet]:
        """The set in parts by one or several moderators, in the order of their first study.

        Raises:
            UserError: a moderator that no study gives.
        """
        parts: dict[str, list[Study]] = {}
        for one in self.studies:
            label = ", ".join(one.groups.get(name, "") or f"{name} not stated" for name in names)
            parts.setdefault(label, []).append(one)
        for name in names:
            if not any(one.groups.get(name) for one in self.studies):
                known = sorted({key for one in self.studies for key, value in one.groups.items() if value})
                raise UserError(f"found no study that gives {name!r}; needed one of {', '.join(known) or 'none'}")
        return {label: replace(self, studies=tuple(part), title=label, left_out=(), warnings=())
                for label, part in parts.items()}  # fmt: skip

    def without_memory(self) -> StudySet | None:
        """The set without counts written from memory; None where nothing, or everything, is."""
        read = tuple(one for one in self.studies if one.status != "memory")
        if not read or len(read) == len(self.studies):
            return None
        return replace(self, studies=read)

    @property
    def said(self) -> tuple[str, ...]:
        """All that limits the set: its own warnings, grading scales that differ, counts from memory."""
        scales = sorted({one.scale or "not stated" for one in self.studies})
        memory = [one.name for one in self.studies if one.status == "memory"]
        said = list(self.warnings)
        if len(scales) > 1:
            said.append(f"Graded on different scales: {', '.join(scales)}.")
        if memory:
            said.append(f"{len(memory)} of {len(self.studies)} counts were written from memory and not checked: "
                        f"{', '.join(memory)}.")  # fmt: skip
        return tuple(said)
