"""The documentation follows from the code: a page for each mechanism, and no link that leads nowhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from source_tree import ROOT, read, shown, text_files
from supply_figures import rows
from toy_model import hunting

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)?(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", read(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def broken(path: Path, inside: Path | None = None) -> list[str]:
    """Links of one page that lead nowhere; ``inside`` is where the page will stand."""
    here = (inside or path).parent
    lost = []
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        aim = (here / target).resolve() if target else path
        generated = aim.is_relative_to(ROOT / "docs" / "generated")
        if not generated and not aim.exists():
            lost.append(f"{path.name}: {target}")
        elif not generated and anchor and anchor not in anchors(aim):
            lost.append(f"{path.name}: {target}#{anchor}")
    return lost


def test_no_link_of_a_page_leads_nowhere() -> None:
    pages = [path for path in text_files() if path.suffix == ".md"]
    assert len(pages) > 20
    assert not [line for path in pages for line in broken(path)]


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](other.md) [b](page.md#a-heading) [c](#none) [d](https://example.org)\n")
    assert broken(page) == ["page.md: other.md", "page.md: #none"]


def test_every_mechanism_has_a_page_with_its_sentence_its_equations_and_every_row(
    generator: ModuleType, tmp_path: Path
) -> None:
    written = generator.generate(tmp_path / "generated")
    assert all(path.stat().st_size > 0 for path in written)
    found = list(generator.discovered())
    assert found, "no mechanism is found"
    for verb, file in found:
        text = (tmp_path / "generated" / "mechanisms" / f"{verb.name}.md").read_text(encoding="utf-8")
        assert verb.__doc__.splitlines()[0].replace("``", "`") in text
        assert text.count("<math") == len(generator.mechanism_equations(verb))
        listed = sum(line.startswith("| `") for line in text.splitlines())
        assert listed == len(verb.ports) + len(generator.rows(verb, file))


def test_the_page_on_validation_shows_every_figure_and_what_perforin_gives(generator: ModuleType) -> None:
    lines = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in generator.validation().splitlines()}
    for row in rows():
        cells = lines[row["id"]]
        assert cells[1] == row["what"] and cells[7] == row["note"]
        assert cells[6] == f"{row['role']}: {row['verdict']}"
        assert bool(cells[5].strip()) == bool(row["test"]), row["id"]
    assert lines["V18c"][2:6] == ["USD", "19,788", "19,787 to 19,789", "19,788"]
    assert lines["V12b"][2:5] == ["%", "95", "90 to 100"]
    assert lines["V15c"][3:5] == ["1.59e10", "5e9 to 3e10"]


def test_generated_copies_of_the_root_link_into_the_site(generator: ModuleType, tmp_path: Path) -> None:
    for path in generator.generate(tmp_path / "generated"):
        if path.name in generator.COPIED.values():
            assert not broken(path, ROOT / "docs" / "generated" / path.name), shown(path)


def test_a_page_shows_sentence_equation_and_citation(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "toy.csv").write_text(
        "parameter,cell,antigen,disease,value,unit,low,high,between_patient_cv,distribution,kind,status,source,locator,note\n"
        "hunting.catches,,,,2,1/day,1,3,0.2,lognormal,measured,read,Holling1959,Table 1,\n"
    )
    text = generator.page(hunting, tmp_path / "toy.py")
    assert "Each hunter catches a bounded number a day." in text
    assert "| `catches` | any | 2 | 1 / d | 1 to 3 | 0.2 | measured | Holling1959 Table 1 |" in text
    assert text.count("<math") == 2
    assert "Cites: Holling1959." in text


def test_the_example_of_solving_a_network_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "how-to" / "solve-a-network.md").read_text(encoding="utf-8")
    exec(compile("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), "solve-a-network", "exec"), {})  # noqa: S102
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "(4, 91, 2) [0 0 0 0]"
    assert len(rest) == 4
