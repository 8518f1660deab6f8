"""Allocation rules and disputes from YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.allocate.model import (
    OWNER,
    Amount,
    Dispute,
    Driver,
    Expression,
    FixedShare,
    Idle,
    Layer,
    Rule,
    RuleSet,
    Window,
)
from spendgate.errors import InputError, did_you_mean, raise_together
from spendgate.yamlfile import YamlFile, read_yaml

COLUMNS: Final = ("pool", "date", "capacity", *OWNER)
"""What a driver table may hold besides its value, each in a column of that name unless the rules say another."""


def load_rules(path: Path) -> RuleSet:
    """The rules of one file. Raises InputError with line and column of every fault."""
    file = read_plain(path)
    schemas.validate(file, "allocation")
    data = file.data
    drivers = {
        name: Driver(
            name,
            body["unit"],
            _expression(file, "drivers", name, "value")
            if "value" in body
            else Expression(f"row.{body['bill']}", file.place("drivers", name, "bill")),
            {key: body.get("columns", {}).get(key, key) for key in COLUMNS},
            file.place("drivers", name),
            body.get("file"),
            data.get("aliases", {}),
            body.get("bill"),
        )
        for name, body in data.get("drivers", {}).items()
    }
    found = RuleSet(
        name=data["metadata"]["name"],
        amount=Amount(data.get("cost", "billed")),
        rules=tuple(_rule(file, index) for index in range(len(data["rules"]))),
        drivers=drivers,
        aliases=data.get("aliases", {}),
        place=file.place(),
    )
    raise_together([*_idle_words(file), *_faults(found)])
    return found


def load_disputes(path: Path) -> tuple[Dispute, ...]:
    """The disputes of one file. Raises InputError with line and column of every fault."""
    file = read_plain(path)
    schemas.validate(file, "disputes")
    names = [body["name"] for body in file.data["disputes"]]
    twice = (at for at, name in enumerate(names) if name in names[:at])
    raise_together(
        [InputError(f'two disputes are named "{names[at]}"', place=file.place("disputes", at, "name")) for at in twice]
    )
    return tuple(
        Dispute(
            body["name"],
            _expression(file, "disputes", index, "match"),
            body["reason"],
            body["openedBy"],
            date.fromisoformat(str(body["opened"])),
        )
        for index, body in enumerate(file.data["disputes"])
    )


def read_plain(path: Path) -> YamlFile:
    """The file with its days as text, which is how JSON Schema knows them."""
    file = read_yaml(path)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.isoformat() if isinstance(value, date) else value

    file.data = plain(file.data)
    return file


def _rule(file: YamlFile, index: int) -> Rule:
    body: Mapping[str, Any] = file.data["rules"][index]
    at = ("rules", index)
    effective = body.get("effective", {})
    return Rule(
        name=body["name"],
        layer=Layer(body["layer"]),
        match=_expression(file, *at, "match"),
        place=file.place(*at),
        owner={key: _expression(file, *at, "owner", key) for key in body.get("owner", {})},
        pool=_expression(file, *at, "pool") if "pool" in body else None,
        driver=body.get("driver"),
        window=Window(body.get("window", "day")),
        minimum_share=str(body.get("minimumShare", 0)),
        idle=Idle(body.get("idle", "proportional")),
        platform={key: str(value) for key, value in body.get("platform", {}).items()},
        shares=tuple(_fixed(share) for share in body.get("shares", ())),
        split=body.get("split", "equal"),
        starts=_day(effective.get("from")),
        ends=_day(effective.get("until")),
        dispute=body.get("dispute"),
    )


def _fixed(share: Mapping[str, Any]) -> FixedShare:
    owner = {key: str(value) for key, value in share.items() if key in OWNER}
    return FixedShare(owner, str(share.get("heads", share.get("percent", 1))))


def _expression(file: YamlFile, *path: str | int) -> Expression:
    value: Any = file.data
    for part in path:
        value = value[part]
    return Expression(str(value), file.place(*path))


def _day(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


_OF_LAYERS: Final = {
    "owner": (Layer.OVERRIDE, Layer.DIRECT),
    "dispute": (Layer.OVERRIDE,),
    **dict.fromkeys(("pool", "driver", "window", "minimumShare", "idle"), (Layer.PROPORTIONAL,)),
    **dict.fromkeys(("split", "shares"), (Layer.FIXED,)),
    "platform": (Layer.PROPORTIONAL, Layer.FIXED),
}
"""The layers whose rules ask for a key; in others it would say something that nobody hears."""

_PAYERS: Final = {"central": "platform", "equal": "shares", "heads": "shares"}
"""Where a fixed rule says who pays; one that is split by percent may have both."""


def _idle_words(file: YamlFile) -> Iterator[InputError]:
    """Keys that the rule they stand in does not use: whoever wrote them expects something else to happen."""
    for field, names in file.data.get("aliases", {}).items():
        for name in names:
            if not isinstance(name, str):
                place = file.key_place("aliases", field, name)
                yield InputError(
                    f"the name {name} is no text", place=place, remedy="Put it in quotes, as the bill has it."
                )
            if names[name] != name and names[name] in names:
                text = f'"{name}" is called "{names[name]}", which is another name itself'
                place, end = file.place("aliases", field, name), names[names[name]]
                yield InputError(text, place=place, remedy=f'Aliases are taken once: write "{end}" if that is meant.')
    for index, body in enumerate(file.data["rules"]):
        named = f'rule "{body["name"]}"'
        yield from _no_names(file, index, "platform")
        for at in range(len(body.get("shares", ()))):
            yield from _no_names(file, index, "shares", at)
        for key in body.keys() & _OF_LAYERS.keys():
            if body["layer"] not in _OF_LAYERS[key]:
                layers = " and ".join(_OF_LAYERS[key])
                text = f"{named} is {body['layer']}: {key} is for {layers} rules"
                yield InputError(text, place=file.key_place("rules", index, key), remedy=f"Leave {key} out.")
        split = body.get("split")
        if split == "central" and "shares" in body:
            text, remedy = f"{named} is paid centrally: shares say nothing", "Name under platform: who pays."
            yield InputError(text, place=file.key_place("rules", index, "shares"), remedy=remedy)
        elif (payers := _PAYERS.get(split)) is not None and payers not in body:
            yield InputError(f"{named} is split {split} and lacks {payers}", place=file.place("rules", index))
        elif split in ("equal", "heads") and "platform" in body:
            text = f"{named}: the shares pay all of it, nothing is left for platform"
            remedy = "Leave platform out, or split by percent."
            yield InputError(text, place=file.key_place("rules", index, "platform"), remedy=remedy)
        if "platform" in body and body["layer"] == Layer.PROPORTIONAL and body.get("idle") != Idle.TO_PLATFORM:
            text, remedy = f"{named}: platform pays nothing here", "Leave it out, or say idle: to_platform."
            yield InputError(text, place=file.key_place("rules", index, "platform"), remedy=remedy)
        if not isfinite(body.get("minimumShare", 0)):
            place = file.place("rules", index, "minimumShare")
            yield InputError(f"{named}: the minimum share is no number", place=place)
        for at, share in enumerate(body.get("shares", ())):
            if not any(key in OWNER for key in share):
                place, remedy = file.place("rules", index, "shares", at), f"It needs one of {', '.join(OWNER)}."
                yield InputError(f"{named} has a share without an owner", place=place, remedy=remedy)
            if split in share and not isfinite(share[split]):
                place = file.place("rules", index, "shares", at, split)
                yield InputError(f"{named} is split {split}: {share[split]} is no number", place=place)
            for key in ("heads", "percent"):
                if key in share and key != split:
                    text = f"{named} is split {split}: {key} says nothing"
                    yield InputError(text, place=file.key_place("rules", index, "shares", at, key))


_AS_CEL: Final = re.compile(r"""(["']).*\1|(tags|line|columns)[.\[].*""")


def _no_names(file: YamlFile, index: int, *at: str | int) -> Iterator[InputError]:
    """Who is named where names stand, and was written as an expression: the owner would be called ``"nlp"``."""
    body: Any = file.data["rules"][index]
    for part in at:
        body = body.get(part, {}) if isinstance(part, str) else body[part]
    for key in (name for name in OWNER if name in body):
        if _AS_CEL.fullmatch(str(body[key])):
            text = f"{body[key]} is an expression: under {at[0]} names stand as they are"
            remedy = "Write the name without quotes inside; a direct rule works owners out."
            yield InputError(text, place=file.place("rules", index, *at, key), remedy=remedy)


def _faults(rules: RuleSet) -> Iterator[InputError]:
    seen: dict[str, Rule] = {}
    for rule in rules.rules:
        if rule.name in seen:
            yield InputError(
                f'two rules are named "{rule.name}"; the first stands at {seen[rule.name].place}', place=rule.place
            )
        seen[rule.name] = rule
        if rule.starts and rule.ends and rule.starts >= rule.ends:
            yield InputError(f'rule "{rule.name}" ends before it starts, so it never holds', place=rule.place)
        if rule.driver is not None and rule.driver not in rules.drivers:
            remedy = did_you_mean(rule.driver, rules.drivers) or "Describe it under drivers:."
            yield InputError(f'no driver "{rule.driver}"', place=rule.place, remedy=remedy)
        if not all(Decimal(share.weight).is_finite() for share in rule.shares):
            continue
        if rule.split == "heads" and rule.shares and not any(Decimal(share.weight) for share in rule.shares):
            yield InputError(f'the heads of rule "{rule.name}" are none: nobody would pay', place=rule.place)
        if rule.split == "percent" and rule.shares:
            total = sum((Decimal(share.weight) for share in rule.shares), Decimal(0))
            if total > 100:
                yield InputError(
                    f'the shares of rule "{rule.name}" are {total} per cent of the whole', place=rule.place
                )
            elif total < 100 and not rule.platform:
                yield InputError(
                    f'the shares of rule "{rule.name}" are {total} per cent of the whole',
                    place=rule.place,
                    remedy="Let them add up to 100, or say under platform: who pays the rest.",
                )
