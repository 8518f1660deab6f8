"""Test files as written: cases of one guardrail, each with resources and the findings that they must give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.estimate.discounts import Commitment, Term
from spendgate.estimate.model import Range
from spendgate.estimate.usage import NONE as NO_USAGE
from spendgate.estimate.usage import ONE, Scenario, Usage
from spendgate.resource import UNKNOWN, Declaration, Options, Provider, Resource, Secret, unknown_paths
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected
from spendgate.rules.selection import Setting, param_errors
from spendgate.verdict import Status
from spendgate.waivers.file import TAGS as DATES
from spendgate.waivers.file import Read, read_entries
from spendgate.waivers.model import Rules, Waiver
from spendgate.yamlfile import Tags, YamlFile, read_yaml

SUFFIX = ".test.yaml"
_TAGS: Tags = {"!unknown": lambda _: UNKNOWN, "!secret": Secret, **DATES}

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of every case that names none: a test that passes today passes next year."""

ANY_LENGTH: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that must occur: on a resource by its name, or on the stack where ``resource`` is None."""

    resource: str | None
    status: Status
    place: Place
    message: str | None = None
    contains: str | None = None
    enforcement: Enforcement | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a guardrail with its parameters, what is declared, and what must come out, no more and no less.

    ``holds_unknown`` tells whether anything declared is known only after apply. ``waivers`` hold in the case; its
    approvals count as signed. ``previous`` is the month of an earlier estimate, ``usage`` holds its scenarios.
    ``patched`` is what the guardrail sets at level ``remediate``: values by the name of the resource and by path,
    ``proposed`` what it proposes to set at another level (the same where it is None).
    """

    name: str
    place: Place
    selected: Selected
    declaration: Declaration
    environment: str
    expected: tuple[Expected, ...]
    holds_unknown: bool
    waivers: tuple[Waiver, ...] = ()
    patched: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    proposed: Mapping[str, Mapping[str, Any]] | None = None
    now: datetime = NOW
    previous: Range | None = None
    usage: Usage = NO_USAGE
    terms: tuple[Term, ...] = ()


def case_files(folder: Path) -> list[Path]:
    """The test files below ``folder``, in order."""
    return sorted(folder.rglob(f"*{SUFFIX}"))


def read_cases(path: Path, library: Mapping[str, Guardrail], shown_as: str | None = None) -> tuple[Case, ...]:
    """The cases of one test file.

    Raises InputErrors for every mistake in it, with its place: what tests a guardrail, a parameter or a resource that
    does not exist is a mistake, not a pass.
    """
    file = read_yaml(path, shown_as=shown_as, tags=_TAGS)
    kind = file.data.get("kind", "GuardrailTest") if isinstance(file.data, dict) else "GuardrailTest"
    if kind != "GuardrailTest":
        told = f'kind is "{kind}", not "GuardrailTest" or "AllocationTest"'
        raise InputError(told, place=file.place("kind"))
    schemas.validate(file, "guardrail-test")
    name = file.data["guardrail"]
    if name not in library:
        raise InputError(
            f'no guardrail "{name}" to test', place=file.place("guardrail"), remedy=did_you_mean(name, library)
        )
    cases: list[Case] = []
    errors: list[InputError] = []
    for index in range(len(file.data["cases"])):
        faults = _mistakes(library[name], file, index)
        errors.extend(faults)
        if not faults:
            cases.append(_case(library[name], file, index))
    raise_together(errors)
    return tuple(cases)


def _mistakes(guardrail: Guardrail, file: YamlFile, index: int) -> list[InputError]:
    now = file.data["cases"][index].get("now")
    if now is not None and _time(now) is None:
        remedy = "Write it as 2026-03-01 or 2026-03-01T09:00:00Z."
        return [InputError(f'"{now}" is no time', place=file.place("cases", index, "now"), remedy=remedy)]
    waivers = _waivers(guardrail, file, index)
    return [*_wrong_params(guardrail, file, index), *_wrong_names(file, index), *waivers.faults]


def _waivers(guardrail: Guardrail, file: YamlFile, index: int) -> Read:
    """The waivers of a case. It says nothing of how long one may hold: that is a project's rule."""
    if not file.data["cases"][index].get("waivers"):
        return Read()
    day = _now(file.data["cases"][index]).date()
    return read_entries(file, ("cases", index, "waivers"), (guardrail.name,), Rules(max_length=ANY_LENGTH), day)


def _now(case: Mapping[str, Any]) -> datetime:
    return _time(case["now"]) or NOW if "now" in case else NOW


