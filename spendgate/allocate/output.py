"""Where an allocation is written: what it may not write over, and a folder that changes whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from spendgate.errors import InputError

ENDINGS: Final = (".parquet", ".csv")
"""What a file of lines may be named; every other name is a folder's, or no name."""

FOLDER: Final = "invoices"
NAMES: Final = ("allocated.parquet", "summary.json", "report.html", "kpis.json", "budgets.json", FOLDER)
"""What a run writes into a folder."""

_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9_]*")
_UNWRITABLE: Final = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENAMETOOLONG,
)


def is_folder(output: Path) -> bool:
    """Whether ``--output`` names a folder rather than a file of lines.

    Raises InputError for a name that is neither: ``report.xlsx``, a file where a folder would stand, ``-``.
    """
    works = "Name a .parquet or .csv file of the lines, or a folder (without an ending) for lines, report, invoices."
    ending = output.suffix.lower()
    if str(output) == "-":
        raise InputError("--output - : the lines are not written to standard output", remedy=works)
    if ending in ENDINGS:
        # Spark writes such a name as a folder of part files; that is still one table.
        if not output.parent.is_dir():
            raise InputError("no such folder", place=output.parent)
        return False
    if output.is_dir():
        return True
    if output.exists() or output.is_symlink():
        raise InputError("is a file, not a folder", place=output, remedy=works)
    if _ENDING.fullmatch(ending):
        raise InputError(f'nothing is written as "{ending}"', place=output, remedy=works)
    return True


def keep_inputs(output: Path, inputs: Iterable[tuple[str, Path]]) -> None:
    """Raise InputError where writing to ``output`` would write over what is read, or into a folder that is read whole:
    the next run would take the result for a part of the bill."""
    keep_apart(output, "--output", inputs, () if output.suffix.lower() in ENDINGS else NAMES)


def keep_apart(output: Path, option: str, inputs: Iterable[tuple[str, Path]], names: Sequence[str] = ()) -> None:
    """Raise InputError where the file ``output``, or one of these names in the folder ``output``, is what is read, or
    lies in a folder that is."""
    target = output.resolve()
    written = [target / name for name in names] or [target]
    for what, path in inputs:
        if not path.exists():
            continue
        own = path.resolve()
        if own.is_dir() and (target == own or own in target.parents):
            raise InputError(
                f"{option} lies in {what} itself, and the next run would read it",
                place=output,
                remedy=f"Name a place outside of {path}.",
            )
        if any(one == own or one in own.parents or _same(one, own) for one in written):
            raise InputError(
                f"{option} would write over {what}: {path}", place=output, remedy="Nothing was written. Name another."
            )


def _same(one: Path, other: Path) -> bool:
    """Whether two names are one file: a hard link, or another case where that does not count."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def keep_others(output: Path, is_allocation: Callable[[Path], bool]) -> None:
    """Raise InputError where ``output`` would replace what no earlier run wrote. An earlier result is replaced.

    ``is_allocation`` tells whether a table is one.
    """
    if not output.exists():
        return
    if output.suffix.lower() in ENDINGS:
        if not is_allocation(output):
            raise InputError(
                "exists, and is not the result of an earlier run: it is not written over",
                place=output,
                remedy="Name another file, or remove this one.",
            )
        return
    there = [name for name in NAMES if (output / name).exists() or (output / name).is_symlink()]
    if not there:
        return
    table = output / NAMES[0]
    if not table.exists() or not is_allocation(table):
        raise InputError(
            f"the folder has {', '.join(there)}, which no earlier run wrote: nothing is written over",
            place=output,
            remedy="Name another folder, or move these away.",
        )


@contextmanager
def staged(folder: Path, gone: Callable[[Path, Path], Iterable[str]] | None = None) -> Iterator[Path]:
    """A folder to write into. Where the block ends well, what is in it takes its place in ``folder``; where it does
    not, ``folder`` is as it was, and is not made if it was not there. Other files in it stay.

    ``gone`` gives, of the folder and the new one, the files of earlier runs (relative) that are to be removed. Raises
    InputError where nothing can be written.
    """
    folder = folder.resolve()
    near = folder
    while not near.exists():
        near = near.parent
    new = near / f".{folder.name}.{token_hex(4)}.part"
    try:
        new.mkdir()
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        yield new
        if near == folder or not _renamed(new, folder):
            with _alone_in(folder):
                _land(new, folder, tuple(gone(folder, new)) if gone is not None else ())
    except OSError as error:
        if error.errno in _UNWRITABLE:
            raise _unwritable(folder, error) from None
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot be written: {error.strerror}",
        place=folder,
        remedy="What was there is as it was. Give --output a place with room where you may write.",
    )


def _renamed(new: Path, folder: Path) -> bool:
    """Whether the new folder could take its place as a whole: another run may have made it meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(new, folder)
    except OSError:
        if folder.is_dir():
            return False
        raise
    return True


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While the files of a folder change, no other run changes them: two runs must not be mixed."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems know no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _land(new: Path, folder: Path, gone: tuple[str, ...]) -> None:
    """Move what is new into place, by renames alone; what it replaces is put back where one of them fails."""
    old = new.with_name(f"{new.name}.old")
    old.mkdir()
    done: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        done.append((source, target))
        os.rename(source, target)

    try:
        coming = [path.relative_to(new) for path in _units(new)]
        for name in (*map(Path, gone), *coming):
            there = folder / name
            if there.exists() or there.is_symlink():
                move(there, old / name)
            if name in coming:
                move(new / name, there)
    except BaseException:
        for source, target in reversed(done):
            with suppress(OSError):
                os.rename(target, source)
        shutil.rmtree(old, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _units(new: Path) -> list[Path]:
    """What is moved in one piece: each file, and a table that is a folder of parts; but the invoices one by one, as
    other files may lie beside them."""
    found = sorted(path for path in new.iterdir() if path.name != FOLDER)
    pages = new / FOLDER
    return [*(sorted(pages.iterdir()) if pages.is_dir() else ()), *found]


def is_allocation(connection: Any) -> Callable[[Path], bool]:
    """What tells an earlier result from another file, by a DuckDB connection."""
    from spendgate.allocate.allocated import open_allocated

    def told(table: Path) -> bool:
        try:
            open_allocated(connection, table, "there")
        except InputError:
            return False
        return True

    return told
