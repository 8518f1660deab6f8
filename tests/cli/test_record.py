"""``spendgate record``: answers of a real preview, kept so that the program runs without an engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spendgate.cli import main
from spendgate.config import load_config
from spendgate.errors import InputError
from spendgate.sources.pulumi_program import RecordedInvoke
from spendgate.sources.recording import calls_of, sort_out, write
from spendgate.yamlfile import read_yaml
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"

PROGRAM = """\
import pulumi
import pulumi_aws as aws

zones = aws.get_availability_zones(state="available")
aws.ebs.Volume("scratch", availability_zone=zones.names[0], size=10)
bucket = aws.s3.Bucket("b")
aws.s3.get_bucket_output(bucket=bucket.id)
"""

SETTINGS = """\
# Our own words.
apiVersion: spendgate.dev/v1
kind: Config
guardrails:
  required-tags: {enforcement: advisory}  # until June
"""


def answer(*zones: str, **arguments: Any) -> RecordedInvoke:
    return RecordedInvoke(ZONES, {"state": "available", **arguments}, {"names": list(zones), "id": "x"})


@pytest.mark.cli
@pytest.mark.usefixtures("pulumi_cli")
class TestWithTheCli:
    def test_what_a_preview_answers_is_recorded_and_used_afterwards(
        self, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = project(PROGRAM, spendgate__yaml=SETTINGS)
        assert main(["record", str(folder), "--stack", "dev"]) == 0
        assert f"recorded: {ZONES}" in capsys.readouterr().out
        (record,) = load_config(folder).recorded
        assert record.token == ZONES
        assert record.arguments == {"state": "available"}
        assert record.result["names"][0] == "us-east-1a"
        assert (folder / "spendgate.yaml").read_text("utf-8").startswith(SETTINGS)

    def test_what_may_be_secret_is_not_recorded_and_said_so(
        self, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = project(
            "import pulumi_aws as aws\nimport pulumi_gcp as gcp\n"
            "aws.get_availability_zones(state='available')\ngcp.organizations.get_client_config()\n",
            config="config:\n  aws:region: us-east-1\n  gcp:project: p\n  gcp:region: us-central1\n",
        )
        assert main(["record", str(folder), "--stack", "dev"]) == 0
        token = "gcp:organizations/getClientConfig:getClientConfig"
        assert f'not recorded: {token}: its "accessToken" may be a secret' in capsys.readouterr().out
        assert [record.token for record in load_config(folder).recorded] == [ZONES]

    def test_a_second_recording_changes_nothing(
        self, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = project(PROGRAM)
        main(["record", str(folder), "--stack", "dev"])
        first = (folder / "spendgate.yaml").read_bytes()
        main(["record", str(folder), "--stack", "dev"])
        assert f"unchanged: {ZONES}" in capsys.readouterr().out
        assert (folder / "spendgate.yaml").read_bytes() == first

    def test_a_token_that_the_program_does_not_call_is_an_error(
        self, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        token = "aws:index/getAvailabilityZone:getAvailabilityZone"
        assert main(["record", str(project(PROGRAM)), "--stack", "dev", "--token", token]) == 2
        assert f'did you mean "{ZONES}"?' in capsys.readouterr().err

    def test_a_program_that_fails_records_nothing(
        self, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = project("raise RuntimeError('no such luck')\n")
        assert main(["record", str(folder), "--stack", "dev"]) == 2
        assert "no such luck" in capsys.readouterr().err
        assert not (folder / "spendgate.yaml").exists()


def test_without_a_cli_one_line_says_so(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["record", str(project(PROGRAM))]) == 2
    said = capsys.readouterr().err
    assert "spendgate record needs the Pulumi CLI on PATH" in said
    assert "--engine" not in said  # it has no such option


@pytest.mark.parametrize("command", ["check", "record"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "0", "-1"])
def test_a_timeout_is_a_number_of_seconds(command: str, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, f"--timeout={seconds}"]) == 2
    assert "--timeout is a number of seconds above 0" in capsys.readouterr().err


def test_what_the_log_marks_secret_or_unknown_is_left_out(tmp_path: Path) -> None:
    mark = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter22"}
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    calls = [
        ("ResourceMonitor", "a:b:marked", {}, {"plain": "hunter22"}),
        ("ResourceProvider", "a:b:marked", {}, {"plain": mark}),
        ("ResourceMonitor", "a:b:asked", {"key": mark}, {"plain": "x"}),
        ("ResourceMonitor", "a:b:later", {"key": unknown}, {"plain": "x"}),
        ("ResourceMonitor", "a:b:good", {"key": 1}, {"plain": "x", "nextToken": ""}),
    ]
    log = tmp_path / "calls.json"
    lines = [
        json.dumps(
            {
                "method": f"/pulumirpc.{service}/Invoke",
                "request": {"tok": token, "args": arguments},
                "response": {"return": result},
            }
        )
        for service, token, arguments, result in calls
    ]
    log.write_text("\n".join([*lines, '{"method":"/pulumirpc.ResourceMonitor/Invoke","request":{"tok":"x"}}']), "utf-8")
    found = sort_out(calls_of(log), ())
    assert found.invokes == (RecordedInvoke("a:b:good", {"key": 1}, {"plain": "x", "nextToken": ""}),)
    assert dict(found.skipped) == {
        "a:b:marked": "it holds a secret",
        "a:b:asked": "it holds a secret",
        "a:b:later": "it hangs on values that are known only after apply",
    }
    assert "hunter22" not in repr(found)


class TestWriting:
    def test_a_file_is_made_where_there_is_none(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        written = write(tmp_path, [answer("us-east-1a")])
        assert written.file == tmp_path / "spendgate.yaml"
        assert load_config(tmp_path).recorded == (answer("us-east-1a"),)

    def test_comments_order_and_quotes_stay(self, tmp_path: Path) -> None:
        file = tmp_path / "spendgate.yaml"
        file.write_text(SETTINGS, "utf-8")
        write(tmp_path, [answer("us-east-1a")])
        assert file.read_text("utf-8").startswith(SETTINGS)

    def test_the_same_call_is_brought_up_to_date_not_repeated(self, tmp_path: Path) -> None:
        write(tmp_path, [answer("us-east-1a"), answer("us-east-1b", region="us-east-1")])
        written = write(tmp_path, [answer("us-east-1c")])
        assert (written.added, written.updated) == ((), (ZONES,))
        assert [item.result["names"] for item in load_config(tmp_path).recorded] == [["us-east-1c"], ["us-east-1b"]]

    def test_the_settings_that_apply_are_written_to_even_above_the_project(self, tmp_path: Path) -> None:
        (tmp_path / "spendgate.yaml").write_text(SETTINGS, "utf-8")
        (tmp_path / "service").mkdir()
        assert write(tmp_path / "service", [answer("us-east-1a")]).file == tmp_path / "spendgate.yaml"

    def test_the_mode_of_the_file_stays(self, tmp_path: Path) -> None:
        file = tmp_path / "spendgate.yaml"
        file.write_text(SETTINGS, "utf-8")
        file.chmod(0o640)
        write(tmp_path, [answer("us-east-1a")])
        assert os.stat(file).st_mode & 0o777 == 0o640

    def test_a_broken_file_is_left_as_it_is(self, tmp_path: Path) -> None:
        file = tmp_path / "spendgate.yaml"
        file.write_text(SETTINGS + "guardrail: {}\n", "utf-8")
        with pytest.raises(InputError) as caught:
            write(tmp_path, [answer("us-east-1a")])
        assert "spendgate.yaml:6" in str(caught.value)
        assert read_yaml(file).data["guardrail"] == {}
