"""Many waivers over many findings: what each is for is found by an index, and is what asking each of them gives."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.verdict import Finding, Status
from spendgate.waivers.decide import Context, scope_gap
from spendgate.waivers.index import Index
from spendgate.waivers.model import Waiver
from spendgate.yamlfile import _is_ordinary, parse_yaml

GUARDRAILS = ("gpu-priced", "gpu-*", "*", "required-tags", "waiver-expired")
RESOURCES = ("a", "ab", "a*", "*", "a?", "[ab]", "a[0]", "urn:x::a", "urn:*", "b", "*b", "")
NAMES = ("a", "ab", "abc", "b", "a[0]", "")
HERE = Context("p", "dev", "development")

WAIVERS = st.lists(
    st.builds(
        Waiver,
        id=st.integers(0, 10**6).map(str),
        guardrail=st.sampled_from(GUARDRAILS),
        resource=st.sampled_from(RESOURCES),
        reason=st.just("r"),
        owner=st.just("o"),
        ticket=st.just("t"),
        expires=st.just(date(2026, 12, 1)),
        stack=st.sampled_from(["", "prod"]),
    ),
    max_size=8,
)


def finding(guardrail: str, name: str, address: str) -> Finding:
    return Finding(
        guardrail=guardrail,
        status=Status.VIOLATION,
        enforcement=Enforcement.MANDATORY,
        severity=Severity.HIGH,
        address=address,
        type="t",
        name=name,
        message="",
        remediation="",
    )


@given(WAIVERS, st.sampled_from(["gpu-priced", "required-tags", "waiver-expired"]), st.sampled_from(NAMES))
def test_the_index_finds_what_asking_each_waiver_finds(waivers: list[Waiver], guardrail: str, name: str) -> None:
    one = finding(guardrail, name, f"urn:x::{name}")
    found = [waiver for waiver in Index(waivers).of(one) if scope_gap(waiver, one, HERE) is None]
    assert found == [waiver for waiver in waivers if scope_gap(waiver, one, HERE) is None]


@pytest.mark.parametrize(
    ("line", "ordinary"),
    [
        ("- {a: [1, 2], b: {c: 1}}", True),
        ("- {a: 1", False),
        ("- [ !<]> x", False),
        ('- ["]", x', False),
        ("- [ # ]", False),
        ("- plain text", True),
    ],
)
def test_a_list_of_many_brackets_is_ordinary_and_deep_nesting_is_not(line: str, ordinary: bool) -> None:
    assert _is_ordinary(f"{line}\n" * 2000) is ordinary


def test_nesting_that_hides_its_depth_is_refused_and_overflows_no_stack() -> None:
    from spendgate.errors import InputError

    for deep in ("[ !<]> x,\n", '[ "]",\n', "[\n", "{a: [\n"):
        with pytest.raises(InputError):
            parse_yaml(deep * 100_000, "deep.yaml")
