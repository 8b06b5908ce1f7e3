"""What the other side of an indirect comparison publishes: baseline covariates and outcomes, as summaries."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pydantic

from perforin.errors import UserError, nearest
from perforin.yaml_reader import Strict, read_yaml, validated

__all__ = ["Aggregate", "Covariate", "Outcome", "read_aggregate"]


class Covariate(Strict):
    """One line of a baseline table: a mean with its standard deviation, a median, or the share that has a trait."""

    covariate: str
    mean: float | None = pydantic.Field(default=None, allow_inf_nan=False)
    sd: float | None = pydantic.Field(default=None, gt=0, allow_inf_nan=False)
    median: float | None = pydantic.Field(default=None, allow_inf_nan=False)
    share: float | None = pydantic.Field(default=None, ge=0, le=1)
    unit: str = ""
    source: str = ""
    locator: str = ""
    status: Literal["", "read", "memory", "derived"] = ""

    @pydantic.model_validator(mode="after")
    def _one_number(self) -> Covariate:
        if sum(given is not None for given in (self.mean, self.median, self.share)) != 1:
            raise ValueError("found none or several of mean, median and share; needed one")
        if self.sd is not None and self.mean is None:
            raise ValueError("found a standard deviation without a mean; needed both")
        return self


class Outcome(Strict):
    """An outcome counted in patients (``events`` of ``n``), or a digitised curve (files beside this one)."""

    endpoint: str
    events: int | None = pydantic.Field(default=None, ge=0)
    n: int | None = pydantic.Field(default=None, ge=1)
    curve: str = ""
    at_risk: str = ""
    source: str = ""
    locator: str = ""
    status: Literal["", "read", "memory", "derived"] = ""

    @pydantic.model_validator(mode="after")
    def _counted_or_drawn(self) -> Outcome:
        if (self.events is None) == (not self.curve):
            raise ValueError("found none or both of events and curve; needed one")
        if self.events is not None and (self.n is None or self.events > self.n):
            raise ValueError(f"found {self.events} events of {self.n}; needed at most the patients")
        return self


class Aggregate(Strict):
    """A published cohort as its paper sums it up."""

    label: str
    source: str = ""
    baseline: tuple[Covariate, ...] = ()
    outcomes: tuple[Outcome, ...]
    folder: str = ""

    @pydantic.model_validator(mode="after")
    def _each_once(self) -> Aggregate:
        for names in ([one.covariate for one in self.baseline], [one.endpoint for one in self.outcomes]):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"found {twice[0]} twice; needed it once")
        return self

    def outcome(self, endpoint: str) -> Outcome:
        """One outcome.

        Raises:
            UserError: it is not published here.
        """
        known = {one.endpoint: one for one in self.outcomes}
        if endpoint not in known:
            hint = nearest(endpoint, known)
            raise UserError(f"found no {endpoint!r} of {self.label}; needed one of {', '.join(known)}{hint}")
        return known[endpoint]


def read_aggregate(path: str | Path) -> Aggregate:
    """Read a YAML file with label, baseline and outcomes.

    Raises:
        UserError: an unknown key, more events than patients, a covariate twice (file:line).
    """
    found = validated(Aggregate, read_yaml(path))
    return found.model_copy(update={"folder": str(Path(path).parent)})
