"""KPIs of an allocation, worked by hand here; one whose inputs are missing says which."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.kpi.registry import KPIS
from spendgate.cli import main
from tests.allocate.bills import HEAD, line, write_csv

RULES = """
drivers:
  gpu-hours: {unit: GPU-hours, value: row.gpu_hours}
rules:
  - name: team-tag
    layer: direct
    match: has(tags.team)
    owner: {team: tags.team, model: tags.model, environment: tags.env, run_type: tags.run, project: tags.project}
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: columns.x_Cluster
    driver: gpu-hours
    idle: to_platform
    platform: {team: platform}
"""

GPU = [
    {"date": "2026-03-01", "pool": "a", "team": "nlp", "project": "p", "model": "m", "gpu_hours": "6", "capacity": ""},
    {"date": "2026-03-01", "pool": "a", "team": "cv", "project": "q", "model": "m", "gpu_hours": "2", "capacity": ""},
    {"date": "2026-03-01", "pool": "a", "team": "", "project": "", "model": "", "gpu_hours": "", "capacity": "10"},
]

Table = Sequence[Mapping[str, str]]


def measured(folder: Path, rows: Table, **usage: Table) -> dict[str, dict[str, Any]]:
    """The KPIs by name after an allocation of the lines and a run of ``allocate kpis`` with the tables."""
    (folder / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    driver = write_csv(folder / "gpu-hours.csv", GPU)
    bill = write_csv(folder / "bill.csv", rows)
    words = ["allocate", str(bill), "--rules", str(folder / "rules.yaml"), "--drivers", str(driver)]
    assert main([*words, "--output", str(folder / "out")]) == 0
    files = [
        f"{name.replace('_', '-')}={write_csv(folder / f'usage-{name}.csv', table)}" for name, table in usage.items()
    ]
    if files:
        assert main(["allocate", "kpis", "--output", str(folder / "out"), "--usage", *files]) == 0
    found = json.loads((folder / "out" / "kpis.json").read_text(encoding="utf-8"))["kpis"]
    return {kpi["name"]: kpi for kpi in found}


def values(kpi: Mapping[str, Any]) -> dict[tuple[str | None, ...], float]:
    return {tuple(one["of"].values()): float(one["value"]) for one in kpi["values"]}


def tagged(cost: str, team: str, **tags: str) -> dict[str, str]:
    return line(cost, tags={"team": team, **tags})


def test_a_kpi_whose_inputs_are_missing_says_which_and_is_no_zero(tmp_path: Path) -> None:
    found = measured(tmp_path, [tagged("10", "nlp")])
    assert set(found) == {kpi.name for kpi in KPIS}
    assert found["cost-per-training-run"]["missing"] == ["the table --usage training-runs=FILE with date, runs"]
    assert found["commitment-utilization"]["missing"] == ["the column CommitmentDiscountStatus of the bill"]
    assert found["gpu-utilization"]["missing"] == ["the column busy_gpu_hours in the table gpu-hours"]
    assert found["environment-split"]["missing"] == ["a line whose owner has an environment"]
    assert all(kpi["missing"] or kpi["values"] for kpi in found.values())
    assert not any(kpi["missing"] and kpi["values"] for kpi in found.values())


def test_the_table_of_a_driver_serves_the_kpis_of_its_name(tmp_path: Path) -> None:
    rows = [line("100", ServiceName="Kubernetes", x_Cluster="a")]
    found = measured(tmp_path, rows)
    assert values(found["gpu-hours"]) == {("p", "m"): 6, ("q", "m"): 2, ("all together", "all together"): 8}
    assert values(found["idle-gpu"]) == {("a",): 20}
    assert values(found["idle-cost"]) == {("a",): 20}


def test_cost_of_a_training_run_is_by_the_fields_that_the_table_has(tmp_path: Path) -> None:
    rows = [
        tagged("100", "nlp", run="training"),
        tagged("30", "cv", run="fine-tuning"),
        tagged("7", "ops", run="training"),
        tagged("999", "nlp", run="inference"),
    ]
    runs = [
        {"date": "2026-03-01", "team": "nlp", "runs": "3"},
        {"date": "2026-03", "team": "nlp", "runs": "1"},
        {"date": "2026-03-09", "team": "cv", "runs": "2"},
        {"date": "2026-02-09", "team": "cv", "runs": "50"},
    ]
    kpi = measured(tmp_path, rows, training_runs=runs)["cost-per-training-run"]
    assert values(kpi) == {("nlp",): 25, ("cv",): 15, ("all together",): pytest.approx(130 / 6, abs=1e-6)}
    assert kpi["unit"] == "USD a run"
    assert kpi["notes"] == ["$7.00 are of owners for whom training-runs counts nothing."]


def test_cost_of_months_that_the_table_does_not_have_is_left_out(tmp_path: Path) -> None:
    rows = [tagged("100", "nlp", run="training"), line("900", "2026-02-03", tags={"team": "nlp", "run": "training"})]
    runs = [{"date": "2026-03", "runs": "4"}]
    assert values(measured(tmp_path, rows, training_runs=runs)["cost-per-training-run"]) == {(): 25}


def test_a_table_of_other_months_is_told_as_that(tmp_path: Path) -> None:
    runs = [{"date": "2026-04", "runs": "4"}]
    found = measured(tmp_path, [tagged("10", "nlp", run="training")], training_runs=runs)
    assert found["cost-per-training-run"]["missing"] == ["a row of training-runs for the months of the bill"]


def test_unit_costs_of_inference_tokens_and_deployments(tmp_path: Path) -> None:
    rows = [tagged("50", "nlp", run="inference", model="m"), tagged("30", "nlp", run="training")]
    found = measured(
        tmp_path,
        rows,
        inferences=[{"date": "2026-03", "model": "m", "inferences": "250000"}],
        tokens=[{"date": "2026-03", "tokens": "10000000"}],
        deployments=[{"date": "2026-03-03", "team": "nlp", "successful": "4"}],
    )
    assert values(found["cost-per-1000-inferences"]) == {("m",): 0.2}
    assert values(found["cost-per-million-tokens"]) == {(): 5}
    assert values(found["cost-per-successful-deployment"]) == {("nlp",): 20}


def test_utilisation_is_busy_hours_over_hours_that_somebody_measured(tmp_path: Path) -> None:
    table = [
        {"date": "2026-03", "model": "m", "gpu_hours": "10", "busy_gpu_hours": "4"},
        {"date": "2026-03", "model": "n", "gpu_hours": "10", "busy_gpu_hours": ""},
    ]
    assert values(measured(tmp_path, [tagged("1", "nlp")], gpu_hours=table)["gpu-utilization"]) == {("m",): 40}


def test_storage_is_in_gib_months_by_data_class_and_counts_a_shared_line_once(tmp_path: Path) -> None:
    rows = [
        line("1", tags={"team": "a", "data-class": "raw"}, ConsumedQuantity="10", ConsumedUnit="GiB-Months"),
        line("1", tags={"team": "a", "data_class": "raw"}, ConsumedQuantity="1.073741824", ConsumedUnit="GB-Mo"),
        line("1", ServiceName="Kubernetes", x_Cluster="a", ConsumedQuantity="2", ConsumedUnit="GiB-Months"),
        line("1", tags={"team": "a"}, ConsumedQuantity="7", ConsumedUnit="Hours"),
    ]
    kpi = measured(tmp_path, rows)["storage"]
    assert values(kpi) == {("raw",): 11, ("no data class",): 2, ("all together",): 13}
    assert "7.4%" in kpi["notes"][0]


def test_egress_is_what_the_description_says_goes_out(tmp_path: Path) -> None:
    described = {
        "$0.09 per GB - first 10 TB / month data transfer out": "5",
        "$0.02 per GB - US East data transfer to EU (Ireland)": "2",
        "$0.00 per GB - data transfer in per month": "100",
    }
    rows = [
        line("1", ServiceName="EC2", ChargeDescription=what, ConsumedQuantity=much, ConsumedUnit="GB")
        for what, much in described.items()
    ]
    assert values(measured(tmp_path, rows)["egress"]) == {("EC2",): 7}


def test_environments_are_parts_of_the_whole_bill(tmp_path: Path) -> None:
    rows = [tagged("60", "a", env="production"), tagged("20", "a", env="development"), line("20")]
    found = values(measured(tmp_path, rows)["environment-split"])
    assert found == {("production",): 60, ("development",): 20, ("no environment",): 20}


def test_use_of_commitments_is_by_commitment(tmp_path: Path) -> None:
    def committed(cost: str, status: str) -> dict[str, str]:
        more = {"CommitmentDiscountType": "Savings Plan", "CommitmentDiscountId": "sp-1"}
        return {**line(cost), "CommitmentDiscountStatus": status, **more}

    rows = [committed("75", "Used"), committed("25", "Unused"), line("50")]
    assert values(measured(tmp_path, rows)["commitment-utilization"]) == {("Savings Plan", "sp-1"): 75}


def test_tag_coverage_is_by_cost_of_usage_and_a_tag_that_nobody_has_is_zero(tmp_path: Path) -> None:
    rows = [tagged("75", "a"), line("25", tags="{team"), {**line("900"), "ChargeCategory": "Tax"}]
    rows[0]["ChargeCategory"] = rows[1]["ChargeCategory"] = "Usage"
    found = values(measured(tmp_path, rows)["tag-coverage"])
    assert (found["team",], found["product",]) == (75, 0)


def test_spend_under_policy_is_of_the_resources_that_are_listed(tmp_path: Path) -> None:
    rows = [line("30", ResourceId="i-1"), line("70", ResourceId="i-2")]
    assert values(measured(tmp_path, rows, policy=[{"resource": "i-1"}])["spend-under-policy"]) == {(): 30}


def test_forecast_error_is_signed_and_by_what_was_forecast(tmp_path: Path) -> None:
    rows = [tagged("100", "a"), tagged("50", "b")]
    forecast = [{"date": "2026-03", "team": "a", "cost": "120"}, {"date": "2026-03", "team": "b", "cost": "40"}]
    found = values(measured(tmp_path, rows, forecast=forecast)["forecast-error"])
    assert found == {("2026-03", "a"): 20, ("2026-03", "b"): -20}


def test_the_report_has_the_kpis_and_what_the_others_lack(tmp_path: Path) -> None:
    measured(tmp_path, [tagged("10", "<b>nlp</b>")], deployments=[{"date": "2026-03", "successful": "4"}])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Cost of a successful deployment" in page
    assert "2.50" in page
    assert "the table --usage tokens=FILE with date, tokens" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("name", "table", "told"),
    [
        ("token", [{"date": "2026-03", "tokens": "1"}], 'did you mean "tokens"?'),
        ("tokens", [{"date": "2026-03", "tokens": "many"}], '1 row has no number from zero up as tokens ("many")'),
        (
            "tokens",
            [{"date": "2026-03", "tokens": n} for n in ("-1", "-2")],
            '2 rows have no number from zero up as tokens ("-1", for one)',
        ),
        ("tokens", [{"date": "in March", "tokens": "1"}], '1 row has no date ("in March")'),
    ],
)
def test_a_table_of_usage_that_is_wrong_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, table: Table, told: str
) -> None:
    measured(tmp_path, [tagged("1", "a")])
    file = write_csv(tmp_path / "usage.csv", table)
    assert main(["allocate", "kpis", "--output", str(tmp_path / "out"), "--usage", f"{name}={file}"]) == 2
    assert told in capsys.readouterr().err.replace("Did", "did")


def test_the_terminal_tells_each_kpi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path, [tagged("1", "a", env="\x1b[31mprod")])
    assert main(["allocate", "kpis", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "environment ⟨U+001B⟩[31mprod" in told
    assert "Cost of a million tokens: not known; missing: the table --usage tokens=FILE with date, tokens" in told


def test_the_report_that_kpis_writes_again_keeps_the_earlier_allocation(tmp_path: Path) -> None:
    measured(tmp_path, [line("8", day="2026-02-01", tags={"team": "nlp"})])
    (tmp_path / "out").rename(tmp_path / "earlier")
    (tmp_path / "bill.csv").unlink()
    bill = write_csv(tmp_path / "bill.csv", [line("9", tags={"team": "nlp"})])
    words = [
        "allocate",
        str(bill),
        "--rules",
        str(tmp_path / "rules.yaml"),
        "--drivers",
        str(tmp_path / "gpu-hours.csv"),
    ]
    out = ["--output", str(tmp_path / "out")]
    assert main([*words, *out, "--previous", str(tmp_path / "earlier")]) == 0
    before = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "from 2026-02 to 2026-03" in before
    assert main(["allocate", "kpis", *out, "--usage", f"gpu-hours={tmp_path / 'gpu-hours.csv'}"]) == 0
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == before


def test_commitments_without_a_cost_are_no_figure(tmp_path: Path) -> None:
    rows = [{**line("0"), "CommitmentDiscountStatus": "Used"}, line("5")]
    kpi = measured(tmp_path, rows)["commitment-utilization"]
    assert kpi["missing"] == ["a cost other than zero: a line with a CommitmentDiscountStatus is there"]


def test_a_table_that_the_rules_name_serves_too(tmp_path: Path) -> None:
    rules = RULES.replace("unit: GPU-hours,", "unit: GPU-hours, file: use.csv,")
    (tmp_path / "rules.yaml").write_text(HEAD + rules, encoding="utf-8")
    write_csv(tmp_path / "use.csv", GPU)
    bill = write_csv(tmp_path / "bill.csv", [line("100", ServiceName="Kubernetes", x_Cluster="a")])
    words = ["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "kpis.json").read_text(encoding="utf-8"))["kpis"]
    assert values(next(kpi for kpi in found if kpi["name"] == "idle-gpu")) == {("a",): 20}


EXAMPLE = Path(__file__).parents[2] / "examples" / "chargeback"


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal())


def example(name: str) -> list[dict[str, str]]:
    with (EXAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of_example(folder: Path, **usage: Table) -> dict[str, dict[str, Any]]:
    """The KPIs of the example, with more tables."""
    files = [f"{name.replace('_', '-')}={write_csv(folder / f'{name}.csv', table)}" for name, table in usage.items()]
    words = ["allocate", str(EXAMPLE / "bill"), "--rules", str(EXAMPLE / "rules.yaml"), "--month", "2026-03"]
    assert main([*words, "--output", str(folder / "out"), *(["--usage", *files] if files else [])]) == 0
    found = json.loads((folder / "out" / "kpis.json").read_text(encoding="utf-8"))["kpis"]
    return {kpi["name"]: kpi for kpi in found}


def test_the_kpis_of_the_example_are_those_that_its_tables_add_up_to(tmp_path: Path) -> None:
    """Every figure again from the files, by plain arithmetic and none of the engine's."""
    bill = example("bill/BILLING_PERIOD=2026-03/focus.csv")
    gpu = example("drivers/gpu_hours.csv")
    used = total(Decimal(row["gpu_hours"] or 0) for row in gpu)
    capacity = total(Decimal(row["capacity"] or 0) for row in gpu)
    whole = total(Decimal(row["BilledCost"]) for row in bill)
    usage = [row for row in bill if row["ChargeCategory"] == "Usage"]
    tokens = [{"date": "2026-03", "product": "search", "tokens": "5000000"}]
    runs = [{"date": "2026-03", "team": "nlp", "runs": "31"}, {"date": "2026-03", "team": "vision", "runs": "0"}]
    served = [{"date": "2026-03", "inferences": "1"}]
    deployed = [{"date": "2026-03", "product": "search", "successful": "12"}]
    forecast = [{"date": "2026-03", "cost": "80000"}, {"date": "2026-04", "cost": "1"}]
    policy = [{"resource": f"i-train-{node}"} for node in range(4)]
    found = of_example(
        tmp_path, tokens=tokens, training_runs=runs, inferences=served, deployments=deployed, forecast=forecast,
        policy=policy, gpu_hours=[{**row, "busy_gpu_hours": row["gpu_hours"] and "30"} for row in gpu],
    )  # fmt: skip

    def near(amount: Decimal) -> Any:
        return pytest.approx(float(amount), abs=1e-6)

    assert values(found["gpu-hours"]) == {(): near(used)}
    # On six days more was used than there was; that is no capacity of other days.
    by_day = {row["date"]: Decimal(row["capacity"]) for row in gpu if row["capacity"]}
    spare = total(max(there - total(Decimal(row["gpu_hours"] or 0) for row in gpu if row["date"] == day), Decimal())
                  for day, there in by_day.items())  # fmt: skip
    assert spare > capacity - used
    assert values(found["idle-gpu"]) == {("llm-training",): near(spare / capacity * 100)}
    assert values(found["gpu-utilization"])[("all together",) * 3] == near(Decimal(30 * 31 * 3) / used * 100)
    assert values(found["storage"]) == {("no data class",): 40_500}
    research = total(Decimal(row["BilledCost"]) for row in bill if row["ResourceId"] == "i-notebook")
    assert values(found["environment-split"])["research",] == near(research / whole * 100)
    of_usage = total(Decimal(row["BilledCost"]) for row in usage)
    team = total(Decimal(row["BilledCost"]) for row in usage if "team" in json.loads(row["Tags"]))
    assert values(found["tag-coverage"])["team",] == near(team / of_usage * 100)
    assert values(found["forecast-error"]) == {("2026-03",): near((80_000 - whole) / whole * 100)}
    above = total(Decimal(row["BilledCost"]) for row in bill if Decimal(row["BilledCost"]) > 0)
    trained = total(Decimal(row["BilledCost"]) for row in bill if row["ResourceId"].startswith("i-train"))
    assert values(found["spend-under-policy"]) == {(): near(trained / above * 100)}
    # Shares of the day, by hand: the pool's cost over what there was, times what each used.
    of_cluster = Decimal()
    idle = Decimal()
    by_team = dict.fromkeys(("nlp", "vision"), Decimal())
    for day in {row["date"] for row in gpu}:
        cost = total(Decimal(row["BilledCost"]) for row in bill
                   if row["ChargePeriodStart"][:10] == day and json.loads(row["Tags"]).get("cluster"))  # fmt: skip
        of_day = [row for row in gpu if row["date"] == day]
        of_day_used = total(Decimal(row["gpu_hours"] or 0) for row in of_day)
        there = max(by_day[day], of_day_used)
        of_cluster += cost
        idle += cost * (1 - of_day_used / there)
        for row in of_day:
            if row["team"] in by_team:
                by_team[row["team"]] += cost * Decimal(row["gpu_hours"]) / there
    assert values(found["idle-cost"])["llm-training",] == near(idle / of_cluster * 100)
    assert values(found["cost-per-training-run"]) == {("nlp",): near(by_team["nlp"] / 31)}
    assert found["cost-per-training-run"]["notes"] == [
        f"${by_team['vision']:,.2f} are of owners for whom training-runs counts nothing."
    ]
    search = total(
        Decimal(row["BilledCost"]) * _of_search(row["ChargePeriodStart"][:10])
        for row in bill
        if json.loads(row["Tags"]).get("endpoint")
    )
    assert values(found["cost-per-successful-deployment"]) == {("search",): near(search / 12)}
    for name in ("cost-per-1000-inferences", "cost-per-million-tokens"):
        assert found[name]["missing"] == ["a line of a run type of inference"]
    assert found["commitment-utilization"]["missing"] == ["the column CommitmentDiscountStatus of the bill"]
    assert found["egress"]["missing"] == ["a line of usage in GB whose description or meter tells of a transfer out"]


