from __future__ import annotations

from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.yaml_reader import read_text, read_yaml


def test_numbers_are_numbers_and_words_are_words() -> None:
    data = read_text(
        "a: 1e7\nb: NO\nc: off\nd: 1:30\ne: 2024-01-01\nf: true\ng: ~\nh: '5'\ni: .5\nj: 010\nk: 8e8 cell"
    ).data
    assert data == {
        "a": 1e7, "b": "NO", "c": "off", "d": "1:30", "e": "2024-01-01", "f": True, "g": None, "h": "5", "i": 0.5,
        "j": 10, "k": "8e8 cell",
    }  # fmt: skip
    assert isinstance(data["a"], float) and isinstance(data["j"], int)


def test_every_key_keeps_its_line() -> None:
    document = read_text("a:\n  b:\n    - c: 1\n    - d: 2\n", "mine.yaml")
    assert str(document.location(("a", "b", 1, "d"))) == "mine.yaml:4"
    assert str(document.location(("a", "b", 7, "unheard"))) == "mine.yaml:2", "the nearest key above"


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    document = read_text("x: &x {a: 1, b: 2}\ny: &y {c: 3, <<: *x}\nz:\n  <<: [*y, {d: 5}]\n  b: 4\n")
    assert document.data["z"] == {"a": 1, "b": 4, "c": 3, "d": 5}
    assert document.location(("z", "a")).line == 1, "a merged key stands where the anchor is"
    assert document.location(("z", "b")).line == 5


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: 1\nb: 2\na: 3\n", "text:3: found the key 'a' twice, first in line 1"),
        ("a:\n  x: {p: 1, p: 2}\n", "text:2: found the key 'p' twice"),
        ("a: [1, 2\nb: 3\n", "text:2: found text that is not YAML"),
        ("a: b: c\n", "text:1: found text that is not YAML"),
        ("\ta: 1\n", "text:1: found text that is not YAML"),
        ("a: *nowhere\n", "text:1: found text that is not YAML"),
        ("a: &a [*a]\n", "found an anchor that holds itself"),
        ("a: &a {b: *a}\n", "found an anchor that holds itself"),
        ("[a, b]: 1\n", "found a key that is a list"),
        ("a: {<<: 3}\n", "found '<<' before something that is no mapping"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as problem:
        read_text(text)
    assert message in str(problem.value)


def test_a_bomb_of_anchors_is_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(UserError, match="more than 100000 keys"):
        read_text("\n".join(lines))


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"found no file .*none.yaml"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe\x00")
    with pytest.raises(UserError, match="needed UTF-8"):
        read_yaml(tmp_path / "bytes.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        read_yaml(tmp_path)
