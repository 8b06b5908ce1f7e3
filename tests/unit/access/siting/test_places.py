"""Places are read line by line, and hours between them follow from coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.siting.places import hours_between, read_places, shipped_places
from perforin.errors import UserError

HEAD = "place,region,latitude,longitude,people\n"


def written(tmp_path, text):
    path = tmp_path / "places.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_example_holds_every_county_of_the_contiguous_united_states():
    """The 2020 census counted 331,449,281 people, 733,391 of them in Alaska and 1,455,271 in Hawaii."""
    assert shipped_places() == ("contiguous_us_counties",)
    places = read_places("contiguous_us_counties")
    assert len(places) == 3108 and len(set(places.region)) == 49
    assert places.people.sum() == 331_449_281 - 733_391 - 1_455_271


def test_hours_follow_the_great_circle_the_detour_and_the_speed(tmp_path):
    """A quarter of the equator is 10,007.5 km; London to Paris about 344 km as the crow flies."""
    path = written(tmp_path, HEAD + "a,,0,0,1\nb,,0,90,1\nLondon,,51.5074,-0.1278,9\nParis,,48.8566,2.3522,2\n")
    places = read_places(path)
    hours = hours_between(places, places, speed=100, detour=1)
    assert hours[0, 1] == pytest.approx(100.075, rel=1e-3) and hours[2, 3] == pytest.approx(3.44, rel=1e-2)
    np.testing.assert_allclose(hours, hours.T)
    np.testing.assert_allclose(hours_between(places, places, speed=50, detour=1.5), 3 * hours)


@pytest.mark.parametrize("text, problem", [
    ("place,latitude,longitud,people\na,1,1,1\n", "columns .'longitude'.*did you mean 'longitud'"),
    (HEAD + "a,,1,1,5\nb,,,1,5\n", "csv:3: found 'b' with the latitude ''; needed a number"),
    (HEAD + "a,,91,1,5\n", "csv:2: found 'a' with the latitude 91; needed -90 to 90"),
    (HEAD + "a,,1,1,-5\n", "people -5; needed 0"),
    (HEAD + "a,x,1,1,5\na,x,2,2,5\n", "csv:3: found 'a' twice, first on line 2"),
    (HEAD + "a,x,1,1,0\n", "nobody at any place"),
    (HEAD, "nobody at any place"),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_by_line(tmp_path, text, problem):
    with pytest.raises(UserError, match=problem):
        read_places(written(tmp_path, text))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="contiguous_us_counties"):
        read_places("contiguous_us_countys")


def test_a_drive_takes_time(tmp_path):
    places = read_places(written(tmp_path, HEAD + "a,,0,0,1\n"))
    with pytest.raises(UserError, match="found a speed of 0"):
        hours_between(places, places, speed=0)
