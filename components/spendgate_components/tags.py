"""``WorkloadTags``: who pays, for what. One set, written in each cloud's own alphabet and length."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import pulumi

from spendgate_components.errors import ArgumentError, one_of

ENVIRONMENTS: Final = ("dev", "development", "test", "staging", "prod", "production", "sandbox")
"""Agreed names of environments: those of the guardrail ``allowed-tag-values`` (a test holds them together)."""

PRODUCTION: Final = ("prod", "production")

_NAME = re.compile(r"[a-z][a-z0-9-]{1,62}")
_COST_CENTER = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_KEY = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TICKET = re.compile(r"[a-zA-Z]+-[0-9]+")
_DAY = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_UNBOUNDED = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|(^|[-_])[0-9a-f]{16,}($|[-_])|20[0-9]{2}[-_]?[01][0-9][-_]?[0-3][0-9]|[0-9]{9,}"
)
"""Values that are new with every run; as in the guardrail ``tag-bounded-values``."""

_GROUPED: Final = ("project", "team", "owner", "environment", "cost-center", "model", "dataset", "run-type")
_SPELLINGS: Final[Mapping[str, str]] = {
    "proj": "project", "project-name": "project", "team-name": "team", "created-by": "owner", "env": "environment",
    "stage": "environment", "costcenter": "cost-center", "cost-centre": "cost-center",
}  # fmt: skip


@dataclass(frozen=True)
class WorkloadTags:
    """One validated tag set. Every child of a component carries all of it: as tags on AWS and Azure, as labels on
    Google Cloud and Kubernetes."""

    project: str
    """What it is for: lower-case letters, digits and hyphens, 2 to 63 characters."""
    team: str
    """Who builds it: lower-case letters, digits and hyphens, 2 to 63 characters."""
    owner: str
    """Who answers for it: a person or a group, as a name or an e-mail address."""
    environment: str
    """dev, development, test, staging, prod, production or sandbox."""
    cost_center: str
    """Who pays: lower-case letters, digits and hyphens, 2 to 63 characters."""
    model: str | None = None
    """The model that it trains or serves; the lasting name, not a run's."""
    model_version: str | None = None
    """The version of the model that it serves."""
    dataset: str | None = None
    """The dataset that it reads."""
    run_type: str | None = None
    """training, fine-tuning, evaluation, batch-inference, online-inference, embedding, data-preparation, notebook."""
    review_by: str | None = None
    """The day on which its use is reviewed, as 2026-12-31."""
    expires_on: str | None = None
    """The day on which it goes, as 2026-12-31."""
    commitment: str | None = None
    """The commitment that covers steady on-demand capacity, or the ticket that decided against one."""
    extra: dict[str, str] | None = None
    """More tags. Keys are lower-case letters, digits and hyphens."""

    def __post_init__(self) -> None:
        for name, pattern in (("project", _NAME), ("team", _NAME), ("cost_center", _COST_CENTER)):
            _matches(name, getattr(self, name), pattern, "lower-case letters, digits and hyphens, 2 to 63 characters")
        one_of("tags.environment", self.environment, ENVIRONMENTS)
        for name in ("review_by", "expires_on"):
            if getattr(self, name) is not None:
                _matches(name, getattr(self, name), _DAY, "a day, such as 2026-12-31")
        for key in self.extra or {}:
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                remedy = "Write lower-case letters, digits and hyphens: every cloud takes them."
                raise ArgumentError(f'tags.extra has the key "{key}"', remedy=remedy)
            agreed = _SPELLINGS.get(key, key)
            if agreed.replace("-", "_") in _FIELDS:
                raise ArgumentError(
                    f'tags.extra has the key "{key}"', remedy=f"Write {agreed.replace('-', '_')}=… of WorkloadTags."
                )
        for key, value in self.values.items():
            if not isinstance(value, str) or not value.strip():
                raise ArgumentError(
                    f"tag {key} has no value", remedy="Write a text that is not empty, or leave it out."
                )
            if key in _GROUPED and _UNBOUNDED.search(value):
                remedy = "Write the lasting part of it; put the run's number into a tag of its own (extra)."
                raise ArgumentError(f'tag {key} is "{value}": a value that is new with every run', remedy=remedy)

    @property
    def values(self) -> dict[str, str]:
        """The tags by key, as written; keys have hyphens."""
        own = ((name.replace("_", "-"), getattr(self, name)) for name in _FIELDS)
        return {**{key: value for key, value in own if value is not None}, **(self.extra or {})}

    @property
    def in_production(self) -> bool:
        """Whether the environment is production."""
        return self.environment in PRODUCTION

    def below(self, *, over: bool = False) -> pulumi.ResourceTransform:
        """A transform that gives these tags to everything below a component, whoever declares it:
        ``pulumi.ResourceOptions(transforms=[tags.below()])``.

        Each resource that takes tags gets them in its cloud's own alphabet (AWS, Azure, Google Cloud, Kubernetes). A
        tag that a resource already has stays, unless ``over``.
        """
        from spendgate_components.below import tagging

        return tagging(self.values, over=over)

    def everywhere(self, *, over: bool = False) -> None:
        """Give these tags to every resource of the stack that is declared from here on, as ``below`` does."""
        pulumi.runtime.register_resource_transform(self.below(over=over))


_FIELDS: Final = tuple(field.name for field in fields(WorkloadTags) if field.name != "extra")


def ticket(name: str, value: str | None) -> str | None:
    """The ticket of an approval, such as ``FIN-42``. Raises ArgumentError for anything else."""
    if value is not None:
        _matches(name, value, _TICKET, "a ticket, such as FIN-42")
    return value


def _matches(name: str, value: object, pattern: re.Pattern[str], expected: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ArgumentError(f'{name} is "{value}"', remedy=f"Write {expected}.")