def _of_search(day: str) -> Decimal:
    """The part of a day's tokens, where those that are written count four times."""
    weight = {row["product"]: Decimal(row["input_tokens"]) + 4 * Decimal(row["output_tokens"])
              for row in example("drivers/tokens.csv") if row["date"] == day}  # fmt: skip
    return weight["search"] / total(weight.values())


def test_capacity_of_a_month_holds_for_use_of_its_days_and_that_of_days_without_any_is_left_out(tmp_path: Path) -> None:
    by_month = [
        {"date": "2026-03", "pool": "a", "gpu_hours": "", "capacity": "100"},
        {"date": "2026-03-01", "pool": "a", "gpu_hours": "30", "capacity": ""},
        {"date": "2026-03-02", "pool": "a", "gpu_hours": "20", "capacity": ""},
        {"date": "2026-03-01", "pool": "b", "gpu_hours": "5", "capacity": "10"},
        {"date": "2026-03-02", "pool": "b", "gpu_hours": "5", "capacity": ""},
    ]
    found = measured(tmp_path, [tagged("1", "nlp")], gpu_hours=by_month)["idle-gpu"]
    assert values(found) == {("a",): 50, ("b",): 50, ("all together",): 50}


def test_every_kpi_of_the_list_is_there_with_a_formula() -> None:
    assert {kpi.name for kpi in KPIS} == {
        "gpu-hours", "cost-per-training-run", "cost-per-1000-inferences", "cost-per-million-tokens",
        "cost-per-successful-deployment", "idle-gpu", "idle-cost", "gpu-utilization", "storage", "egress",
        "environment-split", "commitment-utilization", "tag-coverage", "spend-under-policy", "forecast-error",
    }  # fmt: skip
    assert all(kpi.formula for kpi in KPIS)


