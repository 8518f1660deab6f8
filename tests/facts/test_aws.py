"""Facts of AWS resources, from a real program."""

from __future__ import annotations

import pytest

from spendgate.facts import facts_of
from spendgate.facts.model import Count, Kind, Lifecycle
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Declaration
from tests.facts.conftest import FactsOf, by_name

A10G = Accelerator("nvidia", "A10G", 24.0, 1.0)
H100X8 = Accelerator("nvidia", "H100", 80.0, 8.0)
NOT_YET = "known only after apply"


def test_an_instance_carries_what_its_type_carries(aws: FactsOf) -> None:
    facts = aws("plain")
    assert (facts.kind, facts.instance_type, facts.region) == (Kind.COMPUTE, "g5.12xlarge", "eu-central-1")
    assert facts.accelerator == Accelerator("nvidia", "A10G", 24.0, 4.0)
    assert (facts.vcpu, facts.memory_gib, facts.count) == (48.0, 192.0, Count(1, 1, 1))
    assert facts.purchase is Purchase.ON_DEMAND


@pytest.mark.parametrize("name", ["spot", "request", "nodes", "group-old", "batch", "training"])
def test_spot_is_spot_however_it_is_declared(aws: FactsOf, name: str) -> None:
    assert aws(name).purchase is Purchase.SPOT


def test_a_misspelt_instance_type_is_an_unknown_accelerator_with_a_near_name(aws: FactsOf) -> None:
    facts = aws("typo")
    assert facts.instance_type == "g5.xlrage"
    assert facts.accelerator is None
    assert facts.unknowns["accelerator"] == (
        'instance type "g5.xlrage" is not in the catalogue (did you mean "g5.xlarge"?)'
    )


def test_an_instance_type_known_after_apply_hides_what_it_carries(aws: FactsOf) -> None:
    facts = aws("later")
    assert facts.region == "us-west-2"
    assert {facts.instance_type, facts.accelerator, facts.vcpu} == {None}
    for fact in ("instance_type", "accelerator", "vcpu"):
        assert facts.unknowns[fact] == f"instanceType: {NOT_YET}"


def test_what_is_marked_secret_is_no_fact_for_facts_are_shown(aws: FactsOf) -> None:
    facts = aws("secretive")
    assert facts.instance_type is None
    assert facts.tags == {"owner": "ml-platform", "app": "x"}
    assert facts.unknowns["tags.team"] == "tags.team: secret"
    assert facts.unknowns["instance_type"] == "instanceType: secret"
    assert "g4dn" not in repr(facts)
    assert "hush" not in repr(facts)


def test_default_tags_are_merged_and_the_resources_own_win(aws: FactsOf) -> None:
    assert aws("plain").tags == {"owner": "ml-platform", "team": "nlp"}
    assert aws("spot").tags == {"owner": "ml-platform", "team": "nobody"}


def test_an_unknown_default_tag_makes_the_tags_unknown_but_not_the_resources_own(aws: FactsOf) -> None:
    facts = aws("west")
    assert facts.region == "us-west-2"
    assert facts.tags == {"x": "y"}
    assert NOT_YET in facts.unknowns["tags"]


def test_scaling_groups_take_no_default_tags_and_list_their_own_as_entries(aws: FactsOf) -> None:
    assert aws("group-mixed").tags == {"team": "vision"}
    assert aws("group").tags == {}
    assert aws("group").taggable


@pytest.mark.parametrize("name", ["from-template", "nodes-by-output"])
def test_a_launch_template_is_followed_by_output(aws: FactsOf, name: str) -> None:
    facts = aws(name)
    assert (facts.instance_type, facts.accelerator) == ("p5.48xlarge", H100X8)
    assert facts.purchase is Purchase.CAPACITY_BLOCK


def test_a_launch_template_is_followed_by_its_literal_name(aws: FactsOf) -> None:
    assert aws("nodes-by-name").instance_type == "trn1.32xlarge"


def test_a_launch_template_outside_of_the_stack_leaves_the_instance_type_unknown(aws: FactsOf) -> None:
    facts = aws("nodes-outside")
    assert facts.instance_type is None
    assert facts.unknowns["accelerator"] == "launchTemplate.id: names a resource that is not declared here"
    assert facts.count == Count(1, 2, 8)


