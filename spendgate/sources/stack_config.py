"""The configuration of a stack: ``Pulumi.<stack>.yaml`` over the project's defaults, and what the caller sets."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spendgate.errors import InputError, Place, did_you_mean
from spendgate.resource import Secret
from spendgate.sources import passphrase
from spendgate.sources.project import PROJECT_FILES, Project, full_key
from spendgate.sources.wire import UNKNOWN_SECRET_TEXT
from spendgate.yamlfile import YamlFile, read_yaml

DEFAULT_STACK = "dev"

STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What Pulumi takes as a name (``tokens.ParseStackName`` of pulumi/pulumi)."""


@dataclass(frozen=True, slots=True)
class StackConfig:
    """Configuration by full key (``project:key``), as the program sees it.

    ``unknown`` are secrets that cannot be decrypted here; their value is ``UNKNOWN_SECRET_TEXT``. ``missing`` are
    keys that the project declares without a default and nobody sets. ``notes`` say what could not be taken over.
    """

    values: Mapping[str, str | Secret]
    unknown: frozenset[str] = frozenset()
    missing: Mapping[str, Place | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def texts(self) -> dict[str, str]:
        """The plain texts, as they are handed to the program."""
        return {key: str(value.value) if isinstance(value, Secret) else value for key, value in self.values.items()}

    def secret_keys(self) -> list[str]:
        """The keys whose values are secret."""
        return [key for key, value in self.values.items() if isinstance(value, Secret)]


def select_stack(project: Project, stack: str | None) -> tuple[str, str]:
    """The organization and the name of the stack: the one asked for, else as ``pulumi`` would know it.

    Without a name: ``PULUMI_STACK``; the only ``Pulumi.<stack>.yaml`` there is; the stack that is selected in
    Pulumi's workspace for this project, where that is one; else ``dev``.
    """
    name = stack or os.environ.get("PULUMI_STACK") or _only_stack(project) or _selected(project) or DEFAULT_STACK
    parts = name.split("/")
    if not all(parts) or len(parts) > 3:
        raise _no_name(name)
    if not all(STACK_NAME.fullmatch(part) and part.strip(".") for part in parts):
        raise _no_name(name)
    return (parts[0] if len(parts) > 1 else "organization"), parts[-1]


def require_known(project: Project, stack: str) -> None:
    """Refuse a stack that has no file while others of the project have: most likely a slip of the pen.

    A stack that is selected in Pulumi's workspace may have none; so may any, where the project has no such files.
    """
    known = [name for name in stacks(project) if f"Pulumi.{name}.yaml" not in PROJECT_FILES]
    if known and stack_file(project, stack) is None and stack != _selected(project):
        raise InputError(
            f'no stack "{stack}": there is no Pulumi.{stack}.yaml',
            place=_config_folder(project),
            remedy=did_you_mean(stack, known) or f"It is one of {', '.join(known)}; a new one needs its file.",
        )


def _no_name(name: str) -> InputError:
    return InputError(
        f'"{name}" is not a stack name',
        remedy="Write <stack> or <organization>/<stack>, in letters, digits, -, _ and . alone.",
    )


def load_config(project: Project, stack: str, overrides: Mapping[str, str]) -> StackConfig:
    """The configuration of ``stack``. Raises ``InputError`` for a broken file or a wrong passphrase."""
    file = stack_file(project, stack)
    yaml = read_yaml(file) if file is not None else YamlFile("", {}, {}, {})
    document: Mapping[str, Any] = yaml.data or {}
    if not isinstance(document, Mapping):
        raise InputError("a stack's file must hold a mapping", place=file)
    config = document.get("config") or {}
    if not isinstance(config, Mapping):
        raise InputError("config must be a mapping of keys to values", place=yaml.key_place("config"))

    values: dict[str, str | Secret] = {}
    unknown: set[str] = set()
    decrypt = _decrypter(document, config, yaml)
    for raw_key, raw in config.items():
        key = _key(str(raw_key), project, yaml.key_place("config", raw_key))
        value, is_secret = _opened(raw, decrypt)
        if value is None:
            unknown.add(key)
            values[key] = Secret(UNKNOWN_SECRET_TEXT)
        else:
            values[key] = Secret(_text(value)) if is_secret else _text(value)
    overridden = {_key(key, project, None): value for key, value in overrides.items()}
    missing: dict[str, Place | None] = {}
    for key, setting in project.settings.items():
        if key in values or key in overridden:
            continue
        if setting.default is not None:
            values[key] = Secret(_text(setting.default)) if setting.secret else _text(setting.default)
        elif key.startswith(f"{project.name}:"):
            missing[key] = setting.place
    for key, value in overridden.items():
        was_secret = isinstance(values.get(key), Secret) or (key in project.settings and project.settings[key].secret)
        values[key] = Secret(value) if was_secret else value
        unknown.discard(key)
    return StackConfig(values, frozenset(unknown), missing, _notes(document, unknown, file))


def stack_file(project: Project, stack: str) -> Path | None:
    """The file of ``stack``, where there is one."""
    folder = _config_folder(project)
    return next((file for end in ("yaml", "yml") if (file := folder / f"Pulumi.{stack}.{end}").is_file()), None)


def stacks(project: Project) -> list[str]:
    """The stacks that have a file, in order of name."""
    files = [file for end in ("yaml", "yml") for file in _config_folder(project).glob(f"Pulumi.*.{end}")]
    return sorted(file.name.removeprefix("Pulumi.").rpartition(".")[0] for file in files)


def _config_folder(project: Project) -> Path:
    return project.directory / project.stack_config_dir if project.stack_config_dir else project.directory


def _only_stack(project: Project) -> str | None:
    found = [stack for stack in stacks(project) if f"Pulumi.{stack}.yaml" not in PROJECT_FILES]
    return found[0] if len(found) == 1 else None


def _selected(project: Project) -> str | None:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    # A look-up key of Pulumi's own, not a safeguard.
    digest = hashlib.sha1(str(project.file).encode(), usedforsecurity=False).hexdigest()
    try:
        workspace = json.loads((home / "workspaces" / f"{project.name}-{digest}-workspace.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(workspace, dict):
        return None
    by_backend = workspace.get("stacks")
    selected = set(by_backend.values()) if isinstance(by_backend, dict) else set()
    selected = selected or {workspace.get("stack")}
    return str(next(iter(selected))) if len(selected) == 1 and next(iter(selected)) else None


def _key(key: str, project: Project, place: Place | None) -> str:
    parts = key.split(":")
    if len(parts) == 3 and parts[1] == "config":  # how old stacks write it: aws:config:region
        parts = [parts[0], parts[2]]
    if len(parts) > 2 or not all(parts):
        raise InputError(f'"{key}" is not a configuration key', place=place, remedy="Write key or namespace:key.")
    return full_key(":".join(parts), project.name)


def _decrypter(document: Mapping[str, Any], config: Mapping[str, Any], yaml: YamlFile) -> Callable[[str], str] | None:
    salt = document.get("encryptionsalt")
    if not isinstance(salt, str) or not any(_has_secure(value) for value in config.values()):
        return None
    phrase = passphrase.passphrase()
    if phrase is None:
        return None
    return passphrase.opener(salt, phrase, yaml.key_place("encryptionsalt"))


def _is_secure(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("secure"), str)


def _has_secure(value: Any) -> bool:
    if _is_secure(value):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(_has_secure(item) for item in inner)


def _opened(value: Any, decrypt: Callable[[str], str] | None) -> tuple[Any, bool]:
    """``value`` with its secure parts in plain, and whether it had any; None where they cannot be opened."""
    if not _has_secure(value):
        return ("" if value is None else value), False
    return (None, True) if decrypt is None else (_decrypted(value, decrypt), True)


def _decrypted(value: Any, decrypt: Callable[[str], str]) -> Any:
    if _is_secure(value):
        return decrypt(value["secure"])
    if isinstance(value, Mapping):
        return {key: _decrypted(item, decrypt) for key, item in value.items()}
    if isinstance(value, list):
        return [_decrypted(item, decrypt) for item in value]
    return value


def _text(value: Any) -> str:
    """A configuration value as the engine hands it over: texts as they are, everything else as JSON."""
    if isinstance(value, str):
        return str(value)
    return json.dumps(_plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(value)
    return str(value)


def _notes(document: Mapping[str, Any], unknown: set[str], file: Path | None) -> tuple[str, ...]:
    notes = []
    if unknown:
        keys = ", ".join(sorted(unknown))
        how = (
            f"set {passphrase.VARIABLES[0]}" if document.get("encryptionsalt") else "give them with --config key=value"
        )
        notes.append(f"warning: secrets that cannot be decrypted are unknown: {keys}; {how} to know them")
    if document.get("environment"):
        notes.append(
            f"warning: {file.name if file else 'the stack'} imports environments of Pulumi ESC; what they set is not"
            " known here and must be given with --config"
        )
    return tuple(notes)
