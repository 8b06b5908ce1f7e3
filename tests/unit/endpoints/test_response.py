"""Each category of each set of criteria on patients made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import estimate
from perforin.endpoints.criteria import responses
from perforin.endpoints.response import relapses, response_counts
from perforin.errors import UserError
from unit.endpoints.hand_made import arm_of, once, visits

DAYS = (0.0, 30.0, 60.0, 90.0)


def series(*values: float) -> dict[float, float]:
    return {day: value for day, value in zip(DAYS, values, strict=False) if not np.isnan(value)}


def lymphoma(
    nodes: dict[int, tuple[float, ...]], new: dict[int, tuple[float, ...]] | None = None, **rules: object
) -> Arm:
    """Four like nodes of the given diameters [mm] at the visits."""
    found = {who: series(*sizes) for who, sizes in nodes.items()}
    return arm_of(
        visits("sum_longest_diameters", {w: {d: 4 * x for d, x in s.items()} for w, s in found.items()}),
        visits("sum_product_diameters", {w: {d: 4 * (x / 10) ** 2 for d, x in s.items()} for w, s in found.items()}),
        visits("new_lesion", {who: series(*shown) for who, shown in (new or {}).items()}),
        **rules,
    )


def categories(arm: Arm) -> dict[int, list[str]]:
    found = responses(arm)
    assert found is not None
    names = [*found.categories, "NE"]
    return {int(who): [names[code] for code in row] for who, row in zip(found.subjects, found.codes, strict=True)}


def test_lugano_knows_every_category() -> None:
    arm = lymphoma({
        1: (30, 15.0, 15.0),  # every node at 15 mm
        2: (30, 21.2, 21.2),  # products down by half (21.2 squared is 449.4 of 900)
        3: (30, 21.3, 21.3),  # just not
        4: (30, 25, 36.0),  # products more than doubled from the nadir, 11 mm more
        5: (18, 16, 19.7),  # products up by half but only 3.7 mm
        6: (18, 16, 21.1),  # and 5.1 mm
        7: (30, np.nan, 10.0),
        8: (12, 11, 0.0),  # not measurable at baseline: complete only when gone
        9: (30, 12.0, 40.0, 12.0),  # after progression nothing counts
    })  # fmt: skip
    found = categories(arm)
    assert found[1] == ["CR", "CR", "NE"]
    assert found[2][0] == "PR"
    assert found[3][0] == "SD"
    assert found[4] == ["SD", "PD", "PD"]
    assert found[5][1] == "SD"
    assert found[6] == ["SD", "PD", "PD"]
    assert found[7][:2] == ["NE", "CR"]
    assert found[8][:2] == ["SD", "CR"]
    assert found[9] == ["CR", "PD", "PD"]


def test_a_larger_node_must_grow_by_ten_millimetres() -> None:
    found = categories(lymphoma({1: (30, 25, 33), 2: (30, 25, 35.5)}))
    assert found[1] == ["SD", "SD"]
    assert found[2][1] == "PD"


def test_a_new_lesion_is_progression_whatever_the_nodes_do() -> None:
    found = categories(lymphoma({1: (30, 10, 10)}, {1: (0, 1, 0)}))
    assert found[1] == ["PD", "PD"]


def test_recist_knows_every_category() -> None:
    sums = {
        1: (100, 0), 2: (100, 70), 3: (100, 71), 4: (100, 80, 95.9), 5: (100, 80, 96.0), 6: (20, 10, 13.0),
        7: (20, 10, 15.0), 8: (100, 0, 5.0),
    }  # fmt: skip
    arm = arm_of(visits("sum_longest_diameters", {who: series(*s) for who, s in sums.items()}), criteria="recist")
    found = categories(arm)
    assert [found[who][0] for who in (1, 2, 3)] == ["CR", "PR", "SD"]
    assert [found[who][1] for who in (4, 5)] == ["SD", "PD"]
    assert found[6][1] == "PR", "30 % more but only 3 mm: still half of the baseline"
    assert found[7][1] == "PD", "50 % more and 5 mm"
    assert found[8] == ["CR", "PD"], "what was gone and is seen again has progressed"


def test_marrow_response_knows_every_category() -> None:
    blasts = {
        1: (0.5, 0.01, 0.02), 2: (0.4, 0.06, 0.06), 3: (0.4, 0.3, 0.3), 4: (0.4, 0.61, 0.7), 5: (0.5, 0.01, 0.07),
        6: (0.02, 0.001, 1e-6), 7: (0.4, 0.3, 0.5),
    }  # fmt: skip
    rows = {who: series(*s) for who, s in blasts.items()}
    arm = arm_of(visits("marrow_blasts", rows), visits("mrd", rows, limit=1e-4), criteria="leukaemia")
    found = categories(arm)
    assert found[1] == ["CR", "CR"]
    assert found[2][0] == "PR"
    assert found[3][0] == "SD"
    assert found[4] == ["PD", "PD"]
    assert found[5] == ["CR", "PD"], "blasts back above 5 % are a relapse"
    assert found[6] == ["SD", "CR"], "few blasts at baseline: complete only without residual disease"
    assert found[7] == ["SD", "SD"], "up by a quarter is no progression"
    share = estimate(arm, "MRD_negative")
    assert share is not None
    assert (share.value, share.n) == (pytest.approx(1 / 7), 7)


def test_myeloma_knows_every_depth() -> None:
    level = {
        1: (30, 0.1), 2: (30, 0.1), 3: (30, 0.1), 4: (30, 3.0), 5: (30, 15.0), 6: (30, 22.5), 7: (30, 25),
        8: (30, 37.5), 9: (10, 14.9), 10: (30, 3, 8.1),
    }  # fmt: skip
    marrow = {1: (0.3, 1e-6), 2: (0.3, 0.01), 3: (0.3, 0.2)}
    rows = {who: series(*s) for who, s in marrow.items()}
    arm = arm_of(
        visits("m_protein", {who: series(*s) for who, s in level.items()}, limit=0.2), visits("marrow_blasts", rows),
        visits("mrd", rows, limit=1e-4), criteria="myeloma",
    )  # fmt: skip
    found = categories(arm)
    expected = {1: "sCR", 2: "CR", 3: "VGPR", 4: "VGPR", 5: "PR", 6: "MR", 7: "SD", 8: "PD", 9: "SD"}
    assert {who: found[who][0] for who in expected} == expected
    assert found[10] == ["VGPR", "PD"], "5.1 g/L above the nadir and far more than a quarter"
    response, complete = estimate(arm, "ORR_best"), estimate(arm, "CR_best")
    assert response is not None
    assert complete is not None
    assert (response.value, complete.value) == (0.6, 0.2)


def test_a_response_on_day_30_is_read_at_the_nearest_visit_within_the_window() -> None:
    nodes = {1: {0.0: 30.0, 27.0: 10.0, 41.0: 30.0}, 2: {0.0: 30.0, 45.0: 10.0}, 3: {0.0: 30.0, 44.0: 10.0}}
    products = {who: {d: 4 * (x / 10) ** 2 for d, x in s.items()} for who, s in nodes.items()}
    longest = {who: {d: 4 * x for d, x in s.items()} for who, s in nodes.items()}
    parts = visits("sum_product_diameters", products), visits("sum_longest_diameters", longest)
    found = responses(arm_of(*parts))
    assert found is not None
    assert found.at(30, 14).tolist() == [3, -1, 3], "day 27, none (day 45 is too late), day 44"
    share = estimate(arm_of(*parts), "ORR_d30")
    assert share is not None
    assert (share.value, share.n) == (pytest.approx(2 / 3), 3), "no visit counts as no response"


def test_a_best_response_may_need_confirmation() -> None:
    nodes = {1: (30, 10, 30, 30), 2: (30, 10, 10), 3: (30, 12, 16, 16), 4: (30, 29, 29, 10)}
    best = {confirmed: responses(lymphoma(nodes)).best(confirmed).tolist() for confirmed in (False, True)}
    assert best[False] == [3, 3, 3, 3]
    assert best[True] == [1, 3, 2, 1], "the first progresses, the third is confirmed as partial, the last is too late"


def test_longest_diameters_that_were_recorded_come_first() -> None:
    arm = lymphoma({1: (30, 12)})
    recorded = arm_of(arm.records, visits("longest_diameter", {1: {0.0: 40.0, 30.0: 20.0}}))
    assert categories(arm)[1] == ["CR"]
    assert categories(recorded)[1] == ["PR"], "one node is still above 15 mm"


def test_those_never_infused_are_no_responders_of_the_enrolled() -> None:
    arm = lymphoma({1: (30, 10), 2: (30, 30)})
    enrolment = once("infused", {1: 1, 2: 1, 3: 0, 4: 0}), once("enrolled", {1: 1, 2: 1, 3: 1, 4: 1})
    for population, value, n in (("infused", 0.5, 2), ("enrolled", 0.25, 4)):
        share = estimate(arm_of(arm.records, *enrolment, population=population), "ORR_best")
        assert share is not None
        assert (share.value, share.n) == (value, n)


def test_relapses_are_typed_at_the_visit_that_shows_them() -> None:
    arm = lymphoma({1: (30, 10, 40), 2: (30, 10, 40), 3: (30, 29, 45), 4: (30, 10, 10)})
    antigen = visits("antigen_negative_fraction", {1: series(0.0, 0.0, 0.9), 2: series(0.0, 0.9, 0.2),
                                                    3: series(0, 0, 1.0), 4: series(0, 1, 1)})  # fmt: skip
    subjects, negative = relapses(arm_of(arm.records, antigen))
    assert subjects.tolist() == [1, 2], "the third never responded, the fourth never progressed"
    assert negative.tolist() == [True, False]


def test_relapse_types_that_were_recorded_are_taken_as_they_are() -> None:
    subjects, negative = relapses(arm_of(once("relapse_antigen", {5: 1, 6: 0, 7: 1})))
    assert (subjects.tolist(), negative.tolist()) == ([5, 6, 7], [True, False, True])


def test_counts_of_a_visit_add_up_to_the_infused() -> None:
    counts = response_counts(lymphoma({1: (30, 10), 2: (30, 20), 3: (30, np.nan, 10), 4: (30, 50)}), 30)
    assert counts == {"CR": 1, "PR": 1, "SD": 0, "PD": 1, "not evaluable": 1}


def test_unknown_criteria_suggest_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'lugano'"):
        arm_of(once("enrolled", {1: 1}), criteria="lugarno")
