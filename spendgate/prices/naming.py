"""What the name of an instance type tells by the provider's own naming rules: group, family, zone."""

from __future__ import annotations

import re
from collections.abc import Iterable

PROVIDERS = ("aws", "azure", "gcp")

# The file a name is looked up in: the letters before the first digit (g5.xlarge: g), for SageMaker "ml",
# the series of a GCP machine type (a2-highgpu-1g: a2), the leading capitals of an Azure size (NC24ads…: NC); of those
# without an accelerator there are so many that each version has a file (D4ads_v5: Dv5).
_GROUPS = {
    "aws": re.compile(r"(ml)\.|([a-z]+)"),
    "gcp": re.compile(r"([a-z0-9]+)-"),
    "azure": re.compile(r"Standard_(?:(N[A-Z]*)|([A-Z]+)\d[^_]*(?:_(v\d+))?)"),
}
_REGION_OF_ZONE = {
    "aws": re.compile(r"([a-z]{2,4}(?:-[a-z]+)+-\d+)(?:[a-z]|-.+)"),
    "gcp": re.compile(r"([a-z]+-[a-z]+\d+)-[a-z0-9]+"),
}
_CUSTOM = re.compile(r"(?:[a-z0-9]+-)?custom-(\d+)-(\d+)(?:-ext)?")


def group_of(provider: str, name: str) -> str | None:
    """The group (and file) that holds a name, or None where the name does not follow the provider's form."""
    pattern = _GROUPS.get(provider)
    # It becomes the name of a file: no type of any provider is this long.
    found = pattern.match(name) if pattern and len(name) <= 100 else None
    return "".join(filter(None, found.groups())) if found else None


def family_of(provider: str, name: str) -> str:
    """``g5`` of ``g5.xlarge`` and ``ml.g5.xlarge``, ``a2`` of ``a2-highgpu-1g``, ``NC`` of ``Standard_NC6s_v3``
    and ``Dv5`` of ``Standard_D4ads_v5``."""
    if provider == "aws":
        return name.removeprefix("ml.").split(".", 1)[0]
    return group_of(provider, name) or name


def short_name(provider: str, name: str) -> str:
    """The name without what is around it: the path of a GCP URL, blanks, the case of an Azure size's prefix."""
    name = name.strip()
    if provider == "gcp":
        return name.rstrip("/").rsplit("/", 1)[-1]
    if provider == "azure" and name.lower().startswith("standard_"):
        return "Standard_" + name[len("standard_") :]
    return name


def region_of_zone(provider: str, zone: str) -> str | None:
    """The region that a zone's name starts with: ``us-east-1`` of ``us-east-1a`` or ``us-east-1-bos-1a``."""
    pattern = _REGION_OF_ZONE.get(provider)
    found = pattern.fullmatch(short_name(provider, zone)) if pattern else None
    return found[1] if found else None


def custom_shape(provider: str, name: str) -> tuple[float, float] | None:
    """vCPUs and GiB of a GCP custom machine type (``n2-custom-4-8192``), which its name states."""
    found = _CUSTOM.fullmatch(name) if provider == "gcp" else None
    return (float(found[1]), int(found[2]) / 1024) if found else None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word with the fewest wrong letters; of equally near ones that with the same letters (``us-esat-1``),
    then that of the same length (``p5.49xlarge`` is no ``p5.4xlarge``), then the first by name."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=5, cutoff=0.75)

    def distance(candidate: str) -> tuple[int, bool, bool, str]:
        letters = sorted(candidate) != sorted(word)
        return _edits(word, candidate), letters, len(candidate) != len(word), candidate

    return min(near, key=distance) if near else None


def _edits(word: str, other: str) -> int:
    """How many letters have to be put in, left out or changed (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for many, letter in enumerate(word, 1):
        before, row[0] = row[0], many
        for place, theirs in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != theirs))
    return row[-1]
