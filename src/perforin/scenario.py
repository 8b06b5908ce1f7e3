"""A scenario: one question as a file, checked line by line, with everything a study needs to answer it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import yaml
from numpy.typing import NDArray

from perforin.arms import Arm, DiseaseChoice, Given, Patients, Question, Redose, ReportOptions, Rescue
from perforin.distributions import Population, check_correlations
from perforin.endpoints.catalogue import HEADLINE, find
from perforin.errors import Location, UserError, nearest
from perforin.evidence.published import trials
from perforin.library import Library, Model, build_model, default_library, parameter_columns, targets
from perforin.nouns import Criteria, Product
from perforin.overriding import Change, Extrapolation, Layer
from perforin.scenario_file import find_scenario, scenario_names, set_at, with_base
from perforin.schedule import Amount, Day, DrugRow, amount, fits
from perforin.yaml_reader import Document, Strict, read_text, read_yaml, validated

__all__ = ["Given", "Rescue", "Scenario", "json_schema", "read_scenario", "scenario_names", "scenario_of"]

Array = NDArray[np.float64]

_EARLIEST = -90.0
"""Nothing is given earlier than this many days before the infusion."""


class Scenario(Strict):
    """One question: a disease, its patients, and arms that the same patients go through.

    Visits after the horizon do not take place. ``reference`` is the arm that others are compared with, the first if
    not named. ``libraries`` are folders of further nouns, beside the file or absolute; a folder ``library`` beside the
    file needs no mention. Frozen: ``with_changes`` gives another one.
    """

    id: str = ""
    title: str
    question: Question
    disease: DiseaseChoice
    patients: Patients = Patients()
    seed: int = pydantic.Field(1, ge=0)
    horizon: Day = 365.0
    visits: tuple[Day, ...] = (30.0, 90.0, 180.0, 270.0, 365.0)
    arms: dict[str, Arm]
    reference: str = ""
    endpoints: tuple[str, ...] = HEADLINE
    criteria: Criteria | None = None
    report: ReportOptions = ReportOptions()
    libraries: tuple[str, ...] = ()

    _document: Document = pydantic.PrivateAttr(Document("scenario", {}))
    _library: Library | None = pydantic.PrivateAttr(None)
    _models: dict[str, Model] = pydantic.PrivateAttr(default_factory=dict)

    @pydantic.field_validator("arms", mode="before")
    @classmethod
    def _some_arms(cls, arms: Any) -> Any:
        if not arms:
            raise ValueError("found no arm; needed at least one, such as 'arms: {mine: {product: ...}}'")
        return arms

    @pydantic.field_validator("endpoints")
    @classmethod
    def _known_endpoints(cls, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        for name in endpoints:
            try:
                find(name)
            except UserError as problem:
                raise ValueError(str(problem)) from None
        return endpoints

    @pydantic.field_validator("visits")
    @classmethod
    def _rising_visits(cls, visits: tuple[float, ...]) -> tuple[float, ...]:
        if not visits or visits[0] < 0 or any(b <= a for a, b in pairwise(visits)):
            raise ValueError(
                f"found the visits {list(visits)}; needed at least one day, from 0, each later than the last"
            )
        return visits

    @property
    def name(self) -> str:
        """Its ``id``, or the file's name without its ending."""
        return self.id or Path(self._document.file).stem

    @property
    def file(self) -> str:
        """Where it was read."""
        return self._document.file

    @property
    def library(self) -> Library:
        """Where its nouns are found."""
        return self._library or default_library()

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything it says but its name and where nouns are found."""
        text = json.dumps(self.model_dump(mode="json", exclude={"id", "libraries"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """YAML that reads back as this scenario, with what it extends and every change written out."""
        folders = [str(folder.resolve()) for folder in self.library.folders if folder not in default_library().folders]
        data = {"id": self.name, **self._document.data, **({"libraries": folders} if folders else {})}
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)

    @property
    def compared_with(self) -> str:
        """The arm that others are compared with."""
        return self.reference or next(iter(self.arms))

    @property
    def visit_days(self) -> tuple[float, ...]:
        """Visits that take place."""
        return tuple(day for day in self.visits if day <= self.horizon)

    @property
    def judged_by(self) -> Criteria:
        """Response criteria, the disease's if not named.

        Raises:
            UserError: neither names any.
        """
        found = self.criteria or self.library.disease(self.disease.use).criteria
        if found is None:
            raise UserError(
                "found no 'criteria', nor in the disease; needed lugano, recist, marrow or myeloma", self.at()
            )
        return found

    @property
    def population(self) -> Population:
        """Covariates of the disease and of this scenario."""
        return self.library.disease(self.disease.use).population.with_more(self.patients)

    def at(self, *keys: str | int) -> Location:
        """Where a key stands in the file."""
        return self._document.location(keys)

    def products(self, arm: str) -> dict[str, Product]:
        """The products of an arm by key."""
        chosen = self.arms[arm]
        keys = ("product",) if chosen.product else ("products",)
        return {
            key: self.library.product(name, self.at("arms", arm, *keys, key), chosen.process)
            for key, name in chosen.chosen.items()
        }

    def published(self, arm: str) -> tuple[str, ...]:
        """Trials shown beside an arm: its own list, else its products'."""
        own = self.arms[arm].published
        return own if own is not None else tuple(t for one in self.products(arm).values() for t in one.published)

    def lymphodepletion(self, arm: str) -> tuple[DrugRow, ...]:
        """Drugs given before the infusion."""
        given = self.arms[arm].lymphodepletion
        if isinstance(given, str):
            return self.library.regimen(given, self.at("arms", arm, "lymphodepletion")).drugs if given else ()
        return given

    def drugs(self, arm: str) -> tuple[str, ...]:
        """Every drug that a patient of this arm may get."""
        return self.arms[arm].drug_names(self.lymphodepletion(arm))

    def given(self, arm: str) -> tuple[Given, ...]:
        """Infusions and drugs with fixed days, in the order of the file."""
        out = []
        products = self.products(arm)
        for key, product in products.items():
            own = [row for row in self.arms[arm].schedule if row.product in ("", key)]
            out += [Given(key, row.times, row.amount, product.unit) for row in own or product.schedule]
        rows = (*self.lymphodepletion(arm), *self.arms[arm].drugs)
        out += [Given(row.drug, row.times, row.amount, self.library.drug_unit(row.drug)) for row in rows]
        return tuple(out)

    def rescue(self, arm: str) -> tuple[Rescue, ...]:
        """Drugs given against toxicity."""
        out = []
        for i, row in enumerate(self.arms[arm].rescue):
            where = self.at("arms", arm, "rescue", i)
            unit = self.library.drug_unit(row.drug, where)
            how_much = row.amount or self._usual(row.drug, where)
            out.append(Rescue(row.drug, how_much, unit, row.condition.toxicity, row.condition.grade))
        return tuple(out)

    def redose(self, arm: str) -> tuple[Redose, ...]:
        """Further doses that a patient's state calls for."""
        units = {key: product.unit for key, product in self.products(arm).items()}
        out = []
        for row in self.arms[arm].redose:
            key, until = row.product or next(iter(units)), self.horizon if row.until is None else row.until
            out.append(Redose(key, row.amount, units[key], *row.level, row.after, until, row.most))
        return tuple(out)

    def _usual(self, drug: str, where: Location) -> Amount:
        usual = getattr(self.library.find(f"drugs/{drug}").noun, "usual", "")
        if not usual:
            raise UserError(
                f"found no dose of {drug}; needed one, for example 'dose: 1 {self.library.drug_unit(drug)}'", where
            )
        return amount(usual)

    def changes(self, arm: str | None) -> tuple[Layer, ...]:
        """What the scenario sets, farthest first; ``None`` is the untreated patient."""

        def layer(name: str, numbers: Mapping[str, Any], *keys: str) -> Layer:
            rows = tuple(Change(key, number, str(self.at(*keys, key))) for key, number in numbers.items())
            return Layer(name, rows, scenario=True, anywhere=name == "disease")

        out = [layer("disease", self.disease.parameters, "disease", "parameters")]
        if arm is not None:
            out.append(layer(arm, self.arms[arm].parameters, "arms", arm, "parameters"))
        return tuple(out)

    def model(self, arm: str | None = None) -> Model:
        """The model of an arm, or of the untreated patient.

        Raises:
            UserError: names, units or numbers that do not fit.
        """
        chosen = self.arms[arm].model_dump(mode="json") if arm else {}
        key = json.dumps([self.disease.model_dump(mode="json"), arm, chosen], sort_keys=True)
        if key not in self._models:
            products = self.products(arm) if arm else {}
            drugs = self.drugs(arm) if arm else ()
            self._models[key] = build_model(
                self.disease.use, products, drugs, changes=self.changes(arm), library=self.library
            )
        model = self._models[key]
        middle = {name: one.quantile(np.array([0.5])) for name, one in self.population.covariates.items()}
        try:
            self.parameter_columns(model, middle)
        except UserError as problem:
            raise UserError(str(problem), self.at("patients", "covariates")) from None
        outside = self.extrapolations(arm) if arm else ()
        return replace(model, extrapolations=(*outside, *model.extrapolations))

    def models(self) -> dict[str, Model]:
        """The model of every arm, checked together.

        Raises:
            UserError: names, units or numbers that do not fit, or a covariate that acts on nothing in any arm.
        """
        models = {arm: self.model(arm) for arm in self.arms}
        for name, covariate in self.patients.covariates.items():
            for target in targets(covariate):
                known = {n for one in models.values() for n in (*one.network.parameter_names, *one.constants)}
                stems = {text.partition("[")[0] for text in known} | set(self.library.stems)
                if target.partition("[")[0] not in stems:
                    problem = (
                        f"found the covariate {name!r} for {target!r}, which is no parameter{nearest(target, stems)}"
                    )
                    raise UserError(problem, self.at("patients", "covariates", name))
        return models

    def parameter_columns(
        self, model: Model, columns: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Values in place of parameters, and factors on parameters, by the slot's name; see the library's function."""
        return parameter_columns(self.population.covariates, model, columns)

    def extrapolations(self, arm: str) -> tuple[Extrapolation, ...]:
        """What lies outside the range in which the numbers were found: the disease, a product's diseases and doses."""
        out = []
        disease = self.library.disease(self.disease.use)
        if disease.extrapolation:
            out.append(Extrapolation(self.disease.use, disease.extrapolation, str(self.at("disease"))))
        for key, product in self.products(arm).items():
            studied, where = product.studied, str(self.at("arms", arm))
            if studied.diseases and self.disease.use not in studied.diseases:
                message = f"{product.label} has been studied in {', '.join(studied.diseases)}, not in {disease.label}"
                out.append(Extrapolation(product.name, message, where))
            beyond = [studied.beyond(one.amount) for one in self.given(arm) if one.dose == key]
            out += [Extrapolation(product.name, f"{product.label}: {text}", where) for text in beyond if text]
        return tuple(dict.fromkeys(out))

    def with_changes(self, changes: Mapping[str, Any]) -> Scenario:
        """Another scenario with some keys set, such as ``{"patients.n": 100, "arms.nk.schedule.0.dose": "1e9 cell"}``.

        Raises:
            UserError: a path that leads nowhere, or a value that does not fit.
        """
        data, places = copy.deepcopy(self._document.data), dict(self._document.places)
        for path, value in changes.items():
            given = read_text(value, f"--set {path}").data if isinstance(value, str) else value
            keys = set_at(data, path, given)
            places[keys] = Location(f"--set {path}={value}", 1)
        return _scenario(Document(self._document.file, data, places), self.library, self._models)


def read_scenario(path_or_name: str | Path, library: Library | None = None) -> Scenario:
    """Read and check a scenario.

    Args:
        path_or_name: a file, or the name of a scenario that comes with perforin, such as ``cd19_b_all``. Nouns are
            also looked for in a folder ``library`` beside the file.
        library: where nouns are found instead.

    Raises:
        UserError: anything that does not fit, each with file:line, what was found and what was needed.
    """
    path = find_scenario(path_or_name)
    return _read(read_yaml(path), library, path.parent / "library")


def scenario_of(text: str) -> Scenario:
    """The scenario whose ``text`` this is; raises as ``read_scenario``."""
    return _read(read_text(text, "scenario.yaml"))


def _read(written: Document, library: Library | None = None, *beside: Path) -> Scenario:
    document, home = with_base(written, ()), Path(written.file).parent
    named = document.data.get("libraries") or []
    folders = [home / str(one) for one in (named if isinstance(named, list) else [named])]
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"found no folder {folder}; needed one with nouns", document.location(("libraries",)))
    return _scenario(document, library or default_library(*beside, *folders))


