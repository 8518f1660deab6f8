"""Facts of fleets, reservations, tasks, pipelines, clusters and searches on AWS, from a real program."""

from __future__ import annotations

import pytest

from spendgate.facts.model import Count, Kind, Lifecycle
from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Declaration
from tests.facts.conftest import FactsOf, by_name

A10G = Accelerator("nvidia", "A10G", 24.0, 1.0)
A100X8 = Accelerator("nvidia", "A100", 40.0, 8.0)


def test_every_type_of_the_program_is_understood(aws_more_declaration: Declaration) -> None:
    assert [name for name, workload in by_name(aws_more_declaration).items() if not workload.mapped] == []


def test_a_spot_fleet_is_spot_and_counts_its_target(aws_more: FactsOf) -> None:
    facts = aws_more("spot-fleet")
    assert (facts.kind, facts.purchase, facts.count) == (Kind.NODE_POOL, Purchase.SPOT, Count(4, 4, 4))
    assert (facts.instance_type, facts.accelerator, facts.zones) == ("g5.xlarge", A10G, ("eu-central-1a",))


def test_a_spot_fleet_can_be_on_demand_in_part_and_count_in_weighted_units(aws_more: FactsOf) -> None:
    facts = aws_more("spot-fleet-part")
    assert (facts.purchase, facts.spot_share, facts.count) == (Purchase.ON_DEMAND, 0.75, Count(4, 4, 4))
    assert facts.instance_types == ("g5.12xlarge", "g5.24xlarge")
    assert facts.tags["team"] == "nlp"


def test_types_of_different_weight_leave_the_count_unknown(aws_more: FactsOf) -> None:
    facts = aws_more("spot-fleet-mixed")
    assert facts.count is None
    assert "weightedCapacity" in facts.unknowns["count"]


@pytest.mark.parametrize("name", ["spot-fleet-template", "fleet-spot", "fleet-part"])
def test_fleets_follow_their_launch_template(aws_more: FactsOf, name: str) -> None:
    assert (aws_more(name).instance_type, aws_more(name).accelerator) == ("p4d.24xlarge", A100X8)


def test_a_fleet_buys_what_no_target_claims_in_the_default_way(aws_more: FactsOf) -> None:
    assert (aws_more("fleet-spot").purchase, aws_more("fleet-spot").spot_share) == (Purchase.SPOT, None)
    assert (aws_more("fleet-part").purchase, aws_more("fleet-part").spot_share) == (Purchase.ON_DEMAND, 0.25)


def test_a_target_in_vcpus_is_as_many_instances_as_hold_them(aws_more: FactsOf) -> None:
    assert aws_more("fleet-vcpu").count == Count(2, 2, 2)


def test_reserved_capacity_counts_whether_or_not_it_is_used(aws_more: FactsOf) -> None:
    facts = aws_more("reserved")
    assert (facts.kind, facts.instance_type, facts.count) == (Kind.COMPUTE, "p5.48xlarge", Count(2, 2, 2))
    assert (facts.purchase, facts.region) == (Purchase.ON_DEMAND, "eu-central-1")


def test_a_capacity_block_says_neither_type_nor_number(aws_more: FactsOf) -> None:
    facts = aws_more("block")
    assert facts.purchase is Purchase.CAPACITY_BLOCK
    for fact in ("instance_type", "accelerator", "count"):
        assert "capacityBlockOfferingId" in facts.unknowns[fact]


def test_a_fargate_profile_runs_nothing_itself(aws_more: FactsOf) -> None:
    assert (aws_more("fargate").kind, aws_more("fargate").taggable) == (Kind.OTHER, True)


def test_a_task_definition_asks_for_gpus_and_its_service_runs_it(aws_more: FactsOf) -> None:
    task, service = aws_more("task"), aws_more("service")
    assert (task.kind, task.vcpu, task.memory_gib) == (Kind.TEMPLATE, 4, 16)
    assert (service.kind, service.count) == (Kind.WORKLOAD, Count(1, 2, 6))
    assert task.accelerator == service.accelerator == Accelerator("nvidia", "", None, 2.0)
    assert "accelerator.model" not in service.unknowns  # its instances have the model, and are asked themselves


def test_tasks_on_fargate_are_compute_of_their_own(aws_more: FactsOf) -> None:
    facts = aws_more("service-fargate")
    assert (facts.kind, facts.purchase, facts.count, facts.vcpu) == (Kind.COMPUTE, Purchase.SPOT, Count(3, 3, 3), 4)
    assert aws_more("service-managed").kind is Kind.WORKLOAD


def test_a_daemon_service_runs_on_an_unknown_number_of_instances(aws_more: FactsOf) -> None:
    assert "every container instance" in aws_more("service-daemon").unknowns["count"]


def test_a_capacity_provider_has_instances_where_it_manages_them(aws_more: FactsOf) -> None:
    facts = aws_more("managed")
    assert (facts.kind, facts.instance_types, facts.purchase) == (Kind.NODE_POOL, ("g6.xlarge",), Purchase.SPOT)
    assert "as the tasks need" in facts.unknowns["count"]
    assert aws_more("by-group").kind is Kind.OTHER


