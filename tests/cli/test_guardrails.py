"""``spendgate guardrails``: what there is in a project, and what one of them says."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.packs.scaffold import create
from tests.conftest import Run

CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"
OWN = """\
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: volume-small, title: Volumes are small, category: own, severity: low, description: They cost money.}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  params: {max: {type: number, default: 10}}
  validations: [{expression: "!has(facts.size_gib) || facts.size_gib <= params.max", message: too large}]
  remediation: Take a smaller one.
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with guardrails of its own, and those of a pack."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "volume-small.yaml").write_text(OWN, encoding="utf-8")
    create("team-costs", tmp_path / "team-costs")
    (tmp_path / "spendgate.yaml").write_text(f"{CONFIG}packs: [./team-costs]\npolicies: [rules]\n", encoding="utf-8")
    return tmp_path


def test_the_guardrails_of_the_project_and_of_its_packs_are_listed_and_explained(spendgate: Run, here: Path) -> None:
    listed = spendgate("guardrails", cwd=here)
    assert (listed.returncode, listed.stderr) == (0, "")
    names = {line.split()[1] for line in listed.stdout.splitlines()}
    assert {"volume-small", "volume-has-owner", "gpu-priced"} <= names
    told = spendgate("guardrails", "volume-small", cwd=here)
    assert told.stdout.startswith("volume-small  (own, low, mandatory by default)\nVolumes are small\n")
    assert "  max (number)\n    default: 10\n" in told.stdout
    assert told.stdout.endswith("File: rules/volume-small.yaml\n")


def test_a_folder_that_the_settings_name_may_be_named_again(spendgate: Run, here: Path) -> None:
    done = spendgate("guardrails", "volume-small", "--policies", "rules", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rules/broken.yaml", "kind: Guardrail\n", "rules/broken.yaml:1:1: the file lacks"),
        ("spendgate.yaml", f"{CONFIG}policies: [nowhere]\n", "no such folder of guardrails"),
        ("spendgate.yaml", f"{CONFIG}polices: [rules]\n", 'did you mean "policies"?'),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_explained(
    spendgate: Run, here: Path, name: str, text: str, said: str
) -> None:
    (here / name).write_text(text, encoding="utf-8")
    done = spendgate("guardrails", "gpu-priced", cwd=here)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout.startswith("gpu-priced  (gpu, critical")


def test_an_explanation_is_as_wide_as_the_terminal_and_names_what_to_read(spendgate: Run) -> None:
    for columns in ("70", "90"):
        said = spendgate("guardrails", "required-tags", env={"COLUMNS": columns}).stdout
        longest = max(len(line) for line in said.splitlines())
        assert int(columns) - 20 < longest <= int(columns)
        assert "\nRead: https://www.finops.org/" in said
