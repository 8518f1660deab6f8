"""Facts that live in two resources: which resource another one means, and which ones mean it.

A property means another resource by reference, by a value that is not known yet but is known to come from that
resource (Pulumi tells the dependencies of each property), or by a literal name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from spendgate.facts import path as paths
from spendgate.facts.expression import Joined
from spendgate.facts.outcome import Absent, Known, Outcome, Unclear
from spendgate.facts.tokens import unversioned
from spendgate.resource import Reference, Resource

_SEPARATOR: Final = re.compile(r"[/:]")

NOT_THE_WHOLE_STACK: Final = "the rest of the stack is not known yet"
"""Why what another resource may say is unclear where only a part of the stack is known."""


@dataclass(frozen=True, slots=True)
class Join:
    """``types`` are the other side. Forward, ``by`` are our properties that name it and ``named`` its properties that
    hold its name; backward, ``by`` are its properties that name us and ``named`` ours that hold our name.

    ``outside_is_absent``: a name of nothing in this stack counts as not declared, where defaults then apply.
    ``via`` names a join: what it finds stands for us (a schedule is attached by a resource of its own).
    ``implied``: where no property names us, one that depends on us does (names that Kubernetes makes up are missing
    at preview).
    ``inside``: a part in the middle of a path names as well (``endpoint/NAME/variant/V``).
    """

    types: tuple[str, ...]
    by: tuple[paths.Segments, ...]
    named: tuple[paths.Segments, ...]
    backward: bool = False
    outside_is_absent: bool = False
    applies: Callable[[Resource], bool | Unclear] | None = None
    implied: bool = False
    via: str = ""
    inside: bool = False


@dataclass
class _Meant:
    """What the resources of some types name: addresses, literal names, and values that cannot be told."""

    by_address: dict[str, list[Resource]] = field(default_factory=dict)
    by_name: dict[str, list[Resource]] = field(default_factory=dict)
    open: list[Unclear] = field(default_factory=list)


class Index:
    """The resources of one declaration, by address and type, and what they mean by each join.

    ``whole`` is False where there may be other resources: every join is open then.
    """

    def __init__(self, resources: Iterable[Resource], *, whole: bool = True) -> None:
        self.whole = whole
        self.by_address: dict[str, Resource] = {}
        self._by_type: dict[str, list[Resource]] = {}
        self._meant: dict[tuple[Join, tuple[str, ...]], _Meant] = {}
        self._names: dict[
            tuple[tuple[str, ...], tuple[paths.Segments, ...]], tuple[Mapping[str, Resource], Unclear | None]
        ] = {}
        for resource in resources:
            self.by_address[resource.address] = resource
            self._by_type.setdefault(unversioned(resource.type), []).append(resource)

    def of_types(self, types: Iterable[str]) -> list[Resource]:
        """All resources of some types, in order of declaration within a type."""
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    def alone(self, types: frozenset[str]) -> bool:
        """Whether there is nothing of these types, to which joins lead, whichever resource asks."""
        return self.whole and types.isdisjoint(self._by_type)

    def joined(self, resource: Resource, join: Join, own_types: tuple[str, ...]) -> Joined:
        """The resources on the other side of a join; ``own_types`` are the names of the resource's own type."""
        if not self.whole:
            return _undecided(resource, join)
        return self._backward(resource, join, own_types) if join.backward else self._forward(resource, join)

    def _forward(self, resource: Resource, join: Join) -> Joined:
        found: dict[str, Resource] = {}
        for segments in join.by:
            outcomes = paths.look(resource.properties, segments)
            for outcome in outcomes:
                if isinstance(outcome, Known):
                    result = self._named(resource, join, segments, outcome)
                elif isinstance(outcome, Unclear):
                    result = self._depended(resource, join.types, segments, outcome)
                else:
                    continue
                if result.open is not None:
                    return result
                found |= {other.address: other for other in result.resources}
            if found:
                break
        for other in found.values():
            if other.external:
                return Joined(open=Unclear(f"{other.name} is read, not declared here"))
        return Joined(tuple(found.values()))

    def _named(self, resource: Resource, join: Join, segments: paths.Segments, outcome: Known) -> Joined:
        value = outcome.value
        if isinstance(value, Reference):
            other = self.by_address.get(value.urn)
            if other is not None and unversioned(other.type) in join.types:
                return Joined((other,))
            return Joined(open=Unclear(f"{outcome.path}: refers to a resource that is not declared here"))
        if not isinstance(value, str):
            return Joined(open=Unclear(f"{outcome.path}: names no resource"))
        names, unclear = self._named_so(join.types, join.named)
        for name in _endings(value):
            if name in names:
                return Joined((names[name],))
        doubt = Unclear(f"{outcome.path}: names a resource that is not declared here")
        depended = self._depended(resource, join.types, segments, doubt)
        if depended.resources:
            return depended
        if join.outside_is_absent and unclear is None:
            return Joined()
        return Joined(open=doubt)

    def _named_so(
        self, types: tuple[str, ...], named: tuple[paths.Segments, ...]
    ) -> tuple[Mapping[str, Resource], Unclear | None]:
        """Resources of some types by literal name, and why there may be more names."""
        key = (types, named)
        if key not in self._names:
            by_name: dict[str, Resource] = {}
            doubt: Unclear | None = None
            for other in self.of_types(types):
                known, unclear = _names(other, named)
                for name in known:
                    by_name.setdefault(name, other)
                doubt = doubt or unclear
            self._names[key] = (by_name, doubt)
        return self._names[key]

    def _depended(self, resource: Resource, types: tuple[str, ...], segments: paths.Segments, why: Unclear) -> Joined:
        others = self._dependencies(resource, types, segments)
        if len(others) == 1 or (others and any(isinstance(segment, paths.Each) for segment in segments)):
            return Joined(tuple(others))
        if others:
            names = ", ".join(other.name for other in others)
            return Joined(open=Unclear(f"{why.reason} (one of {names})"))
        return Joined(open=why)

    def _dependencies(self, resource: Resource, types: tuple[str, ...], segments: paths.Segments) -> list[Resource]:
        top = segments[0]
        if resource.property_dependencies:
            addresses = resource.property_dependencies.get(top, ()) if isinstance(top, str) else ()
        else:
            addresses = resource.dependencies
        others = (self.by_address.get(address) for address in addresses)
        return [other for other in others if other is not None and unversioned(other.type) in types]

    def _backward(self, resource: Resource, join: Join, own_types: tuple[str, ...]) -> Joined:
        key = (join, own_types)
        meant = self._meant.get(key)
        if meant is None:
            meant = self._meant[key] = self._all_meant(join, own_types)
        found = {other.address: other for other in meant.by_address.get(resource.address, ())}
        doubts = list(meant.open)
        if meant.by_name:
            known, unclear = _names(resource, join.named)
            found |= {other.address: other for own in known for other in meant.by_name.get(own, ())}
            if unclear is not None:
                doubts.append(unclear)
        return Joined(tuple(found.values()), doubts[0] if doubts else None)

    def _all_meant(self, join: Join, own_types: tuple[str, ...]) -> _Meant:
        meant = _Meant()
        for other in self.of_types(join.types):
            applies = not other.external and (join.applies is None or join.applies(other))
            if isinstance(applies, Unclear):
                meant.open.append(applies)
            if applies is not True:
                continue
            for segments in join.by:
                outcomes = paths.look(other.properties, segments, other.name)
                if not outcomes and join.implied:
                    for own in self._dependencies(other, own_types, segments):
                        meant.by_address.setdefault(own.address, []).append(other)
                for outcome in outcomes:
                    depended = self._dependencies(other, own_types, segments)
                    if isinstance(outcome, Known) and isinstance(outcome.value, Reference):
                        meant.by_address.setdefault(outcome.value.urn, []).append(other)
                    elif depended:
                        for own in depended:
                            meant.by_address.setdefault(own.address, []).append(other)
                    elif isinstance(outcome, Known) and isinstance(outcome.value, str):
                        for name in _inner(outcome.value) if join.inside else _endings(outcome.value):
                            meant.by_name.setdefault(name, []).append(other)
                    elif isinstance(outcome, Unclear):
                        meant.open.append(outcome)
        return meant


