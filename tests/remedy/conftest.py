"""Guardrails written in a test, asked about resources written in a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.remedy.alone import Alone
from spendgate.remedy.mending import mend
from spendgate.remedy.model import Mended
from spendgate.resource import Provider, Resource
from spendgate.rules.compiled import Compiled, compile_guardrail
from spendgate.rules.guardrail import Enforcement, Selected
from spendgate.rules.library import load_guardrail

HEAD = """apiVersion: spendgate.dev/v1
kind: Guardrail
metadata:
  name: {name}
  title: A guardrail of the tests
  category: test
  severity: low
  description: It stands in a test.
spec:
  target: resource
  enforcement: mandatory
  onUnknown: warn
  params:
    hours: {{type: number, default: 24}}
    tags: {{type: object, additionalProperties: {{type: string}}, default: {{}}}}
  validations:
    - expression: {check}
      message: {name} is not content
  remediation: Mend it.
  remediate:
{patches}
"""

Write = Callable[..., Compiled]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write and compile a guardrail at level ``remediate``: its check, its patches as YAML, its parameters."""

    def made(name: str, check: str, *patches: str, level: str = "remediate", **params: Any) -> Compiled:
        text = "\n".join(f"    - {patch}" for patch in patches)
        file = tmp_path / f"{name}.yaml"
        file.write_text(HEAD.format(name=name, check=repr_yaml(check), patches=text), "utf-8")
        guardrail = load_guardrail(file)
        return compile_guardrail(Selected(guardrail, Enforcement(level), {**guardrail.defaults, **params}))

    return made


def repr_yaml(text: str) -> str:
    """A text as YAML has it in one line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def resource(type_: str, properties: Mapping[str, Any], name: str = "it", **settings: Any) -> Resource:
    """One resource as a program declares it."""
    package = type_.split(":", 1)[0]
    provider = Provider(package, f"urn:{package}", {"region": "us-east-1", **settings})
    return Resource(type_, name, f"urn:pulumi:dev::demo::{type_}::{name}", dict(properties), provider)


def alone() -> Alone:
    """What is known of a stack before it is whole."""
    return Alone("demo", "dev", "acme", "development", Catalogue.builtin(), datetime(2026, 1, 1, tzinfo=UTC))


def mended(one: Resource, *guardrails: Compiled) -> Mended:
    """One resource after remediation, as a served pack has it."""
    known = alone()

    def ask_about(changed: Resource) -> Any:
        workload = known.workload(changed)
        return None if workload is None else known.subject(workload)

    return mend(replace(one), guardrails, ask_about)
