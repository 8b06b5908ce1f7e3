"""The page: complete, offline, small, honest."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from perforin.evidence.published import INDIRECT_WARNING
from perforin.records import Estimate
from perforin.report.answer import NOT_CALIBRATED, WARNING, warning
from perforin.report.findings import Findings
from perforin.report.page import as_json, draw, render, write

VOID = {"meta", "link", "br", "input", "img", "hr"}
LOADS = {"src", "srcset", "poster", "data", "action", "background"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and notes tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def html(findings: Findings) -> str:
    return render(findings)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read(html)


def requests(page: Page) -> Iterator[str]:
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in LOADS or (name == "href" and tag in {"link", "image", "use"}):
                yield value


def test_every_tag_closes_in_order_and_every_link_within_the_page_has_a_target(page: Page) -> None:
    assert page.faults == []
    assert page.open == []
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    links = {a["href"][1:] for tag, a in page.elements if tag == "a" and a["href"].startswith("#")}
    assert links
    assert links <= set(names)


def test_nothing_is_loaded_from_elsewhere(page: Page, html: str) -> None:
    assert [value for value in requests(page) if not value.startswith("data:")] == []
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert style
    assert "@import" not in style
    assert "url(" not in style


def test_the_page_is_at_most_eight_megabytes_and_holds_the_drawing_library_once(html: str) -> None:
    assert len(html.encode()) <= 8_000_000
    assert html.count("plotly.js v") == 1


def test_the_page_names_its_language_title_and_viewport(page: Page) -> None:
    assert ("html", {"lang": "en-GB"}) in page.elements
    assert any(tag == "meta" and a.get("name") == "viewport" for tag, a in page.elements)
    assert "CD19 CAR-NK/IL-15 against CD19 CAR-T" in page.text


def test_every_figure_has_words_for_those_who_cannot_see_it(page: Page, findings: Findings) -> None:
    plots = [a for tag, a in page.elements if tag == "div" and a.get("class") == "plot"]
    assert len(plots) == sum(len(group) for group in draw(findings).values())
    assert all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in plots)


def test_the_warnings_stand_before_the_first_number_of_the_table(page: Page) -> None:
    text = page.text
    assert WARNING in text
    assert NOT_CALIBRATED in text
    assert text.index(WARNING) < text.index("Head to head Each prediction")
    assert text.index(NOT_CALIBRATED) < text.index("Head to head Each prediction")


def test_a_calibrated_run_is_not_called_uncalibrated(findings: Findings) -> None:
    calibrated = dataclasses.replace(findings, manifest={**findings.manifest, "calibrated": True})
    assert NOT_CALIBRATED not in read(render(calibrated)).text


def test_sections_come_in_the_order_a_reader_asks(page: Page) -> None:
    keys = [a["id"] for tag, a in page.elements if tag == "section"]
    assert keys == [
        "answer", "head", "survival", "response", "kinetics", "toxicity", "why", "relapse", "access",
        "parameters-section", "ledger", "failed", "synthesis", "claims", "credibility", "reproduce",
    ]  # fmt: skip


def test_published_values_stand_beside_predictions_with_trial_denominator_and_scale(page: Page) -> None:
    assert "Marin 2024: 49 % (32 to 66 %), n = 37, investigator" in page.text
    assert "ZUMA-1: 13 % (7.0 to 21 %), n = 101, Lee 2014" in page.text


def test_pooled_evidence_stands_beside_the_published_and_is_called_a_rebuild(page: Page, findings: Findings) -> None:
    assert "rebuilt set of studies, not over the study table of the published review" in page.text
    assert "26.9 % (21.7 % to 32.7 %) Han2024, 75 trials" in page.text
    assert "10.5 % (8.1 % to 13.6 %) Han2024, 75 trials" in page.text
    for given in ("CD19 with CD28", "CD19 with 4-1BB", "BCMA with 4-1BB"):
        assert page.text.count(f"CAR-T, {given} Neurotoxicity with CAR-T: a REBUILT study set") == 2
    assert "one-sided 95 % upper bound 1.6 %" in page.text
    assert re.search(r"counts from memory; without them 0 of 1\d\d, upper bound 1\.\d %", page.text)
    assert "one comparator for all CAR-T would mislead" in page.text and INDIRECT_WARNING in page.text
    assert "Published toxicity" not in read(render(dataclasses.replace(findings, synthesis=()))).text


def test_zero_events_show_their_upper_bound(page: Page) -> None:
    assert "no event in 200; upper bound 1.8 %" in page.text
    assert "no event in 200 virtual patients; the 95 % interval still allows up to 1.8 %" in page.text


def test_figures_hold_the_numbers_at_risk(html: str, findings: Findings) -> None:
    specs = json.loads(re.findall(r'<script type="application/json" id="specs">(.*?)</script>', html, re.DOTALL)[0])
    traces = {
        trace["name"]: trace for trace in specs["pfs"]["figure"]["data"] if trace.get("name", "").startswith("at risk")
    }
    assert set(traces) == {f"at risk {arm}" for arm in findings.arms}
    for arm in findings.arms:
        counts = [int(text) for text in traces[f"at risk {arm}"]["text"]]
        assert counts[0] == len(findings.survival["PFS"][arm].last_seen)
        assert counts == sorted(counts, reverse=True)


def test_failed_patients_are_named_with_their_reason(page: Page) -> None:
    assert "step size fell below 1e-10 on day 6.2" in page.text
    assert "1 of 400 simulated courses failed" in page.text


def test_every_claim_is_listed_and_the_disputed_ones_lie_open(page: Page, findings: Findings) -> None:
    shown = [page.text.index(f" {one.statement} {one.id}, {one.kind} {one.verdict} ") for one in findings.claims]
    assert len(shown) == 56
    disputed = [place for place, one in zip(shown, findings.claims, strict=True) if one.disputed]
    others = [place for place, one in zip(shown, findings.claims, strict=True) if not one.disputed]
    assert max(disputed) < page.text.index(f"The other {len(others)} claims") < min(others)
    (contradicted,) = [one for one in findings.claims if one.id == "C40"]
    assert f"{contradicted.note} contradicted as stated; lower, not absent" in page.text
    assert [a for tag, a in page.elements if tag == "details" and "open" in a and a.get("id") != "toc"]


def test_the_page_says_how_to_get_the_same_numbers(page: Page) -> None:
    assert "perforin run cd19_lbcl --n 200 --seed 1" in page.text
    assert "0123456789abcdef" in page.text


def test_text_from_a_scenario_cannot_become_markup(findings: Findings) -> None:
    bad = dataclasses.replace(findings, title="<script>alert(1)</script>", question="</script><b>x</b>",
                              arms={"carnk": "<img src=http://x>", "cart": "</script>"})  # fmt: skip
    page = read(render(bad))
    assert page.faults == []
    assert [a for tag, a in page.elements if tag == "img"] == []
    assert "<script>alert(1)</script>" in page.text


def test_a_study_with_nothing_but_estimates_still_gives_a_page() -> None:
    only = Findings("one", "One arm", "What happens?", {"a": "A"}, "a", (Estimate("CR_best", "a", 0.5, 0.4, 0.6, 100),))
    page = read(render(only))
    assert page.faults == []
    assert "Nothing to draw" in page.text
    assert WARNING not in page.text


def test_the_machine_copy_says_what_the_page_says(findings: Findings, tmp_path: Path) -> None:
    path = Path(write(findings, tmp_path))
    assert path == tmp_path / "report.html"
    copy = json.loads((tmp_path / "report.json").read_text())
    assert copy["answer"]["warning"] == warning(findings)
    assert copy["patients"] == 200
    assert copy["failed"] == 1
    response = next(one for one in copy["estimates"] if (one["arm"], one["endpoint"]) == ("carnk", "ORR_d30"))
    assert response["value"] == pytest.approx(0.48)
    assert response["published"][0]["trial"] == "Marin 2024"
    assert response["published"][0]["n"] == 37


def test_numbers_that_json_cannot_hold_become_null(findings: Findings) -> None:
    odd = dataclasses.replace(findings, estimates=(Estimate("PFS_12m", "carnk", float("nan"), 0.0, float("inf"), 3),))
    one = as_json(odd)["estimates"][0]
    assert (one["value"], one["low"], one["high"]) == (None, 0.0, None)


def test_parameters_are_listed_with_source_and_assumptions_are_marked(page: Page, findings: Findings) -> None:
    assert "Halle2016 Fig. 2" in page.text
    assert "Halle S and others (2016)" in page.text
    assert "no measurement in lymphoma was found" in page.text
    marked = [a for tag, a in page.elements if tag == "td" and "assumed" in a.get("class", "")]
    assert len(marked) == sum(int((table["kind"] == "assumed").sum()) for table in findings.parameters.values())
    assert isinstance(findings.ledger, pd.DataFrame)
