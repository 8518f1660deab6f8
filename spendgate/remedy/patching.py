"""The patches that a guardrail makes to a resource which violates it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from spendgate.errors import Place
from spendgate.facts.writes import TAGS, writes_of
from spendgate.remedy.model import Patch, Refused
from spendgate.remedy.writing import below, patch_of, put
from spendgate.resource import Resource
from spendgate.rules import cel
from spendgate.rules.compiled import Compiled
from spendgate.rules.evaluate import Memo, PatchValues
from spendgate.rules.patch_rules import CompiledPatch
from spendgate.rules.subject import Subject

NO_PATCH = "the guardrail carries no patch"


def patches(
    compiled: Compiled, subject: Subject, resource: Resource, memo: Memo | None = None
) -> tuple[Patch, ...] | Refused:
    """What the guardrail sets in ``resource``, which its expressions see as ``subject``; or why it sets nothing.
    ``memo`` keeps values between resources of one stack.

    All of its patches are made or none: one that leads through something secret or unknown keeps the others from being
    made. The resource is left as it is; ``apply`` makes them.
    """
    if not compiled.patches:
        return Refused(NO_PATCH)
    try:
        return _patches(compiled, PatchValues(compiled, subject, memo), resource)
    except cel.EvalError as error:
        return Refused(f"its patch failed: {error.message}")


def _patches(compiled: Compiled, values: PatchValues, resource: Resource) -> tuple[Patch, ...] | Refused:
    properties: dict[str, Any] = dict(resource.properties)
    made: list[Patch] = []
    missing = f"no patch of it is for {resource.type}"
    for rule in compiled.patches:
        if not rule.is_for(resource.type):
            continue
        wanted = True if rule.when is None else values.of(rule.when)
        if isinstance(wanted, cel.Undetermined):
            return Refused(f"whether its patch is made hangs on {'; '.join(values.reasons(wanted))}")
        if wanted is not True:
            missing = f"its patch is not made here ({_place(rule)})"
            continue
        targets = _targets(rule, resource, values)
        if isinstance(targets, Refused):
            return targets
        if targets is None:
            missing = f'where {resource.type} writes "{rule.rule.fact}" is not known'
            continue
        set_before = {patch.path for patch in made}
        for path, value in targets.items():
            if rule.rule.fact == TAGS and path in set_before:
                continue
            found = patch_of(properties, path, value)
            if isinstance(found, Refused):
                return found
            if found is not None:
                put(properties, found)
                made.append(replace(found, rule=rule.rule.place))
            else:
                missing = "its patch changes nothing"
    return tuple(made) if made else Refused(missing)


def _place(rule: CompiledPatch) -> Place:
    return rule.rule.when.place if rule.rule.when is not None else rule.rule.place


def _targets(patch: CompiledPatch, resource: Resource, values: PatchValues) -> Mapping[str, Any] | Refused | None:
    """Values by the path that they are set at; None where the type says no place for the fact."""
    rule = patch.rule
    write = writes_of(resource.type).get(rule.fact) if rule.fact is not None else None
    if rule.fact is not None and write is None:
        return None
    if rule.fact == TAGS and (reason := values.subject.unknown.get(("facts", "tag_keys"))):
        return Refused(reason)
    value = values.of(patch.program)
    if isinstance(value, cel.Undetermined):
        return Refused(f"its value hangs on {'; '.join(values.reasons(value))}")
    value = _plain(value)
    if rule.fact == TAGS and write is not None:
        wrong = next(_not_tags(value), None)
        if wrong is not None:
            return wrong
        # What somebody has set stays as it is, be it known only after apply.
        there = values.subject.values["facts"]["tag_keys"]
        return {below(write.path, key): text for key, text in sorted(value.items()) if key not in there}
    if write is None:
        return {str(rule.path): value}
    converted = write.convert(value) if _fits(rule.fact or "", value) else None
    if converted is None:
        return Refused(f'{write.path}: takes no such value for "{rule.fact}"')
    return {write.path: converted}


def _fits(fact: str, value: Any) -> bool:
    """Whether a value is of the fact's type; one that is told at run time only may not be."""
    from spendgate.facts.writes import type_of

    kinds: dict[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,), "double": (int, float)}
    return isinstance(value, kinds[type_of(fact)]) and (type_of(fact) == "bool" or not isinstance(value, bool))


def _not_tags(value: Any) -> Iterator[Refused]:
    if not isinstance(value, dict):
        yield Refused("its tags are no map")
        return
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            yield Refused(f'its tag "{key}" is no text')


def _plain(value: Any) -> Any:
    """As JSON has it: whole numbers are whole, as the provider's own are."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
