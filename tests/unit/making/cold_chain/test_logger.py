"""A user's logger file: read without guessing, refused with its line, scored by the same rates as a shipment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.making.cold_chain import frozen, score_logger
from perforin.making.cold_chain.damage import relaxing
from perforin.making.cold_chain.logger import Logged

CELLS = frozen("NK")


def scored(tmp_path: Path, text: str, encoding: str = "utf-8") -> Logged:
    path = tmp_path / "logger.csv"
    path.write_bytes(text.encode(encoding))
    return score_logger(path, CELLS)


def table(hours: np.ndarray, celsius: np.ndarray) -> str:
    rows = [f"{hour!r},{degrees!r}" for hour, degrees in zip(hours.tolist(), celsius.tolist(), strict=True)]
    return "time [h],temperature [degC]\n" + "\n".join(rows) + "\n"


def test_a_log_in_vapour_scores_nothing(tmp_path: Path) -> None:
    found = scored(tmp_path, "time [h],temperature [degC]\n0,-180\n1,-175\n2,-180\n")
    assert (found.loss, found.survival, found.crossings) == (0.0, 1.0, 0)
    assert np.isnan(found.kinetic)
    assert found.quality.viability[0] == CELLS["thaw.viability"]
    assert set(found.hours_above.values()) == {0.0}


def test_a_steady_log_has_its_temperature_as_mean_kinetic_temperature_and_rate_times_time_as_loss(
    tmp_path: Path,
) -> None:
    found = scored(tmp_path, table(np.arange(0, 673.0), np.full(673, -80.0)))
    assert found.kinetic == pytest.approx(-80, abs=1e-9)
    assert found.loss == pytest.approx(672 * CELLS["glass.loss_rate"], rel=1e-12)
    assert found.hours_above[-123.0] == 672


def test_the_mean_kinetic_temperature_lies_between_the_mean_and_the_warmest(tmp_path: Path) -> None:
    found = scored(tmp_path, table(np.arange(0, 5.0), np.array([-100.0, -60, -100, -60, -100])))
    assert -80 < found.kinetic < -60
    # The formula written out, over the temperatures that the straight pieces pass through.
    kelvin = np.linspace(173.15, 213.15, 1_000_001)
    mean = np.log(np.mean(np.exp(83.144 / 8.31446261815324e-3 * (1 / 213.15 - 1 / kelvin))))
    expected = 1 / (1 / 213.15 - mean / (83.144 / 8.31446261815324e-3)) - 273.15
    assert found.kinetic == pytest.approx(expected, abs=1e-3)


def test_excursions_begin_and_end_where_the_line_meets_the_glass_transition(tmp_path: Path) -> None:
    found = scored(tmp_path, "time [h],temperature [degC]\n0,-173\n1,-73\n2,-173\n3,-173\n4,-103\n5,-163\n")
    first, second = found.excursions
    assert (first.begin, first.end, first.warmest) == (pytest.approx(0.5), pytest.approx(1.5), -73)
    assert (second.first_line, second.last_line) == (6, 6)
    assert found.crossings == 2
    assert found.hours_above[-123.0] == pytest.approx(sum(one.end - one.begin for one in found.excursions))
    above = list(found.hours_above.values())
    assert above == sorted(above, reverse=True)


def test_two_logs_in_a_row_lose_what_both_lose(tmp_path: Path) -> None:
    celsius = np.array([-180.0, -100, -60, -90, -70, -180])
    whole = scored(tmp_path, table(np.arange(6.0), celsius)).loss
    parts = [scored(tmp_path, table(np.arange(6.0)[cut], celsius[cut])).loss for cut in (slice(0, 4), slice(3, 6))]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)


def test_a_fine_log_of_a_warming_bag_loses_what_the_closed_form_says(tmp_path: Path) -> None:
    from perforin.making.cold_chain.damage import loss_over

    hours = np.linspace(0, 12, 4001)
    begin, surrounding, tau = np.array([-190.0]), np.array([-40.0]), np.array([4.0])
    found = scored(tmp_path, table(hours, relaxing(begin, surrounding, tau, hours)))
    loss, above = loss_over(begin, surrounding, tau, np.array([12.0]), CELLS)
    assert found.loss == pytest.approx(loss[0], rel=1e-4)
    assert found.hours_above[-123.0] == pytest.approx(above[0], rel=1e-4)


@pytest.mark.parametrize("text", [
    "Date/Time;Temp °C\n01.03.2026 10:00;-180,5\n01.03.2026 10:10;-110,25\n01.03.2026 10:20;-180,5\n",
    "timestamp\tTemperature [K]\n2026-03-01T10:00Z\t92.65\n2026-03-01T11:10+01:00\t162.9\n2026-03-01T10:20Z\t92.65\n",
    "elapsed (min),probe °F\n0,-292.9\n10,-166.45\n20,-292.9\n",
    "Time (s),Temperature\n0,-180.5 °C\n600,-110.25 °C\n1200,-180.5 °C\n",
    "day (d)|celsius\n0|-180.5\n0.006944444444444444|-110.25\n0.013888888888888888|-180.5\n",
])  # fmt: skip
def test_one_log_is_read_alike_in_every_usual_dress(text: str, tmp_path: Path) -> None:
    found = scored(tmp_path, text, "utf-8" if "°" not in text else "cp1252")
    np.testing.assert_allclose(found.readings.celsius, [-180.5, -110.25, -180.5], atol=1e-9)
    np.testing.assert_allclose(found.readings.hours, [0, 1 / 6, 1 / 3], atol=1e-9)


def test_fahrenheit_is_converted_and_said(tmp_path: Path) -> None:
    found = scored(tmp_path, "time [h],temperature [degF]\n0,-300\n1,-290\n")
    assert "Fahrenheit, converted to degrees Celsius" in found.readings.notes[0]


HEAD = "time [min],temperature [degC]\n"


@pytest.mark.parametrize("text, said", [
    ("time [h],temperature\n0,-300\n1,-290\n", (":1: found no scale for 'temperature'; needed one in the header, such "
     "as 'temperature [degC]' or 'temperature [degF]'; values below -200 can only be degrees Fahrenheit")),
    ("time [h],temperature [degC]\n0,-180\n1,-290\n", (":3: found -290 degrees Celsius; needed a temperature between "
     "boiling nitrogen and boiling water (is it in degrees Fahrenheit?)")),
    (HEAD + "0,-180\n10,-180\n10,-180\n", ":4: found the time of line 3 again"),
    (HEAD + "0,-180\n10,-180\n5,-180\n", ":4: found a time 5 min before that of line 3"),
    (HEAD + "0,-180\n10,-180\n20,-180\n\n200,-180\n", ":6: found 3 h without a reading since line 4"),
    (HEAD + "0,-180\n10,\n20,-180\n", ":3: found no temperature"),
    (HEAD + "0,-180\nNA,-180\n20,-180\n", ":3: found no time"),
    (HEAD + "0,-180\n10,warm\n", ":3: found the temperature 'warm'; needed a number"),
    (HEAD + "0,-180\n", ":2: found one reading"),
    ("time,temperature [degC]\n0,-180\n1,-180\n", ":1: found times that are numbers"),
    ("time,temperature [degC]\n03/01/2026 10:00,-180\n03/01/2026 11:00,-180\n", ":2: found the time '03/01/2026 10"),
    ("time,temperature [degC]\n2026-03-01 10:00,-180\n2026-03-01T11:00Z,-180\n", ":3: found '2026-03-01T11:00Z'"),
    ("time [h],temp 1 [degC],temp 2 [degC]\n0,-180,-180\n1,-180,-180\n", ":1: found 2 columns of temperature"),
    ("step,temperature [degC]\n0,-180\n1,-180\n", ":1: found no column of time"),
    ("time [h],temperature\n0,-180 C\n1,-180 F\n", ":1: found two scales"),
    ("time [h],temperature [K]\n0,-5\n1,90\n", ":2: found -5 K"),
])  # fmt: skip
def test_what_cannot_be_trusted_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as problem:
        scored(tmp_path, text)
    assert "logger.csv" + said in str(problem.value)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"nowhere\.csv"):
        score_logger("nowhere.csv", CELLS)
