"""Patches are made at one place, copy what they change, and leave alone what is secret or not known."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.remedy.model import Patch, Refused
from spendgate.remedy.writing import apply, below, patch_of, steps_of
from spendgate.resource import UNKNOWN, Blob, Reference, Resource, Secret


def set_at(properties: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    patch = patch_of(properties, path, value)
    assert isinstance(patch, Patch), patch
    return dict(apply(Resource("a:b:C", "it", "urn", properties), (patch,)).properties)


def refused(properties: dict[str, Any], path: str, value: Any = 1) -> str:
    found = patch_of(properties, path, value)
    assert isinstance(found, Refused), found
    return found.reason


def test_a_value_is_set_and_what_is_missing_on_the_way_is_made() -> None:
    assert set_at({}, "a", 1) == {"a": 1}
    assert set_at({"b": 2}, "a.b.c", 1) == {"b": 2, "a": {"b": {"c": 1}}}
    assert set_at({"a": {"x": 1}}, 'a["x.y/z"]', 2) == {"a": {"x": 1, "x.y/z": 2}}


def test_an_element_that_is_there_can_be_changed_and_a_new_one_put_last() -> None:
    assert set_at({"a": [{"b": 1}, {"b": 2}]}, "a[1].b", 3) == {"a": [{"b": 1}, {"b": 3}]}
    assert set_at({"a": [1]}, "a[+]", 2) == {"a": [1, 2]}
    assert set_at({}, "a.b[+]", {"c": 1}) == {"a": {"b": [{"c": 1}]}}


def test_a_list_of_one_stands_for_its_element() -> None:
    assert set_at({"a": [{"b": 1}]}, "a.b", 2) == {"a": [{"b": 2}]}


def test_what_is_there_already_needs_no_patch() -> None:
    assert patch_of({"a": {"b": "x"}}, "a.b", "x") is None
    assert patch_of({"a": [{"b": 1}]}, "a[+]", {"b": 1}) is None


def test_true_is_not_one() -> None:
    assert set_at({"a": 1}, "a", True)["a"] is True


def test_the_old_value_is_told() -> None:
    assert patch_of({"a": "gp2"}, "a", "gp3") == Patch("a", "gp2", "gp3")
    assert patch_of({}, "a", "gp3") == Patch("a", None, "gp3")


def test_the_resource_is_left_as_it_is() -> None:
    properties = {"a": {"b": [{"c": 1}, {"c": 2}]}}
    before = copy.deepcopy(properties)
    set_at(properties, "a.b[0].c", 9)
    set_at(properties, "a.b[+]", 9)
    assert properties == before


@pytest.mark.parametrize("hidden", [UNKNOWN, Secret("s3cr3t"), Secret(UNKNOWN), Reference("urn:x"), Blob("path x")])
def test_nothing_hidden_is_touched(hidden: Any) -> None:
    for properties in ({"a": hidden}, {"a": {"b": hidden}}):
        reason = refused(properties, "a.b")
        assert "s3cr3t" not in reason
        assert reason.startswith("a")
    assert "s3cr3t" not in refused({"a": {"b": {"c": [hidden]}}}, "a.b")


def test_beside_something_hidden_a_value_can_be_set() -> None:
    tags = {"team": UNKNOWN, "key": Secret("x")}
    assert set_at({"tags": tags}, "tags.owner", "ada") == {"tags": {**tags, "owner": "ada"}}
    assert set_at({"rules": [UNKNOWN]}, "rules[+]", 1) == {"rules": [UNKNOWN, 1]}


def test_what_has_another_shape_is_left() -> None:
    assert "is no object" in refused({"a": "text"}, "a.b")
    assert "is no object" in refused({"a": [{"b": 1}, {"b": 2}]}, "a.b")
    assert "is no list" in refused({"a": {"b": 1}}, "a[0]")
    assert "is no list" in refused({"a": {"b": 1}}, "a[+]")
    assert "no such element" in refused({"a": [1]}, "a[3]")
    assert "has no element" in refused({}, "a[0].b")


@pytest.mark.parametrize("path", ["", "a..b", "a[*]", "a[x=1].b", "a!json.b", "[0].a", "[+]", "a[+].b", "a b"])
def test_a_path_of_no_or_many_places_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|places|property"):
        steps_of(path)


KEYS = st.sampled_from(["a", "b", "x.y/z"])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(0, 3),
        st.text("ab", max_size=2),
        st.just(UNKNOWN),
        st.builds(Secret, st.integers(0, 3)),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
PROPERTIES = st.dictionaries(KEYS, VALUES, max_size=3)


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path into properties such as these, with or without an element."""
    path = draw(st.sampled_from(["a", "b"]))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([below(path, draw(KEYS)), f"{path}[{draw(st.integers(0, 1))}]"]))
    return path + draw(st.sampled_from(["", "[+]"]))


def hidden_in(value: Any, trail: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Everything secret or unknown, by where it stands."""
    if isinstance(value, Secret) or value is UNKNOWN:
        return {trail: value}
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {place: item for key, inner in pairs for place, item in hidden_in(inner, (*trail, key)).items()}


@given(properties=PROPERTIES, path=paths(), value=st.one_of(st.integers(0, 3), st.just({"a": 1}), st.just([1])))
def test_any_patch_is_idempotent_and_keeps_what_is_hidden(properties: dict[str, Any], path: str, value: Any) -> None:
    before = copy.deepcopy(properties)
    found = patch_of(properties, path, value)
    if not isinstance(found, Patch):
        return
    once = apply(Resource("a:b:C", "it", "urn", properties), (found,))
    assert properties == before
    assert apply(once, (found,)) == once
    assert patch_of(once.properties, path, value) is None
    assert hidden_in(dict(once.properties)) == hidden_in(properties)
    assert not hidden_in(found.old)
