"""Facts of Google Cloud and Kubernetes resources, from a real program."""

from __future__ import annotations

import pytest

from spendgate.facts.model import Count, Kind, Lifecycle
from spendgate.prices.model import Accelerator, Purchase
from tests.facts.conftest import FactsOf

H100 = Accelerator("nvidia", "H100", 80.0, 1.0)
L4 = Accelerator("nvidia", "L4", 24.0, 1.0)


def test_attached_accelerators_are_counted(google: FactsOf) -> None:
    facts = google("attached-gpus")
    assert facts.accelerator == Accelerator("nvidia", "T4", 16.0, 2.0)
    assert (facts.region, facts.zones) == ("us-central1", ("us-central1-a",))
    assert (facts.purchase, facts.max_runtime_hours) == (Purchase.SPOT, 2)
    assert facts.tags == {"owner": "ml-platform", "team": "nlp"}


def test_accelerators_that_come_with_the_machine_are_not_counted_twice(google: FactsOf) -> None:
    assert google("built-in").accelerator == Accelerator("nvidia", "A100", 40.0, 4.0)


def test_an_unknown_attached_accelerator_does_not_vanish(google: FactsOf) -> None:
    assert google("no-such-gpu").accelerator is None
    assert '"nvidia-tesla-t5" is not in the catalogue' in google("no-such-gpu").unknowns["accelerator"]


def test_a_machine_type_known_after_apply_hides_the_accelerator(google: FactsOf) -> None:
    assert "known only after apply" in google("later").unknowns["accelerator"]


def test_the_providers_zone_gives_the_region(google: FactsOf) -> None:
    assert google("built-in").region == "europe-west4"


def test_a_schedule_policy_becomes_hours_a_week(google: FactsOf) -> None:
    schedule = google("built-in").schedule
    assert schedule is not None
    assert schedule.hours_per_week == 40
    assert schedule.declared_by.startswith("office: ")
    assert google("attached-gpus").schedule is None


def test_a_group_has_its_templates_machine_and_its_autoscalers_bounds(google: FactsOf) -> None:
    facts = google("group")
    assert (facts.kind, facts.instance_type, facts.accelerator) == (Kind.NODE_POOL, "g2-standard-8", L4)
    assert (facts.purchase, facts.count) == (Purchase.SPOT, Count(2, 2, 6))
    assert google("group-fixed").count == Count(3, 3, 3)
    assert google("template").kind is Kind.TEMPLATE


def test_a_zonal_pool_counts_its_one_zone(google: FactsOf) -> None:
    facts = google("pool")
    assert (facts.region, facts.count, facts.purchase) == ("us-central1", Count(0, 1, 4), Purchase.SPOT)
    assert facts.tags == {"team": "nlp"}


def test_a_regional_pool_counts_three_zones_by_default(google: FactsOf) -> None:
    facts = google("pool-regional")
    assert facts.count == Count(6, 6, 6)
    assert "count" in facts.defaults
    assert (facts.accelerator, facts.max_runtime_hours) == (Accelerator("nvidia", "V100", 16.0, 1.0), 1)


def test_total_limits_are_not_multiplied_by_zones(google: FactsOf) -> None:
    assert google("pool-elsewhere").count == Count(1, 2, 9)


def test_a_cluster_has_nodes_only_where_it_keeps_its_default_pool(google: FactsOf) -> None:
    assert google("zonal").kind is Kind.OTHER
    assert google("autopilot").kind is Kind.OTHER
    kept = google("regional")
    assert (kept.kind, kept.instance_type, kept.count) == (Kind.NODE_POOL, "e2-medium", Count(3, 3, 3))
    assert kept.defaults >= {"instance_type", "count"}


@pytest.mark.parametrize(("name", "attached"), [("disk", True), ("disk-inline", True), ("disk-loose", False)])
def test_disks_tell_whether_something_attaches_them(google: FactsOf, name: str, attached: bool) -> None:
    assert google(name).attached is attached
    assert google(name).encrypted


def test_a_bucket_tells_live_from_archived_objects(google: FactsOf) -> None:
    facts = google("bucket")
    assert facts.lifecycle == Lifecycle(60, 10, 5, 2)
    assert facts.region == "eu"
    assert google("bucket-keeps").lifecycle is None
    assert google("bucket-keeps").storage_class == "coldline"


def test_a_workbench_stops_by_its_metadata_or_by_default_or_never(google: FactsOf) -> None:
    assert google("bench").idle_shutdown_minutes == 60
    assert google("bench").accelerator == Accelerator("nvidia", "T4", 16.0, 1.0)
    assert google("bench-default").idle_shutdown_minutes == 180
    assert google("bench-default").defaults == {"idle_shutdown_minutes"}
    assert google("bench-never").idle_shutdown_minutes is None
    assert google("bench-never").unknowns == {}