def test_the_steps_of_a_pipeline_add_up(aws_more: FactsOf) -> None:
    one, two = aws_more("pipeline"), aws_more("pipeline-two")
    assert (one.instance_type, one.count, one.max_runtime_hours) == ("ml.p4d.24xlarge", Count(2, 2, 2), 2)
    assert one.accelerator == A100X8
    assert (set(two.instance_types), two.count, two.max_runtime_hours) == (
        {"ml.m5.xlarge", "ml.p4d.24xlarge"},
        Count(2, 2, 2),
        3,
    )


def test_a_pipeline_with_a_step_without_limit_has_none(aws_more: FactsOf) -> None:
    facts = aws_more("pipeline-open")
    assert facts.max_runtime_hours is None
    assert "max_runtime_hours" not in facts.unknowns


def test_a_pipeline_that_reads_its_type_from_elsewhere_is_unknown(aws_more: FactsOf) -> None:
    assert "found an object" in aws_more("pipeline-parameter").unknowns["instance_type"]
    assert "bucket" in aws_more("pipeline-stored").unknowns["accelerator"]


def test_serverless_variants_count_what_runs_at_once(aws_more: FactsOf) -> None:
    ready, idle = aws_more("serverless"), aws_more("serverless-idle")
    assert (ready.count, ready.memory_gib, ready.instance_type) == (Count(2, 2, 20), 4, None)
    assert idle.count == Count(0, 0, 5)


def test_an_asynchronous_endpoint_has_instances_as_any_other(aws_more: FactsOf) -> None:
    assert (aws_more("async").accelerator, aws_more("async").count) == (A10G, Count(1, 1, 1))


def test_provisioned_throughput_counts_model_units(aws_more: FactsOf) -> None:
    facts = aws_more("units")
    assert (facts.kind, facts.count, facts.purchase) == (Kind.ENDPOINT, Count(3, 3, 3), Purchase.RESERVED)


def test_an_emr_cluster_adds_its_primary_to_the_scaled_nodes(aws_more: FactsOf) -> None:
    facts = aws_more("emr")
    assert (facts.kind, facts.count, facts.idle_shutdown_minutes) == (Kind.NODE_POOL, Count(3, 4, 11), 60)
    assert facts.accelerator == A10G


def test_an_emr_cluster_speaks_of_the_nodes_that_carry_accelerators(aws_more: FactsOf) -> None:
    facts = aws_more("emr-bids")
    assert (facts.accelerator, facts.count, facts.purchase) == (A10G, Count(1, 1, 1), Purchase.SPOT)
    assert facts.instance_types == ("m5.xlarge", "g5.xlarge")


def test_fleets_of_an_emr_cluster_are_divided_by_their_weights(aws_more: FactsOf) -> None:
    facts = aws_more("emr-fleets")
    assert (facts.accelerator, facts.count, facts.spot_share) == (A10G, Count(4, 4, 4), 0.75)


def test_an_emr_cluster_of_equal_nodes_bought_in_two_ways_has_a_share_of_spot(aws_more: FactsOf) -> None:
    facts = aws_more("emr-shared")
    assert (facts.count, facts.purchase, facts.spot_share) == (Count(4, 4, 4), Purchase.ON_DEMAND, 0.75)


def test_groups_of_unlike_instances_of_a_training_job_add_their_accelerators(aws_more: FactsOf) -> None:
    facts = aws_more("groups")
    assert (facts.accelerator, facts.count, facts.purchase) == (A100X8, Count(2, 2, 2), Purchase.SPOT)
    assert facts.instance_types == ("ml.c5.9xlarge", "ml.p4d.24xlarge")


def test_steps_of_a_pipeline_are_parts_with_a_limit_of_their_own(aws_more_declaration: Declaration) -> None:
    parts = by_name(aws_more_declaration)["pipeline-two"].parts
    assert [(part.facts.instance_type, part.facts.max_runtime_hours) for part in parts] == [
        ("ml.m5.xlarge", 1),
        ("ml.p4d.24xlarge", 2),
    ]


def test_task_groups_and_fleets_of_emr_are_pools_of_their_own(aws_more: FactsOf) -> None:
    assert (aws_more("emr-tasks").count, aws_more("emr-tasks").purchase) == (Count(5, 5, 5), Purchase.SPOT)
    assert (aws_more("emr-fleet").count, aws_more("emr-fleet").spot_share) == (Count(4, 4, 4), 0.75)
    assert aws_more("spark").idle_shutdown_minutes == 10


def test_archive_tiers_and_replicas_of_buckets_are_told(aws_more: FactsOf) -> None:
    assert aws_more("tiering").lifecycle == Lifecycle(transition_days=90)
    assert aws_more("replication").storage_class == "standard_ia"


def test_snapshots_have_what_their_source_has(aws_more: FactsOf) -> None:
    imported, database = aws_more("imported"), aws_more("database-snapshot")
    assert (imported.kind, imported.storage_class, imported.encrypted) == (Kind.SNAPSHOT, "archive", True)
    assert (database.kind, database.size_gib, database.encrypted) == (Kind.SNAPSHOT, 100, True)
    assert aws_more("aurora-snapshot").encrypted


def test_a_search_domain_counts_all_its_nodes(aws_more: FactsOf) -> None:
    facts = aws_more("search")
    assert (facts.kind, facts.count, facts.size_gib, facts.storage_class) == (Kind.DATABASE, Count(6, 6, 6), 200, "gp3")
    assert facts.instance_types == ("r6g.large.search", "m6g.large.search")
    assert (aws_more("vectors").kind, aws_more("vectors").storage_class) == (Kind.DATABASE, "vectorsearch")
