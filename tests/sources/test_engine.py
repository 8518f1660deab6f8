"""The real engine: an installed CLI, provider plugins that stand in for the clouds', and the same declarations."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from spendgate.checking import check_directory
from spendgate.errors import InputError
from spendgate.resource import UNKNOWN, Declaration, Resource, Secret
from spendgate.sources.engine import run_preview
from spendgate.sources.pulumi_program import run_program
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("llm-training", "llm-training-fixed", "gke-inference")

CONFIG = {"Pulumi.dev.yaml": "config:\n  aws:region: eu-west-1\n"}

PROGRAM = """\
import pulumi
import pulumi_aws as aws

tagged = aws.Provider("tagged", region="us-west-2", default_tags={"tags": {"team": "nlp"}})
bucket = aws.s3.Bucket(
    "checkpoints",
    tags={"key": pulumi.Output.secret("hunter22"), "team": "nlp"},
    opts=pulumi.ResourceOptions(provider=tagged),
)
aws.s3.BucketLifecycleConfiguration(
    "expire",
    bucket=bucket.id,
    rules=[{"id": "expire", "status": "Enabled", "expiration": {"days": 3}}],
    opts=pulumi.ResourceOptions(provider=tagged, parent=bucket, ignore_changes=["rules"]),
)


class Cluster(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("my:ml:Cluster", name, {"nodes": 2})


cluster = Cluster("research")
aws.ebs.Volume("scratch", availability_zone="us-west-2a", size=10, opts=pulumi.ResourceOptions(parent=cluster))
aws.s3.Bucket.get("datasets", "some-bucket")
pulumi.log.warn("mind the gap")
"""


@pytest.fixture
def demo(program: Callable[..., Path]) -> Path:
    """A program with an explicit provider, a secret, a component, a read resource and a stack's configuration."""
    return program(PROGRAM, **CONFIG)


@dataclass(frozen=True)
class Both:
    """One program by both engines, and what the real one told on the way."""

    embedded: Declaration
    real: Declaration
    told: list[str]

    def real_by_name(self) -> dict[str, Resource]:
        return {resource.name: resource for resource in self.real.resources}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: dict[str, str]) -> Both:
    folder = tmp_path_factory.mktemp("both")
    for name, text in {"__main__.py": PROGRAM, "Pulumi.yaml": "name: demo\nruntime: python\n", **CONFIG}.items():
        (folder / name).write_text(text, "utf-8")
    told: list[str] = []
    real = run_preview(folder, stack="dev", progress=told.append)
    return Both(run_program(folder, stack="dev"), real, told)


def _comparable(resource: Resource) -> Any:
    """Without what only one of the two can know: aliases, an explicit provider's plugin version, how a time is
    written."""
    options = replace(resource.options, aliases=(), custom_timeouts={})
    provider = resource.provider and replace(resource.provider, version="")
    return replace(resource, options=options, provider=provider)


def _by_address(declaration: Declaration) -> dict[str, Any]:
    return {resource.address: _comparable(resource) for resource in declaration.resources}


