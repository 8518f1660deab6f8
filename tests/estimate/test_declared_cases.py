"""Cost cases: resources as they are declared, and the exact lines that they come to (declared/*.yaml).

What a line does not say is: the region of its case, bought on demand, one of it, billed by the hour, an hour that is
quantity × price, a day of 24 of them, no runs, and a figure that rests on an assumption (mostly that it is always on).
A month is always written out. Of what is billed by the month an hour and a day are its even share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from spendgate.config import load_config
from spendgate.estimate import estimate
from spendgate.estimate.discounts import Term
from spendgate.estimate.lines import rate_of
from spendgate.estimate.model import Confidence, CostLine, Range
from spendgate.estimate.usage import NONE, Usage
from spendgate.estimate.usage_file import read_usage
from spendgate.facts import facts_of
from spendgate.facts.model import Facts, Kind, Workload
from spendgate.facts.table import MAPPINGS, read_table
from spendgate.facts.tokens import unversioned
from spendgate.prices.catalogue import Catalogue
from tests.estimate.declaring import Case, bounds, cases, declaration, figure, figures
from tests.facts import sdk

CATALOGUE = Catalogue.builtin()
CASES = cases()
PICO = Fraction(1, 10**12)


@cache
def workloads(index: int) -> tuple[Workload, ...]:
    return facts_of(declaration(CASES[index]), CATALOGUE)


def usage_of(case: Case, folder: Path) -> Usage:
    if case.usage is None:
        return NONE
    path = folder / "spendgate-usage.yaml"
    path.write_text(f"apiVersion: spendgate.dev/v1\nkind: Usage\n{case.usage}", encoding="utf-8")
    return read_usage(path)


def discounts_of(case: Case, folder: Path) -> tuple[Term, ...]:
    if case.discounts is None:
        return ()
    (folder / ".git").mkdir()
    text = f"apiVersion: spendgate.dev/v1\nkind: Config\n{case.discounts}"
    (folder / "spendgate.yaml").write_text(text, encoding="utf-8")
    return load_config(folder).discounts


@cache
def lines(index: int) -> tuple[CostLine, ...]:
    case = CASES[index]
    with TemporaryDirectory() as folder:
        usage, discounts = usage_of(case, Path(folder)), discounts_of(case, Path(folder))
    return estimate(workloads(index), CATALOGUE, usage=usage, discounts=discounts).lines


def marked(index: int) -> Any:
    case = CASES[index]
    marks = [pytest.mark.xfail(reason=case.xfail, strict=True, raises=AssertionError)] if case.xfail else []
    return pytest.param(index, id=f"{case.file}: {case.name}", marks=marks)


@pytest.mark.parametrize("index", [marked(index) for index in range(len(CASES))])
def test_what_is_declared_comes_to_these_lines_and_no_others(index: int):
    case, found = CASES[index], lines(index)
    assert [line.item for line in found] == [expected["item"] for expected in case.lines]
    for line, expected in zip(found, case.lines, strict=True):
        check(line, {**case.defaults, "purchase": "on_demand", "unit": "hour", "quantity": 1, **expected})


def check(line: CostLine, expected: Mapping[str, Any]) -> None:
    if "of" in expected:
        assert line.resource == f"urn:case::{expected['of']}"
    assert line.quote.purchase == expected["purchase"]
    assert line.unit == expected["unit"]
    check_range(line.quantity, expected["quantity"])
    assert expected.get("note", "") in line.quote.note
    if "assumes" in expected:
        assert any(expected["assumes"] in text for text in line.assumptions), line.assumptions
    if "reason" in expected:
        assert line.quote.reason == expected["reason"]
        assert line.cost is None
        assert line.confidence == Confidence.UNPRICED
        return
    assert line.quote.amount is not None, line.quote.note
    assert line.cost is not None
    assert line.quote.region == expected["region"]
    assert line.confidence == expected.get("confidence", "assumed"), line.assumptions
    price = expected["price"]
    assert line.quote.derived == ("rests_on" in expected), line.quote.note
    if "rests_on" in expected:
        assert round(figure(expected["rests_on"]), 6) == figures(price)[1]
    assert bounds(rate_of(line.quote)) == figures(price)
    check_source(line.quote.source, expected["source"])
    monthly = figures(expected["monthly"])
    check_range(line.cost.monthly, expected["monthly"])
    if line.unit.endswith("hour"):
        check_range(line.cost.hourly, expected.get("hourly") or times(expected["quantity"], price))
        check_range(
            line.cost.daily,
            expected.get("daily") or times(24, expected.get("hourly") or times(expected["quantity"], price)),
        )
    else:
        for share, hours in ((line.cost.hourly, 1), (line.cost.daily, 24)):
            for one, month in zip(bounds(share), monthly, strict=True):
                assert abs(one - month * hours / 730) <= PICO
    assert (line.cost.run is not None) == ("run" in expected)
    if line.cost.run is not None:
        check_range(line.cost.run, expected["run"])


def check_range(found: Range, expected: Any) -> None:
    """Exactly so, but for a figure with a division (a third of a GPU), which has no last digit."""
    inexact = "/" in str(expected)
    for one, other in zip(bounds(found), figures(expected), strict=True):
        assert abs(one - other) <= (PICO * max(other, 1) if inexact else 0)


def times(one: Any, other: Any) -> list[str]:
    """The product of two ranges, written out."""
    pairs = zip(*(value if isinstance(value, list) else [value] * 3 for value in (one, other)), strict=True)
    return [f"({left}) * ({right})" for left, right in pairs]


def check_source(found: str, expected: str) -> None:
    """The source that the catalogue knows by that name; of a commitment, its name in the configuration, and of token
    prices, which have tables of their own, where they are from."""
    if expected.startswith("commitment "):
        assert found.startswith(f"{expected} (")
    elif "/" in expected:
        assert found.startswith(expected)
    else:
        assert found == CATALOGUE.store.source(expected).where


def machines(index: int) -> list[tuple[str, Facts]]:
    """The cloud and the facts of all that runs in a case, part by part."""
    found = []
    for workload in workloads(index):
        for facts in (workload.facts, *(part.facts for part in workload.parts)):
            found.append((workload.resource.package.split("-")[0], facts))
    return found


def features(index: int) -> set[tuple[str, str]]:
    """What a case proves, as cloud and feature: by the facts and the lines, not by what it is called."""
    found = set()
    for cloud, facts in machines(index):
        count = facts.accelerator.count if facts.accelerator else 0
        holds = {
            "fraction of a GPU": 0 < count < 1,
            "multi-GPU": count > 1,
            "schedule": facts.schedule is not None or facts.runs_per_month is not None,
            "runtime cap": facts.max_runtime_hours is not None,
        }
        found |= {(cloud, name) for name, true in holds.items() if true}
    for line in lines(index):
        cloud = next((one.resource.package for one in workloads(index) if one.resource.address == line.resource), "")
        holds = {
            "spot": line.quote.purchase == "spot",
            "autoscaling": line.quantity.low < line.quantity.high and line.cost is not None,
            "unpriced": line.quote.reason == "unpriced",
            "not offered": line.quote.reason == "not_offered_in_region",
            "unknown until apply": line.quote.reason == "unknown_until_apply",
            "reservation only": line.quote.reason == "reservation_only",
            "storage": line.unit in ("month", "GiB-month"),
        }
        found |= {(cloud.split("-")[0], name) for name, true in holds.items() if true}
    return found


ASKED = ("autoscaling", "spot", "schedule", "fraction of a GPU", "multi-GPU", "unpriced", "not offered",
         "runtime cap", "unknown until apply", "reservation only", "storage")  # fmt: skip


def test_each_cloud_has_cases_of_every_kind():
    proven = set().union(*(features(index) for index in range(len(CASES)) if not CASES[index].xfail))
    wanted = {(cloud, feature) for cloud in ("aws", "gcp", "azure", "kubernetes") for feature in ASKED}
    assert sorted(wanted - proven - NOT_THERE) == []


NOT_THERE = {("azure", "reservation only"), ("azure", "runtime cap")}
"""What there is none of: Azure lists a price for all it sells, and none of its mapped types ends by itself."""


def test_there_are_three_hundred_cases_and_no_two_alike():
    by_file = {name: sum(case.file == name for case in CASES) for name in {case.file for case in CASES}}
    assert sum(by_file.values()) >= 300
    for file, least in (("aws", 100), ("gcp", 90), ("azure", 50), ("kubernetes", 60)):
        assert by_file[file] >= least
    assert len({(case.file, case.name) for case in CASES}) == len(CASES)
    assert len({repr(replace(case, name="")) for case in CASES}) == len(CASES)


COSTS_NOTHING = {Kind.OTHER, Kind.TEMPLATE, None}


@pytest.mark.parametrize("table", ["aws", "gcp", "azure", "kubernetes"])
def test_every_kind_of_resource_that_is_billed_has_a_case(table: str):
    declared = {unversioned(resource.type) for case in CASES for resource in case.resources}
    without = []
    for token, row in read_table(MAPPINGS / f"{table}.yaml")["types"].items():
        kinds = {row.get("kind"), *(case.get("kind") for case in row.get("cases", ()))}
        if kinds - COSTS_NOTHING and not declared & {token, *row.get("aliases", ())}:
            without.append(token)
    assert without == [], "add a case for each of them to declared/*.yaml"


@pytest.mark.parametrize("package", sdk.PACKAGES)
def test_every_declared_property_is_one_of_the_sdk(package: str):
    if missing := sdk.missing(package):
        pytest.skip(missing)
    wrong = []
    for case in CASES:
        for resource in case.resources:
            args = sdk.arguments(resource.type) if resource.package == package else None
            if args is None:
                continue
            for path in _paths(resource.properties):
                problem = sdk.within(args, path, ".".join(map(str, path)))
                if problem:
                    wrong.append(f"{case.file}: {case.name}: {resource.type}: {problem}")
    assert wrong == []


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        found = [one for key, item in value.items() for one in _paths(item, (*path, key))]
    elif isinstance(value, list):
        found = [one for index, item in enumerate(value) for one in _paths(item, (*path, index))]
    else:
        found = [path]
    return found or [path]
