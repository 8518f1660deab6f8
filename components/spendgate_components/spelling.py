"""One set of tags in each cloud's own alphabet and length."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spendgate_components.errors import ArgumentError


def aws_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of AWS: keys of at most 128 and values of at most 256 characters, letters, digits, spaces and ``+-=._:/@``,
    50 to a resource, none that starts with ``aws:`` (AWS Tagging Best Practices, tag naming limits)."""
    for key, value in tags.items():
        _at_most("AWS", key, len(key), 128, "key")
        _at_most("AWS", key, len(value), 256, "value")
        wrong = sorted(set(re.sub(r"[\w\s+\-=._:/@]", "", value)))
        if wrong:
            raise ArgumentError(
                f"tag {key} has {' '.join(wrong)}, which AWS does not take",
                remedy="Write letters, digits, spaces and + - = . _ : / @.",
            )
    _number("AWS", tags, 50)
    return dict(tags)


def gcp_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Labels of Google Cloud: lower case, letters, digits, ``_`` and ``-``, at most 63 characters, 64 to a resource
    (Google Cloud, requirements for labels). Other characters become ``_``: ``nlp@example.com`` is ``nlp_example_com``.
    """
    found: dict[str, str] = {}
    for key, value in tags.items():
        found[re.sub(r"[^a-z0-9_-]", "_", key.lower())] = re.sub(r"[^a-z0-9_-]", "_", value.lower())
        _at_most("Google Cloud", key, len(value), 63, "value")
    _number("Google Cloud", tags, 64)
    return found


def kubernetes_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Labels of Kubernetes: letters, digits, ``_``, ``-`` and ``.``, a letter or digit at both ends, at most 63
    characters (Kubernetes, labels and selectors). Other characters become ``_``."""
    found: dict[str, str] = {}
    for key, value in tags.items():
        if key.endswith("-"):
            raise ArgumentError(
                f"tag {key} ends with a hyphen, which no Kubernetes label does", remedy="Write a letter or digit there."
            )
        _at_most("Kubernetes", key, len(value), 63, "value")
        label = re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9]+$", "", re.sub(r"[^A-Za-z0-9_.-]", "_", value))
        if not label:
            raise ArgumentError(f'tag {key} is "{value}", of which no Kubernetes label is left', remedy="Write a word.")
        found[key] = label
    return found


def azure_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of Azure: keys of at most 512 characters without ``<>%&\\?/``, values of at most 256, 50 to a resource
    (Azure Resource Manager, tag limitations)."""
    for key, value in tags.items():
        _at_most("Azure", key, len(value), 256, "value")
    _number("Azure", tags, 50)
    return dict(tags)


def _at_most(cloud: str, key: str, length: int, most: int, what: str) -> None:
    if length > most:
        remedy = "Write a shorter one: it is not cut, for then two could become the same."
        raise ArgumentError(f"tag {key}: the {what} has {length} characters, {cloud} takes {most}", remedy=remedy)


def _number(cloud: str, tags: Mapping[str, str], most: int) -> None:
    if len(tags) > most:
        raise ArgumentError(f"{len(tags)} tags; {cloud} takes {most}", remedy="Leave some of tags.extra out.")
