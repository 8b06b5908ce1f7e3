from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from perforin.errors import UserError
from perforin.evidence.parameters import Row
from perforin.library import Model, build_model
from perforin.making.process import read_process
from perforin.nouns import Drug, Number
from perforin.overriding import Change, Layer
from perforin.schedule import amount, fits
from perforin.shelf import default_library, discover
from toy_library import HEAD, ToyLibrary, write_library


@pytest.fixture
def library(tmp_path: Path) -> ToyLibrary:
    return write_library(tmp_path)


def model(library: ToyLibrary, *products: str, changes: tuple[Layer, ...] = ()) -> Model:
    made = {f"p{i}": library.product(name) for i, name in enumerate(products)}
    return build_model("lymphoma", made, changes=changes, library=library)


def row(found: Model, name: str) -> Row:
    return found.parameters.rows[found.parameters.names.index(name)]


def arm(product: str = "", anywhere: bool = False, **numbers: Number) -> tuple[Layer, ...]:
    changes = tuple(Change(name.replace("__", "."), number, "mine.yaml:7") for name, number in numbers.items())
    return (Layer("arm", changes, product, scenario=True, anywhere=anywhere),)


def test_a_model_is_the_union_of_what_its_nouns_bring(library: ToyLibrary) -> None:
    found = model(library, "quick19", "slow19")
    assert found.network.state_names == ("p0.effector", "p1.effector", "tumour[high]", "tumour[negative]")
    assert [e.dose for e in found.network.entries] == ["p0", "p1"]
    assert found.network.entries[0].factors == ("viability[p0]",)
    assert dict(found.network.clones) == {"tumour[high]": "positive", "tumour[negative]": "positive"}
    assert found.citations == ("Halle2016",)


def test_a_disease_composes_alone_and_nothing_is_killed(library: ToyLibrary) -> None:
    alone = model(library)
    killed = {level.name: level.expression for level in alone.network.levels}
    assert killed == {"killed[high]": 0, "killed[negative]": 0}
    assert "CD19[high]" not in alone.network.parameter_names, "no product reads the antigen"
    assert alone.constants["CD19[high]"].value == 15000


def test_cells_differ_by_rows_and_not_by_equations(library: ToyLibrary) -> None:
    quick, slow = model(library, "quick19"), model(library, "slow19")
    assert quick.network.hash == slow.network.hash
    assert (row(quick, "lysis.kills[p0]").value, row(slow, "lysis.kills[p0]").value) == (10, 6)


def test_the_row_of_a_member_beats_the_row_for_all(library: ToyLibrary) -> None:
    found = model(library)
    assert row(found, "tumour_growth.rate[negative]").value == 0.01
    assert row(found, "tumour_growth.rate[high]").value == 0.02


def test_the_nearest_noun_wins_and_its_line_is_kept(library: ToyLibrary) -> None:
    found = model(library, "quick19", "slow19")
    assert row(found, "viability[p0]").value == 0.9
    assert row(found, "viability[p1]").value == 0.8
    assert row(found, "viability[p1]").place == "cells/slow.yaml:5"


def test_a_factor_multiplies_the_row_beneath_in_its_own_product_only(library: ToyLibrary) -> None:
    found = model(library, "keen19", "slow19")
    keen = row(found, "recognition.half[p0]")
    assert (keen.value, keen.low, keen.high) == (200, 100, 500)
    assert keen.place == "edits/keener.yaml:3" and "0.1 times 2000" in keen.note
    assert row(found, "recognition.half[p1]").value == 2000


