"""The starter of ``spendgate init``: whatever a program declares, it is a valid spendgate.yaml."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate import schemas
from spendgate.config import load_config
from spendgate.config.observed import Observed
from spendgate.config.starter import starter, suggested_budget
from spendgate.rules.selection import library_of, select
from spendgate.yamlfile import parse_yaml

LIBRARY = library_of(())
NAMES = st.dictionaries(st.text(min_size=1, max_size=20), st.integers(1, 9), max_size=4)


@settings(max_examples=50, deadline=None)
@given(
    project=st.text(max_size=30),
    stacks=st.lists(st.text(max_size=10), max_size=3),
    regions=NAMES,
    tag_keys=NAMES,
    models=NAMES,
    broken=st.none() | st.text(max_size=80),
    expected=st.none() | st.decimals(0, 10**9, places=4),
)
def test_whatever_a_program_names_the_starter_is_valid(
    project: str,
    stacks: list[str],
    regions: dict[str, int],
    tag_keys: dict[str, int],
    models: dict[str, int],
    broken: str | None,
    expected: Decimal | None,
) -> None:
    seen = Observed(
        project,
        "dev",
        stacks=tuple(stacks),
        regions=regions,
        tag_keys=tag_keys,
        taggable=9,
        accelerators={model: float(count) for model, count in models.items()},
        kinds={"bucket": 1},
        broken=broken,
        monthly=None if expected is None else (expected, expected, expected),
        assumed=tuple(regions),
        unpriced=2,
    )
    text = starter(seen, LIBRARY)
    file = parse_yaml(text, "spendgate.yaml")
    schemas.validate(file, "config")
    if regions:
        assert file.data["guardrails"]["approved-regions"]["params"]["regions"] == list(regions)


def test_what_is_written_holds_and_can_be_selected() -> None:
    text = starter(Observed("demo", "dev", tag_keys={"Team": 2, "cost_center": 1}, taggable=3), LIBRARY)
    with TemporaryDirectory() as folder:
        (Path(folder) / "spendgate.yaml").write_text(text, encoding="utf-8")
        config = load_config(Path(folder))
        for environment in config.environments:
            chosen = {item.guardrail.name: item for item in select(config.packs, config.layers(environment.name))}
            required = chosen["required-tags"].params["required"]
            assert required == ["project", "Team", "owner", "environment", "cost_center"]


@pytest.mark.parametrize(
    ("expected", "amount"),
    [("0", 100), ("3", 100), ("1391.90", 1700), ("412", 500), ("4999", 6000), ("5001", 5000), ("81391.44", 5000)],
)
def test_a_budget_lies_a_fifth_above_a_modest_estimate_and_never_blesses_a_large_one(
    expected: str, amount: int
) -> None:
    month = Decimal(expected)
    assert suggested_budget(Observed("demo", "dev", monthly=(month, month, month)))[0] == amount
