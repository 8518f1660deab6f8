"""The stack and its configuration: which it is, what it sets, and what is said of keys that are missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.resource import UNKNOWN, Secret, reveal
from spendgate.sources.project import read_project
from spendgate.sources.pulumi_program import run_program
from spendgate.sources.stack_config import load_config, select_stack

WriteProgram = Callable[..., Path]

# Written by Pulumi's own CLI (`pulumi config set --secret`) for the passphrase below.
PASSPHRASE = "open sesame"
SEALED = """\
encryptionsalt: v1:LcSWYwDkRtc=:v1:lxguLoLT2++lCzhd:JXVZIs3AeXoC/44kkaXVwEmcqAktgg==
config:
  vault:token:
    secure: v1:VFBIkaFe8URqCo+h:AjEpHW0iwDA+Lbu8rtxBrJngilNIqo4smuASMw==
  vault:db:
    password:
      secure: v1:aBezscfkr5W72V4w:2OOt9SaExQlnRNGXQe8/v3bZErYeQ0ldU0I=
    host: h
  vault:size: "3"
"""
VAULT = "name: vault\nruntime: python\n"

USES_SECRETS = """
import pulumi

config = pulumi.Config()

class Thing(pulumi.CustomResource):
    def __init__(self, name, **properties):
        super().__init__("pkg:index:Thing", name, properties)

Thing("a", token=config.require_secret("token"), url=pulumi.Output.concat("t:", config.require_secret("token")),
      password=config.require_secret_object("db").apply(lambda db: db["password"]),
      plain=config.get("token"), size=config.require_int("size"))
print("token:", config.require("token"))
"""


def error_of(folder: Path, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        run_program(folder, **options)  # type: ignore[arg-type]
    return caught.value


# --- which stack


def stack_of(folder: Path, stack: str | None = None) -> tuple[str, str]:
    return select_stack(read_project(folder), stack)


def test_the_only_stack_file_names_the_stack(program: WriteProgram) -> None:
    assert stack_of(program(**{"Pulumi.prod.yaml": "config: {}\n"})) == ("organization", "prod")


def test_without_any_hint_the_stack_is_dev(program: WriteProgram) -> None:
    assert stack_of(program()) == ("organization", "dev")


def test_the_selected_stack_decides_between_several(
    program: WriteProgram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = program(**{"Pulumi.a.yaml": "config: {}\n", "Pulumi.b.yaml": "config: {}\n"})
    assert stack_of(folder) == ("organization", "dev")
    digest = hashlib.sha1(str(folder / "Pulumi.yaml").encode()).hexdigest()
    settings = tmp_path / "home" / "workspaces" / f"demo-{digest}-workspace.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"stacks": {"https://api.pulumi.com": "acme/demo/b"}}))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    assert stack_of(folder) == ("acme", "b")
    monkeypatch.setenv("PULUMI_STACK", "acme/c")
    assert stack_of(folder) == ("acme", "c")
    assert stack_of(folder, "d") == ("organization", "d")


@pytest.mark.parametrize("name", ["a/b/c/d", "/a", "a//b"])
def test_a_stack_name_that_is_none(program: WriteProgram, name: str) -> None:
    assert name in str(error_of(program(), stack=name))


def test_the_program_knows_its_stack_and_organization(program: WriteProgram) -> None:
    folder = program("import pulumi\nfor f in ('stack', 'organization', 'project'):\n"
                     "    pulumi.export(f, getattr(pulumi, 'get_' + f)())\n")  # fmt: skip
    assert run_program(folder, stack="acme/demo/prod").outputs == {
        "stack": "prod",
        "organization": "acme",
        "project": "demo",
    }


# --- values


def texts(folder: Path, stack: str = "dev", **overrides: str) -> dict[str, str]:
    return load_config(read_project(folder), stack, overrides).texts()


def test_keys_without_a_namespace_are_the_projects(program: WriteProgram) -> None:
    folder = program(**{"Pulumi.dev.yaml": "config:\n  a: 1\n  aws:region: eu-west-1\n  gcp:config:project: p\n"})
    assert texts(folder) == {"demo:a": "1", "aws:region": "eu-west-1", "gcp:project": "p"}


def test_values_are_texts_and_everything_else_json(program: WriteProgram) -> None:
    folder = program(**{"Pulumi.dev.yaml": "config: {a: true, b: 1.5, c: [1, x], d: {z: 1, y: null}, e: text, f: 3}\n"})
    assert list(texts(folder).values()) == ["true", "1.5", '[1,"x"]', '{"y":null,"z":1}', "text", "3"]


def test_project_defaults_stand_behind_the_stack_and_the_caller_before_it(program: WriteProgram) -> None:
    project = """\
