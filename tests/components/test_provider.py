"""The component provider, driven over real gRPC as the engine does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from spendgate.checking import compile_for_environments
from spendgate.config import load_config
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import Declaration, Secret
from spendgate.rules.library import Faults
from spendgate.rules.selection import library_of
from spendgate.sources.deployment import Deployment
from spendgate.sources.invokes import Answers
from spendgate.sources.monitor import Monitor, serve
from spendgate_components.provider import COMPONENTS, schema
from tests.components.conftest import PACKS, message, objections
from tests.conftest import ROOT

WHO = {
    "project": "llm", "team": "nlp", "owner": "nlp@example.com", "environment": "dev", "costCenter": "cc-4711",
    "reviewBy": "2027-01-31",
}  # fmt: skip

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that is not known yet, in Pulumi's protocol."""


@dataclass
class Engine:
    """An engine with the provider as its plugin: a monitor of ours, and the provider's own process."""

    stub: Any
    deployment: Deployment
    address: str

    def construct(self, component: str, name: str, inputs: dict[str, Any], **config: str) -> Any:
        values = struct_pb2.Struct()
        values.update(inputs)
        return self.stub.Construct(
            provider_pb2.ConstructRequest(
                project="platform",
                stack="dev",
                dryRun=True,
                parallel=4,
                monitorEndpoint=self.address,
                type=f"spendgate:index:{component}",
                name=name,
                inputs=values,
                config={"aws:region": "us-west-2", **{f"spendgate:{key}": value for key, value in config.items()}},
            ),
            timeout=120,
        )


