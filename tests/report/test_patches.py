"""Patches are shown as diffs, those that are made apart from those that are proposed."""

from __future__ import annotations

import json
from dataclasses import replace

from jsonschema import Draft202012Validator

from spendgate.errors import Place
from spendgate.remedy.model import Patch, Remedy
from spendgate.report import as_json, markdown, terminal
from spendgate.rules.guardrail import Enforcement
from spendgate.schemas import schema
from spendgate.verdict import Exit, Verdict
from tests.report.test_reports import FINDING, URN, verdict

REMEDY = Remedy(
    guardrail="gpu-approved-models",
    title="Approved",
    address=URN,
    type=FINDING.type,
    name="gpu",
    patches=(
        Patch("type", "gp2", "gp3"),
        Patch('tags["cost-center"]', None, "c"),
        Patch("rules[+]", None, {"a": 1}, True),
    ),
    mends=("accelerator H100 is not approved",),
    location=Place("infra/__main__.py", 12),
)
LINES = ['- type: "gp2"', '+ type: "gp3"', '+ tags["cost-center"]: "c"', '+ rules[+]: {"a": 1}']


def with_remedies(base: Verdict, *remedies: Remedy) -> Verdict:
    return Verdict((replace(base.inputs[0], remedies=remedies),))


def test_the_terminal_shows_what_is_made_as_a_diff_with_its_place() -> None:
    text = terminal.render(with_remedies(verdict(), REMEDY), width=110)
    assert "patched: the policy pack changes these" in text
    assert "gpu  aws:ec2/instance:Instance  infra/__main__.py:12" in text
    assert [line.strip() for line in text.splitlines() if line.strip() in LINES] == LINES
    assert "1 patched" in text
    assert "PASSED" in text


def test_the_terminal_colours_what_goes_and_what_comes() -> None:
    text = terminal.render(with_remedies(verdict(), REMEDY), color=True, width=110)
    assert '\x1b[31m- type: "gp2"' in text
    assert '\x1b[32m+ type: "gp3"' in text


def test_what_is_proposed_stands_with_its_finding() -> None:
    text = terminal.render(with_remedies(verdict(FINDING), replace(REMEDY, applied=False)), width=110)
    assert "patched" not in text
    assert text.index("fix: Use an approved one.") < text.index(LINES[0]) < text.index("REFUSED")


def test_a_violation_that_is_not_patched_says_why_and_refuses() -> None:
    left = replace(FINDING, enforcement=Enforcement.REMEDIATE, not_patched="type: secret")
    refused = verdict(left)
    assert refused.exit_code is Exit.REFUSED
    assert "not patched: type: secret" in terminal.render(refused, width=110)
    assert "not patched: type: secret" in markdown.render(refused)
    assert json.loads(as_json.render(refused))["findings"][0]["not_patched"] == "type: secret"


def test_markdown_has_a_diff_block_that_nothing_in_it_can_end() -> None:
    hostile = replace(REMEDY, name="a```\n# head", patches=(Patch("a", None, "```\n</details>"),))
    text = markdown.render(with_remedies(verdict(), REMEDY, hostile))
    assert (
        "\n".join(
            ["```diff", "@@ gpu (aws:ec2/instance:Instance), infra/__main__.py:12: gpu-approved-models @@", *LINES]
        )
        in text
    )
    assert text.count("```") == 2
    assert "\n# head" not in text


def test_json_lists_patches_and_obeys_the_published_schema() -> None:
    report = json.loads(as_json.render(with_remedies(verdict(FINDING), REMEDY, replace(REMEDY, applied=False))))
    Draft202012Validator(schema("check")).validate(report)
    made, proposed = report["patches"]
    assert (made["applied"], proposed["applied"]) == (True, False)
    assert made["resource"] == {"address": URN, "type": FINDING.type, "name": "gpu"}
    assert made["location"] == {"file": "infra/__main__.py", "line": 12}
    assert made["changes"][0] == {"path": "type", "old": "gp2", "new": "gp3", "appends": False}
    assert made["mends"] == ["accelerator H100 is not approved"]


def test_no_value_of_a_patch_steers_the_terminal() -> None:
    text = terminal.render(
        with_remedies(verdict(), replace(REMEDY, name="a\x1b[2J", patches=(Patch("a", None, "\x9b2J"),))), width=110
    )
    assert "\x1b" not in text
    assert "\x9b" not in text
