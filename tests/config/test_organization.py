"""The organisation file: between the packs and a project, and what it locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.config import load_config
from spendgate.config.effective import Effective, effective
from spendgate.errors import InputError
from spendgate.rules.guardrail import Enforcement, Layer, Selected
from spendgate.rules.selection import select
from spendgate.waivers.settings import rules_of

HEAD = "apiVersion: spendgate.dev/v1\nkind: {kind}\n"


@pytest.fixture(autouse=True)
def no_settings_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SPENDGATE_ORGANIZATION", raising=False)


def written(folder: Path, project: str = "", organization: str | None = None) -> Path:
    """A repository with a spendgate.yaml, and an organisation file that it names."""
    (folder / ".git").mkdir(exist_ok=True)
    if organization is not None:
        (folder / "org.yaml").write_text(HEAD.format(kind="Organization") + organization, encoding="utf-8")
        project = f"organization: org.yaml\n{project}"
    (folder / "spendgate.yaml").write_text(HEAD.format(kind="Config") + project, encoding="utf-8")
    return folder


def selected(folder: Path, stack: str = "dev") -> dict[str, Selected]:
    config = load_config(folder)
    layers = config.layers(config.environment(stack).name, stack)
    return {item.guardrail.name: item for item in select(config.packs, layers, config.policies)}


def budget(folder: Path, stack: str = "dev") -> float:
    return float(selected(folder, stack)["monthly-stack-budget"].params["monthly_usd"])


GUARDRAIL = "guardrails: {{monthly-stack-budget: {{params: {{monthly_usd: {}}}}}}}\n"
PER_ENVIRONMENT = (
    "environments: {{production: {{stacks: [prod], guardrails: {{monthly-stack-budget: "
    "{{params: {{monthly_usd: {}}}}}}}}}}}\n"
)


def test_the_nearer_file_wins_and_in_a_file_the_environment(tmp_path: Path) -> None:
    assert budget(written(tmp_path)) == 5000
    organization = GUARDRAIL.format(1) + PER_ENVIRONMENT.format(2)
    assert budget(written(tmp_path, "", organization)) == 1
    assert budget(tmp_path, "prod") == 2
    assert budget(written(tmp_path, GUARDRAIL.format(3), organization), "prod") == 3
    assert budget(written(tmp_path, GUARDRAIL.format(3) + PER_ENVIRONMENT.format(4), organization), "prod") == 4


def test_the_variable_wins_over_the_project_and_the_user_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "spendgate" / "organization.yaml"
    home.parent.mkdir(parents=True)
    home.write_text(HEAD.format(kind="Organization") + GUARDRAIL.format(7), encoding="utf-8")
    assert budget(written(tmp_path)) == 7
    assert budget(written(tmp_path, "", GUARDRAIL.format(8))) == 8
    other = tmp_path / "other.yaml"
    other.write_text(HEAD.format(kind="Organization") + GUARDRAIL.format(9), encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(other))
    assert budget(tmp_path) == 9


def test_packs_and_folders_of_the_organisation_are_for_projects_that_name_none(tmp_path: Path) -> None:
    folder = written(tmp_path, "", "packs: [cost-gate]\n")
    assert [pack.name for pack in load_config(folder).packs] == ["cost-gate"]
    folder = written(tmp_path, "packs: [gpu-guardrails]\n", "packs: [cost-gate]\n")
    assert [pack.name for pack in load_config(folder).packs] == ["gpu-guardrails"]


LOCKED = "guardrails: {gpu-approved-models: {locked: true, params: {approved: [L4]}}, required-tags: {locked: true}}\n"


@pytest.mark.parametrize(
    ("project", "says"),
    [
        ("guardrails: {gpu-approved-models: {enforcement: advisory}}", 'spendgate.yaml:4:36: the level of "gpu-approved-models" is locked'),
        ("guardrails: {gpu-approved-models: {params: {approved: [H100]}}}", """spendgate.yaml:4:45: "approved" of "gpu-approved-models" is locked by the organisation: ['L4']"""),
        ("environments: {x: {stacks: [dev], guardrails: {required-tags: {enforcement: disabled}}}}", 'the level of "required-tags" is locked'),
    ],
)  # fmt: skip
def test_what_is_locked_cannot_be_weakened(tmp_path: Path, project: str, says: str) -> None:
    folder = written(tmp_path, project, LOCKED)
    with pytest.raises(InputError) as caught:
        selected(folder)
    assert says in str(caught.value)
    assert f"It is locked at {tmp_path}/org.yaml:3:" in str(caught.value)


def test_what_is_locked_holds_in_a_project_without_the_pack_and_over_a_pack_that_weakens_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pack.yaml").write_text(
        HEAD.format(kind="Pack") + "metadata: {name: mine, version: 1.0.0, title: T, description: D}\n"
        "spec: {guardrails: [{name: required-tags, enforcement: disabled}]}\n",
        encoding="utf-8",
    )
    chosen = selected(written(tmp_path, "packs: [mine]\n", LOCKED))
    assert chosen["required-tags"].enforcement is Enforcement.MANDATORY
    assert chosen["gpu-approved-models"].params["approved"] == ["L4"]


def test_the_same_value_a_stronger_level_and_a_lower_budget_are_no_weakening(tmp_path: Path) -> None:
    organization = (
        "guardrails: {estimate-complete: {locked: true, enforcement: advisory}}\n"
        "budgets: {all: {locked: true, monthlyUsd: 100}}\n"
    )
    project = "guardrails: {estimate-complete: {enforcement: mandatory}}\nbudgets: {ours: {monthlyUsd: 90}}\n"
    chosen = selected(written(tmp_path, project, organization))
    assert chosen["estimate-complete"].enforcement is Enforcement.MANDATORY
    assert chosen["monthly-stack-budget"].params["monthly_usd"] == 90
    folder = written(tmp_path, "budgets: {ours: {monthlyUsd: 101}}\n", organization)
    with pytest.raises(InputError, match='"monthly_usd" of "monthly-stack-budget" is locked by the organisation: 100'):
        selected(folder)
    folder = written(tmp_path, "guardrails: {monthly-stack-budget: {enforcement: disabled}}\n", organization)
    with pytest.raises(InputError, match='the level of "monthly-stack-budget" is locked'):
        selected(folder)


def test_the_stacks_of_a_locked_environment_are_not_the_projects_to_say(tmp_path: Path) -> None:
    organization = "environments: {production: {stacks: ['prod*'], locked: true}}\n"
    config = load_config(written(tmp_path, "environments: {development: {stacks: ['*']}}\n", organization))
    assert config.environment("prod-eu").name == "production"
    assert config.environment("other").name == "development"
    written(tmp_path, "environments: {production: {stacks: [live]}}\n", organization)
    with pytest.raises(InputError, match='the stacks of the environment "production" are locked'):
        load_config(tmp_path)


def test_an_organisation_file_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "organization: nowhere.yaml\n")
    with pytest.raises(InputError, match=r"spendgate\.yaml:3:15: organization names no file"):
        load_config(tmp_path)
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", "/nowhere.yaml")
    with pytest.raises(InputError, match="SPENDGATE_ORGANIZATION names no file"):
        load_config(tmp_path)


@pytest.mark.parametrize("name", ["loop", "a" * 300, r"x\0y", "loop/x.yaml", "~nobody-of-this-name/x"])
@pytest.mark.parametrize(
    "key",
    [
        "packs: [%s]", "packs: [%s.tar.gz]", "policies: [%s]", "organization: %s", "usage: %s",
        "waivers: {file: %s}", "approvals: {approvers: [a], allowedSigners: %s}", "packSigners: {allowedSigners: %s}",
        "allocation: {rules: x/y.yaml, drivers: {d: %s}}", "reports: [{format: json, output: %s}]",
    ],
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_told_at_its_place(
    tmp_path: Path, key: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop.tar.gz").symlink_to("loop.tar.gz")
    key = key.replace("%s.tar.gz", f'"{name}.tar.gz"')
    folder = written(tmp_path, key.replace("%s", f'"{name}"') + "\n")
    with pytest.raises(InputError) as raised:
        rules_of(load_config(folder), folder)
    assert "spendgate.yaml:3:" in str(raised.value)


def test_a_project_cannot_lock(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='unknown key "locked"'):
        load_config(written(tmp_path, "guardrails: {gpu-priced: {locked: true}}\n"))


DISCOUNT = 'discounts: [{{name: {name}, match: line.provider == "aws", percent: {percent}}}]\n'
COMMITMENT = "commitments: [{name: reserved, match: 'line.item == \"p4d.24xlarge\"', count: 2, hourly: 12.5}]\n"


def shown(folder: Path) -> dict[str, Effective]:
    return {item.key: item for item in effective(load_config(folder), "dev")}


def test_discounts_of_the_project_come_before_those_of_its_organisation_and_commitments_last(tmp_path: Path) -> None:
    given = DISCOUNT.format(name="EDP", percent=12) + COMMITMENT
    folder = written(tmp_path, DISCOUNT.format(name="own", percent=5), given)
    assert [term.name for term in load_config(folder).discounts] == ["own", "EDP", "reserved"]
    origins = {key: item.origin.layer for key, item in shown(folder).items() if key.startswith(("disc", "comm"))}
    assert origins == {
        "discounts.own": Layer.PROJECT,
        "discounts.EDP": Layer.ORGANIZATION,
        "commitments.reserved": Layer.ORGANIZATION,
    }
    assert shown(folder)["discounts.EDP"].value == {"match": 'line.provider == "aws"', "percent": 12}


def test_a_project_without_discounts_pays_what_its_organisation_pays(tmp_path: Path) -> None:
    folder = written(tmp_path, "", DISCOUNT.format(name="EDP", percent=12))
    (term,) = load_config(folder).discounts
    assert term.name == "EDP"
    assert term.origin.endswith("org.yaml:3")


@pytest.mark.parametrize("own", [DISCOUNT.format(name="free", percent=100), COMMITMENT])
def test_where_prices_are_locked_no_project_hides_list_prices(tmp_path: Path, own: str) -> None:
    given = "prices: {locked: true}\n" + DISCOUNT.format(name="EDP", percent=12)
    with pytest.raises(InputError, match=r"not the project's to say: the organisation locks .*org\.yaml:3"):
        load_config(written(tmp_path, own, given))
    folder = written(tmp_path, DISCOUNT.format(name="EDP", percent=12), given)
    assert {term.name for term in load_config(folder).discounts} == {"EDP"}
    assert shown(folder)["discounts.EDP"].origin.locked_at is not None


def test_what_both_files_say_holds_once(tmp_path: Path) -> None:
    assert len(load_config(written(tmp_path, COMMITMENT, COMMITMENT)).discounts) == 1
    twice = COMMITMENT.replace(
        "[", "[{name: reserved, match: 'line.item == \"p4d.24xlarge\"', count: 2, hourly: 12.5}, "
    )
    folder = written(tmp_path, twice, "prices: {locked: true}\n" + COMMITMENT)
    assert len(load_config(folder).discounts) == 1


def test_a_locked_age_of_prices_may_be_shorter(tmp_path: Path) -> None:
    given = "prices: {maxAge: 90d, locked: true}\n"
    assert load_config(written(tmp_path, "prices: {maxAge: 30d}\n", given)).max_price_age == 30
    with pytest.raises(InputError, match='"120d" is longer than the "90d"'):
        load_config(written(tmp_path, "prices: {maxAge: 120d}\n", given))


def test_a_project_cannot_lock_prices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="locked"):
        load_config(written(tmp_path, "prices: {locked: true}\n"))


def test_the_usage_file_of_the_organisation_is_for_projects_that_have_none(tmp_path: Path) -> None:
    folder = written(tmp_path, "", "usage: usual.yaml\n")
    usual = tmp_path / "usual.yaml"
    assert load_config(folder).usage == usual
    assert str(load_config(folder).usage_place).endswith("org.yaml:3:8")
    assert shown(folder)["usage"].origin.layer is Layer.ORGANIZATION
    (folder / "spendgate-usage.yaml").write_text(HEAD.format(kind="Usage"), encoding="utf-8")
    assert load_config(folder).usage == folder / "spendgate-usage.yaml"
    assert shown(folder)["usage"].origin.layer is Layer.PROJECT
    folder = written(tmp_path, "usage: mine.yaml\n", "usage: usual.yaml\n")
    assert load_config(folder).usage == folder / "mine.yaml"
    assert shown(folder)["usage"].origin.layer is Layer.PROJECT


def test_who_pays_is_shown_with_the_line_that_names_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: AllocationRules\nmetadata: {name: own}\ndrivers:\n"
        "  hours: {unit: h, value: row.h, file: ../tables/hours.csv}\n"
        "  heads: {unit: h, value: row.h, file: heads.csv}\nrules: []\n"
    )
    (tmp_path / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nallocation:\n  rules: [rules/own.yaml, by-tags]\n"
        "  drivers: {heads: other.csv}\n"
    )
    found = shown(tmp_path)
    told = {key: (item.value, str(item.origin.place)) for key, item in found.items() if key.startswith("allocation")}
    assert {key: (value, place.removeprefix(f"{tmp_path}/")) for key, (value, place) in told.items()} == {
        "allocation.rules.0": ("rules/own.yaml", "spendgate.yaml:4:11"),
        "allocation.rules.1": ("by-tags", "spendgate.yaml:4:27"),
        "allocation.drivers.heads": ("other.csv", "spendgate.yaml:5:20"),
        "allocation.drivers.hours": ("tables/hours.csv", "rules/own.yaml:5:40"),
    }
    (tmp_path / "spendgate.yaml").write_text("apiVersion: spendgate.dev/v1\nkind: Config\nallocation: by-tags\n")
    assert shown(tmp_path)["allocation.rules"].value == "by-tags"
