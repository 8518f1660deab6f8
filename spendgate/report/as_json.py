"""The verdict as one JSON object; its shape is published (``spendgate schema check``) and only ever extended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from spendgate import __version__
from spendgate.estimate.carbon import Carbon, Footprint
from spendgate.estimate.model import Cost, CostLine, Estimate, Range, Reduction
from spendgate.prices.model import Quote
from spendgate.remedy.model import Remedy
from spendgate.verdict import Checked, Exit, Finding, Priced, Status, Verdict
from spendgate.waivers.apply import Use
from spendgate.waivers.model import Waived

if TYPE_CHECKING:
    from spendgate.allocate.projected.model import Allocation, Owner
    from spendgate.estimate.savings import Saving

_one_line: Final = json.JSONEncoder(ensure_ascii=False).encode
_quoted: Final = json.encoder.encode_basestring

OPENED: Final = 3
"""Levels of the document that are written over several lines."""


def render(verdict: Verdict) -> str:
    """The JSON text, with a final newline. Amounts are JSON numbers, not rounded.

    Each finding and each cost line is one line: ``grep`` reads it, and it is written ten times faster than with every
    member on a line of its own.
    """
    texts = _Texts()
    pieces: list[str] = []
    _write(_document(verdict, texts.finding, texts.line, texts.resource), pieces.append)
    return "".join((*pieces, "\n"))


class _Text(str):
    """JSON as it is to be written."""


@dataclass(slots=True)
class _Texts:
    """Findings and cost lines as text. A stack of thousands of resources has few different ones: what was written once
    for one of them is copied for the others."""

    written: dict[Hashable, str] = field(default_factory=dict)

    def finding(self, finding: Finding, checked: Checked) -> _Text:
        # Findings of one answer differ in their places alone. Keys name by id what is there as long as the verdict.
        word = (finding.guardrail, finding.status, finding.enforcement, finding.severity)
        told = (finding.message, finding.remediation, finding.unknown, finding.not_waived, finding.not_patched)
        before = self.once(word, lambda: _word(finding))
        after = self.once((told, id(finding.waiver), id(checked)), lambda: _told(finding, checked))
        place = (finding.address, finding.type, finding.name, id(finding.location))
        where = self.written.get(place)
        if where is None:
            where = self.written[place] = _where_text(finding)
        return _Text(f"{{{before}, {where}, {after}}}")

    def line(self, line: CostLine, carbon: Carbon | None) -> _Text:
        # Lines of equal facts share what they are made of.
        shared = (line.quantity, line.unit, line.hours, line.quote, line.cost, line.assumptions, line.confidence)
        key = (line.item, line.kind, *map(id, (*shared, line.listed, line.reduction, carbon)))
        return _Text(f'{{"resource": {_quoted(line.resource)}, {self.once(key, lambda: _priced(line, carbon))}}}')

    def resource(self, item: Priced, checked: Checked) -> _Text:
        names, ids = ", ".join(map(_quoted, item.names)), ", ".join(map(_quoted, item.ids))
        tags = ", ".join([f"{_quoted(key)}: {_quoted(value)}" for key, value in item.tags.items()])
        end = self.once(("sized", item.sized, id(checked)), lambda: _end(item, checked))
        return _Text(
            f'{{"address": {_quoted(item.address)}, "name": {_quoted(item.name)}, "names": [{names}], "ids": [{ids}], '
            f'"type": {_quoted(item.type)}, "kind": {_quoted(item.kind)}, "tags": {{{tags}}}, {end}}}'
        )

    def once(self, key: Hashable, members: Callable[[], dict[str, Any]]) -> str:
        """The members of an object as text, without its braces."""
        found = self.written.get(key)
        if found is None:
            found = self.written[key] = _one_line(members())[1:-1]
        return found


def _where_text(finding: Finding) -> str:
    """As ``_where``: there are as many places as resources, and each is written once."""
    place = finding.location
    file, line = (_quoted(place.file), place.line) if place else ("null", None)
    return (
        f'"resource": {{"address": {_quoted(finding.address)}, "type": {_quoted(finding.type)}, '
        f'"name": {_quoted(finding.name)}}}, '
        f'"location": {{"file": {file}, "line": {"null" if line is None else line}}}'
    )


def _write(value: Any, put: Callable[[str], None], depth: int = 0) -> None:
    if depth == OPENED or not value or not isinstance(value, (dict, list)):
        put(_one_line(value))
        return
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        between = "{\n"
        for key, item in value.items():
            put(f"{between}{inner}{_quoted(key)}: ")
            _write(item, put, depth + 1)
            between = ",\n"
        put(f"\n{outer}}}")
    else:
        put(f"[\n{inner}")
        put(f",\n{inner}".join([item if type(item) is _Text else _one_line(item) for item in value]))
        put(f"\n{outer}]")


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain data."""
    return _document(verdict, _finding, _line, _resource)


