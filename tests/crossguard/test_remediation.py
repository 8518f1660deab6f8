"""A served pack patches resources as the engine asks it to, and says of a stack what ``check`` says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2

from spendgate.crossguard.answers import diagnostic
from spendgate.crossguard.host import PackHost
from spendgate.crossguard.settings import Configured
from spendgate.gate import check, in_source_order
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource, Secret
from spendgate.rules.guardrail import Enforcement
from spendgate.rules.selection import load_pack
from spendgate.sources.wire import SECRET, SIGNATURE, UNKNOWN_TEXT, decode_properties
from tests.crossguard.conftest import BASELINE, Pack, aws, started, struct, told
from tests.crossguard.test_same_verdict import Said, _request, _said, _whole

VOLUME = "aws:ebs/volume:Volume"
JOB = "kubernetes:batch/v1:Job"
TAGS = {"project": "p", "team": "t", "owner": "o", "environment": "dev", "cost-center": "c"}


PACK = """\
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: mending, version: 1.0.0, title: Mends, description: Guardrails that patch.}
spec:
  guardrails:
"""
NAMES = (
    "required-tags",
    "volume-current-generation",
    "job-max-runtime",
    "log-retention",
    "incomplete-uploads-expire",
    "notebook-idle-shutdown",
    "approved-regions",
    "monthly-stack-budget",
    "unattached-volume",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of guardrails with and without patches, at the levels that they have by themselves."""
    made = tmp_path_factory.mktemp("mending")
    (made / "pack.yaml").write_text(PACK + "".join(f"    - {{name: {name}}}\n" for name in NAMES), "utf-8")
    for name in ("__main__.py", "PulumiPolicy.yaml"):
        (made / name).write_text((BASELINE / name).read_text("utf-8"), "utf-8")
    return made


@pytest.fixture(scope="module")
def pack(folder: Path) -> Iterator[Pack]:
    with started(folder) as served:
        yield served


def remediate(pack: Pack, type_: str, name: str, properties: Mapping[str, Any]) -> Any:
    request = analyzer_pb2.AnalyzeRequest(
        type=type_, name=name, urn=pack.urn(type_, name), properties=struct(properties), provider=aws("us-east-1")
    )
    return pack.stub.Remediate(request)


class TestOverTheWire:
    @pytest.fixture(autouse=True)
    def levels(self, pack: Pack) -> None:
        pack.configure(
            required_tags={"enforcement": "REMEDIATE", "defaults": {"team": "ml", "owner": "ml", "cost-center": "c"}},
            volume_current_generation={"enforcement": "REMEDIATE"},
            notebook_idle_shutdown={"enforcement": "REMEDIATE"},
        )

    def test_each_guardrail_gives_all_properties_with_its_patch_more(self, pack: Pack) -> None:
        sent = {
            "type": "gp2",
            "size": 10,
            "tags": {"team": UNKNOWN_TEXT, "key": {SIGNATURE: SECRET, "value": "s3cr3t"}},
            "__defaults": ["size"],
        }
        tags, class_ = remediate(pack, VOLUME, "scratch", sent).remediations
        assert (tags.policyName, class_.policyName) == ("required-tags", "volume-current-generation")
        assert (tags.policyPackName, tags.diagnostic) == ("mending", "")
        added = {"owner": "ml", "cost-center": "c", "project": "demo", "environment": "development"}
        patched = {**sent, "tags": {**sent["tags"], **added}}  # type: ignore[dict-item]
        assert json_format.MessageToDict(tags.properties) == patched
        assert json_format.MessageToDict(class_.properties) == {**patched, "type": "gp3"}

    def test_what_was_patched_is_analysed_without_a_finding(self, pack: Pack) -> None:
        answer = remediate(pack, VOLUME, "mended", {"type": "gp2", "size": 10, "encrypted": True})
        patched = json_format.MessageToDict(answer.remediations[-1].properties)
        found = told(pack.analyze(VOLUME, "mended", patched))
        assert not {name for name, _ in found} & {"required-tags", "volume-current-generation"}
        assert not remediate(pack, VOLUME, "mended", patched).remediations

    def test_what_is_content_is_left_alone(self, pack: Pack) -> None:
        answer = remediate(pack, VOLUME, "fine", {"type": "gp3", "tags": TAGS})
        assert not answer.remediations
        assert not answer.not_applicable

    def test_what_cannot_be_patched_says_why_and_is_mandatory(self, pack: Pack) -> None:
        pack.configure(required_tags={"enforcement": "REMEDIATE", "defaults": {"team": "ml"}})
        answer = remediate(pack, VOLUME, "bare", {"type": "gp3"})
        assert not answer.remediations
        ((name, reason),) = [(item.policy_name, item.reason) for item in answer.not_applicable]
        assert name == "required-tags"
        assert reason == "its patch does not mend it: lacks the tags owner, cost-center"
        found = {item.policyName: item for item in pack.analyze(VOLUME, "bare", {"type": "gp3"}).diagnostics}
        assert found["required-tags"].enforcementLevel == analyzer_pb2.EnforcementLevel.MANDATORY
        assert f"Not patched: {reason}" in found["required-tags"].message

    def test_a_secret_is_neither_changed_nor_shown(self, pack: Pack) -> None:
        hidden = {"type": {SIGNATURE: SECRET, "value": "gp2"}, "tags": TAGS}
        answer = remediate(pack, VOLUME, "hidden", hidden)
        assert not answer.remediations
        assert "gp2" not in str(answer)

    def test_a_guardrail_of_another_level_patches_nothing(self, pack: Pack) -> None:
        pack.configure(volume_current_generation={"enforcement": "MANDATORY"})
        assert not remediate(pack, VOLUME, "old", {"type": "gp2", "tags": TAGS}).remediations

    def test_a_guardrail_without_a_patch_says_so(self, pack: Pack) -> None:
        pack.configure(approved_regions={"enforcement": "REMEDIATE"})
        (item,) = remediate(pack, VOLUME, "here", {"type": "gp3", "tags": TAGS}).not_applicable
        assert (item.policy_name, item.reason) == ("approved-regions", "the guardrail carries no patch")


