"""Budgets against bills: states, the run rate and its range, unusual days, and scenarios, worked by hand here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.budget.runrate import run_rate
from spendgate.cli import main
from tests.allocate.bills import HEAD, line, write_csv

BUDGETS = """\
apiVersion: spendgate.dev/v1
kind: Budgets
budgets:
"""

RULES = """
rules:
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team, run_type: tags.run, model: tags.model}}
"""

POOL = """
drivers:
  gpu-hours: {unit: GPU-hours, value: row.gpu_hours}
rules:
  - {name: cluster, layer: proportional, match: 'true', pool: "'a'", driver: gpu-hours, idle: to_platform, platform: {team: ops}}
"""


def days(cost: str, count: int, month: str = "2026-03", **tags: str) -> list[dict[str, str]]:
    """The same cost on each of the first days of a month."""
    return [line(cost, f"{month}-{day:02}", tags=tags or None) for day in range(1, count + 1)]


def check(
    folder: Path,
    rows: Sequence[Mapping[str, str]],
    budgets: str,
    *words: str,
    capsys: pytest.CaptureFixture[str],
    code: int = 0,
) -> dict[str, Any]:
    """The JSON of a check of a bill of these lines; the command must exit with ``code``."""
    file = folder / "budgets.yaml"
    file.write_text(BUDGETS + budgets, encoding="utf-8")
    bill = write_csv(folder / "bill.csv", rows)
    capsys.readouterr()
    assert main(["budget", "check", str(bill), "--budgets", str(file), "--format", "json", *words]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def states(found: Mapping[str, Any]) -> dict[str, str]:
    return {budget["name"]: budget["state"] for budget in found["budgets"]}


def test_a_budget_that_is_exceeded_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*days("10", 10, team="nlp"), *days("1", 10, team="cv")]
    budgets = "  nlp: {tags: {team: nlp}, monthly: 99.99}\n  cv: {tags: {team: cv}, monthly: 1000}\n"
    found = check(tmp_path, rows, budgets, capsys=capsys, code=1)
    assert states(found) == {"nlp": "exceeded", "cv": "within"}
    assert found["passed"] is False
    assert Decimal(found["budgets"][0]["actual"]["spent"]) == 100


def test_a_budget_that_will_be_exceeded_fails_where_that_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, budgets = days("10", 10), "  all: {monthly: 300}\n"
    found = check(tmp_path, rows, budgets, capsys=capsys)
    assert states(found) == {"all": "projected"}
    assert Decimal(found["bill"]["expected"]) == 310
    check(tmp_path, rows, budgets, "--fail-on", "projected", capsys=capsys, code=1)


def test_a_budget_within_the_range_is_at_risk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line(str(10 + 4 * (day % 2)), f"2026-03-{day:02}") for day in range(1, 11)]
    found = check(tmp_path, rows, "  all: {monthly: 375}\n", "--fail-on", "projected", capsys=capsys)
    assert states(found) == {"all": "at risk"}
    check(tmp_path, rows, "  all: {monthly: 375}\n", "--fail-on", "at-risk", capsys=capsys, code=1)


def test_a_daily_budget_is_of_the_last_whole_day_and_counts_the_days_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line("50", "2026-03-02"), line("9", "2026-03-03"), line("20", "2026-03-04")]
    found = check(tmp_path, rows, "  day: {daily: 10}\n", capsys=capsys, code=1)
    assert found["budgets"][0]["days_over"] == ["2026-03-02", "2026-03-04"]
    found = check(tmp_path, rows, "  day: {daily: 10}\n", "--as-of", "2026-03-03", capsys=capsys)
    assert states(found) == {"day": "within"}
    assert found["notes"] == ["the bill has charges until 2026-03-04; those after 2026-03-03 are left out"]


def test_charges_that_stand_once_are_not_carried_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*days("10", 10), {**line("500"), "ChargeCategory": "Purchase"}]
    found = check(tmp_path, rows, "  all: {monthly: 10000}\n", capsys=capsys)
    assert Decimal(found["bill"]["spent"]) == 600
    assert Decimal(found["bill"]["expected"]) == 810


@pytest.mark.parametrize("kind", [{"ChargeCategory": "Credit"}, {"ChargeClass": "Correction"}])
def test_nobody_counts_on_another_credit_or_refund(
    kind: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*days("10", 10), {**line("-80"), **kind}]
    found = check(tmp_path, rows, "  all: {monthly: 225}\n", "--fail-on", "projected", capsys=capsys, code=1)
    assert Decimal(found["bill"]["spent"]) == 20
    assert Decimal(found["bill"]["expected"]) == 230
    assert found["anomalies"] == []


def test_days_that_the_bill_does_not_have_yet_are_not_days_without_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(tmp_path, days("10", 10), "  all: {monthly: 400}\n", "--as-of", "2026-03-12", capsys=capsys)
    assert found["as_of"] == "2026-03-10"
    assert "it is judged as of that day" in found["notes"][0]


def test_an_environment_and_another_tag_may_have_a_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*days("10", 3, environment="production"), *days("1", 3, **{"cost.unit": 'x"y'})]
    budgets = """\
  prod: {environments: [production, staging], monthly: 20}
  unit: {tags: {cost.unit: 'x"y'}, monthly: 2}
  typo: {tags: {team: nobody}, monthly: 2}
