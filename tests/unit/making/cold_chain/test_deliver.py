"""Shipments: what the way, the shipper and the kind of cells do to what arrives."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perforin.errors import UserError
from perforin.library import default_library
from perforin.making.cold_chain import Delivered, arrivals, deliver, frozen, read_lane
from perforin.making.cold_chain.frozen import Frozen
from perforin.making.cold_chain.journey import travel
from perforin.making.cold_chain.lane import Lane, lane_names
from perforin.making.process import read_process
from perforin.streams import Streams
from perforin.yaml_reader import read_text, validated

IDS, LUCK = np.arange(20_000), Streams(1)
LANE = """
label: a lane
container: {container}
legs:
  - {{kind: pack, duration: 1 hour, ambient: 20 degC, out_of_cold: {seconds} second}}
  - {{kind: air, duration: {{value: {days}, unit: day, cv: {cv}, note: test}}, ambient: 22 degC, tilt: {tilt}}}
  - {{kind: receive, duration: 1 hour, ambient: 20 degC, out_of_cold: 0 second}}
  - {{kind: store, duration: {stored} day, ambient: {kept} degC}}
  - {{kind: thaw, duration: 1 hour}}
"""


def lane(**given: object) -> Lane:
    usual = {"container": "bag", "seconds": 0, "days": 2, "cv": 0, "tilt": 0, "stored": 1, "kept": -170}
    return validated(Lane, read_text(LANE.format(**usual | given)))


def with_row(name: str, value: float, cell: str = "NK") -> Frozen:
    cells = frozen(cell)
    row = replace(cells.rows[name], value=value, low=min(value, 0), high=max(value, 1), between_patient_cv=0.0)
    return replace(cells, rows=dict(cells.rows) | {name: row})


@pytest.mark.parametrize("name", lane_names())
def test_every_lane_of_the_library_can_be_travelled(name: str) -> None:
    found = deliver(read_lane(name), frozen("NK", container=read_lane(name).container), IDS, LUCK)
    for one in ("viability", "viability_24h", "killing_function", "motile_fraction"):
        assert ((getattr(found, one) >= 0) & (getattr(found, one) <= 1)).all()
    assert (found.viability_24h <= found.viability).all()


def test_a_shipment_is_the_same_whatever_ships_beside_it() -> None:
    way, cells = read_lane("transatlantic"), frozen("NK")
    some = np.array([5, 70_000, 3])
    alone, among = deliver(way, cells, some, LUCK), deliver(way, cells, np.arange(70_001), LUCK)
    for one in fields(Delivered):
        np.testing.assert_array_equal(getattr(alone, one.name), getattr(among, one.name)[some])


@pytest.mark.parametrize("days, sketched", [(1.5, 0.0005), (3.0, 0.009), (5.0, 0.06), (8.0, 0.28)])
def test_longer_transit_warms_more_shipments_in_the_order_of_an_earlier_sketch(days: float, sketched: float) -> None:
    """Within a factor of four of a sketch that stepped time: transit spreads by 0.35 in its logarithm."""
    spread = np.sqrt(np.expm1(0.35**2))
    found = deliver(lane(days=days, cv=spread, tilt=0.03), frozen("NK"), np.arange(100_000), LUCK)
    assert sketched / 4 <= (found.received > -123).mean() <= 4 * sketched


def test_no_delay_raises_viability_or_killing_or_motility() -> None:
    ways = [lane(days=days, cv=0.3) for days in (2, 6, 10, 14)]
    found = [deliver(way, frozen("NK"), IDS, LUCK) for way in ways]
    for one in ("viability", "viability_24h", "killing_function", "motile_fraction"):
        values = np.array([getattr(each, one) for each in found])
        assert (np.diff(values, axis=0) <= 1e-15).all(), one
        assert values[-1].mean() < values[0].mean()


def test_a_shipper_on_its_side_holds_less() -> None:
    upright, lying = (travel(lane(days=3, tilt=tilt), frozen("NK"), IDS, LUCK) for tilt in (0, 1))
    used = upright.left[0] + 3 + 2 / 24  # what the shipper would hold upright
    assert upright.left[0] - lying.left[0] == pytest.approx(3 * (1 / 0.4 - 1), rel=1e-9)
    assert used == pytest.approx(10, rel=0.5)
    assert (lying.left <= upright.left).all()


def test_a_kept_shipper_costs_nothing_and_a_spent_one_everything() -> None:
    short, long = (deliver(lane(days=days), frozen("T"), IDS, LUCK) for days in (1, 30))
    fresh = frozen("T").rows["thaw.viability"].quantile(LUCK.normal("thaw", IDS))
    np.testing.assert_array_equal(short.viability, fresh)
    assert not short.rejected.any() and (short.hours_above_glass == 0).all()
    assert long.rejected.all() and (long.viability < 1e-6).all()


@pytest.mark.parametrize("container, seconds, crosses", [("vial", 20, False), ("vial", 35, True), ("bag", 75, False),
                                                               ("bag", 110, True)])  # fmt: skip
def test_a_vial_warms_in_half_a_minute_and_a_bag_in_a_minute_and_a_half(
    container: str, seconds: int, crosses: bool
) -> None:
    found = deliver(lane(container=container, seconds=seconds), frozen("NK", container=container), IDS[:1], LUCK)
    assert found.crossings[0] == crosses
    assert found.received[0] < -180, "back in the cold it cools again"


def test_a_mechanical_freezer_costs_what_its_days_cost() -> None:
    cold, mild = (deliver(lane(kept=kept, stored=28), with_row("crossing.most", 0.0), IDS[:1], LUCK)
                  for kept in (-170, -80))  # fmt: skip
    assert mild.viability / cold.viability == pytest.approx(0.95, abs=0.002)
    assert mild.hours_above_glass[0] == pytest.approx(28 * 24, abs=1)


def test_temperatures_follow_the_equation_of_the_payload() -> None:
    """Against SciPy's integrator of T' = (T_env - T)/tau, leg by leg."""
    way, cells = lane(days=12, seconds=60), frozen("NK")
    journey = travel(way, cells, IDS[:4], LUCK)
    ends = journey.ends()
    for shipment in range(4):
        warmth = journey.begin
        for piece in range(len(journey.hours)):
            length, tau = journey.hours[piece, shipment], journey.tau[piece, shipment]
            surrounding = journey.surrounding[piece, shipment]
            if 0 < length < 30 * tau:
                steps = solve_ivp(lambda _, y, s=surrounding, k=tau: (s - y) / k, (0, length), [warmth], rtol=1e-9,
                                  atol=1e-9)  # fmt: skip
                assert steps.y[0, -1] == pytest.approx(ends[piece + 1, shipment], abs=1e-5)
            warmth = ends[piece + 1, shipment]
    hours, celsius = journey.trace(0)
    assert (np.diff(hours) >= 0).all()
    assert hours[-1] == pytest.approx(journey.hours[:, 0].sum())
    assert celsius[-1] == pytest.approx(ends[-1, 0])


def test_freezing_harshly_and_thawing_slowly_loses_cells_and_either_alone_does_not() -> None:
    def shipped(cooling: float, warming: float) -> float:
        rates = lane().model_copy(update={
            name: validated(Lane, read_text(LANE.format(container="bag", seconds=0, days=2, cv=0, tilt=0, stored=1,
                                                        kept=-170) + f"{name}: {rate} K/min\n")).figures[name]
            for name, rate in (("cooling", cooling), ("warming", warming))})  # fmt: skip
        return float(deliver(rates, frozen("T"), IDS[:1], LUCK).viability[0])

    assert shipped(1, 1.6) == shipped(10, 113) == shipped(1, 113) > shipped(10, 1.6)


def test_arrivals_follow_the_lane_that_a_process_names() -> None:
    process = read_process("nk_ipsc", *default_library().process("nk_ipsc"))
    assert arrivals(replace(process, lane=""), IDS, LUCK) is None
    found = arrivals(replace(process, lane="national_air", preparation=""), IDS, LUCK)
    assert found is not None
    np.testing.assert_array_equal(
        found.viability_24h, deliver(read_lane("national_air"), frozen("NK"), IDS, LUCK).viability_24h
    )
    own = read_process("autologous_viral", *default_library().process("autologous_viral"))
    other = arrivals(replace(own, lane="national_air"), IDS, LUCK)
    assert other is not None
    np.testing.assert_array_equal(found.days, other.days)
    assert np.median(other.killing_function) == 1


def test_the_median_and_spread_of_what_arrives_are_those_of_the_rows() -> None:
    found = deliver(lane(), frozen("NK", "rested"), IDS, LUCK)
    assert np.median(found.viability_24h) == pytest.approx(0.73, abs=0.03)
    assert 0.05 < found.viability_24h.std() < 0.25
    assert np.median(found.killing_function) == 1


@pytest.mark.parametrize("change, said", [
    (("kind: pack, duration: 1 hour", "kind: pack, duration: -1 hour"), "mine.yaml:5"),
    (("ambient: 20 degC", "ambient: 68 degF"), "needed it in degC"),
    (("tilt: 0}", "tilt: 1.5}"), "needed a number from 0 to 1"),
    (("kind: air", "kind: aeroplane"), "legs.1.kind"),
    (("  - {kind: thaw, duration: 1 hour}\n", ""), "one thaw at the end"),
    (("store, duration: 1 day, ambient: -170", "road, duration: 1 day, ambient: 20"), "needed pack first"),
    (("kind: air,", "kind: pack,"), "needed pack first"),
    (("tilt: 0}", "tiltt: 0}"), "did you mean"),
    (("kind: store, duration", "kind: store, tilt: 0, duration"), "found tilt in the leg 'store'"),
    (("kind: thaw, duration", "kind: thaw, ambient: 20 degC, duration"), "found ambient in thaw"),
    (("ambient: 22 degC, ", ""), "without ambient"),
    (("container: bag", "container: crate"), "container"),
])  # fmt: skip
def test_a_lane_that_does_not_fit_is_refused_with_its_line(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    usual = LANE.format(container="bag", seconds=0, days=2, cv=0, tilt=0, stored=1, kept=-170)
    changed = usual.replace(*change, 1)
    assert changed != usual
    path = tmp_path / "mine.yaml"
    path.write_text(changed)
    with pytest.raises(UserError) as problem:
        read_lane(path)
    assert said in str(problem.value)
    assert "mine.yaml:" in str(problem.value)


def test_two_legs_of_one_name_and_no_shipments_are_refused() -> None:
    twice = LANE.format(container="bag", seconds=0, days=2, cv=0, tilt=0, stored=1, kept=-170).replace(
        "  - {kind: receive", "  - {kind: air, duration: 1 day, ambient: 20 degC}\n  - {kind: receive"
    )
    with pytest.raises(UserError, match="two legs called 'air'"):
        validated(Lane, read_text(twice))
    with pytest.raises(UserError, match="found 0 shipments"):
        deliver(lane(), frozen("NK"), IDS[:0], LUCK)