# --- the same verdict by both doors

LEVELS = ("required-tags", "volume-current-generation", "job-max-runtime", "log-retention", "incomplete-uploads-expire")
HIDDEN = st.sampled_from([UNKNOWN, Secret("s3cr3t")])
LABELS = st.one_of(
    HIDDEN, st.dictionaries(st.sampled_from([*TAGS, "note"]), st.one_of(HIDDEN, st.just("x")), max_size=4)
)


def resources() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Types with properties that patches write at, some of them hidden."""

    def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({}, optional=optional)

    deadline = st.one_of(HIDDEN, some(activeDeadlineSeconds=st.one_of(HIDDEN, st.sampled_from([60, 10**7]))))
    rules = st.one_of(HIDDEN, st.lists(st.one_of(HIDDEN, st.just({"action": {"type": "Delete"}})), max_size=2))
    return st.one_of(
        st.tuples(st.just(VOLUME), some(type=st.one_of(HIDDEN, st.sampled_from(["gp2", "gp3"])), tags=LABELS)),
        st.tuples(st.just(JOB), some(spec=deadline, metadata=some(labels=LABELS))),
        st.tuples(st.just("aws:cloudwatch/logGroup:LogGroup"), some(retentionInDays=st.sampled_from([0, 1, 400]))),
        st.tuples(st.just("gcp:storage/bucket:Bucket"), some(lifecycleRules=rules, labels=LABELS)),
        st.tuples(st.just("aws:s3/bucket:Bucket"), some(tags=LABELS)),
    )


def declared(items: Iterable[tuple[str, dict[str, Any]]]) -> Declaration:
    made = []
    for index, (type_, properties) in enumerate(items):
        package = type_.split(":", 1)[0]
        provider = Provider(package, f"urn:pulumi:dev::none::pulumi:providers:{package}::p", {"region": "us-east-1"})
        name = f"r{index}"
        made.append(Resource(type_, name, f"urn:pulumi:dev::none::{type_}::{name}", properties, provider))
    return Declaration("none", "dev", Path(), tuple(made))


@pytest.fixture(scope="module")
def host(folder: Path) -> PackHost:
    """The pack with those guardrails at level ``remediate`` that have patches."""
    served = PackHost(load_pack(str(folder)), "none", "dev")
    given_tags = {"required-tags": {"defaults": TAGS}}
    served.configure({name: Configured(Enforcement.REMEDIATE, given_tags.get(name, {})) for name in LEVELS})
    return served


def by_the_pack(served: PackHost, order: Sequence[Resource]) -> tuple[Said, dict[str, Any]]:
    said: Said = set()
    patched: dict[str, Any] = {}
    whole = []
    for resource in order:
        request = _request(resource)
        for remediation in served.remediate(request).remediations:
            request.properties.CopyFrom(remediation.properties)
        patched[resource.address] = decode_properties(request.properties)
        said |= _said(served.analyze(request).diagnostics)
        whole.append(_whole(resource))
    return said | _said(served.analyze_stack(analyzer_pb2.AnalyzeStackRequest(resources=whole)).diagnostics), patched


@settings(max_examples=60, deadline=None)
@given(items=st.lists(resources(), min_size=1, max_size=4))
def test_the_pack_patches_and_says_what_check_patches_and_says(
    host: PackHost, items: list[tuple[str, dict[str, Any]]]
) -> None:
    declaration = declared(items)
    checked = check(
        declaration, host.guardrails, Catalogue.builtin(), environment=host.environment, now=datetime.now(UTC)
    )
    said, patched = by_the_pack(host, in_source_order(declaration.resources))
    assert said == _said(diagnostic(finding, host.pack, "") for finding in checked.findings)
    changed = {address for address, properties in patched.items() if not _same(declaration, address, properties)}
    assert changed == {remedy.address for remedy in checked.remedies if remedy.applied}


def _same(declaration: Declaration, address: str, properties: Mapping[str, Any]) -> bool:
    (resource,) = (item for item in declaration.resources if item.address == address)
    return decode_properties(_request(resource).properties) == properties