def test_a_node_group_without_a_type_gets_the_documented_default(aws: FactsOf) -> None:
    facts = aws("nodes-default")
    assert (facts.instance_type, facts.accelerator) == ("t3.medium", None)
    assert "instance_type" in facts.defaults


def test_instance_types_with_different_models_are_judged_by_the_worst_and_name_all(aws: FactsOf) -> None:
    facts = aws("nodes-mixed")
    assert facts.instance_types == ("g5.xlarge", "g6.xlarge")
    assert facts.accelerator == A10G
    assert facts.accelerator_models == ("A10G", "L4")


def test_instance_types_with_different_counts_of_one_model_count_the_most(aws: FactsOf) -> None:
    facts = aws("nodes-sized")
    assert facts.accelerator == Accelerator("nvidia", "A10G", 24.0, 8.0)
    assert facts.accelerator_models == ("A10G",)
    assert "accelerator" not in facts.unknowns


def test_a_scaling_group_expects_its_desired_capacity_else_its_minimum(aws: FactsOf) -> None:
    assert aws("group-mixed").count == Count(2, 4, 10)
    assert aws("group").count == Count(1, 1, 4)


def test_a_mixed_instances_policy_gives_types_and_spot_share(aws: FactsOf) -> None:
    facts = aws("group-mixed")
    assert (facts.instance_types, facts.spot_share) == (("g5.xlarge", "g5.2xlarge"), 0.75)
    assert facts.accelerator == A10G


def test_a_launch_configuration_is_followed(aws: FactsOf) -> None:
    assert aws("group-old").instance_type == "g3.4xlarge"


def test_instance_types_chosen_by_attributes_are_unknown(aws: FactsOf) -> None:
    assert "attributes" in aws("group-chosen").unknowns["instance_type"]
    assert "instanceRequirements" in aws("chosen").unknowns["accelerator"]


def test_scheduled_actions_of_a_group_become_its_schedule(aws: FactsOf) -> None:
    schedule = aws("group-office").schedule
    assert schedule is not None
    assert schedule.hours_per_week == 50
    assert schedule.declared_by == "morning, evening: from 0 8 * * MON-FRI to 0 18 * * MON-FRI"


def test_a_notebook_stops_when_its_lifecycle_script_says_so(aws: FactsOf) -> None:
    assert aws("notebook-stops").idle_shutdown_minutes == 30
    assert aws("notebook-stops").size_gib == 50


def test_a_script_without_a_readable_time_leaves_idle_shutdown_unknown(aws: FactsOf) -> None:
    facts = aws("notebook-vague")
    assert facts.idle_shutdown_minutes is None
    assert "states no time" in facts.unknowns["idle_shutdown_minutes"]


def test_a_notebook_without_a_script_never_stops(aws: FactsOf) -> None:
    facts = aws("notebook-runs")
    assert facts.idle_shutdown_minutes is None
    assert "idle_shutdown_minutes" not in facts.unknowns
    assert facts.accelerator == A10G


def test_an_endpoint_is_counted_once_by_its_configuration(aws: FactsOf) -> None:
    assert aws("serving").kind is Kind.ENDPOINT
    assert aws("serving").count == Count(3, 3, 7)
    assert aws("endpoint").kind is Kind.OTHER
    assert aws("endpoint").count is None


def test_variants_of_different_types_are_all_listed_and_judged_by_the_worst(aws: FactsOf) -> None:
    facts = aws("serving-two")
    assert facts.instance_types == ("ml.g5.xlarge", "ml.p4d.24xlarge")
    assert facts.accelerator == Accelerator("nvidia", "A100", 40.0, 8.0)
    assert facts.accelerator_models == ("A10G", "A100")
    assert "instance_type" not in facts.unknowns


def test_studio_spaces_inherit_the_idle_time_of_their_domain(aws: FactsOf) -> None:
    assert aws("studio").idle_shutdown_minutes == 90
    space = aws("space")
    assert (space.kind, space.idle_shutdown_minutes, space.count) == (Kind.NOTEBOOK, 90, Count(0, 0, 1))


