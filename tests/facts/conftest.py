"""Real programs, run once through the real SDKs; their facts by resource name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from spendgate.facts import facts_of
from spendgate.facts.model import Facts, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import Declaration
from spendgate.sources.pulumi_program import run_program
from tests.facts import sdk

PROGRAMS = Path(__file__).parent / "programs"

FactsOf = Callable[[str], Facts]


def by_name(declaration: Declaration) -> Mapping[str, Workload]:
    """The workloads of a declaration by resource name."""
    return {workload.resource.name: workload for workload in facts_of(declaration, Catalogue.builtin())}


@pytest.fixture(scope="session")
def aws_declaration() -> Declaration:
    return run_program(PROGRAMS / "aws")


@pytest.fixture(scope="session")
def google_declaration() -> Declaration:
    return run_program(PROGRAMS / "google")


@pytest.fixture(scope="session")
def azure_declaration() -> Declaration:
    if reason := sdk.missing("azure-native"):
        pytest.skip(reason)
    return run_program(PROGRAMS / "azure")


@pytest.fixture(scope="session")
def aws_more_declaration() -> Declaration:
    return run_program(PROGRAMS / "aws-more")


@pytest.fixture(scope="session")
def google_more_declaration() -> Declaration:
    return run_program(PROGRAMS / "google-more")


@pytest.fixture(scope="session")
def custom_declaration() -> Declaration:
    return run_program(PROGRAMS / "custom")


@pytest.fixture(scope="session")
def custom(custom_declaration: Declaration) -> FactsOf:
    workloads = by_name(custom_declaration)
    return lambda name: workloads[name].facts


@pytest.fixture(scope="session")
def aws_more(aws_more_declaration: Declaration) -> FactsOf:
    workloads = by_name(aws_more_declaration)
    return lambda name: workloads[name].facts


@pytest.fixture(scope="session")
def google_more(google_more_declaration: Declaration) -> FactsOf:
    workloads = by_name(google_more_declaration)
    return lambda name: workloads[name].facts


@pytest.fixture(scope="session")
def aws(aws_declaration: Declaration) -> FactsOf:
    workloads = by_name(aws_declaration)
    return lambda name: workloads[name].facts


@pytest.fixture(scope="session")
def google(google_declaration: Declaration) -> FactsOf:
    workloads = by_name(google_declaration)
    return lambda name: workloads[name].facts
