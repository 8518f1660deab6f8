"""``TagSet``: one validated tag set for everything below it, also for what other components declare."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate_components import arguments
from spendgate_components.component import KEYWORDS
from spendgate_components.errors import ArgumentError
from spendgate_components.tags import WorkloadTags, aws_tags, azure_tags, gcp_labels, kubernetes_labels

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
    """Whether they take the place of what a resource says itself. Default: false."""


class TagSet(pulumi.ComponentResource):
    """A tag set that everything below it carries: every resource that has it as its parent, or as a parent's parent.

    It makes nothing itself. In Python, ``WorkloadTags.below()`` does the same without a component.
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
