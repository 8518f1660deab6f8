"""A Pulumi project: what its ``Pulumi.yaml`` says about the program, its interpreter and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spendgate.errors import InputError, Place, did_you_mean
from spendgate.yamlfile import YamlFile, read_yaml

TOOLCHAINS = ("pip", "poetry", "uv")
"""Of ``runtime.options.toolchain`` for Python (``sdk/python/toolchain`` of pulumi/pulumi)."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
}
"""Types of a setting (``simpleConfigType`` of Pulumi's schema of project files) and the values they take."""

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")


class NeedsEngine(InputError):
    """The program can only be run by Pulumi's own engine: the embedded host must step aside."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration key that the project declares: its default (None when it has none) and its type."""

    default: Any = None
    type: str | None = None
    secret: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What ``Pulumi.yaml`` declares. ``directory`` holds the file, ``program`` is the file or folder to run."""

    name: str
    directory: Path
    file: Path
    runtime: str = "python"
    virtualenv: str | None = None
    toolchain: str | None = None
    main: str | None = None
    stack_config_dir: str | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def program(self) -> Path:
        """The file or folder that is run; a folder is run through its ``__main__.py``."""
        return (self.directory / self.main).resolve() if self.main else self.directory

    @property
    def working_directory(self) -> Path:
        """The folder in which the program runs: the one that holds it."""
        return self.program if self.program.is_dir() else self.program.parent


def read_project(directory: Path) -> Project:
    """The project in ``directory``. Raises ``InputError`` where there is none or its file is broken.

    The runtime is not judged here: see ``require_python``.
    """
    directory = Path(directory)
    if directory.is_file() and directory.name in PROJECT_FILES:
        directory = directory.parent
    if not directory.is_dir():
        raise InputError("there is no such folder", place=directory, remedy="Name the folder that holds Pulumi.yaml.")
    directory = directory.resolve()
    file = next((directory / name for name in PROJECT_FILES if (directory / name).is_file()), None)
    if file is None:
        raise _no_program(directory)
    document = read_yaml(file)
    if not isinstance(document.data, Mapping):
        found = "is empty" if document.data is None else "does not hold a mapping"
        raise InputError(
            f"{file.name} {found}", place=file, remedy="It needs at least: name: <project> and runtime: python."
        )
    return _project(document, directory, file)


def require_python(project: Project) -> None:
    """Refuse a program that is not written in Python: raises ``NeedsEngine``."""
    if project.runtime != "python":
        raise NeedsEngine(
            f'the program runs on "{project.runtime}"; without the Pulumi CLI only Python programs can be run',
            place=_runtime_place(project),
            remedy="Install the Pulumi CLI and run with --engine pulumi, or check what it wrote elsewhere: "
            "pulumi preview --json --show-sames | spendgate check -",
        )


def _project(yaml: YamlFile, directory: Path, file: Path) -> Project:
    document: Mapping[str, Any] = yaml.data
    name = document.get("name")
    if name is None:
        raise _missing(document, file, "name", "name: my-project")
    runtime = document.get("runtime")
    if runtime is None:
        raise _missing(document, file, "runtime", "runtime: python")
    options: Mapping[str, Any] = {}
    if isinstance(runtime, Mapping):
        raw_options = runtime.get("options") or {}
        if not isinstance(raw_options, Mapping):
            raise InputError("runtime.options must be a mapping", place=yaml.key_place("runtime", "options"))
        options = raw_options
        runtime = runtime.get("name")
    if not isinstance(runtime, str):
        raise InputError(
            "runtime must be a name, or a mapping with a name",
            place=yaml.key_place("runtime"),
            remedy="Write: runtime: python",
        )
    if not isinstance(name, (str, int, float)) or isinstance(name, bool) or str(name).strip() == "":
        raise InputError("name must be a text that is not empty", place=yaml.key_place("name"))
    toolchain = _text(options.get("toolchain"))
    if toolchain not in (None, *TOOLCHAINS) and runtime == "python":
        raise InputError(
            f'"{toolchain}" is not a toolchain of Python programs',
            place=yaml.key_place("runtime", "options", "toolchain"),
            remedy=did_you_mean(str(toolchain), TOOLCHAINS) or f"It is one of {', '.join(TOOLCHAINS)}.",
        )
    config = document.get("config")
    config_dir = document.get("stackConfigDir") or (config if isinstance(config, str) else None)
    return Project(
        name=str(name),
        directory=directory,
        file=file,
        runtime=runtime,
        virtualenv=_text(options.get("virtualenv")),
        toolchain=toolchain,
        main=_text(document.get("main")),
        stack_config_dir=_text(config_dir),
        settings={} if isinstance(config, str) else _settings(config, str(name), yaml),
    )


def _settings(config: Any, project: str, yaml: YamlFile) -> dict[str, Setting]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise InputError("config must be a mapping of keys to values", place=yaml.key_place("config"))
    return {
        full_key(str(key), project): _setting(str(key), value, yaml, yaml.key_place("config", key))
        for key, value in config.items()
    }


def _setting(key: str, value: Any, yaml: YamlFile, place: Place) -> Setting:
    if isinstance(value, Mapping) and ({"type", "default", "value", "secret"} & set(value)):
        default = value.get("value", value.get("default"))
        declared = value.get("type")
        if declared is not None and str(declared) not in TYPES:
            raise InputError(
                f'"{declared}" is not a type of a setting',
                place=yaml.key_place("config", key, "type"),
                remedy=did_you_mean(str(declared), TYPES) or f"It is one of {', '.join(TYPES)}.",
            )
        if declared is not None and value.get("default") is not None and not _is_a(value["default"], str(declared)):
            raise InputError(f'the default of "{key}" is no {declared}', place=yaml.key_place("config", key, "default"))
        return Setting(default, str(declared) if declared is not None else None, value.get("secret") is True, place)
    return Setting(value, None, False, place)


def _is_a(value: Any, declared: str) -> bool:
    if isinstance(value, bool):
        return declared == "boolean"
    return isinstance(value, TYPES[declared])


def full_key(key: str, project: str) -> str:
    """``key`` with its namespace: keys without one belong to the project."""
    return key if ":" in key else f"{project}:{key}"


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _missing(document: Mapping[str, Any], file: Path, key: str, example: str) -> InputError:
    hint = did_you_mean(key, (str(other) for other in document))
    return InputError(f'{file.name} has no "{key}"', place=file, remedy=f"{hint} " if hint else f"Add: {example}")


def _runtime_place(project: Project) -> Place:
    return read_yaml(project.file).key_place("runtime")


def _no_program(directory: Path) -> InputError:
    below = sorted(file.parent for name in PROJECT_FILES for file in directory.glob(f"*/{name}"))
    below = below or sorted(file.parent for name in PROJECT_FILES for file in directory.glob(f"*/*/{name}"))
    above = next((up for up in directory.parents if any((up / name).is_file() for name in PROJECT_FILES)), None)
    if below:
        shown = ", ".join(str(path) for path in below[:5]) + (" …" if len(below) > 5 else "")
        remedy = f"Did you mean {shown}?"
    elif above:
        remedy = f"Did you mean {above}?"
    else:
        remedy = "Name the folder that holds Pulumi.yaml."
    return InputError(f"no Pulumi program here: {_found(directory)}", place=directory, remedy=remedy)


def _found(directory: Path) -> str:
    names = sorted(
        entry.name + ("/" if entry.is_dir() else "") for entry in directory.iterdir() if entry.name[0] != "."
    )
    if not names:
        return "the folder is empty"
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"there is no Pulumi.yaml, only {shown}"
