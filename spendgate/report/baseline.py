"""An earlier report of ``spendgate check --format json``, read for what stacks came to (``check --baseline FILE``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.estimate.model import ZERO, Range

_MAX_BYTES: Final = 200_000_000
_HOW: Final = "Write it with: spendgate check --format json --output FILE"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The month of each stack of an earlier report, by project and stack, in US dollars."""

    months: Mapping[tuple[str, str], Range]

    def of(self, project: str, stack: str) -> Range | None:
        """The month that the stack came to; None where the report does not hold it."""
        return self.months.get((project, stack))


def read_baseline(path: Path) -> Baseline:
    """The months in the report at ``path``.

    Raises InputError for a file that is no such report, for one in another currency, and for one whose stacks were not
    all read to their end: less than all of it would pass for all of it.
    """
    data = _read(path)
    try:
        inputs = [(item["project"], item["stack"], item["error"]) for item in data["inputs"]]
        lines = [(line["resource"], line["cost"]) for line in data["estimate"]["lines"]]
        if data["estimate"]["currency"] != "USD":
            raise InputError("the report is not in US dollars", place=path, remedy=_HOW)
        for project, stack, error in inputs:
            if error is not None:
                text = f"the report is not whole: {project or 'one of its inputs'} ({stack or 'no stack'}) had an error"
                raise InputError(text, place=path, remedy="Write it again from a check that reads all inputs.")
        if len(inputs) == 1:
            whole = _range(data["estimate"]["totals"]["monthly"])
            return Baseline({(inputs[0][0], inputs[0][1]): whole})
        months: dict[tuple[str, str], Range] = {(project, stack): ZERO for project, stack, _ in inputs}
        for address, cost in lines:
            # urn:pulumi:STACK::PROJECT::TYPE::NAME
            _, _, rest = address.partition("urn:pulumi:")
            stack, _, rest = rest.partition("::")
            key = (rest.partition("::")[0], stack)
            if cost is not None and key in months:
                months[key] = months[key] + _range(cost["monthly"])
        return Baseline(months)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None


def _range(written: Mapping[str, Decimal | int]) -> Range:
    return Range(*(Decimal(written[bound]) for bound in ("low", "expected", "high")))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no amount")


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"is larger than {_MAX_BYTES // 1_000_000} MB", place=path, remedy=_HOW)
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"the baseline cannot be read: {error.strerror}", place=path, remedy=_HOW) from None
    except (ValueError, RecursionError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None
