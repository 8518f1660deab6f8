"""What is wrong with a program is said in a line or two: what, where, and what to do."""

from __future__ import annotations

import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.errors import InputError, InputErrors
from spendgate.sources.pulumi_program import NeedsEngine, read_project, run_program

WriteProgram = Callable[..., Path]


def error_of(folder: Path, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        run_program(folder, **options)  # type: ignore[arg-type]
    return caught.value


# --- folders and project files


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no such folder" in str(error_of(tmp_path / "nowhere"))


def test_a_folder_that_is_no_program_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").touch()
    error = error_of(tmp_path)
    assert "no Pulumi program" in error.message
    assert "main.tf" in error.message


def test_a_folder_above_the_program_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    assert error_of(tmp_path).remedy == f"Did you mean {tmp_path / 'infra'}?"


def test_a_folder_below_the_project_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    (tmp_path / "src").mkdir()
    assert error_of(tmp_path / "src").remedy == f"Did you mean {tmp_path}?"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("name: [\n", 2, "parse"),
        ("name: x\nruntime: python\nruntime: nodejs\n", 3, ""),
        ("runtime: python\n", None, '"name"'),
        ("name: x\n", None, '"runtime"'),
        ("", None, "empty"),
        ("- a\n", None, "mapping"),
        ("name: x\nruntime: [python]\n", 2, "runtime"),
        ("name: x\nruntime: python\nconfig: [a]\n", 3, "config"),
        ("name: x\nruntime:\n  name: python\n  options:\n    toolchain: conda\n", 5, '"conda"'),
        ("name: x\nruntime: python\nconfig:\n  a: {type: integer, default: zz}\n", 4, "no integer"),
        ("name: x\nruntime: python\nconfig:\n  a: {type: boolean, default: 1}\n", 4, "no boolean"),
        ("name: x\nruntime: python\nconfig:\n  a:\n    type: intger\n", 5, 'did you mean "integer"'),
    ],
)
def test_a_broken_project_file_is_shown_with_its_place(
    program: WriteProgram, text: str, line: int | None, word: str
) -> None:
    error = error_of(program(project=text))
    assert error.place is not None
    assert error.place.file.endswith("Pulumi.yaml")
    assert error.place.line == line
    assert word in str(error)


def test_another_languages_program_needs_the_cli(program: WriteProgram) -> None:
    error = error_of(program(project="name: x\nruntime: nodejs\n"))
    assert isinstance(error, NeedsEngine)
    assert "--engine pulumi" in str(error)
    assert error.place is not None
    assert error.place.line == 2


def test_a_program_file_that_is_not_there(program: WriteProgram) -> None:
    assert "gone.py" in str(error_of(program(project="name: x\nruntime: python\nmain: gone.py\n")))


def test_a_folder_without_a_main_module(program: WriteProgram) -> None:
    assert "__main__.py" in str(error_of(program(source=None)))


def test_the_project_file_itself_may_be_named(program: WriteProgram) -> None:
    assert read_project(program() / "Pulumi.yaml").name == "demo"


# --- the program


def test_an_empty_program_declares_its_stack_alone(program: WriteProgram) -> None:
    declaration = run_program(program(""))
    assert [resource.type for resource in declaration.resources] == ["pulumi:pulumi:Stack"]


def test_a_program_that_raises_shows_its_own_traceback(program: WriteProgram) -> None:
    error = error_of(program("import helper\nhelper.work()\n", **{"helper.py": "def work():\n    return {}['gone']\n"}))
    assert "KeyError" in error.message
    assert str(error.place) == "helper.py:2"
    assert error.detail is not None
    assert 'helper.py", line 2, in work' in error.detail
    assert '__main__.py", line 2' in error.detail
    for stranger in ("child.py", "runpy", "asyncio"):
        assert stranger not in error.detail


def test_a_callback_that_raises_shows_its_own_traceback(program: WriteProgram) -> None:
    error = error_of(program("import pulumi\n\npulumi.Output.from_input(1).apply(lambda x: 1 / 0)\n"))
    assert "ZeroDivisionError" in error.message
    assert str(error.place) == "__main__.py:3"


def test_a_value_of_the_wrong_type_is_placed_where_the_resource_is_declared(program: WriteProgram) -> None:
    source = "import pulumi_aws as aws\n\naws.ec2.Instance('ok', ami='a')\n"
    error = error_of(program(source + "aws.ec2.Instance('bad', ami='a', instance_type=['x'])\n"))
    assert "AssertionError" in error.message
    assert str(error.place) == "__main__.py:4"


