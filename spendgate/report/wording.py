"""Sentences and figures that more than one report shows. No renderer computes anything; nor does this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from spendgate.estimate.carbon import Footprint, show_figure
from spendgate.estimate.model import CostLine, Estimate, Range
from spendgate.money import show_money
from spendgate.prices.model import NoPrice
from spendgate.rules.guardrail import Severity
from spendgate.verdict import Checked, Finding, Status, Verdict

REASONS = {
    NoPrice.NOT_OFFERED_IN_REGION: "not offered in this region",
    NoPrice.RESERVATION_ONLY: "sold by reservation only",
    NoPrice.UNPRICED: "no public price known",
    NoPrice.UNKNOWN_UNTIL_APPLY: "known only after apply",
    NoPrice.PAID_BY_NODES: "paid by its nodes",
}

MOST_MESSAGES = 5

_SHOWN_UNITS = {"GiB-month": "GiB", "GiB": "GiB", "million tokens": "million tokens"}
"""What is told of a quantity, where it is not a number of things."""

_SEVERITIES = list(Severity)


def show_range(range_: Range, currency: str) -> str:
    """``$1,200.00``, or ``$400.00 – $1,200.00`` where low and high differ."""
    low, high = show_money(range_.low, currency), show_money(range_.high, currency)
    return low if low == high else f"{low} – {high}"


def show_quantity(quantity: Range) -> str:
    """``4``, or ``2 (0–8)`` where it varies."""
    expected = plain(quantity.expected)
    if quantity.low == quantity.high:
        return expected
    return f"{expected} ({plain(quantity.low)}–{plain(quantity.high)})"


def plain(number: Decimal) -> str:
    """A number without trailing zeros."""
    return f"{number.normalize():f}" if number else "0"


def line_item(line: CostLine) -> str:
    """What a cost line is for: ``2 (0–4) × g5.xlarge spot``."""
    purchase = "" if line.quote.purchase == "on_demand" else f" {str(line.quote.purchase).replace('_', ' ')}"
    unit = _SHOWN_UNITS.get(line.unit)
    times = f"{show_quantity(line.quantity)} {unit} " if unit else f"{show_quantity(line.quantity)} × "
    return f"{times}{line.item}{purchase}"


def reduced(line: CostLine, currency: str) -> str:
    """``list price $3,212.00 a month, 12% off (discount EDP)``; empty where the line costs its list price."""
    reduction = line.reduction
    if reduction is None:
        return ""
    listed = f"list price {show_money(line.listed.monthly.expected, currency)} a month" if line.listed else ""
    off = f"{plain(reduction.percent)}% off" if reduction.percent is not None else "at its own price"
    return f"{listed}, {off} ({reduction.kind} {reduction.name})".removeprefix(", ")


def no_price(line: CostLine) -> str:
    """Why a line has no amount, in words."""
    if line.quote.reason is NoPrice.PAID_BY_NODES and line.quote.note:
        return line.quote.note
    reason = REASONS[line.quote.reason] if line.quote.reason else ""
    if line.quote.reason is NoPrice.UNKNOWN_UNTIL_APPLY and line.quote.note:
        return line.quote.note
    return f"{reason}: {line.quote.note}" if line.quote.note else reason


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Those that deny first, then by severity, then in order of declaration."""
    return sorted(findings, key=lambda item: (not item.denies, -_SEVERITIES.index(item.severity)))


