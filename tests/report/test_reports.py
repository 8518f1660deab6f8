"""Reports show what the verdict holds, in any format, and nothing that the program wrote can break them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spendgate.errors import InputError, Place
from spendgate.estimate.carbon import Footprint
from spendgate.estimate.model import Cost, CostLine, Estimate, Range
from spendgate.money import show_money
from spendgate.prices.model import NoPrice, Purchase, Quote
from spendgate.report import as_json, markdown, terminal
from spendgate.resource import Unanswered
from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.schemas import schema
from spendgate.verdict import Checked, Exit, Finding, Status, Verdict

URN = "urn:pulumi:dev::demo::aws:ec2/instance:Instance::gpu"


def amount(low: str, expected: str, high: str) -> Range:
    return Range(Decimal(low), Decimal(expected), Decimal(high))


def quote(price: str | None, reason: NoPrice | None = None, note: str = "") -> Quote:
    value = Decimal(price) if price else None
    return Quote(
        "aws",
        "g5.xlarge",
        "us-east-1",
        Purchase.ON_DEMAND,
        "hour",
        value,
        "a table",
        "2026-07-20",
        reason=reason,
        note=note,
    )


PRICED = CostLine(
    resource=URN,
    item="g5.xlarge",
    quantity=amount("0", "2", "4"),
    unit="instance",
    hours=amount("730", "730", "730"),
    quote=quote("1.006"),
    cost=Cost(amount("0", "2.012", "4.024"), amount("0", "48.288", "96.576"), amount("0", "1468.76", "2937.52")),
    assumptions=("no schedule declared: runs all month",),
)
UNPRICED = CostLine(
    URN, "p9.48xlarge", amount("1", "1", "1"), "instance", None, quote(None, NoPrice.UNPRICED, "not in any table"), None
)
FINDING = Finding(
    guardrail="gpu-approved-models",
    status=Status.VIOLATION,
    enforcement=Enforcement.MANDATORY,
    severity=Severity.HIGH,
    address=URN,
    type="aws:ec2/instance:Instance",
    name="gpu",
    message="accelerator H100 is not approved",
    remediation="Use an approved one.",
    location=Place("infra/__main__.py", 12),
)


def verdict(*findings: Finding, lines: tuple[CostLine, ...] = (PRICED,), error: InputError | None = None) -> Verdict:
    return Verdict(
        (
            Checked(
                path=Path("infra"),
                project="demo",
                stack="dev",
                environment="development",
                engine="embedded",
                resources=1,
                findings=findings,
                estimate=Estimate(lines),
                unmapped={"aws:new/thing:Thing": 2},
                names={URN: "gpu"},
                error=error,
            ),
        )
    )


RENDERERS = {
    "terminal": lambda value: terminal.render(value, width=110),
    "markdown": markdown.render,
    "json": as_json.render,
}


@pytest.mark.parametrize("name", RENDERERS)
def test_every_report_says_what_where_why_and_how_to_fix_it(name: str) -> None:
    text = RENDERERS[name](verdict(FINDING)).replace("\\", "")
    for part in (
        "gpu-approved-models",
        "infra/__main__.py",
        "12",
        "accelerator H100 is not approved",
        "Use an approved one.",
    ):
        assert part in text


@pytest.mark.parametrize("name", RENDERERS)
def test_every_report_lists_types_that_are_not_understood(name: str) -> None:
    assert "aws:new/thing:Thing" in RENDERERS[name](verdict())


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_a_missing_price_is_shown_with_its_reason_and_never_as_nothing(name: str) -> None:
    text = RENDERERS[name](verdict(lines=(PRICED, UNPRICED)))
    assert "no public price known: not in any table" in " ".join(text.replace("–", "").split())
    assert "$0.00" not in text.split("p9.48xlarge")[1].split("\n")[0]


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_the_expected_month_stands_beside_its_bounds(name: str) -> None:
    text = RENDERERS[name](verdict())
    assert "$1,468.76" in text
    assert "$2,937.52" in text


def test_the_json_report_obeys_its_schema_and_keeps_every_digit() -> None:
    report = json.loads(as_json.render(verdict(FINDING, lines=(PRICED, UNPRICED))))
    Draft202012Validator(schema("check")).validate(report)
    assert report["verdict"] == "fail"
    assert report["estimate"]["totals"]["hourly"]["expected"] == 2.012
    assert report["estimate"]["lines"][0]["quantity"] == 2
    assert report["estimate"]["lines"][1]["quote"]["reason"] == "unpriced"


def test_text_from_the_program_cannot_break_a_table_or_mention_anybody() -> None:
    hostile = Finding(
        **{
            **{name: getattr(FINDING, name) for name in FINDING.__dataclass_fields__},
            "name": "a|b\n| c | <img src=x> [link](http://example.com) @team",
        }
    )
    row = next(line for line in markdown.render(verdict(hostile)).splitlines() if "gpu-approved-models" in line)
    assert row.replace("\\|", "").count("|") == 6
    assert "<img" not in row.replace("\\<", "")
    assert "@team" not in row
    assert "](http" not in row.replace("\\]", "")


def test_control_characters_from_the_program_do_not_reach_the_terminal() -> None:
    hostile = Finding(
        **{**{name: getattr(FINDING, name) for name in FINDING.__dataclass_fields__}, "name": "gpu\x1b[2J\x07"}
    )
    text = terminal.render(verdict(hostile), color=False)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_advisory_and_waived_findings_do_not_fail_the_gate() -> None:
    fields = {name: getattr(FINDING, name) for name in FINDING.__dataclass_fields__}
    advisory = Finding(**{**fields, "enforcement": Enforcement.ADVISORY})
    waived = Finding(**{**fields, "status": Status.WAIVED})
    assert verdict(advisory, waived).exit_code is Exit.PASS
    assert "PASSED" in terminal.render(verdict(advisory, waived))


def test_a_guardrail_that_fails_is_wrong_input_whatever_its_level() -> None:
    fields = {name: getattr(FINDING, name) for name in FINDING.__dataclass_fields__}
    broken = Finding(**{**fields, "status": Status.ERROR, "enforcement": Enforcement.ADVISORY})
    assert broken.denies
    assert verdict(broken).exit_code is Exit.INPUT


def test_an_input_that_could_not_be_read_is_never_a_pass() -> None:
    value = verdict(error=InputError("did not end in 5 s"))
    assert value.exit_code is Exit.INPUT
    for render in RENDERERS.values():
        assert "did not end in 5 s" in render(value)
    assert "PASSED" not in terminal.render(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("0.005", "$0.0050"), ("0.0000004", "$0.00000040"), ("-3", "-$3.00")],
)
def test_money_is_shown_in_cents_and_a_price_is_never_rounded_to_nothing(value: str, shown: str) -> None:
    assert show_money(Decimal(value)) == shown


def test_thousands_of_findings_and_lines_stay_readable_and_fit_into_a_comment() -> None:
    fields = {name: getattr(FINDING, name) for name in FINDING.__dataclass_fields__}
    findings = [Finding(**{**fields, "name": f"gpu-{index}", "message": f"model {index}"}) for index in range(3000)]
    value = verdict(*findings, lines=(PRICED,) * 3000)
    assert len(markdown.render(value)) < 65_536
    text = terminal.render(value, width=110)
    assert len(text.splitlines()) < 300
    assert "and 2,975 more places (--format json lists all)" in text
    assert "and 2,940 smaller lines, in the total" in " ".join(text.split())
    assert len(json.loads(as_json.render(value))["findings"]) == 3000


def test_what_the_program_said_is_shown() -> None:
    checked = verdict().inputs[0]
    said = Verdict((replace(checked, messages=("warning: quota is low",)),))
    assert "the program says: warning: quota is low" in terminal.render(said)
    assert "quota is low" in markdown.render(said)


def test_what_the_program_said_again_is_shown_once_and_counted() -> None:
    again = Verdict((replace(verdict().inputs[0], messages=("quota is low", "b", "quota  is low")),))
    text = terminal.render(again)
    assert text.count("quota is low") == 1
    assert "the program says (2 times): quota is low" in text
    assert "the program says: b" in text


@pytest.mark.parametrize(
    ("remediation", "shown"),
    [
        ("Ask `spendgate price TYPE` first, or *wait*.", r"Ask `spendgate price TYPE` first, or \*wait\*."),
        ("`a`", "`a`"),
        ("a ` b", r"a \` b"),
        ("`` ` | <img> `x|y`", r"\`\` \` \| \<img\> \`x\|y\`"),
        ("`<img>` @team", "`<img>` @\u200bteam"),
        ("` `", r"\` \`"),
        (r"\`a`", r"\\`a`"),
    ],
)
def test_a_remedy_shows_its_commands_as_code_and_nothing_else_as_markdown(remediation: str, shown: str) -> None:
    (row,) = [
        row for row in markdown.render(verdict(replace(FINDING, remediation=remediation))).splitlines() if "H100" in row
    ]
    assert row.removesuffix(" |").split(" | ", 4)[4] == shown


def test_what_mends_several_findings_stands_once_in_a_comment() -> None:
    other = replace(FINDING, name="cpu", message="accelerator V100 is not approved")
    rows = [row for row in markdown.render(verdict(FINDING, other)).splitlines() if "is not approved" in row]
    assert [row.split(" | ")[-1] for row in rows] == ["Use an approved one. |", "as above |"]


@pytest.mark.parametrize("carbon", [False, True])
def test_words_of_the_cost_table_are_whole_on_a_narrow_terminal(carbon: bool) -> None:
    large = replace(PRICED, item="p5.48xlarge")
    value = verdict(lines=(PRICED, large, UNPRICED))
    if carbon:
        value = Verdict((replace(value.inputs[0], footprint=Footprint((None, None, None))),))
    narrow, wide = (terminal.render(value, width=columns) for columns in (80, 120))
    assert max(len(line) for line in narrow.splitlines()) <= 80
    for text in (narrow, wide):
        assert "total, expected" in text
        assert {"g5.xlarge", "p5.48xlarge"} <= set(text.replace(",", "").split())
        assert "us-east-1" in text
    assert (" where " in wide, " where " in narrow) == (True, False)


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_a_total_of_nothing_but_missing_prices_is_no_amount(name: str) -> None:
    text = RENDERERS[name](verdict(lines=(UNPRICED,)))
    assert "$" not in text
    assert "no line has a price of its own" in text


@pytest.mark.parametrize("name", RENDERERS)
def test_a_data_source_that_the_program_swallowed_is_told(name: str) -> None:
    call = Unanswered("aws:ssm/getParameter:getParameter", {"name": "/gpu/type"}, Place("__main__.py", 2))
    text = RENDERERS[name](Verdict((replace(verdict().inputs[0], unanswered=(call,)),)))
    assert "aws:ssm/getParameter:getParameter" in text