def test_errors_of_two_programs_are_placed_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from spendgate.cli import main

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
        (tmp_path / name / "__main__.py").write_text("raise ValueError('no')\n")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "one", "two"]) == 2
    told = capsys.readouterr().err
    assert "error: one/__main__.py:1: " in told
    assert "error: two/__main__.py:1: " in told


def test_a_syntax_error_is_shown_with_its_place(program: WriteProgram) -> None:
    error = error_of(program("import pulumi\ndef broken(:\n"))
    assert "SyntaxError" in error.message
    assert str(error.place) == "__main__.py:2"


def test_a_program_that_exits(program: WriteProgram) -> None:
    assert "3" in error_of(program("import sys\nprint('bye')\nsys.exit(3)\n")).message


def test_a_program_that_exits_well_is_well(program: WriteProgram) -> None:
    declaration = run_program(program("import sys, pulumi\npulumi.export('a', 1)\nsys.exit(0)\n"))
    assert declaration.outputs == {"a": 1}


def test_a_program_that_is_killed(program: WriteProgram) -> None:
    error = error_of(program("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"))
    assert "signal 9" in error.message


def test_a_run_error_is_told_without_a_traceback(program: WriteProgram) -> None:
    error = error_of(program("import pulumi\nraise pulumi.RunError('not on Mondays')\n"))
    assert error.message == "not on Mondays"
    assert error.detail is None


def test_a_name_given_twice_names_both_places(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi

            class Thing(pulumi.CustomResource):
                def __init__(self, name):
                    super().__init__("pkg:index:Thing", name, {})

            Thing("same")
            Thing("other")
            Thing("same")
            """
        )
    )
    assert "declared twice" in error.message
    assert "urn:pulumi:dev::demo::pkg:index:Thing::same" in str(error)
    assert {"__main__.py:8", "__main__.py:10"} == {
        word.rstrip(":,") for word in str(error).split() if word.startswith("__main__.py")
    }


def test_a_transform_that_raises_is_the_programs_error(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi

            def refuse(args):
                raise ValueError("not this one")

            pulumi.runtime.register_stack_transform(refuse)

            class Thing(pulumi.ComponentResource):
                def __init__(self, name):
                    super().__init__("pkg:index:Thing", name, {})

            Thing("a")
            """
        )
    )
    assert "transform" in error.message
    assert "not this one" in str(error.detail)
    assert str(error.place) == "__main__.py:13"