def _command(folder: Path) -> list[str]:
    """The provider as an installed command, made as installers make it of what pyproject.toml names."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, function = scripts["pulumi-resource-spendgate"].split(":")
    command = folder / "pulumi-resource-spendgate"
    text = f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    command.write_text(text, encoding="utf-8")
    command.chmod(0o755)
    return [str(command)]


@pytest.fixture(params=["folder"])
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    deployment = Deployment("platform", "dev", tmp_path, config={"aws:region": "us-west-2"})
    with serve(Monitor(deployment, Answers((), deployment.assume))) as address:
        start = _command(tmp_path) if request.param == "command" else [sys.executable, str(ROOT / "components")]
        command = [*start, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
            try:
                assert process.stdout is not None
                port = process.stdout.readline().decode().strip()
                with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                    yield Engine(provider_pb2_grpc.ResourceProviderStub(channel), deployment, address)
            finally:
                process.terminate()
                process.communicate(timeout=30)


def test_the_schema_that_is_checked_in_is_the_one_that_is_served(engine: Engine) -> None:
    served = json.loads(engine.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert served == schema()
    kept = json.loads((ROOT / "components" / "schema.json").read_text(encoding="utf-8"))
    assert kept == served, "write it anew: python -m spendgate_components.schema"


def test_every_component_and_every_argument_is_described() -> None:
    found = schema()
    names = {name.rsplit(":", 1)[-1] for name in found["resources"]}
    assert names == {
        "BudgetGuard",
        "CheckpointStore",
        "GpuCluster",
        "GpuNodePool",
        "InferenceEndpoint",
        "OffHours",
        "TagSet",
        "TrainingJob",
        "Workspace",
    }
    for name, resource in found["resources"].items():
        assert resource["isComponent"] is True
        assert resource["description"], name
        for kind in ("inputProperties", "properties"):
            for word, value in resource[kind].items():
                assert value.get("description"), f"{name}.{word}"
    for name, kind in found["types"].items():
        for word, value in kind["properties"].items():
            assert value.get("description"), f"{name}.{word}"


@pytest.mark.parametrize("engine", ["folder", "command"], indirect=True)
def test_a_pool_is_constructed_priced_and_passes_all_packs(engine: Engine) -> None:
    inputs = {
        "tags": WHO, "platform": "eks", "accelerator": "L4", "nodes": {"min": 0, "expected": 1, "max": 4},
        "cluster": UNKNOWN, "subnetIds": [UNKNOWN], "nodeRoleArn": "arn:aws:iam::123456789012:role/nodes",
        "raw": {"template": {"description": "GPU nodes"}},
    }  # fmt: skip
    answer = engine.construct("GpuNodePool", "train", inputs)
    assert answer.urn.endswith("spendgate:index:GpuNodePool::train")
    cost = answer.state["estimatedCost"]["monthly"]
    checked = _checked(engine)
    monthly = checked.estimate.total.monthly
    assert [cost["low"], cost["expected"], cost["high"]] == [round(float(one), 2) for one in monthly.bounds]
    assert answer.state["instanceType"] == "g6.xlarge"
    assert answer.state["instanceTypeReason"].startswith("g6.xlarge with 1 × L4 24 GiB in us-west-2")
    assert set(checked.names.values()) == {"train-template", "train-spot"}
    assert [message(one) for one in objections(checked)] == []


def test_a_store_is_constructed_on_either_cloud(engine: Engine) -> None:
    engine.construct("CheckpointStore", "ckpt", {"tags": WHO, "cloud": "aws", "expireAfterDays": 14})
    engine.construct("CheckpointStore", "weights", {"tags": WHO, "cloud": "gcp", "region": "us-central1", "holds": "weights"})  # fmt: skip
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    assert len(checked.names) == 15


def test_a_job_is_constructed_with_the_price_of_a_run(engine: Engine) -> None:
    tags = {**WHO, "model": "ranker", "dataset": "clicks", "runType": "fine-tuning"}
    inputs = {
        "tags": tags, "platform": "eks", "accelerator": "L4", "image": "registry.example.com/trainer:1.4.2",
        "maxHours": 6, "workers": 2, "checkpointUri": UNKNOWN, "maxCostPerRun": 50,
    }  # fmt: skip
    answer = engine.construct("TrainingJob", "tune", inputs)
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    run = checked.estimate.total.run
    told = answer.state["estimatedCost"]["run"]
    assert [told["low"], told["expected"], told["high"]] == [round(float(one), 2) for one in run.bounds]


def test_an_endpoint_is_constructed_with_the_price_of_its_inferences(engine: Engine) -> None:
    tags = {**WHO, "model": "ranker", "modelVersion": "3"}
    inputs = {
        "tags": tags, "platform": "sagemaker", "accelerator": "L4", "image": "registry.example.com/server:1.4.2",
        "replicas": {"min": 0, "max": 3}, "roleArn": UNKNOWN, "outputUri": UNKNOWN, "requestsPerSecond": 10,
    }  # fmt: skip
    answer = engine.construct("InferenceEndpoint", "serve", inputs)
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    told = answer.state["estimatedCost"]["monthly"]
    monthly = checked.estimate.total.monthly
    assert [told["low"], told["expected"], told["high"]] == [round(float(one), 2) for one in monthly.bounds]
    assert answer.state["costPer1000Inferences"]["low"] == pytest.approx(1.127 / 36, abs=1e-6)


def test_a_cluster_is_constructed_with_its_pools_and_teams(engine: Engine) -> None:
    inputs = {
        "tags": WHO, "platform": "eks", "subnetIds": [UNKNOWN, UNKNOWN], "kmsKey": UNKNOWN, "quota": "kueue",
        "pools": {
            "l4": {"accelerator": "L4", "perNode": 1, "nodes": {"expected": 1, "max": 2}},
            "big-t4": {"accelerator": "T4", "perNode": 4, "nodes": {"min": 0, "max": 1}, "minVcpu": 48},
        },
        "teams": {"nlp": {"accelerators": 3, "byPool": {"l4": 1, "big-t4": 2}, "memoryGib": 64}},
        "raw": {"l4-template": {"description": "GPU nodes"}},
    }  # fmt: skip
    answer = engine.construct("GpuCluster", "research", inputs)
    assert answer.state["instanceTypes"] == {"l4": "g6.xlarge", "big-t4": "g4dn.12xlarge"}
    assert answer.state["accelerators"] == 6
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    assert {"research-big-t4-spot", "research-team-nlp-queue"} <= set(checked.names.values())
    told = answer.state["estimatedCost"]["monthly"]
    bounds = checked.estimate.total.monthly.bounds
    assert [told["low"], told["expected"], told["high"]] == [round(float(one), 2) for one in bounds]


def test_a_workspace_is_constructed_with_its_office_hours(engine: Engine) -> None:
    inputs = {
        "tags": WHO, "platform": "sagemaker", "region": "us-east-1", "roleArn": UNKNOWN, "idleMinutes": 45,
        "officeHours": {"start": "09:00", "end": "17:00", "timezone": "Europe/Berlin"}, "maxMonthlyCost": 30,
    }  # fmt: skip
    answer = engine.construct("Workspace", "lab", inputs)
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    told = answer.state["estimatedCost"]["monthly"]
    monthly = checked.estimate.total.monthly
    assert [told["low"], told["expected"], told["high"]] == [round(float(one), 2) for one in monthly.bounds]
    assert answer.state["officeHours"] == "09:00 to 17:00 on mon,tue,wed,thu,fri (Europe/Berlin)"


def test_a_tag_set_is_told_as_each_cloud_takes_it(engine: Engine) -> None:
    answer = engine.construct("TagSet", "llm", {"tags": WHO})
    assert answer.urn.endswith("spendgate:index:TagSet::llm")
    assert answer.state["aws"]["owner"] == answer.state["azure"]["owner"] == "nlp@example.com"
    assert answer.state["gcp"]["owner"] == "nlp_example_com"
    assert answer.state["kubernetes"]["owner"] == "nlp_example.com"


def test_budgets_are_constructed(engine: Engine) -> None:
    engine.construct("BudgetGuard", "month", {"tags": WHO, "cloud": "aws", "monthlyUsd": 3000, "thresholds": [50, 100]})
    checked = _checked(engine)
    assert [message(one) for one in objections(checked)] == []
    assert set(checked.names.values()) == {"month-monthly", "month-daily"}


POOL = {
    "tags": WHO, "platform": "eks", "accelerator": "L4", "nodes": {"min": 1, "max": 1}, "spot": False,
    "cluster": "research", "subnetIds": ["subnet-1"], "nodeRoleArn": "arn:aws:iam::123456789012:role/nodes",
}  # fmt: skip


def priced(folder: Path) -> None:
    """A platform team's own price of a machine, and a discount."""
    prices = folder / ".spendgate" / "prices"
    prices.mkdir(parents=True)
    rows = (
        "provider,item,region,purchase,price,source,as_of\naws,g6.xlarge,us-west-2,on_demand,0.5,contract,2026-10-01\n"
    )
    (prices / "private.csv").write_text(rows, encoding="utf-8")
    settings = "discounts:\n  - {name: EDP, match: line.provider == 'aws', percent: 10}\n"
    (folder / "spendgate.yaml").write_text(
        f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: [gpu-baseline]\n{settings}", encoding="utf-8"
    )


