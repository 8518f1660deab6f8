"""The way of the data is one direction: so are the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = {"spendgate": ROOT / "spendgate", "spendgate_components": ROOT / "components" / "spendgate_components"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count; those for type checkers alone do not."""
    modules = {
        ".".join((name, *file.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"): file
        for name, folder in PACKAGES.items()
        for file in folder.rglob("*.py")
    }
    graph = {name: set(_imports(file, modules.keys())) - {name} for name, file in modules.items()}
    assert len(graph) > 300
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def _imports(file: Path, known: Set[str]) -> Iterator[str]:
    for node in _run(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name` imports the module of that name where there is one.
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in known else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs below a node."""
    yield node
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from _run(child)