def merged(found: Iterable[Joined]) -> Joined:
    """What several joins found together; open as soon as one of them is."""
    parts = list(found)
    resources = {other.address: other for part in parts for other in part.resources}
    return Joined(tuple(resources.values()), next((part.open for part in parts if part.open is not None), None))


def _undecided(resource: Resource, join: Join) -> Joined:
    """Open, unless the join goes by our own properties and none of them is declared, or may name something."""
    if not join.backward:
        declared = (paths.look(resource.properties, segments) for segments in join.by)
        if all(_names_nothing(outcome, join) for outcomes in declared for outcome in outcomes):
            return Joined()
    return Joined(open=Unclear(NOT_THE_WHOLE_STACK))


def _names_nothing(outcome: Outcome, join: Join) -> bool:
    """A literal names nothing where the other side has no names (a location is a group's by reference only)."""
    literal = isinstance(outcome, Known) and isinstance(outcome.value, str)
    return isinstance(outcome, Absent) or (literal and not join.named and join.outside_is_absent)


def _names(resource: Resource, named: tuple[paths.Segments, ...]) -> tuple[list[str], Unclear | None]:
    """The literal names of a resource, and why it may have others."""
    known: list[str] = []
    unclear: Unclear | None = None
    for segments in named:
        for outcome in paths.look(resource.properties, segments, resource.name):
            if isinstance(outcome, Known) and isinstance(outcome.value, str):
                known.append(outcome.value)
            elif isinstance(outcome, Unclear):
                unclear = outcome
    return known, unclear


def _inner(literal: str) -> list[str]:
    """The same, and every part of it for itself."""
    return list(dict.fromkeys([*_endings(literal), *filter(None, _SEPARATOR.split(literal))]))


def _endings(literal: str) -> list[str]:
    """The names that a literal (a name, a path, a URL, an ARN) may mean, the longest first."""
    return [literal, *(literal[mark.end() :] for mark in _SEPARATOR.finditer(literal) if mark.end() < len(literal))]
