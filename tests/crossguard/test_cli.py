"""``pulumi preview --policy-pack packs/gpu-baseline`` with the real CLI; provider plugins stand in for the clouds'."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import git
from tests.crossguard.conftest import BASELINE
from tests.crossguard.test_protocol import PACK, RULE
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

pytestmark = [pytest.mark.cli, pytest.mark.usefixtures("pulumi_cli")]

PROGRAM = """\
import pulumi_aws as aws

tags = {"project": "p", "team": "t", "owner": "o", "environment": "dev", "cost-center": "c"}
template = aws.ec2.LaunchTemplate("gpu-node", instance_type="p4d.24xlarge", tags=tags)
aws.eks.NodeGroup(
    "a100",
    cluster_name="research",
    node_role_arn="arn:aws:iam::123456789012:role/node",
    subnet_ids=["subnet-1"],
    launch_template={"id": template.id, "version": "$Latest"},
    scaling_config={"min_size": 0, "desired_size": 1, "max_size": 2},
    tags=tags,
)
bucket = aws.s3.Bucket("checkpoints", tags=tags)
aws.s3.BucketLifecycleConfiguration(
    "expire", bucket=bucket.id, rules=[{"id": "expire", "status": "Enabled", "expiration": {"days": 3}}]
)
aws.s3.Bucket("forgotten", tags={"team": "t"})
"""


def pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pulumi", "--non-interactive", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", "utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", "utf-8")
    (folder / "__main__.py").write_text(PROGRAM, "utf-8")
    assert pulumi(folder, "stack", "init", "dev").returncode == 0
    return folder


@pytest.fixture(scope="module")
def preview(project: Path) -> subprocess.CompletedProcess[str]:
    """One preview that is refused, for several statements."""
    return pulumi(project, "preview", "--stack", "dev", "--policy-pack", str(BASELINE))


def test_a_preview_that_breaks_guardrails_fails_and_shows_each(preview: subprocess.CompletedProcess[str]) -> None:
    assert preview.returncode != 0
    assert "gpu-baseline@v0.1.0" in preview.stdout
    for line in (
        "[mandatory] [severity: high]  gpu-approved-models  (aws:eks:NodeGroup: a100)",
        "required-tags  (aws:s3:Bucket: forgotten)",
        "bucket-lifecycle  (aws:s3:Bucket: forgotten)",
        "monthly-stack-budget  (pulumi:pulumi:Stack: demo-dev)",
    ):
        assert line in preview.stdout
    assert "Fix: " in preview.stdout


def test_what_a_later_resource_settles_is_no_finding(preview: subprocess.CompletedProcess[str]) -> None:
    assert "bucket-lifecycle  (aws:s3:Bucket: checkpoints)" not in preview.stdout


def test_the_estimate_is_shown_as_advice(preview: subprocess.CompletedProcess[str]) -> None:
    assert "[advisory] [severity: low]  cost-estimate  (pulumi:pulumi:Stack: demo-dev)" in preview.stdout
    assert "a month (" in preview.stdout
    assert "a100: 1 (0–2) × p4d.24xlarge" in preview.stdout


def test_a_configuration_file_changes_levels_and_parameters(project: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    settings = {
        "all": "advisory",
        "gpu-approved-models": {"enforcementLevel": "mandatory", "approved": ["A100"]},
        "bucket-lifecycle": "disabled",
    }
    config.write_text(json.dumps(settings), "utf-8")
    result = pulumi(
        project, "preview", "--stack", "dev", "--policy-pack", str(BASELINE), "--policy-pack-config", str(config)
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "gpu-approved-models" not in result.stdout
    assert "bucket-lifecycle" not in result.stdout
    assert "[advisory]" in result.stdout
    assert "[mandatory]" not in result.stdout


def test_a_wrong_parameter_ends_the_preview_and_names_it(project: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"required-tags": {"require": ["team"]}}), "utf-8")
    result = pulumi(
        project, "preview", "--stack", "dev", "--policy-pack", str(BASELINE), "--policy-pack-config", str(config)
    )
    assert result.returncode != 0
    shown = result.stdout + result.stderr
    assert 'did you mean "required"?' in shown
    assert "gpu-baseline" in shown


def test_an_update_is_stopped_before_it_creates_what_breaks_a_guardrail(project: Path) -> None:
    result = pulumi(project, "up", "--yes", "--skip-preview", "--stack", "dev", "--policy-pack", str(BASELINE))
    assert result.returncode != 0
    state = json.loads(pulumi(project, "stack", "export", "--stack", "dev").stdout)
    names = [item["urn"].rsplit("::", 1)[-1] for item in state["deployment"].get("resources") or ()]
    assert "forgotten" not in names


GOOD = """\
import pulumi_aws as aws

