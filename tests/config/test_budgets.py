"""Budgets by name: written once, read by every budget guardrail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.config import load_config
from spendgate.errors import InputError
from spendgate.rules.selection import select
from spendgate.shipped import policies_dir
from tests.conftest import Run

HEAD = "apiVersion: spendgate.dev/v1\nkind: Config\n"
APART = """\
budgets:
  big-training: {stacks: [train-*], runUsd: 5000}
  exploration: {environments: [development], monthlyUsd: 2000, dailyUsd: 100, runUsd: 50}
  production: {environments: [production], monthlyUsd: 20000}
"""


def params(folder: Path, text: str, stack: str) -> dict[str, object]:
    """The parameters of the budget guardrails, as they hold for a stack."""
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "spendgate.yaml").write_text(HEAD + text, encoding="utf-8")
    config = load_config(folder)
    layers = config.layers(config.environment(stack).name, stack)
    return {
        f"{item.guardrail.name}.{name}": value
        for item in select(config.packs, layers)
        for name, value in item.params.items()
        if item.guardrail.category == "budget"
    }


def test_exploration_and_production_are_budgeted_apart(tmp_path: Path) -> None:
    assert params(tmp_path, APART, "dev") == {
        "monthly-stack-budget.monthly_usd": 2000,
        "daily-burn.daily_usd": 100,
        "run-budget.run_usd": 50,
    }
    assert params(tmp_path, APART, "prod") == {"monthly-stack-budget.monthly_usd": 20000}


def test_the_first_budget_that_holds_a_stack_counts_for_each_amount(tmp_path: Path) -> None:
    found = params(tmp_path, APART, "train-llm")
    assert found["run-budget.run_usd"] == 5000
    assert found["daily-burn.daily_usd"] == 100


def test_the_month_of_an_environment_is_told_to_the_guardrail_that_asks_by_environment(tmp_path: Path) -> None:
    found = params(tmp_path, "packs: [cost-gate]\n" + APART, "dev")
    assert found["environment-budget.monthly_usd"] == {"development": 2000}
    assert "monthly-stack-budget.monthly_usd" not in found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("budgets: {a: {monthlyUsd: 1}}\nguardrails: {monthly-stack-budget: {params: {monthly_usd: 2}}}\n", "is written twice"),
        ("budgets: {a: {environments: [prodution], monthlyUsd: 1}}\n", ':3:30: the budget "a" names no environment that there is: "prodution"\ndid you mean "production"?'),
        ("budgets: {a: {monthly: 1}}\n", 'unknown key "monthly"\ndid you mean "monthlyUsd"?'),
        ("budgets: {a: {stacks: [dev]}}\n", "budgets.a lacks monthlyUsd or dailyUsd or runUsd"),
        ("budgets: {a: {runUsd: much}}\n", "budgets.a.runUsd is a string, not of type number"),
        ("budgets: {a: {runUsd: .inf}}\n", "which no figure can be held to"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        params(tmp_path, text, "dev")
    assert says in str(caught.value)


def test_a_budget_of_one_stack_is_asked_of_a_program(spendgate: Run, project: Callable[..., Path]) -> None:
    program = "import pulumi_aws as aws\naws.ec2.Instance('i', ami='ami-1', instance_type='g5.xlarge')\n"
    text = f"{HEAD}packs: [cost-gate]\nbudgets: {{mine: {{stacks: [dev], dailyUsd: 3}}, others: {{dailyUsd: 900}}}}\n"
    done = spendgate("check", project(program, spendgate__yaml=text))
    assert "the limit is $3" in done.stdout
    assert done.returncode == 1


BOTH = "packs: [gpu-baseline, cost-gate]\n"
ANOTHER_LEVEL = "guardrails: {environment-budget: {enforcement: advisory}}\n"


def budget_levels(folder: Path, text: str, stack: str = "dev") -> dict[str, str]:
    """The levels of the two guardrails that ask for the month of a stack."""
    params(folder, text, stack)
    config = load_config(folder)
    chosen = select(config.packs, config.layers(config.environment(stack).name, stack))
    return {item.guardrail.name: str(item.enforcement) for item in chosen if item.guardrail.name in MONTHLY}


MONTHLY = ("environment-budget", "monthly-stack-budget")
ONCE = {"environment-budget": "mandatory", "monthly-stack-budget": "disabled"}
TWICE = dict.fromkeys(MONTHLY, "mandatory")


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("packs: [gpu-baseline]\n", {"monthly-stack-budget": "mandatory"}),
        (BOTH, ONCE),
        ("packs: [cost-gate, gpu-baseline]\n", ONCE),
        (BOTH + APART, ONCE),
        (BOTH + "guardrails: {monthly-stack-budget: {params: {monthly_usd: 900}}}\n", TWICE),
        (BOTH + "budgets: {small: {stacks: [dev], monthlyUsd: 900}}\n", TWICE),
        (BOTH + ANOTHER_LEVEL, {"environment-budget": "advisory", "monthly-stack-budget": "mandatory"}),
        (BOTH + ANOTHER_LEVEL.replace("advisory", "disabled"), {**TWICE, "environment-budget": "disabled"}),
    ],
)
def test_the_month_is_told_once_unless_the_single_sum_is_meant(
    tmp_path: Path, text: str, levels: dict[str, str]
) -> None:
    assert budget_levels(tmp_path, text) == levels


def test_a_guardrail_that_is_covered_by_none_there_is_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    text = (policies_dir() / "budget" / "monthly-stack-budget.yaml").read_text(encoding="utf-8")
    text = text.replace("name: monthly-stack-budget", "name: own-budget").replace(
        "coveredBy: environment", "coveredBy: enviroment"
    )
    (tmp_path / "own" / "own-budget.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "spendgate.yaml").write_text(HEAD + "policies: [own]\nguardrails: {own-budget: {}}\n", encoding="utf-8")
    config = load_config(tmp_path)
    with pytest.raises(
        InputError, match=r'own-budget\.yaml:\d+:\d+: no guardrail "enviroment-budget"\n.*did you mean|Did you'
    ):
        select(config.packs, config.layers("dev", "dev"), config.policies)


TAGGED = """\
budgets:
  nlp: {tags: {team: nlp}, monthlyUsd: 5000}
  ranker-in-dev: {tags: {model: ranker}, environments: [development], monthlyUsd: 300}
  ranker: {tags: {model: ranker}, monthlyUsd: 3000}
  vision: {tags: {team: vision}, monthlyUsd: 700}