@pytest.mark.parametrize("named", ["platform", "platform/spendgate.yaml"])
def test_a_stack_names_the_folder_of_a_platform_teams_own_prices_and_discounts(named: str, engine: Engine) -> None:
    public = engine.construct("GpuNodePool", "public", POOL).state["estimatedCost"]["monthly"]["expected"]
    priced(engine.deployment.root / "platform")
    answer = engine.construct("GpuNodePool", "ours", POOL, settings=named)
    # A machine at half a dollar as agreed, and a disk of 100 GiB at 8 cents less ten percent.
    assert answer.state["estimatedCost"]["monthly"]["expected"] == round(0.5 * 730 + 0.9 * 8, 2) != public
    assert "$0.5000 an hour" in answer.state["instanceTypeReason"]


def test_prices_in_the_folder_of_the_program_hold_where_none_is_named(engine: Engine) -> None:
    priced(engine.deployment.root)
    answer = engine.construct("GpuNodePool", "ours", POOL)
    assert answer.state["estimatedCost"]["monthly"]["expected"] == round(0.5 * 730 + 0.9 * 8, 2)


def test_settings_that_are_wrong_are_told_without_a_traceback(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        engine.construct("GpuNodePool", "ours", POOL, settings="plattform")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert 'spendgate:settings is "plattform"' in refused.value.details()
    (engine.deployment.root / "platform").mkdir()
    (engine.deployment.root / "platform" / "spendgate.yaml").write_text("kind: Cnfig\n", encoding="utf-8")
    with pytest.raises(grpc.RpcError) as refused:
        engine.construct("GpuNodePool", "ours", POOL, settings="platform")
    assert "spendgate.yaml" in refused.value.details()
    assert "line 1" in refused.value.details() or ":1:" in refused.value.details()
    assert 'File "' not in refused.value.details()


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter22"}
"""A secret in Pulumi's protocol."""


def test_secrets_stay_secret_in_the_children_and_outside_of_what_is_told(engine: Engine) -> None:
    inputs = {**POOL, "cluster": SECRET, "nodeRoleArn": SECRET}
    answer = engine.construct("GpuNodePool", "train", inputs)
    assert "hunter22" not in str(answer)
    by_name = {resource.name: resource for resource in engine.deployment.resources.values()}
    assert isinstance(by_name["train-on-demand"].properties["nodeRoleArn"], Secret)
    assert isinstance(by_name["train-on-demand"].properties["clusterName"], Secret)
    for name in by_name:
        assert "hunter22" not in repr(by_name[name])


@pytest.mark.parametrize(
    ("component", "change", "told"),
    [
        ("GpuNodePool", {"tags": UNKNOWN}, "tags is known only after apply, or secret"),
        ("GpuNodePool", {"tags": {**WHO, "team": UNKNOWN}}, "tags.team is known only after apply, or secret"),
        ("GpuNodePool", {"nodes": {"max": UNKNOWN}}, "nodes.max is known only after apply, or secret"),
        ("GpuNodePool", {"accelerator": UNKNOWN}, "accelerator is known only after apply, or secret"),
        ("GpuNodePool", {"accelerator": SECRET}, "accelerator is known only after apply, or secret"),
        ("GpuNodePool", {"labels": {"a": UNKNOWN}}, "labels.a is known only after apply"),
        ("GpuNodePool", {"subnetIds": UNKNOWN}, "subnetIds is known only after apply"),
        ("GpuNodePool", {"raw": UNKNOWN}, "raw is known only after apply"),
        ("GpuNodePool", {"raw": {"template": {"userData": SECRET}}}, "raw is known only after apply, or secret"),
        ("GpuNodePool", {"raw": {"template": {"userDatta": "x"}}}, 'did you mean "userData"?'),
    ],
)
def test_what_has_to_be_known_and_is_not_is_refused_by_name_over_the_wire(
    component: str, change: dict[str, Any], told: str, engine: Engine
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        engine.construct(component, "train", {**POOL, **change})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, refused.value.details()
    assert told in refused.value.details()
    assert "hunter22" not in refused.value.details()
    assert not [one for one in engine.deployment.resources.values() if one.custom]


@pytest.mark.parametrize("component", sorted(COMPONENTS, key=lambda one: one.__name__), ids=lambda one: one.__name__)
def test_every_argument_that_has_to_be_known_says_so_where_it_is_not(component: Any, engine: Engine) -> None:
    described = schema()["resources"][f"spendgate:index:{component.__name__}"]["inputProperties"]
    plain = [word for word, value in described.items() if value.get("plain")]
    assert plain
    for word in plain:
        for value in (UNKNOWN, SECRET):
            with pytest.raises(grpc.RpcError) as refused:
                engine.construct(component.__name__, "one", {word: value})
            assert refused.value.details().startswith(f"{word} is known only after apply, or secret"), word
            assert "hunter22" not in refused.value.details()


def test_wrong_arguments_are_refused_over_the_wire_and_nothing_is_registered(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        engine.construct("CheckpointStore", "ckpt", {"tags": WHO, "cloud": "azure"})
    assert 'cloud is "azure"' in refused.value.details()
    assert "Write one of aws, gcp." in refused.value.details()
    with pytest.raises(grpc.RpcError) as refused:
        engine.construct("CheckpointStore", "ckpt", {"cloud": "aws"})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert any("Missing required input 'tags'" in str(value) for _, value in refused.value.trailing_metadata())
    assert not [one for one in engine.deployment.resources.values() if one.custom]


def _checked(engine: Engine) -> Any:
    packs = "\n".join(f"  - {name}" for name in PACKS)
    root = engine.deployment.root
    (root / "spendgate.yaml").write_text(
        f'apiVersion: spendgate.dev/v1\nkind: Config\npacks:\n{packs}\nenvironments:\n  development: {{stacks: ["*"]}}\n',
        encoding="utf-8",
    )
    config = load_config(root)
    faults = Faults()
    library = library_of(config.packs, config.policies, faults)
    compiled = compile_for_environments(config, library, faults)["development"]
    assert not faults.errors
    resources = tuple(engine.deployment.resources.values())
    declaration = Declaration("platform", "dev", root, resources)
    return check(declaration, compiled, Catalogue.builtin(), environment="development", now=datetime.now(UTC))


UNITS = re.compile(
    r"accelerator|node|worker|replica|copies|copy|instance|machine|pod|there may be|there are|the fewest|\bcpu|gib|hour|"
    r"minute|second|day|us dollar|port|busy|started again",
    re.IGNORECASE,
)
RANGE = re.compile(
    r"\d+ to |\bto (the|as many)|above 0|from 0|at most|: 1, 3, 5|: 0 \(default\)|the fewest to the most"
)


def test_the_description_of_every_number_has_its_unit_and_its_range() -> None:
    found = schema()
    groups = {name: one["inputProperties"] for name, one in found["resources"].items()}
    outputs = ("CostRange", "EstimatedCost", "UnitCost", "Saving")
    groups |= {name: one["properties"] for name, one in found["types"].items() if not name.endswith(outputs)}
    numbers = {
        f"{name.rsplit(':', 1)[-1]}.{word}": value["description"]
        for name, words in groups.items()
        for word, value in words.items()
        if value.get("type") in ("number", "integer")
    }
    assert len(numbers) > 40
    assert [word for word, told in numbers.items() if not UNITS.search(told) or not RANGE.search(told)] == []
