"""Facts of reservations, queued TPUs, Vertex AI, Dataproc and BigQuery, from a real program."""

from __future__ import annotations

from spendgate.facts.model import Count, Kind, Lifecycle
from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Declaration
from tests.facts.conftest import FactsOf, by_name

L4 = Accelerator("nvidia", "L4", 24.0, 1.0)
T4 = Accelerator("nvidia", "T4", 16.0, 1.0)


def test_every_type_of_the_program_is_understood(google_more_declaration: Declaration) -> None:
    assert [name for name, workload in by_name(google_more_declaration).items() if not workload.mapped] == []


def test_a_reservation_counts_machines_with_what_is_attached_to_them(google_more: FactsOf) -> None:
    facts = google_more("reserved")
    assert (facts.kind, facts.region, facts.count) == (Kind.COMPUTE, "us-central1", Count(4, 4, 4))
    assert (facts.accelerator, facts.max_runtime_hours) == (Accelerator("nvidia", "V100", 16.0, 2.0), 10)


def test_a_reservation_follows_its_template(google_more: FactsOf) -> None:
    facts = google_more("reserved-template")
    assert (facts.instance_type, facts.accelerator, facts.count) == ("n1-standard-8", T4, Count(2, 2, 2))


def test_capacity_by_calendar_has_a_price_of_its_own(google_more: FactsOf) -> None:
    facts = google_more("calendar")
    assert (facts.instance_type, facts.max_runtime_hours, facts.count) == ("a3-highgpu-8g", 168, Count(2, 2, 2))
    assert "price of its own" in facts.unknowns["purchase"]


def test_a_regional_group_names_its_zones(google_more: FactsOf) -> None:
    facts = google_more("regional-group")
    assert (facts.count, facts.zones, facts.accelerator) == (Count(2, 2, 2), ("us-central1-a", "us-central1-b"), T4)


def test_queued_nodes_are_tpus_of_their_own(google_more: FactsOf) -> None:
    facts = google_more("queued")
    assert facts.accelerator is not None
    assert (facts.accelerator.model, facts.accelerator.count, facts.count) == ("TPU v5e", 8, Count(2, 2, 2))


def test_a_deployed_index_has_replicas_its_endpoint_none(google_more: FactsOf) -> None:
    facts = google_more("deployed")
    assert (facts.kind, facts.instance_type, facts.count) == (Kind.ENDPOINT, "n1-standard-16", Count(2, 2, 5))
    assert google_more("deployed-automatic").defaults == {"count"}
    assert (google_more("index-endpoint").kind, google_more("index-endpoint").count) == (Kind.OTHER, None)


def test_feature_stores_count_their_nodes(google_more: FactsOf) -> None:
    assert (google_more("online").count, google_more("online").storage_class) == (Count(1, 1, 3), "bigtable")
    assert (google_more("legacy").count, google_more("legacy").retention_days) == (Count(2, 2, 2), 30)


def test_a_persistent_resource_is_a_pool_between_its_bounds(google_more: FactsOf) -> None:
    facts = google_more("pool")
    assert (facts.kind, facts.count) == (Kind.NODE_POOL, Count(1, 2, 4))
    assert facts.accelerator == Accelerator("nvidia", "A100", 40.0, 1.0)


def test_jobs_and_worker_pools_of_cloud_run_can_hold_gpus(google_more: FactsOf) -> None:
    assert (google_more("gpu-job").kind, google_more("gpu-job").accelerator) == (Kind.TRAINING_JOB, L4)
    assert (google_more("workers").accelerator, google_more("workers").count) == (L4, Count(3, 3, 3))


def test_a_dataproc_cluster_adds_its_primary_to_the_scaled_workers(google_more: FactsOf) -> None:
    facts = google_more("spark")
    assert (facts.kind, facts.count, facts.idle_shutdown_minutes) == (Kind.NODE_POOL, Count(3, 5, 9), 30)
    assert google_more("spark-virtual").kind is Kind.OTHER


def test_accelerators_of_the_workers_alone_are_not_counted_on_all_nodes(google_more: FactsOf) -> None:
    facts = google_more("spark-gpu")
    assert (facts.count, facts.accelerator, facts.purchase) == (Count(2, 2, 2), T4, Purchase.ON_DEMAND)


def test_each_role_of_a_dataproc_cluster_is_a_part(google_more_declaration: Declaration) -> None:
    parts = {part.name: part.facts for part in by_name(google_more_declaration)["spark-gpu"].parts}
    assert {name: (one.count, one.accelerator, one.purchase) for name, one in parts.items()} == {
        "primary": (Count(1, 1, 1), None, Purchase.ON_DEMAND),
        "workers": (Count(2, 2, 2), T4, Purchase.ON_DEMAND),
        "secondary workers": (Count(3, 3, 3), None, Purchase.SPOT),
    }


def test_unlike_pools_of_a_persistent_resource_add_their_accelerators(google_more: FactsOf) -> None:
    facts = google_more("pools")
    assert facts.accelerator == Accelerator("nvidia", "A100", 40.0, 8.0)
    assert facts.count == Count(1.25, 1.25, 1.25)
    assert facts.accelerator_models == ("T4", "A100")


def test_tables_expire_by_their_own_rule_else_by_that_of_their_dataset(google_more: FactsOf) -> None:
    assert google_more("dataset").lifecycle == google_more("table").lifecycle == Lifecycle(30)
    assert google_more("table-partitioned").lifecycle == Lifecycle(7)
    assert google_more("dataset-keeps").lifecycle is None
    assert "point in time" in google_more("table-dated").unknowns["lifecycle"]


def test_backups_and_file_systems_have_a_size(google_more: FactsOf) -> None:
    assert (google_more("files-backup").kind, google_more("files-backup").size_gib) == (Kind.SNAPSHOT, 1024)
    assert (google_more("scratch").storage_class, google_more("scratch").size_gib) == ("lustre_500", 18000)


def test_a_schedule_that_is_attached_apart_holds_for_the_instance(google_more: FactsOf) -> None:
    schedule = google_more("timed").schedule
    assert schedule is not None
    assert (schedule.hours_per_week, schedule.declared_by.split(":")[0]) == (50, "hours")
