"""``TagSet``: one validated tag set in each cloud's spelling, and in Python for everything below it."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate_components import arguments
from spendgate_components.component import KEYWORDS
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import aws_tags, azure_tags, gcp_labels, kubernetes_labels
from spendgate_components.tags import WorkloadTags

_CLOUDS: Final[Mapping[str, Callable[[Mapping[str, str]], dict[str, str]]]] = {
    "aws": aws_tags,
    "azure": azure_tags,
    "gcp": gcp_labels,
    "kubernetes": kubernetes_labels,
}


@dataclass(frozen=True)
class TagSetArgs:
    """Arguments of a TagSet."""

    tags: WorkloadTags
    """Who pays, for what."""
    over: bool | None = None
    """Python: whether they take the place of what a resource below says itself. Default: false."""


class TagSet(pulumi.ComponentResource):
    """A validated tag set as each cloud takes it. It makes nothing itself.

    In a program in Python, every resource that has it as its parent, or as a parent's parent, carries the tags. In
    another language the engine asks only the program's own transforms: use the outputs there.
    """

    aws: pulumi.Output[dict[str, str] | None]
    """The tags as AWS takes them. Missing where one of them does not fit."""
    azure: pulumi.Output[dict[str, str] | None]
    """The tags as Azure takes them. Missing where one of them does not fit."""
    gcp: pulumi.Output[dict[str, str] | None]
    """Labels as Google Cloud takes them. Missing where one of them does not fit."""
    kubernetes: pulumi.Output[dict[str, str] | None]
    """Labels as Kubernetes takes them. Missing where one of them does not fit."""

    def __init__(
        self,
        name: str,
        args: TagSetArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(TagSetArgs, args, given)
        transform = known.tags.below(over=bool(known.over))
        below = pulumi.ResourceOptions(transforms=[transform])
        super().__init__("spendgate:index:TagSet", name, None, pulumi.ResourceOptions.merge(opts, below))
        spelt = {cloud: _spelt(cloud, known.tags, self) for cloud in _CLOUDS}
        for cloud, tags in spelt.items():
            setattr(self, cloud, pulumi.Output.from_input(tags))
        self.register_outputs(spelt)


def _spelt(cloud: str, tags: WorkloadTags, component: pulumi.Resource) -> dict[str, str] | None:
    try:
        return _CLOUDS[cloud](tags.values)
    except ArgumentError as error:
        pulumi.warn(f"not for {cloud}: {error.message}", component)
        return None