def _document(
    verdict: Verdict,
    of_finding: Callable[[Finding, Checked], Any],
    of_line: Callable[[CostLine, Carbon | None], Any],
    of_resource: Callable[[Priced, Checked], Any],
) -> dict[str, Any]:
    tally = Counter(finding.status for checked in verdict.inputs for finding in checked.findings)
    code = verdict.exit_code
    return {
        "spendgate": __version__,
        "verdict": "pass" if code is Exit.PASS else "fail",
        "exit_code": int(code),
        "tally": {str(status): tally[status] for status in Status},
        "findings": [of_finding(finding, checked) for checked in verdict.inputs for finding in checked.findings],
        "estimate": _estimate(verdict.estimate, verdict.footprint, of_line),
        "allocation": _allocation(verdict.allocation) if verdict.allocation else None,
        "resources": [of_resource(item, checked) for checked in verdict.inputs for item in checked.priced],
        "savings": _savings(verdict),
        "patches": [_remedy(remedy, checked) for checked in verdict.inputs for remedy in checked.remedies],
        "unmapped": [{"type": type_, "count": count} for type_, count in sorted(verdict.unmapped.items())],
        "inputs": [_input(checked) for checked in verdict.inputs],
    }


def _resource(item: Priced, checked: Checked) -> dict[str, Any]:
    return {
        "address": item.address,
        "name": item.name,
        "names": list(item.names),
        "ids": list(item.ids),
        "type": item.type,
        "kind": item.kind,
        "tags": dict(item.tags),
        **_end(item, checked),
    }


def _end(item: Priced, checked: Checked) -> dict[str, Any]:
    return {"sized": item.sized, "input": str(checked.path)}


def _allocation(allocation: Allocation, estimate: Estimate | None = None) -> dict[str, Any]:
    """Who pays; with the estimate, line by line too."""
    document: dict[str, Any] = {
        "rules": allocation.rules,
        "monthly": _range(allocation.total),
        "owners": [
            {
                "owner": _owner(paid.owner),
                "idle": paid.idle,
                "monthly": _range(paid.cost),
                "lines": paid.lines,
                "unpriced": paid.unpriced,
                "previous": _range(paid.previous) if paid.previous else None,
                "change": _number(paid.change),
            }
            for paid in allocation.owners
        ],
        "unallocated": {
            "monthly": _range(allocation.unallocated),
            "previous": _range(allocation.unallocated_before) if allocation.unallocated_before else None,
            "groups": [
                {
                    "reason": item.reason,
                    "rule": item.rule,
                    "service": item.service,
                    "tags_that_would_tell": item.hint,
                    "resources": list(item.resources),
                    "monthly": _range(item.cost),
                    "unpriced": item.unpriced,
                }
                for item in allocation.unowned
            ],
        },
        "assumptions": list(allocation.assumptions),
        "not_compared": allocation.missing or None,
    }
    if estimate is not None:
        document["parts"] = [
            {
                "line": part.line,
                "resource": estimate.lines[part.line].resource,
                "item": estimate.lines[part.line].item,
                "owner": _owner(part.owner),
                "rule": part.rule,
                "layer": part.layer,
                "driver": part.driver,
                "pool": part.pool,
                "share": _number(part.share),
                "idle": part.idle,
                "monthly": _range(part.cost),
                "reason": part.reason,
            }
            for part in allocation.parts
        ]
    return document