tags = {"project": "p", "team": "t", "owner": "o", "environment": "dev", "cost-center": "c"}
bucket = aws.s3.Bucket("checkpoints", tags=tags)
aws.s3.BucketLifecycleConfiguration(
    "expire", bucket=bucket.id, rules=[{"id": "expire", "status": "Enabled", "expiration": {"days": 3}}]
)
volume = aws.ebs.Volume("scratch", availability_zone="us-east-1a", size=10, tags=tags)
node = aws.ec2.Instance("node", ami="ami-1", instance_type="t3.micro", tags=tags)
aws.ec2.VolumeAttachment("attach", volume_id=volume.id, instance_id=node.id, device_name="/dev/sdf")
"""


def test_an_update_that_keeps_the_guardrails_passes_before_and_after_it(tmp_path: Path) -> None:
    """After the update, what was unknown at preview is known: the answers are the same."""
    (tmp_path / "Pulumi.yaml").write_text("name: good\nruntime: python\n", "utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", "utf-8")
    (tmp_path / "__main__.py").write_text(GOOD, "utf-8")
    assert pulumi(tmp_path, "stack", "init", "dev").returncode == 0
    result = pulumi(tmp_path, "up", "--yes", "--stack", "dev", "--policy-pack", str(BASELINE))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[mandatory]" not in result.stdout
    assert result.stdout.count("cost-estimate") == 2


def test_a_pack_that_cannot_be_loaded_ends_the_preview_with_file_and_line(project: Path, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "pack.yaml").write_text(PACK, "utf-8")
    (tmp_path / "policies" / "own-rule.yaml").write_text(RULE, "utf-8")
    for name in ("__main__.py", "PulumiPolicy.yaml"):
        (tmp_path / name).write_text((BASELINE / name).read_text("utf-8"), "utf-8")
    result = pulumi(project, "preview", "--stack", "dev", "--policy-pack", str(tmp_path))
    assert result.returncode != 0
    shown = result.stdout + result.stderr
    assert "own-rule.yaml:16:" in shown
    assert "Traceback" not in shown


PATCHED = """\
import pulumi
import pulumi_aws as aws

aws.ebs.Volume(
    "scratch",
    availability_zone="us-east-1a",
    size=10,
    type="gp2",
    tags={"team": "research", "note": pulumi.Output.secret("s3cr3t")},
)
"""
MENDING = """\
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: mending, version: 1.0.0, title: Mends, description: Guardrails that patch.}
spec:
  guardrails:
    - name: required-tags
      enforcement: remediate
      params: {required: [team, owner, project], defaults: {team: ml, owner: platform}}
    - {name: volume-current-generation, enforcement: remediate}
"""


def test_a_pack_at_level_remediate_changes_what_is_previewed_and_deployed(tmp_path: Path) -> None:
    """Missing tags are there and the class is new, in the preview and in the state; what was set and the secret stay."""
    pack, project = tmp_path / "pack", tmp_path / "project"
    for folder in (pack, project):
        folder.mkdir()
    (pack / "pack.yaml").write_text(MENDING, "utf-8")
    for name in ("__main__.py", "PulumiPolicy.yaml"):
        (pack / name).write_text((BASELINE / name).read_text("utf-8"), "utf-8")
    (project / "Pulumi.yaml").write_text("name: patched\nruntime: python\n", "utf-8")
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", "utf-8")
    (project / "__main__.py").write_text(PATCHED, "utf-8")
    assert pulumi(project, "stack", "init", "dev").returncode == 0

    preview = pulumi(project, "preview", "--diff", "--stack", "dev", "--policy-pack", str(pack))
    assert preview.returncode == 0, preview.stdout + preview.stderr
    shown = preview.stdout
    assert "[remediate]  required-tags  (aws:ebs:Volume: scratch)" in shown
    assert "[remediate]  volume-current-generation  (aws:ebs:Volume: scratch)" in shown
    for line in ('owner  : "platform"', 'project: "patched"', 'team   : "research"', ': "gp3"'):
        assert line in shown
    assert "[mandatory]" not in shown
    assert "s3cr3t" not in shown

    update = pulumi(project, "up", "--yes", "--skip-preview", "--stack", "dev", "--policy-pack", str(pack))
    assert update.returncode == 0, update.stdout + update.stderr
    state = json.loads(pulumi(project, "stack", "export", "--stack", "dev", "--show-secrets").stdout)
    (volume,) = [item for item in state["deployment"]["resources"] if item["type"] == "aws:ebs/volume:Volume"]
    inputs = volume["inputs"]
    assert inputs["type"] == "gp3"
    tags = inputs["tags"]
    assert {key: tags[key] for key in ("team", "owner", "project")} == {
        "team": "research",
        "owner": "platform",
        "project": "patched",
    }
    assert json.loads(tags["note"]["plaintext"]) == "s3cr3t"


def test_a_change_cannot_waive_itself_in_a_preview_of_the_engine(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiver = (
        "{id: W-1, guardrail: gpu-approved-models, resource: a100, expires: 2099-01-01, reason: r, owner: o, ticket: t}"
    )
    head = "apiVersion: spendgate.dev/v1\nkind: Config\nwaivers: {maxLength: 40000d}\n"
    (project / ".gitignore").write_text("*\n!spendgate.yaml\n!.gitignore\n", "utf-8")
    (project / "spendgate.yaml").write_text(head, "utf-8")
    for arguments in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "settings")):
        git(project, *arguments)
    try:
        (project / "waivers.yaml").write_text(
            f"apiVersion: spendgate.dev/v1\nkind: Waivers\nwaivers:\n- {waiver}\n", "utf-8"
        )
        refused = "[mandatory] [severity: high]  gpu-approved-models  (aws:eks:NodeGroup: a100)"
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        arguments = ("preview", "--stack", "dev", "--policy-pack", str(BASELINE))
        assert refused not in pulumi(project, *arguments).stdout
        monkeypatch.setenv("SPENDGATE_TRUST_FROM", "main")
        assert refused in pulumi(project, *arguments).stdout
        assert list(tmp_path.glob("spendgate-trusted-*")) == []
    finally:
        for name in ("waivers.yaml", "spendgate.yaml", ".gitignore"):
            (project / name).unlink()
