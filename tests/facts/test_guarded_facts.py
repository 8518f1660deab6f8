"""Facts that guardrails of state, rights and images ask for, from real programs."""

from __future__ import annotations

import pytest

from tests.facts.conftest import FactsOf


def test_a_bucket_tells_its_versions_and_whether_the_public_is_kept_out(aws_more: FactsOf) -> None:
    kept, plain = aws_more("kept"), aws_more("plain-bucket")
    assert (kept.versioning, kept.versions_kept, kept.public) == (True, 3, True)
    assert (plain.versioning, plain.public) == (False, False)
    assert {"versioning", "public"} <= plain.defaults


def test_copies_of_a_bucket_go_where_the_destination_is(aws_more: FactsOf) -> None:
    assert aws_more("kept-copies").replicated_to == ("eu-west-1",)
    assert "replication" in aws_more("copied").unknowns["replicated_to"]
    assert "replicated_to" not in aws_more("plain-bucket").unknowns


def test_a_database_tells_whether_it_can_be_deleted_and_reached(aws_more: FactsOf) -> None:
    assert (aws_more("guarded").deletion_protection, aws_more("guarded").public) == (True, True)
    assert (aws_more("database").deletion_protection, aws_more("database").public) == (False, False)


def test_a_training_job_tells_its_checkpoints_image_and_role(aws_more: FactsOf) -> None:
    facts = aws_more("resumes")
    assert (facts.checkpointing, facts.images, facts.role) == (True, ("1.dkr.ecr/pytorch:2",), "trainer")
    assert aws_more("groups").checkpointing is False


def test_a_role_tells_the_policies_that_are_attached(aws_more: FactsOf) -> None:
    assert aws_more("admin").permissions == ("AdministratorAccess",)
    assert (aws_more("admin-too").role, aws_more("admin-too").permissions) == ("trainer", ("PowerUserAccess",))
    assert aws_more("admin").unknowns == {}


def test_an_instance_tells_address_image_and_role(aws_more: FactsOf, google_more: FactsOf) -> None:
    facts = aws_more("open")
    assert (facts.public, facts.deletion_protection, facts.images, facts.role) == (True, True, ("ami-1",), "trainer")
    facts = google_more("open")
    assert (facts.public, facts.deletion_protection, facts.images) == (
        True,
        True,
        ("projects/p/global/images/pytorch",),
    )
    assert facts.role == "trainer@p.iam"
    assert google_more("with-disks").public is False


def test_snapshots_are_kept_for_days(aws_more: FactsOf) -> None:
    assert aws_more("snapshots").retention_days == 14


def test_a_bucket_on_google_is_public_where_everyone_is_granted(google_more: FactsOf) -> None:
    facts = google_more("shared")
    assert (facts.versioning, facts.versions_kept, facts.public) == (True, 3, True)
    assert (google_more("closed").versioning, google_more("closed").public) == (False, False)


def test_a_cluster_bounds_the_accelerators_that_it_may_start(google_more: FactsOf) -> None:
    facts = google_more("provisioned")
    assert (facts.accelerator_limit, facts.deletion_protection, facts.public) == (8, False, False)
    assert google_more("cluster-disks").public is True


def test_granted_roles_are_told(google_more: FactsOf, custom: FactsOf) -> None:
    assert google_more("owner").permissions == ("roles/owner",)
    assert custom("admins").permissions == ("cluster-admin",)


def test_a_service_inside_is_not_public(google_more: FactsOf) -> None:
    facts = google_more("inside")
    assert (facts.public, facts.role, facts.images) == (False, "run@p.iam", ("vllm:1",))


@pytest.mark.parametrize(("name", "limit"), [("queue", 20), ("quota", 8), ("karpenter", 16)])
def test_quotas_bound_accelerators(custom: FactsOf, name: str, limit: float) -> None:
    assert custom(name).accelerator_limit == limit


def test_requests_and_limits_of_a_pod_are_sums_over_all_its_containers(custom: FactsOf) -> None:
    facts = custom("sized")
    assert (facts.cpu_request, facts.cpu_limit, facts.memory_request_gib, facts.memory_limit_gib) == (8, 16, 32, 64)
    assert (facts.images, facts.role) == (("x:1", "y:2"), "trainer")
    assert (custom("half-sized").cpu_request, custom("half-sized").cpu_limit) == (None, None)
    assert (custom("limited").cpu_request, custom("limited").cpu_limit) == (8, 8)
