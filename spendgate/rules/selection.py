"""Which guardrails apply, at which level, with which parameters: built-in < pack < spendgate.yaml < environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spendgate import schemas
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected
from spendgate.rules.library import Library, load_folders
from spendgate.shipped import packs_dir
from spendgate.yamlfile import YamlFile, read_yaml

DEFAULT_PACK = "gpu-baseline"


@dataclass(frozen=True, slots=True)
class Setting:
    """What one file says of one guardrail: a level and parameters, with the place of each for errors."""

    guardrail: str
    place: Place
    enforcement: Enforcement | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    param_place: Callable[[str], Place] = field(default=lambda name: Place(""))


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as loaded: what a platform team publishes."""

    name: str
    version: str
    title: str
    description: str
    folder: Path
    settings: tuple[Setting, ...]
    policies: tuple[Path, ...] = ()
    repository: str = ""


def settings_from(file: YamlFile, *path: str | int) -> tuple[Setting, ...]:
    """The settings below ``path``: a list of ``{name, …}`` (packs) or a mapping by name (spendgate.yaml)."""
    node: Any = file.data
    for part in path:
        node = node.get(part, {}) if isinstance(node, Mapping) else node[part]
    if isinstance(node, Mapping):
        entries = [(name, setting, (*path, name)) for name, setting in node.items()]
    else:
        entries = [(setting["name"], setting, (*path, index)) for index, setting in enumerate(node)]

    def param_place(where: tuple[str | int, ...]) -> Callable[[str], Place]:
        return lambda name: file.key_place(*where, "params", name)

    return tuple(
        Setting(
            guardrail=name,
            place=file.key_place(*where) if isinstance(node, Mapping) else file.place(*where, "name"),
            enforcement=Enforcement(setting["enforcement"]) if "enforcement" in setting else None,
            params=setting.get("params", {}),
            param_place=param_place(where),
        )
        for name, setting, where in entries
    )


def load_pack(reference: str, relative_to: Path | None = None, place: Place | None = None) -> Pack:
    """A pack by the name of a shipped one, or by its folder (relative to the file that names it).

    Raises InputError when there is none, or when its ``pack.yaml`` is wrong.
    """
    folder = _find_pack(reference, relative_to)
    if folder is None:
        shipped = sorted(path.parent.name for path in packs_dir().glob("*/pack.yaml"))
        remedy = did_you_mean(reference, shipped) or f"Shipped packs: {', '.join(shipped)}; a folder works as well."
        raise InputError(f'no pack "{reference}"', place=place, remedy=remedy)
    file = read_yaml(folder / "pack.yaml")
    schemas.validate(file, "pack")
    metadata, spec = file.data["metadata"], file.data["spec"]
    return Pack(
        name=metadata["name"],
        version=metadata["version"],
        title=metadata["title"],
        description=" ".join(metadata["description"].split()),
        repository=metadata.get("repository", ""),
        folder=folder,
        settings=settings_from(file, "spec", "guardrails"),
        policies=tuple(folder / path for path in spec.get("policies", ())),
    )


def _find_pack(reference: str, relative_to: Path | None) -> Path | None:
    bases = [relative_to or Path.cwd(), packs_dir()]
    for base in bases:
        folder = (base / reference).resolve()
        if (folder / "pack.yaml").is_file():
            return folder
    return None


def select(
    packs: Iterable[Pack],
    layers: Iterable[Iterable[Setting]] = (),
    policies: Iterable[Path] = (),
    *,
    complete: bool = True,
    library: Mapping[str, Guardrail] | None = None,
) -> tuple[Selected, ...]:
    """The guardrails that apply, in order of the packs that name them.

    ``layers`` are settings over the packs, weakest first. A later layer changes what it names and leaves the rest;
    one that names a guardrail no pack selects adds it. Raises InputErrors for names and parameters that do not exist
    or values that break a parameter's schema, and, when ``complete``, for parameters that have no value.
    ``library`` is what ``library_of`` gives, for a caller that selects more than once.
    """
    packs = tuple(packs)
    if library is None:
        library = library_of(packs, policies)
    errors: list[InputError] = []
    chosen: dict[str, Selected] = {}
    for setting in (*(s for pack in packs for s in pack.settings), *(s for layer in layers for s in layer)):
        guardrail = library.get(setting.guardrail)
        if guardrail is None:
            remedy = did_you_mean(setting.guardrail, library) or "`spendgate guardrails` lists what there is."
            errors.append(InputError(f'no guardrail "{setting.guardrail}"', place=setting.place, remedy=remedy))
            continue
        errors.extend(param_errors(guardrail, setting))
        base = chosen.get(guardrail.name) or Selected(guardrail, guardrail.enforcement, guardrail.defaults)
        chosen[guardrail.name] = replace(
            base, enforcement=setting.enforcement or base.enforcement, params={**base.params, **setting.params}
        )
    raise_together(errors)
    for selected in chosen.values():
        missing = [name for name in selected.guardrail.params if name not in selected.params]
        if complete and missing and selected.enforcement is not Enforcement.DISABLED:
            errors.append(
                InputError(
                    f'guardrail "{selected.guardrail.name}" needs a value for {", ".join(missing)}',
                    place=selected.guardrail.place,
                    remedy="Set it under guardrails in spendgate.yaml.",
                )
            )
    raise_together(errors)
    return tuple(chosen.values())


def library_of(packs: Iterable[Pack], policies: Iterable[Path] = ()) -> Library:
    """The shipped guardrails with those of the packs and of ``policies``."""
    return Library(load_folders((*(folder for pack in packs for folder in pack.policies), *policies)))


def param_errors(guardrail: Guardrail, setting: Setting) -> list[InputError]:
    """What is wrong with the parameters of one setting: names that do not exist, values that break the schema."""
    from jsonschema import Draft202012Validator

    errors = []
    for name, value in setting.params.items():
        rules = guardrail.params.get(name)
        place = setting.param_place(name)
        if rules is None:
            known = list(guardrail.params)
            remedy = did_you_mean(name, known) or (f"It has: {', '.join(known)}." if known else "It has none.")
            errors.append(
                InputError(f'guardrail "{guardrail.name}" has no parameter "{name}"', place=place, remedy=remedy)
            )
            continue
        for fault in Draft202012Validator(dict(rules)).iter_errors(value):
            errors.append(
                InputError(f'parameter "{name}" of "{guardrail.name}": {fault.message}', place=place),
            )
        if isinstance(value, float) and not math.isfinite(value):
            errors.append(
                InputError(
                    f'parameter "{name}" of "{guardrail.name}" is {value}, which no figure can be held to',
                    place=place,
                    remedy="To switch the guardrail off, set its enforcement to disabled.",
                )
            )
    return errors