def grouped_findings(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one guardrail, status, level and waiver together, in the order of ``sorted_findings``."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted_findings(findings):
        waiver = finding.waiver.id if finding.waiver else ""
        key = (finding.guardrail, finding.status, finding.enforcement, waiver, finding.not_waived, finding.not_patched)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def remedies(finding: Finding) -> list[str]:
    """What is to be done about a finding, or who lets it pass and until when."""
    waiver = finding.waiver
    if waiver is None:
        patched = [f"not patched: {finding.not_patched}"] if finding.not_patched else []
        return [f"fix: {finding.remediation}", *patched, *(f"not waived by {reason}" for reason in finding.not_waived)]
    who = f", approved by {waiver.approver}" if waiver.approver else ""
    return [
        f"waived by {waiver.id} until {waiver.expires}: {waiver.reason} "
        f"(owner {waiver.owner}, ticket {waiver.ticket}{who}; {waiver.place})"
    ]


def largest(lines: Sequence[CostLine], most: int) -> list[int]:
    """The positions of at most ``most`` lines, those without a price and the most expensive ones, in their order."""
    if len(lines) <= most:
        return list(range(len(lines)))
    cost = [line.cost.monthly.high if line.cost else Decimal("Infinity") for line in lines]
    return sorted(sorted(range(len(lines)), key=lambda index: -cost[index])[:most])


def monthly(estimate: Estimate) -> str:
    """``$1,391.90 expected a month ($537.57 – $4,076.61)``; never an amount where nothing has a price."""
    if all(line.cost is None for line in estimate.lines):
        return "no line has a price of its own"
    total = estimate.total.monthly
    if total.low == total.high:
        return f"{show_money(total.expected, estimate.currency)} a month"
    return f"{show_money(total.expected, estimate.currency)} expected a month ({show_range(total, estimate.currency)})"


def unit_costs(checked: Checked) -> list[tuple[str, str, str]]:
    """What one unit of use costs: resource, unit, and the figure with its bounds."""
    estimate = checked.estimate
    return [
        (
            checked.names.get(driver.resource, driver.resource),
            f"per {driver.per}",
            show_expected(driver.cost, estimate.currency),
        )
        for driver in estimate.drivers
    ]


def scenario_rows(estimate: Estimate) -> list[tuple[str, str, str, str]]:
    """The scenarios side by side: name, expected month, bounds, and the difference to the first."""
    rows = []
    for scenario in estimate.scenarios:
        month = scenario.total.monthly
        base = estimate.scenarios[0].total.monthly.expected
        change = month.expected - base
        share = f" ({change / base * 100:+.0f}%)" if base else ""
        sign = "+" if change > 0 else ""
        told = "" if scenario is estimate.scenarios[0] else f"{sign}{show_money(change, estimate.currency)}{share}"
        missing = f"; {plural(scenario.unpriced, 'line')} without a price" if scenario.unpriced else ""
        name = f"{scenario.name}{missing}"
        rows.append((name, show_money(month.expected, estimate.currency), show_range(month, estimate.currency), told))
    return rows


def show_expected(cost: Range, currency: str) -> str:
    """``$1.20 ($1.00 – $2.00)``, or the figure alone where nothing varies."""
    expected = show_money(cost.expected, currency)
    return expected if cost.low == cost.high else f"{expected} ({show_range(cost, currency)})"


def how_good(estimate: Estimate) -> str:
    """``of the expected month $1,200.00 (60%) is exact, $800.00 (40%) assumed``; empty where nothing has a price."""
    shares = estimate.shares
    parts = [
        f"{show_money(amount, estimate.currency)} ({_percent(shares[word])}) {word}"
        for word, amount in estimate.by_confidence.items()
        if amount
    ]
    return f"of the expected month, {', '.join(parts)}" if parts else ""


def _percent(share: Decimal) -> str:
    percent = share * 100
    return "under 1%" if 0 < percent < 1 else "over 99%" if 99 < percent < 100 else f"{percent:.0f}%"


def by_message(group: Sequence[Finding], most: int) -> dict[str, list[Finding]]:
    """At most ``most`` findings of a group by what they say: the same words for several resources are said once."""
    same: dict[str, list[Finding]] = {}
    for finding in group[:most]:
        same.setdefault(finding.message, []).append(finding)
    return same


def headline(verdict: Verdict) -> str:
    """``refused: 6 violations, 1 undetermined`` or ``passed: 14 resources, 12 guardrails``."""
    counts = Counter(finding.status for finding in verdict.findings)
    denying = sum(finding.denies for finding in verdict.findings)
    words = {
        Status.VIOLATION: ("violation", "violations"),
        Status.UNDETERMINED: ("undetermined", "undetermined"),
        Status.ERROR: ("guardrail failed", "guardrails failed"),
        Status.WAIVED: ("waived", "waived"),
    }
    tally = [f"{counts[status]:,} {words[status][counts[status] > 1]}" for status in words if counts[status]]
    broken = sum(1 for checked in verdict.inputs if checked.error)
    if broken:
        tally.append(f"{broken} {'input' if broken == 1 else 'inputs'} could not be checked")
    if wrong := sum(len(checked.faults) for checked in verdict.inputs):
        tally.append(f"{wrong} {'entry' if wrong == 1 else 'entries'} wrong and without effect")
    advisory = len(verdict.findings) - denying - counts[Status.WAIVED]
    if advisory:
        tally.append(f"{advisory:,} of them advisory" if denying else "all advisory")
    if verdict.passed:
        resources = sum(checked.resources for checked in verdict.inputs)
        asked = max((len(checked.guardrails) for checked in verdict.inputs), default=0)
        tally.insert(0, f"{plural(resources, 'resource')}, {plural(asked, 'guardrail')}")
    if patched := sum(remedy.applied for checked in verdict.inputs for remedy in checked.remedies):
        tally.append(f"{patched:,} patched")
    if strange := sum(verdict.unmapped.values()):
        tally.append(f"{strange:,} not understood")
    return ", ".join(tally)


def summary(verdict: Verdict) -> str:
    """``REFUSED  6 violations; $1,391.90 expected a month ($537.57 – $4,076.61)``, the last line of a report."""
    cost = f"; {monthly(verdict.estimate)}" if verdict.estimate.lines else ""
    return f"{'PASSED' if verdict.passed else 'REFUSED'}  {headline(verdict)}{cost}"


def plural(count: int, word: str) -> str:
    """``1 resource``, ``3 resources``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def cautions(checked: Checked) -> list[str]:
    """What the figures and findings do not cover."""
    result = list(checked.estimate.cautions)
    if unpriced := len(checked.estimate.unpriced):
        result.append(
            f"the total leaves out {plural(unpriced, 'line')} that {'has' if unpriced == 1 else 'have'} no price"
        )
    if checked.footprint and checked.footprint.missing:
        result.append(f"the carbon leaves out {_without_carbon(checked.footprint, checked)}")
    if checked.unanswered:
        calls = ", ".join(f"{item.token} ({item.place})" if item.place else item.token for item in checked.unanswered)
        result.append(f"the program went on without an answer to {calls}; with one it may declare something else")
    if checked.unmapped:
        types = ", ".join(f"{name} ({count})" for name, count in sorted(checked.unmapped.items()))
        result.append(f"not understood, so neither priced nor checked for facts: {types}")
    return result


def notes(checked: Checked) -> list[str]:
    """What a reader has to know about how one input was read and estimated."""
    result = [*checked.remarks, *_line_assumptions(checked), *checked.estimate.assumptions]
    if checked.footprint and checked.footprint.assumptions:
        kwh = show_figure(checked.footprint.kwh.expected)
        told = "; ".join((*checked.footprint.assumptions, f"figures of {', '.join(checked.footprint.sources)}"))
        result.append(f"carbon of a month, {kwh} kWh: {told}")
    if own := _own_prices(checked):
        result.append(f"priced by your own catalogue: {own}")
    if checked.assumptions:
        tokens = ", ".join(sorted({item.token.split(":")[-1] for item in checked.assumptions}))
        result.append(f"assumed answers to data sources: {tokens} (`spendgate record` writes down the real ones)")
    heard = (text for text in checked.messages if not any(item.token in text for item in checked.unanswered))
    said = Counter(" ".join(text.split()) for text in heard)
    for text, times in list(said.items())[:MOST_MESSAGES]:
        result.append(f"the program says{f' ({times} times)' if times > 1 else ''}: {text}")
    if len(said) > MOST_MESSAGES:
        result.append(f"the program says {len(said) - MOST_MESSAGES} things more (--format json)")
    return result


def carbon_by_line(checked: Checked) -> dict[int, str]:
    """kg CO2e of a month by the position of a cost line: a figure, ``?`` where none is published, else nothing."""
    if checked.footprint is None:
        return {}
    return {
        index: show_figure(carbon.kg.expected) if carbon.kg else "?"
        for index, carbon in enumerate(checked.footprint.lines)
        if carbon is not None
    }


def _without_carbon(footprint: Footprint, checked: Checked, most: int = 4) -> str:
    reasons: dict[str, list[str]] = {}
    for item in footprint.missing:
        names = reasons.setdefault(item.reason, [])
        name = checked.names.get(item.resource, item.resource)
        if name not in names:
            names.append(name)
    told = [f"{some(names)} ({reason})" for reason, names in reasons.items()]
    return some(told, most)


def _own_prices(checked: Checked) -> str:
    """Whose figures are not the public ones, with where they are from."""
    items: dict[tuple[str, str], dict[str, None]] = {}
    for line in checked.estimate.lines:
        if line.quote.private and line.cost is not None:
            items.setdefault((line.quote.source, line.quote.as_of), {})[line.item] = None
    return "; ".join(f"{', '.join(names)} ({source}, {as_of})" for (source, as_of), names in items.items())


def _line_assumptions(checked: Checked) -> list[str]:
    """Each assumption once, with the resources it stands behind."""
    names: dict[str, list[str]] = {}
    for line in checked.estimate.lines:
        for assumption in line.assumptions:
            known = names.setdefault(assumption, [])
            name = checked.names.get(line.resource, line.resource)
            if name not in known:
                known.append(name)
    return [f"{some(known)}: {assumption}" for assumption, known in names.items()]


def some(names: list[str], most: int = 4) -> str:
    """``a, b, c``; of many, the first ones and how many more."""
    rest = len(names) - most
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:most])} and {rest} more"
