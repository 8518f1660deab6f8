"""Maps are gone through in one order, whichever process and whichever engine does it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from spendgate.rules import cel
from spendgate.rules.cel.order import in_order
from spendgate.rules.cel.types import DOUBLE, STRING, ListOf, MapOf, Message, Schema
from tests.conftest import ROOT

MODELS = ("T4", "H100", "L4", "A100", "V100", "A10G", "B200", "MI300X")
SCHEMA = Schema.of(
    {
        "stack": Message("Stack", {"used": MapOf(DOUBLE), "by": MapOf(MapOf(DOUBLE)), "names": ListOf(STRING)}),
        "params": Message("Params", {"key": STRING}),
    }
)
TELL = "stack.used.filter(m, stack.used[m] > 0.0).map(m, m).join(',') + ' ' + stack.by[params.key].map(m, m).join(',')"
PROGRAM = """
from tests.rules.cel.test_order import MODELS, SCHEMA, TELL
from spendgate.rules import cel
env = cel.environment(SCHEMA)
used = {model: 1.0 for model in MODELS}
values = {"stack": {"used": used, "by": {"team": used}, "names": []}, "params": {"key": "team"}}
print(cel.engine().compile(TELL, env)(env.activation(values)))
"""


@pytest.mark.parametrize(("engine", "run"), [*(("cel-expr-python", run) for run in range(3)), ("cel-python", 0)])
def test_a_list_made_of_a_map_is_in_the_order_of_its_keys_in_every_process(engine: str, run: int) -> None:
    environment = {**os.environ, "SPENDGATE_CEL": engine}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    keys = ",".join(sorted(MODELS))
    assert done.stdout == f"{keys} {keys}\n"


@pytest.mark.parametrize(
    ("text", "evaluated"),
    [
        ("stack.used.filter(m, m != '')", "sorted__keys(stack.used).filter(m, m != '')"),
        ("stack.by[params.key].map(m, m)", "sorted__keys(stack.by[params.key]).map(m, m)"),
        ("stack.names.filter(n, n in stack.used)", "stack.names.filter(n, n in stack.used)"),
        ("stack.used.exists(m, m == 'L4')", "stack.used.exists(m, m == 'L4')"),
        ("'stack.used.map(m, m)' + \"stack.used.map(\"", "'stack.used.map(m, m)' + \"stack.used.map(\""),
        ("x.stack.used.map(m, m)", "x.stack.used.map(m, m)"),
        ("stack.names.filter(n, true).map(n, n)", "stack.names.filter(n, true).map(n, n)"),
        ("stack.names.map(n, stack.used.filter(m, m == n))", "stack.names.map(n, sorted__keys(stack.used).filter(m, m == n))"),
    ],
)  # fmt: skip
def test_what_goes_through_a_map_goes_through_its_sorted_keys(text: str, evaluated: str) -> None:
    assert in_order(text, SCHEMA) == evaluated


def test_no_guardrail_can_name_what_sorts() -> None:
    with pytest.raises(cel.CompileError):
        cel.engine("cel-expr-python").compile("sorted__keys(stack.used).size() > 0", cel.environment(SCHEMA))


@pytest.mark.parametrize("tested", [False, True])
def test_what_is_read_is_the_same(tested: bool) -> None:
    engine, env = cel.engine("cel-expr-python"), cel.Env(SCHEMA, tested)
    read = engine.compile("stack.used.filter(m, m != '')", env).reads
    assert read == engine.compile("stack.used.exists(m, m != '')", env).reads


def test_a_map_that_is_not_there_is_told_as_before() -> None:
    env = cel.environment(SCHEMA)
    program = cel.engine("cel-expr-python").compile("stack.used.map(m, m).join('')", env)
    with pytest.raises(cel.EvalError, match="used"):
        program(env.activation({"stack": {}}))
