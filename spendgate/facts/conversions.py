"""Conversions that mapping tables name: from what a provider writes to a fact's unit.

Each takes a value and its property path, and gives ``Known``, or ``Unclear`` with the path where it does not fit.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from spendgate.facts import cron
from spendgate.facts.outcome import ABSENT, Known, Outcome, Unclear, not_known_yet, wrong_type
from spendgate.resource import UNKNOWN, Blob, Reference, Secret, Unknown, unknown_paths

GIB: Final = 1024**3

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?")
_SUFFIX: Final[Mapping[str | None, float]] = {None: 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3} | {
    f"{letter}{mark}": base**n for mark, base in (("", 1000.0), ("i", 1024.0)) for n, letter in enumerate("kMGTPE", 1)
} | {"Ki": 1024.0}  # fmt: skip
_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_ISO_DURATION: Final = re.compile(
    r"P(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE
)
_EVENTBRIDGE: Final = re.compile(r"cron\((\S+ \S+ \S+ \S+) (\S+) \*\)")
_IDLE_NUMBER: Final = re.compile(r"(?:\b(IDLE_TIME(?:OUT)?)=|--(?:idle-)?time(?:out)?[ =])[\"']?(\d{1,9})\b")
_IDLE_WORDS: Final = re.compile(r"auto-?stop|idle|shutdown|stop-notebook-instance", re.IGNORECASE)

# Sizes in GiB: MicrosoftDocs/azure-docs, virtual-machines/disks-types.md (Premium SSD, Standard SSD, Standard HDD).
_DISK_TIERS: Final[Mapping[float, str]] = {
    4: "1", 8: "2", 16: "3", 32: "4", 64: "6", 128: "10", 256: "15", 512: "20", 1024: "30", 2048: "40", 4096: "50",
    8192: "60", 16384: "70", 32767: "80",
}  # fmt: skip
_SMALLEST_HDD: Final = 32.0


def text(value: Any, path: str) -> Outcome:
    """A text; the name of another resource is known where its id is."""
    if isinstance(value, Reference):
        return not_known_yet(path) if isinstance(value.id, Unknown) else Known(value.id, path)
    return Known(value, path) if isinstance(value, str) else wrong_type(path, "a text", value)


def number(value: Any, path: str) -> Outcome:
    """A number of 0 or more; providers write some as texts."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return wrong_type(path, "a number", value)
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return wrong_type(path, "a number", value)
    if not math.isfinite(result) or result < 0:
        return Unclear(f"{path}: expected a number of 0 or more")
    return Known(result, path)


def unless_minus_1(value: Any, path: str) -> Outcome:
    """A number, where -1 says that it stays as it is (scheduled actions of AWS)."""
    return ABSENT if value in (-1, "-1") else number(value, path)


