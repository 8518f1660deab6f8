"""Which guardrails apply, at which level, with which parameters.

Weakest first: built-in, pack, organisation file, spendgate.yaml, its environment. What the organisation locks can no
longer be weakened.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate import schemas
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.paths import path_in
from spendgate.rules.guardrail import Enforcement, Guardrail, Layer, Origin, Selected
from spendgate.rules.library import Faults, Library, load_folders
from spendgate.shipped import packs_dir
from spendgate.yamlfile import YamlFile, read_yaml

if TYPE_CHECKING:
    from spendgate.packs.signing import Demand

DEFAULT_PACK = "gpu-baseline"

_FETCHED = re.compile(r"^(oci://|git\+|python:)|\.(tar\.gz|tgz)(@|$)")
"""References to packs that are not named by their folder."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one file says of one guardrail: a level and parameters, with the place of each for errors.

    ``name`` is that of the pack, environment or budget that says it. ``locked``, of an organisation, keeps the level
    and the parameters it names from being changed later; those of ``ceilings`` may be lowered.
    """

    guardrail: str
    place: Place
    enforcement: Enforcement | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    param_place: Callable[[str], Place] = field(default=lambda name: Place(""))
    layer: Layer = Layer.PROJECT
    name: str = ""
    level_place: Place | None = None
    locked: bool = False
    ceilings: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as loaded: what a platform team publishes.

    ``origin`` tells where a pack that is not named by its folder was fetched from, pinned by its hash; ``source`` is
    the file or repository on this machine that it was fetched from.
    """

    name: str
    version: str
    title: str
    description: str
    folder: Path
    settings: tuple[Setting, ...]
    policies: tuple[Path, ...] = ()
    repository: str = ""
    origin: str = ""
    source: Path | None = None


def settings_from(
    file: YamlFile, *path: str | int, layer: Layer = Layer.PROJECT, name: str = ""
) -> tuple[Setting, ...]:
    """The settings below ``path``: a list of ``{name, …}`` (packs) or a mapping by name (spendgate.yaml).

    ``layer`` and ``name`` say whose they are.
    """
    said_by = name
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
            layer=layer,
            name=said_by,
            level_place=file.key_place(*where, "enforcement"),
            locked=setting.get("locked", False),
        )
        for name, setting, where in entries
    )


def load_pack(
    reference: str, relative_to: Path | None = None, place: Place | None = None, demand: Demand | None = None
) -> Pack:
    """A pack by the name of a shipped one, by its folder or archive (relative to the file that names it), or from a
    git repository, an installed package or an OCI registry (``spendgate.packs.locate``).

    ``demand`` tells who must have signed one that is fetched; a folder and a shipped pack carry no signature.

    Raises InputError when there is none, when its ``pack.yaml`` is wrong, or when it needs a newer spendgate.
    """
    if _FETCHED.search(reference):
        from spendgate.packs.locate import locate

        found = locate(reference, relative_to or Path.cwd(), place, demand)
        return replace(_load(found.folder), origin=found.origin, source=found.source)
    folder = _find_pack(reference, relative_to, place)
    if folder is None and "://" in reference:
        from spendgate.packs.locate import masked

        remedy = "A git repository is git+https://HOST/PATH.git@COMMIT#FOLDER, a registry oci://HOST/NAME:VERSION."
        raise InputError(f'no pack "{masked(reference)}"', place=place, remedy=remedy)
    if folder is None:
        shipped = sorted(path.parent.name for path in packs_dir().glob("*/pack.yaml"))
        remedy = did_you_mean(reference, shipped) or f"Shipped packs: {', '.join(shipped)}; a folder works as well."
        raise InputError(f'no pack "{reference}"', place=place, remedy=remedy)
    return _load(folder)


