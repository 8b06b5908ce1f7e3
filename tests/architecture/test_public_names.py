"""What is public is documented and exported, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from source_tree import PACKAGE, parse, python_files, shown

LAZY = PACKAGE / "__init__.py"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def exported(tree: ast.Module) -> list[str] | None:
    names: list[str] | None = None
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__" and isinstance(node, ast.Assign | ast.AugAssign):
            names = [*(names or []), *ast.literal_eval(node.value)]
    return names


def bound(tree: ast.Module) -> set[str]:
    """Names that importing the module binds."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
    return names


def definitions(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, Definition]]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{inside}{node.name}.")


def is_overload(node: Definition) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)


def test_every_public_function_and_class_has_a_docstring() -> None:
    bare = [
        f"{shown(path)}:{node.lineno} {name}"
        for path in python_files()
        for name, node in definitions(parse(path).body)
        if ast.get_docstring(node) is None and not is_overload(node)
    ]
    assert not bare, "\n".join(bare)


def test_every_module_exports_what_it_defines_and_nothing_else() -> None:
    wrong = []
    for path in python_files():
        names, tree = exported(parse(path)), parse(path)
        public = {name for name, _ in definitions(tree.body) if "." not in name}
        if names is None:
            wrong += [f"{shown(path)}: has no __all__"] if public else []
        elif path != LAZY:
            wrong += [f"{shown(path)}: __all__ lacks {name}" for name in sorted(public - set(names))]
            wrong += [f"{shown(path)}: __all__ names {name}, unknown" for name in sorted(set(names) - bound(tree))]
            wrong += [f"{shown(path)}: __all__ names {name} twice" for name in {n for n in names if names.count(n) > 1}]
    assert not wrong, "\n".join(wrong)


def test_the_walk_finds_definitions_and_exports(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text("__all__ = ['a']\n__all__ += ['b']\ndef a():\n    'x'\nclass B:\n    def c(self): ...\n")
    tree = parse(path)
    assert exported(tree) == ["a", "b"]
    assert [name for name, _ in definitions(tree.body)] == ["a", "B", "B.c"]
    assert bound(tree) == {"__all__", "a", "B"}
