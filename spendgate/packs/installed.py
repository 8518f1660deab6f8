"""Packs that come as Python packages: an entry point of the group ``spendgate.packs``, or a package that holds a
``pack.yaml``. Nothing of the package is imported: a pack is data."""

from __future__ import annotations

from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from spendgate.errors import InputError, did_you_mean

GROUP: Final = "spendgate.packs"


def find(name: str) -> tuple[Path, str]:
    """The folder of an installed pack, by the name of its entry point or of its package, and its pinned reference.

    Raises InputError where there is none, and where several may be meant: whoever is installed beside a pack could take
    its name.
    """
    found = metadata.entry_points(group=GROUP)
    points = {point.name: point for point in found}
    point = points.get(name)
    meant = {_module(one) for one in found if one.name == name}
    if _is_module(name) and (own := _folder(name)) is not None and (own / "pack.yaml").is_file():
        meant.add(name)
    if len(meant) > 1:
        raise InputError(
            f'several installed packages are named "{name}": {", ".join(sorted(meant))}',
            remedy="Uninstall what is not meant.",
        )
    module = _module(point) if point else name
    if not _is_module(module):
        raise InputError(
            f'no installed pack "{name}"',
            remedy=did_you_mean(name, points) or "Name the package that holds its pack.yaml: python:acme.packs.gpu.",
        )
    folder = _folder(module)
    if folder is None:
        known = f"Installed packs: {', '.join(sorted(points))}." if points else "No installed package names any."
        raise InputError(
            f'no package "{module}" is installed here', remedy=did_you_mean(name, points) or f"pip install it. {known}"
        )
    if not (folder / "pack.yaml").is_file():
        raise InputError("holds no pack.yaml", place=folder, remedy="It has to be among the package's data.")
    return folder, f"python:{module}{_release(point, module)}"


def _module(point: metadata.EntryPoint) -> str:
    return point.value.partition(":")[0].strip()


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _folder(module: str) -> Path | None:
    """Where a package lies, found without running any of it."""
    first, *rest = module.split(".")
    spec = PathFinder.find_spec(first)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place).joinpath(*rest)
        if folder.is_dir():
            return folder.resolve()
    return None


def _release(point: metadata.EntryPoint | None, module: str) -> str:
    distribution = point.dist if point else None
    if distribution is None:
        names = metadata.packages_distributions().get(module.partition(".")[0], ())
        distribution = metadata.distribution(names[0]) if names else None
    return f"=={distribution.version}" if distribution else ""