def test_every_layer_overrides_the_ones_beneath(tmp_path: Path) -> None:
    def kills(value: float) -> str:
        return f"parameters: {{lysis.kills: {{value: {value}, unit: 1/day, note: made up}}}}"

    product = "label: P\ncell: slow\nconstruct: cd19\npayloads: [gene]\nedits: [keener]"
    order = [
        ("diseases__lymphoma", None, 3.0),
        ("cells__slow", "label: S\nincludes: [cells/killer]\nkeys: {cell: T}", 4.0),
        ("constructs__cd19", "label: C\nwords: {target: CD19}", 5.0),
        ("payloads__gene", "label: G", 7.0),
        ("edits__keener", "label: E", 8.0),
        ("products__slow19", product, 9.0),
    ]
    texts = {"payloads__gene": "label: G", "edits__keener": "label: E", "products__slow19": product}
    for name, text, value in order:
        base = text or (write_library(tmp_path).folders[0] / "diseases/lymphoma.yaml").read_text()
        block = kills(value) if text else f"parameters:\n  lysis.kills: {{value: {value}, unit: 1/day, note: made up}}"
        texts[name] = base.replace("parameters:", block, 1) if not text else f"{base}\n{block}"
        found = model(write_library(tmp_path / name, **texts), "slow19")
        assert row(found, "lysis.kills[p0]").value == value, name
    found = model(
        write_library(tmp_path / "arm", **texts), "slow19", changes=arm(lysis__kills=Number(value=12, unit="1/day"))
    )
    assert row(found, "lysis.kills[p0]").value == 12


def test_an_override_is_converted_and_keeps_the_spread_between_patients(library: ToyLibrary) -> None:
    found = model(library, "slow19", changes=arm(lysis__kills=Number(value=0.5, unit="1/hour", note="x")))
    changed = row(found, "lysis.kills[p0]")
    assert changed.value == pytest.approx(12) and changed.unit == "1/day"
    assert changed.between_patient_cv == 0.4 and changed.place == "mine.yaml:7"


def test_a_value_outside_the_range_is_flagged_and_not_refused(library: ToyLibrary) -> None:
    inside = model(library, "slow19", changes=arm(lysis__kills=Number(value=15, unit="1/day")))
    outside = model(library, "slow19", changes=arm(lysis__kills=Number(value=40, unit="1/day")))
    assert not inside.extrapolations
    assert [str(one) for one in outside.extrapolations] == [
        f"lysis.kills = 40 1/day lies outside 2 to 16 1/day, the range of {library.folders[0].name}/toy.csv:4"
    ]
    assert row(outside, "lysis.kills[p0]").value == 40


@pytest.mark.parametrize(
    "name, number, message",
    [
        ("lysis__kils", Number(value=1, unit="1/day"), "no parameter of this model; did you mean 'lysis.kills'?"),
        ("burdn", Number(value=1, unit="cell"), "no parameter of this model; did you mean 'burden'?"),
        ("lysis__kills", Number(value=1, unit="cell"), r"found a value in \[.*\]; needed \[1 / d\]"),
        ("lysis__kills", Number(value=1), r"found lysis.kills 1 with no unit; needed \[1 / d\], for example '1 1/day'"),
        ("washout__rate", Number(value=1, unit="1/day"), "no parameter of this model"),
    ],
)
def test_an_override_that_fits_nothing_is_refused_with_its_line(
    library: ToyLibrary, name: str, number: Number, message: str
) -> None:
    with pytest.raises(UserError, match=message) as problem:
        model(library, "slow19", changes=arm(**{name: number}))
    assert "mine.yaml:7" in str(problem.value)


def test_an_override_of_the_disease_may_concern_another_arm(library: ToyLibrary) -> None:
    changes = arm(anywhere=True, lysis__kills=Number(value=5, unit="1/day"))
    assert "lysis.kills" not in str(model(library, changes=changes).network.parameter_names)
    with pytest.raises(UserError, match="did you mean"):
        model(library, changes=arm(anywhere=True, tumour_grwth__rate=Number(value=5, unit="1/day")))


def test_a_mechanism_that_two_nouns_place_alike_is_placed_once(tmp_path: Path) -> None:
    again = "label: A\nincludes: [cells/killer, cells/killer]\nkeys: {cell: T}\nmechanisms:\n"
    again += '  - recognition: {density: "$target[class]", signal: "signal[class]"}\n'
    twice = model(write_library(tmp_path, cells__slow=again), "slow19")
    once = model(write_library(tmp_path / "once"), "slow19")
    assert twice.network.hash == once.network.hash


def test_a_noun_can_speak_of_a_mechanism_that_this_model_lacks(tmp_path: Path) -> None:
    edit = "label: E\nparameters: {washout.rate: {times: 2, note: made up}}"
    found = model(write_library(tmp_path, edits__keener=edit), "keen19")
    assert found.idle == ("edits/keener changes washout.rate, which this model does not have (edits/keener.yaml:2)",)


