"""Random rules over random bills: DuckDB's result against one that is worked out here, line by line, in fractions.

Nothing of the allocation is used to work it out. Conditions come in pairs: as CEL for the rules, and as Python for what
is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from tests.allocate.bills import run

WIDE = Context(prec=60)
TEAMS = ("nlp", "vision", "NLP", "ops")
POOLS = ("a", "b")
FIRST = datetime(2026, 2, 28)

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    cel: str
    holds: Callable[[Line], bool]


CONDITIONS = (
    Condition("true", lambda line: True),
    Condition("has(tags.team)", lambda line: "team" in line["tags"]),
    Condition("tags.team == 'nlp'", lambda line: line["tags"].get("team") == "nlp"),
    Condition("!(tags.team == 'nlp')", lambda line: line["tags"].get("team", "nlp") != "nlp"),
    Condition("'pool' in tags && line.BilledCost > 0.0", lambda line: "pool" in line["tags"] and line["cost"] > 0),
    Condition("line.BilledCost < 0.0", lambda line: line["cost"] < 0),
    Condition("line.ChargeCategory == 'Tax'", lambda line: line["category"] == "Tax"),
    Condition("line.ChargeCategory in ['Credit', 'Tax']", lambda line: line["category"] in ("Credit", "Tax")),
    Condition("tags.exists(key, key == 'pool')", lambda line: "pool" in line["tags"]),
    Condition("tags.team == tags.pool || has(tags.pool)", lambda line: "pool" in line["tags"]),
)

conditions = st.sampled_from(CONDITIONS)
days = st.sampled_from((0, 1, 1, 2)).map(lambda number: (FIRST + timedelta(days=number)).date())
Period = tuple[date | None, date | None]
periods: st.SearchStrategy[Period] = st.tuples(st.none() | days, st.none() | days).filter(
    lambda two: two[0] is None or two[1] is None or two[0] < two[1]
)

lines = st.fixed_dictionaries(
    {
        "cost": st.one_of(
            st.decimals(-(10**4), 10**4, places=12), st.decimals(-(10**13), 10**13, places=2), st.just(Decimal(0))
        ),
        "hour": st.integers(12, 2 * 24 - 1),
        "offset": st.sampled_from((0, -5, 9)),
        "category": st.sampled_from(("Usage", "Tax", "Credit")),
        "tags": st.one_of(
            st.dictionaries(st.sampled_from(("team", "pool")), st.sampled_from((*TEAMS, *POOLS)), max_size=2),
            st.sampled_from(POOLS).map(lambda pool: {"pool": pool}),
        ),
    }
)

direct = st.fixed_dictionaries(
    {
        "layer": st.sampled_from(("direct", "direct", "override")),
        "match": conditions,
        "period": periods,
        "team": st.sampled_from(("tags.team", "'nlp'", "'NLP'")),
    }
)
shared = st.fixed_dictionaries(
    {
        "layer": st.just("proportional"),
        "match": st.one_of(conditions, st.sampled_from((CONDITIONS[0], CONDITIONS[8]))),
        "period": st.one_of(st.just((None, None)), periods),
        "window": st.sampled_from(("day", "month")),
        "idle": st.sampled_from(("to_pool", "to_platform", "proportional")),
        "least": st.sampled_from(("0", "0.1", "0.25", "0.4")),
    }
)
fixed = st.fixed_dictionaries(
    {
        "layer": st.just("fixed"),
        "match": conditions,
        "period": periods,
        "split": st.sampled_from(("equal", "heads", "percent", "central")),
        "weights": st.lists(st.integers(1, 33), min_size=1, max_size=3),
    }
)
uses = st.lists(
    st.tuples(
        days,
        st.sampled_from(POOLS),
        st.sampled_from((*TEAMS, "")),
        st.decimals(0, 100, places=3) | st.sampled_from((Decimal(1), Decimal(40))),
    ),
    min_size=4,
    max_size=14,
)
capacities = st.lists(st.tuples(days, st.sampled_from(POOLS), st.integers(0, 300)), max_size=3)
ORDER = ("override", "direct", "proportional", "fixed")


def written(rule: Mapping[str, Any], name: str) -> str:
    """The rule as YAML."""
    start, end = rule["period"]
    if rule["layer"] == "override":
        end = end or date(2027, 1, 1)
    bounds = [f"from: {start}"] * (start is not None) + [f"until: {end}"] * (end is not None)
    words = [f"name: {name}", f"layer: {rule['layer']}", f'match: "{rule["match"].cel}"']
    words += [f"effective: {{{', '.join(bounds)}}}"] if bounds else []
    if rule["layer"] in ("direct", "override"):
        words.append(f'owner: {{team: "{rule["team"]}"}}')
    elif rule["layer"] == "proportional":
        words += ["pool: tags.pool", "driver: use", f"window: {rule['window']}", f"idle: {rule['idle']}"]
        words += [f"minimumShare: {rule['least']}"]
        words += ["platform: {team: platform}"] if rule["idle"] == "to_platform" else []
    elif rule["split"] == "central":
        words += ["split: central", "platform: {team: platform}"]
    else:
        split, named = rule["split"], {"heads": ", heads: ", "percent": ", percent: "}.get(rule["split"])
        shares = [f"{{team: f{at}{f'{named}{weight}' if named else ''}}}" for at, weight in enumerate(rule["weights"])]
        words += [f"split: {split}", f"shares: [{', '.join(shares)}]"]
        words += ["platform: {team: platform}"] if split == "percent" and sum(rule["weights"]) < 100 else []
    return f"  - {{{', '.join(words)}}}"


Parts = dict[tuple[str | None, bool], Fraction]


def of_pool(rule: Mapping[str, Any], use: Mapping[str | None, Fraction], capacity: Fraction | None) -> Parts:
    """Who pays which part of a pool; nothing where nobody can be told."""
    use = {team: hours for team, hours in use.items() if hours}
    used = sum(use.values(), Fraction())
    whole = max(used, capacity or Fraction())
    if not whole or (not used and rule["idle"] == "proportional"):
        return {}
    parts = {team: hours / used for team, hours in use.items()}
    least = Fraction(rule["least"])
    if parts and least * len(parts) >= 1:
        parts = dict.fromkeys(parts, Fraction(1, len(parts)))
    raised: set[str | None] = set()
    while parts and least * len(parts) < 1:
        free = sum(part for team, part in parts.items() if team not in raised)
        scaled = {
            team: least if team in raised else part * (1 - least * len(raised)) / free for team, part in parts.items()
        }
        low = {team for team, part in scaled.items() if part < least}
        if not low:
            parts = scaled
            break
        raised |= low
    idle = 1 - used / whole
    found: Parts = {(team, False): part * (1 - idle) for team, part in parts.items()}
    if idle and rule["idle"] == "proportional":
        found |= {(team, True): part * idle for team, part in parts.items()}
    elif idle:
        found[("platform" if rule["idle"] == "to_platform" else None, True)] = idle
    return found


def of_fixed(rule: Mapping[str, Any]) -> Parts:
    if rule["split"] == "central":
        return {("platform", False): Fraction(1)}
    weights = rule["weights"] if rule["split"] != "equal" else [1] * len(rule["weights"])
    whole = 100 if rule["split"] == "percent" else sum(weights)
    found: Parts = {(f"f{at}", False): Fraction(weight, whole) for at, weight in enumerate(weights)}
    if sum(weights) < whole:
        found["platform", False] = 1 - Fraction(sum(weights), whole)
    return found


def expected(
    line: Line, rules: Sequence[tuple[str, Mapping[str, Any]]], table: Any, full: Any
) -> tuple[str | None, bool, Parts]:
    """The rule that decides, whether the line is allocated, and who pays which part."""
    day = line["start"].date()
    for name, rule in sorted(rules, key=lambda item: ORDER.index(item[1]["layer"])):
        start, end = rule["period"]
        if (start and day < start) or (end and day >= end) or not rule["match"].holds(line):
            continue
        if rule["layer"] == "fixed":
            return name, True, of_fixed(rule)
        if rule["layer"] != "proportional":
            team = line["tags"].get("team") if rule["team"] == "tags.team" else "nlp"
            team = {"NLP": "nlp"}.get(team, team)
            return name, team is not None, {(team, False): Fraction(1)}

        def inside(when: date, rule: Mapping[str, Any] = rule) -> bool:
            return when == day if rule["window"] == "day" else (when.year, when.month) == (day.year, day.month)

        pool = line["tags"].get("pool")
        use: dict[str | None, Fraction] = {}
        for when, of, team, hours in table:
            if of == pool and inside(when):
                who = {"NLP": "nlp", "": None}.get(team, team)
                use[who] = use.get(who, Fraction()) + Fraction(hours)
        amounts = [Fraction(hours) for when, of, hours in full if of == pool and inside(when)]
        parts = of_pool(rule, use, sum(amounts, Fraction()) if amounts else None)
        return name, bool(parts), parts or {(None, False): Fraction(1)}
    return None, False, {(None, False): Fraction(1)}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(lines, min_size=1, max_size=7),
    st.lists(st.one_of(shared, direct, shared, fixed), min_size=1, max_size=5),
    uses,
    capacities,
    st.sampled_from((None, "2026-02", "2026-03")),
)
def test_every_line_is_allocated_as_worked_out_by_hand(
    tmp_path_factory: pytest.TempPathFactory,
    bill: list[dict[str, Any]],
    drawn: list[dict[str, Any]],
    table: Any,
    full: Any,
    month: str | None,
) -> None:
    rules = [(f"r{number}", rule) for number, rule in enumerate(drawn)]
    rows = []
    for number, line in enumerate(bill):
        line["start"] = FIRST + timedelta(hours=line["hour"])
        local = line["start"] + timedelta(hours=line["offset"])
        zone = f"{line['offset']:+03d}:00" if line["offset"] else "Z"
        rows.append(
            {
                "Id": str(number),
                "BilledCost": f"{line['cost']:f}",
                "BillingCurrency": "USD",
                "ChargePeriodStart": f"{local.isoformat()}{zone}",
                "ChargeCategory": line["category"],
                "Tags": str(line["tags"]).replace("'", '"'),
            }
        )
    chosen = [(str(number), line) for number, line in enumerate(bill) if month in (None, f"{line['start']:%Y-%m}")]
    if not chosen:
        return
    use = [{"date": str(day), "pool": pool, "team": team, "h": str(hours)} for day, pool, team, hours in table]
    use += [{"date": str(day), "pool": pool, "team": "", "capacity": str(hours)} for day, pool, hours in full]
    needs = any(rule["layer"] == "proportional" for _, rule in rules)
    if needs and not use:
        use = [{"date": "2020-01-01", "pool": "a", "team": "x", "h": "1"}]
    text = "aliases: {team: {NLP: nlp}}\n"
    text += "drivers: {use: {unit: h, value: row.h}}\n" if needs else ""
    text += "rules:\n" + "\n".join(written(rule, name) for name, rule in rules) + "\n"
    usual = {"date": "", "pool": "", "team": "", "h": "", "capacity": ""}
    outcome, found = run(
        tmp_path_factory.mktemp("oracle"),
        rows,
        text,
        {"use": [{**usual, **row} for row in use]} if needs else None,
        line_id="Id",
        month=month,
    )
    assert outcome.reconciles
    assert outcome.billed == sum((line["cost"] for _, line in chosen), Decimal())
    assert {row["x_LineId"] for row in found} == {number for number, _ in chosen}
    for id_, line in chosen:
        name, allocated, parts = expected(line, rules, table, full)
        mine = [row for row in found if row["x_LineId"] == id_]
        assert {row["x_Rule"] for row in mine} == {name}, text
        assert sum(row["x_AllocatedCost"] for row in mine) == line["cost"]
        assert sum(row["x_FirstShare"] for row in mine) == 1
        # Shares have ten decimals: what is less than half of the last one has no row of its own.
        paid = {(row["x_Team"], row["x_Idle"]): row for row in mine}
        assert len(paid) == len(mine)
        assert paid.keys() <= parts.keys(), text
        for who, part in parts.items():
            share = Fraction(paid[who]["x_Share"]) if who in paid else Fraction()
            assert abs(share - part) < Fraction(1, 10**10), (text, who)
            if who in paid:
                exact = WIDE.multiply(line["cost"], paid[who]["x_Share"])
                assert abs(paid[who]["x_AllocatedCost"] - exact) <= Decimal("1e-12")
                nobody = not allocated or who == (None, False)
                layer = dict(rules)[name]["layer"] if name else None
                assert paid[who]["x_Layer"] == ("unallocated" if nobody else layer)
        if len(parts) == 1:
            assert mine[0]["x_AllocatedCost"] == line["cost"].quantize(Decimal("1e-12"), ROUND_HALF_UP, WIDE)
