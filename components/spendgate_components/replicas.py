"""How many copies of an endpoint there are: bounded, and few without a request."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spendgate_components.errors import ArgumentError, whole_number
from spendgate_components.tags import WorkloadTags

WARM: Final = 2
WARM_OF_MODEL: Final[Mapping[str, int]] = {"A100": 0, "H100": 0, "H200": 0, "B200": 0, "B300": 0}
"""Accelerators that may stay up without a request: as in the guardrail ``gpu-warm-pool``."""

MOST_REPLICAS: Final = 10
MOST_FACTOR: Final = 10
"""Replicas that it may grow to: so many, or so many times the expected ones, as in ``scaling-bounded``."""


@dataclass(frozen=True)
class Replicas:
    """How many copies serve. In Python a pair (min, max) or a triple (min, expected, max) will do."""

    max: int
    """The most that there may be: at most 10, or ten times the expected ones."""
    min: int | None = None
    """The fewest, up without a request: 0 (default); in production as many as hold two accelerators."""
    expected: int | None = None
    """How many there are on average, the fewest to the most: what it starts with and what the expected cost counts.
    Default: the fewest; one on SageMaker. Cloud Run, Vertex AI and KServe know the fewest and the most only."""

    @classmethod
    def from_sequence(cls, value: Sequence[Any]) -> "Replicas":
        """Replicas from (min, max) or (min, expected, max). Raises ArgumentError."""
        if len(value) == 2:
            return cls(min=value[0], max=value[1])
        if len(value) == 3:
            return cls(min=value[0], expected=value[1], max=value[2])
        raise ArgumentError(f"replicas has {len(value)} values", remedy="Write (min, max) or (min, expected, max).")


def counted(replicas: Replicas, tags: WorkloadTags, *, first_up: bool, average_known: bool) -> tuple[int, int, int]:
    """The fewest, the expected and the most. ``first_up``: at least one runs at first; ``average_known``: the platform
    can be told how many there are on average. Raises ArgumentError."""
    production = tags.in_production
    most = whole_number("replicas.max", replicas.max, 1, 1000, "replicas")
    least = whole_number("replicas.min", 0 if replicas.min is None else replicas.min, 0, most, "replicas")
    if least and not production:
        remedy = f"Write replicas=(0, {most}): it starts with the first request."
        raise ArgumentError(f"replicas.min keeps {least} up in {tags.environment} without a request", remedy=remedy)
    if least and tags.review_by is None:
        remedy = 'Write the day on which that is reviewed: review_by="2026-12-31" in tags.'
        raise ArgumentError(f"replicas.min keeps {least} up for good", remedy=remedy)
    first = max(least, 1) if first_up else least
    if replicas.expected is not None and not average_known:
        remedy = "Write replicas=(min, max), and how many there are on average in a usage file (instances)."
        raise ArgumentError("replicas.expected cannot be declared there", remedy=remedy)
    expected = first if replicas.expected is None else replicas.expected
    expected = whole_number("replicas.expected", expected, first, most, "replicas")
    bound = max(MOST_REPLICAS, MOST_FACTOR * expected)
    if most > bound:
        remedy = f"Write at most {bound}: ten, or ten times the expected ones."
        raise ArgumentError(f"replicas.max is {most}, with {expected} expected", remedy=remedy)
    return least, expected, most


def bounded_warm(least: int, model: str, per_replica: int) -> None:
    """That what stays up without a request is bounded. Raises ArgumentError."""
    allowed, warm = WARM_OF_MODEL.get(model, WARM), least * per_replica
    if warm > allowed:
        fewer = allowed // per_replica
        raise ArgumentError(
            f"replicas.min keeps {warm} × {model} up without a request; at most {allowed}",
            remedy=f"Write replicas=({fewer}, …): images and weights near the nodes shorten the start instead.",
        )
