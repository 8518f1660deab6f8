"""Where a usage file is looked for."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_reports import EXPORT
from tests.conftest import Run


def test_a_usage_file_in_the_project_is_read_though_the_settings_lie_above(spendgate: Run, tmp_path: Path) -> None:
    (tmp_path / "spendgate.yaml").write_text("apiVersion: spendgate.dev/v1\nkind: Config\n", encoding="utf-8")
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (project / "stack.json").write_text(json.dumps(EXPORT), encoding="utf-8")
    wrong = "apiVersion: spendgate.dev/v1\nkind: Usage\nresources: [{match: {nme: x}}]\n"
    (project / "spendgate-usage.yaml").write_text(wrong, encoding="utf-8")
    done = spendgate("check", "stack.json", cwd=project)
    assert done.returncode == 2
    assert 'unknown key "nme"' in done.stderr
