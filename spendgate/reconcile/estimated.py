"""The estimate: a JSON report of ``spendgate check``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.reconcile.model import EstimatedLine, EstimatedResource
from spendgate.reconcile.tokens import model_of, names_of

HOURS: Final = Fraction(730)
"""Hours of an estimated month."""

_MAX_BYTES: Final = 200_000_000
_HOW: Final = "Write it with: spendgate check --format json --output FILE"
_REQUESTS: Final = "1,000 requests"
_BY_HOUR: Final = ("hour", "vCPU-hour", "GiB-hour", "LCU-hour", "ACU-hour")


def read_estimate(path: Path) -> tuple[tuple[EstimatedResource, ...], str, tuple[str, ...]]:
    """The resources of a report with their lines, the currency, and what of the report is not whole.

    Raises InputError for a file that is no such report.
    """
    data = _read(path)
    try:
        estimate = data["estimate"]
        described = {item["address"]: item for item in data.get("resources", ())}
        lines: dict[str, list[EstimatedLine]] = {address: [] for address in described}
        for line in estimate["lines"]:
            if (line["quote"].get("reason")) == "paid_by_nodes":
                continue
            lines.setdefault(line["resource"], []).append(_line(line))
        asked = {unit["resource"]: unit["cost"] for unit in estimate.get("drivers", ()) if unit["per"] == _REQUESTS}
        found = tuple(
            _resource(address, described.get(address, {}), tuple(own), asked.get(address))
            for address, own in lines.items()
        )
        notes = [
            f"{item['path']} was not estimated to its end: {item['error']}" for item in data["inputs"] if item["error"]
        ]
        if not described and lines:
            notes.append("the report does not describe its resources: they are matched by their names alone")
        return found, str(estimate["currency"]), tuple(notes)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None


def _line(line: Mapping[str, Any]) -> EstimatedLine:
    quote, cost, hours = line["quote"], line.get("cost"), line.get("hours_per_month")
    month = None if cost is None else Fraction(cost["monthly"]["expected"])
    listed = line.get("list_cost")
    of_hours = Fraction(hours["expected"]) if hours is not None and line["unit"] in _BY_HOUR else None
    run = cost["run"] if cost else None
    return EstimatedLine(
        item=line["item"],
        kind=line.get("kind", ""),
        unit=line["unit"],
        purchase=quote["purchase"],
        region=quote["region"],
        quantity=Fraction(line["quantity"]),
        hours=of_hours,
        cost=month,
        listed=Fraction(listed["monthly"]["expected"]) if listed else month,
        all_month=of_hours == HOURS,
        runs=month / Fraction(run["expected"]) if month and run and run["expected"] else None,
        bounds=(Fraction(cost["monthly"]["low"]), Fraction(cost["monthly"]["high"])) if cost else None,
        source=f"{quote['source']}, {quote['as_of']}".strip(", "),
        provider=quote["provider"],
        assumptions=tuple(line.get("assumptions", ())),
    )


def _resource(
    address: str, item: Mapping[str, Any], lines: tuple[EstimatedLine, ...], thousand: Mapping[str, Any] | None
) -> EstimatedResource:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
    parts = address.split("::")
    name = item.get("name", parts[-1])
    # What is priced by the token is no resource of a program: "model NAME".
    of_model = (name.removeprefix("model "), *names_of(model_of(lines))) if len(parts) == 1 else ()
    month = sum((line.cost for line in lines if line.cost is not None), Fraction())
    per_request = Fraction(thousand["expected"]) / 1000 if thousand else None
    return EstimatedResource(
        address=address,
        type=item.get("type", parts[-2].rsplit("$", 1)[-1] if len(parts) > 1 else ""),
        name=name,
        kind=item.get("kind", ""),
        names=(*item.get("names", (name,)), *of_model),
        ids=tuple(item.get("ids", ())),
        tags=dict(item.get("tags", {})),
        sized=bool(item.get("sized", True)),
        lines=lines,
        requests=month / per_request if per_request else None,
    )


def part_of_month(resource: EstimatedResource, part: Fraction) -> EstimatedResource:
    """The same for a part of the month: hours, or where there are none the quantity, and the costs."""
    from dataclasses import replace

    if part == 1:
        return resource
    lines = tuple(
        replace(
            line,
            hours=None if line.hours is None else line.hours * part,
            quantity=line.quantity if line.hours is not None else line.quantity * part,
            cost=None if line.cost is None else line.cost * part,
            listed=None if line.listed is None else line.listed * part,
            bounds=line.bounds and (line.bounds[0] * part, line.bounds[1] * part),
            runs=None if line.runs is None else line.runs * part,
        )
        for line in resource.lines
    )
    return replace(resource, lines=lines, requests=None if resource.requests is None else resource.requests * part)


def _read(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no amount")

    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"is larger than {_MAX_BYTES // 1_000_000} MB", place=path, remedy=_HOW)
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_constant=refuse)
    except OSError as error:
        raise InputError(f"the estimate cannot be read: {error.strerror}", place=path, remedy=_HOW) from None
    except (ValueError, RecursionError):
        raise InputError("is no report of a check", place=path, remedy=_HOW) from None
