"""An estimate against a bill, from the files to the whole comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from spendgate.allocate.projected.cost_lines import service_of
from spendgate.allocate.run import engine
from spendgate.reconcile.billed import read_bill, windows_of
from spendgate.reconcile.effects import NOTHING
from spendgate.reconcile.estimated import part_of_month, read_estimate
from spendgate.reconcile.matching import Matcher, read_map
from spendgate.reconcile.model import Accuracy, Charge, Compared, Reconciled
from spendgate.reconcile.pairing import compared, unit_of
from spendgate.reconcile.proposals import proposals_of


def reconcile(
    estimate: Path,
    bills: Sequence[Path],
    *,
    month: str | None = None,
    currency: str | None = None,
    through: date | None = None,
    map_file: Path | None = None,
    mapping: str | None = None,
) -> Reconciled:
    """Hold a JSON report of a check against the bill of a month. Raises InputError for what is wrong with either."""
    resources, wanted, told = read_estimate(estimate)
    mapped = read_map(map_file, resources) if map_file else ()
    with engine() as connection:
        bill = read_bill(
            connection, bills, wanted=wanted, month=month, currency=currency, through=through, mapping=mapping
        )
        matcher = Matcher(resources, mapped)
        own: dict[str, list[Charge]] = {}
        methods: dict[str, dict[str, None]] = {}
        strange: list[Charge] = []
        for charge in bill.charges:
            match = matcher.find(charge)
            if match is None:
                strange.append(charge)
            else:
                own.setdefault(match.resource.address, []).append(charge)
                methods.setdefault(match.resource.address, {})[match.method] = None
        by_hour = [charge for found in own.values() for charge in found if unit_of(charge) in ("hour", "second")]
        windows = windows_of(connection, by_hour)
    part = bill.covered / bill.month_hours
    begins = datetime.strptime(bill.month, "%Y-%m").replace(tzinfo=UTC)
    matched: list[Compared] = []
    missing: list[Compared] = []
    for resource in resources:
        scaled = part_of_month(resource, part)
        charges = own.get(resource.address, [])
        if not charges and not any(line.cost for line in resource.lines):
            continue
        found = compared(
            scaled, list(methods.get(resource.address, ())), charges, windows, (begins, bill.covered), bill.month_hours
        )
        (matched if charges else missing).append(found)
    notes = [*told, *bill.notes]
    if bill.cost == "BilledCost":
        notes.append("the bill has no EffectiveCost: BilledCost is compared, in which commitments cost nothing")
    notes += [f'no charge of the bill is called "{text}", as the map says' for text in matcher.unused.values()]
    notes += [f"not told apart, so not matched: {names}" for names in sorted(matcher.ambiguous)]
    return Reconciled(
        month=bill.month,
        currency=bill.currency,
        cost=bill.cost,
        covered=bill.covered,
        month_hours=bill.month_hours,
        matched=tuple(matched),
        only_estimated=tuple(missing),
        only_billed=tuple(strange),
        billed=sum((charge.cost for charge in bill.charges), NOTHING),
        proposals=proposals_of(matched, part, bill.month),
        accuracy=accuracy_of(matched),
        of_all=accuracy_of([*matched, *missing]),
        notes=tuple(notes),
    )


def accuracy_of(resources: Iterable[Compared]) -> Accuracy:
    """How far these resources were off, in per cent of their bill."""
    found = list(resources)
    estimated = sum((one.estimated for one in found), NOTHING)
    actual = sum((one.actual for one in found), NOTHING)
    errors = [abs(one.difference) for one in found]
    single = [abs(one.difference) / one.actual for one in found if one.actual > 0]
    billed = actual > 0
    return Accuracy(
        estimated,
        actual,
        sum(errors, NOTHING) / actual * 100 if billed else None,
        sum(single, NOTHING) / len(single) * 100 if single else None,
        (estimated - actual) / actual * 100 if billed else None,
        len(found),
    )


Group = Callable[[Compared], str]


def by_type(one: Compared) -> str:
    """The type token."""
    return one.resource.type or "models by the token"


def by_service(one: Compared) -> str:
    """The service as the bill calls it, else as a bill would."""
    named = [charge.service for pair in one.pairs for charge in pair.charges if charge.service]
    kinds = [line.kind for line in one.resource.lines]
    return next(iter(named), None) or service_of(one.resource.type, kinds[0] if kinds else "")[0] or "unknown"


def by_team(one: Compared) -> str:
    """The tag ``team``."""
    return one.resource.tags.get("team") or "no team"


def grouped(resources: Sequence[Compared], group: Group) -> list[tuple[str, Accuracy]]:
    """The accuracy of each group, the one with the largest bill first."""
    found: dict[str, list[Compared]] = {}
    for one in resources:
        found.setdefault(group(one), []).append(one)
    each = [(name, accuracy_of(own)) for name, own in found.items()]
    return sorted(each, key=lambda item: (-max(item[1].actual, item[1].estimated), item[0]))