def test_a_remote_component_needs_the_cli(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi

            class Remote(pulumi.ComponentResource):
                def __init__(self, name):
                    super().__init__("eks:index:Cluster", name, {}, None, True)

            Remote("cluster")
            """
        )
    )
    assert isinstance(error, NeedsEngine)
    assert "eks" in error.message
    assert "\n" not in error.message
    assert str(error.place) == "__main__.py:8"


def test_a_method_of_a_remote_component_needs_the_cli(program: WriteProgram) -> None:
    source = "import pulumi\npulumi.runtime.call('eks:index:Cluster/getKubeconfig', {})\n"
    assert isinstance(error_of(program(source)), NeedsEngine)


# --- modules and interpreters


def test_a_missing_module_that_the_requirements_list(program: WriteProgram) -> None:
    folder = program("import no_such_cloud.ec2\n", **{"requirements.txt": "pulumi>=3\nno-such-cloud==1.2  # clouds\n"})
    error = error_of(folder)
    assert '"no_such_cloud"' in error.message
    assert "requirements.txt lists it" in error.message
    assert f"-m pip install -r {folder / 'requirements.txt'}" in str(error.remedy)
    assert sys.executable in str(error.remedy)
    assert str(error.place) == "__main__.py:1"


def test_a_missing_module_that_no_file_lists(program: WriteProgram) -> None:
    folder = program("import no_such_cloud\n", **{"requirements.txt": "pulumi\n"})
    assert f"Add no-such-cloud to {folder / 'requirements.txt'}" in str(error_of(folder).remedy)


def test_a_missing_module_that_pyproject_lists(program: WriteProgram) -> None:
    folder = program(
        "import no_such_cloud\n", **{"pyproject.toml": '[project]\nname = "x"\ndependencies = ["no_such.cloud>=1"]\n'}
    )
    assert "pyproject.toml lists it" in error_of(folder).message


def test_a_virtual_environment_that_is_not_there(program: WriteProgram) -> None:
    project = "name: x\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n"
    folder = program(project=project, **{"requirements.txt": "pulumi\n"})
    error = error_of(folder)
    assert '"venv" does not exist' in error.message
    assert f"pip install -r {folder / 'requirements.txt'}" in str(error.remedy)


@pytest.mark.parametrize("toolchain", ["uv", "poetry"])
def test_a_toolchains_environment_that_is_not_there(
    program: WriteProgram, toolchain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    project = f"name: x\nruntime:\n  name: python\n  options:\n    toolchain: {toolchain}\n"
    assert toolchain in str(error_of(program(project=project)))


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environments") / "bare"
    venv.create(folder, with_pip=False)
    return folder


def test_an_environment_without_pulumi(program: WriteProgram, bare_environment: Path) -> None:
    project = f"name: x\nruntime:\n  name: python\n  options:\n    virtualenv: {bare_environment}\n"
    error = error_of(program("import pulumi\n", project=project))
    assert "no pulumi package" in error.message
    assert f"{bare_environment}/bin/python -m pip install pulumi" in str(error.remedy)


def test_the_programs_own_environment_runs_it_without_spendgate(program: WriteProgram, bare_environment: Path) -> None:
    import pulumi

    packages = Path(pulumi.__file__).parent.parent
    own = bare_environment.parent / "own"
    if not own.exists():
        venv.create(own, with_pip=False)
        (target,) = own.glob("lib/python*/site-packages")
        for entry in packages.iterdir():
            if "spendgate" not in entry.name and entry.suffix != ".pth" and entry.name != "__pycache__":
                (target / entry.name).symlink_to(entry)
    project = "name: x\nruntime:\n  name: python\n  options:\n    toolchain: uv\n"
    folder = program(
        """
        import importlib.util, sys
        import pulumi
        pulumi.export("prefix", sys.prefix)
        pulumi.export("spendgate", importlib.util.find_spec("spendgate") is not None)
        """,
        project=project,
    )
    (folder / ".venv").symlink_to(own)
    declaration = run_program(folder)
    assert declaration.outputs == {"prefix": str(folder / ".venv"), "spendgate": False}


# --- data sources


def test_every_plain_data_source_without_an_answer_is_named_at_once(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi
            import pulumi_aws as aws

            version = aws.rds.get_engine_version(engine="postgres")
            print(version.version.split(".")[0])
            zone = aws.route53.get_zone(name="example.com.")
            for name in zone.name_servers:
                pulumi.export(name, zone.zone_id)
            """
        )
    )
    assert isinstance(error, InputErrors)
    first, second = error.errors
    assert 'aws:rds/getEngineVersion:getEngineVersion(engine="postgres")' in first.message
    assert str(first.place) == "__main__.py:5"
    assert '{"token": "aws:rds/getEngineVersion:getEngineVersion", "arguments": {"engine": "postgres"}' in str(first)
    assert "spendgate.yaml" in str(first.remedy)
    assert 'name="example.com."' in second.message
    assert str(second.place) == "__main__.py:7"


def test_a_program_that_copes_without_an_answer_is_well(program: WriteProgram) -> None:
    declaration = run_program(
        program(
            """
            import pulumi
            import pulumi_aws as aws

            try:
                version = aws.rds.get_engine_version(engine="postgres").version
            except Exception:
                version = "15"
            pulumi.export("version", version)
            """
        )
    )
    assert declaration.outputs == {"version": "15"}
    (left,) = declaration.unanswered
    assert (left.token, left.arguments) == ("aws:rds/getEngineVersion:getEngineVersion", {"engine": "postgres"})
    assert str(left.place) == "__main__.py:6"
    assert any(
        message.startswith('warning: __main__.py:6: aws:rds/getEngineVersion:getEngineVersion(engine="postgres")')
        for message in declaration.messages
    )


def test_a_program_whose_data_sources_are_answered_has_none_unanswered(program: WriteProgram) -> None:
    assert run_program(program("import pulumi_aws as aws\naws.get_region()\n")).unanswered == ()


def test_a_program_that_copes_and_then_fails_tells_its_own_failure(program: WriteProgram) -> None:
    error = error_of(
        program(
            """
            import pulumi_aws as aws

            try:
                aws.rds.get_engine_version(engine="postgres")
            except Exception:
                pass
            raise ValueError("of its own")
            """
        )
    )
    assert error.message == "the program raised ValueError: of its own"


def test_what_led_to_an_error_is_shown_too(program: WriteProgram) -> None:
    source = """
        import pulumi

        try:
            {}["gone"]
        except KeyError as error:
            raise ValueError("no such thing") from error
        """
    detail = str(error_of(program(source)).detail)
    assert detail.index("KeyError") < detail.index("which led to") < detail.index("ValueError")


def test_a_manifest_that_is_no_yaml(program: WriteProgram) -> None:
    source = "import pulumi_kubernetes as k\nk.yaml.ConfigGroup('g', yaml=['a: [1'])\n"
    assert "not valid YAML" in error_of(program(source)).message
