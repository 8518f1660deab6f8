"""Tests of guardrails: cases in YAML, run through the production gate with a checking reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spendgate import schemas
from spendgate.errors import InputError, Place, did_you_mean
from spendgate.gate import STACK_TYPE, check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Options, Provider, Resource, Secret
from spendgate.rules.evaluate import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected
from spendgate.verdict import Finding, Status
from spendgate.yamlfile import YamlFile, read_yaml

_TAGS = {"!unknown": lambda _: UNKNOWN, "!secret": Secret}
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went; ``faults`` says what was missing or too much, and is empty when it went as expected."""

    guardrail: str
    case: str
    place: Place
    faults: tuple[str, ...]
    statuses: frozenset[str] = frozenset()


def case_files(folder: Path) -> list[Path]:
    """The test files below ``folder``, in order."""
    return sorted(folder.rglob("*.test.yaml"))


def run_file(path: Path, library: Mapping[str, Guardrail]) -> list[Outcome]:
    """Run every case of one test file.

    Raises InputError when the file is wrong or tests a guardrail that does not exist: that is a mistake, not a pass.
    """
    file = read_yaml(path, tags=_TAGS)
    schemas.validate(file, "guardrail-test")
    name = file.data["guardrail"]
    if name not in library:
        raise InputError(
            f'no guardrail "{name}" to test', place=file.place("guardrail"), remedy=did_you_mean(name, library)
        )
    return [_run_case(library[name], file, index) for index in range(len(file.data["cases"]))]


def _run_case(guardrail: Guardrail, file: YamlFile, index: int) -> Outcome:
    case: Mapping[str, Any] = file.data["cases"][index]
    unknown = [key for key in case.get("params", {}) if key not in guardrail.params]
    if unknown:
        raise InputError(
            f'guardrail "{guardrail.name}" has no parameter "{unknown[0]}"',
            place=file.key_place("cases", index, "params", unknown[0]),
            remedy=did_you_mean(unknown[0], guardrail.params),
        )
    level = Enforcement.MANDATORY if guardrail.enforcement is Enforcement.DISABLED else guardrail.enforcement
    compiled = compile_guardrail(Selected(guardrail, level, {**guardrail.defaults, **case.get("params", {})}))
    declaration = declare(case["resources"], case.get("stack", "dev"))
    environment = case.get("environment", "development")
    checked = check(declaration, (compiled,), Catalogue.builtin(), environment=environment, now=_NOW)
    return Outcome(
        guardrail.name,
        case["name"],
        file.place("cases", index),
        tuple(_compare(case["expect"], checked.findings)),
        frozenset(str(finding.status) for finding in checked.findings) or frozenset({"pass"}),
    )


def declare(resources: Iterable[Mapping[str, Any]], stack: str = "dev", project: str = "test") -> Declaration:
    """A declaration from resources written as data: type, name, properties, provider settings."""
    written = list(resources)
    addresses = {item["name"]: f"urn:pulumi:{stack}::{project}::{item['type']}::{item['name']}" for item in written}
    made = tuple(_resource(item, addresses) for item in written)
    return Declaration(project, stack, Path(), made)


def _resource(item: Mapping[str, Any], addresses: Mapping[str, str]) -> Resource:
    package = item["type"].split(":", 1)[0]
    dependencies = {
        key: tuple(addresses.get(name, name) for name in names) for key, names in item.get("dependsOn", {}).items()
    }
    return Resource(
        type=item["type"],
        name=item["name"],
        address=addresses[item["name"]],
        properties=item.get("properties", {}),
        provider=Provider(
            package, f"urn:pulumi:dev::test::pulumi:providers:{package}::default", item.get("provider", {})
        ),
        external=item.get("external", False),
        options=Options(protect=item.get("protect", False)),
        dependencies=tuple(urn for urns in dependencies.values() for urn in urns),
        property_dependencies=dependencies,
        position=Place("__main__.py", 1),
    )


def _compare(expected: Iterable[Mapping[str, Any]], findings: Iterable[Finding]) -> Iterable[str]:
    left = list(findings)
    for wanted in expected:
        found = next((finding for finding in left if _fits(wanted, finding)), None)
        if found is None:
            yield f"expected but missing: {dict(wanted)}"
        else:
            left.remove(found)
    for finding in left:
        yield f"not expected: {finding.status} on {finding.name}: {finding.message}"


def _fits(wanted: Mapping[str, Any], finding: Finding) -> bool:
    name = None if finding.type == STACK_TYPE else finding.name
    return (
        wanted.get("resource") == name
        and Status(wanted["status"]) is finding.status
        and wanted.get("message", finding.message) == finding.message
        and wanted.get("contains", "") in finding.message
        and wanted.get("enforcement", finding.enforcement) == finding.enforcement
    )