ZEROS: dict[str, Table] = {
    "training_runs": [{"date": "2026-03", "runs": "0"}],
    "inferences": [{"date": "2026-03", "inferences": "0"}],
    "tokens": [{"date": "2026-03", "tokens": ""}],
    "deployments": [{"date": "2026-03", "successful": "0"}],
    "gpu_hours": [{"date": "2026-03", "gpu_hours": "0", "capacity": "0", "busy_gpu_hours": "0"}],
    "forecast": [{"date": "2026-03", "team": "nobody", "cost": "5"}],
    "policy": [{"resource": "i-1"}],
}


def test_zero_below_a_line_is_told_as_missing_and_never_divided_by(tmp_path: Path) -> None:
    found = measured(tmp_path, [tagged("0", "nlp", run="training"), tagged("0", "nlp", run="inference")], **ZEROS)
    zero = {name: kpi for name, kpi in found.items() if kpi["values"]}
    assert zero == {}
    assert all(kpi["missing"] for kpi in found.values())


def test_what_was_forecast_for_nobody_and_nobody_forecast_is_told(tmp_path: Path) -> None:
    forecast = [{"date": "2026-03", "team": "a", "cost": "120"}, {"date": "2026-03", "team": "ghost", "cost": "9"}]
    kpi = measured(tmp_path, [tagged("100", "a"), tagged("50", "b")], forecast=forecast)["forecast-error"]
    assert values(kpi) == {("2026-03", "a"): 20}
    assert kpi["notes"] == [
        "Left out, as there is nothing to divide by: 2026-03, ghost.",
        "$50.00 of these months were forecast for nobody.",
    ]


