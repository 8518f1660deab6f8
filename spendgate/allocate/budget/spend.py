"""What was spent, by day: one view over allocations or bills, whichever are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import FILE, open_allocated, rows
from spendgate.allocate.asking import quoted
from spendgate.allocate.bill.files import as_glob
from spendgate.allocate.bill.focus import COLUMNS, LINE_ID, TAGS, Kind
from spendgate.allocate.bill.lines import typed
from spendgate.allocate.bill.read import open_bill, unreadable
from spendgate.allocate.model import OWNER
from spendgate.errors import InputError

_SHOWN: Final = (
    "ServiceName",
    "SkuId",
    "ResourceId",
    "ChargeDescription",
    "ChargeCategory",
    "ChargeClass",
    "ChargeFrequency",
    "ChargePeriodEnd",
)


A_DAY: Final = 36
"""Hours; a line for longer is of several days. A day has 25 hours where the clock is put back."""


ONCE: Final = {
    "ChargeCategory": "coalesce(ChargeCategory, '') IN ('Purchase', 'Tax', 'Adjustment', 'Credit')",
    "ChargeClass": "coalesce(ChargeClass, '') = 'Correction'",
    "ChargeFrequency": "coalesce(ChargeFrequency, '') IN ('One-Time', 'Recurring')",
    "ChargePeriodEnd": f"coalesce(date_diff('hour', ChargePeriodStart, ChargePeriodEnd) > {A_DAY}, false)",
}
"""What tells a charge that stands once from use, which goes on from day to day, by the column that it reads: a
purchase, a tax, a subscription, what one line charges for longer than a day (a month of storage), and credits and
refunds, since nobody may count on another one."""


@dataclass(frozen=True, slots=True)
class Spend:
    """The view ``spend`` (line, day, month, cost, once, sku, service, resource, charge, tags, and the owner's fields).

    ``owned`` says whether owners are those of an allocation; else they are the lines' own tags. ``first`` and ``last``
    are the days that have charges.
    """

    currency: str
    owned: bool
    first: date
    last: date
    lines: int


def open_spend(connection: Any, paths: Sequence[Path], mapping: str | None = None) -> Spend:
    """Open bills, or folders of allocations of months that do not overlap; ``mapping`` is of bills of another
    format.

    Raises InputError for both together, for allocations that lie deeper in a folder, for a month that stands twice, for
    several currencies, and for what cannot be read.
    """
    folders = [path for path in paths if _is_allocation(connection, path)]
    if folders and len(folders) < len(paths):
        raise InputError("allocations and bills stand together", place=paths[0], remedy="Name one kind of them.")
    if folders:
        together = " UNION ALL ".join(_allocations(connection, folders))
        connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW spend AS {together}")
    else:
        _bill(connection, paths, mapping)
    (row,) = rows(
        connection,
        "SELECT min(day) AS first, max(day) AS last, count(*) AS lines, count(DISTINCT currency) AS currencies, "
        "min(currency) AS currency, max(currency) AS other, count(*) FILTER (cost IS NULL OR day IS NULL) AS bad "
        "FROM spend",
    )
    if row["bad"]:
        raise InputError(f"{row['bad']:,} lines have no cost or no day", place=paths[0])
    if not row["lines"]:
        raise InputError("there are no lines", place=paths[0])
    if row["currencies"] != 1:
        raise InputError(
            f"the lines are in several currencies, {row['currency']} and {row['other']} among them",
            place=paths[0],
            remedy="Allocate one currency at a time, and check the folders one by one.",
        )
    return Spend(str(row["currency"]), bool(folders), row["first"], row["last"], row["lines"])


def _is_allocation(connection: Any, path: Path) -> bool:
    """Whether ``allocate`` wrote this; its lines stand there once for each owner, so it is no bill."""
    if path.is_dir():
        return (path / FILE).exists()
    read = {".parquet": "read_parquet", ".csv": "read_csv"}.get(path.suffix.lower())
    if read is None or not path.exists():
        return False
    try:
        found = connection.raw_sql(f"DESCRIBE SELECT * FROM {read}({quoted(as_glob(path))})").fetchall()
    except Exception:  # what cannot be read is told of by whoever reads it as a bill
        return False
    return "x_AllocatedCost" in {row[0] for row in found}


def _allocations(connection: Any, folders: Sequence[Path]) -> list[str]:
    selects: list[str] = []
    seen: dict[str, Path] = {}
    for number, folder in enumerate(folders):
        view = f"allocated_{number}"
        open_allocated(connection, folder, view)
        for row in rows(connection, f"SELECT DISTINCT month FROM {view} ORDER BY month"):
            if row["month"] in seen:
                raise InputError(
                    f"{row['month']} stands in {seen[row['month']]} too: it would count twice", place=folder
                )
            seen[row["month"]] = folder
        owners = [f"{column} AS {name}" for name, column in OWNER.items()]
        selects.append(_select(connection, view, "x_AllocatedCost", [*owners, "x_Idle AS idle", "x_Driver AS driver"]))
    return selects


def _bill(connection: Any, paths: Sequence[Path], mapping: str | None) -> None:
    """A table, not a view: text and tags are read once, however often it is asked."""
    import ibis

    cost = "BilledCost"
    table = typed(open_bill(connection, paths, mapping=mapping), cost, paths[0])
    if "x_AllocatedCost" in table.columns:
        raise InputError("allocations lie in this folder", place=paths[0], remedy="Name each of their folders.")
    absent = {
        name: ibis.null("timestamp" if kind is Kind.TIME else "string")
        for name, kind in COLUMNS.items()
        if name not in table.columns and name in _SHOWN
    }
    if TAGS not in table.columns:
        absent[TAGS] = ibis.null("string")
    sql = ibis.to_sql(table.mutate(**absent), dialect="duckdb")
    connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW typed_bill AS {sql}")
    paths_of_tags = ", ".join(tag_path(name.replace("_", "-")) for name in OWNER)
    tags = _tags(connection, "typed_bill")
    connection.raw_sql(
        "CREATE OR REPLACE TEMP VIEW tagged_bill AS "
        f"SELECT *, json_extract_string({tags}, [{paths_of_tags}]) AS owner_tags FROM typed_bill"
    )
    owners = [f"owner_tags[{number}] AS {name}" for number, name in enumerate(OWNER, start=1)]
    more = ["false AS idle", "CAST(NULL AS VARCHAR) AS driver"]
    selected = _select(connection, "tagged_bill", cost, [*owners, *more])
    try:
        connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE spend AS {selected}")
    except Exception as error:
        raise unreadable(error, paths[0]) from None


def _select(connection: Any, view: str, cost: str, more: Sequence[str]) -> str:
    return f"""
        SELECT {LINE_ID} AS line, CAST(ChargePeriodStart AS DATE) AS day, strftime(ChargePeriodStart, '%Y-%m') AS month,
               {cost} AS cost, BillingCurrency AS currency,
               {" OR ".join(ONCE.values())} AS once,
               coalesce(SkuId, ServiceName, ChargeDescription, '') AS sku, ServiceName AS service,
               ResourceId AS resource, ChargeDescription AS charge, {_tags(connection, view)} AS tags,
               {", ".join(more)}
        FROM {view}"""


def _tags(connection: Any, view: str) -> str:
    kind = next(row[1] for row in connection.raw_sql(f"DESCRIBE {view}").fetchall() if row[0] == TAGS)
    text = TAGS if kind == "VARCHAR" else f"CAST(to_json({TAGS}) AS VARCHAR)"
    return f"CASE WHEN json_valid({text}) THEN {text} END"


def tag_sql(tags: str, key: str) -> str:
    """The tag of a key out of text of JSON, as SQL."""
    return f"json_extract_string({tags}, {tag_path(key)})"


def tag_path(key: str) -> str:
    """Where a tag stands in text of JSON, as SQL."""
    path = key.replace("\\", "\\\\").replace('"', '\\"')
    return quoted(f'$."{path}"')
