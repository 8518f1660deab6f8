"""``kpis.json`` in the folder of an allocation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import open_allocated
from spendgate.allocate.kpi.measure import known_tables, measure, to_json
from spendgate.allocate.report.kpis import shown
from spendgate.allocate.report.markup import visible
from spendgate.errors import InputError, did_you_mean
from spendgate.writing import write_whole

FILE: Final = "kpis.json"

SHOWN: Final = 8
"""Values of a KPI that the terminal lists; the file has more."""


def write_kpis(
    connection: Any, folder: Path, usage: Mapping[str, Path], into: Path | None = None
) -> list[dict[str, Any]]:
    """Measure the KPIs of the allocation in ``folder`` and write them there, or ``into`` another; what was written.

    Where they are measured again (``into``), tables of usage that were there before count as well, if they still are.
    Raises InputError where there is no allocation, or a table of usage is wrong.
    """
    columns = open_allocated(connection, folder)
    tables = {**(_before(folder) if into is not None else {}), **usage}
    data = to_json(measure(connection, columns, tables))
    written = {"kpis": data, "tables": {name: str(file.resolve()) for name, file in tables.items()}}
    write_whole((into or folder) / FILE, json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    return data


def _before(folder: Path) -> dict[str, Path]:
    """The tables of usage of the KPIs that lie in the folder, where they are still there."""
    try:
        tables = json.loads((folder / FILE).read_text(encoding="utf-8"))["tables"]
        found = {str(name): Path(file) for name, file in tables.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    known = {name.replace("_", "-") for name in known_tables()}
    return {name: file for name, file in found.items() if name.replace("_", "-") in known and file.is_file()}


def check_usage(usage: Mapping[str, Path]) -> None:
    """Before an allocation is made for nothing: raise InputError for a table that no KPI reads, or no file."""
    known = [name.replace("_", "-") for name in known_tables()]
    for name, file in usage.items():
        if name.replace("_", "-") not in known:
            raise InputError(
                f"no KPI reads a table {name}", remedy=did_you_mean(name, known) or f"There are: {', '.join(known)}."
            )
        if not file.exists():
            raise InputError("no such table of usage", place=file)


def tables_for(usage: Mapping[str, Path], drivers: Mapping[str, Path]) -> dict[str, Path]:
    """The tables of usage that are given, and tables of drivers that have the name of one: GPU-hours serve both."""
    known = {name.replace("_", "-") for name in known_tables()}
    return {**{name: file for name, file in drivers.items() if name.replace("_", "-") in known}, **usage}


def to_text(kpis: Sequence[Mapping[str, Any]]) -> str:
    """The KPIs for a terminal: the overall value of each, or what is missing."""
    lines = []
    for kpi in kpis:
        values = kpi["values"]
        if not values:
            lines.append(f"{kpi['title']}: not known; missing: {'; '.join(kpi['missing'])}")
            lines += [f"  note: {visible(note)}" for note in kpi["notes"]]
            continue
        lines.append(f"{kpi['title']} ({kpi['unit']}, from {kpi['source']}): {kpi['formula']}")
        for one in [*values[:SHOWN], *values[SHOWN:][-1:]]:
            words = ", ".join(f"{key.replace('_', ' ')} {visible(value or 'none')}" for key, value in one["of"].items())
            lines.append(f"  {shown(one['value'], kpi['unit']):>16}  {words or 'the whole'}")
        lines += [f"  note: {visible(note)}" for note in kpi["notes"]]
    return "\n".join(lines)
