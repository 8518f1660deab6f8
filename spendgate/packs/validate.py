"""Everything that can be wrong with a pack's folder, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.bench.cases import SUFFIX, case_files, read_cases
from spendgate.errors import InputError, InputErrors, Place, did_you_mean
from spendgate.packs.contents import read_folder
from spendgate.packs.version import check_needs, parse
from spendgate.rules.compiled import compile_all
from spendgate.rules.guardrail import Guardrail, Selected
from spendgate.rules.library import guardrail_files
from spendgate.rules.selection import Pack, library_of, load_pack, select
from spendgate.yamlfile import YamlFile, read_yaml

FILES: Final = {
    "PulumiPolicy.yaml": "It tells Pulumi how to run the pack: `runtime: python`.",
    "__main__.py": "It serves the pack to Pulumi: `from spendgate.crossguard import serve`.",
    "README.md": "Say what the pack is for, and whom to ask.",
}
"""What a pack's folder holds beside its pack.yaml, and what each is for."""


@dataclass(frozen=True, slots=True)
class Validated:
    """A pack that holds, with its guardrails as it selects them and all that it may name."""

    pack: Pack
    selection: tuple[Selected, ...]
    library: dict[str, Guardrail]
    file: YamlFile

    def own(self, guardrail: Guardrail) -> bool:
        """Whether a guardrail comes with the pack."""
        return Path(guardrail.place.file).resolve().is_relative_to(self.pack.folder)


def validate(folder: Path) -> Validated:
    """The pack in ``folder``. Raises InputErrors with everything that is wrong with it."""
    if not (folder / "pack.yaml").is_file():
        raise InputError(
            "holds no pack.yaml" if folder.is_dir() else "no such folder",
            place=folder,
            remedy="`spendgate pack new NAME` starts a pack.",
        )
    errors: list[InputError] = []
    try:
        file = _pack_file(folder)
        errors.extend(_in_metadata(file))
        errors.extend(_in_files(folder))
        errors.extend(_in_selection(file))
        found = _guardrails(folder, file)
        errors.extend(_in_tests(found))
    except InputError as error:
        errors.extend(_single(error))
        found = None
    if errors or found is None:
        raise shown_from_here(InputErrors(_once(errors)))
    return found


def _pack_file(folder: Path) -> YamlFile:
    file = read_yaml(folder / "pack.yaml")
    schemas.validate(file, "pack")
    return file


def _in_metadata(file: YamlFile) -> Iterator[InputError]:
    metadata, spec = file.data["metadata"], file.data["spec"]
    if parse(metadata["version"]) is None:
        yield InputError(
            f'version "{metadata["version"]}" is not semantic',
            place=file.place("metadata", "version"),
            remedy="MAJOR.MINOR.PATCH without leading zeros, such as 1.4.0 or 2.0.0-rc.1 (semver.org).",
        )
    needs = spec.get("requires", {}).get("spendgate")
    if needs is None:
        yield InputError(
            "does not say which spendgate it needs",
            place=file.place("spec"),
            remedy='Add `requires: {spendgate: ">=0.1.0"}` under spec.',
        )
        return
    try:
        check_needs(needs, metadata["name"], file.place("spec", "requires", "spendgate"))
    except InputError as error:
        yield error


def _in_files(folder: Path) -> Iterator[InputError]:
    for name, remedy in FILES.items():
        if not (folder / name).is_file():
            yield InputError(f"lacks {name}", place=folder, remedy=remedy)
        elif not (folder / name).read_bytes().strip():
            yield InputError("is empty", place=folder / name, remedy=remedy)
    try:
        read_folder(folder)
    except InputError as error:
        yield from _single(error)
    if (folder / "PulumiPolicy.yaml").is_file():
        yield from _in_pulumi_file(read_yaml(folder / "PulumiPolicy.yaml"))