def _time(text: str) -> datetime | None:
    """A day or a time; in UTC where it names no zone. None where it is neither."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _previous(case: Mapping[str, Any]) -> Range | None:
    """The month of an earlier estimate, where the case names one."""
    if "previousMonthlyUsd" not in case:
        return None
    month = Decimal(str(case["previousMonthlyUsd"]))
    return Range(month, month, month)


def _usage(case: Mapping[str, Any]) -> Usage:
    """The scenarios of the case, as a usage file would name them."""

    def scenario(name: str, factors: Mapping[str, Any]) -> Scenario:
        growth, hours, instances = (Decimal(str(factors.get(key, ONE))) for key in ("growth", "hours", "instances"))
        return Scenario(name, growth=growth, hours=hours, instances=instances)

    made = tuple(scenario(str(name), factors) for name, factors in case.get("scenarios", {}).items())
    return Usage(scenarios=made) if made else NO_USAGE


def _wrong_params(guardrail: Guardrail, file: YamlFile, index: int) -> Iterable[InputError]:
    params = file.data["cases"][index].get("params", {})
    where = ("cases", index, "params")
    setting = Setting(
        guardrail.name, file.place(*where), params=params, param_place=lambda name: file.key_place(*where, name)
    )
    yield from param_errors(guardrail, setting)
    if missing := [name for name in guardrail.params if name not in {**guardrail.defaults, **params}]:
        yield InputError(
            f'guardrail "{guardrail.name}" needs a value for {", ".join(missing)}',
            place=file.place("cases", index),
            remedy="Set it under params of the case.",
        )


def _wrong_names(file: YamlFile, index: int) -> Iterable[InputError]:
    """Names of resources that the case does not hold, or holds twice: they could never be matched, or not by name."""
    case = file.data["cases"][index]
    seen: set[tuple[str, str]] = set()
    for number, item in enumerate(case["resources"]):
        if (item["type"], item["name"]) in seen:
            yield InputError(
                f'two resources of one type are named "{item["name"]}"',
                place=file.place("cases", index, "resources", number, "name"),
                remedy="Give one of them another name, as Pulumi demands.",
            )
        seen.add((item["type"], item["name"]))
    names = {name for _, name in seen}
    uses: list[tuple[tuple[str | int, ...], str]] = [
        (("cases", index, "resources", number, "dependsOn", key, position), name)
        for number, item in enumerate(case["resources"])
        for key, used in item.get("dependsOn", {}).items()
        for position, name in enumerate(used)
    ]
    uses += [
        (("cases", index, "expect", number, "resource"), wanted["resource"])
        for number, wanted in enumerate(case["expect"])
        if "resource" in wanted
    ]
    uses += [(("cases", index, key), name) for key in ("patched", "proposed") for name in case.get(key, {})]
    for path, name in uses:
        if name not in names:
            known = f"It has: {', '.join(sorted(names))}." if names else "It has none."
            yield InputError(
                f'the case has no resource "{name}"', place=file.place(*path), remedy=did_you_mean(name, names) or known
            )


def _case(guardrail: Guardrail, file: YamlFile, index: int) -> Case:
    case: Mapping[str, Any] = file.data["cases"][index]
    level = Enforcement.MANDATORY if guardrail.enforcement is Enforcement.DISABLED else guardrail.enforcement
    written = case["resources"]
    return Case(
        name=case["name"],
        place=file.place("cases", index),
        selected=Selected(guardrail, level, {**guardrail.defaults, **case.get("params", {})}),
        declaration=declare(
            written,
            case.get("stack", "dev"),
            place=lambda number: file.place("cases", index, "resources", number),
        ),
        environment=case.get("environment", "development"),
        waivers=tuple(replace(one, invalid="") for one in _waivers(guardrail, file, index).entries),
        now=_now(case),
        previous=_previous(case),
        usage=_usage(case),
        terms=_terms(file, index),
        expected=tuple(_expected(file, index, number) for number in range(len(case["expect"]))),
        patched=case.get("patched", {}),
        proposed=case.get("proposed"),
        holds_unknown=any(
            True
            for item in written
            for part in ("properties", "provider")
            for _ in unknown_paths(item.get(part, {}), part)
        ),
    )


def _terms(file: YamlFile, index: int) -> tuple[Term, ...]:
    """The commitments of the case, as spendgate.yaml writes them."""
    if "commitments" not in file.data["cases"][index]:
        return ()
    from spendgate.config.discounts import matcher

    return tuple(
        Commitment(
            item["name"],
            matcher(item["match"], file.place("cases", index, "commitments", number, "match")),
            Decimal(str(item["count"])),
            percent=Decimal(str(item["percent"])),
        )
        for number, item in enumerate(file.data["cases"][index]["commitments"])
    )


def _expected(file: YamlFile, index: int, number: int) -> Expected:
    wanted: Mapping[str, Any] = file.data["cases"][index]["expect"][number]
    return Expected(
        resource=wanted.get("resource"),
        status=Status(wanted["status"]),
        place=file.place("cases", index, "expect", number),
        message=wanted.get("message"),
        contains=wanted.get("contains"),
        enforcement=Enforcement(wanted["enforcement"]) if "enforcement" in wanted else None,
    )


def declare(
    resources: Iterable[Mapping[str, Any]],
    stack: str = "dev",
    project: str = "test",
    place: Callable[[int], Place] = lambda _: Place("__main__.py", 1),
) -> Declaration:
    """A declaration from resources written as data: type, name, properties, provider settings.

    ``place`` tells where the resource of a number (from 0) is written.
    """
    written = list(resources)
    addresses = [f"urn:pulumi:{stack}::{project}::{item['type']}::{item['name']}" for item in written]
    named: dict[str, list[str]] = {}
    for item, address in zip(written, addresses, strict=True):
        named.setdefault(item["name"], []).append(address)
    made = tuple(
        _resource(item, address, named, place(number))
        for number, (item, address) in enumerate(zip(written, addresses, strict=True))
    )
    return Declaration(project, stack, Path(), made)


def _resource(item: Mapping[str, Any], address: str, named: Mapping[str, Sequence[str]], place: Place) -> Resource:
    package = item["type"].split(":", 1)[0]
    dependencies = {
        key: tuple(urn for name in names for urn in named.get(name, (name,)))
        for key, names in item.get("dependsOn", {}).items()
    }
    return Resource(
        type=item["type"],
        name=item["name"],
        address=address,
        properties=item.get("properties", {}),
        provider=Provider(
            package, f"urn:pulumi:dev::test::pulumi:providers:{package}::default", item.get("provider", {})
        ),
        external=item.get("external", False),
        options=Options(protect=item.get("protect", False)),
        dependencies=tuple(urn for urns in dependencies.values() for urn in urns),
        property_dependencies=dependencies,
        position=place,
    )
