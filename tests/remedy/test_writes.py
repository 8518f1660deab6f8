"""Where facts are written: what the table says is read back as that fact, and is in the installed SDKs."""

from __future__ import annotations

from typing import Any

import pytest

from spendgate.facts.table import Mappings
from spendgate.facts.writes import TAGS, type_of, types_with_writes, writable_facts, writes_of
from spendgate.remedy.model import Patch
from spendgate.remedy.writing import apply, below, patch_of
from tests.facts import crds, sdk
from tests.remedy.conftest import alone, resource

TABLES = Mappings()
TAGGABLE = [
    token
    for package in sdk.PACKAGES
    for token in TABLES.package(package).tokens()  # type: ignore[union-attr]
    if TAGS in writes_of(token)
]
ROWS = [(token, fact) for token in types_with_writes() for fact in writes_of(token) if fact != TAGS]
SAMPLES: dict[str, Any] = {"string": "gp3", "bool": True, "double": 7}
WHERE: dict[str, dict[str, Any]] = {  # what makes a type be of the case that the fact is of
    "azure-native:machinelearningservices:Compute": {"properties": {"computeType": "ComputeInstance"}},
    "gcp:dataproc/cluster:Cluster": {"clusterConfig": {}},
}


def read_back(token: str, path: str, value: Any) -> Any:
    one = resource(token, WHERE.get(token, {}))
    patch = patch_of(one.properties, path, value)
    assert isinstance(patch, Patch), patch
    workload = alone().workload(apply(one, (patch,)))
    assert workload is not None
    return workload.facts


@pytest.mark.parametrize(("token", "fact"), ROWS, ids=[f"{token} {fact}" for token, fact in ROWS])
def test_what_is_written_is_read_back_as_the_fact(token: str, fact: str) -> None:
    write = writes_of(token)[fact]
    sample = SAMPLES[type_of(fact)]
    assert getattr(read_back(token, write.path, write.convert(sample)), fact) == pytest.approx(sample)


@pytest.mark.parametrize("token", TAGGABLE)
def test_a_tag_that_is_written_is_read_back(token: str) -> None:
    facts = read_back(token, below(writes_of(token)[TAGS].path, "cost-center"), "cc-1")
    assert facts.tags["cost-center"] == "cc-1"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("token", "fact"), ROWS, ids=[f"{token} {fact}" for token, fact in ROWS])
def test_the_sdk_has_the_property(token: str, fact: str) -> None:
    if reason := sdk.missing(token.split(":", 1)[0]):
        pytest.skip(reason)
    assert crds.problem(token, writes_of(token)[fact].path) is None


def test_a_type_of_many_versions_is_one() -> None:
    versioned = "azure-native:machinelearningservices/v20240401:Compute"
    assert writes_of(versioned)["idle_shutdown_minutes"].path == "properties.properties.idleTimeBeforeShutdown"


def test_what_has_no_row_has_no_place() -> None:
    assert writes_of("aws:nothing/at:All") == {}
    assert writes_of("custom:a:B") == {}


def test_tags_that_are_a_list_are_not_written() -> None:
    assert TAGS not in writes_of("aws:autoscaling/group:Group")


def test_values_are_rounded_down_and_never_to_nothing() -> None:
    hours = writes_of("kubernetes:batch/v1:Job")["max_runtime_hours"].convert
    assert hours(1.99999) == 7199
    assert hours(0.0001) is None
    days = writes_of("aws:cloudwatch/logGroup:LogGroup")["retention_days"].convert
    assert (days(45), days(90), days(0.5)) == (30, 90, None)


def test_the_facts_that_can_be_written_are_known() -> None:
    assert {"tags", "storage_class", "max_runtime_hours", "idle_shutdown_minutes", "retention_days"} <= set(
        writable_facts()
    )
