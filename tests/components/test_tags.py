"""Tags: one set, refused early where a cloud would not take it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.rules.library import load_library
from spendgate_components import ArgumentError, WorkloadTags
from spendgate_components.checkpoint_store import CLASSES, SCRATCH_DAYS
from spendgate_components.spelling import aws_tags, azure_tags, gcp_labels, kubernetes_labels
from spendgate_components.tags import _COST_CENTER, _NAME, _UNBOUNDED, ENVIRONMENTS

WHO: dict[str, Any] = {
    "project": "llm",
    "team": "nlp",
    "owner": "nlp@example.com",
    "environment": "dev",
    "cost_center": "cc-4711",
}


def test_each_cloud_gets_the_tags_in_its_own_alphabet() -> None:
    tags = WorkloadTags(**WHO, extra={"ticket": "FIN-42 / Q3"}).values
    assert aws_tags(tags)["owner"] == azure_tags(tags)["owner"] == "nlp@example.com"
    assert gcp_labels(tags) == {
        "project": "llm", "team": "nlp", "owner": "nlp_example_com", "environment": "dev", "cost-center": "cc-4711",
        "ticket": "fin-42___q3",
    }  # fmt: skip
    assert kubernetes_labels(tags)["owner"] == "nlp_example.com"
    assert kubernetes_labels(tags)["ticket"] == "FIN-42___Q3"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"project": "LLM Training"}, 'project is "LLM Training"\nWrite lower-case letters'),
        ({"environment": "prd"}, 'tags.environment is "prd"\ndid you mean "prod"?'),
        ({"owner": " "}, "tag owner has no value"),
        ({"model": "ranker-20260115"}, "a value that is new with every run"),
        ({"review_by": "next year"}, "Write a day, such as 2026-12-31"),
        ({"extra": {"Env": "x"}}, 'tags.extra has the key "Env"'),
        ({"extra": {"env": "dev"}}, "Write environment=… of WorkloadTags."),
        ({"extra": {"run-type": "training"}}, "Write run_type=… of WorkloadTags."),
    ],
)
def test_a_tag_set_that_makes_no_sense_is_refused_with_what_to_write_instead(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        WorkloadTags(**{**WHO, **change})


def test_a_value_too_long_for_a_cloud_is_refused_there_and_never_cut() -> None:
    tags = WorkloadTags(**WHO, dataset="s" * 64).values
    assert aws_tags(tags)["dataset"] == "s" * 64
    with pytest.raises(ArgumentError, match="64 characters, Google Cloud takes 63"):
        gcp_labels(tags)
    with pytest.raises(ArgumentError, match="64 characters, Kubernetes takes 63"):
        kubernetes_labels(tags)
    with pytest.raises(ArgumentError, match="has #, which AWS does not take"):
        aws_tags({"note": "a#b"})


def test_what_the_components_take_is_what_the_shipped_guardrails_allow() -> None:
    def default(guardrail: str, parameter: str) -> Any:
        return library[guardrail].params[parameter]["default"]

    library = load_library()
    assert set(ENVIRONMENTS) == set(default("allowed-tag-values", "allowed")["environment"])
    assert default("tag-bounded-values", "unbounded") == _UNBOUNDED.pattern
    assert {"project": _NAME, "cost-center": _COST_CENTER}.items() <= {
        key: re.compile(pattern[1:-1]) for key, pattern in default("tag-value-pattern", "patterns").items()
    }.items()
    assert {key.replace("-", "_") for key in default("required-tags", "required")} == set(WHO)
    assert CLASSES["checkpoints"].scratch
    assert default("scratch-data-expires", "max_days") == SCRATCH_DAYS
    assert "checkpoints" in default("scratch-data-expires", "scratch")


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), st.text(min_size=1, max_size=63)))
def test_labels_are_always_of_the_alphabet_of_their_cloud(tags: dict[str, str]) -> None:
    for key, value in gcp_labels(tags).items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)
    try:
        labels = kubernetes_labels(tags)
    except ArgumentError:
        return
    for value in labels.values():
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value)
