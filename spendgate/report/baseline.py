"""An earlier report of ``spendgate check --format json``, read for what stacks came to (``check --baseline FILE``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.projected.model import Before
from spendgate.errors import InputError
from spendgate.estimate.model import ZERO, Range

_MAX_BYTES: Final = 200_000_000
_HOW: Final = "Write it with: spendgate check --format json --output FILE"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The month of each stack of an earlier report, by project and stack, in US dollars; ``paid_by`` is who pays it,
    where the report says so."""

    months: Mapping[tuple[str, str], Range]
    paid_by: Mapping[tuple[str, str], Before] = field(default_factory=dict)

    def of(self, project: str, stack: str) -> Range | None:
        """The month that the stack came to; None where the report does not hold it."""
        return self.months.get((project, stack))

    def paid(self, project: str, stack: str) -> tuple[Before | None, str]:
        """Who paid the stack; None where the report does not say so, with the reason."""
        found = self.paid_by.get((project, stack))
        return found, "" if found else "the baseline does not say who paid: write it with the same rules (--allocation)"


def read_baseline(path: Path) -> Baseline:
    """The months in the report at ``path``.

    Raises InputError for a file that is no such report, for one in another currency, and for one whose stacks were not
    all read to their end: less than all of it would pass for all of it.
    """
    data = _read(path)
    try:
        paid_by = {
            (item["project"], item["stack"]): before for item in data["inputs"] if (before := _before(item)) is not None
        }
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
            return Baseline({(inputs[0][0], inputs[0][1]): whole}, paid_by)
        months: dict[tuple[str, str], Range] = {(project, stack): ZERO for project, stack, _ in inputs}
        for address, cost in lines:
            # urn:pulumi:STACK::PROJECT::TYPE::NAME
            _, _, rest = address.partition("urn:pulumi:")
            stack, _, rest = rest.partition("::")
            key = (rest.partition("::")[0], stack)
            if cost is not None and key in months:
                months[key] = months[key] + _range(cost["monthly"])
        return Baseline(months, paid_by)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None


def _before(item: Mapping[str, Any]) -> Before | None:
    from spendgate.allocate.model import OWNER

    found = item.get("allocation")
    if found is None:
        return None
    owners = {
        (tuple(row["owner"].get(name) for name in OWNER), bool(row["idle"])): _range(row["monthly"])
        for row in found["owners"]
    }
    return Before(owners, _range(found["unallocated"]["monthly"]))


def _range(written: Mapping[str, Decimal | int]) -> Range:
    return Range(*(Decimal(written[bound]) for bound in ("low", "expected", "high")))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no amount")


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)  # a link can lead to what has no end
        if len(content) > _MAX_BYTES:
            raise InputError(f"is larger than {_MAX_BYTES // 1_000_000} MB", place=path, remedy=_HOW)
        return json.loads(content.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"the baseline cannot be read: {error.strerror}", place=path, remedy=_HOW) from None
    except (ValueError, RecursionError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None