"""
    found = check(tmp_path, rows, budgets, capsys=capsys, code=1)
    assert states(found) == {"prod": "exceeded", "unit": "exceeded", "typo": "within"}
    assert found["budgets"][2]["notes"] == ["no line of the bill is under it: is it named as in the bill?"]


def test_budgets_of_a_project_are_used_and_those_of_stacks_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nbudgets:\n"
        "  nlp: {tags: {team: nlp}, monthlyUsd: 50}\n  each: {monthlyUsd: 5}\n  dev: {stacks: [dev], monthlyUsd: 5}\n",
        encoding="utf-8",
    )
    bill = write_csv(tmp_path / "bill.csv", days("10", 10, team="nlp"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert main(["budget", "check", str(bill)]) == 1
    told = capsys.readouterr().out
    assert "EXCEEDED   nlp (team nlp)" in told
    assert "UNCHECKED  each: it is for each stack, which a bill does not know" in told


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ("  a: {tags: {team: x}}\n", "monthly"),
        ("  a: {monthly: -1}\n", "-1"),
        ("  a: {monthyl: 3}\n", "monthyl"),
    ],
)
def test_budgets_that_are_wrong_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], budgets: str, told: str
) -> None:
    (tmp_path / "b.yaml").write_text(BUDGETS + budgets, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", days("1", 2))
    assert main(["budget", "check", str(bill), "--budgets", str(tmp_path / "b.yaml")]) == 2
    assert told in capsys.readouterr().err


def test_a_file_of_another_kind_or_a_folder_is_no_file_of_budgets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", days("1", 2))
    for wrong, told, remedy in (
        (
            tmp_path / "rules.yaml",
            'rules.yaml:2:7: kind is "AllocationRules", not "Budgets"',
            "takes a file of kind Budgets",
        ),
        (tmp_path, "is a folder; a file is wanted here", "In it are rules.yaml."),
    ):
        assert main(["budget", "check", str(bill), "--budgets", str(wrong)]) == 2
        said = capsys.readouterr().err
        assert told in said
        assert remedy in said


def test_bad_input_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(BUDGETS + "  a: {monthly: 3}\n", encoding="utf-8")
    euros = write_csv(tmp_path / "eur.csv", [{**line("1"), "BillingCurrency": "EUR"}])
    bad = write_csv(tmp_path / "bad.csv", [line("one")])
    good = write_csv(tmp_path / "good.csv", [line("1")])

    def told(*words: str) -> str:
        assert main(["budget", "check", *words, "--budgets", str(file)]) == 2
        return capsys.readouterr().err

    assert 'the budget "a" is in USD, the bill in EUR' in told(str(euros))
    assert "1 lines have no cost or no day" in told(str(bad))
    assert "no such bill" in told(str(tmp_path / "none.csv"))
    assert "no charges in 2026-04" in told(str(good), "--as-of", "2026-04-02")
    assert "Name a day of the bill, such as --as-of 2026-03-01" in told(str(good), "--as-of", "2026-02-02")
    assert "forecasts need the owners of an allocation" in told(str(good), "--usage", f"tokens={good}")
    assert "several currencies" in told(str(euros), str(good))


def test_an_unusual_day_is_told_with_the_lines_behind_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {**line(f"{20 + day % 3}", f"2026-03-{day:02}", tags={"team": "nlp"}), "SkuId": "gpu", "ResourceId": "i-1"}
        for day in range(1, 21)
    ]
    rows += [{**line("5", f"2026-03-{day:02}", tags={"team": "cv"}), "SkuId": "gpu"} for day in range(1, 21)]
    rows.append({**line("400", "2026-03-17", tags={"team": "nlp"}), "SkuId": "gpu", "ResourceId": "i-runaway"})
    found = check(tmp_path, rows, "  all: {monthly: 9000}\n", capsys=capsys)
    (one,) = found["anomalies"]
    assert (one["day"], one["team"], one["sku"]) == ("2026-03-17", "nlp", "gpu")
    assert (float(one["cost"]), float(one["usual"])) == (422, 21)
    assert one["lines"][0]["resource"] == "i-runaway"
    assert check(tmp_path, rows, "  all: {monthly: 9000}\n", "--min-anomaly", "500", capsys=capsys)["anomalies"] == []


def test_what_is_new_is_unusual_and_a_few_days_tell_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*days("10", 20), {**line("90", "2026-03-20"), "SkuId": "new"}]
    found = check(tmp_path, rows, "  all: {monthly: 9000}\n", capsys=capsys)
    assert [one["sku"] for one in found["anomalies"]] == ["new"]
    assert check(tmp_path, days("10", 7), "  all: {monthly: 9000}\n", capsys=capsys)["anomalies"] is None


def test_an_allocation_is_checked_by_its_owners_and_its_drivers_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    folders = []
    for month, cost in (("2026-01", "10"), ("2026-02", "20"), ("2026-03", "40")):
        length = 28 if month == "2026-02" else 31
        bill = write_csv(tmp_path / "bill.csv", days(cost, length, month, team="nlp", run="inference"))
        folders.append(str(tmp_path / month))
        words = ["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output", folders[-1]]
        assert main(words) == 0
    tokens = write_csv(
        tmp_path / "tokens.csv",
        [
            {"date": "2026-01", "tokens": "310"},
            {"date": "2026-02", "tokens": "560"},
            {"date": "2026-03", "tokens": "1240"},
        ],
    )
    (tmp_path / "b.yaml").write_text(BUDGETS + "  nlp: {tags: {team: nlp}, monthly: 2000}\n", encoding="utf-8")
    words = ["budget", "check", *folders, "--budgets", str(tmp_path / "b.yaml"), "--format", "json"]
    capsys.readouterr()
    assert main([*words, "--usage", str(tokens)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Decimal(found["budgets"][0]["actual"]["spent"]) == 1240
    (one,) = found["forecasts"]
    assert Decimal(one["unit_cost"]) == 1  # 2,110 dollars for 2,110 tokens
    assert (float(one["growth"]), one["growth_from"]) == (1, "the median of 2 months")
    assert one["saving"] is None
    april = one["months"][0]
    assert april["month"] == "2026-04"
    base = Decimal(2110) / 90 * 30
    assert Decimal(april["base"]) == pytest.approx(base)
    assert Decimal(april["growth"]) == pytest.approx(2 * base)
    assert april["optimized"] is None
    assert main([*words, "--usage", str(tokens), "--growth", "10%", "--saving", "20"]) == 0
    april = json.loads(capsys.readouterr().out)["forecasts"][0]["months"][0]
    assert Decimal(april["optimized"]) == pytest.approx(base * Decimal("1.1") * Decimal("0.8"))
    assert main(["budget", "check", folders[0], folders[0], "--budgets", str(tmp_path / "b.yaml")]) == 2
    assert "it would count twice" in capsys.readouterr().err


def test_without_idle_capacity_or_growth_the_scenarios_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + POOL, encoding="utf-8")
    use = write_csv(
        tmp_path / "gpu-hours.csv",
        [
            {"date": f"2026-03-{day:02}", "pool": "a", "team": team, "gpu_hours": hours, "capacity": much}
            for day in range(1, 11)
            for team, hours, much in (("nlp", "6", ""), ("", "", "8"))
        ],
    )
    bill = write_csv(tmp_path / "bill.csv", days("12", 10))
    out = str(tmp_path / "out")
    assert main(["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--drivers", str(use), "-o", out]) == 0
    (tmp_path / "b.yaml").write_text(BUDGETS + "  ops: {tags: {team: ops}, monthly: 30}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["budget", "check", out, "--budgets", str(tmp_path / "b.yaml"), "--usage", str(use)]) == 0
    told = capsys.readouterr().out
    assert "no budget is exceeded on 2026-03-10" in told
    assert "AT RISK" not in told
    assert "PROJECTED  ops (team ops)" in told
    assert "month $30.00, 100%: $30.00 spent, $3.00 a day, $93.00 expected ($93.00 to $93.00)" in told
    assert "Forecast by gpu-hours: $2.00 for one, 6.0 a day" in told
    assert "growth: not known (--growth, or three whole months of the driver)" in told
    assert "optimised: 25.0% less for one, cost of capacity that nobody used" in told


def test_working_days_and_weekends_are_carried_on_apart() -> None:
    use = {date(2026, 3, 1) + timedelta(days=n): Decimal(0) for n in range(20)}
    use = {day: Decimal(1 if day.weekday() >= 5 else 10) for day in use}
    rate = run_rate(use, {}, min(use), max(use))
    expected = sum(1 if date(2026, 3, n).weekday() >= 5 else 10 for n in range(1, 32))
    assert rate.expected == expected == rate.low == rate.high


def test_the_range_is_that_of_the_textbook() -> None:
    values = [Decimal(n) for n in (8, 12, 10)]
    use = {date(2026, 4, 27) + timedelta(days=n): value for n, value in enumerate(values)}
    rate = run_rate(use, {}, date(2026, 4, 27), date(2026, 4, 29))
    # one day ahead: 10 ± t(2) × sqrt(4 × (1 + 1/3))
    assert rate.expected == 40
    assert rate.high is not None
    assert float(rate.high) == pytest.approx(40 + 1.886 * (4 * (4 / 3)) ** 0.5)


def test_two_days_give_no_range() -> None:
    use = {date(2026, 4, 1): Decimal(1), date(2026, 4, 2): Decimal(2)}
    rate = run_rate(use, {}, date(2026, 4, 1), date(2026, 4, 2))
    assert rate.expected == 45
    assert rate.low is None


costs = st.dictionaries(
    st.integers(0, 30).map(lambda n: date(2026, 3, 1) + timedelta(days=n)),
    st.integers(0, 10**8).map(lambda cents: Decimal(cents).scaleb(-2)),
    min_size=1,
)


@given(costs)
def test_a_month_ends_within_its_range_and_not_below_what_it_has_cost(use: dict[date, Decimal]) -> None:
    rate = run_rate(use, {}, date(2026, 3, 1), max(use))
    assert rate.spent <= rate.expected
    if rate.low is not None and rate.high is not None:
        assert rate.spent <= rate.low <= rate.expected <= rate.high
    if max(use) == date(2026, 3, 31):
        assert rate.spent == rate.expected == rate.high


def test_what_allocate_wrote_is_never_taken_for_a_bill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.yaml").write_text(
        HEAD + "rules: [{name: all, layer: fixed, match: 'true', split: equal, shares: [{team: a}, {team: b}]}]\n",
        encoding="utf-8",
    )
    (tmp_path / "b.yaml").write_text(BUDGETS + "  a: {tags: {team: a}, monthly: 100}\n", encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", days("10", 4))
    words = ["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output"]
    deep = tmp_path / "year" / "march"
    deep.parent.mkdir()
    for out in (deep, tmp_path / "flat.parquet", tmp_path / "flat.csv"):
        assert main([*words, str(out)]) == 0
    check_it = ["budget", "check", "--budgets", str(tmp_path / "b.yaml"), "--format", "json"]
    for out in (deep, tmp_path / "flat.parquet", tmp_path / "flat.csv"):
        capsys.readouterr()
        assert main([*check_it, str(out)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert float(found["bill"]["spent"]) == 40
        assert float(found["budgets"][0]["actual"]["spent"]) == 20
    assert main([*check_it, str(deep.parent)]) == 2
    assert "allocations lie in this folder" in capsys.readouterr().err


def test_a_locked_budget_of_the_organisation_holds_beside_one_of_the_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Organization\nbudgets:\n"
        "  nlp: {tags: {team: nlp}, monthlyUsd: 50, locked: true}\n",
        encoding="utf-8",
    )
    (tmp_path / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\norganization: org.yaml\nbudgets:\n"
        "  nlp: {tags: {team: nlp}, monthlyUsd: 5000}\n",
        encoding="utf-8",
    )
    bill = write_csv(tmp_path / "bill.csv", days("10", 10, team="nlp"))
    monkeypatch.chdir(tmp_path)
    assert main(["budget", "check", str(bill)]) == 1
    assert "EXCEEDED   nlp (team nlp)" in capsys.readouterr().out
    assert main(["budget", "check", str(bill), "--budgets", "org.yaml"]) == 1


def test_a_bill_of_whole_months_has_no_rate_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**line("31", "2026-03-01", {"team": "nlp"}), "ChargePeriodEnd": "2026-04-01T00:00:00Z"}]
    bill = write_csv(tmp_path / "bill.csv", rows)
    (tmp_path / "budgets.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Budgets\nbudgets: {all: {monthly: 100}}\n"
    )
    words = ["budget", "check", str(bill), "--budgets", str(tmp_path / "budgets.yaml"), "--format", "json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert Decimal(found["bill"]["expected"]) == 31
    assert any("no rate can be told" in note for note in found["notes"])


def test_a_day_of_25_hours_is_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line("3", f"2026-03-{day:02}", {"team": "nlp"}) for day in range(1, 11)]
    rows[4] |= {"ChargePeriodEnd": "2026-03-06T01:00:00Z"}
    (tmp_path / "budgets.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Budgets\nbudgets: {all: {monthly: 100}}\n"
    )
    words = ["budget", "check", str(write_csv(tmp_path / "bill.csv", rows)), "--format", "json"]
    assert main([*words, "--budgets", str(tmp_path / "budgets.yaml")]) == 0
    assert Decimal(json.loads(capsys.readouterr().out)["bill"]["daily_mean"]) == 3


def test_what_failed_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bill = str(write_csv(tmp_path / "bill.csv", days("12", 1)))
    (tmp_path / "b.yaml").write_text(f"{BUDGETS}  all: {{monthly: 200}}\n", encoding="utf-8")
    for fail_on, said in (
        ("exceeded", "no budget is exceeded on 2026-03-01"),
        ("projected", "1 of 1 budgets is exceeded, or expected to be, on 2026-03-01"),
        ("at-risk", "1 of 1 budgets is exceeded, expected to be, or at risk on 2026-03-01"),
    ):
        main(["budget", "check", bill, "--budgets", str(tmp_path / "b.yaml"), "--fail-on", fail_on])
        told = capsys.readouterr().out
        assert said in told
        assert "(no range from 1 day)" in told


@pytest.mark.parametrize("amount", [".inf", ".nan", "1.0e+30", "1000000000000000000000000000000"])
def test_an_amount_that_is_none_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], amount: str
) -> None:
    bill = str(write_csv(tmp_path / "bill.csv", days("12", 1)))
    (tmp_path / "b.yaml").write_text(f"{BUDGETS}  all: {{monthly: {amount}}}\n", encoding="utf-8")
    assert main(["budget", "check", bill, "--budgets", str(tmp_path / "b.yaml")]) == 2
    assert "b.yaml:4:3: " in (said := capsys.readouterr().err)
    assert "is no amount of money" in said


@pytest.mark.parametrize("words", [["--saving", "150"], ["--growth", "-101%"]])
def test_no_more_is_saved_than_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    bill = str(write_csv(tmp_path / "bill.csv", days("12", 1)))
    (tmp_path / "b.yaml").write_text(f"{BUDGETS}  all: {{monthly: 5}}\n", encoding="utf-8")
    assert main(["budget", "check", bill, "--budgets", str(tmp_path / "b.yaml"), f"{words[0]}={words[1]}"]) == 2
    assert f"{words[0]} takes more than there is" in capsys.readouterr().err
