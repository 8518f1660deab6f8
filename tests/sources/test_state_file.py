"""Files that Pulumi writes, as declarations: a preview's digest and an exported stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spendgate.checking import check_directory, check_file
from spendgate.config import find_config
from spendgate.errors import InputError
from spendgate.resource import UNKNOWN, Blob, Declaration, Reference, Resource, Secret
from spendgate.sources.state_file import read_declaration
from spendgate.sources.wire import ARCHIVE, RESOURCE, SECRET, SIGNATURE, UNKNOWN_TEXT
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

ROOT = Path(__file__).resolve().parents[2]
URN = "urn:pulumi:dev::demo::"
STACK = {"urn": f"{URN}pulumi:pulumi:Stack::demo-dev", "type": "pulumi:pulumi:Stack", "custom": False}
DEFAULT = f"{URN}pulumi:providers:aws::default_7_51_1"
TAGGED = f"{URN}pulumi:providers:aws::tagged"


def state(type_: str, name: str, inputs: dict[str, Any], provider: str = DEFAULT, **more: Any) -> dict[str, Any]:
    return {
        "urn": f"{URN}{type_}::{name}",
        "type": type_,
        "custom": True,
        "inputs": inputs,
        "provider": f"{provider}::{UNKNOWN_TEXT}",
        "sourcePosition": "project:///__main__.py#7",
        **more,
    }


def digest(*states: dict[str, Any], op: str = "create", same: int = 0, **more: Any) -> dict[str, Any]:
    steps = [{"op": op, "urn": item["urn"], "newState": item} for item in (STACK, *states)]
    return {"config": {"aws:region": "eu-west-1"}, "steps": steps, "changeSummary": {"same": same}, **more}


def export(*states: dict[str, Any], version: int = 3) -> dict[str, Any]:
    return {"version": version, "deployment": {"manifest": {}, "resources": [STACK, *states]}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], Declaration]:
    def read(document: Any) -> Declaration:
        file = tmp_path / "stack.json"
        file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return read_declaration(file)

    return read


def one(declaration: Declaration, name: str = "disk") -> Resource:
    return next(item for item in declaration.resources if item.name == name)


DISK = state("aws:ebs/volume:Volume", "disk", {"availabilityZone": "eu-west-1a", "size": 10, "iops": None})


def test_a_digest_gives_project_stack_resources_and_places(read: Any) -> None:
    found = read(digest(DISK))
    assert (found.project, found.stack, found.incomplete) == ("demo", "dev", None)
    disk = one(found)
    assert disk.properties == {"availabilityZone": "eu-west-1a", "size": 10}
    assert str(disk.position) == "__main__.py:7"
    assert disk.provider is not None
    assert disk.provider.properties["region"] == "eu-west-1"


def test_a_digest_hides_what_it_masks_and_knows_what_is_unknown(read: Any) -> None:
    disk = one(
        read(digest(state("aws:ebs/volume:Volume", "disk", {"kmsKeyId": UNKNOWN_TEXT, "tags": {"a": "[secret]"}})))
    )
    assert disk.properties["kmsKeyId"] is UNKNOWN
    assert disk.properties["tags"]["a"] == Secret(UNKNOWN)


def test_an_explicit_provider_gives_its_settings(read: Any) -> None:
    provider = state("pulumi:providers:aws", "tagged", {"region": "us-west-2", "defaultTags": '{"tags": {"a": "b"}}'})
    bucket = state("aws:s3/bucket:Bucket", "disk", {}, provider=TAGGED)
    found = one(read(digest(provider, bucket)))
    assert found.provider is not None
    assert found.provider.properties["region"] == "us-west-2"
    assert found.provider.properties["defaultTags"] == {"tags": {"a": "b"}}


def test_an_explicit_provider_that_is_left_out_has_unknown_settings(read: Any) -> None:
    found = one(read(digest(state("aws:s3/bucket:Bucket", "disk", {}, provider=TAGGED), same=3)))
    assert found.provider is not None
    assert found.provider.properties["region"] is UNKNOWN


def test_a_digest_without_its_unchanged_resources_is_incomplete(read: Any) -> None:
    assert "2 unchanged resources are not in it" in read(digest(DISK, same=2)).incomplete
    assert read(digest(DISK, op="same", same=2)).incomplete is None


def test_an_export_shows_no_secret(read: Any) -> None:
    sealed = {SIGNATURE: SECRET, "ciphertext": "v1:abc"}
    opened = {SIGNATURE: SECRET, "plaintext": '"hunter22"'}
    broken = {SIGNATURE: SECRET, "plaintext": "hunter22"}
    tags = one(read(export(state("aws:s3/bucket:Bucket", "disk", {"a": sealed, "b": opened, "c": broken})))).properties
    assert tags == {"a": Secret(UNKNOWN), "b": Secret("hunter22"), "c": Secret(UNKNOWN)}
    assert "hunter22" not in repr(tags)


def test_an_export_reads_references_and_archives(read: Any) -> None:
    inputs = {
        "role": {SIGNATURE: RESOURCE, "urn": DISK["urn"], "id": "vol-1"},
        "code": {SIGNATURE: ARCHIVE, "path": "./src", "hash": "x"},
    }
    properties = one(read(export(state("aws:s3/bucket:Bucket", "disk", inputs)))).properties
    assert properties == {"role": Reference(DISK["urn"], "vol-1"), "code": Blob("path ./src")}


def test_a_name_may_hold_what_parts_a_urn(read: Any) -> None:
    disk = state("aws:ebs/volume:Volume", "team::disk", {"size": 10})
    assert [item.name for item in read(export(disk)).resources] == ["demo-dev", "team::disk"]


def test_what_waits_to_be_deleted_is_not_declared(read: Any) -> None:
    assert [item.name for item in read(export({**DISK, "delete": True})).resources] == ["demo-dev"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "is empty"),
        ('{"steps": [{"op": "cre', "cut off"),
        ("<html>", "is not JSON"),
        ("[1]", "holds no object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"steps": [{"op": "create", "urn": "x\\ud800"}]}', "holds half of a character"),
        ('{"planned_values": {}}', "Terraform plan"),
        ('{"resourcePlans": {}}', "saved update plan"),
        ('{"hello": 1}', "neither a preview nor an exported stack"),
        ('{"version": 1, "deployment": {}}', "version 1"),
        ('{"version": 3, "deployment": []}', "deployment is an object"),
        ('{"version": 3, "deployment": {"resources": [{"urn": 1}]}}', "a resource has a urn and a type"),
        ('{"version": 3, "deployment": {"resources": []}}', "declares no resources"),
        ('{"steps": 3}', "steps is a list"),
        ('{"steps": [{"newState": "x"}]}', "a resource has a urn and a type"),
        ('{"steps": [], "changeSummary": 3}', "are objects"),
    ],
)
def test_what_cannot_be_read_says_what_it_is(read: Any, document: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(document)
    assert "stack.json" in str(caught.value)


def test_the_command_reads_standard_input_and_refuses_a_programs_options(tmp_path: Path) -> None:
    spendgate = str(Path(sys.executable).with_name("spendgate"))
    text = json.dumps(digest(DISK))
    done = subprocess.run([spendgate, "check", "-"], input=text, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "10 GiB" in done.stdout
    done = subprocess.run([spendgate, "check", "-", "--stack", "prod"], input=text, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--stack is for programs" in done.stderr


@pytest.mark.cli
@pytest.mark.parametrize("example", ["llm-training", "llm-training-fixed", "gke-inference"])
def test_a_preview_in_a_file_has_the_verdict_of_its_program(
    example: str, pulumi_cli: dict[str, str], tmp_path: Path
) -> None:
    folder = ROOT / "examples" / example
    from spendgate.sources import pulumi_cli as cli
    from spendgate.sources.project import read_project

    preview = cli.preview(read_project(folder), "dev", {}, 300.0)
    assert preview.code == 0, preview.stderr
    file = tmp_path / "preview.json"
    file.write_text(preview.stdout, encoding="utf-8")
    from_file = check_file(file, settings=find_config(folder))
    from_program = check_directory(folder, engine="embedded")

    def told(findings: Any) -> set[tuple[str, str, str]]:
        return {(item.guardrail, item.name, item.message) for item in findings}

    assert told(from_file.findings) == told(from_program.findings)
    assert from_file.estimate.total == from_program.estimate.total
