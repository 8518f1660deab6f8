"""KPIs of an allocation, worked by hand here; one whose inputs are missing says which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    assert found["gpu-utilization"]["missing"] == ["the column busy_gpu_hours of gpu-hours"]
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
    assert "7.4 %" in kpi["notes"][0]


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
        ("tokens", [{"date": "2026-03", "tokens": "many"}], "1 rows have a tokens that is no number"),
        ("tokens", [{"date": "2026-03", "tokens": "-1"}], "or less than nothing"),
        ("tokens", [{"date": "in March", "tokens": "1"}], "1 rows have no date"),
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