name: demo
runtime: python
config:
  a: plain
  b: {type: integer, default: 2}
  c: {value: [1]}
  d: {type: string, default: project}
  aws:region: {value: us-east-1}
"""
    folder = program(project=project, **{"Pulumi.dev.yaml": "config: {d: stack, b: 5}\n"})
    assert texts(folder, b="7") == {
        "demo:a": "plain",
        "demo:b": "7",
        "demo:c": "[1]",
        "demo:d": "stack",
        "aws:region": "us-east-1",
    }


def test_stack_files_may_lie_in_a_folder_of_their_own(program: WriteProgram) -> None:
    folder = program(
        project="name: demo\nruntime: python\nstackConfigDir: stacks\n",
        **{"stacks__slash__Pulumi.prod.yaml": "config: {a: b}\n"},
    )
    assert stack_of(folder)[1] == "prod"
    assert texts(folder, "prod") == {"demo:a": "b"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("config: [a]\n", 1), ("config:\n  a: b\n  x:y:z: 1\n", 3), ("config: {a: [}\n", 1), ("- a\n", None)],
)
def test_a_broken_stack_file_is_shown_with_its_place(program: WriteProgram, text: str, line: int | None) -> None:
    error = error_of(program(**{"Pulumi.dev.yaml": text}))
    assert error.place is not None
    assert error.place.file.endswith("Pulumi.dev.yaml")
    assert error.place.line == line


def test_an_environment_of_pulumi_esc_is_reported(program: WriteProgram) -> None:
    declaration = run_program(program(**{"Pulumi.dev.yaml": "environment: [aws/prod]\n"}))
    assert any("ESC" in message for message in declaration.messages)


# --- missing keys


def test_all_missing_keys_are_named_at_once(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi

            config = pulumi.Config()
            name = config.require("name")
            if config.require_int("size") > 2:
                print(config.require_object("network")["id"].upper())
            pulumi.export("key", config.require_secret("key"))
            region = pulumi.Config("aws").require("region")
            """
        )
    )
    for key in ("demo:name", "demo:size", "demo:key", "aws:region"):
        assert f"--config {key}=<value>" in str(error.remedy)
    assert "demo:name (__main__.py:5)" in error.message


def test_one_missing_key_is_shown_with_its_line(program: WriteProgram) -> None:
    error = error_of(program("import pulumi\npulumi.Config().require('name')\n"))
    assert "demo:name" in error.message
    assert str(error.place) == "__main__.py:2"


def test_keys_that_the_project_declares_without_a_default_are_missing_too(program: WriteProgram) -> None:
    error = error_of(
        program(
            "import pulumi\npulumi.Config().require('other')\n",
            project="name: demo\nruntime: python\nconfig:\n  size: {type: integer}\n",
        )
    )
    assert "demo:size" in error.message
    assert "demo:other" in error.message


def test_the_caller_sets_missing_keys(program: WriteProgram) -> None:
    folder = program("import pulumi\npulumi.export('name', pulumi.Config().require('name'))\n")
    assert run_program(folder, config={"name": "x"}).outputs == {"name": "x"}
    assert run_program(folder, config={"demo:name": "y"}).outputs == {"name": "y"}


def test_a_value_of_the_wrong_type_is_said_with_its_line(program: WriteProgram) -> None:
    folder = program("import pulumi\npulumi.Config().require_int('size')\n")
    error = error_of(folder, config={"size": "many"})
    assert error.message == "Configuration 'demo:size' value 'many' is not a valid 'int'"
    assert str(error.place) == "__main__.py:2"


# --- secrets


