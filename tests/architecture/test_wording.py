"""UK spelling, and a repository that speaks of perforin alone."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_tree import ROOT, all_python_files, parse, read, shown, text_files

US_SPELLINGS = re.compile(
    r"\b(?:tumors?|behaviors?|centers?|centered|model(?:ing|ed|er)|label(?:ed|ing)|leukemias?|anemias?|neighbors?|"
    r"favor(?:s|ed|able)?|analyz(?:e|es|ed|ing)|optimiz(?:e|es|ed|ing|ation)|randomiz(?:e|es|ed|ing|ation)|"
    r"characteriz(?:e|es|ed|ing)|summariz(?:e|es|ed|ing)|normaliz(?:e|es|ed|ing|ation)|recogniz(?:e|es|ed|ing)|"
    r"organiz(?:e|es|ed|ing|ation)|parameteriz(?:e|es|ed|ing)|minimiz(?:e|es|ed|ing)|maximiz(?:e|es|ed|ing)|"
    r"colors?|colored|pediatric|etiology|edema|hemoglobin|hematolog(?:y|ic|ical)|catalogs?|gray|fibers?|"
    r"localiz(?:e|es|ed|ing)|utiliz(?:e|es|ed|ing)|emphasiz(?:e|es|ed)|cancel(?:ed|ing)|travel(?:ed|ing))\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r"```.*?```|``[^`]*``|`[^`]*`|https?://\S+|\"[^\"\n]*\"|'[^'\n]*'", re.DOTALL)
FOREIGN = [
    r"/(?:work|tmp)/", "workplace", "chatbot", "model-spec", "shared/(?!data|claims)", "issues show", "language model",
    r"(?<!scope=.)\bsessions?\b", r"\bcontract\.md", r"\bprompts?\b",
]  # fmt: skip
ELSEWHERE = re.compile("|".join(FOREIGN), re.IGNORECASE)


def without_quotations(text: str) -> str:
    """The prose, with code, addresses and quotations blanked and lines kept."""
    return QUOTED.sub(lambda match: "\n" * match.group(0).count("\n"), text)


def prose_of_python(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text:
                first = node.body[0].lineno
                yield from enumerate(without_quotations(text).splitlines(), first)
    for token in tokenize.generate_tokens(io.StringIO(read(path)).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], without_quotations(token.string)


def prose_of_text(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(without_quotations(read(path)).splitlines(), 1):
        if not line.lstrip().startswith(("title:", "locator:")):
            yield number, line


def us_spellings() -> Iterator[str]:
    files = [(path, prose_of_python(path)) for path in all_python_files()]
    files += [(path, prose_of_text(path)) for path in text_files() if path.suffix in {".md", ".yaml", ".yml"}]
    for path, lines in files:
        for number, line in lines:
            for match in US_SPELLINGS.finditer(line):
                yield f"{shown(path)}:{number}: {match.group(0)}"


def test_prose_is_spelt_as_in_the_united_kingdom() -> None:
    found = list(us_spellings())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text,wrong", [("a tumor grows", 1), ("a tumour", 0), ("`color`", 0), ("randomized", 1)])
def test_the_spelling_check_reads_prose_and_not_code(text: str, wrong: int) -> None:
    assert len(US_SPELLINGS.findall(without_quotations(text))) == wrong


def test_the_repository_speaks_of_perforin_alone() -> None:
    files = text_files()
    assert len(files) > 50
    assert ROOT / "README.md" in files
    found = [
        f"{shown(path)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(read(path).splitlines(), 1)
        if path != Path(__file__) and ELSEWHERE.search(line)
    ]
    assert not found, "\n".join(found)