def test_a_model_garden_endpoint_has_replicas(google: FactsOf) -> None:
    facts = google("garden")
    assert (facts.kind, facts.accelerator, facts.count) == (Kind.ENDPOINT, L4, Count(1, 1, 3))


def test_a_tpu_is_an_accelerator_of_chips(google: FactsOf) -> None:
    facts = google("tpu")
    assert facts.accelerator is not None
    assert (facts.accelerator.model, facts.accelerator.count, facts.purchase) == ("TPU v5e", 8, Purchase.SPOT)


def test_cloud_run_names_its_gpu_in_a_node_selector(google: FactsOf) -> None:
    facts = google("serve")
    assert (facts.accelerator, facts.count) == (L4, Count(1, 1, 5))
    assert (facts.vcpu, facts.memory_gib) == (8, 32)
    assert (google("run-job").max_runtime_hours, google("run-job").count) == (1, Count(4, 4, 4))


def test_a_pod_asks_for_gpus_of_the_model_it_selects(google: FactsOf) -> None:
    facts = google("pod")
    assert facts.accelerator == Accelerator("nvidia", "H100", 80.0, 2.0)
    assert (facts.vcpu, facts.memory_gib, facts.max_runtime_hours) == (0.5, 16, 0.5)
    assert facts.region is None
    assert facts.unknowns == {}


def test_a_gpu_without_a_named_model_is_still_a_gpu(google: FactsOf) -> None:
    facts = google("pod-unnamed")
    assert facts.accelerator == Accelerator("nvidia", "", None, 1.0)
    assert "no node selector" in facts.unknowns["accelerator.model"]


def test_mig_profiles_and_shared_gpus_are_fractions(google: FactsOf) -> None:
    mig = google("pod-mig").accelerator
    assert mig is not None
    assert (mig.model, mig.memory_gib) == ("A100", 40)
    assert mig.count == pytest.approx(3 / 7)
    assert google("pod-shared").accelerator == Accelerator("nvidia", "L4", 24.0, 0.25)


def test_a_time_sliced_gpu_is_the_share_that_its_node_says(google: FactsOf) -> None:
    sliced = google("pod-time-sliced").accelerator
    assert sliced is not None
    assert (sliced.model, sliced.count) == ("T4", 0.125)
    somehow = google("pod-sliced-somehow")
    assert somehow.accelerator is None
    assert "how many share one" in somehow.unknowns["accelerator"]


def test_the_node_type_names_the_model_too(google: FactsOf) -> None:
    assert google("pod-by-type").accelerator == Accelerator("nvidia", "A100", 40.0, 8.0)


def test_an_affinity_to_several_models_names_them_all(google: FactsOf) -> None:
    facts = google("pod-affinity")
    assert facts.accelerator_models == ("T4", "L4")
    assert facts.accelerator is not None
    assert facts.accelerator.model == "L4"


def test_an_init_container_counts_where_it_asks_for_more(google: FactsOf) -> None:
    accelerator = google("pod-init").accelerator
    assert accelerator is not None
    assert accelerator.count == 4


def test_an_unknown_request_makes_the_accelerator_unknown(google: FactsOf) -> None:
    facts = google("pod-later")
    assert facts.accelerator is None
    reason = 'spec.containers[0].resources.limits["nvidia.com/gpu"]: known only after apply'
    assert facts.unknowns == {"accelerator": reason, "accelerator_models": reason}


def test_a_deployment_scales_between_its_autoscalers_bounds(google: FactsOf) -> None:
    facts = google("deployment")
    assert (facts.kind, facts.count, facts.accelerator) == (Kind.WORKLOAD, Count(1, 3, 10), H100)
    assert facts.tags == {"app": "x", "team": "web"}


def test_replicas_default_to_one(google: FactsOf) -> None:
    assert google("stateful").count == Count(1, 1, 1)
    assert google("stateful").defaults == {"count"}


def test_a_daemon_set_runs_on_an_unknown_number_of_nodes(google: FactsOf) -> None:
    facts = google("daemon")
    assert facts.accelerator is None
    assert "every node" in facts.unknowns["count"]


def test_a_job_has_its_deadline_or_none(google: FactsOf) -> None:
    assert (google("job").kind, google("job").max_runtime_hours) == (Kind.TRAINING_JOB, 3)
    assert google("job").count == Count(4, 4, 4)
    assert google("job-endless").max_runtime_hours is None


def test_a_cron_job_has_runs_a_month(google: FactsOf) -> None:
    assert google("nightly").runs_per_month == pytest.approx(730 / 24)
    assert google("nightly").max_runtime_hours == 1
    assert google("suspended").runs_per_month == 0


def test_claims_and_namespaces(google: FactsOf) -> None:
    claim = google("claim")
    assert (claim.kind, claim.size_gib, claim.storage_class) == (Kind.VOLUME, 200, "premium-rwo")
    assert (google("space").taggable, google("space").tags) == (True, {"team": "nlp"})
    assert not google("settings").taggable
