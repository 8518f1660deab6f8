"""The JSON report is written as text for speed; it says what the plain data says, whatever stands in it."""

from __future__ import annotations

import json
from dataclasses import replace

from spendgate.errors import Place
from spendgate.report import as_json
from spendgate.verdict import Priced, Status, Verdict
from tests.report.test_reports import FINDING, verdict

HOSTILE = 'a"\\\n\t\x00é\u2028</script>'


def test_what_is_written_is_the_plain_data_member_by_member() -> None:
    findings = (
        FINDING,
        replace(FINDING, not_patched="type: secret"),
        replace(FINDING, status=Status.UNDETERMINED, unknown=("a", "b")),
        replace(FINDING, address=HOSTILE, name=HOSTILE, message=HOSTILE, location=Place(HOSTILE, None)),
        replace(FINDING, location=None),
        # Files of several previews may give one address to different things.
        replace(FINDING, location=None, type="aws:s3/bucket:Bucket"),
        replace(FINDING, location=None, name="other"),
    )
    priced = (
        Priced("urn:a", "aws:s3/bucket:Bucket", "a", "bucket", ("a", "b"), ("id-1",), {"team": "nlp"}, True),
        Priced(HOSTILE, "t", HOSTILE, "k", (), (), {HOSTILE: HOSTILE}, False),
    )
    one = replace(verdict(*findings).inputs[0], priced=priced)
    two = Verdict((one, replace(one, path=one.path / HOSTILE)))
    text = as_json.render(two)
    assert json.loads(text) == as_json.to_json(two)
    assert list(json.loads(text)["resources"][0]) == list(as_json.to_json(two)["resources"][0])


def test_each_finding_is_one_line_that_can_be_searched() -> None:
    lines = as_json.render(verdict(FINDING, FINDING)).splitlines()
    assert sum('"guardrail"' in line and '"message"' in line for line in lines) == 2