def test_a_disease_takes_the_patients_and_criteria_of_what_it_includes(tmp_path: Path) -> None:
    texts = {
        "hosts__adult": "label: A\npopulation: {covariates: {age: {distribution: constant, value: 60 year}}}",
        "diseases__late": (
            "label: Late\nincludes: [hosts/adult, diseases/lymphoma]\n"
            "population: {covariates: {weight: {distribution: constant, value: 70 kg}}}"
        ),
    }
    late = write_library(tmp_path, **texts).disease("late")
    assert late.criteria == "lugano" and set(late.population.covariates) == {"age", "weight", "burden"}
    assert late.population.covariates["weight"].distribution == "constant", "the nearest one wins"
    assert late.population.correlations == (("weight", "burden", 0.2),)


@pytest.mark.parametrize(
    "changed, message",
    [
        (
            {"products__slow19": "label: P\ncell: slw\nconstruct: cd19"},
            "slow19.yaml:2: found the cell 'slw'; .*did you mean 'slow'",
        ),
        (
            {"cells__slow": "label: P\nincludes: [cells/kiler]"},
            r"slow.yaml:2: found the cell 'kiler'.*did you mean 'killer'",
        ),
        ({"cells__slow": "label: P\nincludes: [cell/killer]"}, "needed 'kind/name'.*did you mean 'cells'"),
        (
            {"cells__slow": "label: P\nincludes: [cells/slow]"},
            "nouns that include each other: cells/slow -> cells/slow",
        ),
        (
            {"cells__slow": "label: P\nmechanisms: [lisis]"},
            r"slow.yaml:2: found the mechanism 'lisis'.*did you mean 'lysis'",
        ),
        ({"cells__slow": "label: P\nmechanisms: [{lysis: {}, washout: {}}]"}, "needed one mechanism an item"),
        (
            {"cells__slow": "label: P\nmechansms: []"},
            "slow.yaml:2: found the unknown key 'mechansms'.*did you mean 'mechanisms'",
        ),
        (
            {"cells__slow": "label: P\nkeys: {celll: T}"},
            "slow.yaml:2: keys: found the row key 'celll'.*did you mean 'cell'",
        ),
        (
            {"cells__slow": "label: P\nparameters: {a: {value: 1, times: 2}}"},
            "slow.yaml:2: parameters.a: found both or none",
        ),
        (
            {"cells__slow": "label: P\nparameters: {lysis.kils: {times: 2}}"},
            "cells/slow.yaml:2: found 'lysis.kils'.*'lysis.kills'",
        ),
        (
            {"cells__slow": "label: P\nparameters: {a: {value: x}}"},
            "slow.yaml:2: parameters.a.value: found 'x'; needed a valid number",
        ),
        (
            {"constructs__cd19": "label: C\nwords: {tarket: CD19}"},
            r"found \$target; needed one of \['tarket'\]; did you mean 'tarket'",
        ),
        ({"constructs__cd19": "label: C\nwords: {target: CD18}"}, "reads 'CD18.*did you mean 'CD19"),
        ({"constructs__cd19": "- just\n- a list"}, "found no mapping"),
        ({"products__slow19": "label: P\nconstruct: cd19"}, "found no 'cell'; needed one"),
        (
            {"cells__slow": "label: P\nfamilies: {x: [a, b]}\nincludes: [cells/killer]"},
            "slow.yaml:2: found families in a product's noun",
        ),
    ],
)
def test_a_bad_noun_is_refused_with_its_line(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    library = write_library(tmp_path, **changed)
    with pytest.raises(UserError, match=f"(?s){message}"):
        model(library, "slow19")


def test_a_number_without_a_source_needs_a_note(tmp_path: Path) -> None:
    measured = (
        "label: S\nincludes: [cells/killer]\nkeys: {cell: T}\nparameters: {viability: {value: 0.8, kind: measured}}"
    )
    with pytest.raises(UserError, match="found no source for a measured number"):
        model(write_library(tmp_path, cells__slow=measured), "slow19")


def test_two_folders_with_one_noun_are_refused(tmp_path: Path) -> None:
    one, two = write_library(tmp_path / "one"), write_library(tmp_path / "two")
    with pytest.raises(UserError, match="found slow19 twice"):
        ToyLibrary((*one.folders, *two.folders)).product("slow19")


def test_a_product_knows_its_process_and_price(library: ToyLibrary) -> None:
    quick, slow = library.product("quick19"), library.product("slow19")
    assert (quick.starting_material, slow.starting_material) == ("donor_bank", "patient")
    assert slow.price is not None and (slow.price.value, slow.price.unit) == (399000, "USD")
    assert library.product("slow19", process="stocked").starting_material == "donor_bank"
    with pytest.raises(UserError, match=r"found the process 'stoked'.*did you mean 'stocked'"):
        library.product("slow19", process="stoked")


def module(folder: Path, name: str, table: str = "") -> ModuleType:
    code = (
        "from perforin.model.mechanism import Flow, mechanism\nfrom perforin.units import Cells, PerDay\n"
        "@mechanism()\ndef decay(cells: Cells, *, rate: PerDay):\n    'Fades.'\n"
        "    yield Flow('loss', rate * cells, source=cells)\n"
    )
    (folder / f"{name}.py").write_text(code)
    if table:
        (folder / f"{name}.csv").write_text(table)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_mechanisms_are_found_with_the_table_beside_them(tmp_path: Path) -> None:
    table = f"{HEAD}\ndecay.rate,,,,2,1/day,1,3,0,,assumed,assumed,,,made up\n"
    verbs, rows = discover([module(tmp_path, "fading", table)])
    assert list(verbs) == ["decay"] and verbs["decay"].parameters == {"rate": "1/day"}
    assert [row.value for row in rows["decay.rate"]] == [2]


def test_two_mechanisms_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"found two mechanisms called 'decay', one.py:3 and two.py:3"):
        discover([module(tmp_path, "one"), module(tmp_path, "two")])