def _pulumi(folder: Path, *arguments: str) -> str:
    return subprocess.run(["pulumi", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.cli
@pytest.mark.usefixtures("pulumi_cli")
class TestWithTheCli:
    @pytest.fixture(autouse=True)
    def passphrase(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")

    def test_a_program_declares_the_same_by_both_engines(self, both: Both) -> None:
        assert _by_address(both.real) == _by_address(both.embedded)
        assert (both.real.project, both.real.stack, both.real.engine) == ("demo", "dev", "pulumi")

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_the_examples_get_the_same_verdict_by_both_engines(self, name: str) -> None:
        embedded, real = (check_directory(ROOT / "examples" / name, engine=engine) for engine in ("embedded", "pulumi"))
        assert set(real.findings) == set(embedded.findings)
        assert set(real.estimate.lines) == set(embedded.estimate.lines)
        assert real.estimate.total == embedded.estimate.total
        assert (real.resources, real.unmapped) == (embedded.resources, embedded.unmapped)
        assert (real.engine, embedded.engine) == ("pulumi", "embedded")

    def test_every_resource_has_its_line_in_the_program(self, both: Both) -> None:
        places = {name: str(resource.position) for name, resource in both.real_by_name().items()}
        assert places["checkpoints"] == "__main__.py:5"
        assert places["scratch"] == "__main__.py:24"

    def test_secrets_arrive_marked_and_readable_for_rules_only(self, both: Both) -> None:
        assert both.real_by_name()["checkpoints"].properties["tags"]["key"] == Secret("hunter22")
        assert "hunter22" not in repr(both.real)

    def test_what_a_provider_computes_is_unknown_and_says_where_it_comes_from(self, both: Both) -> None:
        resources = both.real_by_name()
        assert resources["expire"].properties["bucket"] is UNKNOWN
        assert resources["expire"].property_dependencies["bucket"] == (resources["checkpoints"].address,)

    def test_what_the_program_logs_comes_back(self, both: Both) -> None:
        assert any("mind the gap" in message for message in both.real.messages)

    def test_progress_counts_resources(self, both: Both) -> None:
        assert both.told[0] == "1 resource declared"
        assert both.told[-1].endswith("resources declared")

    def test_a_stack_that_does_not_exist_is_previewed_without_making_it(self, demo: Path) -> None:
        before = sorted(path.name for path in demo.iterdir())
        declaration = run_preview(demo, stack="brand-new")
        assert len(declaration.resources) > 5
        assert any("does not exist" in message for message in declaration.messages)
        assert sorted(path.name for path in demo.iterdir() if path.name != "__pycache__") == before
        listed = subprocess.run(
            ["pulumi", "stack", "ls", "--json"], cwd=demo, capture_output=True, text=True, check=True
        )
        assert "brand-new" not in listed.stdout

    def test_an_existing_stack_keeps_its_selection_and_its_configuration(self, demo: Path) -> None:
        _pulumi(demo, "stack", "init", "dev")
        _pulumi(demo, "stack", "init", "other")
        before = (demo / "Pulumi.dev.yaml").read_text("utf-8")
        declaration = run_preview(demo, stack="dev", config={"aws:region": "us-east-2"})
        volume = next(resource for resource in declaration.resources if resource.name == "scratch")
        assert volume.provider is not None
        assert volume.provider.properties["region"] == "us-east-2"
        assert (demo / "Pulumi.dev.yaml").read_text("utf-8") == before
        assert _pulumi(demo, "stack", "--show-name").strip() == "other"

    def test_a_stack_that_is_deployed_keeps_its_lines_where_nothing_changes(self, demo: Path) -> None:
        (demo / "Pulumi.yaml").write_text("name: deployed\nruntime: python\n", "utf-8")
        _pulumi(demo, "stack", "init", "dev")
        _pulumi(demo, "up", "--yes", "--skip-preview", "--stack", "dev")
        resources = {resource.name: resource for resource in run_preview(demo, stack="dev").resources}
        assert str(resources["scratch"].position) == "__main__.py:24"
        assert resources["expire"].properties["bucket"] == "checkpoints-id"
        assert resources["datasets"].external

    def test_a_program_that_raises_is_an_error_with_its_own_traceback(self, program: Callable[..., Path]) -> None:
        folder = program("raise RuntimeError('no such luck')\n")
        with pytest.raises(InputError) as caught:
            run_preview(folder, stack="dev")
        assert "no such luck" in str(caught.value)
        assert "__main__.py" in str(caught.value)

    def test_a_program_that_hangs_is_ended_with_what_it_had_declared(self, program: Callable[..., Path]) -> None:
        folder = program(
            """\
            import time
            import pulumi

            class Group(pulumi.ComponentResource):
                pass

            Group("my:ml:Group", "first", {})

            async def wait():
                time.sleep(600)

            pulumi.export("never", pulumi.Output.from_input(wait()))
            """
        )
        declaration = run_preview(folder, stack="dev", timeout=6)
        assert declaration.incomplete == "the preview did not end within 6 s"

    def test_a_cli_without_a_backend_says_how_to_log_in(self, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PULUMI_BACKEND_URL")
        monkeypatch.setenv("PULUMI_HOME", str(demo / "nobody"))
        with pytest.raises(InputError, match="not logged in"):
            run_preview(demo, stack="dev")


def test_without_a_cli_the_engine_is_named_as_missing(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath if not Path("/usr/bin/pulumi").exists() else "")
    with pytest.raises(InputError, match="--engine pulumi needs the Pulumi CLI on PATH"):
        run_preview(demo, stack="dev")