def _owner(owner: Owner) -> dict[str, str]:
    from spendgate.allocate.model import OWNER

    return {name: word for name, word in zip(OWNER, owner, strict=True) if word is not None}


def _savings(verdict: Verdict) -> list[dict[str, Any]] | None:
    if all(checked.savings is None for checked in verdict.inputs):
        return None
    return [_saving(saving, checked) for checked in verdict.inputs for saving in checked.savings or ()]


def _saving(saving: Saving, checked: Checked) -> dict[str, Any]:
    return {
        "way": str(saving.way),
        "resources": list(saving.resources),
        "change": saving.change,
        "risk": saving.risk,
        "saved": {"at_least": _number(saving.at_least), "expected": _number(saving.saved)},
        "monthly": {"now": _number(saving.now), "then": _number(saving.then)},
        "assumptions": list(saving.assumes),
        "quotes": [_quote(quote) for quote in saving.quotes],
        "input": str(checked.path),
    }


def _finding(finding: Finding, checked: Checked) -> dict[str, Any]:
    return {**_word(finding), **_where(finding), **_told(finding, checked)}


def _word(finding: Finding) -> dict[str, Any]:
    return {
        "guardrail": finding.guardrail,
        "status": str(finding.status),
        "enforcement": str(finding.enforcement),
        "severity": str(finding.severity),
    }


def _where(finding: Finding) -> dict[str, Any]:
    place = finding.location
    return {
        "resource": {"address": finding.address, "type": finding.type, "name": finding.name},
        "location": {"file": place.file if place else None, "line": place.line if place else None},
    }


def _told(finding: Finding, checked: Checked) -> dict[str, Any]:
    return {
        "message": finding.message,
        "remediation": finding.remediation,
        "unknown": list(finding.unknown),
        "waiver": _waived(finding.waiver) if finding.waiver else None,
        "not_waived": list(finding.not_waived),
        "not_patched": finding.not_patched or None,
        "input": str(checked.path),
    }


def _remedy(remedy: Remedy, checked: Checked) -> dict[str, Any]:
    place = remedy.location
    return {
        "guardrail": remedy.guardrail,
        "applied": remedy.applied,
        "resource": {"address": remedy.address, "type": remedy.type, "name": remedy.name},
        "location": {"file": place.file if place else None, "line": place.line if place else None},
        "changes": [
            {"path": patch.path, "old": patch.old, "new": patch.new, "appends": patch.appends}
            for patch in remedy.patches
        ],
        "mends": list(remedy.mends),
        "input": str(checked.path),
    }


def _waived(waiver: Waived) -> dict[str, Any]:
    return {
        "id": waiver.id,
        "kind": str(waiver.kind),
        "reason": waiver.reason,
        "owner": waiver.owner,
        "ticket": waiver.ticket,
        "expires": waiver.expires.isoformat(),
        "approver": waiver.approver or None,
        "location": {"file": waiver.place.file, "line": waiver.place.line},
    }


def _use(use: Use) -> dict[str, Any]:
    return {"id": use.waiver.id, "kind": str(use.waiver.kind), "waived": use.waived, "why_not": use.why or None}


def _estimate(
    estimate: Estimate, footprint: Footprint | None, of_line: Callable[[CostLine, Carbon | None], Any]
) -> dict[str, Any]:
    carbon = (
        footprint.lines if footprint and len(footprint.lines) == len(estimate.lines) else (None,) * len(estimate.lines)
    )
    shares = estimate.shares
    return {
        "currency": estimate.currency,
        "totals": _cost(estimate.total),
        "lines": [of_line(line, drawn) for line, drawn in zip(estimate.lines, carbon, strict=True)],
        "assumptions": list(estimate.assumptions),
        "unpriced": len(estimate.unpriced),
        "cautions": list(estimate.cautions),
        "drivers": [
            {
                "resource": driver.resource,
                "per": driver.per,
                "cost": _range(driver.cost),
                "origin": driver.origin,
            }
            for driver in estimate.drivers
        ],
        "scenarios": [
            {
                "name": scenario.name,
                "totals": _cost(scenario.total),
                "unpriced": scenario.unpriced,
                "origin": scenario.origin,
            }
            for scenario in estimate.scenarios
        ],
        "confidence": {
            str(word): {"monthly": _number(amount), "share": _number(shares[word])}
            for word, amount in estimate.by_confidence.items()
        },
        "carbon": _footprint(footprint) if footprint else None,
    }