def test_credits_and_discounts_make_no_share_larger_than_the_whole(tmp_path: Path) -> None:
    rows = [
        {**tagged("100", "a"), "ResourceId": "i-1", "ChargeCategory": "Usage"},
        {**line("-60"), "ResourceId": "", "ChargeCategory": "Usage"},
        {**line("-30"), "ResourceId": "", "ChargeCategory": "Credit"},
    ]
    found = measured(tmp_path, rows, policy=[{"resource": "i-1"}])
    assert values(found["tag-coverage"])["team",] == 100
    assert values(found["spend-under-policy"]) == {(): 100}
    assert values(found["environment-split"] if found["environment-split"]["values"] else {"values": []}) == {}


def test_quantities_of_discounts_and_other_categories_are_not_stored_twice(tmp_path: Path) -> None:
    def stored(cost: str, amount: str, category: str = "Usage", **more: str) -> dict[str, str]:
        return {**tagged(cost, "a"), "ChargeCategory": category, "ConsumedQuantity": amount,
                "ConsumedUnit": "GiB-Months", **more}  # fmt: skip

    rows = [stored("5", "10"), stored("-1", "10"), stored("-1", "-2"), stored("0", "3"), stored("9", "10", "Purchase"),
            stored("-9", "10", "Credit")]  # fmt: skip
    assert values(measured(tmp_path, rows)["storage"]) == {("no data class",): 11}


