"""Which resource of an estimate a charge of a bill is of, and by what that is known."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spendgate.allocate.projected.cost_lines import service_of
from spendgate.errors import InputError, did_you_mean
from spendgate.reconcile.model import Charge, EstimatedResource

OWNING: Final = (
    "eks:nodegroup-name",
    "aws:autoscaling:groupName",
    "aws:eks:nodegroup-name",
    "goog-k8s-node-pool-name",
    "aks-managed-poolName",
    "karpenter.sh/nodepool",
    "aws:batch:compute-environment",
    "aws:ecs:serviceName",
    "sagemaker:notebook-instance-name",
    "Name",
)
"""Tags that providers (and people) write on what belongs to a named resource."""

_SUFFIX: Final = re.compile(r"-[0-9a-f]{7}")
_AZURE: Final = "/subscriptions/"
_DISK: Final = re.compile(r"_(os|data)?disk_?\d+_[0-9a-f]+$")
"""How Azure names the disks that it makes for a machine: train-vm_OsDisk_1_0a1b…"""

_KINDS: Final = ("machine", "storage", "network", "fee", "tokens")

LEAST_TAGS: Final = 2
"""Fewer tags than these are no name."""


@dataclass(frozen=True, slots=True)
class Match:
    """A resource and how it was found: ``map``, ``resource id``, ``URN``, ``name``, ``name with a suffix``,
    ``name of its disk``, ``tag KEY`` or ``tags``."""

    resource: EstimatedResource
    method: str


def read_map(path: Path, resources: Sequence[EstimatedResource]) -> tuple[tuple[str, EstimatedResource], ...]:
    """Patterns of resource ids or names on the bill, each with its resource.

    The file is CSV with the columns ``estimate`` (a name or a URN of the estimate) and ``bill`` (a ResourceId or
    ResourceName; * and ? are wildcards). Raises InputError with the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns, rows = set(table.fieldnames or ()), list(table)
    except OSError as error:
        raise InputError(f"the map cannot be read: {error.strerror}", place=path) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the map cannot be read: {error}", place=path) from None
    if not {"estimate", "bill"} <= columns:
        raise InputError(
            "the map has not the columns estimate and bill", place=path, remedy="Write estimate,bill as its first row."
        )
    found: dict[str, EstimatedResource] = {}
    for number, row in enumerate(rows, start=2):
        if None in row:  # where DictReader keeps what stands behind the last column
            raise InputError(f"row {number} has more cells than the first row", place=path, remedy="Quote commas.")
        name, pattern = ((row[column] or "").strip() for column in ("estimate", "bill"))
        meant = [one for one in resources if name in (one.name, one.address)]
        if len(meant) != 1:
            what = "no resource" if not meant else f"{len(meant)} resources"
            near = did_you_mean(name, (one.name for one in resources))
            raise InputError(
                f'row {number}: the estimate has {what} "{name}"',
                place=path,
                remedy="Write the URN." if meant else near,
            )
        if not pattern:
            remedy = "Write a ResourceId or ResourceName; * and ? stand for any letters."
            raise InputError(f"row {number}: it says nothing of the bill", place=path, remedy=remedy)
        if found.setdefault(pattern, meant[0]) is not meant[0]:
            text = f'row {number}: "{pattern}" is {found[pattern].name} by an earlier row'
            raise InputError(text, place=path, remedy="A charge is of one resource.")
    return tuple(found.items())


def _pattern(text: str) -> re.Pattern[str]:
    """What a row of the map means: * and ? are any letters, everything else is itself; Azure's ids have any case."""
    wild = {"*": ".*", "?": "."}
    written = "".join(wild.get(letter, re.escape(letter)) for letter in text)
    return re.compile(written, re.DOTALL | (re.IGNORECASE if text.lower().startswith(_AZURE) else re.NOFLAG))