def _load(folder: Path) -> Pack:
    file = read_yaml(folder / "pack.yaml")
    schemas.validate(file, "pack")
    metadata, spec = file.data["metadata"], file.data["spec"]
    errors = [
        InputError(f'no such folder of guardrails: "{path}"', place=file.place("spec", "policies", index))
        for index, path in enumerate(spec.get("policies", ()))
        if not (folder / path).is_dir()
    ]
    errors += [
        InputError(
            f'"{path}" lies outside of the pack, and would not come with it',
            place=file.place("spec", "policies", index),
            remedy="Move it into the pack's folder.",
        )
        for index, path in enumerate(spec.get("policies", ()))
        if not (folder / path).resolve().is_relative_to(folder.resolve())
    ]
    raise_together(errors)
    if needs := spec.get("requires", {}).get("spendgate"):
        from spendgate.packs.version import check_needs

        check_needs(needs, metadata["name"], file.place("spec", "requires", "spendgate"))
    return Pack(
        name=metadata["name"],
        version=metadata["version"],
        title=metadata["title"],
        description=" ".join(metadata["description"].split()),
        repository=metadata.get("repository", ""),
        folder=folder,
        settings=settings_from(file, "spec", "guardrails", layer=Layer.PACK, name=metadata["name"]),
        policies=tuple(folder / path for path in spec.get("policies", ())),
    )


def _find_pack(reference: str, relative_to: Path | None, place: Place | None) -> Path | None:
    bases = [relative_to or Path.cwd(), packs_dir()]
    for base in bases:
        folder = path_in(base, reference, place).resolve()
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
    faults: Faults | None = None,
) -> tuple[Selected, ...]:
    """The guardrails that apply, in order of the packs that name them.

    ``layers`` are settings over the packs, weakest first. A later layer changes what it names and leaves the rest;
    one that names a guardrail no pack selects adds it. Raises InputErrors for names and parameters that do not exist
    or values that break a parameter's schema, and, when ``complete``, for parameters that have no value.
    ``library`` is what ``library_of`` gives, for a caller that selects more than once.

    Where ``faults`` are given, what is wrong with one guardrail goes there and leaves that one out; an attempt on a
    lock is raised all the same.
    """
    packs = tuple(packs)
    if library is None:
        library = library_of(packs, policies)
    locked: list[InputError] = []
    found = Faults() if faults is None else faults
    chosen: dict[str, Selected] = {}
    for setting in (*(s for pack in packs for s in pack.settings), *(s for layer in layers for s in layer)):
        guardrail = library.get(setting.guardrail)
        if guardrail is None:
            if not found.missing and setting.guardrail not in found.left_out:
                remedy = did_you_mean(setting.guardrail, library) or "`spendgate guardrails` lists what there is."
                found.add(InputError(f'no guardrail "{setting.guardrail}"', place=setting.place, remedy=remedy))
            continue
        for error in param_errors(guardrail, setting):
            found.add(error, guardrail.name)
        base = chosen.get(guardrail.name) or Selected(
            guardrail, guardrail.enforcement, guardrail.defaults, Origin(setting.layer, setting.place, setting.name)
        )
        locked.extend(weakenings(base, setting))
        chosen[guardrail.name] = _set(base, setting)
    for selected in chosen.values():
        other, place = selected.guardrail.covered_by, selected.guardrail.covered_at
        if other is not None and other not in library and not found.missing:
            error = InputError(f'no guardrail "{other}"', place=place, remedy=did_you_mean(other, library))
            found.add(error, selected.guardrail.name)
    raise_together([*found.errors, *locked] if faults is None else locked)
    chosen = {name: _unless_covered(selected, chosen) for name, selected in chosen.items()}
    for selected in chosen.values():
        missing = [name for name in selected.guardrail.params if name not in selected.params]
        if complete and missing and found.missing:
            found.left_out.add(selected.guardrail.name)
        elif complete and missing and selected.enforcement is not Enforcement.DISABLED:
            text = f'guardrail "{selected.guardrail.name}" needs a value for {", ".join(missing)}'
            remedy = "Set it under guardrails in spendgate.yaml."
            found.add(InputError(text, place=selected.guardrail.place, remedy=remedy), selected.guardrail.name)
    if faults is None:
        raise_together(found.errors)
    return tuple(item for name, item in chosen.items() if name not in found.left_out)


