"""spendgate.yaml: what a project says about its packs, guardrails, environments and recorded data sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate import schemas
from spendgate.errors import InputError
from spendgate.rules.selection import DEFAULT_PACK, Pack, Setting, load_pack, settings_from
from spendgate.yamlfile import YamlFile, read_yaml

if TYPE_CHECKING:
    from spendgate.sources.pulumi_program import RecordedInvoke

FILE_NAME = "spendgate.yaml"


@dataclass(frozen=True, slots=True)
class Environment:
    """A named environment: the stacks that belong to it (names or globs) and what differs there."""

    name: str
    stacks: tuple[str, ...]
    settings: tuple[Setting, ...] = ()

    def holds(self, stack: str) -> bool:
        """Whether the stack belongs to this environment."""
        return any(fnmatchcase(stack, pattern) for pattern in self.stacks)


DEFAULT_ENVIRONMENTS = (
    Environment("production", ("prod", "prod-*", "production", "production-*")),
    Environment("staging", ("staging", "staging-*", "stage", "stage-*")),
    Environment("development", ("*",)),
)
"""Without a word in spendgate.yaml: production by its usual stack names, staging likewise, all else development."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one project; the defaults are those of a project without spendgate.yaml.

    ``max_price_age`` is in days: an older price is noted in the report.
    """

    packs: tuple[Pack, ...]
    settings: tuple[Setting, ...] = ()
    policies: tuple[Path, ...] = ()
    environments: tuple[Environment, ...] = DEFAULT_ENVIRONMENTS
    recorded: tuple[RecordedInvoke, ...] = field(default=())
    max_price_age: int | None = None

    def environment(self, stack: str) -> Environment:
        """The first environment that holds the stack; one named after the stack when none does."""
        for environment in self.environments:
            if environment.holds(stack):
                return environment
        return Environment(stack, (stack,))


def load_config(folder: Path, *, file: Path | None = None, packs: tuple[str, ...] = ()) -> Config:
    """The configuration of the project in ``folder``: its spendgate.yaml, or that of the nearest parent folder
    inside the same repository; ``file`` names another one. ``packs`` replaces its packs.

    Raises InputError with file, line and column.
    """
    path = file or find_config(folder)
    if path is None:
        return Config(packs=tuple(load_pack(name) for name in packs or (DEFAULT_PACK,)))
    yaml = read_yaml(path, shown_as=_shown(path))
    schemas.validate(yaml, "config")
    data: Mapping[str, Any] = yaml.data
    base = path.parent
    named = tuple(
        load_pack(name, base, yaml.place("packs", index))
        for index, name in enumerate(data.get("packs", [DEFAULT_PACK]))
    )
    return Config(
        packs=tuple(load_pack(name) for name in packs) if packs else named,
        settings=settings_from(yaml, "guardrails"),
        policies=_policies(yaml, base),
        environments=_environments(yaml) or DEFAULT_ENVIRONMENTS,
        recorded=_recorded(data),
        max_price_age=_max_price_age(yaml),
    )


def find_config(folder: Path) -> Path | None:
    """The nearest spendgate.yaml at or above ``folder``, not beyond the root of its git repository."""
    for candidate in (folder.resolve(), *folder.resolve().parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
        if (candidate / ".git").exists():
            return None
    return None


def _environments(yaml: YamlFile) -> tuple[Environment, ...]:
    return tuple(
        Environment(
            name=name,
            stacks=tuple((settings or {}).get("stacks", [name])),
            settings=settings_from(yaml, "environments", name, "guardrails"),
        )
        for name, settings in yaml.data.get("environments", {}).items()
    )


def _policies(yaml: YamlFile, base: Path) -> tuple[Path, ...]:
    folders = []
    for index, name in enumerate(yaml.data.get("policies", ())):
        if not (base / name).is_dir():
            raise InputError(
                f'no such folder of guardrails: "{name}"',
                place=yaml.place("policies", index),
                remedy=f"Folders are named relative to {base}.",
            )
        folders.append(base / name)
    return tuple(folders)


def _max_price_age(yaml: YamlFile) -> int | None:
    """Days, or None where no age is too much."""
    text = yaml.data.get("prices", {}).get("maxAge")
    if text is None:
        return None
    from spendgate.prices.age import days_of

    return days_of(text, yaml.place("prices", "maxAge"))


def _recorded(data: Mapping[str, Any]) -> tuple[RecordedInvoke, ...]:
    if not data.get("invokes"):
        return ()
    from spendgate.sources.pulumi_program import RecordedInvoke

    return tuple(RecordedInvoke(item["token"], item.get("arguments"), item["result"]) for item in data["invokes"])


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
