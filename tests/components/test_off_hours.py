"""Schedules that stop development capacity: what they stop has a schedule, and what that saves is told."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate.verdict import Checked
from spendgate_components import (
    ArgumentError,
    OffHoursArgs,
    OfficeHours,
    ScaledWorkload,
    ScalingGroup,
    WorkloadTags,
)
from spendgate_components.child import declared
from spendgate_components.component import Limits, judged
from spendgate_components.off_hours import plan
from tests.components.conftest import CheckProgram, message, objections
from tests.components.test_tags import WHO
from tests.components.told import same_to_the_cent

CATALOGUE = Catalogue.builtin()

ARGS: dict[str, dict[str, Any]] = {
    "aws": {"region": "us-west-2", "instances": ["i-0123456789abcdef0"]},
    "gcp": {"region": "us-central1", "zone": "us-central1-a", "instances": ["trainer"]},
    "kubernetes": {"workloads": [ScaledWorkload("trainer")]},
}


def nights(platform: str = "aws", **change: Any) -> OffHoursArgs:
    tags = WorkloadTags(**{**WHO, **change.pop("tags", {})})
    kind = change.pop("kind", platform)
    return OffHoursArgs(**{"tags": tags, "platform": kind, **ARGS[platform], **change})


def judge(args: OffHoursArgs) -> Any:
    return judged(plan("nights", args, CATALOGUE), Limits(), CATALOGUE, args.raw, (), "nights")


def children(platform: str = "aws", **change: Any) -> dict[str, Any]:
    return {child.key: child.inputs for child in judge(nights(platform, **change))[0]}


def saving(platform: str = "aws", **change: Any) -> Any:
    return plan("nights", nights(platform, **change), CATALOGUE).outputs["estimated_saving"]


def hours_of(checked: Checked, name: str) -> list[Decimal]:
    lines = [line for line in checked.estimate.lines if line.resource.endswith(f"::{name}") and line.hours is not None]
    return [line.hours.expected for line in lines if line.hours is not None]


TOLD = """
        import json, pathlib
        nights.estimated_cost.apply(lambda cost: pathlib.Path("costs.json").write_text(json.dumps({"nights": cost})))
"""


def test_gpus_of_aws_on_demand_pass_all_packs_by_their_office_hours(check: CheckProgram) -> None:
    checked = check(
        """
        import pulumi_aws as aws
        group_tags = [{"key": key, "value": value, "propagate_at_launch": True} for key, value in tags.values.items()]
        usual = aws.Provider("usual", region="us-east-1", default_tags={"tags": tags.values})
        pulumi.runtime.set_config("aws:region", "us-east-1")
        template = aws.ec2.LaunchTemplate(
            "template", image_id="ami-1", instance_type="g5.xlarge", iam_instance_profile={"name": "trainer"},
            metadata_options={"http_tokens": "required"}, region="us-east-1",
            tag_specifications=[{"resource_type": kind, "tags": tags.values} for kind in ("instance", "volume")],
            tags=tags.values,
        )
        group = aws.autoscaling.Group(
            "workers", min_size=0, max_size=2, desired_capacity=2, availability_zones=["us-east-1a"], region="us-east-1",
            launch_template={"id": template.id, "version": "1"}, tags=group_tags,
        )
        machine = aws.ec2.Instance(
            "trainer", ami="ami-1", instance_type="g5.xlarge", iam_instance_profile="trainer", tags=tags.values,
            root_block_device={"encrypted": True, "volume_type": "gp3", "volume_size": 100, "tags": tags.values},
            region="us-east-1",
        )
        nights = OffHours(
            "nights", tags=tags, platform="aws", region="us-east-1", instance_type="g5.xlarge",
            scaling_groups=[{"name": group.name, "size": 2}], instances=[machine.id],
        )
        """
        + TOLD
    )
    assert [message(one) for one in objections(checked)] == []
    same_to_the_cent(checked)
    assert hours_of(checked, "workers") == [Decimal("217.261905")]
    assert hours_of(checked, "trainer") == [Decimal("217.261905")]


def test_a_database_of_aws_is_paid_for_its_office_hours(check: CheckProgram) -> None:
    checked = check(
        """
        import pulumi_aws as aws
        store = aws.rds.Instance(
            "store", engine="postgres", instance_class="db.t3.large", allocated_storage=50, storage_type="gp3",
            storage_encrypted=True, backup_retention_period=7, deletion_protection=True, tags=tags.values,
            region="us-east-1",
        )
        nights = OffHours("nights", tags=tags, platform="aws", region="us-east-1", databases=[store.identifier])
        """
        + TOLD
    )
    assert [message(one) for one in objections(checked)] == []
    assert hours_of(checked, "store") == [Decimal("217.261905")]


def test_gpus_of_google_cloud_on_demand_pass_all_packs_by_their_office_hours(check: CheckProgram) -> None:
    checked = check(
        """
        import pulumi_gcp as gcp
        labels = {**{key: value.replace("@", "_").replace(".", "_") for key, value in tags.values.items()}}
        machine = gcp.compute.Instance(
            "trainer", machine_type="g2-standard-4", zone="us-central1-a", labels=labels,
            boot_disk={"initialize_params": {"image": "debian-cloud/debian-12", "size": 100, "type": "pd-balanced", "labels": labels}},
            network_interfaces=[{"network": "default"}], scheduling={"on_host_maintenance": "TERMINATE"},
            service_account={"email": "trainer@llm.iam.gserviceaccount.com", "scopes": ["cloud-platform"]},
        )
        nights = OffHours(
            "nights", tags=tags, platform="gcp", region="us-central1", zone="us-central1-a", instances=[machine.name],
            instance_type="g2-standard-4", databases=["store"], project="llm",
            service_account="nights@llm.iam.gserviceaccount.com",
        )
        """
        + TOLD
    )
    assert [message(one) for one in objections(checked)] == []
    assert hours_of(checked, "trainer") == [Decimal("217.261905")]
    names = {name for name in checked.names.values() if name.startswith("nights-")}
    assert names == {f"nights-{key}" for key in ("schedule", "attach-0", "start-database-0", "stop-database-0")}


DEPLOYMENT = """
        import pulumi_kubernetes as k8s
        labels = {key: value.replace("@", "_") for key, value in tags.values.items()}
        asked = {"nvidia.com/gpu": "1", "cpu": "3", "memory": "12Gi"}
        k8s.apps.v1.Deployment("trainer", metadata={"name": "trainer", "labels": labels}, spec={
            "replicas": 1, "selector": {"match_labels": {"app": "trainer"}},
            "template": {"metadata": {"labels": {**labels, "app": "trainer"}}, "spec": {
                "service_account_name": "trainer",
                "node_selector": {"node.kubernetes.io/instance-type": "g6.xlarge", "topology.kubernetes.io/region": "us-west-2"},
                "containers": [{"name": "main", "image": "trainer:1.4.2", "resources": {"requests": asked, "limits": asked}}],
            }},
        })
