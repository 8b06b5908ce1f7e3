"""Claims on solid tumours, where all is extrapolation, and on graft-versus-host disease of donor T cells."""

from __future__ import annotations

import pytest

from perforin.evidence.published import estimates_for
from perforin.report.answer import light
from perforin.report.findings import Findings
from perforin.report.subject import extrapolations
from perforin.scenario import read_scenario

SOLID = {"her2_solid": "HER2", "egfr_solid": "EGFR", "cldn18_solid": "CLDN18.2"}
DONOR_T_CELLS = """
title: Donor T cells with and without their receptor
question: Does cutting the receptor out abolish graft-versus-host disease?
disease: lbcl
horizon: 6 month
visits: [30, 90, 180]
arms:
  edited: {product: car19_allogeneic_edited, lymphodepletion: flu_cy_alemtuzumab}
  untouched: {product: car19_allogeneic_edited, lymphodepletion: flu_cy_alemtuzumab, parameters: {alloreactivity: 1}}
"""


@pytest.mark.slow
def test_c15_three_solid_tumours_run_with_the_healthy_tissue_that_shares_their_antigen(simulated):
    """Solid targets under study: HER2, EGFR, CLDN18.2.

    Source: early; Qi2022 for CLDN18.2 CAR-T, no efficacy of CAR-NK shown anywhere.
    Tolerance: the three scenarios run without a failed patient, and in each the product injures the healthy cells
    that share its antigen in some patient.
    """
    for name in SOLID:
        found = simulated(name)
        for arm in ("car_nk", "car_t"):
            healthy = found.records.of("healthy_fraction", arm)["value"]
            assert len(healthy)
            assert healthy.min() < 1


def test_c37_donor_t_cells_can_cause_gvhd_unless_their_receptor_is_cut_out(simulated):
    """Allogeneic CAR-T can cause graft-versus-host disease.

    Source: Locke2025 (edited donor cells, 0 of 33) and Benjamin2020 (2 of 21, both of grade 1, from memory).
    Tolerance: over a tenth of patients with untouched donor T cells; with the receptor cut out the prediction lies
    within the exact 95 % interval of 0 of 33.
    """
    found = simulated(DONOR_T_CELLS).found
    assert found["untouched", "GvHD_any"].low > 0.1
    (published,) = estimates_for("GvHD_any", ["alpha"])
    assert published["low"] <= found["edited", "GvHD_any"].value <= published["high"]


def test_c55_solid_tumours_are_marked_as_extrapolation():
    """Efficacy of CAR-NK in solid tumours is unproven.

    Source: Burger2023 (0 of 9 with HER2-positive glioblastoma in response).
    Tolerance: every solid scenario says that it extrapolates, and its report cannot show a green light.
    """
    for name in SOLID:
        scenario = read_scenario(name)
        said = extrapolations(scenario, {arm: scenario.model(arm) for arm in ("car_nk", "car_t")})
        assert any("solid" in sentence for sentence in said)
        shown = light(Findings(name=name, title="", question="", arms={}, reference="", estimates=(),
                               manifest={"calibrated": True}, extrapolation=tuple(said)))  # fmt: skip
        assert shown.colour == "red"
    (published,) = estimates_for("ORR_best", ["burger_2023"])
    assert published["value"] == 0
    assert published["high"] > 0.3
