"""For any valid arguments, what an endpoint or a workspace tells of its cost is what ``spendgate check`` finds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.checking import check_directory
from tests.components.test_inference_endpoint import endpoint, endpoints
from tests.components.test_workspace import workspace, workspaces
from tests.components.told import same_to_the_cent

PROGRAM = """
import json, pathlib
from spendgate_components import ArgumentError, InferenceEndpoint, Workspace
costs = {}
for name, (kind, arguments) in json.loads(pathlib.Path("drawn.json").read_text()).items():
    try:
        made = {"endpoint": InferenceEndpoint, "workspace": Workspace}[kind](name, **arguments)
    except ArgumentError:
        continue
    made.estimated_cost.apply(lambda cost, name=name: costs.__setitem__(name, cost))
    made.estimated_cost.apply(lambda _: pathlib.Path("costs.json").write_text(json.dumps(costs)))
"""


def plain(args: Any) -> dict[str, Any]:
    """Arguments as a program may write them: objects as mappings, and nothing that is not said."""
    return {
        word: {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value
        for word, value in dataclasses.asdict(args).items()
        if value is not None
    }


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    served=st.lists(endpoints(), min_size=5, max_size=8),
    opened=st.lists(workspaces(), min_size=3, max_size=5),
)
def test_the_estimate_of_a_component_is_that_of_check_to_the_cent(served: list[Any], opened: list[Any]) -> None:
    drawn = {f"endpoint{at:02}": ("endpoint", plain(args)) for at, args in enumerate([endpoint(), *served])}
    drawn |= {f"workspace{at:02}": ("workspace", plain(args)) for at, args in enumerate([workspace(), *opened])}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "Pulumi.yaml").write_text("name: serving\nruntime: python\n", encoding="utf-8")
        discounts = "discounts:\n  - {name: EDP, match: line.provider == 'aws', percent: 7}\n"
        (root / "spendgate.yaml").write_text(
            f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: [gpu-baseline]\n{discounts}", encoding="utf-8"
        )
        (root / "drawn.json").write_text(json.dumps(drawn), encoding="utf-8")
        (root / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        checked = check_directory(root)
        told = json.loads((root / "costs.json").read_text(encoding="utf-8"))
        assert {"endpoint00", "workspace00"} <= set(told)
        same_to_the_cent(checked)