def test_an_app_of_a_profile_outside_has_an_unknown_idle_time(aws: FactsOf) -> None:
    assert "userProfileName" in aws("app").unknowns["idle_shutdown_minutes"]


def test_a_training_job_has_instances_and_a_runtime_cap(aws: FactsOf) -> None:
    facts = aws("training")
    assert (facts.kind, facts.max_runtime_hours, facts.count) == (Kind.TRAINING_JOB, 2, Count(2, 2, 2))
    assert facts.accelerator == Accelerator("nvidia", "A100", 40.0, 8.0)


def test_a_batch_environment_counts_the_instances_that_hold_its_vcpus(aws: FactsOf) -> None:
    assert aws("batch").count == Count(0, 1, 8)


def test_a_batch_job_asks_for_gpus_inside_a_json_text(aws: FactsOf) -> None:
    facts = aws("job")
    assert facts.accelerator == Accelerator("nvidia", "", None, 2.0)
    assert "accelerator.model" not in facts.unknowns  # its machines have the model, and are asked themselves
    assert facts.max_runtime_hours == 1.5


def test_volumes_tell_whether_something_attaches_them(aws: FactsOf) -> None:
    attached, loose = aws("attached"), aws("loose")
    assert (attached.attached, attached.size_gib, attached.storage_class, attached.encrypted) == (
        True,
        100,
        "gp3",
        True,
    )
    assert (loose.attached, loose.size_gib, loose.storage_class, loose.encrypted) == (False, 500, "gp2", None)
    assert loose.defaults == {"storage_class"}


def test_a_snapshot_has_the_size_of_its_volume(aws: FactsOf) -> None:
    assert (aws("snapshot").kind, aws("snapshot").size_gib) == (Kind.SNAPSHOT, 100)


def test_a_bucket_has_the_enabled_rules_of_its_lifecycle_resource(aws: FactsOf) -> None:
    assert aws("bucket").lifecycle == Lifecycle(30, 7, 14, 3)
    assert aws("bucket-by-name").lifecycle == Lifecycle(90)
    assert aws("bucket-inline").lifecycle == Lifecycle(5)


def test_a_bucket_without_rules_has_no_lifecycle(aws: FactsOf) -> None:
    facts = aws("bucket-keeps")
    assert facts.lifecycle is None
    assert "lifecycle" not in facts.unknowns


def test_file_systems_are_volumes_with_a_class(aws: FactsOf) -> None:
    assert (aws("shared").storage_class, aws("shared").zones) == ("one_zone", ("eu-central-1b",))
    assert (aws("scratch").storage_class, aws("scratch").size_gib) == ("persistent_125", 1200)


def test_a_database_is_not_looked_up_among_machines(aws: FactsOf) -> None:
    facts = aws("database")
    assert (facts.kind, facts.instance_type, facts.count) == (Kind.DATABASE, "db.r6g.large", Count(2, 2, 2))
    assert facts.unknowns == {}


def test_free_types_are_known_and_ask_for_no_tags(aws: FactsOf, aws_declaration: Declaration) -> None:
    assert (aws("vpc").kind, aws("vpc").taggable) == (Kind.NETWORK, False)
    assert (aws("role").kind, aws("role").taggable) == (Kind.OTHER, False)
    workloads = by_name(aws_declaration)
    assert workloads["vpc"].mapped
    assert [name for name, workload in workloads.items() if not workload.mapped] == ["unmapped"]


def test_providers_components_and_resources_that_are_read_are_no_workloads(aws_declaration: Declaration) -> None:
    workloads = facts_of(aws_declaration, Catalogue.builtin())
    declared = [resource for resource in aws_declaration.resources if resource.custom]
    left_out = [resource for resource in declared if resource not in [workload.resource for workload in workloads]]
    assert {resource.name for resource in left_out if resource.external} == {"read-only", "org/network/prod"}
    assert all(resource.external or resource.type.startswith("pulumi:providers:") for resource in left_out)
    order = [resource.address for resource in declared if resource not in left_out]
    assert [workload.resource.address for workload in workloads] == order
