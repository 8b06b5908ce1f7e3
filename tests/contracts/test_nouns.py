"""What the library's nouns promise once they are joined: every product composes, every row serves, claims hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from perforin.kernels.build import Kernel, build
from perforin.library import Library, Model, build_model, default_library
from perforin.making.batch.culture import culture_rows
from perforin.making.process import read_process
from perforin.model.network import Network
from perforin.patients.doses import Administration, doses_for

LIBRARY = default_library()
CONDITIONING = ("fludarabine", "cyclophosphamide")
FOR_ALL = (
    *CONDITIONING, "alemtuzumab", "tocilizumab", "steroid", "anakinra", "anti_pd1", "monalizumab", "chemotherapy",
    "il15_agonist",
)  # fmt: skip
ANTIBODIES = {"CD20": "rituximab", "HER2": "trastuzumab", "EGFR": "cetuximab"}
CAR_T, CAR_NK, BARE_NK = "car19_cd28z_autologous", "cb_car19_il15", "cb_car19"
TARGETS = {name: LIBRARY.find(f"constructs/{name}").noun.words["target"] for name in LIBRARY.names("constructs")}


def antigens(disease: str) -> set[str]:
    """Antigens for which a disease states a density on every class."""
    stated = LIBRARY.disease(disease).parameters
    return {name.partition("[")[0] for name in stated if name.endswith("[high]")} - {"share"}


def antibodies(disease: str) -> list[str]:
    stated = {name.partition("[")[0] for name in LIBRARY.disease(disease).parameters if name.endswith("[tumour]")}
    return [drug for antigen, drug in ANTIBODIES.items() if antigen in stated]


@cache
def composed(disease: str, product: str | None, drugs: tuple[str, ...] = FOR_ALL) -> Model:
    return build_model(disease, {"graft": LIBRARY.product(product)} if product else {}, drugs)


def pairs() -> list[tuple[str, str]]:
    """Every product with every disease that carries its antigen."""
    out = []
    for product in LIBRARY.names("products"):
        construct = LIBRARY.product(product).construct
        out += [(disease, product) for disease in LIBRARY.names("diseases") if TARGETS[construct] in antigens(disease)]
    return out


def one_disease_each() -> list[tuple[str, str]]:
    """Every product once, taking turns among the diseases that carry its antigen."""
    by_product: dict[str, list[str]] = {}
    for disease, product in pairs():
        by_product.setdefault(product, []).append(disease)
    return [(diseases[i % len(diseases)], product) for i, (product, diseases) in enumerate(by_product.items())]


def with_parts(folder: Path, cell: str, **parts: object) -> Library:
    (folder / "products").mkdir(parents=True)
    text = {"label": "made for a test", "cell": cell, **parts}
    (folder / "products" / "variant.yaml").write_text(yaml.safe_dump(text))
    return default_library(folder)


KERNELS: dict[int, tuple[Network, Kernel]] = {}


def interpreted(network: Network) -> Kernel:
    if id(network) not in KERNELS:
        KERNELS[id(network)] = network, build(network, backend="interpreted")
    return KERNELS[id(network)][1]


def course(
    model: Model,
    days: Sequence[float],
    cells: float,
    changes: Mapping[str, float] | None = None,
    drugs: Sequence[tuple[str, float, float]] = (),
    condition: bool = True,
) -> dict[str, NDArray[np.float64]]:
    """Observables and levels of one central patient; ``changes`` set parameters by the beginning of their name."""
    network, numbers = model.network, model.parameters.values[None, :].copy()
    for start, value in (changes or {}).items():
        chosen = [i for i, name in enumerate(network.parameter_names) if name == start or name.startswith(f"{start}[")]
        assert chosen, start
        numbers[0, chosen] = value
    given = [("graft", 0.0, cells)] if cells else []
    if condition:
        given += [("fludarabine", day, 30.0) for day in (-5, -4, -3)]
        given += [("cyclophosphamide", day, 300.0) for day in (-5, -4, -3)]
    rows = [Administration(name, np.array([float(day)]), np.array([amount])) for name, day, amount in [*given, *drugs]]
    kernel = interpreted(network)
    doses = doses_for(network, rows, numbers)
    solved = kernel.run(numbers, network.start(numbers), doses, np.asarray(days, float), begin=-6.0)
    assert solved.status[0] == 0, solved.reasons
    found = {name: solved.values[0, :, i] for i, name in enumerate(kernel.outputs)}
    return found | {name: found[target] for name, target, _ in network.observables}


@pytest.mark.parametrize("disease,product", one_disease_each())
def test_every_product_composes_where_its_antigen_is(disease: str, product: str) -> None:
    model = composed(disease, product, (*FOR_ALL, *antibodies(disease)))
    observed = {row[0] for row in model.network.observables}
    assert {row[0] for row in composed(disease, None, ()).network.observables} == observed
    assert dict(model.network.clones).keys() == {f"tumour[{c}]" for c in ("negative", "low", "medium", "high")}
    assert "waiting.attrition" in model.constants


@pytest.mark.slow
@pytest.mark.parametrize("disease,product", pairs())
def test_every_product_composes_in_every_disease_that_carries_its_antigen(disease: str, product: str) -> None:
    assert len(composed(disease, product, CONDITIONING).network.states) > 45


@pytest.mark.parametrize("disease", LIBRARY.names("diseases"))
def test_an_untreated_patient_stays_as_they_were_but_for_the_tumour(disease: str) -> None:
    days = [0.0, 60.0]
    seen = course(composed(disease, None, ()), days, 0.0, condition=False)
    for name in ("host_t", "host_nk", "neutrophils", "healthy_fraction", "il15", "il7", "il6"):
        assert seen[name][1] == pytest.approx(seen[name][0], rel=0.05), name
    assert seen["tumour_burden"][1] > 1.2 * seen["tumour_burden"][0]
    assert seen["product_blood"][1] == seen["organ_injury"][1] == seen["kill_by_car"][1] == 0


def test_every_row_of_every_table_wins_somewhere(tmp_path: Path) -> None:
    variants = {
        "lbcl": with_parts(tmp_path / "a", "nk_peripheral", construct="cd19_41bbz", payloads=["antibody_secreted"]),
        "cldn18_solid": with_parts(tmp_path / "b", "nk_ipsc", construct="cldn18_cd28z", payloads=["protease"],
                                   edits=["tgfbr2_dominant_negative"]),
        "aml": with_parts(tmp_path / "c", "nk_cord_blood", construct="cd33_not_emcn_2b4z"),
        "her2_solid": with_parts(tmp_path / "d", "t_autologous", construct="her2_and_egfr_cd28z"),
    }  # fmt: skip
    models = [composed(disease, product, (*FOR_ALL, *antibodies(disease))) for disease, product in one_disease_each()]
    models += [build_model(d, {"graft": its.product("variant")}, library=its) for d, its in variants.items()]
    used = {row.place for model in models for row in model.parameters.rows}
    processes = [read_process(name, *LIBRARY.process(name)) for name in LIBRARY.names("processes")]
    used |= {row.place for one in processes if one.batch for row in culture_rows(one.batch).values()}
    idle = {row.place for rows in LIBRARY.tables.values() for row in rows} - used
    assert not idle


@cache
def unedited(folder: Path, cell: str) -> Model:
    its = with_parts(folder / cell, cell, construct="cd19_41bbz")
    return build_model("lbcl", {"graft": its.product("variant")}, library=its)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unedited")


@pytest.mark.parametrize("edit", LIBRARY.names("edits"))
def test_every_edit_changes_the_cell_it_is_made_for(edit: str, tmp_path: Path, shared: Path) -> None:
    cell = "t_allogeneic" if edit in ("tcr_knockout", "cd52_knockout") else "nk_cord_blood"
    its = with_parts(tmp_path, cell, construct="cd19_41bbz", edits=[edit])
    edited, bare = build_model("lbcl", {"graft": its.product("variant")}, library=its), unedited(shared, cell)
    more = len(edited.network.parameters) > len(bare.network.parameters)
    assert more or not np.array_equal(edited.parameters.values, bare.parameters.values)


def test_either_of_two_antigens_is_enough_and_one_alone_leaves_a_way_out(tmp_path: Path) -> None:
    killed = {}
    for construct in ("cd19_41bbz", "cd19_or_cd22_41bbz"):
        its = with_parts(tmp_path / construct, "t_autologous", construct=construct)
        model = build_model("b_all", {"graft": its.product("variant")}, CONDITIONING, library=its)
        killed[construct] = course(model, [7.0], 1e8)["graft.kill[negative]"][0]
    assert killed["cd19_41bbz"] == 0
    assert killed["cd19_or_cd22_41bbz"] > 0.5


def test_recognition_by_density_is_blind_to_lost_antigen_and_recognition_by_balance_is_not() -> None:
    blind = course(composed("lbcl", CAR_T, CONDITIONING), [7.0], 1e8)
    sighted = course(composed("lbcl", CAR_NK, CONDITIONING), [7.0], 1e8, {"stress_ligand.baseline": 2.0})
    assert blind["graft.kill[negative]"][0] == 0
    assert sighted["graft.kill[negative]"][0] > 0.02
    assert blind["kill_by_innate"][0] == 0 < sighted["kill_by_innate"][0]


def test_the_kills_of_one_day_are_the_same_by_arm_and_by_receptor() -> None:
    seen = course(composed("lbcl", CAR_NK, CONDITIONING), [1.0, 7.0, 20.0], 8e8)
    by_arm = seen["kill_granule"] + seen["kill_death_receptor"]
    by_receptor = seen["kill_by_car"] + seen["kill_by_innate"] + seen["kill_by_antibody"]
    assert by_arm == pytest.approx(by_receptor, rel=1e-9)
    assert (by_arm > 1e7).all()


def test_half_of_the_antigen_never_drives_more_expansion() -> None:
    model = composed("lbcl", CAR_T, CONDITIONING)
    halved = {f"CD19[{c}]": v / 2 for c, v in (("low", 600), ("medium", 4000), ("high", 15000), ("healthy", 14000))}
    days = np.arange(0.0, 15.0)
    full, half = (course(model, days, 1e8, changes)["product_total"].max() for changes in ({}, halved))
    assert half < full


def test_lymphodepletion_raises_interleukin_15_and_the_peak() -> None:
    model, days = composed("lbcl", CAR_T, CONDITIONING), np.arange(0.0, 25.0)
    bare, conditioned = (course(model, days, 1e8, condition=c) for c in (False, True))
    assert conditioned["il15"].max() > 2.5 * bare["il15"].max()
    assert conditioned["product_blood"].max() > 1.2 * bare["product_blood"].max()
    assert conditioned["product_blood"].argmax() < bare["product_blood"].argmax()
    assert conditioned["neutrophils"].min() < 1500 < bare["neutrophils"].min()


def test_a_gene_for_interleukin_15_prolongs_persistence() -> None:
    with_gene, without = (
        course(composed("lbcl", p, CONDITIONING), [28.0], 8e8)["product_blood"][0] for p in (CAR_NK, BARE_NK)
    )
    assert with_gene > 10 * without


def test_without_hla_class_1_the_graft_is_lost_sooner_unless_cloaked() -> None:
    model = composed("lbcl", CAR_NK, CONDITIONING)
    bare, cloaked = (
        course(model, [21.0], 8e8, {"hidden": 1.0, "cloak": c})["product_total"][0] for c in (0.0, 1.0)
    )
    assert bare < 0.6 * cloaked
    assert course(model, [28.0], 8e8)["product_total"][0] < course(model, [28.0], 8e8, {"hidden": 1.0, "cloak": 1.0})[
        "product_total"
    ][0]


def test_cutting_the_receptor_of_donor_cells_out_ends_graft_versus_host_injury() -> None:
    model = composed("lbcl", "car19_allogeneic_edited", CONDITIONING)
    injured, spared = (course(model, [14.0], 1e8, {"alloreactivity": a})["graft_injury"][0] for a in (1.0, 0.0))
    assert injured > 0.3
    assert spared == 0
    assert course(composed("lbcl", CAR_NK, CONDITIONING), [14.0], 8e8)["graft_injury"][0] == 0


def test_tocilizumab_raises_serum_interleukin_6_and_spares_the_endothelium() -> None:
    model, days = composed("lbcl", CAR_T, (*CONDITIONING, "tocilizumab")), np.arange(0.0, 20.0)
    alone, treated = (course(model, days, 1e8, drugs=d) for d in ((), (("tocilizumab", 5.0, 600.0),)))
    assert treated["il6"].max() > alone["il6"].max()
    assert treated["il6_signal"][8:].max() < 0.5 * alone["il6_signal"][8:].max()
    assert treated["endothelial_injury"].max() < alone["endothelial_injury"].max()


@pytest.mark.parametrize("product", [CAR_T, CAR_NK])
def test_an_antibody_never_hinders_the_product(product: str) -> None:
    model = composed("lbcl", product, (*CONDITIONING, "rituximab"))
    alone, together = (course(model, [14.0], 8e8, drugs=d) for d in ((), (("rituximab", 0.0, 700.0),)))
    assert together["tumour_burden"][0] < alone["tumour_burden"][0]
    assert (together["kill_by_antibody"][0] > 0) == (product == CAR_NK)


def test_tgf_resistance_and_chemotherapy_help_in_a_solid_tumour() -> None:
    plain, edited = (
        course(composed("her2_solid", p, CONDITIONING), [28.0], 1e9)["tumour_burden"][0]
        for p in ("her2_car_nk", "her2_car_nk_tgfb_resistant")
    )
    assert edited < plain
    model = composed("her2_solid", "her2_car_nk", (*CONDITIONING, "chemotherapy"))
    treated = course(model, [28.0], 1e9, drugs=(("chemotherapy", 3.0, 100.0),))
    assert treated["tumour_burden"][0] < plain
    assert treated["host_nk"][0] > 0


def test_healthy_tissue_is_lost_to_a_reader_of_density_and_spared_by_a_reader_of_balance() -> None:
    seen = {p: course(composed("lbcl", p, CONDITIONING), [28.0], 1e8)["healthy_fraction"][0] for p in (CAR_T, BARE_NK)}
    assert seen[CAR_T] < 0.05
    assert seen[BARE_NK] > 0.5


def test_two_products_are_given_to_one_patient() -> None:
    both = {"first": LIBRARY.product(CAR_T), "second": LIBRARY.product(CAR_NK)}
    network = build_model("lbcl", both, CONDITIONING).network
    names = set(network.state_names)
    assert {"first.effector[blood]", "second.effector[blood]", "second.adaptive[blood]", "host_t"} <= names
    assert "first.adaptive[blood]" not in names
    assert {entry.dose for entry in network.entries} >= {"first", "second", *CONDITIONING}


def test_composing_twice_gives_the_same_network() -> None:
    again = build_model("lbcl", {"graft": LIBRARY.product(CAR_NK)}, tuple(reversed(FOR_ALL)))
    assert replace(again.network, citations=()).hash == replace(composed("lbcl", CAR_NK).network, citations=()).hash
