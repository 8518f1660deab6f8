"""What a new version of a pack refuses that the old one allowed: from what the two say, and from what they make of
given inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.errors import InputError, InputErrors, Place, raise_together
from spendgate.packs.version import Step, parse, step
from spendgate.rules.guardrail import Enforcement, Expression, Guardrail, OnUnknown, Selected
from spendgate.rules.selection import Pack, library_of, load_pack, select
from spendgate.verdict import Checked, Exit, Finding, Verdict

if TYPE_CHECKING:
    from spendgate.resource import Declaration


class Kind(StrEnum):
    """What of a guardrail changed."""

    ADDED = "added"
    REMOVED = "removed"
    LEVEL = "level"
    PARAMETER = "parameter"
    RULE = "rule"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and the version that it alone asks for. ``name`` is that of the parameter."""

    guardrail: str
    kind: Kind
    step: Step
    text: str
    old: Any = None
    new: Any = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class OnInput:
    """What the two packs make of one input: what only the new one refuses, and what only the old one did."""

    path: Path
    project: str
    stack: str
    passed_before: bool
    passes_now: bool
    newly_refused: tuple[Finding, ...]
    no_longer_refused: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two packs beside each other. ``errors`` are inputs that could not be judged."""

    old: Pack
    new: Pack
    changes: tuple[Change, ...]
    inputs: tuple[OnInput, ...] = ()
    errors: tuple[InputError, ...] = ()

    @property
    def refuses_more(self) -> bool:
        """Whether the new pack refuses anything of the inputs that the old one allowed."""
        return any(item.newly_refused for item in self.inputs)

    @property
    def step(self) -> Step:
        """The version step that the changes ask for; what the inputs show outranks what the changes may mean."""
        return Step.MAJOR if self.refuses_more else max((item.step for item in self.changes), default=Step.NONE)

    @property
    def taken(self) -> Step:
        """The step between the two versions."""
        old, new = parse(self.old.version), parse(self.new.version)
        return step(old, new) if old and new else Step.NONE

    @property
    def least(self) -> str:
        """The lowest version that says what the changes are."""
        old = parse(self.old.version)
        return str(old.after(self.step)) if old else self.new.version

    @property
    def enough(self) -> bool:
        """Whether the new version says at least what the changes are."""
        new, least = parse(self.new.version), parse(self.least)
        if new is None or least is None:
            return False
        # A release candidate announces the release that it is for.
        return replace(new, before=()).order >= least.order

    @property
    def why(self) -> str:
        """Why it asks for this step, in a sentence."""
        if self.refuses_more:
            return "it refuses what the old one allowed"
        return {
            Step.MAJOR: "it may refuse what the old one allowed",
            Step.MINOR: "it tells or allows more, and refuses nothing more",
            Step.PATCH: "only texts differ",
            Step.NONE: "nothing differs",
        }[self.step]


def compare(
    old: str, new: str, inputs: tuple[Path, ...] = (), *, stack: str | None = None, config: dict[str, str] | None = None
) -> Difference:
    """Two packs by their references, and what they make of the inputs (Pulumi projects, or files of previews).

    Raises InputErrors for a pack that cannot be used. An input that cannot be judged is among ``errors``.
    """
    packs = (load_pack(old), load_pack(new))
    before, after = (select((pack,), library=library_of((pack,))) for pack in packs)
    changes = tuple(changed(before, after))
    found: list[OnInput] = []
    errors: list[InputError] = []
    for path in inputs:
        try:
            found.append(_on_input(path, packs, stack, config or {}))
        except InputErrors as error:
            errors.extend(error.errors)
        except InputError as error:
            errors.append(error)
    return Difference(*packs, changes, tuple(found), tuple(errors))


def changed(before: tuple[Selected, ...], after: tuple[Selected, ...]) -> Iterator[Change]:
    """What differs between two selections, guardrail by guardrail."""
    old, new = ({item.guardrail.name: item for item in selection} for selection in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield _added(new[name])
        elif name not in new:
            yield _removed(old[name])
        else:
            yield from _within(old[name], new[name])


def _denies(level: Enforcement) -> bool:
    return level in (Enforcement.MANDATORY, Enforcement.REMEDIATE)


def _added(item: Selected) -> Change:
    level = item.enforcement
    size = Step.MAJOR if _denies(level) else Step.PATCH if level is Enforcement.DISABLED else Step.MINOR
    return Change(item.guardrail.name, Kind.ADDED, size, f"is new ({level})", None, str(level))


def _removed(item: Selected) -> Change:
    size = Step.PATCH if item.enforcement is Enforcement.DISABLED else Step.MINOR
    return Change(
        item.guardrail.name, Kind.REMOVED, size, f"is no longer asked (was {item.enforcement})", str(item.enforcement)
    )


def _within(old: Selected, new: Selected) -> Iterator[Change]:
    name = new.guardrail.name
    asked = new.enforcement is not Enforcement.DISABLED
    # What changes in a guardrail that only advises refuses nothing.
    size = Step.MAJOR if _denies(new.enforcement) else Step.MINOR if asked else Step.PATCH
    if old.enforcement is not new.enforcement:
        stronger = _denies(new.enforcement) and not _denies(old.enforcement)
        yield Change(
            name,
            Kind.LEVEL,
            Step.MAJOR if stronger else Step.MINOR,
            f"is {new.enforcement}, was {old.enforcement}",
            str(old.enforcement),
            str(new.enforcement),
        )
    for key in sorted(old.params.keys() | new.params.keys()):
        before, after = old.params.get(key), new.params.get(key)
        if before != after or (key in old.params) != (key in new.params):
            yield Change(
                name, Kind.PARAMETER, size, f"{key} is {_said(after)}, was {_said(before)}", before, after, key
            )
    if rule(old.guardrail) != rule(new.guardrail):
        softer = _only_unknown_differs(old.guardrail, new.guardrail)
        text = "asks another question" if softer is None else f"onUnknown is {new.guardrail.on_unknown}, was "
        text += "" if softer is None else str(old.guardrail.on_unknown)
        yield Change(name, Kind.RULE, min(size, Step.MINOR) if softer else size, text)
    elif _texts(old.guardrail) != _texts(new.guardrail):
        yield Change(name, Kind.TEXT, Step.PATCH, "has other texts")


def _said(value: Any) -> str:
    import json

    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


_WORDS = frozenset(
    {
        "title",
        "category",
        "severity",
        "description",
        "remediation",
        "reference",
        "params",
        "message",
        "message_expression",
    }
)
"""What of a guardrail is said and not asked; its parameters are compared by their values."""
_ELSEWHERE = frozenset({"name", "enforcement", "place"})


def rule(guardrail: Guardrail) -> Any:
    """What a guardrail asks and sets, without the places and words: two that are equal here refuse the same."""
    kept = [item.name for item in fields(guardrail) if item.name not in _WORDS | _ELSEWHERE]
    return tuple((name, _meaning(getattr(guardrail, name))) for name in kept)


def _meaning(value: Any) -> Any:
    if isinstance(value, Expression):
        return (value.name, _plain(value))
    if isinstance(value, tuple):
        return tuple(_meaning(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = [item.name for item in fields(value) if item.name not in _WORDS and item.name != "place"]
        return tuple((name, _meaning(getattr(value, name))) for name in kept)
    return value


def _plain(expression: Expression) -> str:
    return expression.text.strip()


_STRICTNESS: Mapping[OnUnknown, int] = {OnUnknown.SKIP: 0, OnUnknown.WARN: 1, OnUnknown.DENY: 2}


def _only_unknown_differs(old: Guardrail, new: Guardrail) -> bool | None:
    """Where only ``onUnknown`` differs: whether it refuses no more than before. None where more differs."""
    if rule(replace(old, on_unknown=new.on_unknown)) != rule(new):
        return None
    return _STRICTNESS[new.on_unknown] <= max(_STRICTNESS[old.on_unknown], 1)


def _texts(guardrail: Guardrail) -> tuple[Any, ...]:
    said = tuple(
        (item.message, _plain(item.message_expression) if item.message_expression else None)
        for item in guardrail.validations
    )
    words = (guardrail.title, guardrail.description, guardrail.remediation, guardrail.category)
    return (*words, guardrail.severity, guardrail.reference, guardrail.params, said)


def _on_input(path: Path, packs: tuple[Pack, Pack], stack: str | None, config: dict[str, str]) -> OnInput:
    """One input through the gate, once with each pack; a program is run once."""
    from spendgate.checking import judged, prepare

    is_file = path.is_file()
    if not is_file and not path.is_dir():
        raise InputError("no such folder or file", place=path, remedy="Give a Pulumi project, or a preview's file.")
    root = path if path.is_dir() else _read(path).root
    before, after = (prepare(root, None, (str(pack.folder),)) for pack in packs)
    raise_together([*before.faults, *(one for one in after.faults if str(one) not in map(str, before.faults))])
    declaration = _read(path) if is_file else _run(path, after.config.recorded, stack, config)
    old, new = (judged(path, declaration, prepared, False, False) for prepared in (before, after))
    for checked in (old, new):
        if checked.error is not None:
            raise checked.error
    refused_before, refused_now = _refused(old), _refused(new)
    return OnInput(
        path,
        new.project,
        new.stack,
        _passes(old),
        _passes(new),
        tuple(finding for key, finding in refused_now.items() if key not in refused_before),
        tuple(finding for key, finding in refused_before.items() if key not in refused_now),
    )


def _read(path: Path) -> Declaration:
    from spendgate.sources.state_file import read_declaration

    return read_declaration(path)


def _run(path: Path, recorded: Any, stack: str | None, config: dict[str, str]) -> Declaration:
    from spendgate.checking import declare

    return declare(path, recorded, stack, config, "auto", 300.0, None)


def _passes(checked: Checked) -> bool:
    return Verdict((checked,)).exit_code is Exit.PASS


def _refused(checked: Checked) -> dict[tuple[str, str], Finding]:
    return {(item.guardrail, item.address): item for item in checked.findings if item.denies}


def location(place: Place | None) -> str | None:
    """A place as it is printed; None where there is none."""
    return None if place is None else str(place)
