"""One equation, two rows: code that computes knows no cell type, product or trial; they are data."""

from __future__ import annotations

import ast
import re

import pytest

from source_tree import PACKAGE, parse, python_files, read, shown

NEUTRAL_CODE = ("model", "mechanisms", "kernels", "patients", "trial", "endpoints")
CELL_TYPES = [
    "nk", "nk cells?", "natural killer", "nkt", "nk 92", "nk92", "t cells?", "t lymphocytes?", "car t", "car ts",
    "car nk", "car nks", "cart", "carnk", "gamma delta", "cord blood", "ipsc", "induced pluripotent",
]  # fmt: skip
BRANDS = [
    "axi cel", "axicabtagene", "yescarta", "tisa cel", "tisagenlecleucel", "kymriah", "liso cel", "lisocabtagene",
    "breyanzi", "brexu cel", "tecartus", "ide cel", "abecma", "cilta cel", "carvykti", "obe cel", "aucatzyl",
    "zuma", "juliet", "transcend", "eliana", "belinda", "karmma", "cartitude", "felix",
    "nkx101", "nkx019", "ft516", "ft576", "ft596", "ft522", "tak 007", "tak007",
]  # fmt: skip
GENERIC = {"effector", "patient", "donor", "product", "antibody", "alpha", "transform"}
"""Names in the library that are also ordinary words."""
HOST = r"(?<!host )(?<!hosts )"


def flat(text: str) -> str:
    """Lower case, words apart, whatever joined them: CAR-NK, car_nk and CarNk all give 'car nk'."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.sub(r"[\s_\-/]+", " ", text).lower()


def library_names() -> list[str]:
    """Names of products, cells and trials, as the library's files name them."""
    folder = PACKAGE / "library"
    stems = {path.stem for kind in ("products", "cells") for path in (folder / kind).glob("*.yaml")}
    stems |= {path.name for path in (folder / "trials").glob("*") if path.is_dir()}
    return sorted({flat(stem) for stem in stems if len(stem) > 2} - GENERIC)


def pattern(names: list[str]) -> re.Pattern[str]:
    return re.compile(rf"{HOST}\b(?:{'|'.join(sorted(names, reverse=True))})\b")


def named(text: str, names: list[str]) -> list[str]:
    return [match.group(0) for match in pattern(names).finditer(flat(text))]


@pytest.mark.parametrize("folder", NEUTRAL_CODE)
def test_code_that_computes_names_no_cell_type_product_or_trial(folder: str) -> None:
    names = CELL_TYPES + BRANDS + library_names()
    found = [
        f"{shown(path)}:{number}: {', '.join(hits)}: {line.strip()}"
        for path in python_files(folder)
        for number, line in enumerate(read(path).splitlines(), 1)
        if not line.lstrip().startswith("@mechanism") and (hits := named(line, names))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", NEUTRAL_CODE)
def test_code_that_computes_compares_with_no_row_key(folder: str) -> None:
    found = [
        f"{shown(path)}:{node.lineno}: {node.value!r}"
        for path in python_files(folder)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant) and node.value in ("T", "NK")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    ["x == 'car_nk'", "CAR-T", "NK cells lyse", "CarNk", "a T cell", "axi-cel", "class NK:", "nk_budget", "ZUMA-1"],
)
def test_the_search_finds_what_it_must(text: str) -> None:
    assert named(text, CELL_TYPES + BRANDS)


@pytest.mark.parametrize(
    "text", ["host_nk: Cells", "host NK cells", "host_t", "NKG2A", "kill_by_car", "unknown", "host T cells", "start"]
)
def test_the_search_leaves_neutral_words_alone(text: str) -> None:
    assert not named(text, CELL_TYPES + BRANDS)
