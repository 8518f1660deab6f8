"""Answers to data sources: recorded ones first, rendered ones truly, built-in ones realistic and marked."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Assumption, Provider, Secret
from spendgate.sources.invokes import Answers, RecordedInvoke, answers
from spendgate.sources.invokes.functions import gcp_iam_policy, iam_policy_document, kubernetes_decode_yaml
from spendgate.sources.invokes.templates import NoAnswerError, fill
from spendgate.sources.pulumi_program import run_program

WriteProgram = Callable[..., Path]

AWS = Provider("aws", "urn:p")
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


def ask(token: str, /, provider: Provider | None = None, **arguments: Any) -> dict[str, Any]:
    answer = Answers().find(token, arguments, provider or Provider(token.split(":")[0], "urn:p"))
    assert answer is not None, token
    return dict(answer)


# --- the order of answers


def test_a_recorded_answer_comes_before_a_built_in_one() -> None:
    assumed: list[Assumption] = []
    record = RecordedInvoke(ZONES, {"state": "available"}, {"names": ["mine"]})
    asked = Answers([record], assumed.append)
    assert asked.find(ZONES, {"state": "available"}, AWS) == {"names": ["mine"]}
    assert assumed == []
    assert asked.find(ZONES, {"state": "information"}, AWS) != {"names": ["mine"]}
    assert [assumption.token for assumption in assumed] == [ZONES]


def test_recorded_arguments_match_whatever_is_null() -> None:
    record = RecordedInvoke("a:b:c", {"x": 1, "y": None, "z": [{"k": "v"}]}, {"r": 1})
    assert Answers([record]).find("a:b:c", {"x": 1.0, "z": [{"k": "v", "n": None}]}, AWS) == {"r": 1}


def test_recorded_answers_reach_the_program(program: WriteProgram) -> None:
    folder = program(
        """
        import pulumi
        import pulumi_aws as aws

        pulumi.export("plain", aws.rds.get_engine_version(engine="postgres").version)
        pulumi.export("output", aws.rds.get_engine_version_output(engine="postgres").version)
        pulumi.export("other", aws.rds.get_engine_version_output(engine="mysql").version)
        """
    )
    record = RecordedInvoke("aws:rds/getEngineVersion:getEngineVersion", {"engine": "postgres"}, {"version": "16.4"})
    declaration = run_program(folder, recorded=[record])
    assert declaration.outputs == {"plain": "16.4", "output": "16.4", "other": UNKNOWN}
    assert declaration.assumptions == ()


def test_secret_arguments_are_not_shown(program: WriteProgram) -> None:
    source = """
        import pulumi
        import pulumi_aws as aws

        name = pulumi.Output.secret("hush-hush")
        aws.rds.get_engine_version(engine=name, version="1")
        """
    with pytest.raises(InputError) as caught:
        run_program(program(source))
    assert 'engine="[secret]", version="1"' in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secret_arguments_make_a_secret_result_and_are_not_shown_as_assumed(program: WriteProgram) -> None:
    source = """
        import pulumi
        import pulumi_aws as aws

        bucket = aws.s3.get_bucket_output(bucket=pulumi.Output.secret("hush-hush"))
        pulumi.export("domain", bucket.bucket_domain_name)
        """
    declaration = run_program(program(source))
    assert declaration.outputs == {"domain": Secret("hush-hush.s3.amazonaws.com")}
    assert "hush" not in repr(declaration.assumptions)


def test_output_forms_of_packages_for_old_sdks_are_unknown_too(program: WriteProgram) -> None:
    """They call the plain form inside an ``apply``, through a helper of each package."""
    folder = program(
        """
        import pulumi
        import pulumi_aws as aws
        from _utilities import lift_output_func

        class Thing(pulumi.CustomResource):
            def __init__(self, name, **properties):
                super().__init__("pkg:index:Thing", name, properties)

        version = lift_output_func(aws.rds.get_engine_version)(None)(engine="postgres")
        Thing("a", version=version.version, text=version.apply(lambda v: f"v{v.version}"))
        """,
        **{
            "_utilities.py": """
            import pulumi

            def lift_output_func(func):
                def lifted_func(*args, opts=None, **kwargs):
                    return pulumi.Output.from_input(kwargs).apply(lambda resolved: func(opts=opts, **resolved))
                return lambda _: lifted_func
            """
        },
    )
    declaration = run_program(folder)
    assert declaration.resources[1].properties == {"version": UNKNOWN, "text": UNKNOWN}


def test_arguments_that_are_not_known_get_no_built_in_answer() -> None:
    assert Answers().find("aws:ec2/getSubnet:getSubnet", {"id": UNKNOWN}, AWS) is None


def test_a_token_that_nobody_knows_gets_no_answer() -> None:
    assert Answers().find("acme:index:getThing", {}, Provider("acme", "urn:p")) is None


# --- built-in answers


@pytest.mark.parametrize(
    ("provider", "arguments", "region"),
    [
        ({"region": "eu-west-1"}, {}, "eu-west-1"),
        ({"region": "eu-west-1"}, {"region": "us-west-2"}, "us-west-2"),
        ({}, {}, "us-east-1"),
        ({"region": UNKNOWN}, {}, "us-east-1"),
        ({"region": Secret("eu-west-3")}, {}, "eu-west-3"),
    ],
)
def test_zones_are_those_of_the_region_asked_for(
    provider: dict[str, Any], arguments: dict[str, Any], region: str
) -> None:
    answer = ask(ZONES, Provider("aws", "urn:p", provider), **arguments)
    assert answer["names"][0].startswith(region)
    assert len(answer["names"]) == len(answer["zoneIds"]) >= 2


def test_a_region_that_is_not_known_gets_no_answer() -> None:
    assert Answers().find(ZONES, {"region": "mars-north-1"}, AWS) is None


def test_a_region_whose_zones_were_not_found_is_named_but_its_zones_are_not_answered() -> None:
    assert ask("aws:index/getRegion:getRegion", name="ap-east-2")["description"] == "Asia Pacific (Taipei)"
    assert Answers().find(ZONES, {"region": "ap-east-2"}, AWS) is None


def test_a_plain_question_without_an_answer_says_how_to_record_it(program: WriteProgram) -> None:
    source = """
        import pulumi_aws as aws

        aws.get_availability_zones(region="ap-east-2")
        """
    with pytest.raises(InputError) as caught:
        run_program(program(source))
    assert f'{ZONES}(region="ap-east-2")' in str(caught.value)
    assert f'{{"token": "{ZONES}", "arguments": {{"region": "ap-east-2"}}' in str(caught.value)


@pytest.mark.parametrize(
    ("region", "letters"),
    [("us-east-1", "abcdef"), ("eu-west-2", "abcd"), ("ca-central-1", "abd"), ("ap-southeast-7", "abc")],
)
def test_a_region_has_the_zones_that_its_cloud_lists(region: str, letters: str) -> None:
    assert ask(ZONES, region=region)["names"] == [f"{region}{letter}" for letter in letters]


def only(name: str, *values: str) -> dict[str, Any]:
    return {"filters": [{"name": name, "values": list(values)}]}


@pytest.mark.parametrize(
    ("arguments", "known"),
    [
        (only("zone-type", "availability-zone"), True),
        (only("opt-in-status", "opt-in-not-required"), True),
        (only("opt-in-status", "opt-in-not-required", "opted-in"), True),
        ({"allAvailabilityZones": True, **only("opt-in-status", "opt-in-not-required")}, True),
        ({"allAvailabilityZones": True, **only("zone-type", "availability-zone")}, True),
        ({"allAvailabilityZones": False}, True),
        ({"allAvailabilityZones": True}, False),
        (only("zone-type", "local-zone"), False),
        (only("opt-in-status", "opted-in"), False),
        ({"excludeZoneIds": ["usw2-az1"]}, False),
    ],
)
def test_local_zones_are_not_known_so_a_question_for_them_gets_no_answer(
    arguments: dict[str, Any], known: bool
) -> None:
    answer = Answers().find(ZONES, {"region": "us-west-2", **arguments}, AWS)
    assert (answer is not None) == known
    if answer is not None:
        assert answer["names"] == ["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"]


def test_zones_can_be_left_out_by_name() -> None:
    every = ask(ZONES, region="us-east-1")
    some = ask(ZONES, region="us-east-1", excludeNames=["us-east-1e"])
    assert some["names"] == [name for name in every["names"] if name != "us-east-1e"]
    assert some["zoneIds"] == [every["zoneIds"][every["names"].index(name)] for name in some["names"]]


def test_a_zone_has_its_id_and_a_local_zone_has_no_answer() -> None:
    token = "aws:index/getAvailabilityZone:getAvailabilityZone"
    zone = ask(token, name="eu-west-2d")
    assert (zone["zoneId"], zone["region"], zone["nameSuffix"]) == ("euw2-az4", "eu-west-2", "d")
    assert ask(token, name="us-east-2a")["groupName"] == "us-east-2-zg-1"
    assert Answers().find(token, {"name": "us-west-2-lax-1a"}, AWS) is None
    assert Answers().find(token, {"name": "us-east-1z"}, AWS) is None


def test_a_subnet_in_a_zone_has_the_id_of_that_zone() -> None:
    provider = Provider("aws", "urn:p", {"region": "eu-west-2"})
    subnet = ask("aws:ec2/getSubnet:getSubnet", provider, availabilityZone="eu-west-2d")
    assert (subnet["availabilityZone"], subnet["availabilityZoneId"]) == ("eu-west-2d", "euw2-az4")


def test_google_zones_are_those_listed_and_not_always_a_to_c() -> None:
    def letters(region: str) -> str:
        return "".join(name[-1] for name in ask("gcp:compute/getZones:getZones", region=region)["names"])

    found = {region: letters(region) for region in answers._data("gcp")["tables"]["regions"]}
    others = {region: zones for region, zones in found.items() if zones != "abc"}
    assert others == {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}


def test_google_regions_are_those_that_are_priced() -> None:
    not_priced = {"us-central2"}
    assert set(answers._data("gcp")["tables"]["regions"]) == set(Catalogue.builtin().regions("gcp")) - not_priced


def test_subnets_lie_in_the_zones_of_their_region() -> None:
    provider = Provider("aws", "urn:p", {"region": "us-west-2"})
    ids = ask("aws:ec2/getSubnets:getSubnets", provider)["ids"]
    zones = [ask("aws:ec2/getSubnet:getSubnet", provider, id=identity)["availabilityZone"] for identity in ids]
    assert zones == ["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"]


def test_an_image_has_the_architecture_asked_for() -> None:
    filters = [{"name": "architecture", "values": ["arm64"]}, {"name": "name", "values": ["al2023-*"]}]
    answer = ask("aws:ec2/getAmi:getAmi", filters=filters, owners=["amazon"])
    assert (answer["architecture"], answer["id"]) == ("arm64", "ami-00000000000000000")


def test_only_public_parameters_are_answered() -> None:
    token = "aws:ssm/getParameter:getParameter"
    name = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
    assert ask(token, name=name)["value"].startswith("ami-")
    assert Answers().find(token, {"name": "/my/parameter"}, AWS) is None


def test_an_instance_type_is_described_from_the_catalogue() -> None:
    answer = ask("aws:ec2/getInstanceType:getInstanceType", instanceType="p4d.24xlarge")
    assert (answer["defaultVcpus"], answer["memorySize"]) == (96, 1152 * 1024)
    assert answer["gpuses"] == [{"count": 8, "manufacturer": "NVIDIA", "memorySize": 40 * 1024, "name": "A100"}]
    assert answer["totalGpuMemory"] == 8 * 40 * 1024
    assert ask("aws:ec2/getInstanceType:getInstanceType", instanceType="t3.micro").get("gpuses") == []
    assert Answers().find("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "z9.huge"}, AWS) is None


def test_cluster_versions_begin_with_the_prefix_asked_for() -> None:
    token = "gcp:container/getEngineVersions:getEngineVersions"
    answer = ask(token, versionPrefix="1.34.")
    assert answer["latestMasterVersion"] == answer["validMasterVersions"][0]
    assert all(version.startswith("1.34.") for version in answer["validMasterVersions"] + answer["validNodeVersions"])
    assert ask(token)["defaultClusterVersion"] in ask(token)["validMasterVersions"]
    assert Answers().find(token, {"versionPrefix": "1.2."}, Provider("gcp", "urn:p")) is None


def test_google_answers_follow_the_providers_settings() -> None:
    provider = Provider("gcp", "urn:p", {"project": "mine", "region": "us-east1"})
    client = ask("gcp:organizations/getClientConfig:getClientConfig", provider)
    assert (client["project"], client["region"], client["zone"]) == ("mine", "us-east1", "us-east1-b")


# --- integrity of the data


def result_class(token: str) -> type:
    """The SDK's class of a data source's result, found by its token."""
    package, module, function = token.split(":")
    folder = module.rpartition("/")[0]
    path = f"pulumi_{package}" + ("" if folder in ("index", "") else f".{folder}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = importlib.import_module(path)
        return getattr(found, f"{function[0].upper()}{function[1:]}Result")  # type: ignore[no-any-return]


BUILT_IN = [token for token in answers.tokens() if not token.startswith("kubernetes:")]


@pytest.mark.parametrize("token", BUILT_IN)
def test_every_built_in_answer_is_of_a_real_data_source_and_its_real_properties(token: str) -> None:
    from pulumi._types import output_type_types

    known = set(output_type_types(result_class(token)))
    data = answers._data(token.split(":")[0])
    for entry in data.get("answers", {}).get(token, []):
        assert set(entry["result"]) <= known, token
        source = inspect.getsource(importlib.import_module(result_class(token).__module__))
        for condition in entry.get("when", {}):
            for name in answers_named(condition):
                assert f"__args__['{name}']" in source, (token, name)


def answers_named(expression: str) -> list[str]:
    return re.findall(r"arguments\.(\w+)", expression)


@pytest.mark.parametrize("file", sorted(Path(answers.__file__).parent.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_file_of_answers_names_its_sources_with_a_date(file: Path) -> None:
    data = answers._data(file.stem)
    assert data["sources"]
    for source in data["sources"].values():
        assert source["source"]
        assert str(source["as_of"])[:2] == "20"


def test_zone_names_are_well_formed() -> None:
    tables = answers._data("aws")["tables"]
    left = dict(tables["zone_ids"])
    for region, row in tables["regions"].items():
        names = row.get("names", [])
        assert all(name.startswith(region) and len(name) == len(region) + 1 for name in names)
        ids = [left.pop(name) for name in names]
        assert len(names) == len(set(ids)) != 1
        assert len({identity.partition("-az")[0] for identity in ids}) <= 1
    assert not left
    assert list(tables["regions"]) == tables["all_regions"]
    assert set(tables["default_regions"]) <= set(tables["regions"])
    assert set(tables["groups"]) <= set(tables["regions"])
    tables = answers._data("gcp")["tables"]
    assert set(tables["regions"]) == set(tables["zones"])
    for region, zones in tables["zones"].items():
        assert all(zone.startswith(f"{region}-") for zone in zones)


# --- true renderings


def test_a_policy_document_is_rendered_from_its_statements() -> None:
    answer = iam_policy_document(
        {
            "statements": [
                {
                    "sid": "Assume",
                    "actions": ["sts:AssumeRole"],
                    "principals": [
                        {"type": "Service", "identifiers": ["ec2.amazonaws.com", "eks.amazonaws.com"]},
                        {"type": "AWS", "identifiers": ["arn:aws:iam::1:root"]},
                    ],
                    "conditions": [
                        {"test": "StringEquals", "variable": "a", "values": ["1"]},
                        {"test": "StringEquals", "variable": "b", "values": ["1", "2"]},
                    ],
                },
                {
                    "effect": "Deny",
                    "notActions": ["s3:*"],
                    "resources": ["*"],
                    "principals": [{"type": "*", "identifiers": ["*"]}],
                },
            ]
        }
    )
    document = json.loads(answer["json"])
    assert document == json.loads(answer["minifiedJson"])
    assert document["Version"] == "2012-10-17"
    first, second = document["Statement"]
    assert first["Sid"] == "Assume"
    assert first["Effect"] == "Allow"
    assert first["Action"] == "sts:AssumeRole"
    assert set(first["Principal"]["Service"]) == {"ec2.amazonaws.com", "eks.amazonaws.com"}
    assert first["Principal"]["AWS"] == "arn:aws:iam::1:root"
    assert first["Condition"] == {"StringEquals": {"a": "1", "b": ["1", "2"]}}
    assert second == {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*", "Principal": "*"}


def test_policy_documents_are_merged_by_sid() -> None:
    def one(sid: str, action: str) -> dict[str, Any]:
        return {"sid": sid, "actions": [action], "resources": ["*"]}

    source = iam_policy_document({"statements": [one("A", "a:Old"), one("B", "b:B")]})["json"]
    override = iam_policy_document({"statements": [one("B", "b:New")]})["json"]
    merged = iam_policy_document(
        {"sourcePolicyDocuments": [source], "statements": [one("A", "a:New")], "overridePolicyDocuments": [override]}
    )
    assert [statement["Action"] for statement in json.loads(merged["json"])["Statement"]] == ["a:New", "b:New"]


def test_a_google_policy_is_rendered_from_its_bindings() -> None:
    answer = gcp_iam_policy(
        {"bindings": [{"role": "roles/b", "members": ["x", "a"]}, {"role": "roles/a", "members": []}]}
    )
    assert json.loads(answer["policyData"]) == {
        "bindings": [{"role": "roles/a", "members": []}, {"role": "roles/b", "members": ["a", "x"]}]
    }


def test_a_manifest_is_read_document_by_document_and_lists_are_opened() -> None:
    text = "---\nkind: A\n---\n# nothing\n---\nkind: List\nitems: [{kind: B}, {kind: CList, items: [{kind: C}]}]\n"
    assert [item["kind"] for item in kubernetes_decode_yaml({"text": text})["result"]] == ["A", "B", "C"]


# --- templates


def test_a_template_takes_the_first_value_there_is() -> None:
    names = {"a": {"b": [1, {"c": "x"}]}, "i": "1", "none": None}
    assert fill("${a.b[i].c}", names) == "x"
    assert fill("<${a.b[i].c}>", names) == "<x>"
    assert fill("${a.z ?? none ?? 'text'}", names) == "text"
    assert fill({"gone": "${a.z ?? null}", "kept": "${a.b}"}, names) == {"kept": [1, {"c": "x"}]}
    assert fill({"$each": "${a.b}", "$as": "one", "$value": "n${index}"}, names) == ["n0", "n1"]
    assert fill({"$each": "${a.b}", "$as": "one", "$except": [1], "$value": "n${index}"}, names) == ["n0"]
    assert fill("${ids[a.b[i].c]}", {**names, "ids": {"x": "y"}}) == "y"
    with pytest.raises(NoAnswerError):
        fill("${a.z}", names)


scalars = st.none() | st.booleans() | st.integers() | st.text(alphabet="abc $", max_size=5)
templates = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
)


@given(templates)
def test_a_template_without_expressions_is_itself_but_for_nulls(template: Any) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if item is not None}
        return [plain(item) for item in value] if isinstance(value, list) else value

    assert fill(template, {}) == plain(template)
