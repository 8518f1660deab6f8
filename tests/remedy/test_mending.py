"""Remediation mends or does nothing, in the order of the guardrails, and twice is as good as once."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.remedy.model import Patch
from spendgate.resource import UNKNOWN, Secret
from tests.remedy.conftest import Write, mended, resource

VOLUME = "aws:ebs/volume:Volume"
JOB = "kubernetes:batch/v1:Job"
BUCKET = "gcp:storage/bucket:Bucket"


def test_a_fact_is_written_where_the_type_has_it(write: Write) -> None:
    rule = write("deadline", "has(facts.max_runtime_hours)", "{fact: max_runtime_hours, expression: params.hours}")
    for type_, path, value in (
        (JOB, "spec.activeDeadlineSeconds", 86400),
        ("aws:batch/jobDefinition:JobDefinition", "timeout.attemptDurationSeconds", 86400),
        ("aws:sagemaker/trainingJob:TrainingJob", "stoppingCondition.maxRuntimeInSeconds", 86400),
    ):
        (remedy,) = mended(resource(type_, {}), rule).remedies
        assert remedy.patches == (Patch(path, None, value),)
        assert remedy.mends == ("deadline is not content",)


def test_tags_are_added_by_each_cloud_s_own_name_for_them(write: Write) -> None:
    rule = write("owned", "'owner' in facts.tag_keys", "{fact: tags, expression: \"{'owner': 'ml', 'team': 'x'}\"}")
    assert dict(mended(resource(VOLUME, {"tags": {"team": "y"}}), rule).resource.properties) == {
        "tags": {"team": "y", "owner": "ml"}
    }
    assert mended(resource(BUCKET, {}), rule).resource.properties["labels"] == {"owner": "ml", "team": "x"}
    assert mended(resource(JOB, {}), rule).resource.properties["metadata"] == {"labels": {"owner": "ml", "team": "x"}}


def test_tags_of_the_provider_are_there_already(write: Write) -> None:
    rule = write("owned", "'owner' in facts.tag_keys", "{fact: tags, expression: \"{'owner': 'ml', 'team': 'x'}\"}")
    one = resource(VOLUME, {}, defaultTags={"tags": {"team": "y"}})
    assert mended(one, rule).resource.properties == {"tags": {"owner": "ml"}}


def test_a_patch_of_a_path_is_for_the_types_it_names(write: Write) -> None:
    patch = "{path: type, types: ['aws:ebs/*'], expression: \"'gp3'\"}"
    rule = write("gp3", "!has(facts.storage_class) || facts.storage_class != 'gp2'", patch)
    assert mended(resource(VOLUME, {"type": "gp2"}), rule).resource.properties == {"type": "gp3"}
    database = mended(resource("aws:rds/instance:Instance", {"storageType": "gp2"}), rule)
    assert database.resource.properties == {"storageType": "gp2"}
    assert database.refused == {"gp3": "no patch of it is for aws:rds/instance:Instance"}


def test_what_is_satisfied_is_not_patched(write: Write) -> None:
    rule = write("deadline", "has(facts.max_runtime_hours)", "{fact: max_runtime_hours, expression: params.hours}")
    one = resource(JOB, {"spec": {"activeDeadlineSeconds": 60}})
    assert mended(one, rule).resource == one


def test_a_patch_that_does_not_mend_is_not_made(write: Write) -> None:
    patch = "{fact: max_runtime_hours, expression: '48.0'}"
    rule = write("short", "has(facts.max_runtime_hours) && facts.max_runtime_hours < 24.0", patch)
    result = mended(resource(JOB, {}), rule)
    assert result.resource.properties == {}
    assert result.refused == {"short": "its patch does not mend it: short is not content"}


def test_a_patch_whose_condition_does_not_hold_is_not_made(write: Write) -> None:
    patch = "{fact: max_runtime_hours, when: \"stack.environment == 'production'\", expression: params.hours}"
    rule = write("deadline", "has(facts.max_runtime_hours)", patch)
    assert "is not made here" in mended(resource(JOB, {}), rule).refused["deadline"]


def test_a_type_that_does_not_say_where_it_writes_the_fact(write: Write) -> None:
    rule = write("deadline", "has(facts.max_runtime_hours)", "{fact: max_runtime_hours, expression: params.hours}")
    assert mended(resource(VOLUME, {}), rule).refused == {
        "deadline": f'where {VOLUME} writes "max_runtime_hours" is not known'
    }


def test_of_two_that_want_different_things_the_first_has_its_way_and_the_second_says_so(write: Write) -> None:
    first = write("a-day", "facts.max_runtime_hours == 24.0", "{fact: max_runtime_hours, expression: '24.0'}")
    second = write("an-hour", "facts.max_runtime_hours == 1.0", "{fact: max_runtime_hours, expression: '1.0'}")
    one = resource(JOB, {"spec": {"activeDeadlineSeconds": 60}})
    result = mended(one, first, second)
    assert result.resource.properties == {"spec": {"activeDeadlineSeconds": 86400}}
    assert result.refused == {"an-hour": 'its patch would undo what "a-day" asks for: a-day is not content'}
    assert mended(one, second, first).resource.properties == {"spec": {"activeDeadlineSeconds": 3600}}


def test_two_that_can_both_be_content_both_are(write: Write) -> None:
    week = write("a-week", "facts.max_runtime_hours <= 168.0", "{fact: max_runtime_hours, expression: '168.0'}")
    day = write("a-day", "facts.max_runtime_hours <= 24.0", "{fact: max_runtime_hours, expression: '24.0'}")
    result = mended(resource(JOB, {"spec": {"activeDeadlineSeconds": 10**7}}), week, day)
    assert result.resource.properties == {"spec": {"activeDeadlineSeconds": 86400}}
    assert [remedy.guardrail for remedy in result.remedies] == ["a-week", "a-day"]
    assert mended(result.resource, week, day).remedies == ()


def test_one_may_need_what_another_patches(write: Write) -> None:
    needs = write(
        "needs-a-deadline",
        "'ends' in facts.tag_keys",
        "{fact: tags, when: has(facts.max_runtime_hours), expression: \"{'ends': 'yes'}\"}",
    )
    deadline = write("deadline", "has(facts.max_runtime_hours)", "{fact: max_runtime_hours, expression: params.hours}")
    result = mended(resource(JOB, {}), needs, deadline)
    assert [remedy.guardrail for remedy in result.remedies] == ["deadline", "needs-a-deadline"]
    assert result.refused == {}


def test_an_unknown_value_on_the_way_keeps_the_patch_from_being_made(write: Write) -> None:
    rule = write("named", "false", "{path: spec.a, types: ['kubernetes:batch/v1:Job'], expression: '1'}")
    assert mended(resource(JOB, {"spec": UNKNOWN}), rule).refused == {"named": "spec: known only after apply"}


def test_a_secret_on_the_way_keeps_the_patch_from_being_made(write: Write) -> None:
    rule = write("named", "false", "{path: spec.a, types: ['kubernetes:batch/v1:Job'], expression: '1'}")
    for hidden in (Secret({"a": "s3cr3t"}), {"a": Secret("s3cr3t")}):
        result = mended(resource(JOB, {"spec": hidden}), rule)
        assert result.resource.properties == {"spec": hidden}
        assert result.refused["named"] in ("spec: secret", "spec.a: secret")


def test_a_secret_is_not_copied_elsewhere(write: Write) -> None:
    rule = write("copies", "false", "{path: b, types: ['kubernetes:batch/v1:Job'], expression: resource.properties.a}")
    result = mended(resource(JOB, {"a": Secret("s3cr3t")}), rule)
    assert result.refused == {"copies": "its value hangs on resource.properties.a (secret)"}
    inside = mended(resource(JOB, {"a": {"c": [Secret("s3cr3t")]}}), rule)
    assert inside.resource.properties == {"a": {"c": [Secret("s3cr3t")]}}
    assert "s3cr3t" not in str(inside)


def test_a_value_that_is_not_known_is_not_written(write: Write) -> None:
    rule = write("copies", "false", "{path: b, types: ['kubernetes:batch/v1:Job'], expression: resource.properties.a}")
    result = mended(resource(JOB, {"a": UNKNOWN}), rule)
    assert result.refused["copies"].startswith("its value hangs on resource.properties.a")
    assert result.resource.properties == {"a": UNKNOWN}


def test_a_patch_that_fails_says_so(write: Write) -> None:
    rule = write(
        "fails", "false", "{path: b, types: ['kubernetes:batch/v1:Job'], expression: resource.properties.nothing}"
    )
    assert mended(resource(JOB, {}), rule).refused["fails"].startswith("its patch failed: ")


def test_numbers_are_written_whole_and_log_groups_get_days_that_they_take(write: Write) -> None:
    rule = write("kept", "has(facts.retention_days)", "{fact: retention_days, expression: params.hours}", hours=45.0)
    result = mended(resource("aws:cloudwatch/logGroup:LogGroup", {}), rule)
    assert result.resource.properties == {"retentionInDays": 30}
    none = write("none", "has(facts.retention_days)", "{fact: retention_days, expression: params.hours}", hours=0.5)
    assert "takes no such value" in mended(resource("aws:cloudwatch/logGroup:LogGroup", {}), none).refused["none"]


TAGS = st.dictionaries(
    st.sampled_from(["owner", "team", "env"]), st.sampled_from(["", "a", UNKNOWN, Secret("s")]), max_size=3
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    properties=st.fixed_dictionaries(
        {},
        optional={
            "metadata": st.one_of(
                st.just(UNKNOWN), st.fixed_dictionaries({}, optional={"labels": st.one_of(st.just(UNKNOWN), TAGS)})
            ),
            "spec": st.one_of(
                st.just(UNKNOWN),
                st.fixed_dictionaries(
                    {}, optional={"activeDeadlineSeconds": st.sampled_from([60, 10**6, UNKNOWN, Secret(5)])}
                ),
            ),
        },
    ),
    order=st.permutations(range(4)),
)
def test_remediation_of_what_was_remediated_changes_nothing(
    write: Write, properties: dict[str, Any], order: list[int]
) -> None:
    rules = (
        write(
            "week",
            "!has(facts.max_runtime_hours) || facts.max_runtime_hours <= 168.0",
            "{fact: max_runtime_hours, expression: '168.0'}",
        ),
        write(
            "day",
            "has(facts.max_runtime_hours) && facts.max_runtime_hours <= 24.0",
            "{fact: max_runtime_hours, expression: '24.0'}",
        ),
        write(
            "odd",
            "has(facts.max_runtime_hours) && facts.max_runtime_hours == 7.0",
            "{fact: max_runtime_hours, expression: '7.0'}",
        ),
        write("owned", "'owner' in facts.tag_keys", "{fact: tags, expression: \"{'owner': 'ml', 'team': 'x'}\"}"),
    )
    chosen = [rules[index] for index in order]
    once = mended(resource(JOB, properties), *chosen)
    again = mended(once.resource, *chosen)
    assert again.resource == once.resource
    assert again.remedies == ()
    assert again.refused == once.refused