def test_storage_and_egress_of_each_providers_units(tmp_path: Path) -> None:
    units = [
        # AWS CUR says the unit of a price alone; Google counts bytes and prices GiB; Azure prices blocks, counts GB.
        {"PricingUnit": "GB-Mo", "ConsumedQuantity": "1.073741824"},
        {"ConsumedUnit": "byte-seconds", "ConsumedQuantity": "9e9", "PricingUnit": "gibibyte month", "PricingQuantity": "2"},
        {"ConsumedUnit": "100 GB/Month", "ConsumedQuantity": "3.221225472"},
        {"PricingUnit": "GB", "ConsumedQuantity": "1", "SkuMeter": "USE1-DataTransfer-Out-Bytes"},
        {"ConsumedUnit": "bytes", "ConsumedQuantity": "9e9", "PricingUnit": "gibibyte", "PricingQuantity": "2",
         "ChargeDescription": "Network Internet Data Transfer Out from Americas to Americas"},
        {"ConsumedUnit": "10 GB", "ConsumedQuantity": "4", "SkuMeter": "Standard Data Transfer Out"},
    ]  # fmt: skip
    found = measured(tmp_path, [tagged("1", "a") | unit for unit in units])
    assert values(found["storage"]) == {("no data class",): 1 + 2 + 3}
    assert values(found["egress"]) == {("Compute",): pytest.approx(1 + 2.147483648 + 4)}