def _unless_covered(selected: Selected, chosen: Mapping[str, Selected]) -> Selected:
    """Disabled where a more specific guardrail says the same; what somebody set by name stays as it is set."""
    other = chosen.get(selected.guardrail.covered_by or "")
    if other is None or selected.enforcement is Enforcement.DISABLED:
        return selected
    weaker = other.enforcement is Enforcement.DISABLED or (
        other.enforcement is Enforcement.ADVISORY and selected.enforcement is not Enforcement.ADVISORY
    )
    # One budget may feed both: it was not this one that was meant.
    shared = {origin.place for origin in other.params_from.values()}
    named = [
        origin
        for origin in (selected.selected_by, selected.level_from, *selected.params_from.values())
        if origin is not None and origin.layer not in (Layer.BUILT_IN, Layer.PACK) and origin.place not in shared
    ]
    if weaker or named:
        return selected
    return replace(selected, enforcement=Enforcement.DISABLED, level_from=other.level_from or other.selected_by)


def _set(base: Selected, setting: Setting) -> Selected:
    """The guardrail with one more setting over it."""

    def origin(place: Place, before: Origin | None) -> Origin:
        locked_at = place if setting.locked else before.locked_at if before else None
        ceiling = setting.ceilings if setting.locked else bool(before and before.ceiling)
        return Origin(setting.layer, place, setting.name, locked_at, ceiling)

    level, level_from = base.enforcement, base.level_from
    if setting.enforcement is not None:
        level, level_from = setting.enforcement, origin(setting.level_place or setting.place, level_from)
    elif setting.locked:
        # Locked without a level: its own holds, whatever the packs of a project make of it.
        if level_from is None or level_from.layer is not setting.layer:
            level = base.guardrail.enforcement
        level_from = origin(setting.place, level_from)
    params_from = {name: origin(setting.param_place(name), base.params_from.get(name)) for name in setting.params}
    return replace(
        base,
        enforcement=level,
        params={**base.params, **setting.params},
        level_from=level_from,
        params_from={**base.params_from, **params_from},
    )


_STRENGTH = {Enforcement.DISABLED: 0, Enforcement.ADVISORY: 1, Enforcement.REMEDIATE: 2, Enforcement.MANDATORY: 2}


def weakenings(base: Selected, setting: Setting) -> list[InputError]:
    """What a setting changes although the organisation has locked it. A stronger level and a lower ceiling are no
    weakening; the organisation's own settings may differ by environment."""
    if setting.layer is Layer.ORGANIZATION:
        return []
    errors = []
    level = base.level_from
    weaker = setting.enforcement is not None and _STRENGTH[setting.enforcement] < _STRENGTH[base.enforcement]
    if weaker and level and level.locked_at:
        place = setting.level_place or setting.place
        errors.append(_locked(f'the level of "{setting.guardrail}"', base.enforcement, place, level.locked_at))
    for name, value in setting.params.items():
        origin = base.params_from.get(name)
        if origin is None or origin.locked_at is None or value == base.params[name]:
            continue
        if origin.ceiling and _lowers(value, base.params[name]):
            continue
        what = f'"{name}" of "{setting.guardrail}"'
        errors.append(_locked(what, base.params[name], setting.param_place(name), origin.locked_at))
    return errors


def _lowers(value: Any, limit: Any) -> bool:
    """Whether an amount, or each amount of a mapping, is no higher than the limit, and none is new."""
    if isinstance(value, Mapping) and isinstance(limit, Mapping):
        return all(name in limit and _lowers(amount, limit[name]) for name, amount in value.items())
    return isinstance(value, (int, float)) and isinstance(limit, (int, float)) and value <= limit


def _locked(what: str, value: Any, place: Place, locked_at: Place) -> InputError:
    return InputError(
        f"{what} is locked by the organisation: {value}",
        place=place,
        remedy=f"It is locked at {locked_at}: leave it out here, or have it changed there.",
    )


def library_of(packs: Iterable[Pack], policies: Iterable[Path] = (), faults: Faults | None = None) -> Library:
    """The shipped guardrails with those of the packs and of ``policies``; what is wrong with any goes to ``faults``
    where these are given, else it is raised."""
    folders = (*(folder for pack in packs for folder in pack.policies), *policies)
    return Library(load_folders(folders, faults), faults)


def param_errors(guardrail: Guardrail, setting: Setting) -> list[InputError]:
    """What is wrong with the parameters of one setting: names that do not exist, values that break the schema."""
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
        for fault in schemas.value_faults(rules, value):
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
