"""Reading waivers.yaml: what is sound holds, and each mistake is told with its place."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.waivers.file import Read, read_waivers
from spendgate.waivers.model import Rules
from tests.waivers.conftest import HEAD

TODAY = date(2026, 3, 1)
KNOWN = ("gpu-approved-models", "gpu-priced", "required-tags")
GOOD = "id: W-1, guardrail: gpu-priced, resource: gpu, reason: r, owner: o, ticket: t, expires: 2026-03-31"


def read(tmp_path: Path, text: str, rules: Rules | None = None) -> Read:
    path = tmp_path / "waivers.yaml"
    path.write_text(text, encoding="utf-8")
    return read_waivers(path, "waivers.yaml", KNOWN, rules or Rules(), TODAY)


def test_an_entry_is_read_with_every_field(tmp_path: Path) -> None:
    done = read(tmp_path, f"{HEAD}- {{{GOOD}, granted: '2026-03-01', maxMonthlyCost: 12.50, environments: [dev]}}\n")
    assert done.faults == ()
    (one,) = done.entries
    assert (one.expires, one.granted, one.max_monthly_cost) == (date(2026, 3, 31), TODAY, Decimal("12.5"))
    assert (one.environments, one.place.line) == (("dev",), 4)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (GOOD.replace(", expires: 2026-03-31", ""), ":4:3: a waiver without an expiry is none\nWrite expires"),
        (GOOD.replace("gpu-priced", "gpu-prised"), ':4:24: no guardrail "gpu-prised" to waive\ndid you mean "gpu-priced"?'),
        (GOOD.replace("gpu-priced", "zzz-*"), 'no guardrail "zzz-*" to waive'),
        (GOOD.replace("gpu-priced", "waiver-expired"), "cannot be waived"),
        (GOOD.replace("2026-03-31", "2026-02-30"), 'expires is "2026-02-30", a day that does not exist'),
        (GOOD.replace("2026-03-31", "soon"), 'expires is "soon", not a date'),
        (GOOD.replace("2026-03-31", "2026-06-30"), "it would hold for 121 days from today; a waiver holds for at most 90\nThe last day can be 2026-05-30"),
        (GOOD + ", granted: 2026-05-01", "it expires before it is granted"),
        (GOOD + ", maxMonthlyCost: .nan", "maxMonthlyCost is NaN"),
        (GOOD + ", maxMonthlyCost: -1", "-1 is less than the minimum"),
        (GOOD + ", enviroments: [dev]", 'unknown key "enviroments"\ndid you mean "environments"?'),
        (GOOD + ", amount: 5", "amount is for approvals only"),
        (GOOD + ", kind: approval", "lacks approver, amount, project"),
        (GOOD.replace("reason: r", "reason: ' '"), "reason"),
        (GOOD.replace("owner: o", "owner: 7"), "owner is an integer, not of type string"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_the_other_entries_hold(tmp_path: Path, entry: str, says: str) -> None:
    done = read(tmp_path, f"{HEAD}- {{{entry}}}\n- {{{GOOD.replace('W-1', 'W-2')}}}\n")
    said = "\n".join(str(fault) for fault in done.faults)
    assert said.startswith("waivers.yaml:4:")
    assert says in said
    assert [one.id for one in done.entries] == ["W-2"]


def test_an_id_stands_once(tmp_path: Path) -> None:
    done = read(tmp_path, f"{HEAD}- {{{GOOD}}}\n- {{{GOOD}}}\n")
    assert 'waivers.yaml:5:3: the id "W-1" stands twice' in str(done.faults[0])
    assert len(done.entries) == 1


def test_the_longest_time_is_a_setting(tmp_path: Path) -> None:
    long = GOOD.replace("2026-03-31", "2026-06-30")
    assert read(tmp_path, f"{HEAD}- {{{long}}}\n", Rules(max_length=121)).faults == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a Waivers is expected here"),
        ("kind: Waivers\n", "lacks apiVersion, waivers"),
        (HEAD.replace("Waivers", "Config"), 'kind is "Config", not "Waivers"'),
        (HEAD + "- {id: [", "YAML does not parse"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)), "expands without end"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_one_fault_and_no_waiver(tmp_path: Path, text: str, says: str) -> None:
    done = read(tmp_path, text)
    assert done.entries == ()
    assert says in str(done.faults[0])


def test_a_huge_file_is_refused_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 100 * 1024 * 1024)
    done = read_waivers(path, "waivers.yaml", KNOWN, Rules(), TODAY)
    assert "104,857,600 bytes" in str(done.faults[0])


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any-waivers.yaml"
    path.write_bytes((HEAD + text).encode("utf-8", "replace"))
    done = read_waivers(path, "waivers.yaml", KNOWN, Rules(), TODAY)
    assert all(fault.place for fault in done.faults)