"""


def test_a_deployment_that_keda_keeps_is_paid_for_its_office_hours(check: CheckProgram) -> None:
    checked = check(
        DEPLOYMENT
        + """
        nights = OffHours("nights", tags=tags, platform="kubernetes", workloads=[{"name": "trainer"}], hourly_usd=0.8)
        """
        + TOLD
    )
    assert [message(one) for one in objections(checked)] == []
    assert hours_of(checked, "trainer") == [Decimal("217.261905")]


def test_cron_jobs_that_scale_pass_all_packs(check: CheckProgram) -> None:
    checked = check(
        """
        nights = OffHours(
            "nights", tags=tags, platform="kubernetes", scheduler="cronjob", image="registry.k8s.io/kubectl:v1.34.1",
            workloads=[{"name": "trainer"}, {"name": "lab", "kind": "StatefulSet", "replicas": 3}], namespace="research",
        )
        """
        + TOLD
    )
    assert [message(one) for one in objections(checked)] == []
    assert len({name for name in checked.names.values() if name.startswith("nights-")}) == 7


def test_who_starts_and_stops_may_do_nothing_else() -> None:
    made = children(instances=["i-1", "i-2"], databases=["store"])
    first, second = json.loads(made["policy"]["policy"])["Statement"]
    assert first["Action"] == ["ec2:StartInstances", "ec2:StopInstances"]
    assert first["Resource"] == [f"arn:aws:ec2:us-west-2:*:instance/{one}" for one in ("i-1", "i-2")]
    assert second["Action"] == ["rds:StartDBInstance", "rds:StopDBInstance"]
    assert second["Resource"] == ["arn:aws:rds:us-west-2:*:db:store"]
    assert json.loads(made["stop-instances"]["target"]["input"]) == {"InstanceIds": ["i-1", "i-2"]}
    assert json.loads(made["start-database-0"]["target"]["input"]) == {"DbInstanceIdentifier": "store"}
    jobs = children("kubernetes", scheduler="cronjob", image="kubectl:v1.34.1")
    assert [rule["resourceNames"] for rule in jobs["role"]["rules"]] == [["trainer"], ["trainer"]]
    assert {verb for rule in jobs["role"]["rules"] for verb in rule["verbs"]} == {"get", "patch", "update"}


def test_a_scaling_group_starts_with_its_size_and_is_emptied() -> None:
    made = children(instances=None, scaling_groups=[ScalingGroup("workers", 3, min=1)])
    sizes = {key: (one["minSize"], one["desiredCapacity"], one["maxSize"]) for key, one in made.items()}
    assert sizes == {"start-group-0": (1, 3, -1), "stop-group-0": (0, 0, -1)}


def test_objects_are_valid_for_the_api_of_kubernetes() -> None:
    made = children("kubernetes", scheduler="cronjob", image="kubectl:v1.34.1", namespace="research")
    for key, kind in {
        "account": "ServiceAccount v1",
        "role": "Role rbac.authorization.k8s.io/v1",
        "binding": "RoleBinding rbac.authorization.k8s.io/v1",
        "start-0": "CronJob batch/v1",
        "stop-0": "CronJob batch/v1",
    }.items():
        name, version = kind.split()
        kubernetes_validate.validate({"apiVersion": version, "kind": name, **made[key]}, "1.34", strict=True)


def test_what_is_saved_is_the_price_of_the_hours_it_is_off() -> None:
    told = saving(instances=["i-1", "i-2"], instance_type="g5.xlarge", hours=OfficeHours(start="09:00", end="17:00"))
    hour = CATALOGUE.quote("aws", "g5.xlarge", "us-west-2").amount
    assert hour is not None
    assert told["hours_off_per_week"] == 128
    assert told["monthly"] == float((2 * hour * 128 * 730 / 168).quantize(Decimal("0.01")))
    assert any("around the clock" in text for text in told["assumptions"])


def test_without_a_price_the_saving_is_unknown_and_says_so() -> None:
    told = saving()
    assert told["monthly"] is None
    assert told["assumptions"] == ["what is stopped has no price here: write instance_type, or hourly_usd"]


@pytest.mark.parametrize(
    ("platform", "change", "told"),
    [
        ("aws", {"kind": "azure"}, "Write one of aws, gcp, kubernetes."),
        ("aws", {"instances": None}, "Write scaling_groups=[…] or instances=[…] or databases=[…]."),
        ("aws", {"tags": {"environment": "prod"}}, "which keeps no office hours"),
        ("aws", {"workloads": [ScaledWorkload("x")]}, "workloads is for kubernetes, not for aws"),
        ("aws", {"hours": OfficeHours(end="22:00")}, "is 70 hours a week\nWrite at most 60 hours"),
        ("aws", {"scaling_groups": [ScalingGroup("g", 0)]}, "scaling_groups.0.size is 0"),
        ("aws", {"scaling_groups": [ScalingGroup("g", 2, min=3)]}, "Write a whole number of instances from 0 to 2."),
        ("aws", {"instance_type": "g5.xlrage"}, 'did you mean "g5.xlarge"?'),
        ("aws", {"count": 2}, "Write instance_type=…."),
        ("aws", {"hourly_usd": -1}, "Write an amount in US dollars, such as 4.8."),
        ("aws", {"instances": None, "databases": ["d"], "instance_type": "g5.xlarge"}, "Write hourly_usd=…"),
        ("gcp", {"zone": "us-east1-b"}, 'Write zone="us-central1-a"'),
        ("gcp", {"instances": None, "databases": ["d"]}, "project and service_account missing for databases"),
        ("kubernetes", {"workloads": [ScaledWorkload("x", kind="Job")]}, "Write one of Deployment, StatefulSet."),
        ("kubernetes", {"scheduler": "cronjob"}, "Write one with kubectl and a version"),
        ("kubernetes", {"image": "kubectl:1"}, 'Leave it out, or write scheduler="cronjob".'),
        ("aws", {"raw": {"stop-instances": {"schedule_expression": "rate(1 day)"}}}, "scheduleExpression is changed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    platform: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(nights(platform, **change))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    platform=st.sampled_from(sorted(ARGS)),
    end=st.integers(9, 20),
    rate=st.decimals(Decimal("0.01"), Decimal(500), places=2),
    extra=st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=4),
    cronjobs=st.booleans(),
)  # fmt: skip
def test_every_tag_arrives_and_what_is_saved_and_paid_is_the_whole_month(
    platform: str, end: int, rate: Decimal, extra: dict[str, str], cronjobs: bool
) -> None:
    more = {"scheduler": "cronjob", "image": "kubectl:v1.34.1"} if platform == "kubernetes" and cronjobs else {}
    args = nights(
        platform, hourly_usd=float(rate), hours=OfficeHours(end=f"{end:02}:00"), tags={"extra": extra}, **more
    )
    planned = plan("nights", args, CATALOGUE)
    made, estimate, warnings = judged(planned, Limits(), CATALOGUE, None, (), "nights")
    assert not estimate.unpriced
    assert not warnings
    assert estimate.total.monthly.high == 0
    told = planned.outputs["estimated_saving"]
    there = 168 - told["hours_off_per_week"]
    assert there == (end - 8) * 5
    assert told["monthly"] == pytest.approx(float(rate) * 730 * (1 - there / 168), abs=0.01)
    for workload in facts_of(declared(made, "nights", "project", "stack"), CATALOGUE):
        if workload.mapped and workload.facts.taggable:
            assert set(args.tags.values) <= set(workload.facts.tags), workload.resource.type
