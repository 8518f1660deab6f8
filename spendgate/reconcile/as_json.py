"""A reconciliation as plain data; its shape is published (``spendgate schema reconcile``)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from spendgate.reconcile.compare import by_service, by_team, by_type, grouped
from spendgate.reconcile.model import Accuracy, Charge, Compared, Effect, Pair, Reconciled
from spendgate.reconcile.usage_yaml import as_yaml

_PLACES = 12


def to_json(found: Reconciled) -> dict[str, Any]:
    """Amounts are texts with twelve decimals; rounded effects still add up to the difference."""
    everything = (*found.matched, *found.only_estimated)
    return {
        "month": found.month,
        "currency": found.currency,
        "cost": found.cost,
        "covered_hours": _number(found.covered),
        "month_hours": _number(found.month_hours),
        "accuracy": _accuracy(found.accuracy),
        "accuracy_with_unmatched": _accuracy(found.of_all),
        "billed": money(found.billed),
        "causes": [
            {"cause": str(cause), "amount": money(amount), "share_of_bill": _percent(amount, found.of_all.actual)}
            for cause, amount in found.causes.items()
        ],
        "resources": [_compared(one) for one in found.matched],
        "only_estimated": [_compared(one) for one in found.only_estimated],
        "only_billed": [_charge(one) for one in found.only_billed],
        "types": _groups(grouped(everything, by_type)),
        "services": _groups(grouped(everything, by_service)),
        "teams": _groups(grouped(everything, by_team)),
        "proposals": [
            {
                "name": one.name,
                "type": one.type,
                "figures": {name: _number(value) for name, value in one.figures.items()},
                "reason": one.reason,
            }
            for one in found.proposals
        ],
        "usage_yaml": as_yaml(found.proposals) if found.proposals else None,
        "notes": list(found.notes),
    }


def money(amount: Fraction) -> str:
    """Twelve decimals."""
    return f"{_decimal(_units(amount)):.12f}"


def effect_units(pair: Pair) -> list[int]:
    """The effects in units of 1e-12; what rounding leaves is in the largest, so that they add up to the difference."""
    units = [_units(effect.amount) for effect in pair.effects]
    if units:
        largest = max(range(len(units)), key=lambda index: abs(units[index]))
        units[largest] += _units(pair.actual) - _units(pair.estimated) - sum(units)
    return units


def _units(amount: Fraction) -> int:
    return round(amount * 1_000_000_000_000)


def _decimal(units: int) -> Decimal:
    return Decimal(units).scaleb(-_PLACES)


def _groups(groups: Sequence[tuple[str, Accuracy]]) -> list[dict[str, Any]]:
    return [{"name": name, **_accuracy(accuracy)} for name, accuracy in groups]


def _accuracy(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "resources": accuracy.resources,
        "estimated": money(accuracy.estimated),
        "actual": money(accuracy.actual),
        "wape_percent": _number(accuracy.wape),
        "mape_percent": _number(accuracy.mape),
        "bias_percent": _number(accuracy.bias),
    }


def _compared(one: Compared) -> dict[str, Any]:
    resource = one.resource
    return {
        "address": resource.address,
        "type": resource.type,
        "name": resource.name,
        "team": resource.tags.get("team"),
        "matched_by": list(one.methods),
        "estimated": money(one.estimated),
        "actual": money(one.actual),
        "error_percent": _percent(one.estimated - one.actual, one.actual),
        "within_bounds": one.within,
        "lines": [_pair(pair) for pair in one.pairs],
        "apart": {name: money(amount) for name, amount in one.apart.items()},
        "without_price": money(one.unpriced),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    line = pair.line
    return {
        "item": line.item if line else None,
        "purchase": line.purchase if line else None,
        "estimated": money(pair.estimated),
        "actual": money(pair.actual),
        "count": _number(pair.count) if line and line.hours is not None else None,
        "hours": _number(pair.hours),
        "effects": [_effect(effect, units) for effect, units in zip(pair.effects, effect_units(pair), strict=True)],
        "charges": [
            {"description": charge.text, "unit": charge.unit, "cost": money(charge.cost)} for charge in pair.charges
        ],
        "assumptions": list(line.assumptions) if line else [],
        "price_source": line.source or None if line else None,
        "notes": list(pair.notes),
    }  # fmt: skip


def _effect(effect: Effect, units: int) -> dict[str, Any]:
    return {
        "cause": str(effect.cause),
        "amount": f"{_decimal(units):.12f}",
        "estimated": _number(effect.estimated),
        "actual": _number(effect.actual),
    }


def _charge(charge: Charge) -> dict[str, Any]:
    return {
        "resource_id": charge.resource_id,
        "resource_name": charge.resource_name,
        "service": charge.service,
        "category": charge.category,
        "description": charge.text,
        "lines": charge.lines,
        "cost": money(charge.cost),
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _percent(part: Fraction, whole: Fraction) -> float | None:
    return float(part / whole * 100) if whole > 0 else None
