"""The shipped guardrails, run through the production gate on the cases that lie beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.bench import Outcome, case_files, run_file
from spendgate.errors import InputError
from spendgate.rules.guardrail import Guardrail
from spendgate.rules.library import load_library
from spendgate.shipped import policies_dir

FILES = [path for path in case_files(policies_dir()) if path.parent.name != "allocation"]


@pytest.fixture(scope="module")
def library() -> dict[str, Guardrail]:
    return load_library()


@pytest.fixture(scope="module")
def outcomes(library: dict[str, Guardrail]) -> dict[str, list[Outcome]]:
    results: dict[str, list[Outcome]] = {}
    for path in FILES:
        for outcome in run_file(path, library):
            results.setdefault(outcome.guardrail, []).append(outcome)
    return results


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".test.yaml"))
def test_every_case_gives_exactly_the_findings_it_expects(path: Path, library: dict[str, Guardrail]) -> None:
    faults = [
        f"{outcome.place}: {outcome.case}: {fault}" for outcome in run_file(path, library) for fault in outcome.faults
    ]
    assert not faults, "\n".join(faults)


def test_every_guardrail_has_a_case_that_passes_one_that_fails_and_one_with_an_unknown(
    library: dict[str, Guardrail], outcomes: dict[str, list[Outcome]]
) -> None:
    for name in library:
        seen = {status for outcome in outcomes.get(name, ()) for status in outcome.statuses}
        assert {"pass", "violation"} <= seen, f"{name} has cases for {sorted(seen)} only"
        texts = (policies_dir().rglob(f"{name}.test.yaml").__next__()).read_text(encoding="utf-8")
        assert "!unknown" in texts, f"{name} has no case with an unknown value"


def test_a_test_for_a_guardrail_that_does_not_exist_is_an_error(tmp_path: Path, library: dict[str, Guardrail]) -> None:
    path = tmp_path / "gpu-aproved-models.test.yaml"
    path.write_text(FILES[0].read_text(encoding="utf-8").replace(FILES[0].name.split(".")[0], "gpu-aproved-models"))
    with pytest.raises(InputError, match='did you mean "gpu-approved-models"'):
        run_file(path, library)


def test_a_run_type_is_agreed_where_it_fits_a_kind_and_nowhere_else(library: dict[str, Guardrail]) -> None:
    agreed = set(library["allowed-tag-values"].defaults["allowed"]["run-type"])
    assert agreed == {value for values in library["run-type-fits-kind"].defaults["fits"].values() for value in values}
    # Guardrails that go by the run type know no other.
    for name in ("no-gpu-for-cpu-work", "light-inference-shares-gpu", "multi-gpu-for-single-gpu-work"):
        listed = [value for value in library[name].defaults.values() if isinstance(value, list)]
        assert any(agreed & set(values) for values in listed), name
        assert all(set(values) <= agreed for values in listed if agreed & set(values)), name
