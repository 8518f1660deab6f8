"""What schedulers start and stop is paid for between the two; claims of known storage classes are volumes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spendgate.estimate.estimator import estimate
from spendgate.facts import facts_of
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource
from tests.conftest import ROOT

CATALOGUE = Catalogue.builtin()
PROVIDERS = {
    "aws": Provider("aws", "urn:aws", {"region": "us-east-1"}),
    "gcp": Provider("gcp", "urn:gcp", {"region": "us-central1"}),
}


def resource(type_: str, name: str, /, depends: dict[str, str] | None = None, **properties: Any) -> Resource:
    meant = {top: (f"urn:test::{other}",) for top, other in (depends or {}).items()}
    found = tuple(urn for urns in meant.values() for urn in urns)
    provider = PROVIDERS.get(type_.split(":")[0])
    address = f"urn:test::{name}"
    return Resource(type_, name, address, properties, provider, dependencies=found, property_dependencies=meant)


def read(*resources: Resource) -> tuple[Workload, ...]:
    return facts_of(Declaration("p", "dev", ROOT, resources), CATALOGUE)


def scheduler(name: str, action: str, cron: str, given: Any, depends: dict[str, str] | None = None) -> Resource:
    target = {"arn": f"arn:aws:scheduler:::aws-sdk:{action}", "roleArn": "arn:aws:iam::1:role/r", "input": given}
    return resource("aws:scheduler/schedule:Schedule", name, depends, scheduleExpression=cron, target=target)


SERVICES: list[tuple[Resource, str, str, Any]] = [
    (
        resource("aws:sagemaker/notebookInstance:NotebookInstance", "lab", name="lab", instanceType="ml.g6.xlarge"),
        "sagemaker:startNotebookInstance",
        "sagemaker:stopNotebookInstance",
        {"NotebookInstanceName": "lab"},
    ),
    (
        resource("aws:rds/instance:Instance", "lab", identifier="lab", engine="postgres", instanceClass="db.t3.large"),
        "rds:startDBInstance",
        "rds:stopDBInstance",
        {"DbInstanceIdentifier": "lab"},
    ),
    (
        resource("aws:ec2/instance:Instance", "lab", instanceType="g6.xlarge"),
        "ec2:startInstances",
        "ec2:stopInstances",
        {"InstanceIds": ["i-0123"]},
    ),
]


@pytest.mark.parametrize(("what", "start", "stop", "named"), SERVICES)
@pytest.mark.parametrize("literal", [True, False])
def test_what_eventbridge_scheduler_starts_and_stops_runs_between_the_two(
    what: Resource, start: str, stop: str, named: Any, literal: bool
) -> None:
    if literal and what.type.startswith("aws:ec2"):
        return  # the id of an instance of this stack is never a literal
    given = json.dumps(named) if literal else UNKNOWN
    depends = None if literal else {"target": "lab"}
    first, *_ = read(
        what,
        scheduler("on", start, "cron(0 8 ? * MON-FRI *)", given, depends),
        scheduler("off", stop, "cron(30 18 ? * MON-FRI *)", given, depends),
    )
    assert first.facts.schedule is not None
    assert first.facts.schedule.hours_per_week == 52.5
    assert first.facts.schedule.declared_by.startswith("on, off: ")
    machine = estimate((first,), CATALOGUE).lines[0]
    assert machine.hours is not None
    assert machine.hours.expected == Decimal("228.125")


@pytest.mark.parametrize("expression", ["rate(1 day)", "cron(0 8 ? * 2-6 *)", "cron(0 8 ? * MON-FRI 2027)"])
def test_a_schedule_that_cannot_be_read_is_unknown(expression: str) -> None:
    what, start, stop, named = SERVICES[0]
    first, *_ = read(
        what,
        scheduler("on", start, expression, json.dumps(named)),
        scheduler("off", stop, "cron(0 18 ? * MON-FRI *)", json.dumps(named)),
    )
    assert first.facts.schedule is None
    assert "schedule" in first.facts.unknowns


def test_what_is_only_stopped_may_run_all_week() -> None:
    what, _, stop, named = SERVICES[0]
    first, *_ = read(what, scheduler("off", stop, "cron(0 18 ? * MON-FRI *)", json.dumps(named)))
    assert "nothing declared here starts it again" in first.facts.unknowns["schedule"]


def test_a_workbench_that_cloud_scheduler_starts_and_stops_runs_between_the_two() -> None:
    url = "https://notebooks.googleapis.com/v2/projects/llm/locations/us-central1-a/instances/lab"
    first, *_ = read(
        resource("gcp:workbench/instance:Instance", "lab", name="lab", location="us-central1-a"),
        resource("gcp:cloudscheduler/job:Job", "on", schedule="0 8 * * 1-5", httpTarget={"uri": f"{url}:start"}),
        resource("gcp:cloudscheduler/job:Job", "off", schedule="0 18 * * 1-5", httpTarget={"uri": f"{url}:stop"}),
        resource(
            "gcp:cloudscheduler/job:Job", "other", schedule="0 3 * * *", httpTarget={"uri": "https://example.com"}
        ),
    )
    assert first.facts.schedule is not None
    assert first.facts.schedule.hours_per_week == 50


def kept(*triggers: dict[str, Any], least: int | None = 0) -> Workload:
    selector = {"node.kubernetes.io/instance-type": "g6.xlarge", "topology.kubernetes.io/region": "us-east-1"}
    container = {"name": "main", "image": "lab:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    pod = {"nodeSelector": selector, "containers": [container]}
    spec = {"scaleTargetRef": {"kind": "StatefulSet", "name": "lab"}, "maxReplicaCount": 1, "triggers": list(triggers)}
    if least is not None:
        spec["minReplicaCount"] = least
    first, *_ = read(
        resource("kubernetes:apps/v1:StatefulSet", "lab", metadata={"name": "lab"}, spec={"template": {"spec": pod}}),
        resource("kubernetes:keda.sh/v1alpha1:ScaledObject", "hours", metadata={"name": "hours"}, spec=spec),
    )
    return first


OFFICE = {"type": "cron", "metadata": {"timezone": "UTC", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5"}}


def test_what_keda_keeps_for_office_hours_is_paid_for_those() -> None:
    notebook = kept(OFFICE)
    assert notebook.facts.schedule is not None
    assert notebook.facts.schedule.hours_per_week == 50
    (line,) = estimate((notebook,), CATALOGUE).lines
    assert line.cost is not None
    assert line.cost.monthly.high == Decimal("217.261905") * Decimal("0.8048")
    assert line.cost.monthly.low == 0


@pytest.mark.parametrize(
    "other",
    [
        kept(OFFICE, least=1),
        kept(OFFICE, {"type": "prometheus", "metadata": {}}),
        kept({"type": "cpu", "metadata": {"value": "60"}}),
    ],
)
def test_what_may_run_outside_of_office_hours_has_no_schedule(other: Workload) -> None:
    assert other.facts.schedule is None
    assert "schedule" not in other.facts.unknowns


@pytest.mark.parametrize(
    ("class_", "region", "item"),
    [("gp3", "us-east-1", "ebs.gp3"), ("standard-rwo", "us-central1", "disk.pd-balanced")],
)
def test_a_claim_of_a_known_class_whose_label_names_a_region_is_a_volume(class_: str, region: str, item: str) -> None:
    def claim(labels: dict[str, str], of: str) -> Workload:
        spec = {"storageClassName": of, "resources": {"requests": {"storage": "50Gi"}}}
        metadata = {"name": "home", "labels": labels}
        return read(resource("kubernetes:core/v1:PersistentVolumeClaim", "home", metadata=metadata, spec=spec))[0]

    there = {"topology.kubernetes.io/region": region}
    (line,) = estimate((claim(there, class_),), CATALOGUE).lines
    quote = CATALOGUE.storage_quote("aws" if region == "us-east-1" else "gcp", item, region)
    assert quote.amount is not None
    assert line.item == item
    assert line.cost is not None
    assert line.cost.monthly.expected == 50 * quote.amount
    assert f"the class {class_} is taken for {item}" in line.assumptions
    for other in (claim({}, class_), claim(there, "fast")):
        (unpriced,) = estimate((other,), CATALOGUE).lines
        assert unpriced.quote.reason is NoPrice.UNPRICED
