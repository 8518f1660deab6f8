"""An earlier JSON report as the baseline of a check."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.report.baseline import read_baseline


def month(amount: float) -> dict[str, Any]:
    return {"monthly": {"low": amount, "expected": amount, "high": amount}}


def report(*stacks: tuple[str, float], error: str | None = None) -> dict[str, Any]:
    return {
        "inputs": [{"project": "ml", "stack": stack, "error": error} for stack, _ in stacks],
        "estimate": {
            "currency": "USD",
            "totals": month(sum(amount for _, amount in stacks)),
            "lines": [
                *({"resource": f"urn:pulumi:{stack}::ml::a:b:C::x", "cost": month(amount)} for stack, amount in stacks),
                {"resource": "urn:pulumi:dev::ml::a:b:C::unpriced", "cost": None},
            ],
        },
    }


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "base.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_the_month_of_one_stack_is_the_total_of_the_report(tmp_path: Path) -> None:
    found = read_baseline(written(tmp_path, report(("dev", 734.38)))).of("ml", "dev")
    assert found is not None
    assert found.expected == Decimal("734.38")


def test_of_several_stacks_each_has_its_own_lines(tmp_path: Path) -> None:
    baseline = read_baseline(written(tmp_path, report(("dev", 100.5), ("prod", 900))))
    assert [found.expected for stack in ("dev", "prod") if (found := baseline.of("ml", stack))] == [
        Decimal("100.5"),
        900,
    ]
    assert baseline.of("ml", "staging") is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("no json", "is no report of a check"),
        ("[]", "is no report of a check"),
        ('{"inputs": [{}]}', "is no report of a check"),
        (json.dumps(report(("dev", 1))).replace('"expected": 1', '"expected": NaN'), "is no report of a check"),
        (json.dumps(report(("dev", 1))).replace('"expected": 1', '"expected": 7'), "is no report of a check"),
        ("[" * 100_000, "is no report of a check"),
        (report(("dev", 1), error="the program failed"), "the report is not whole: ml"),
    ],
)
def test_what_is_no_whole_report_is_an_error(tmp_path: Path, data: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_baseline(written(tmp_path, data))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the baseline cannot be read"):
        read_baseline(tmp_path / "none.json")