def boolean(value: Any, path: str) -> Outcome:
    """True or false; some properties write them as texts."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return Known(value.lower() == "true", path)
    return Known(value, path) if isinstance(value, bool) else wrong_type(path, "true or false", value)


def quantity(value: Any, path: str) -> Outcome:
    """A Kubernetes quantity (``500m``, ``16Gi``, ``2``) in its base unit."""
    if not isinstance(value, str):
        return number(value, path)
    found = _QUANTITY.fullmatch(value.strip())
    if found is None:
        return Unclear(f"{path}: is no Kubernetes quantity")
    factor = 10.0 ** int(found[3]) if found[3] else _SUFFIX[found[2]]
    return number(float(found[1]) * factor, path)


def duration_hours(value: Any, path: str) -> Outcome:
    """A duration (``3600s``, ``1h30m``, ISO 8601 as in ``PT30M``) in hours."""
    if not isinstance(value, str):
        return wrong_type(path, "a duration", value)
    found = _DURATION.fullmatch(value.strip()) or _ISO_DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        return Unclear(f"{path}: is no duration")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return Known(days * 24 + hours + minutes / 60 + seconds / 3600, path)


def idle_script_minutes(value: Any, path: str) -> Outcome:
    """Minutes after which a start script (base64 or plain) stops an idle machine, where it states a number of seconds.

    The script of the AWS samples writes ``IDLE_TIME=3600``, and reads it later, or ``--time 3600``. Comments do not
    count. A script that speaks of stopping but
    states no number is unclear; any other script has nothing to do with it.
    """
    if not isinstance(value, str):
        return wrong_type(path, "a script", value)
    try:
        script = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        script = value
    script = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    for found in _IDLE_NUMBER.finditer(script):
        # A variable that nothing reads stops nothing.
        if found[1] is None or re.search(rf"\$\{{?{found[1]}\b", script[found.end() :]):
            return Known(int(found[2]) / 60, path)
    if _IDLE_WORDS.search(script):
        return Unclear(f"{path}: the script speaks of stopping when idle, but states no time that could be read")
    return ABSENT


def cron_line(value: Any, path: str) -> Outcome:
    """The cron line of an expression of EventBridge: ``cron(0 8 ? * MON-FRI *)`` is ``0 8 * * MON-FRI``, if it holds
    for every year. Its numbers of weekdays count from 1, Sunday: one that has any is unclear."""
    found = _EVENTBRIDGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return wrong_type(path, "a cron expression", value)
    if re.search(r"\d", found[2]):
        return Unclear(f"{path}: numbers the days of the week")
    return Known(f"{found[1]} {found[2]}".replace("?", "*"), path)


def runs_per_month(value: Any, path: str) -> Outcome:
    """A cron line as runs a month."""
    if not isinstance(value, str):
        return wrong_type(path, "a cron line", value)
    try:
        return Known(cron.runs_per_month(value), path)
    except cron.CronError as error:
        return Unclear(f"{path}: {error}")


def disk_tier(value: Any, path: str) -> Outcome:
    """The number of the tier that a managed disk of Azure is billed by: of the next size up (``30``: 1,024 GiB)."""
    found = number(value, path)
    if not isinstance(found, Known):
        return found
    tier = next((tier for size, tier in _DISK_TIERS.items() if found.value <= size), None)
    return Known(tier, path) if tier else Unclear(f"{path}: no managed disk is that large")


def hdd_tier(value: Any, path: str) -> Outcome:
    """As ``disk_tier``, for standard disks, of which the smallest is of tier 4."""
    found = number(value, path)
    return disk_tier(max(found.value, _SMALLEST_HDD), path) if isinstance(found, Known) else found


def length(value: Any, path: str) -> Outcome:
    """How many elements a list has; elements need not be known."""
    return Known(float(len(value)), path) if isinstance(value, (list, tuple)) else wrong_type(path, "a list", value)


def claimed_devices(value: Any, path: str) -> Outcome:
    """How many devices a request of a Kubernetes resource claim is for: one unless it says how many, or all."""
    if not isinstance(value, Mapping):
        return wrong_type(path, "an object", value)
    mode, count = value.get("allocationMode"), value.get("count")
    if mode is UNKNOWN or count is UNKNOWN:
        return not_known_yet(path)
    if mode == "All":
        return Unclear(f"{path}.allocationMode: all devices of a node are asked for")
    return Known(1.0, path) if count is None else number(opened(count), path)


def declared(value: Any, path: str) -> Outcome:
    """True: the property is there."""
    return Known(True, path)


def granted_actions(value: Any, path: str) -> Outcome:
    """What an IAM policy (JSON text, or the same as an object) allows without a condition: its actions, as they are
    written. Allowing all but some is allowing ``*``. The name of a managed policy stands for what that one allows."""
    document = value
    if isinstance(value, str):
        if value.startswith("arn:"):
            return Known(value.rsplit("/", 1)[-1], path)
        try:
            document = json.loads(value)
        except ValueError:
            return Unclear(f"{path}: is no JSON")
    if (unknown := nothing_unknown(document, path)) is not None:
        return unknown
    if not isinstance(document, Mapping):
        return wrong_type(path, "a policy", value)
    actions: list[str] = []
    for statement in _listed(document.get("Statement")):
        if not isinstance(statement, Mapping):
            return Unclear(f"{path}: holds a statement that is none")
        if statement.get("Effect") == "Allow" and not statement.get("Condition"):
            actions += [str(action) for action in _listed(statement.get("Action"))]
            actions += ["*"] if "NotAction" in statement else []
    return Known(list(dict.fromkeys(actions)), path) if actions else ABSENT


def granted_rules(value: Any, path: str) -> Outcome:
    """``*`` where a rule of Kubernetes allows every verb on every resource."""
    if (unknown := nothing_unknown(value, path)) is not None:
        return unknown
    rules = [rule for rule in _listed(value) if isinstance(rule, Mapping)]
    everything = any(
        all("*" in _listed(rule.get(key)) for key in ("verbs", "resources", "apiGroups")) for rule in rules
    )
    return Known(["*"], path) if everything else ABSENT


def keys(value: Any, path: str) -> Outcome:
    """The keys of an object that have a value, known or not; a path may lead to the key of an entry instead."""
    if isinstance(value, str):
        return Known(value, path)
    if not isinstance(value, Mapping):
        return wrong_type(path, "an object", value)
    return Known([str(key) for key, item in value.items() if item not in (None, "")], path)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _scaled(factor: float) -> Callable[[Any, str], Outcome]:
    def convert(value: Any, path: str) -> Outcome:
        found = number(value, path)
        return Known(found.value * factor, path) if isinstance(found, Known) else found

    return convert


def _of_text(change: Callable[[str], str]) -> Callable[[Any, str], Outcome]:
    def convert(value: Any, path: str) -> Outcome:
        found = text(value, path)
        return Known(change(found.value), path) if isinstance(found, Known) else found

    return convert


def _then(first: Callable[[Any, str], Outcome], factor: float) -> Callable[[Any, str], Outcome]:
    def convert(value: Any, path: str) -> Outcome:
        found = first(value, path)
        return Known(found.value * factor, path) if isinstance(found, Known) else found

    return convert


CONVERSIONS: Final[Mapping[str, Callable[[Any, str], Outcome]]] = {
    "text": text,
    "number": number,
    "unless_minus_1": unless_minus_1,
    "boolean": boolean,
    "length": length,
    "declared": declared,
    "claimed_devices": claimed_devices,
    "granted_actions": granted_actions,
    "granted_rules": granted_rules,
    "keys": keys,
    "quantity": quantity,
    "quantity_gib": _then(quantity, 1 / GIB),
    "seconds_to_hours": _scaled(1 / 3600),
    "seconds_to_minutes": _scaled(1 / 60),
    "seconds_to_days": _scaled(1 / 86400),
    "duration_hours": duration_hours,
    "duration_minutes": _then(duration_hours, 60.0),
    "ms_to_days": _scaled(1 / 86_400_000),
    "mb_to_gib": _scaled(1 / 1024),
    "cpu_units": _scaled(1 / 1024),
    "percent_to_share": _scaled(1 / 100),
    "percent_to_rest": lambda value, path: _rest(value, path),
    "idle_script_minutes": idle_script_minutes,
    "cron_line": cron_line,
    "runs_per_month": runs_per_month,
    "lower": _of_text(str.lower),
    "compact": _of_text(lambda name: name.lower().replace(" ", "")),
    "disk_tier": disk_tier,
    "hdd_tier": hdd_tier,
    "kebab": _of_text(lambda name: name.lower().replace("_", "-")),
    "after_dot": _of_text(lambda name: name.partition(".")[2]),
    "before_last_dot": _of_text(lambda name: name.rpartition(".")[0]),
    "last_segment": _of_text(lambda name: name.rstrip("/").rsplit("/", 1)[-1]),
}


def _rest(value: Any, path: str) -> Outcome:
    found = number(value, path)
    if isinstance(found, Known):
        return Known(1 - found.value / 100, path) if found.value <= 100 else Unclear(f"{path}: is above 100 percent")
    return found


def nothing_unknown(value: Any, path: str) -> Unclear | None:
    """The first unknown (or unreadable) place inside a value that is used whole."""
    if value is UNKNOWN:
        return not_known_yet(path)
    if isinstance(value, Blob):
        return wrong_type(path, "a plain value", value)
    if isinstance(value, (Mapping, list, Secret)):
        for place in unknown_paths(value, path):
            return not_known_yet(place)
    return None


def opened(value: Any) -> Any:
    """A value without the mark of secrecy: for deriving, never for showing."""
    while isinstance(value, Secret):
        value = value.value
    return value
