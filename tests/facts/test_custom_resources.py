"""Facts of custom resources of Kubernetes, from a real program."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.facts import facts_of
from spendgate.facts.model import Count, Facts, Kind
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Declaration, Resource
from tests.facts.conftest import FactsOf, by_name

H100X8 = Accelerator("nvidia", "H100", 80.0, 8.0)
L4 = Accelerator("nvidia", "L4", 24.0, 1.0)


def test_only_a_kind_that_nobody_knows_is_not_understood(custom_declaration: Declaration) -> None:
    workloads = by_name(custom_declaration)
    assert [name for name, workload in workloads.items() if not workload.mapped] == ["unheard-of"]


def test_a_ray_cluster_counts_the_workers_that_ask_for_gpus(custom: FactsOf) -> None:
    facts = custom("ray")
    assert (facts.kind, facts.accelerator, facts.count) == (Kind.WORKLOAD, H100X8, Count(2, 2, 2))
    assert (facts.tags, facts.unknowns) == ({"team": "nlp"}, {})


def test_a_ray_cluster_scales_only_where_its_autoscaler_is_on(custom: FactsOf) -> None:
    assert custom("ray-scaled").count == Count(1, 2, 6)


def test_a_replica_of_several_hosts_counts_them(custom: FactsOf) -> None:
    assert custom("ray-hosts").count == Count(8, 8, 8)


def test_a_ray_cluster_without_gpus_counts_all_its_pods(custom: FactsOf) -> None:
    assert (custom("ray-cpu").accelerator, custom("ray-cpu").count) == (None, Count(6, 6, 6))


def test_the_pods_that_ask_for_most_speak_for_all_and_accelerators_add_up(custom: FactsOf) -> None:
    facts = custom("ray-mixed")
    assert (facts.accelerator, facts.count) == (H100X8, Count(2.125, 2.125, 2.125))
    assert facts.accelerator_models == ("H100", "L4")


def test_a_group_whose_request_is_unknown_hides_how_many_pods_have_gpus(custom: FactsOf) -> None:
    facts = custom("ray-later")
    assert (facts.accelerator, facts.count) == (None, None)
    path = 'spec.workerGroupSpecs[0].template.spec.containers[0].resources.limits["nvidia.com/gpu"]'
    assert facts.unknowns == dict.fromkeys(
        ("accelerator", "accelerator_models", "count"), f"{path}: known only after apply"
    )


def test_jobs_and_services_on_ray_are_their_cluster(custom: FactsOf) -> None:
    job, service = custom("ray-job"), custom("ray-service")
    assert (job.kind, job.accelerator, job.max_runtime_hours) == (Kind.TRAINING_JOB, H100X8, 2)
    assert (service.kind, service.accelerator, service.count) == (Kind.ENDPOINT, H100X8, Count(2, 2, 2))


def test_a_pytorch_job_adds_its_master_to_its_workers(custom: FactsOf) -> None:
    facts = custom("pytorch")
    assert (facts.kind, facts.accelerator, facts.count) == (Kind.TRAINING_JOB, H100X8, Count(4, 4, 4))
    assert (facts.max_runtime_hours, facts.defaults) == (1, {"count"})


def test_a_master_with_fewer_gpus_counts_as_a_part_of_a_worker(custom: FactsOf) -> None:
    facts = custom("pytorch-uneven")
    assert (facts.accelerator, facts.count, facts.unknowns) == (H100X8, Count(3.125, 3.125, 3.125), {})


def test_the_launcher_of_an_mpi_job_has_no_gpu_and_does_not_count(custom: FactsOf) -> None:
    facts = custom("mpi")
    assert facts.accelerator == Accelerator("nvidia", "L4", 24.0, 2.0)
    assert (facts.count, facts.max_runtime_hours) == (Count(4, 4, 4), 0.5)


def test_a_train_job_says_what_a_node_asks_for_or_leaves_it_to_its_runtime(custom: FactsOf) -> None:
    facts = custom("train")
    assert (facts.accelerator, facts.count) == (Accelerator("nvidia", "", None, 8.0), Count(4, 4, 4))
    for fact in ("accelerator", "count"):
        assert "runtimeRef" in custom("train-runtime").unknowns[fact]


def test_a_job_set_multiplies_replicas_and_parallel_pods(custom: FactsOf) -> None:
    facts = custom("jobset")
    assert (facts.accelerator, facts.count, facts.max_runtime_hours) == (H100X8, Count(8, 8, 8), 1)


def test_a_job_set_with_a_job_without_deadline_has_none(custom: FactsOf) -> None:
    facts = custom("jobset-open")
    assert facts.max_runtime_hours is None
    assert "max_runtime_hours" not in facts.unknowns


@pytest.mark.parametrize(("name", "pods"), [("lws", 8), ("lws-leader", 6)])
def test_a_leader_is_a_worker_unless_it_has_a_template_of_its_own(custom: FactsOf, name: str, pods: int) -> None:
    assert (custom(name).accelerator, custom(name).count) == (H100X8, Count(pods, pods, pods))


def test_an_inference_service_asks_in_its_model_or_in_its_containers(custom: FactsOf) -> None:
    facts = custom("kserve")
    assert (facts.kind, facts.accelerator, facts.count) == (Kind.ENDPOINT, L4, Count(0, 0, 3))
    assert custom("kserve-custom").accelerator == Accelerator("nvidia", "L4", 24.0, 2.0)
    assert custom("kserve-custom").count == Count(1, 1, None)
    assert "workerSpec" in custom("kserve-nodes").unknowns["count"]


def test_a_scaled_object_bounds_what_it_points_at(custom: FactsOf) -> None:
    assert (custom("server").count, custom("server").accelerator) == (Count(0, 2, 9), L4)
    assert custom("keda").kind is Kind.OTHER


def test_a_karpenter_pool_says_what_may_be_started(custom: FactsOf) -> None:
    facts = custom("karpenter")
    assert (facts.kind, facts.instance_types, facts.purchase) == (
        Kind.TEMPLATE,
        ("g5.xlarge", "g6.xlarge"),
        Purchase.SPOT,
    )
    assert (facts.idle_shutdown_minutes, facts.zones, facts.tags) == (30, ("us-east-1a",), {"team": "nlp"})
    assert "spot, on-demand" in custom("karpenter-any").unknowns["purchase"]
    assert custom("karpenter-any").idle_shutdown_minutes is None


def test_node_classes_are_encrypted_and_tagged_and_queues_run_nothing(custom: FactsOf) -> None:
    assert (custom("node-class").encrypted, custom("node-class").tags) == (True, {"team": "infra"})
    assert custom("queue").kind is Kind.OTHER


def test_devices_that_a_pod_claims_are_accelerators(custom: FactsOf) -> None:
    assert custom("claims-template").accelerator == Accelerator("nvidia", "L4", 24.0, 3.0)
    assert custom("claims-one").accelerator == L4
    job = custom("claims-job")
    assert (job.accelerator, job.count) == (Accelerator("nvidia", "H100", 80.0, 3.0), Count(4, 4, 4))


def test_a_claimed_partition_is_chosen_by_attributes_and_so_unknown(custom: FactsOf) -> None:
    assert "mig.nvidia.com" in custom("claims-part").unknowns["accelerator"]
    assert "not declared here" in custom("claims-elsewhere").unknowns["accelerator"]
    assert custom("claim").kind is Kind.OTHER


def test_elastic_training_has_as_many_workers_as_its_bounds_allow(custom: FactsOf) -> None:
    assert custom("pytorch-elastic").count == Count(1, 2, 8)


GPU_ONLY = {"containers": [{"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}


def test_pods_of_several_templates_ask_for_what_goes_furthest_beyond_its_request() -> None:
    def group(name: str, memory: str | None, limit: str) -> dict[str, object]:
        resources = {"limits": {"nvidia.com/gpu": "1", "memory": limit}}
        if memory is not None:
            resources["requests"] = {"memory": memory}
        containers = [{"name": "worker", "image": "trainer:1", "resources": resources}]
        return {"groupName": name, "replicas": 1, "template": {"spec": {"containers": containers}}}

    def facts(*groups: object) -> Facts:
        head = {"template": {"spec": {"containers": [{"name": "head", "image": "ray:2"}]}}}
        spec = {"rayClusterSpec": {"headGroupSpec": head, "workerGroupSpecs": list(groups)}}
        found = Resource("kubernetes:ray.io/v1:RayJob", "tune", "urn:tune", {"spec": spec})
        return facts_of(Declaration("project", "dev", Path(), (found,)), Catalogue.builtin())[0].facts

    both = facts(group("a", "8Gi", "8Gi"), group("b", "8Gi", "16Gi"))
    assert (both.memory_request_gib, both.memory_limit_gib) == (8, 16)
    assert facts(group("a", "8Gi", "8Gi"), group("b", None, "8Gi")).memory_request_gib == 8  # limits are requests then
    unsaid = facts(group("a", "8Gi", "8Gi"), {**group("b", "8Gi", "8Gi"), "template": {"spec": GPU_ONLY}})
    assert (unsaid.memory_request_gib, unsaid.memory_limit_gib) == (None, None)