def test_the_fee_of_a_commitment_that_keeps_an_effective_cost_is_what_was_not_used(tmp_path: Path) -> None:
    def committed(cost: str, **more: str) -> dict[str, str]:
        return {**line(cost), "CommitmentDiscountId": "sp-1", "CommitmentDiscountStatus": "", **more}

    rows = [committed("60", CommitmentDiscountStatus="Used"), committed("20", ChargeCategory="Purchase"), line("9")]
    assert values(measured(tmp_path, rows)["commitment-utilization"]) == {(None, "sp-1"): 75}


def test_kpis_that_are_measured_again_keep_the_tables_of_before(tmp_path: Path) -> None:
    runs = [{"date": "2026-03", "runs": "4"}]
    measured(tmp_path, [tagged("100", "nlp", run="training")], training_runs=runs)
    file = write_csv(tmp_path / "d.csv", [{"date": "2026-03", "successful": "5"}])
    assert main(["allocate", "kpis", "--output", str(tmp_path / "out"), "--usage", f"deployments={file}"]) == 0
    found = {kpi["name"]: kpi for kpi in json.loads((tmp_path / "out" / "kpis.json").read_text())["kpis"]}
    assert values(found["cost-per-training-run"]) == {(): 25}
    assert values(found["cost-per-successful-deployment"]) == {(): 20}
    assert found["gpu-hours"]["source"] == "the table gpu-hours"


def test_of_a_bill_in_two_currencies_the_kpis_are_of_the_one_that_was_allocated(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    rows = [tagged("10", "a"), {**tagged("90", "a"), "BillingCurrency": "EUR"}]
    words = ["allocate", str(write_csv(tmp_path / "bill.csv", rows)), "--rules", str(tmp_path / "rules.yaml"),
             "--drivers", str(write_csv(tmp_path / "gpu-hours.csv", GPU)), "--output", str(tmp_path / "out")]  # fmt: skip
    table = write_csv(tmp_path / "d.csv", [{"date": "2026-03", "successful": "5"}])
    assert main(words) == 2
    assert main([*words, "--currency", "EUR", "--usage", f"deployments={table}"]) == 0
    found = {kpi["name"]: kpi for kpi in json.loads((tmp_path / "out" / "kpis.json").read_text())["kpis"]}
    kpi = found["cost-per-successful-deployment"]
    assert (values(kpi), kpi["unit"]) == ({(): 18}, "EUR a deployment")
