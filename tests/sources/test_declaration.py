"""What a program declares comes out as it was declared: names, places, providers, options, values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.resource import UNKNOWN, Blob, Declaration, Reference, Resource, Secret, Unknown, reveal, unknown_paths
from spendgate.sources.pulumi_program import run_program


def named(declaration: Declaration, name: str) -> Resource:
    (found,) = [resource for resource in declaration.resources if resource.name == name]
    return found


def test_the_stack_is_declared_first_and_is_everybodys_parent(wide: Declaration) -> None:
    stack = wide.resources[0]
    assert stack.address == "urn:pulumi:dev::wide::pulumi:pulumi:Stack::wide-dev"
    assert named(wide, "guarded").parent == stack.address
    assert (wide.project, wide.stack, wide.engine, wide.incomplete) == ("wide", "dev", "embedded", None)


def test_urns_carry_the_types_of_the_parents_but_not_the_stacks(wide: Declaration) -> None:
    assert named(wide, "guarded").address == "urn:pulumi:dev::wide::aws:ec2/instance:Instance::guarded"
    assert (
        named(wide, "train-inner-volume").address
        == "urn:pulumi:dev::wide::acme:ml:Cluster$acme:ml:Inner$aws:ebs/volume:Volume::train-inner-volume"
    )


def test_components_are_not_custom(wide: Declaration) -> None:
    assert not named(wide, "train").custom
    assert named(wide, "train-data").custom


def test_properties_have_their_wire_names_and_whole_numbers(wide: Declaration) -> None:
    assert named(wide, "guarded").properties["instanceType"] == "g5.xlarge"
    size = named(wide, "plain").properties["size"]
    assert size == 10
    assert isinstance(size, int)


def test_computed_outputs_are_unknown_with_their_path(wide: Declaration) -> None:
    assert list(unknown_paths(dict(named(wide, "guarded").properties))) == ["subnetId"]
    assert list(unknown_paths(dict(named(wide, "policy").properties))) == ["bucket", "policy.Statement[0].Resource"]
    assert wide.outputs["arn"] is UNKNOWN


def test_inputs_come_back_as_outputs(wide: Declaration) -> None:
    assert wide.outputs["type"] == "g5.xlarge"
    assert reveal(named(wide, "known-json").properties["value"]) == '{"b": "g5.xlarge"}'


def test_an_exported_resource_is_written_out(wide: Declaration) -> None:
    assert wide.outputs["instance"]["instance_type"] == "g5.xlarge"


def test_the_default_provider_has_the_stacks_settings(wide: Declaration) -> None:
    provider = named(wide, "guarded").provider
    assert provider is not None
    assert provider.package == "aws"
    assert provider.version
    assert provider.address.startswith("urn:pulumi:dev::wide::pulumi:providers:aws::default_")
    assert provider.properties == {"region": "eu-west-1", "defaultTags": {"tags": {"owner": "ml"}}}
    google = named(wide, "plain").provider
    assert google is not None
    assert google.properties == {"project": "proj", "region": "europe-west4"}


def test_an_explicit_provider_has_its_own_settings_with_nested_ones_opened(wide: Declaration) -> None:
    provider = named(wide, "elsewhere").provider
    assert provider is not None
    assert provider.address == "urn:pulumi:dev::wide::pulumi:providers:aws::west"
    assert provider.properties["region"] == "us-west-2"
    assert provider.properties["defaultTags"] == {"tags": {"team": "x", "cost": "1"}}
    google = named(wide, "disk").provider
    assert google is not None
    assert google.properties["defaultLabels"] == {"k": "v"}


@pytest.mark.parametrize("name", ["inherits-data", "inherits-inner-volume"])
def test_children_of_a_component_inherit_its_providers(wide: Declaration, name: str) -> None:
    provider = named(wide, name).provider
    assert provider is not None
    assert provider.properties["region"] == "us-west-2"


def test_transforms_run_from_the_resource_over_its_parents_to_the_stack(wide: Declaration) -> None:
    assert named(wide, "own").properties["tags"] == {"a": "1", "order": "rps"}
    assert named(wide, "train-data").properties["tags"] == {"a": "1", "order": "ps"}
    assert named(wide, "inherits-data").properties["tags"] == {"a": "1", "order": "s"}


def test_transforms_get_secret_unknown_and_dependent_values_as_outputs(wide: Declaration) -> None:
    tags = named(wide, "seen").properties["tags"]
    assert tags["kinds"] == '{"known": "str", "secret": "Output"}'
    assert tags["name"] == "Output"
    assert tags["secret"] == Secret("hunter2-very-secret")
    assert named(wide, "seen").properties["bucket"] == "g5.xlarge"


def test_a_transform_that_changes_nothing_changes_nothing(wide: Declaration) -> None:
    unchanged = named(wide, "unchanged")
    assert unchanged.properties == {"tags": UNKNOWN} or unchanged.properties["tags"]["arn"] is UNKNOWN
    assert unchanged.dependencies == (named(wide, "own").address,)


def test_transforms_change_options(wide: Declaration) -> None:
    assert named(wide, "guarded").options.protect
    assert not named(wide, "elsewhere").options.protect


def test_client_side_transformations_are_seen(wide: Declaration) -> None:
    assert named(wide, "client").properties["bucket"] == "by-client"


def test_invoke_transforms_change_the_question(wide: Declaration) -> None:
    assert named(wide, "zoned").properties["availabilityZone"] == "ap-northeast-1c"


def test_options_are_kept(wide: Declaration) -> None:
    options = named(wide, "renamed").options
    assert "urn:pulumi:dev::wide::aws:s3/bucket:Bucket::before" in options.aliases
    assert "urn:pulumi:old::wide::aws:s3/bucket:Bucket::x" in options.aliases
    assert options.ignore_changes == ("tags",)
    assert options.delete_before_replace
    assert options.custom_timeouts == {"create": "10m", "delete": "1h"}
    assert named(wide, "renamed").dependencies == (named(wide, "own").address,)


def test_dependencies_are_known_by_property(wide: Declaration) -> None:
    bucket = named(wide, "train-data").address
    assert named(wide, "guarded").dependencies == (bucket,)
    assert named(wide, "guarded").property_dependencies == {"subnetId": (bucket,)}


def test_a_resource_that_is_read_is_external_and_has_its_id(wide: Declaration) -> None:
    assert named(wide, "existing").external
    assert not named(wide, "own").external
    assert named(wide, "of-existing").properties["bucket"] == "some-bucket"


def test_a_resource_known_by_its_urn_has_the_state_of_the_declared_one(wide: Declaration) -> None:
    assert wide.outputs["again"] == "b1"
    assert wide.outputs["again-id"] is UNKNOWN
    assert not [resource for resource in wide.resources if resource.name == "again"]


def test_a_resource_as_a_value_is_a_reference(wide: Declaration) -> None:
    own = Reference(named(wide, "own").address)
    assert named(wide, "using").properties == {"all": [own], "used": own}


def test_an_imported_resource_is_managed_and_has_its_id(wide: Declaration) -> None:
    assert not named(wide, "imported").external
    assert named(wide, "of-imported").properties["bucket"] == "the-bucket"


def test_outputs_of_other_stacks_are_unknown(wide: Declaration) -> None:
    assert named(wide, "acme/network/dev").external
    assert named(wide, "sub").properties == {"vpcId": UNKNOWN, "cidrBlock": UNKNOWN}


def test_secrets_stay_secret_wherever_they_go(wide: Declaration) -> None:
    password = named(wide, "db").properties["password"]
    assert isinstance(password, Secret)
    assert reveal(password) == "hunter2-very-secret"
    assert reveal(named(wide, "derived").properties["value"]) == "p=hunter2-very-secret"
    assert isinstance(wide.outputs["password"], Secret)
    assert "hunter2" not in repr(wide)


def test_additional_secret_outputs_are_secret_even_where_unknown(wide: Declaration) -> None:
    assert named(wide, "db").properties["allocatedStorage"] == Secret(20)
    value = named(wide, "unknown-secret").properties["value"]
    assert isinstance(value, Secret)
    assert isinstance(value.value, Unknown)


def test_a_mapping_may_stand_for_a_json_text(wide: Declaration) -> None:
    assert named(wide, "plain-policy").properties["policy"] == {"Version": "2012-10-17", "Statement": []}
    assert "policy is a str" in wide.messages


def test_files_and_archives_are_described_not_read(wide: Declaration) -> None:
    assert named(wide, "object").properties["source"] == Blob("path Pulumi.yaml")
    assert named(wide, "fn").properties["code"] == Blob("archive of 2 assets")


def test_hooks_are_accepted_and_not_run(wide: Declaration) -> None:
    assert "a hook ran" not in wide.messages


def test_dynamic_providers_code_is_left_out(wide: Declaration) -> None:
    made = named(wide, "made")
    assert made.type == "pulumi-python:dynamic:Resource"
    assert made.properties == {"size": 4}


def test_kubernetes_resources_and_manifests(wide: Declaration) -> None:
    container = named(wide, "pod").properties["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    assert named(wide, "two").type == "kubernetes:apps/v1:Deployment"
    assert named(wide, "two").properties["spec"] == {"replicas": 3}


def test_positions_are_lines_of_the_users_program(wide: Declaration) -> None:
    position = named(wide, "guarded").position
    assert position is not None
    assert position.file == "__main__.py"
    line = (wide.root / "__main__.py").read_text().splitlines()[(position.line or 0) - 1]
    assert line.startswith("guarded = aws.ec2.Instance")
    inside = named(wide, "train-data").position
    assert inside is not None
    assert inside.file == "parts.py"


def test_output_form_data_sources_without_an_answer_are_unknown(wide: Declaration) -> None:
    assert wide.outputs["engine"] is UNKNOWN
    assert named(wide, "of-unknown").properties["availabilityZone"] is UNKNOWN


def test_built_in_answers_are_listed_as_assumptions_once(wide: Declaration) -> None:
    zones = [item for item in wide.assumptions if item.token.endswith("getAvailabilityZones")]
    assert [item.arguments for item in zones] == [{"region": "ap-northeast-1"}]
    assert "ap-northeast-1a" in zones[0].answer


def test_messages_hold_prints_and_logs_without_secrets(wide: Declaration) -> None:
    assert "info: for your information" in wide.messages
    assert "warning: mind the gap" in wide.messages
    assert "the password is [secret]" in wide.messages
    assert not any("not shown" in message for message in wide.messages)


def test_the_configuration_is_the_stacks_over_the_projects(wide: Declaration) -> None:
    assert wide.config["wide:team"] == "research"
    assert wide.config["wide:size"] == "3"
    assert wide.config["wide:nested"] == '{"a":"text","b":[1,2.5,true]}'


def test_what_a_library_declares_is_placed_where_the_program_calls_for_it(program: Callable[..., Path]) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {}\n"
    folder = program(
        """
        import pulumi_kubernetes as k8s

        k8s.yaml.ConfigGroup("group", files=["a.yaml"])
        """,
        **{"a.yaml": manifest},
    )
    resources = {resource.type: resource for resource in run_program(folder).resources}
    assert str(resources["kubernetes:core/v1:ConfigMap"].position) == "__main__.py:4"
    assert not any("site-packages" in str(resource.position) for resource in resources.values())


def test_a_kubernetes_object_has_a_name_that_its_provider_makes(program: Callable[..., Path]) -> None:
    folder = program(
        """
        import pulumi_kubernetes as k8s

        space = k8s.core.v1.Namespace("space", metadata={"labels": {"team": "nlp"}})
        named = k8s.core.v1.Namespace("named", metadata={"name": "own"})
        k8s.core.v1.ConfigMap("inside", metadata={"namespace": space.metadata["name"], "name": space.metadata.name})
        k8s.core.v1.ConfigMap("beside", metadata={"namespace": named.metadata["name"]})
        """
    )
    declaration = run_program(folder)
    inside, beside = (named(declaration, name).properties["metadata"] for name in ("inside", "beside"))
    assert isinstance(inside, dict)
    assert isinstance(beside, dict)
    assert inside["namespace"] is inside["name"] is UNKNOWN
    assert beside["namespace"] == "own"
    assert named(declaration, "space").properties["metadata"] == {"labels": {"team": "nlp"}}
    assert named(declaration, "space").address in named(declaration, "inside").dependencies
