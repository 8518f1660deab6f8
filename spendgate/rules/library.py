"""Guardrails from files: the shipped library and a project's own folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.errors import InputError, raise_together
from spendgate.rules.guardrail import Enforcement, Expression, Guardrail, OnUnknown, Severity, Target, Validation
from spendgate.rules.patch_rules import patch_faults, read_patch_rules
from spendgate.rules.variables import order_faults
from spendgate.shipped import policies_dir
from spendgate.yamlfile import YamlFile, read_yaml

MOST_FILES: Final = 100_000
"""A folder of guardrails that holds more (of anything) is a mistake: all of it would be looked through."""


def load_library(folders: Iterable[Path] = ()) -> dict[str, Guardrail]:
    """All guardrails by name: the shipped ones, then those of ``folders``.

    Raises InputErrors naming every file that is wrong, and every name that stands twice.
    """
    return load_folders((policies_dir(), *folders))


def load_folders(folders: Iterable[Path], faults: Faults | None = None) -> dict[str, Guardrail]:
    """The guardrails of some folders by name; errors as of ``load_library``, or, where ``faults`` are given, there."""
    library: dict[str, Guardrail] = {}
    found = Faults() if faults is None else faults
    for folder in folders:
        if not folder.is_dir():
            found.add(InputError("no such folder of guardrails", place=folder))
            continue
        try:
            files = guardrail_files(folder)
        except InputError as error:
            found.add(error)
            continue
        _collect(library, files, found)
    if faults is None:
        raise_together(found.errors)
    return {name: guardrail for name, guardrail in library.items() if name not in found.left_out}


@dataclass
class Faults:
    """What is wrong with single guardrails, collected where the others are asked all the same.

    ``left_out`` names the guardrails that are therefore not asked. Where a pack or a folder is ``missing``, what it
    would define or set is not known, so no name is told as unknown, and no parameter as without a value.
    """

    errors: list[InputError] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    missing: bool = False

    def add(self, error: InputError, *names: str) -> None:
        """One more error (once, however often it is found), which leaves these guardrails out."""
        for one in getattr(error, "errors", (error,)):
            if all(str(one) != str(known) for known in self.errors):
                self.errors.append(one)
        self.left_out.update(names)


class Library(Mapping[str, Guardrail]):
    """Guardrails by name, of which the shipped ones are read when they are first asked for: most runs use a dozen.

    What is wrong with a shipped one its tests tell (``load_library`` looks for it); here it is read as it is.
    """

    def __init__(self, own: Mapping[str, Guardrail], faults: Faults | None = None) -> None:
        self._files = {path.stem: path for path in guardrail_files(policies_dir())}
        self._read: dict[str, Guardrail] = {}
        errors = [
            InputError(
                f'guardrail "{name}" is already defined at {self._files[name]}',
                place=guardrail.place,
                remedy="Give it another name.",
            )
            for name, guardrail in own.items()
            if name in self._files
        ]
        if faults is None:
            raise_together(errors)
        else:
            for error in errors:
                faults.add(error)  # the shipped one holds meanwhile
        self._own = {name: guardrail for name, guardrail in own.items() if name not in self._files}

    @property
    def own(self) -> Mapping[str, Guardrail]:
        """Those that are not shipped, by name."""
        return self._own

    def __getitem__(self, name: str) -> Guardrail:
        if name in self._own:
            return self._own[name]
        if name not in self._read:
            self._read[name] = _load_shipped(self._files[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._files
        yield from self._own

    def __len__(self) -> int:
        return len(self._files) + len(self._own)


def add_files(library: dict[str, Guardrail], files: Iterable[Path]) -> list[InputError]:
    """Put the guardrails of ``files`` into ``library``; what is wrong with any of them comes back."""
    faults = Faults()
    _collect(library, files, faults)
    return faults.errors


def _collect(library: dict[str, Guardrail], files: Iterable[Path], faults: Faults) -> None:
    for path in files:
        try:
            guardrail = load_guardrail(path)
        except InputError as error:
            faults.add(error, path.stem)
            continue
        if (other := library.get(guardrail.name)) is not None:
            # Which of the two is meant cannot be told.
            text = f'guardrail "{guardrail.name}" is already defined at {other.place}'
            remedy = "Give one of them another name."
            faults.add(InputError(text, place=guardrail.place, remedy=remedy), guardrail.name)
        library[guardrail.name] = guardrail


def guardrail_files(folder: Path) -> list[Path]:
    """Guardrail files below ``folder``, in order; their tests (``*.test.yaml``) are not among them, nor are the rules
    of who pays, which lie in a folder ``allocation``. Raises InputError where it holds more than anybody writes."""
    found: list[Path] = []
    seen = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "allocation"]
        seen += len(names) + len(folders)
        if seen > MOST_FILES:
            remedy = "Name the folder that holds the guardrails alone."
            raise InputError(f"holds more than {MOST_FILES:,} files and folders", place=folder, remedy=remedy)
        guardrails = (name for name in names if name.endswith(".yaml") and not name.endswith(".test.yaml"))
        found.extend(Path(parent, name) for name in guardrails)
    return sorted(found)


def _load_shipped(path: Path) -> Guardrail:
    try:
        return replace(_guardrail(read_yaml(path)), tested=True)
    except (InputError, AttributeError, KeyError, TypeError, ValueError):
        return load_guardrail(path)  # it was edited: what is wrong is told with its place


def load_guardrail(path: Path) -> Guardrail:
    """One guardrail file, held against the published schema. Raises InputError with file, line and column."""
    file = read_yaml(path)
    schemas.validate(file, "guardrail")
    raise_together(patch_faults(file))
    guardrail = _guardrail(file)
    _check_params(guardrail, file)
    raise_together(list(order_faults(guardrail.variables)))
    if guardrail.name != path.stem:
        raise InputError(
            f'guardrail "{guardrail.name}" lies in a file of another name',
            place=file.place("metadata", "name"),
            remedy=f"Name the file {guardrail.name}.yaml.",
        )
    return guardrail


def _guardrail(file: YamlFile) -> Guardrail:
    metadata: Mapping[str, Any] = file.data["metadata"]
    spec: Mapping[str, Any] = file.data["spec"]
    return Guardrail(
        name=metadata["name"],
        title=metadata["title"],
        category=metadata["category"],
        severity=Severity(metadata["severity"]),
        description=" ".join(metadata["description"].split()),
        reference=metadata.get("reference"),
        target=Target(spec["target"]),
        enforcement=Enforcement(spec["enforcement"]),
        on_unknown=OnUnknown(spec["onUnknown"]),
        remediation=" ".join(spec["remediation"].split()),
        params=spec.get("params", {}),
        match_conditions=_named(file, "matchConditions"),
        variables=_named(file, "variables"),
        validations=tuple(_validation(file, index) for index in range(len(spec["validations"]))),
        place=file.place("metadata", "name"),
        patches=read_patch_rules(file),
        covered_by=spec.get("coveredBy"),
        covered_at=file.place("spec", "coveredBy") if "coveredBy" in spec else None,
    )


def _named(file: YamlFile, section: str) -> tuple[Expression, ...]:
    return tuple(
        Expression(item["expression"], file.place("spec", section, index, "expression"), item["name"])
        for index, item in enumerate(file.data["spec"].get(section, ()))
    )


def _validation(file: YamlFile, index: int) -> Validation:
    item: Mapping[str, Any] = file.data["spec"]["validations"][index]

    def expression(key: str) -> Expression:
        return Expression(item[key], file.place("spec", "validations", index, key))

    return Validation(
        expression=expression("expression"),
        message=item.get("message"),
        message_expression=expression("messageExpression") if "messageExpression" in item else None,
    )


def _check_params(guardrail: Guardrail, file: YamlFile) -> None:
    """The parameter schemas are themselves schemas, their patterns such that they never backtrack, and each default
    obeys its own."""
    from jsonschema import Draft202012Validator, SchemaError

    for name, rules in guardrail.params.items():
        try:
            Draft202012Validator.check_schema(rules)
        except SchemaError as error:
            raise InputError(
                f'parameter "{name}" is not valid JSON Schema: {error.message}',
                place=file.place("spec", "params", name, *error.absolute_path),
            ) from None
        for path, pattern in _patterns(rules):
            from spendgate.rules.cel.limits import pattern_fault

            if fault := pattern_fault(pattern):
                raise InputError(
                    f"not a regular expression of RE2: {fault}",
                    place=file.place("spec", "params", name, *path),
                    remedy="Look-around and back references are left out, so that no pattern takes for ever.",
                )
        if "default" in rules:
            for fault in schemas.value_faults(rules, rules["default"]):
                raise next(schemas.describe(fault, file, ("spec", "params", name, "default")))


def _patterns(rules: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every pattern in the schema of a parameter, with its path."""
    if not isinstance(rules, Mapping):
        return
    if isinstance(rules.get("pattern"), str):
        yield (*path, "pattern"), rules["pattern"]
    for key in ("items", "additionalProperties", "propertyNames"):
        yield from _patterns(rules.get(key), (*path, key))
    for name, part in rules.get("properties", {}).items():
        yield from _patterns(part, (*path, "properties", name))