def _scenario(document: Document, library: Library, models: dict[str, Model] | None = None) -> Scenario:
    """``models`` are those composed before a change; the ones that it leaves as they were are taken from there."""
    scenario = validated(Scenario, document)
    scenario._document, scenario._library = document, library  # noqa: SLF001  its own reader
    scenario._models = {} if models is None else models  # noqa: SLF001
    for where, problem in _problems(scenario, library):
        raise UserError(problem, where)
    return scenario


def _problems(scenario: Scenario, library: Library) -> Iterator[tuple[Location, str]]:
    """What only the whole scenario and the library can tell."""
    library.disease(scenario.disease.use, scenario.at("disease", "use"))
    try:
        check_correlations(scenario.population)
    except UserError as problem:
        yield scenario.at("patients", "correlations"), f"patients.correlations: {problem}"
    if scenario.reference and scenario.reference not in scenario.arms:
        known = list(scenario.arms)
        wrong = f"found the reference {scenario.reference!r}; needed an arm"
        yield scenario.at("reference"), f"{wrong}, one of {known}{nearest(scenario.reference, known)}"
    if not scenario.visit_days:
        first = scenario.visits[0]
        yield (
            scenario.at("horizon"),
            f"found the horizon {scenario.horizon:g} day; needed one not before the first visit, day {first:g}",
        )
    for arm in scenario.arms:
        yield from _arm_problems(scenario, arm, library)


