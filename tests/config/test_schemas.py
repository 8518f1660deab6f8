"""The published schemas, and the line by which editors find them in every shipped YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from spendgate import schemas
from spendgate.errors import InputError
from spendgate.resource import UNKNOWN
from spendgate.waivers.file import TAGS
from spendgate.yamlfile import parse_yaml, read_yaml
from tests.conftest import ROOT

SHIPPED = ("policies", "packs", "examples", "components", "spendgate", "benchmarks")
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")
OUTPUTS = {"check", "price", "reconcile", "test", "config-show", "pack-diff", "summary", "invoices", "kpis"}
OUTPUTS |= {"explain", "budget-check"}
"""What spendgate prints: later versions add to it, so it is not closed."""


def shipped_files() -> list[Path]:
    """Every YAML file of a kind of ours in what is shipped, and at the root."""
    files = [*ROOT.glob("*.yaml"), *(path for name in SHIPPED for path in (ROOT / name).rglob("*.yaml"))]
    return sorted(path for path in files if "\napiVersion: spendgate.dev/" in "\n" + path.read_text(encoding="utf-8"))


def schema_by_kind() -> dict[str, str]:
    """The $id of the schema of each kind of file."""
    loaded = (schemas.schema(name) for name in schemas.NAMES)
    return {rules["properties"]["kind"]["const"]: rules["$id"] for rules in loaded if "kind" in rules["properties"]}


def test_every_shipped_file_names_the_schema_of_its_kind_at_its_top() -> None:
    files = shipped_files()
    assert len(files) > 120
    by_kind = schema_by_kind()
    kind = re.compile(r"^kind: (\w+)$", re.MULTILINE)
    wrong = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        line, found = MODELINE.match(text), kind.search(text)
        if not (line and found and line[1] == by_kind[found[1]]):
            wrong.append(str(path.relative_to(ROOT)))
    assert wrong == []


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_schema_is_valid_and_its_id_is_what_files_name(name: str) -> None:
    rules = schemas.schema(name)
    assert rules["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schemas.modeline(name) == f"# yaml-language-server: $schema={rules['$id']}\n"
    Draft202012Validator.check_schema(rules)
    assert rules["title"]
    assert rules["description"]


@pytest.mark.parametrize("name", sorted(set(schemas.NAMES) - OUTPUTS))
def test_no_schema_of_a_file_lets_an_unknown_key_pass(name: str) -> None:
    open_ = [path for path, rules in objects(schemas.schema(name)) if rules.get("additionalProperties") is not False]
    assert open_ == []


def objects(rules: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a schema that name properties, with their path."""
    if isinstance(rules, dict):
        if isinstance(rules.get("properties"), dict) and isinstance(rules.get("type"), (str, list)):
            yield path or "/", rules
        for key, part in rules.items():
            yield from objects(part, f"{path}/{key}")
    elif isinstance(rules, list):
        for index, part in enumerate(rules):
            yield from objects(part, f"{path}/{index}")


def test_the_recorded_settings_of_a_fresh_project_name_their_schema() -> None:
    from spendgate.sources.recording import HEADER

    assert HEADER.startswith(schemas.modeline("config"))


def test_the_repository_is_configured_by_a_file_of_its_own_schema() -> None:
    schemas.validate(read_yaml(ROOT / "spendgate.yaml"), "config")


def test_the_files_in_the_documentation_are_of_their_schemas() -> None:
    blocks = [
        (path.name, block)
        for path in (ROOT / "docs").glob("*.md")
        for block in re.findall(r"```yaml\n(# yaml-language-server.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(blocks) >= 3
    tags = {**TAGS, "!unknown": lambda _: UNKNOWN}
    for name, block in blocks:
        file = parse_yaml(block, name, tags)  # editors take dates for texts
        schemas.validate(file, MODELINE.match(block)[1].split("/")[-1].removesuffix(".schema.json"))  # type: ignore[index]


def patterns(rules: Any) -> Iterator[str]:
    """All patterns in a schema."""
    if isinstance(rules, dict):
        if isinstance(rules.get("pattern"), str):
            yield rules["pattern"]
        rules = list(rules.values())
    if isinstance(rules, list):
        for item in rules:
            yield from patterns(item)


def test_nobody_who_writes_a_file_has_to_read_a_regular_expression() -> None:
    written = {one for name in schemas.NAMES if name not in OUTPUTS for one in patterns(schemas.schema(name))}
    hashes = {
        one for one in patterns(schemas.schema("pack-manifest")) if "[0-9a-f]{64}" in one
    }  # `pack build` writes it
    assert written - hashes - {r"\S"} == set(schemas.FORMS) & written


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "config",
            "waivers: {maxLength: ninety}",
            '4:22: waivers.maxLength is "ninety", not a number of days such as 90d',
        ),
        ("config", "approvals: {approvers: [' ']}", "4:25: approvals.approvers.0 is empty"),
        ("pack", "spec: {requires: {spendgate: '9'}}", 'is "9", not the oldest release that will do, such as >=0.1.0'),
        (
            "guardrail",
            "spec: {params: {A-b: {}}}",
            '4:17: the key "A-b" of spec.params is not a lower-case letter, then',
        ),
    ],
)
def test_what_is_written_in_another_form_is_told_with_the_right_one(name: str, text: str, said: str) -> None:
    kind = schemas.schema(name)["properties"]["kind"]["const"]
    file = parse_yaml(f"# {name}\napiVersion: spendgate.dev/v1\nkind: {kind}\n{text}\n", "file.yaml")
    with pytest.raises(InputError) as caught:
        schemas.validate(file, name)
    assert said in str(caught.value)