def _in_pulumi_file(file: YamlFile) -> Iterator[InputError]:
    data: Any = file.data if isinstance(file.data, dict) else {}
    runtime = data.get("runtime")
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if name != "python":
        yield InputError(
            "runtime is not python" if name else "says no runtime",
            place=file.place("runtime"),
            remedy="A pack of spendgate runs as `runtime: python`.",
        )


def _in_selection(file: YamlFile) -> Iterator[InputError]:
    seen: dict[str, Place] = {}
    for index, setting in enumerate(file.data["spec"]["guardrails"]):
        place = file.place("spec", "guardrails", index, "name")
        if (before := seen.setdefault(setting["name"], place)) is not place:
            yield InputError(
                f'"{setting["name"]}" is selected twice', place=place, remedy=f"It is selected at {before} already."
            )


def _guardrails(folder: Path, file: YamlFile) -> Validated:
    """The guardrails, compiled as the pack has them: expressions, levels and parameters."""
    pack = load_pack(str(folder.resolve()))
    library = library_of((pack,))
    selection = select((pack,), library=library)
    compile_all(selection)
    return Validated(pack, selection, dict(library), file)


def _in_tests(found: Validated) -> Iterator[InputError]:
    selected = {item.guardrail.name for item in found.selection}
    own = [item for item in found.library.values() if found.own(item)]
    for guardrail in own:
        path = Path(guardrail.place.file)
        beside = path.with_name(path.stem + SUFFIX)
        if not beside.is_file():
            yield InputError(
                f'guardrail "{guardrail.name}" has no tests',
                place=guardrail.place,
                remedy=f"Write {beside.name} beside it; docs/testing.md tells how.",
            )
        if guardrail.name not in selected:
            yield InputError(
                f'guardrail "{guardrail.name}" comes with the pack, and the pack does not select it',
                place=guardrail.place,
                remedy="Select it in pack.yaml (with `enforcement: disabled` where projects decide), or remove it.",
            )
    for path in case_files(found.pack.folder):
        try:
            cases = read_cases(path, found.library)
        except InputError as error:
            yield from _single(error)
            continue
        for name in {case.selected.guardrail.name for case in cases} - selected:
            near = did_you_mean(name, selected)
            yield InputError(f'tests "{name}", which the pack does not select', place=Place(str(path)), remedy=near)
    yield from _outside(found, own)


def _outside(found: Validated, own: list[Guardrail]) -> Iterator[InputError]:
    """Guardrails in the folder that no entry of ``policies`` reaches: nobody would ever ask them."""
    known = {Path(item.place.file).resolve() for item in own}
    for case_file in case_files(found.pack.folder):
        path = case_file.with_name(case_file.name.removesuffix(SUFFIX) + ".yaml")
        if path.is_file() and path.resolve() not in known and path in guardrail_files(path.parent):
            yield InputError(
                "lies in no folder that pack.yaml names under policies", place=path, remedy="Add its folder there."
            )


def _single(error: InputError) -> tuple[InputError, ...]:
    return tuple(getattr(error, "errors", (error,)))


def _once(errors: list[InputError]) -> list[InputError]:
    """Each error once: what loads the pack names its file in full, what looks at the file as it was given."""
    found: dict[tuple[object, ...], InputError] = {}
    for error in errors:
        at = error.place
        where = (Path(at.file).resolve(), at.line, at.column) if at else ()
        found.setdefault((error.message, *where), error)
    return list(found.values())


def shown_from_here(error: InputError) -> InputError:
    """The error with places below the working directory shown relative to it."""
    if isinstance(error, InputErrors):
        return InputErrors(shown_from_here(one) for one in error.errors)
    here = Path.cwd()
    place = error.place
    if place is not None and Path(place.file).is_absolute() and Path(place.file).is_relative_to(here):
        place = replace(place, file=str(Path(place.file).relative_to(here)))
    remedy = error.remedy.replace(f"{here}/", "") if error.remedy else None
    return InputError(error.message.replace(f"{here}/", ""), place=place, remedy=remedy, detail=error.detail)
