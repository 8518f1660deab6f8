"""No text that leaves a run shows a secret: not in what went wrong, and not in what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.errors import InputError, InputErrors
from spendgate.resource import Secret
from spendgate.sources.masking import MASK, masked, secret_texts
from spendgate.sources.pulumi_program import run_program

WriteProgram = Callable[..., Path]

PLAIN = "Hunter2.Two"
PROJECT = "name: demo\nruntime: python\nconfig:\n  tok: {type: string, secret: true, default: %s}\n"


def everything(error: InputError) -> str:
    one_by_one = error.errors if isinstance(error, InputErrors) else (error,)
    parts = [(str(item), repr(item.args), item.message, item.detail, item.remedy) for item in (error, *one_by_one)]
    return repr(parts).lower()


def failing(program: WriteProgram, source: str, plain: str = PLAIN) -> str:
    folder = program(source, project=PROJECT % f"'{plain}'")
    with pytest.raises(InputError) as caught:
        run_program(folder)
    return everything(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "import pulumi_aws as aws\nSECRET.apply(lambda v: aws.ssm.get_parameter(name=v))\n",
        "SECRET.apply(lambda v: __import__(v))\n",
        "SECRET.apply(lambda v: (pulumi.ComponentResource('a:b:C', v), pulumi.ComponentResource('a:b:C', v)))\n",
        "def fail(v):\n    raise ValueError(v.upper())\nSECRET.apply(fail)\n",
        "def fail(v):\n    raise pulumi.RunError(v)\nSECRET.apply(fail)\n",
        "def leave(v):\n    raise SystemExit(v)\nSECRET.apply(leave)\n",
    ],
)
def test_a_secret_of_the_configuration_is_in_no_part_of_an_error(program: WriteProgram, source: str) -> None:
    shown = failing(program, f"import pulumi\nSECRET = pulumi.Config().require_secret('tok')\n{source}")
    assert "hunter2" not in shown
    assert MASK in shown


def test_a_secret_that_names_a_package_is_not_shown_as_one(program: WriteProgram) -> None:
    source = "import pulumi\npulumi.Config().require_secret('tok').apply(__import__)\n"
    assert "word" not in failing(program, source, "Sword_Fish")


def test_a_part_of_a_secret_object_is_not_shown(program: WriteProgram) -> None:
    source = """
        import pulumi
        def fail(v):
            raise ValueError(v["password"])
        pulumi.Config().require_secret_object("tok").apply(fail)
        """
    assert "correcthorse" not in failing(program, source, '{"password": "CorrectHorse"}')


def test_a_secret_of_a_resource_is_not_shown_when_the_program_raises(program: WriteProgram) -> None:
    source = """
        import pulumi
        import pulumi_aws as aws
        key = "swordfish" + "-9"
        bucket = aws.s3.Bucket("b", tags={"key": pulumi.Output.secret(key)})
        def fail(urn):
            raise ValueError(f"cannot use {key}")
        bucket.urn.apply(fail)
        """
    assert "swordfish-9" not in failing(program, source)


def test_a_secret_that_no_resource_holds_yet_is_not_shown(program: WriteProgram) -> None:
    assert "swordfish-9" not in failing(program, "import pulumi\npulumi.Output.secret('swordfish' + '-9').apply(int)\n")


def test_a_secret_argument_of_a_data_source_is_not_shown_elsewhere(program: WriteProgram) -> None:
    source = """
        import pulumi
        import pulumi_aws as aws
        key = "swordfish" + "-9"
        found = aws.ssm.get_parameter_output(name=pulumi.Output.secret(key))
        aws.ssm.get_parameter(name=key)
        """
    assert "swordfish-9" not in failing(program, source)


def test_a_secret_is_not_shown_among_what_was_assumed_or_printed(program: WriteProgram) -> None:
    folder = program(
        """
        import pulumi
        import pulumi_aws as aws
        def look(v):
            print("LOOKING FOR", v.upper())
            return aws.get_availability_zones(state=v).names
        pulumi.Config().require_secret("tok").apply(look)
        """,
        project=PROJECT % "available",
    )
    declaration = run_program(folder)
    assert "available" not in repr((declaration.messages, declaration.assumptions)).lower().replace("availability", "")
    assert f"LOOKING FOR {MASK}" in declaration.messages


@pytest.mark.parametrize("text", ["Hunter22", "HUNTER22", '{"name": "hunter22"}'])
def test_a_secret_is_found_in_any_case(text: str) -> None:
    assert "hunter22" not in masked(text, secret_texts([Secret("hunter22")])).lower()


def test_a_secret_is_found_as_json_and_python_write_it() -> None:
    hidden = secret_texts([Secret('a"b\nc\\d')])
    for text in ('{"x": "a\\"b\\nc\\\\d"}', repr({"x": 'a"b\nc\\d'})):
        assert "b\\nc" not in masked(text, hidden)
