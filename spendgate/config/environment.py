"""Environments: which stacks belong to each, and what differs there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from spendgate.errors import InputError, Place, raise_together
from spendgate.rules.guardrail import Layer
from spendgate.rules.selection import Setting, settings_from
from spendgate.yamlfile import YamlFile


@dataclass(frozen=True, slots=True)
class Environment:
    """A named environment: the stacks that belong to it (names or globs) and what differs there.

    ``settings`` are the project's, ``given`` those of its organisation. ``place`` is where the stacks are written, and
    ``layer`` who writes them; ``named_only`` where nobody does, and the environment holds the stack of its own name.
    """

    name: str
    stacks: tuple[str, ...]
    settings: tuple[Setting, ...] = ()
    given: tuple[Setting, ...] = ()
    place: Place | None = None
    layer: Layer = Layer.BUILT_IN
    named_only: bool = False
    locked: bool = False

    def holds(self, stack: str) -> bool:
        """Whether the stack belongs to this environment."""
        return any(fnmatchcase(stack, pattern) for pattern in self.stacks)


DEFAULT_ENVIRONMENTS = (
    Environment("production", ("prod", "prod-*", "production", "production-*")),
    Environment("staging", ("staging", "staging-*", "stage", "stage-*")),
    Environment("development", ("*",)),
)
"""Without a word in spendgate.yaml: production by its usual stack names, staging likewise, all else development."""


def environments_from(yaml: YamlFile, layer: Layer) -> tuple[Environment, ...]:
    """The environments that one file names. One without stacks holds the stack of its own name."""
    settings_layer = Layer.ENVIRONMENT if layer is Layer.PROJECT else layer
    return tuple(
        Environment(
            name=name,
            stacks=tuple(body.get("stacks", [name])),
            settings=settings_from(yaml, "environments", name, "guardrails", layer=settings_layer, name=name),
            place=yaml.key_place("environments", name, "stacks"),
            layer=layer,
            named_only="stacks" not in body,
            locked=body.get("locked", False),
        )
        for name, body in ((name, body or {}) for name, body in yaml.data.get("environments", {}).items())
    )


def with_organization(project: Iterable[Environment], organization: Iterable[Environment]) -> tuple[Environment, ...]:
    """The environments of a project under its organisation's, in the order in which they are asked for a stack:
    the locked ones, the project's, those that only the organisation has.

    Raises InputErrors where a project says which stacks belong to a locked one.
    """
    own, given = ({environment.name: environment for environment in some} for some in (project, organization))
    order = [name for name, environment in given.items() if environment.locked]
    order += [name for name in own if name not in order]
    order += [name for name in given if name not in order]
    errors = [
        InputError(
            f'the stacks of the environment "{name}" are locked by the organisation',
            place=own[name].place,
            remedy=f"They are locked at {given[name].place}: leave them out here, or have them changed there.",
        )
        for name in order
        if name in own and name in given and given[name].locked and not own[name].named_only
    ]
    raise_together(errors)
    return tuple(_merged(own.get(name), given.get(name)) for name in order)


def _merged(own: Environment | None, given: Environment | None) -> Environment:
    """One environment from the two files that may name it: the project's stacks where it says any."""
    if own is None or given is None:
        (one,) = (environment for environment in (own, given) if environment is not None)
        return one if own is not None else replace(one, settings=(), given=one.settings)
    stacks_from = given if own.named_only else own
    return replace(stacks_from, settings=own.settings, given=given.settings)
