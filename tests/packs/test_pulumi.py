"""Packs with the real Pulumi CLI: a new one at once, two at a time with a configuration each, and `pulumi policy
publish` of a folder as it is, to a service on loopback that stands in for Pulumi's own."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from spendgate.packs.build import build
from spendgate.packs.scaffold import create
from tests.conftest import Run
from tests.crossguard.conftest import BASELINE
from tests.packs.conftest import change
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

pytestmark = [pytest.mark.cli, pytest.mark.usefixtures("pulumi_cli")]

PROGRAM = """\
import pulumi_aws as aws

aws.ebs.Volume("scratch", availability_zone="us-east-1a", size=500, tags={"team": "vision"})
"""


def pulumi(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = ["pulumi", "--non-interactive", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
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
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack as `pack new` writes it."""
    folder = tmp_path_factory.mktemp("packs") / "team-costs"
    create("team-costs", folder)
    return folder


def test_a_new_pack_runs_at_once(project: Path, team: Path) -> None:
    done = pulumi(project, "preview", "--stack", "dev", "--policy-pack", str(team))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "team-costs@v0.1.0" in done.stdout
    assert "[advisory] [severity: medium]  volume-has-owner  (aws:ebs:Volume: scratch)" in done.stdout


def test_what_is_pulled_from_an_archive_runs_as_its_folder_did(
    project: Path, team: Path, tmp_path: Path, spendgate: Run
) -> None:
    (tmp_path / "team.tar.gz").write_bytes(build(team).archive)
    pulled = spendgate("pack", "pull", "team.tar.gz", "-o", "got", cwd=tmp_path)
    assert pulled.returncode == 0, pulled.stderr
    done = pulumi(project, "preview", "--stack", "dev", "--policy-pack", str(tmp_path / "got"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "volume-has-owner  (aws:ebs:Volume: scratch)" in done.stdout


def test_two_packs_run_at_once_each_with_its_own_configuration(project: Path, team: Path, tmp_path: Path) -> None:
    own, baseline = tmp_path / "own.json", tmp_path / "baseline.json"
    own.write_text(json.dumps({"volume-has-owner": {"enforcementLevel": "mandatory", "key": "keeper"}}), "utf-8")
    baseline.write_text(json.dumps({"all": "disabled", "required-tags": {"enforcementLevel": "advisory"}}), "utf-8")
    done = pulumi(
        project, "preview", "--stack", "dev",
        "--policy-pack", str(team), "--policy-pack", str(BASELINE),
        "--policy-pack-config", str(own), "--policy-pack-config", str(baseline),
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert done.returncode != 0, shown
    assert "team-costs@v0.1.0" in shown
    assert "gpu-baseline@v0.1.0" in shown
    assert "[mandatory] [severity: medium]  volume-has-owner  (aws:ebs:Volume: scratch)" in shown
    assert "without the tag keeper" in shown
    assert "required-tags  (aws:ebs:Volume: scratch)" in shown
    assert "unattached-volume" not in shown


def test_a_configuration_of_one_pack_that_is_wrong_names_that_pack(project: Path, team: Path, tmp_path: Path) -> None:
    own, baseline = tmp_path / "own.json", tmp_path / "baseline.json"
    own.write_text(json.dumps({"volume-has-owner": {"kee": "keeper"}}), "utf-8")
    baseline.write_text("{}", "utf-8")
    done = pulumi(
        project, "preview", "--stack", "dev",
        "--policy-pack", str(team), "--policy-pack", str(BASELINE),
        "--policy-pack-config", str(own), "--policy-pack-config", str(baseline),
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert done.returncode != 0
    assert 'did you mean "key"?' in shown
    assert "team-costs" in shown


@dataclass
class Service:
    """What a Pulumi Cloud is asked when a pack is published, and what it was told."""

    url: str = ""
    created: dict[str, Any] = field(default_factory=dict)
    archive: bytes = b""
    completed: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            user = {"githubLogin": "tester", "name": "tester", "email": "t@example.com", "organizations": []}
            self.answer(user if self.path == "/api/user" else {})

        def do_POST(self) -> None:
            body = self.body()
            if self.path == "/api/orgs/acme/policypacks":
                told.created = json.loads(body)
                self.answer({"version": 1, "uploadURI": f"{told.url}/upload", "requiredHeaders": {}})
                return
            if self.path.endswith("/complete"):
                told.completed = self.path
            self.answer({})

        def do_PUT(self) -> None:
            told.archive = self.body()
            self.answer({})

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                content = b"".join(parts)
            else:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

        def answer(self, data: Any) -> None:
            content = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


def test_policy_publish_takes_the_folder_as_it_is(team: Path, service: Service, tmp_path: Path) -> None:
    cloud = {
        "PULUMI_BACKEND_URL": service.url,
        "PULUMI_ACCESS_TOKEN": "pul-test",
        "PULUMI_HOME": str(tmp_path / "home"),
    }
    done = pulumi(team, "policy", "publish", "acme", **cloud)
    assert done.returncode == 0, done.stdout + done.stderr
    created = service.created
    assert (created["name"], created["versionTag"], created["runtime"]) == ("team-costs", "0.1.0", "python")
    policies = {policy["name"]: policy for policy in created["policies"]}
    assert set(policies) >= {"volume-has-owner", "gpu-priced", "gpu-count-per-resource"}
    own = policies["volume-has-owner"]
    assert own["enforcementLevel"] == "advisory"
    assert set(own["configSchema"]["properties"]) - {"enforcementLevel"} == {"from_gib", "key"}
    with tarfile.open(fileobj=io.BytesIO(service.archive), mode="r:gz") as archive:
        names = set(archive.getnames())
    assert {
        "package/PulumiPolicy.yaml", "package/__main__.py", "package/pack.yaml", "package/requirements.txt",
        "package/policies/volume-has-owner.yaml",
    } <= names  # fmt: skip
    assert service.completed == "/api/orgs/acme/policypacks/team-costs/versions/0.1.0/complete"


def test_policy_publish_of_a_pack_that_is_broken_publishes_nothing(tmp_path: Path, service: Service) -> None:
    create("team-costs", tmp_path / "pack")
    change(tmp_path / "pack" / "pack.yaml", "name: gpu-priced", "name: gpu-prized")
    cloud = {
        "PULUMI_BACKEND_URL": service.url,
        "PULUMI_ACCESS_TOKEN": "pul-test",
        "PULUMI_HOME": str(tmp_path / "home"),
    }
    done = pulumi(tmp_path / "pack", "policy", "publish", "acme", **cloud)
    assert done.returncode != 0
    assert (service.created, service.completed) == ({}, "")
    assert "gpu-prized" in done.stdout + done.stderr
