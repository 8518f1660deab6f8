"""What spendgate.yaml and the organisation file say about waivers and approvals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.errors import InputError, raise_together
from spendgate.paths import path_in
from spendgate.rules.guardrail import Enforcement
from spendgate.waivers.model import FILE_NAME, LEVELS, NAMESPACE, Approvals, Rules

if TYPE_CHECKING:
    from spendgate.config import Config
    from spendgate.yamlfile import YamlFile

_STRENGTH = (Enforcement.DISABLED, Enforcement.ADVISORY, Enforcement.MANDATORY)


def rules_of(config: Config, folder: Path) -> Rules:
    """The rules for the waivers of the project in ``folder``: they lie beside its spendgate.yaml, else in the folder.

    Raises InputErrors where the project loosens what its organisation says.
    """
    own = config.yaml
    given = config.organization.yaml if config.organization else None
    mine, theirs = _section(own, "waivers"), _section(given, "waivers")
    base = Path(own.path).resolve().parent if own is not None else folder
    raise_together(_loosened(own, mine, theirs))
    limits = {**_limits(theirs, given), **_limits(mine, own)}
    return Rules(
        file=path_in(base, mine.get("file", FILE_NAME), own.place("waivers", "file") if own is not None else None),
        required="file" in mine,
        place=own.place("waivers", "file") if own is not None else None,
        levels=_levels(mine, theirs),
        approvals=_approvals(own, given),
        **limits,
    )


def _section(yaml: YamlFile | None, name: str) -> Mapping[str, Any]:
    section: Mapping[str, Any] = (yaml.data.get(name) if yaml is not None else None) or {}
    return section


def _limits(section: Mapping[str, Any], yaml: YamlFile | None) -> dict[str, int]:
    limits = {
        field: section[key]
        for key, field in (("maxResources", "max_resources"), ("maxGuardrails", "max_guardrails"))
        if key in section
    }
    if "maxLength" in section and yaml is not None:
        from spendgate.prices.age import days_of

        limits["max_length"] = days_of(section["maxLength"], yaml.place("waivers", "maxLength"))
    return limits


def _levels(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Enforcement]:
    said = {**theirs.get("levels", {}), **mine.get("levels", {})}
    return {**LEVELS, **{name: Enforcement(level) for name, level in said.items()}}


def _loosened(own: YamlFile | None, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[InputError]:
    """What a project may not say over its organisation: longer, wider, less strict, and who approves."""
    if own is None:
        return []
    remedy = "The organisation file decides it: leave it out here, or have it changed there."
    found = []
    for key in ("maxLength", "maxResources", "maxGuardrails"):
        if key in mine and key in theirs and _number(mine[key]) > _number(theirs[key]):
            what = f"waivers.{key} is {mine[key]}, and the organisation allows {theirs[key]}"
            found.append(InputError(what, place=own.place("waivers", key), remedy=remedy))
    for name, level in mine.get("levels", {}).items():
        least = theirs.get("levels", {}).get(name, "disabled")
        if _STRENGTH.index(Enforcement(level)) < _STRENGTH.index(Enforcement(least)):
            what = f"the level of {name} is {level}, and the organisation says {least}"
            found.append(InputError(what, place=own.place("waivers", "levels", name), remedy=remedy))
    return found


def _number(value: str | int) -> int:
    return int(str(value).removesuffix("d")) if str(value).removesuffix("d").isdigit() else 0


def _approvals(own: YamlFile | None, given: YamlFile | None) -> Approvals:
    """Who approves: the organisation's word alone, where it has one."""
    yaml = given if _section(given, "approvals") else own
    section = _section(yaml, "approvals")
    if yaml is None or not section:
        return Approvals()
    if yaml is given and own is not None and _section(own, "approvals"):
        raise InputError(
            "who approves is said by the organisation",
            place=own.key_place("approvals"),
            remedy=f"It stands at {yaml.key_place('approvals')}: leave it out here, or have it changed there.",
        )
    signers = section.get("allowedSigners")
    base, place = Path(yaml.path).resolve().parent, yaml.place("approvals", "allowedSigners")
    return Approvals(
        approvers=_approvers(section),
        guardrails=tuple(section.get("guardrails", ())),
        allowed_signers=path_in(base, signers, place) if signers else None,
        namespace=section.get("namespace", NAMESPACE),
    )


def _approvers(section: Mapping[str, Any]) -> tuple[str, ...]:
    """The members of the groups that approve, with those that are named one by one."""
    groups = section.get("groups", {})
    members = [one for group in groups.values() for one in group]
    return tuple(dict.fromkeys((*section.get("approvers", ()), *members)))