def _footprint(footprint: Footprint) -> dict[str, Any]:
    return {
        "kwh": _range(footprint.kwh),
        "kg_co2e": _range(footprint.kg),
        "missing": [
            {"resource": item.resource, "item": item.item, "reason": item.reason} for item in footprint.missing
        ],
        "assumptions": list(footprint.assumptions),
        "sources": list(footprint.sources),
    }


def _carbon(carbon: Carbon) -> dict[str, Any]:
    return {
        "kwh": _range(carbon.kwh) if carbon.kwh else None,
        "kg_co2e": _range(carbon.kg) if carbon.kg else None,
        "missing": carbon.missing or None,
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "hourly": _range(cost.hourly),
        "daily": _range(cost.daily),
        "monthly": _range(cost.monthly),
        "run": _range(cost.run) if cost.run else None,
    }


def _range(range_: Range) -> dict[str, float]:
    return {"low": _number(range_.low), "expected": _number(range_.expected), "high": _number(range_.high)}


def _line(line: CostLine, carbon: Carbon | None) -> dict[str, Any]:
    return {"resource": line.resource, **_priced(line, carbon)}


def _priced(line: CostLine, carbon: Carbon | None) -> dict[str, Any]:
    return {
        "item": line.item,
        "kind": str(line.kind),
        "quantity": _number(line.quantity.expected),
        "quantity_range": _range(line.quantity),
        "unit": line.unit,
        "hours_per_month": _range(line.hours) if line.hours else None,
        "quote": _quote(line.quote),
        "cost": _cost(line.cost) if line.cost else None,
        "assumptions": list(line.assumptions),
        "confidence": str(line.confidence),
        "list_cost": _cost(line.listed) if line.listed else None,
        "reduction": _reduction(line.reduction) if line.reduction else None,
        "carbon": _carbon(carbon) if carbon else None,
    }


def _reduction(reduction: Reduction) -> dict[str, Any]:
    return {
        "kind": reduction.kind,
        "name": reduction.name,
        "percent": _number(reduction.percent),
        "origin": reduction.origin,
    }


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "provider": quote.provider,
        "item": quote.item,
        "region": quote.region,
        "purchase": str(quote.purchase),
        "unit": quote.unit,
        "currency": quote.currency,
        "amount": _number(quote.amount),
        "low": _number(quote.low),
        "high": _number(quote.high),
        "reason": str(quote.reason) if quote.reason else None,
        "derived": quote.derived,
        "source": quote.source,
        "as_of": quote.as_of,
        "note": quote.note,
    }


def _input(checked: Checked) -> dict[str, Any]:
    return {
        "path": str(checked.path),
        "project": checked.project,
        "stack": checked.stack,
        "environment": checked.environment,
        "engine": checked.engine,
        "resources": checked.resources,
        "assumptions": [
            {"token": item.token, "arguments": _plain(item.arguments), "answer": item.answer}
            for item in checked.assumptions
        ],
        "unanswered": [{"token": item.token, "arguments": _plain(item.arguments)} for item in checked.unanswered],
        "messages": list(checked.messages),
        "allocation": _allocation(checked.allocation, checked.estimate) if checked.allocation else None,
        "waivers": [_use(use) for use in checked.waivers],
        "faults": [str(fault) for fault in checked.faults],
        "remarks": list(checked.remarks),
        "error": str(checked.error) if checked.error else None,
    }


def _plain(value: Any) -> Any:
    """Arguments of a data source as JSON; unknown and secret values as their words."""
    return json.loads(json.dumps(value, default=repr))


def _number(amount: Decimal | None) -> Any:
    return None if amount is None else (int(amount) if amount == amount.to_integral_value() else float(amount))