def test_secrets_are_opened_with_the_passphrase_and_stay_secret(
    program: WriteProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    declaration = run_program(program(USES_SECRETS, project=VAULT, **{"Pulumi.prod.yaml": SEALED}))
    properties = declaration.resources[1].properties
    assert properties["token"] == Secret("s3cr3t-token")
    assert properties["url"] == Secret("t:s3cr3t-token")
    assert properties["password"] == Secret("pässwörd")
    assert declaration.config["vault:token"] == Secret("s3cr3t-token")
    assert json.loads(reveal(declaration.config["vault:db"])) == {"host": "h", "password": "pässwörd"}
    assert declaration.config["vault:size"] == "3"
    assert "token: [secret]" in declaration.messages


def test_the_passphrase_may_lie_in_a_file(
    program: WriteProgram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "phrase").write_text(f"{PASSPHRASE}\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    folder = program(project=VAULT, **{"Pulumi.prod.yaml": SEALED})
    assert texts(folder, "prod")["vault:token"] == "s3cr3t-token"


def test_a_wrong_passphrase_is_said(program: WriteProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "guess")
    error = error_of(program(project=VAULT, **{"Pulumi.prod.yaml": SEALED}))
    assert "does not open" in error.message
    assert error.place is not None
    assert error.place.line == 1
    assert "guess" not in str(error)


def test_without_a_passphrase_secrets_are_unknown_and_still_secret(program: WriteProgram) -> None:
    declaration = run_program(program(USES_SECRETS, project=VAULT, **{"Pulumi.prod.yaml": SEALED}))
    properties = declaration.resources[1].properties
    for name in ("token", "url", "password", "plain"):
        assert isinstance(properties[name], Secret), name
        assert properties[name].value is UNKNOWN, name
    assert properties["size"] == 3
    assert any("vault:db, vault:token" in message for message in declaration.messages)


def test_an_unknown_secret_can_be_given(program: WriteProgram) -> None:
    folder = program(USES_SECRETS, project=VAULT, **{"Pulumi.prod.yaml": SEALED})
    declaration = run_program(folder, config={"token": "given", "db": '{"password": "p"}'})
    assert declaration.resources[1].properties["token"] == Secret("given")


def test_a_secret_whose_plain_value_is_needed_is_asked_for(program: WriteProgram) -> None:
    source = "import pulumi\npulumi.Config().require_object('db')\n"
    error = error_of(program(source, project=VAULT, **{"Pulumi.prod.yaml": SEALED}))
    assert "vault:db" in error.message
    assert "PULUMI_CONFIG_PASSPHRASE" in str(error.remedy)
    assert str(error.place) == "__main__.py:2"


def test_secrets_do_not_appear_in_the_programs_traceback(
    program: WriteProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    source = "import pulumi\nraise ValueError('bad ' + pulumi.Config().require('token'))\n"
    error = error_of(program(source, project=VAULT, **{"Pulumi.prod.yaml": SEALED}))
    assert "bad [secret]" in str(error)
    assert "s3cr3t" not in str(error)
    assert "s3cr3t" not in repr(error.args)


# --- which stack


def stacked(program: WriteProgram) -> Path:
    return program("", **{"Pulumi.prod.yaml": "config: {}\n", "Pulumi.staging.yaml": "config: {}\n"})


def test_a_stack_that_is_misspelt_is_asked_about(program: WriteProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stacked(program)
    monkeypatch.setenv("PULUMI_STACK", "stagin")
    for options, meant in (({"stack": "prdo"}, "prod"), ({"stack": "acme/prdo"}, "prod"), ({}, "staging")):
        with pytest.raises(InputError) as caught:
            run_program(folder, **options)  # type: ignore[arg-type]
        assert "no stack" in caught.value.message
        assert caught.value.remedy == f'did you mean "{meant}"?'


def test_a_stack_like_no_other_names_those_there_are(program: WriteProgram) -> None:
    with pytest.raises(InputError, match="It is one of prod, staging"):
        run_program(stacked(program), stack="zz")


def test_a_stack_without_a_file_may_be_given_its_configuration(program: WriteProgram) -> None:
    assert run_program(stacked(program), stack="new", config={"a": "1"}).stack == "new"


def test_any_stack_will_do_where_none_has_a_file(program: WriteProgram) -> None:
    assert run_program(program(""), stack="anything").stack == "anything"


@pytest.mark.parametrize("name", ["../x", "..", "a/../b", "a b", "x" * 101, "a//b", "a/b/c/d", "-s;x"])
def test_a_name_that_no_stack_can_have_is_refused(program: WriteProgram, name: str) -> None:
    with pytest.raises(InputError, match="is not a stack name"):
        run_program(program(""), stack=name)