"""


def test_teams_and_models_have_budgets_of_their_own(tmp_path: Path) -> None:
    found = params(tmp_path, TAGGED, "dev")
    assert found["tag-budgets.monthly_usd"] == {"team": {"nlp": 5000, "vision": 700}, "model": {"ranker": 300}}
    assert "monthly-stack-budget.monthly_usd" not in {name for name, value in found.items() if value != 5000}
    assert params(tmp_path, TAGGED, "prod")["tag-budgets.monthly_usd"] == {
        "team": {"nlp": 5000, "vision": 700},
        "model": {"ranker": 3000},
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("budgets: {a: {tags: {team: nlp}, dailyUsd: 1}}\n", 'the budget "a" is for what carries a tag, and of that the month'),
        ("budgets: {a: {tags: {team: nlp, model: x}, monthlyUsd: 1}}\n", "budgets.a.tags"),
        (TAGGED + "guardrails: {tag-budgets: {params: {monthly_usd: {}}}}\n", '"monthly_usd" of "tag-budgets" is written twice'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_budget_of_a_tag_is_told(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        params(tmp_path, text, "dev")
    assert says in str(caught.value)


def test_a_locked_budget_of_a_team_stays_beside_those_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "apiVersion: spendgate.dev/v1\nkind: Organization\n"
    theirs = tmp_path / "organization.yaml"
    theirs.write_text(rules + "budgets: {nlp: {tags: {team: nlp}, monthlyUsd: 900, locked: true}}\n", encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(theirs))
    lower = "budgets: {nlp: {tags: {team: nlp}, monthlyUsd: 500}}\n"
    assert params(tmp_path, lower, "dev")["tag-budgets.monthly_usd"] == {"team": {"nlp": 500}}
    assert params(tmp_path, "", "dev")["tag-budgets.monthly_usd"] == {"team": {"nlp": 900}}
    with pytest.raises(InputError, match="is locked by the organisation"):
        params(tmp_path, "budgets: {nlp: {tags: {team: nlp}, monthlyUsd: 5000}}\n", "dev")
    theirs.write_text(rules + "budgets: {nlp: {tags: {team: nlp}, monthlyUsd: 900}}\n", encoding="utf-8")
    beside = "budgets: {vision: {tags: {team: vision}, monthlyUsd: 50}}\n"
    assert params(tmp_path, beside, "dev")["tag-budgets.monthly_usd"] == {"team": {"vision": 50, "nlp": 900}}
