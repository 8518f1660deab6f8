"""The pack answers every call of the engine's ``Analyzer`` protocol."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2

from spendgate import __version__
from tests.crossguard.conftest import BASELINE, UNKNOWN_TEXT, Pack, aws, started, told

VOLUME = "aws:ebs/volume:Volume"
BUCKET = "aws:s3/bucket:Bucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
INSTANCE = "aws:ec2/instance:Instance"
NODES = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

TAGS = {"project": "p", "team": "t", "owner": "o", "environment": "dev", "cost-center": "c"}


def levels(response: object) -> dict[str, str]:
    return {
        item.policyName: analyzer_pb2.EnforcementLevel.Name(item.enforcementLevel)
        for item in response.diagnostics  # type: ignore[attr-defined]
    }


class TestInformation:
    def test_the_engine_is_greeted_and_told_the_version(self, pack: Pack) -> None:
        pack.stub.Handshake(analyzer_pb2.AnalyzerHandshakeRequest(engine_address="127.0.0.1:1"))
        assert pack.stub.GetPluginInfo(empty_pb2.Empty()).version == __version__

    def test_the_pack_tells_its_name_version_and_purpose(self, pack: Pack) -> None:
        info = pack.stub.GetAnalyzerInfo(empty_pb2.Empty())
        assert (info.name, info.version, info.supportsConfig) == ("gpu-baseline", "0.1.0", True)
        assert info.displayName
        assert info.description

    def test_each_guardrail_is_a_policy_with_everything_a_console_shows(self, pack: Pack) -> None:
        policies = {policy.name: policy for policy in pack.stub.GetAnalyzerInfo(empty_pb2.Empty()).policies}
        assert len(policies) == 13
        tags = policies["required-tags"]
        assert tags.enforcementLevel == analyzer_pb2.MANDATORY
        assert tags.policy_type == analyzer_pb2.POLICY_TYPE_RESOURCE
        assert tags.severity != analyzer_pb2.POLICY_SEVERITY_UNSPECIFIED
        for policy in policies.values():
            assert policy.displayName
            assert policy.description
            assert policy.message
        assert all(policy.remediation_steps for name, policy in policies.items() if name != "cost-estimate")

    def test_a_policy_offers_its_parameters_as_a_schema_with_the_values_in_force(self, pack: Pack) -> None:
        policies = {policy.name: policy for policy in pack.stub.GetAnalyzerInfo(empty_pb2.Empty()).policies}
        schema = json_format.MessageToDict(policies["required-tags"].configSchema.properties)
        assert schema["required"]["type"] == "array"
        assert schema["required"]["default"] == ["project", "team", "owner", "environment", "cost-center"]
        assert schema["required"]["description"]

    def test_the_budget_is_mandatory_and_the_estimate_advisory_both_of_the_stack(self, pack: Pack) -> None:
        policies = {policy.name: policy for policy in pack.stub.GetAnalyzerInfo(empty_pb2.Empty()).policies}
        budget, estimate = policies["monthly-stack-budget"], policies["cost-estimate"]
        assert budget.enforcementLevel == analyzer_pb2.MANDATORY
        assert estimate.enforcementLevel == analyzer_pb2.ADVISORY
        assert budget.policy_type == estimate.policy_type == analyzer_pb2.POLICY_TYPE_STACK


class TestAnalysis:
    def test_a_violation_is_a_diagnostic_with_everything_the_engine_shows(self, pack: Pack) -> None:
        found = pack.analyze(INSTANCE, "trainer", {"instanceType": "g5.xlarge", "tags": {"team": "nlp"}}).diagnostics
        tags = next(item for item in found if item.policyName == "required-tags")
        assert (tags.policyPackName, tags.policyPackVersion) == ("gpu-baseline", "0.1.0")
        assert tags.urn == pack.urn(INSTANCE, "trainer")
        assert tags.enforcementLevel == analyzer_pb2.MANDATORY
        assert tags.description
        assert "cost-center" in tags.message
        assert "\nFix: " in tags.message

    def test_a_resource_in_order_has_no_diagnostic(self, pack: Pack) -> None:
        assert not pack.analyze(
            INSTANCE,
            "web",
            {"instanceType": "t3.micro", "tags": TAGS},
        ).diagnostics

    def test_the_provider_s_default_tags_count(self, pack: Pack) -> None:
        request = analyzer_pb2.AnalyzeRequest(type=INSTANCE, name="web", urn=pack.urn(INSTANCE, "web"))
        request.properties.update({"instanceType": "t3.micro"})
        request.provider.type = "pulumi:providers:aws"
        request.provider.urn = pack.urn("pulumi:providers:aws", "tagged")
        request.provider.properties.update(
            {"region": "us-east-1", "defaultTags": json_format.json.dumps({"tags": TAGS})}
        )
        assert "required-tags" not in levels(pack.stub.Analyze(request))

    def test_an_unknown_value_denies_where_the_guardrail_says_so(self, pack: Pack) -> None:
        found = pack.analyze(INSTANCE, "trainer", {"instanceType": UNKNOWN_TEXT, "tags": TAGS})
        assert levels(found).get("gpu-approved-models") == "MANDATORY"
        message = next(item.message for item in found.diagnostics if item.policyName == "gpu-approved-models")
        assert "instanceType" in message

    def test_what_a_later_resource_may_settle_waits_for_the_whole_stack(self, pack: Pack) -> None:
        early = pack.analyze(BUCKET, "checkpoints", {"tags": TAGS})
        assert "bucket-lifecycle" not in levels(early)
        assert told(pack.analyze_stack(), name="bucket-lifecycle") == {("bucket-lifecycle", "checkpoints")}

    def test_a_later_resource_that_settles_it_leaves_no_finding(self, pack: Pack) -> None:
        pack.analyze(BUCKET, "checkpoints", {"tags": TAGS})
        rules = [{"id": "expire", "status": "Enabled", "expiration": {"days": 30}}]
        pack.analyze(LIFECYCLE, "expire", {"bucket": UNKNOWN_TEXT, "rules": rules})
        assert told(pack.analyze_stack({"expire": {"bucket": ["checkpoints"]}}), name="bucket-lifecycle") == set()

    def test_a_launch_template_tells_what_its_node_group_buys(self, pack: Pack) -> None:
        pack.analyze(TEMPLATE, "gpu-node", {"instanceType": "p4d.24xlarge", "tags": TAGS})
        early = pack.analyze(
            NODES, "a100", {"launchTemplate": {"id": UNKNOWN_TEXT}, "scalingConfig": {"maxSize": 2}, "tags": TAGS}
        )
        assert "gpu-approved-models" not in levels(early)
        late = pack.analyze_stack({"a100": {"launchTemplate": ["gpu-node"]}})
        assert ("gpu-approved-models", "a100") in told(late)

    def test_a_violation_that_no_later_resource_can_lift_is_told_at_once_and_only_once(self, pack: Pack) -> None:
        early = pack.analyze(BUCKET, "checkpoints", {"tags": {"team": "nlp"}})
        assert ("required-tags", "checkpoints") in told(early)
        assert ("required-tags", "checkpoints") not in told(pack.analyze_stack())

    def test_an_attached_volume_passes_and_another_does_not(self, pack: Pack) -> None:
        for name in ("scratch", "lost"):
            pack.analyze(VOLUME, name, {"availabilityZone": "us-east-1a", "size": 10, "tags": TAGS})
        pack.analyze(ATTACHMENT, "attach", {"volumeId": UNKNOWN_TEXT, "instanceId": "i-1", "deviceName": "/dev/sdf"})
        late = pack.analyze_stack({"attach": {"volumeId": ["scratch"]}})
        assert told(late, name="unattached-volume") == {("unattached-volume", "lost")}

    def test_a_secret_is_read_and_never_shown(self, pack: Pack) -> None:
        secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter22"}
        tags = {**TAGS, "environment": secret}
        found = pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": tags}, region="mars-north-1")
        assert ("approved-regions", "web") in told(found)
        assert "hunter22" not in str(found)

    def test_a_type_that_nobody_mapped_is_no_fault(self, pack: Pack) -> None:
        assert not pack.analyze("random:index/randomPet:RandomPet", "pet", {"length": 2}).diagnostics

    def test_the_engine_s_own_default_provider_is_no_resource_of_the_stack(self, pack: Pack) -> None:
        pack.analyze("pulumi:providers:aws", "default_7_51_1", {"region": "us-east-1"})
        assert told(pack.analyze_stack()) == set()


class TestTheStack:
    def test_the_estimate_is_always_shown_and_never_more_than_advice(self, pack: Pack) -> None:
        pack.configure(cost_estimate={"enforcement": "MANDATORY"})
        pack.analyze(INSTANCE, "trainer", {"instanceType": "g5.xlarge", "tags": TAGS})
        estimate = next(item for item in pack.analyze_stack().diagnostics if item.policyName == "cost-estimate")
        assert estimate.enforcementLevel == analyzer_pb2.ADVISORY
        assert estimate.urn == pack.urn("pulumi:pulumi:Stack", "demo-dev")
        assert "a month" in estimate.message
        assert "trainer: 1 × g5.xlarge" in estimate.message

    def test_a_disabled_estimate_is_not_shown(self, pack: Pack) -> None:
        pack.configure(cost_estimate={"enforcement": "DISABLED"})
        pack.analyze(INSTANCE, "trainer", {"instanceType": "g5.xlarge", "tags": TAGS})
        assert "cost-estimate" not in levels(pack.analyze_stack())
        pack.configure(cost_estimate={"enforcement": "ADVISORY"})

    def test_a_budget_that_is_exceeded_fails_the_stack(self, pack: Pack) -> None:
        pack.analyze(INSTANCE, "trainer", {"instanceType": "p4d.24xlarge", "tags": TAGS})
        budget = next(item for item in pack.analyze_stack().diagnostics if item.policyName == "monthly-stack-budget")
        assert budget.enforcementLevel == analyzer_pb2.MANDATORY
        assert budget.urn == pack.urn("pulumi:pulumi:Stack", "demo-dev")

    def test_each_analysis_of_a_stack_starts_afresh(self, pack: Pack) -> None:
        pack.analyze(INSTANCE, "trainer", {"instanceType": "p4d.24xlarge", "tags": TAGS})
        pack.analyze_stack()
        assert told(pack.analyze_stack()) == set()


class TestConfiguration:
    def test_a_level_is_changed(self, pack: Pack) -> None:
        pack.configure(required_tags={"enforcement": "ADVISORY"})
        found = pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro"})
        assert levels(found)["required-tags"] == "ADVISORY"

    def test_a_disabled_guardrail_is_not_asked(self, pack: Pack) -> None:
        pack.configure(required_tags={"enforcement": "DISABLED"})
        assert "required-tags" not in levels(pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro"}))

    def test_a_parameter_is_changed(self, pack: Pack) -> None:
        pack.configure(required_tags={"required": ["team"]})
        assert not pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": {"team": "nlp"}}).diagnostics

    def test_a_number_is_a_number_whether_the_protocol_makes_it_a_fraction_or_not(self, pack: Pack) -> None:
        pack.configure(gpu_count_per_resource={"max": 1})
        found = pack.analyze(INSTANCE, "trainer", {"instanceType": "g5.12xlarge", "tags": TAGS})
        assert ("gpu-count-per-resource", "trainer") in told(found)

    def test_configuring_everything_as_it_is_changes_nothing(self, pack: Pack) -> None:
        before = pack.stub.GetAnalyzerInfo(empty_pb2.Empty())
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for policy in before.policies:
            config = request.policyConfig[policy.name]
            config.enforcementLevel = policy.enforcementLevel
            schema = json_format.MessageToDict(policy.configSchema.properties)
            config.properties.update({name: rules["default"] for name, rules in schema.items()})
        pack.stub.Configure(request)
        assert pack.stub.GetAnalyzerInfo(empty_pb2.Empty()) == before

    @pytest.mark.parametrize(
        ("policy", "settings", "words"),
        [
            ("required_tags", {"required": "team"}, ["gpu-baseline", "required-tags", '"required"', "team"]),
            ("required_tags", {"require": ["team"]}, ["gpu-baseline", "required-tags", 'did you mean "required"?']),
            ("requird_tags", {"required": ["team"]}, ["gpu-baseline", 'did you mean "required-tags"?']),
        ],
    )
    def test_a_wrong_setting_names_pack_policy_and_parameter(
        self, pack: Pack, policy: str, settings: dict[str, object], words: list[str]
    ) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            pack.configure(**{policy: settings})
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        for word in words:
            assert word in caught.value.details()


class TestRemediation:
    def test_nothing_is_changed_and_those_that_should_say_why_they_cannot(self, pack: Pack) -> None:
        pack.configure(required_tags={"enforcement": "REMEDIATE"})
        request = analyzer_pb2.AnalyzeRequest(
            type=INSTANCE, name="web", urn=pack.urn(INSTANCE, "web"), provider=aws("us-east-1")
        )
        request.properties.update({"instanceType": "t3.micro"})
        answer = pack.stub.Remediate(request)
        assert not answer.remediations
        ((name, reason),) = [(item.policy_name, item.reason) for item in answer.not_applicable]
        assert (name, reason) == (
            "required-tags",
            "its patch does not mend it: lacks the tags team, owner, cost-center",
        )

    def test_what_could_not_be_remediated_is_mandatory(self, pack: Pack) -> None:
        pack.configure(required_tags={"enforcement": "REMEDIATE"})
        assert levels(pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro"}))["required-tags"] == "MANDATORY"


class TestTheProject:
    def test_the_stack_decides_the_environment(self) -> None:
        gpu = {"instanceType": "g5.xlarge", "tags": TAGS}
        for stack, refused in (("dev", True), ("prod", False)):
            with started(BASELINE, stack=stack) as pack:
                pack.analyze(INSTANCE, "trainer", gpu)  # a schedule may follow: the whole stack tells
                found = told(pack.analyze_stack(), name="nonprod-gpu-spot-or-scheduled")
                assert bool(found) is refused

    def test_an_engine_that_names_the_stack_later_is_heard(self) -> None:
        with started(BASELINE, stack="") as pack:
            pack.stub.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(stack="prod", project="demo"))
            pack.analyze(INSTANCE, "trainer", {"instanceType": "g5.xlarge", "tags": TAGS})
            assert told(pack.analyze_stack(), name="nonprod-gpu-spot-or-scheduled") == set()

    def test_the_project_s_spendgate_yaml_applies_where_pulumi_was_started_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", "utf-8")
        (tmp_path / "spendgate.yaml").write_text(
            "apiVersion: spendgate.dev/v1\nkind: Config\n"
            "guardrails:\n  required-tags:\n    params: {required: [squad]}\n"
            "environments:\n  development:\n    stacks: ['*']\n    guardrails:\n"
            "      required-tags: {enforcement: advisory}\n",
            "utf-8",
        )
        with started(BASELINE, cwd=tmp_path) as pack:
            found = pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": TAGS})
            assert levels(found)["required-tags"] == "ADVISORY"
            assert "squad" in found.diagnostics[0].message

    def test_another_project_s_spendgate_yaml_does_not(self, tmp_path: Path) -> None:
        (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n", "utf-8")
        (tmp_path / "spendgate.yaml").write_text(
            "apiVersion: spendgate.dev/v1\nkind: Config\n"
            "guardrails:\n  required-tags:\n    params: {required: [squad]}\n",
            "utf-8",
        )
        with started(BASELINE, cwd=tmp_path) as pack:
            assert not pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": TAGS}).diagnostics


class TestTheProcess:
    def test_it_ends_when_the_engine_cancels_it(self) -> None:
        with started(BASELINE) as pack:
            pack.stub.Cancel(empty_pb2.Empty())
            assert pack.process.wait(10) == 0

    @pytest.mark.parametrize(
        ("file", "text", "place"),
        [
            ("pack.yaml", "apiVersion: spendgate.dev/v1\nkind: [Pack\n", "pack.yaml:"),
            ("policies/own-rule.yaml", None, "own-rule.yaml:16:"),
        ],
    )
    def test_a_pack_that_cannot_be_loaded_says_where_to_the_engine_and_on_standard_error(
        self, tmp_path: Path, file: str, text: str | None, place: str
    ) -> None:
        folder = _broken_pack(tmp_path, file, text)
        with started(folder) as pack:
            assert pack.process.returncode == 2
            assert pack.process.stderr is not None
            told_user = pack.process.stderr.read()
            assert place in told_user
            assert "Traceback" not in told_user
            assert any(place in entry.message for entry in pack.engine.logged)


PACK = """\
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: own, version: 1.0.0, title: Own, description: Our own rule.}
spec:
  policies: [policies]
  guardrails:
    - name: own-rule
"""

RULE = """\
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata:
  name: own-rule
  title: Own rule
  category: gpu
  severity: low
  description: A rule that reads what is not there.
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  matchConditions:
    - {name: any, expression: "true"}
  validations:
    - expression: "facts.no_such_fact == 1"
      message: never
  remediation: None.
"""


def _broken_pack(folder: Path, file: str, text: str | None) -> Path:
    (folder / "policies").mkdir()
    (folder / "pack.yaml").write_text(PACK, "utf-8")
    (folder / "policies" / "own-rule.yaml").write_text(RULE, "utf-8")
    for name in ("__main__.py", "PulumiPolicy.yaml"):
        (folder / name).write_text((BASELINE / name).read_text("utf-8"), "utf-8")
    if text is not None:
        (folder / file).write_text(text, "utf-8")
    return folder