class Matcher:
    """The resources of an estimate by all that may tell them on a bill."""

    def __init__(
        self, resources: Sequence[EstimatedResource], mapped: Sequence[tuple[str, EstimatedResource]] = ()
    ) -> None:
        self.mapped = [(_pattern(text), resource) for text, resource in mapped]
        self.unused = {pattern: text for (text, _), (pattern, _) in zip(mapped, self.mapped, strict=True)}
        self.addresses = {one.address: one for one in resources}
        self.ids: dict[str, list[EstimatedResource]] = {}
        self.names: dict[str, list[EstimatedResource]] = {}
        self.tagged = [one for one in resources if len(one.tags) >= LEAST_TAGS]
        self.ambiguous: set[str] = set()
        for one in resources:
            for id_ in one.ids:
                self.ids.setdefault(id_, []).append(one)
            for name in one.names:
                self.names.setdefault(name, []).append(one)
        # Azure writes its names in whatever case.
        self.azure: dict[str, list[EstimatedResource]] = {}
        for one in resources:
            for text in {text.lower() for text in (*one.names, *one.ids)} if one.type.startswith("azure") else ():
                self.azure.setdefault(text, []).append(one)
        self.known: dict[tuple[object, ...], Match | None] = {}

    def find(self, charge: Charge) -> Match | None:
        """The resource of a charge; None where there is none, or several that cannot be told apart."""
        key = (charge.resource_id, charge.resource_name, charge.service, tuple(sorted(charge.tags.items())))
        if key not in self.known:
            self.known[key] = self._find(charge)
        return self.known[key]

    def _find(self, charge: Charge) -> Match | None:
        called = [text for text in (charge.resource_id, charge.resource_name) if text]
        for pattern, resource in self.mapped:
            if any(map(pattern.fullmatch, called)):
                self.unused.pop(pattern, None)
                return Match(resource, "map")
        for text in called:
            if text in self.addresses:
                return Match(self.addresses[text], "URN")
        for value in charge.tags.values():
            if value in self.addresses:
                return Match(self.addresses[value], "URN")
        ends = [text for one in called for text in (one, *_ends(one))]
        for method, found in self._by_name(charge, ends):
            chosen = _only(found, charge)
            if chosen is not None:
                return Match(chosen, method)
            if found:
                self.ambiguous.add(" or ".join(sorted(one.address for one in found)))
                return None
        return self._by_tags(charge)

    def _by_name(self, charge: Charge, ends: Sequence[str]) -> Iterable[tuple[str, list[EstimatedResource]]]:
        def all_of(index: Mapping[str, list[EstimatedResource]], texts: Iterable[str]) -> list[EstimatedResource]:
            return list({one.address: one for text in texts for one in index.get(text, ())}.values())

        yield "resource id", all_of(self.ids, ends)
        yield "name", all_of(self.names, ends)
        yield "name with a suffix", all_of(self.names, (_SUFFIX.sub("", text) for text in ends if _has_suffix(text)))
        if (charge.resource_id or "").lower().startswith(_AZURE):
            low = [text.lower() for text in ends]
            yield "name", all_of(self.azure, low)
            yield "name of its disk", all_of(self.azure, (_DISK.sub("", text) for text in low if _DISK.search(text)))
        # Exports write the keys of tags in their own ways: aws:eks:nodegroup-name, aws_eks_nodegroup_name.
        tags = {_letters(key): value for key, value in charge.tags.items()}
        for key in OWNING:
            if value := tags.get(_letters(key)):
                found = all_of(self.names, [value, *([_SUFFIX.sub("", value)] if _has_suffix(value) else [])])
                yield f"tag {key}", found

    def _by_tags(self, charge: Charge) -> Match | None:
        """The one resource of the same service all of whose tags the charge carries."""
        if not charge.tags:
            return None
        carried = charge.tags.items()
        found = [one for one in self.tagged if one.tags.items() <= carried and charge.service in _services(one)]
        most = max((len(one.tags) for one in found), default=0)
        best = [one for one in found if len(one.tags) == most]
        if len(best) == 1:
            return Match(best[0], "tags")
        if best:
            self.ambiguous.add(" or ".join(sorted(one.address for one in best)))
        return None


def _only(found: Sequence[EstimatedResource], charge: Charge) -> EstimatedResource | None:
    if len(found) == 1:
        return found[0]
    same = [one for one in found if charge.service in _services(one)]
    return same[0] if len(same) == 1 else None


def _services(resource: EstimatedResource) -> set[str | None]:
    return {service_of(resource.type, kind)[0] for kind in _KINDS} - {None}


def _ends(text: str) -> Iterable[str]:
    """What comes last in an ARN, a self link or a resource path."""
    splits: tuple[Callable[[], str], ...] = (lambda: text.rsplit("/", 1)[-1], lambda: text.rsplit(":", 1)[-1])
    for split in splits:
        end = split()
        if end and end != text:
            yield end


def _letters(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())


def _has_suffix(text: str) -> bool:
    return _SUFFIX.fullmatch(text[-8:]) is not None
