"""Cost cases as files hold them (declared/*.yaml): resources as a program declares them, and the lines they come to.

A resource is ``token: {properties}``, or ``token name: {properties}`` where another one names it. ``${name.id}`` is an
output of another resource: not known at preview, but known to come from there. ``${later.x}``, of nothing that is
declared, is known only after apply.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from spendgate.estimate.model import Range
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource
from tests.conftest import ROOT

FOLDER: Final = Path(__file__).with_name("declared")
_OUTPUT: Final = re.compile(r"\$\{(\w+)\.\w+\}")
_SETTINGS: Final = {"aws": "region", "gcp": "region", "azure-native": "location"}


@dataclass(frozen=True)
class Case:
    """One case, and the file whose defaults hold for it."""

    name: str
    file: str
    resources: tuple[Resource, ...]
    lines: tuple[Mapping[str, Any], ...]
    usage: str | None = None
    discounts: str | None = None
    xfail: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


def cases() -> list[Case]:
    """The cases of all files, tables written out."""
    return [case for path in sorted(FOLDER.glob("*.yaml")) for case in _cases_of(path)]


def figure(text: Any) -> Fraction:
    """``2 * 1.006 * 730``: products and sums, exactly."""
    return _value(ast.parse(str(text), mode="eval").body)


def figures(value: Any) -> tuple[Fraction, Fraction, Fraction]:
    """Low, expected and high; a single figure is all three."""
    low, expected, high = value if isinstance(value, list) else [value] * 3
    return figure(low), figure(expected), figure(high)


def bounds(range_: Range) -> tuple[Fraction, Fraction, Fraction]:
    """Those of a range, to be held against figures."""
    return Fraction(range_.low), Fraction(range_.expected), Fraction(range_.high)


def declaration(case: Case) -> Declaration:
    """The case as a stack."""
    return Declaration("cases", "dev", ROOT, case.resources)


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(Decimal(repr(node.value)))
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
    raise ValueError(f"no figure: {ast.unparse(node)}")


def _cases_of(path: Path) -> Iterator[Case]:
    data = YAML(typ="safe").load(path)
    for entry in data["cases"]:
        for row in entry.get("each", [{}]):
            case = _filled({key: value for key, value in entry.items() if key != "each"}, row)
            region = case.get("region", data.get("region"))
            yield Case(
                name=case["name"],
                file=path.stem,
                resources=_resources(case["resources"], region, case.get("provider", {})),
                lines=tuple(case["lines"]),
                usage=case.get("usage"),
                discounts=case.get("discounts"),
                xfail=case.get("xfail"),
                defaults={"region": region, "source": data.get("source")},
            )


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    """The value with ``<x>`` as the row of a table says; one that is nothing else keeps the row's type."""
    if isinstance(value, dict):
        return {_filled(key, row): _filled(item, row) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, row) for item in value]
    if isinstance(value, str) and row:
        if value[:1] == "<" and value[1:-1] in row:
            return row[value[1:-1]]
        for name, word in row.items():
            value = value.replace(f"<{name}>", str(word))
    return value


def _resources(entries: list[Any], region: str | None, settings: Mapping[str, Any]) -> tuple[Resource, ...]:
    named = [_named(entry, index) for index, entry in enumerate(entries)]
    names = {name for _, name, _ in named}
    found = []
    for token, name, properties in named:
        package = token.split(":", 1)[0]
        own = {_SETTINGS[package]: region} if region and package in _SETTINGS else {}
        depends = {key: tuple(_depended(value, names)) for key, value in properties.items()}
        found.append(
            Resource(
                token,
                name,
                address(name),
                {key: _computed(value) for key, value in properties.items()},
                Provider(package, f"urn:provider:{package}", {**own, **settings}),
                dependencies=tuple(dict.fromkeys(one for many in depends.values() for one in many)),
                property_dependencies={key: many for key, many in depends.items() if many},
            )
        )
    return tuple(found)


def address(name: str) -> str:
    """The address of a resource of a case."""
    return f"urn:case::{name}"


def _named(entry: Any, index: int) -> tuple[str, str, Mapping[str, Any]]:
    ((key, properties),) = entry.items() if isinstance(entry, dict) else ((entry, {}),)
    token, _, name = key.partition(" ")
    return token, name or f"it{index or ''}", properties or {}


def _depended(value: Any, names: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _depended(item, names)
    elif isinstance(value, str) and (found := _OUTPUT.fullmatch(value)) and found[1] in names:
        yield address(found[1])


def _computed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _computed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_computed(item) for item in value]
    return UNKNOWN if isinstance(value, str) and _OUTPUT.fullmatch(value) else value