def test_a_plug_in_brings_a_folder_of_nouns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "mine.yaml").write_text("label: Mine")
    given: list[object] = [tmp_path]

    class Entry:
        name = "mine"

        def load(self) -> object:
            return given[0]

    monkeypatch.setattr("perforin.shelf.entry_points", lambda group: [Entry()])
    assert "mine" in default_library().names("cells")
    given[0] = 3
    with pytest.raises(
        UserError, match=r"found the plug-in 'mine' of perforin.library with 3; needed a module or a folder"
    ):
        default_library()


def test_a_product_with_other_parts_is_another_model(library: ToyLibrary) -> None:
    keen = replace(library.product("slow19"), edits=("keener",))
    found = build_model("lymphoma", {"p0": keen}, library=library)
    assert row(found, "recognition.half[p0]").value == 200


def test_every_process_of_the_library_can_be_read() -> None:
    library = default_library()
    made = {name: read_process(name, *library.process(name)) for name in library.names("processes")}
    assert made["autologous_central"].waiting.median.value == 24
    assert made["autologous_slow"].waiting.median.value == 54
    assert made["off_the_shelf_frozen"].starting_material == "donor_bank"
    assert made["autologous_slow"].failure.value > made["autologous_central"].failure.value


def test_every_product_of_the_library_names_parts_that_exist() -> None:
    library = default_library()
    products = [library.product(name) for name in library.names("products")]
    assert len(products) >= 15
    for product in products:
        assert library.gather(product.noun.parts)
        assert product.process and product.price is not None and product.schedule


def test_every_drug_and_regimen_of_the_library_is_given_in_the_drugs_own_unit() -> None:
    library = default_library()
    for name in library.names("drugs"):
        noun = library.find(f"drugs/{name}").noun
        assert isinstance(noun, Drug)
        assert fits(amount(noun.usual), library.drug_unit(name)) in ("", "kg", "m**2"), name
    for name in library.names("regimens"):
        for row in library.regimen(name).drugs:
            assert fits(row.amount, library.drug_unit(row.drug)) in ("", "kg", "m**2"), name
            assert max(row.times) < 0, "given before the infusion"
