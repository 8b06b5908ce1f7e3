"""The parts of a scenario: question, patients, and arms with what each patient of an arm may be given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pydantic

from perforin.distributions import Population
from perforin.errors import nearest
from perforin.nouns import Number
from perforin.schedule import Amount, DoseRow, DrugRow, RedoseRow, RescueRow
from perforin.yaml_reader import Strict

__all__ = ["Arm", "DiseaseChoice", "Given", "Patients", "Question", "Redose", "ReportOptions", "Rescue"]

_NAME = re.compile(r"[A-Za-z]\w*")
_RESERVED = ("patient",)


class Question(Strict):
    """What is asked and what the answer is used for, in the words of ICH M15."""

    question_of_interest: str
    context_of_use: str = "exploratory"
    model_influence: str = "low"
    decision_consequence: str = "low"

    @pydantic.model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"question_of_interest": given} if isinstance(given, str) else given


class DiseaseChoice(Strict):
    """A disease of the library and what this scenario changes in it."""

    use: str
    parameters: dict[str, Number] = pydantic.Field(default_factory=dict)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"use": given} if isinstance(given, str) else given


class Patients(Population):
    """How many virtual patients, and how they differ; covariates not named here are the disease's."""

    n: int = 500

    @pydantic.field_validator("n")
    @classmethod
    def _some(cls, n: int) -> int:
        if n < 1:
            raise ValueError(f"found {n} patients; needed at least 1")
        return n


class ReportOptions(Strict):
    """What the report holds beside the answer."""

    embed_data: bool = True
    note: str = ""


def _name_or_rows(given: Any) -> str:
    return "name" if isinstance(given, str) else "rows"


Lymphodepletion = Annotated[
    Annotated[str, pydantic.Tag("name")] | Annotated[tuple[DrugRow, ...], pydantic.Tag("rows")],
    pydantic.Discriminator(_name_or_rows),
]


class Arm(Strict):
    """What one group of the same patients is given; days are counted from the first infusion.

    ``product`` names one product, ``products`` several by key; an arm without either is not treated with cells.
    ``process`` says how the product is made, if not as its file does; ``network`` names a supply network whose slots,
    lines and stock the patients share.
    """

    label: str = ""
    product: str = ""
    products: dict[str, str] = pydantic.Field(default_factory=dict)
    schedule: tuple[DoseRow, ...] = ()
    lymphodepletion: Lymphodepletion = ()
    drugs: tuple[DrugRow, ...] = ()
    rescue: tuple[RescueRow, ...] = ()
    redose: tuple[RedoseRow, ...] = ()
    process: str = ""
    network: str = ""
    parameters: dict[str, Number] = pydantic.Field(default_factory=dict)
    published: tuple[str, ...] | None = None

    @property
    def chosen(self) -> Mapping[str, str]:
        """Products by the key that names their states and doses."""
        return {"product": self.product} if self.product else self.products

    def drug_names(self, regimen: tuple[DrugRow, ...]) -> tuple[str, ...]:
        """Every drug that a patient of this arm may get, once; ``regimen`` is the lymphodepletion."""
        timed = [row.drug for row in (*regimen, *self.drugs)]
        return tuple(dict.fromkeys([*timed, *(row.drug for row in self.rescue)]))

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Arm:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if self.product and self.products:
            yield "found 'product' and 'products'; needed one of them"
        for key in self.products:
            if not _NAME.fullmatch(key) or key in _RESERVED:
                yield f"found the product key {key!r}; needed a word of letters, digits and _, other than 'patient'"
        if self.schedule and not self.chosen:
            yield "found a schedule and no product; needed 'product: name'"
        for what in ("process", "network"):
            if getattr(self, what) and not self.chosen:
                yield f"found a {what} and no product; needed 'product: name'"
        for block, row in [("schedule", row) for row in self.schedule] + [("redose", row) for row in self.redose]:
            if row.product not in self.chosen and (row.product or len(self.chosen) != 1):
                keys = list(self.chosen)
                yield f"{block}: found the product {row.product!r}; needed one of {keys}{nearest(row.product, keys)}"


@dataclass(frozen=True)
class Given:
    """One thing given: ``dose`` names the network's entries, ``days`` count from the first infusion."""

    dose: str
    days: tuple[float, ...]
    amount: Amount
    unit: str


@dataclass(frozen=True)
class Rescue:
    """A drug given on the first day on which a toxicity reaches a grade."""

    dose: str
    amount: Amount
    unit: str
    toxicity: str
    grade: int


@dataclass(frozen=True)
class Redose:
    """A further dose of a product whenever an observable falls below a level, between two days, so often at most."""

    dose: str
    amount: Amount
    unit: str
    observable: str
    level: float
    unit_of_level: str
    after: float
    until: float
    most: int