def _arm_problems(scenario: Scenario, arm: str, library: Library) -> Iterator[tuple[Location, str]]:
    known, rows = trials(), scenario.arms[arm]
    for i, trial in enumerate(rows.published or ()):
        if trial not in known:
            where = scenario.at("arms", arm, "published", i)
            yield where, f"found the trial {trial!r}; needed one of the library{nearest(trial, known)}"
    products = scenario.products(arm)
    for block in ("lymphodepletion", "drugs", "rescue"):
        listed = getattr(rows, block)
        for i, row in enumerate(listed if isinstance(listed, tuple) else ()):
            where = scenario.at("arms", arm, block, i, "drug")
            unit = library.drug_unit(row.drug, where)
            try:
                _ = row.amount is None or fits(row.amount, unit)
            except UserError as wrong:
                yield scenario.at("arms", arm, block, i, "dose"), f"arms.{arm}.{block}.{i}.dose: {wrong}"
    scenario.rescue(arm)
    given = scenario.given(arm)
    for product in (product for key, product in products.items() if all(one.dose != key for one in given)):
        missing = f"found no schedule for {product.name}; needed 'schedule: [{{day: 0, dose: ...}}]'"
        yield scenario.at("arms", arm), missing
    for one in given:
        first = 0.0 if one.dose in products else _EARLIEST
        for day in (day for day in one.days if not first <= day <= scenario.horizon):
            found = f"arms.{arm}: found a dose of {one.dose} on day {day:g}"
            problem = f"{found}; needed a day from {first:g} to {scenario.horizon:g}, the horizon"
            yield scenario.at("arms", arm, "schedule" if one.dose in products else "drugs"), problem


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors."""
    schema = Scenario.model_json_schema()
    more = {"extends": {"type": "string", "description": "Another scenario that this one changes."}}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**draft, **schema, "properties": {**more, **schema["properties"]}}
