"""Claims on making, keeping, shipping, paying for and reaching a product."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from perforin.access.economics.goods import cost_of_goods, output_of
from perforin.access.siting.location import cover_most
from perforin.access.siting.places import hours_between, read_places
from perforin.evidence.published import estimates_for
from perforin.evidence.published_costs import published_costs
from perforin.evidence.registry.landscape import snapshot
from perforin.evidence.release_criteria import criteria
from perforin.library import default_library
from perforin.making.attrition import deadlines
from perforin.making.batch import donor_share, grow
from perforin.making.cold_chain import deliver, frozen, read_lane
from perforin.making.make import make
from perforin.making.process import read_process
from perforin.making.release import genealogy_of, release, serve, specifications_of
from perforin.making.release.consistency import by_anova, by_likelihood, patients_affected
from perforin.making.release.risks import risks
from perforin.report import credibility
from perforin.report.findings import Findings
from perforin.streams import Streams

BATCHES = np.arange(400)
LBCL_HAZARD = 0.0044  # per day, pooled over three lymphoma trials (Vadgama2024)


def process(name):
    return read_process(name, *default_library().process(name))


def with_share(made, share):
    """The process with another share of wanted cells in the starting material."""
    material = replace(made.batch.material, share=replace(made.batch.material.share, value=share))
    return replace(made, batch=replace(made.batch, material=material))


@pytest.fixture(scope="module")
def batches():
    """Four hundred batches of each source of NK cells, grown by the same mechanisms with the same luck."""
    names = ("nk_peripheral_feeder", "nk_cord_blood", "nk_ipsc", "nk_92")
    return {name: grow(process(name), BATCHES, Streams(1)) for name in names}


def test_c10_nk_cells_come_from_blood_cord_blood_stem_cell_lines_and_nk_92(batches):
    """Sources of NK cells: peripheral blood, cord blood, induced pluripotent stem cells, NK-92.

    Source: the landscape of trials (Jorgensen2025) for the sources; each process names that of its own numbers.
    Tolerance: one model of growth serves the four sources, which differ by rows alone; of each at least nine batches
    of ten give a dose, and doses per batch, days and spread are told apart (medians differ by a tenth or more).
    """
    for one in batches.values():
        assert (one.failed == "").mean() >= 0.9
        assert one.days.max() < 100
    medians = sorted(np.median(one.doses) for one in batches.values())
    assert all(more >= 1.1 * fewer > 0 for fewer, more in pairwise(medians))
    assert len({np.median(one.days) for one in batches.values()}) == len(batches)
    assert all(np.std(one.doses) > 0 for one in batches.values())


def test_c11_a_stem_cell_line_gives_most_doses_and_varies_least(batches):
    """Induced pluripotent stem cells expand strongly and standardise.

    Source: Cheng2013 for the process; the yields that companies state were not audited.
    Tolerance: most doses per batch of the four sources, of which the 5th percentile of batches still exceeds the
    median of blood and of cord blood; no part of the variance lies between donors, against two fifths or more with
    these.
    """
    line, others = batches["nk_ipsc"], [batches[name] for name in ("nk_peripheral_feeder", "nk_cord_blood")]
    assert np.median(line.doses) == max(np.median(one.doses) for one in batches.values())
    assert all(np.quantile(line.doses, 0.05) > np.median(one.doses) for one in others)
    assert all(np.std(line.doses) / np.mean(line.doses) < np.std(one.doses) / np.mean(one.doses) for one in others)
    assert donor_share(process("nk_ipsc"), Streams(1)) == 0
    assert all(donor_share(process(name), Streams(1)) > 0.4 for name in ("nk_peripheral_feeder", "nk_cord_blood"))


def test_c22_quality_is_controlled_while_a_product_is_made():
    """Quality control during manufacture.

    Source: limits read in Lapteva2012, PointOfCareCD20, Castella2018 and Pasquini2020; a test's error is assumed.
    Tolerance: consumer's and producer's risk of every test follow from its error: simulated over 4,000 lots they lie
    within 1.5 points of the integral over the two normal distributions; own cells may be given out of specification,
    cells of a bank never; without error no bad lot passes.
    """
    lots = np.arange(4000)
    for name, own in (("autologous_viral", True), ("nk_cord_blood", False)):
        made = process(name)
        specifications = specifications_of(made)
        grown = grow(made, lots, Streams(1))
        verdicts = release(grown, specifications, Streams(1), own_cells=own)
        assert {"released", "rejected", "not made"} <= set(verdicts.verdict)
        assert ("out of specification" in set(verdicts.verdict)) == own
        for i, test in enumerate(specifications.tests):
            if test.kind == "presence" or test.decision(own) != "reject":
                continue
            tested = verdicts.tested
            scaled = test.scaled(verdicts.true[tested, i])
            low, high = (test.scaled(np.array([end]))[0] if np.isfinite(end) else end for end in test.limits)
            expected = risks(scaled.mean(), scaled.std(), test.error, low, high)
            fails, bad = verdicts.failing[tested, i], verdicts.outside[tested, i]
            assert (~fails & bad).mean() == pytest.approx(expected.consumer, abs=0.015)
            assert (fails & ~bad).mean() == pytest.approx(expected.producer, abs=0.015)


def test_c23_batches_are_consistent():
    """Batch-to-batch consistency.

    Source: Marin2024 (the cord-blood unit was the strongest predictor, after the fact). Tolerance: variance components
    planted in nested simulated lots lie within their 95 % intervals; in grown batches the donor's share of the
    variance is within 15 points of the correlation of pairs of one donor; a failed lot of a bank hits over ten times
    as many patients as one of own cells; every patient is traced to the donor, and recall of a donor finds all.
    """
    streams = Streams(4)
    donor, batch = np.repeat(np.arange(20), 12), np.repeat(np.arange(80), 3)
    effects = (0.6, "d", donor), (0.3, "b", batch), (0.1, "e", np.arange(240))
    value = sum(sd * streams.normal(purpose, who) for sd, purpose, who in effects)
    found = by_likelihood(value, {"donor": donor, "batch": batch}, intervals=True)
    assert all(low <= sd**2 <= high for sd, (low, high) in zip((0.6, 0.3, 0.1), found.interval, strict=True))

    made = process("nk_peripheral_feeder")
    grown = grow(made, np.arange(1200), Streams(1))
    shares = by_anova(np.log(grown.cells_filled), {"donor": grown.donor}, "batch").shares
    assert shares["donor"] == pytest.approx(donor_share(made, Streams(1)), abs=0.15)
    verdicts = release(grown, specifications_of(made), Streams(1))
    held = np.floor(grown.cells_filled / grown.planned_dose)
    assert patients_affected(held, verdicts.verdict == "rejected") > 10

    given = serve(verdicts, 2000)
    family = genealogy_of(made, grown, verdicts, given)
    first = family.recall(f"donor-{grown.donor[given['batch'].iloc[0]]}")
    assert 0 < len(first) < 2000
    assert all("donor" in set(family.trace(one)["kind"]) for one in given["patient"][:20])
    everyone = {one for who in set(grown.donor) for one in family.recall(f"donor-{who}")}
    assert everyone == set(given["patient"])


def test_c24_cold_chain_and_distribution_decide_what_arrives():
    """Cold-chain logistics and distribution.

    Source: PM21Thaw2022 (73 +/- 22 % recovered after thaw and rest), Berjis2024 (a quarter alive at 24 h after a
    protocol made for T cells, 90 to 100 % after pretreatment), Mark2020 (killing in three dimensions falls 5.6-fold
    while dyes see no loss). Tolerance: within these; own T cells keep over half alive and all of their killing on the
    same way. A day's delay changes nothing while the shipper holds; weeks of it never raise any of the four numbers of
    any shipment and leave nothing alive.
    """
    lane, ids, luck = read_lane("transatlantic"), np.arange(4000), Streams(1)
    thawed, treated, rested = (deliver(lane, frozen("NK", way), ids, luck) for way in ("", "pretreated", "rested"))
    own = deliver(lane, frozen("T"), ids, luck)
    left = np.median(thawed.viability_24h) / np.median(thawed.viability)
    assert 0.15 <= left <= 0.5
    assert 0.9 <= np.median(treated.viability_24h) / np.median(treated.viability) <= 1
    assert 0.51 <= np.median(rested.viability_24h) <= 0.95
    assert np.median(thawed.killing_function) == pytest.approx(1 / 5.6, rel=0.05)
    assert np.median(thawed.viability) > 3 * left
    assert np.median(own.viability_24h) > 0.5
    assert np.median(own.killing_function) == 1
    assert np.array_equal(own.days, thawed.days)

    def delayed(days):
        held = {"value": 24 * days, "low": None, "high": None}
        legs = [leg.model_copy(update={"duration": leg.duration.model_copy(update=held)})
                if leg.kind == "customs" else leg for leg in lane.legs]  # fmt: skip
        return deliver(lane.model_copy(update={"legs": tuple(legs)}), frozen("NK"), ids, luck)

    found = [delayed(days) for days in (0.3, 1.3, 6, 30)]
    for name in ("viability", "viability_24h", "killing_function", "motile_fraction"):
        assert (np.diff([getattr(one, name) for one in found], axis=0) <= 1e-12).all()
    assert np.median(found[1].viability_24h) == pytest.approx(np.median(found[0].viability_24h), rel=0.01)
    assert np.median(found[3].viability_24h) < 1e-6 and np.median(found[3].killing_function) < 0.01


def test_c25_regulation_of_universal_products_is_pending():
    """A standardised regulatory framework for universal products is pending.

    Source: context, none needed. Tolerance: the report's credibility table speaks the words of ICH M15 and ASME V&V
    40; the table of release criteria names region and source of each, and has none of an authority for universal
    products.
    """
    empty = Findings(name="", title="", question="", arms={}, reference="", estimates=())
    elements = {row.element for row in credibility.table(empty)}
    assert elements >= {"Question of interest", "Context of use", "Model influence", "Model risk", "Validation"}
    rows = criteria()
    assert all(row.source and row.region for row in rows)
    assert {"United States", "European Union", "Japan", "China"} <= {row.region for row in rows}
    assert {row.region for row in rows if row.attribute == "out of specification"} >= {"United States", "Japan"}
    universal = [row for row in rows if row.authority in ("FDA", "EMA") and "from a bank" in row.product]
    assert not universal, "no authority's limits for cells of a bank were found; the claim says they are pending"


def test_c26_access_is_concentrated_and_every_further_site_widens_it():
    """Access is concentrated in specialised centres; supply platforms widen it.

    Source: a census of county populations (library/places); an analysis of ISPOR 2025 left 29 % of people in the
    United States over two hours from 141 centres, and the registry gives where CAR-NK trials are open.
    Tolerance: of sites placed best among the 400 largest counties, 10 leave over half of all people beyond two hours,
    141 leave at most 29 %; no further site ever lowers the share; over four of five CAR-NK trials are in one of two
    countries.
    """
    homes = read_places("contiguous_us_counties")
    hours = hours_between(homes, homes.largest(400))
    within = [cover_most(hours, homes.people, number, 2.0).share for number in (5, 10, 40, 141)]
    assert within == sorted(within)
    assert within[1] < 0.5
    assert 1 - within[3] <= 0.29
    countries = snapshot().count("country").set_index("value")["CAR-NK"]
    assert countries[["China", "United States"]].sum() > 0.8 * countries.sum()


def test_c27_car_t_is_collected_engineered_by_vector_or_nuclease_and_own_or_of_a_donor():
    """CAR-T: leukapheresis, viral vector or CRISPR insertion, autologous or allogeneic.

    Source: Triantafyllou2022 for the steps, ManufacturingFailure2021 for failures (1 of 111 to 12 of 165).
    Tolerance: every process begins with leukapheresis and states the duration of every step, yields and failures; the
    share of batches that fail lies within 0.9 to 7.3 %; only a vector leaves more than one copy in some cells.
    """
    vector, knock_in, donor = (process(n) for n in ("autologous_viral", "autologous_knock_in", "allogeneic_edited"))
    assert [one.starting_material for one in (vector, knock_in, donor)] == ["patient", "patient", "donor_bank"]
    for one in (vector, knock_in, donor):
        assert one.steps[0].name == "leukapheresis"
        assert all(step.duration.value > 0 for step in one.steps)
        assert sum(step.recovered is not None and 0 < step.recovered.value < 1 for step in one.steps) >= 3
        assert sum(step.failure is not None and 0 < step.failure.value < 1 for step in one.steps) >= 2
    for one, most in ((vector, True), (knock_in, False)):
        made = grow(one, BATCHES, Streams(1))
        assert 0.009 <= (made.failed != "").mean() <= 0.073
        assert (made.vector_copies.max() > 1) == most
    assert "electroporation" in {step.name for step in knock_in.steps} - {step.name for step in vector.steps}


def test_c45_off_the_shelf_shortens_the_wait_and_matters_most_in_fast_disease(lymphoma):
    """Off-the-shelf shortens time to treatment, which matters in fast disease.

    Source: Vadgama2024 (one hazard of 4.4 per 1,000 patient-days in large B-cell lymphoma; medians of 24 and 54 days)
    and Neelapu2017 (101 of 111 infused).
    Tolerance: 7 to 18 points of loss saved, each within 2 points; more where the disease is faster; the predicted
    share infused of own cells lies within the exact 95 % interval of 101 of 111.
    """
    patients, streams = np.arange(20_000), Streams(1)

    def infused(name, hazard):
        return make(process(name), patients, deadlines(hazard, patients, streams), streams).infused.mean()

    shelf, fast, slow = "off_the_shelf_frozen", "autologous_central", "autologous_slow"
    assert infused(shelf, LBCL_HAZARD) - infused(fast, LBCL_HAZARD) == pytest.approx(0.07, abs=0.02)
    saved = [infused(shelf, hazard) - infused(slow, hazard) for hazard in (0, LBCL_HAZARD, 2 * LBCL_HAZARD)]
    without_failure = saved[1] - saved[0]
    assert without_failure == pytest.approx(0.18, abs=0.02)
    assert saved == sorted(saved)

    nk, t = (lymphoma.found[arm, "time_to_infusion"] for arm in ("car_nk", "car_t"))
    assert nk.high < t.low
    (published,) = estimates_for("infused_share", ["zuma_1"])
    assert published["low"] <= lymphoma.found["car_t", "infused_share"].value <= published["high"]
    assert lymphoma.found["car_nk", "infused_share"].value > lymphoma.found["car_t", "infused_share"].value


def test_c49_own_cells_cost_over_400_000_dollars_and_a_shelf_cuts_the_cost(lymphoma):
    """Autologous CAR-T costs over $400,000 per patient; off-the-shelf and freezing cut the cost.

    Source: Joyner2022 (list prices of 373,000 to 424,000); for CAR-NK a company's goal only (NkartaFiling).
    Tolerance: mean cost per enrolled patient above 400,000 with own cells and below with a bank; cost per responder
    with an interval. Cost of goods of a dose, by step, lies for own cells within the published 23,000 to 191,000 a
    batch; for two shelf products its whole interval lies below, but not for one grown with cytokines alone, whose
    batches hold two doses: a shelf saves only where a batch holds many.
    """
    assert lymphoma.found["car_t", "cost"].value > 4e5 > lymphoma.found["car_nk", "cost"].value
    for arm in ("car_nk", "car_t"):
        found = lymphoma.found[arm, "cost_per_responder"]
        assert found.low < found.value < found.high
    goods = {name: cost_of_goods(process(name), output_of(process(name), 400, Streams(1)), 1000, streams=Streams(1))
             for name in ("autologous_viral", "nk_cord_blood", "nk_peripheral_feeder", "nk_peripheral_cytokine")}
    low, high = (
        {name: float(np.quantile(one.per_dose, q)) for name, one in goods.items()} for q in (0.025, 0.975)
    )
    batch = next(row for row in published_costs() if row["what"] == "cost of a batch")
    assert batch["low"] < low["autologous_viral"] < high["autologous_viral"] < batch["high"]
    assert max(high["nk_cord_blood"], high["nk_peripheral_feeder"]) < low["autologous_viral"]
    assert high["nk_peripheral_cytokine"] > low["autologous_viral"]
    assert all(len([step for step in one.steps if step.total > 0]) > 4 for one in goods.values())


def test_c54_nk_cells_are_few_in_blood_and_expand_poorly_without_feeders(batches):
    """NK cells are 10 to 15 % of blood lymphocytes and expand poorly without feeders, so doses are short.

    Source: Childs2013 (5 to 15 %) and Cheng2013 (268-fold in 19 days with cytokines alone).
    Tolerance: the share used lies within 5 to 15 %; an apheresis grown with cytokines alone gives under a fifth of
    the doses that feeders give (medians), and at least a tenth of its batches give none. Both statements of the share,
    10 to 15 % and 5 to 15 %, leave the median of doses per apheresis at three or fewer; at 5 % it is none.
    """
    alone = process("nk_peripheral_cytokine")
    share = alone.batch.material.share
    assert 0.05 <= share.low <= share.value <= share.high <= 0.15
    short, many = grow(alone, BATCHES, Streams(1)), batches["nk_peripheral_feeder"]
    assert np.median(short.doses) < 0.2 * np.median(many.doses)
    at = {share: np.median(grow(with_share(alone, share), BATCHES, Streams(1)).doses) for share in (0.05, 0.1, 0.15)}
    assert at[0.05] == 0 < at[0.1] < at[0.15] <= 3
    assert (short.doses == 0).mean() > 0.1 > (many.doses == 0).mean()
