"""Notebooks: they stop when idle, keep office hours, and have no GPU unless they say why."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from decimal import Decimal
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.facts import facts_of
from spendgate.facts.cron import hours_per_week
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.library import load_library
from spendgate_components import ArgumentError, OfficeHours, WorkloadTags, WorkspaceArgs
from spendgate_components.child import declared
from spendgate_components.component import Limits, judged
from spendgate_components.hours import DAYS, MOST_HOURS, hours_of
from spendgate_components.workspace import MOST_DISK, MOST_IDLE, RUN_TYPE, plan
from tests.components.conftest import CheckProgram, message, objections
from tests.components.test_tags import WHO
from tests.components.told import same_to_the_cent

CATALOGUE = Catalogue.builtin()
GPU = {"accelerator": "T4", "gpu_reason": "kernel-debugging"}

ARGS: dict[str, dict[str, Any]] = {
    "sagemaker": {"region": "us-east-1", "role_arn": "arn:aws:iam::1:role/lab"},
    "workbench": {"zone": "us-central1-a", "service_account": "lab@llm.iam.gserviceaccount.com", "project": "llm"},
    "eks": {"region": "us-east-1", "image": "lab:4.2.0"},
    "karpenter": {"region": "us-east-1", "image": "lab:4.2.0"},
    "gke": {"region": "us-central1", "image": "lab:4.2.0"},
}


def workspace(platform: str = "sagemaker", **change: Any) -> WorkspaceArgs:
    tags = WorkloadTags(**{**WHO, **change.pop("tags", {})})
    kind = change.pop("kind", platform)
    return WorkspaceArgs(**{"tags": tags, "platform": kind, **ARGS[platform], **change})


def judge(args: WorkspaceArgs) -> Any:
    limits = Limits(max_monthly_cost=args.max_monthly_cost, approval=args.approval)
    return judged(plan("lab", args, CATALOGUE), limits, CATALOGUE, args.raw, (), "lab")


def children(platform: str = "sagemaker", **change: Any) -> dict[str, Any]:
    return {child.key: child.inputs for child in judge(workspace(platform, **change))[0]}


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("platform", sorted(ARGS))
def test_a_workspace_on_every_platform_passes_all_packs(platform: str, gpu: bool, check: CheckProgram) -> None:
    more: dict[str, Any] = dict(GPU) if gpu else {}
    if gpu and platform == "gke":
        more["memory_gib"] = 12
    checked = check(f"""
        import json, pathlib
        lab = Workspace("lab", tags=tags, **{ {"platform": platform, **ARGS[platform], **more}!r})
        lab.estimated_cost.apply(lambda cost: pathlib.Path("costs.json").write_text(json.dumps({{"lab": cost}})))
    """)
    assert [message(one) for one in objections(checked)] == []
    same_to_the_cent(checked)
    assert not checked.estimate.unpriced
    machines = [line for line in checked.estimate.lines if line.hours is not None]
    assert all(line.hours.expected == Decimal("217.261905") for line in machines if line.hours)
    assert bool(machines) is (gpu or platform in ("sagemaker", "workbench"))


def test_the_bounds_are_those_of_the_guardrails() -> None:
    library = load_library()

    def default(guardrail: str, param: str) -> Any:
        return library[guardrail].params[param]["default"]

    assert default("notebook-idle-shutdown", "max_minutes") == MOST_IDLE
    assert default("storage-size-bounded", "max_gib")["notebook"] == MOST_DISK
    assert default("run-type-fits-kind", "fits")["notebook"] == [RUN_TYPE]
    assert default("nonprod-gpu-spot-or-scheduled", "max_hours_per_week") == MOST_HOURS
    assert default("nonprod-pool-office-hours", "max_hours_per_week") == MOST_HOURS


@pytest.mark.parametrize(
    ("platform", "change", "told"),
    [
        ("eks", {"kind": "colab"}, "Write one of sagemaker, workbench, eks, gke, karpenter."),
        ("sagemaker", {"role_arn": None}, "role_arn is missing for sagemaker"),
        ("sagemaker", {"image": "lab:1"}, "image is for eks, gke, karpenter, not for sagemaker"),
        ("sagemaker", {"accelerator": "T4"}, "a notebook with T4 does not say why"),
        ("sagemaker", {"gpu_reason": "kernel-debugging"}, "gpu_reason is for a workspace with an accelerator"),
        ("sagemaker", {"instance_type": "ml.g5.xlarge"}, "Write accelerator=… and gpu_reason=…."),
        ("sagemaker", {"instance_type": "ml.t3.medum"}, 'did you mean "ml.t3.medium"?'),
        ("sagemaker", {"idle_minutes": 600}, "Write a whole number of minutes from 10 to 120."),
        ("sagemaker", {"disk_gib": 5000}, "Write a whole number of GiB from 5 to 500."),
        ("sagemaker", {"security_group_ids": ["sg-1"]}, "Write subnet_id=… as well."),
        ("sagemaker", {"tags": {"run_type": "training"}}, "work that ends is a TrainingJob"),
        ("sagemaker", {"office_hours": OfficeHours(start="8")}, 'office_hours.start is "8"\nWrite a time of day'),
        ("sagemaker", {"office_hours": OfficeHours(end="07:00")}, "before it starts"),
        ("sagemaker", {"office_hours": OfficeHours(days="mo-fr")}, "Write days such as mon-fri or mon,wed,fri."),
        ("sagemaker", {"office_hours": OfficeHours(timezone="Berlin")}, "Write a name such as Europe/Berlin."),
        (
            "sagemaker",
            {"office_hours": OfficeHours(start="06:00", end="22:00")},
            "is 80 hours a week\nWrite at most 60",
        ),
        ("sagemaker", {"max_monthly_cost": 5}, "raise max_monthly_cost, or name an approval"),
        ("workbench", {"zone": "us-central1"}, 'Write a zone, such as zone="us-central1-a".'),
        ("eks", {"image": "lab"}, "Write a version (lab:4.2.0) or a digest."),
        ("gke", {**GPU}, "Write memory_gib=…, less than the machine has."),
        ("sagemaker", {"raw": {"idle-stop": {"on_start": ""}}}, "idle-stop.onStart is changed"),
        ("workbench", {"raw": {"notebook": {"gce_setup": {"disable_public_ip": False}}}}, "disablePublicIp is changed"),
        ("eks", {"raw": {"hours": {"spec": {"minReplicaCount": 1}}}}, "hours.spec is changed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    platform: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(workspace(platform, **change))


def test_the_script_that_stops_an_idle_notebook_is_a_script(tmp_path: Any) -> None:
    script = base64.b64decode(children(idle_minutes=45)["idle-stop"]["onStart"]).decode()
    assert "IDLE_TIME=2700" in script
    (tmp_path / "start.sh").write_text(script, encoding="utf-8")
    subprocess.run(["bash", "-n", tmp_path / "start.sh"], check=True)
    program = script.split("<<'PROGRAM'\n")[1].split("\nPROGRAM\n")[0]
    compile(program, "stop-when-idle.py", "exec")
    # At most 16,384 characters in base64 (Amazon SageMaker API, NotebookInstanceLifecycleHook).
    assert len(base64.b64encode(script.encode())) < 16384


def test_who_keeps_the_hours_may_do_nothing_else() -> None:
    policy = children()["scheduler-policy"]["policy"]
    (statement,) = json.loads(policy.text)["Statement"]
    assert statement["Action"] == ["sagemaker:StartNotebookInstance", "sagemaker:StopNotebookInstance"]
    assert (policy.child, policy.output, statement["Resource"]) == ("notebook", "arn", "<output>")


@pytest.mark.parametrize("gpu", [False, True])
def test_objects_are_valid_for_the_api_of_kubernetes(gpu: bool) -> None:
    made = children("eks", service_account="lab", **(GPU if gpu else {}))
    for key, kind in {
        "home": "PersistentVolumeClaim v1",
        "notebook": "StatefulSet apps/v1",
        "service": "Service v1",
    }.items():
        name, version = kind.split()
        kubernetes_validate.validate({"apiVersion": version, "kind": name, **made[key]}, "1.34", strict=True)


times = st.integers(0, 23 * 60 + 59)


@given(
    first=times,
    second=times,
    days=st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True),
)
def test_every_scheduler_is_told_the_same_hours(first: int, second: int, days: list[str]) -> None:
    start, end = sorted((first, second))

    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    asked = OfficeHours(start=clock(start), end=clock(end), days=",".join(days))
    if start == end:
        with pytest.raises(ArgumentError):
            hours_of(asked, "office_hours", production=True)
        return
    hours = hours_of(asked, "office_hours", production=True)
    assert float(hours.per_week) == pytest.approx((end - start) / 60 * len(days))
    assert hours_per_week((hours.cron(start),), (hours.cron(end),)) == pytest.approx(float(hours.per_week))
    named = hours.eventbridge(start).removeprefix("cron(").split()[4]
    assert {day.lower() for day in named.split(",")} == set(days)


def test_a_range_of_days_may_go_over_the_weekend() -> None:
    assert hours_of(OfficeHours(days="fri-mon"), "h", production=False).days == (0, 1, 5, 6)


@st.composite
def workspaces(draw: st.DrawFn) -> WorkspaceArgs:
    platform = draw(st.sampled_from(sorted(ARGS)))
    change: dict[str, Any] = {
        "disk_gib": draw(st.integers(5, 500)),
        "idle_minutes": draw(st.integers(10, 120)),
        "office_hours": OfficeHours(end=draw(st.sampled_from(["09:30", "17:00", "20:00"])), days="mon-fri"),
    }
    if draw(st.booleans()):
        change |= {"accelerator": draw(st.sampled_from(["T4", "L4", "A10G"])), "gpu_reason": "kernel-debugging"}
    if platform in ("eks", "gke", "karpenter"):
        change["memory_gib"] = 8
    extra = draw(st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=5))  # fmt: skip
    return workspace(platform, tags={"extra": extra}, **change)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(args=workspaces(), limit=st.none() | st.integers(0, 500))
def test_every_tag_arrives_the_hours_hold_and_so_does_the_limit(args: WorkspaceArgs, limit: int | None) -> None:
    try:
        made, estimate, _ = judged(
            plan("lab", args, CATALOGUE), Limits(max_monthly_cost=limit), CATALOGUE, None, (), "lab"
        )
    except ArgumentError:
        return
    if limit is not None:
        assert not estimate.unpriced
        assert estimate.total.monthly.high <= limit
    workloads = facts_of(declared(made, "lab", "project", "stack"), CATALOGUE)
    for workload in workloads:
        if workload.facts.taggable:
            assert set(args.tags.values) <= set(workload.facts.tags), workload.resource.type
        for fact in workload.facts.unknowns:
            assert fact in ("role", "permissions"), (workload.resource.type, dict(workload.facts.unknowns))
    (notebook,) = [one.facts for one in workloads if one.resource.name == "lab-notebook"]
    hours = hours_of(args.office_hours, "office_hours", production=False)
    assert notebook.schedule is not None
    assert notebook.schedule.hours_per_week == float(hours.per_week)
    if args.platform in ("sagemaker", "workbench"):
        assert notebook.idle_shutdown_minutes == args.idle_minutes
