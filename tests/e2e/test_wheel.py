"""The wheel works outside any checkout: guardrails and packs come with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from spendgate import __version__
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; its dependencies are those of the test environment, by a .pth file."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
    )  # fmt: skip
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=120
    )
    here = Path(pytest.__file__).parent.parent
    (site / "dependencies.pth").write_text(f"{here}\n", encoding="utf-8")
    return folder / "bin" / "spendgate"


def test_the_wheel_carries_guardrails_packs_schemas_and_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "spendgate/policies/gpu/gpu-approved-models.yaml",
        "spendgate/packs/gpu-baseline/pack.yaml",
        "spendgate/packs/gpu-baseline/PulumiPolicy.yaml",
        "spendgate/schemas/check.schema.json",
        "spendgate/prices/data/",
        "spendgate/facts/",
        "spendgate_components/__init__.py",
    ):
        assert any(name.startswith(part) for name in names), part
    assert not [name for name in names if not name.startswith(("spendgate/", "spendgate_components/", "spendgate-"))]


def test_check_from_an_installed_wheel_in_a_folder_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    example = tmp_path / "llm-training"
    shutil.copytree(ROOT / "examples" / "llm-training", example)
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [installed, "check", example, "--format", "json"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert len({finding["guardrail"] for finding in report["findings"]}) >= 6
    where = subprocess.run(
        [installed, "guardrails", "gpu-priced"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert str(installed.parent.parent) in where.stdout, "the guardrails must come from the wheel"


def test_the_component_provider_of_an_installed_wheel_is_a_command(installed: Path, tmp_path: Path) -> None:
    """As the engine starts a plugin that it finds on PATH: with its own address, and the port is the first line."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [installed.with_name("pulumi-resource-spendgate"), "127.0.0.1:1"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().decode().strip()
            assert port.isdigit(), process.stderr and process.stderr.read()
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                served = json.loads(stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=60).schema)
                version = stub.GetPluginInfo(empty_pb2.Empty(), timeout=60).version
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert served == json.loads((ROOT / "components" / "schema.json").read_text(encoding="utf-8"))
    assert version == __version__
