"""What holds for every component on every platform: nonsense is refused, names stay, tags and limits too."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.facts import facts_of
from spendgate.facts.model import Workload
from spendgate_components import ArgumentError
from spendgate_components.child import Child, declared
from spendgate_components.escapes import with_escapes
from spendgate_components.provider import COMPONENTS
from tests.components.every import CASES, CATALOGUE, NAME, arguments_class, made, planned

URNS = Path(__file__).with_name("urns.json")
"""Types and names of the children, as Pulumi knows them. A change there replaces what users have, and needs aliases."""


def test_every_component_is_among_the_cases() -> None:
    assert {component for component, _ in CASES.values()} == {one.__name__ for one in COMPONENTS} - {"TagSet"}


@pytest.mark.parametrize("case", CASES)
def test_a_new_version_renames_nothing(case: str) -> None:
    kept = json.loads(URNS.read_text(encoding="utf-8"))
    assert [f"{child.type}::{NAME}-{child.key}" for child in made(*CASES[case])] == kept[case]


SECRET = pulumi.Output.secret("hunter22")
NONSENSE: tuple[Any, ...] = (
    0, -1, 0.5, float("nan"), float("inf"), 10**30, True, "", " ", "x" * 300, "\x00", "Ünï", [], {}, [None], [[1]],
    {"a": None}, {1: 2}, {"a": {"b": 1}}, (), (1, 2, 3, 4), (True, 2), object(), b"bytes", SECRET, [SECRET],
    {"a": SECRET}, None,
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_nonsense_in_any_argument_is_taken_or_refused_by_its_name_and_never_a_traceback(case: str) -> None:
    component, given = CASES[case]
    for field in dataclasses.fields(arguments_class(component)):
        for value in NONSENSE:
            refused = _refusal(component, {**given, field.name: value})
            assert refused is None or (refused.remedy and "hunter22" not in str(refused)), (field.name, value)


def _refusal(component: str, given: dict[str, Any]) -> ArgumentError | None:
    try:
        made(component, given)
    except ArgumentError as error:
        return error
    return None


@pytest.mark.parametrize("case", CASES)
def test_a_name_that_no_cloud_takes_is_refused(case: str) -> None:
    for wrong in (None, 5, "", "x" * 300, "Ünï", "a b", "1x", "a_b", "x\n"):
        with pytest.raises(ArgumentError):
            made(*CASES[case], name=wrong)


@pytest.mark.parametrize("case", CASES)
def test_what_is_named_by_pulumi_has_room_for_its_suffix(case: str) -> None:
    longest = next(length for length in range(60, 0, -1) if _takes(case, "a" * length))
    for child in made(*CASES[case], name="a" * longest):
        if not child.names_itself:
            assert len(f"{'a' * longest}-{child.key}-1234567") <= 63
    assert longest >= 9


FREE = ("CheckpointStore", "BudgetGuard", "OffHours")
"""What has no price of its own before it is used: storage by the GiB, alerts, schedules."""


def _takes(case: str, name: str) -> bool:
    try:
        made(*CASES[case], name=name)
    except ArgumentError:
        return False
    return True


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(FREE)])
def test_what_costs_has_a_limit_that_only_an_approval_lifts(case: str) -> None:
    component, given = CASES[case]
    word = "max_cost_per_run" if component == "TrainingJob" else "max_monthly_cost"
    with pytest.raises(ArgumentError, match=word):
        made(component, {**given, word: 0.01})
    lifted = made(component, {**given, word: 0.01, "approval": "FIN-42"})
    assert any("approval" in workload.facts.tags for workload in _workloads(lifted)) or case.endswith("vertex")


PROMISED = (
    "kind", "region", "zones", "instance_type", "instance_types", "accelerator", "accelerator_limit", "count",
    "purchase", "max_runtime_hours", "idle_shutdown_minutes", "schedule", "lifecycle", "versioning", "encrypted",
    "taggable",
)  # fmt: skip
"""Facts that inputs of one's own do not change: what is paid for, for how long, and what goes when."""


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_input_is_changed_the_tags_and_what_is_promised_stay(case: str, data: st.DataObject) -> None:
    children, before = _before(case)
    child = data.draw(st.sampled_from(children))
    path, value = data.draw(st.sampled_from(list(_leaves(child.inputs))))
    changed = data.draw(st.sampled_from(_others(value)))

    def transform(key: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return _put(inputs, path, changed) if key == child.key else inputs

    try:
        after = _workloads(with_escapes(children, None, (transform,)))
    except ArgumentError:
        return
    for workload in after:
        was = before[workload.resource.name].facts
        assert was.tags.items() <= workload.facts.tags.items(), (child.key, path)
        for fact in PROMISED:
            assert getattr(workload.facts, fact) == getattr(was, fact), (child.key, path, changed, fact)


@pytest.mark.parametrize("case", CASES)
def test_tags_that_a_transform_takes_away_come_back(case: str) -> None:
    children, before = _before(case)

    def strip(key: str, inputs: dict[str, Any]) -> dict[str, Any]:
        child = next(one for one in children if one.key == key)
        for path in child.tagged_at:
            inputs = _put(inputs, tuple(int(step) if step.isdigit() else step for step in path), {"mine": "1"})
        return inputs

    for workload in _workloads(with_escapes(children, None, (strip,))):
        assert before[workload.resource.name].facts.tags.items() <= workload.facts.tags.items()


_GONE = object()


@cache
def _before(case: str) -> tuple[tuple[Child, ...], Mapping[str, Workload]]:
    children = planned(*CASES[case])[0].children
    return children, {workload.resource.name: workload for workload in _workloads(children)}


def _workloads(children: tuple[Child, ...]) -> tuple[Workload, ...]:
    return facts_of(declared(children, NAME, "project", "stack"), CATALOGUE)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, (dict, list, tuple)) and value:
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, step))
    else:
        yield path, value


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value, _GONE]
    if isinstance(value, (int, float)):
        return [value * 10 + 1, 0, _GONE]
    return ["other", "99", _GONE]


def _put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    step, rest = path[0], path[1:]
    found = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    if rest:
        found[step] = _put(found[step], rest, new)
    elif new is _GONE:
        found.pop(step, None)
    else:
        found[step] = new
    return found if isinstance(value, dict) else list(found.values())
