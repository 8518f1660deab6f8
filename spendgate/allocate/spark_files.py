"""Files of a bill as Spark reads them: the same lines, columns and line ids as DuckDB does."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from spendgate.allocate.bill import files_of_bill
from spendgate.allocate.focus import LINE_ID

NOTHING: Final = ("", "NULL", "null")
_PART: Final = re.compile(r"^([A-Za-z_][\w-]*)=(.*)$")
_LONG: Final = 32_768
_DEFAULT: Final = "__HIVE_DEFAULT_PARTITION__"


def lines(session: Any, paths: Sequence[Path]) -> Any:
    """The lines of all files as a DataFrame, with ``x_LineId``: the file and the row in it."""
    files, is_csv = files_of_bill(paths)
    if is_csv:
        base = _base(files)
        labels = [file.name if base is None else str(file.resolve().relative_to(base)) for file in files]
        frames = [_csv(session, file, label) for file, label in zip(files, labels, strict=True)]
        return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    return _parquet(session, files)


def _base(files: Sequence[Path]) -> str | None:
    """Below which folder paths name the files, where two have one name."""
    if len({file.name for file in files}) == len(files):
        return None
    return os.path.commonpath([file.resolve().parent for file in files])


def _csv(session: Any, file: Path, label: str) -> Any:
    """One file is read as one part, so that its rows are numbered in their order; large bills are better Parquet."""
    from pyspark.sql import functions as F

    frame = session.read.csv(
        address(file),
        header=True,
        sep=_separator(file),
        quote='"',
        escape='"',
        multiLine=True,
        mode="FAILFAST",
        inferSchema=False,
    )
    texts = [
        F.when(~frame[_name(name)].isin(*NOTHING), frame[_name(name)]).alias(name)
        for name in frame.columns
        if name != LINE_ID
    ]
    number = (F.monotonically_increasing_id() + 1).cast("string")
    made = frame.select(*texts, F.concat(F.lit(f"{label}:"), number).alias(LINE_ID))
    for name, value in _partitions(file).items():
        made = made.withColumn(name, F.lit(value).cast("string"))
    return made


def _parquet(session: Any, files: Sequence[Path]) -> Any:
    """All files at once; their names and the rows in them are what Spark itself knows of each line."""
    from pyspark.sql import functions as F

    frame = session.read.option("mergeSchema", "true").parquet(*map(address, files))
    path = F.col("_metadata.file_path")
    parts = {
        key: F.regexp_extract(path, f"/{re.escape(key)}=([^/]*)/", 1)
        for key in sorted({key for file in files for key in _partitions(file)})
    }
    # A folder's name is written in the manner of addresses, and so is Spark's path to it.
    texts = [
        F.when(~text.isin("", _DEFAULT), _unquoted(_unquoted(text))).otherwise(F.lit(None)).alias(key)
        for key, text in parts.items()
    ]
    number = (F.col("_metadata.row_index") + 1).cast("string")
    base = _base(files)
    label = _unquoted(F.col("_metadata.file_name"))
    if base is not None:
        label = F.substring(F.regexp_replace(_unquoted(path), "^file:/+", "/"), len(base.rstrip("/")) + 2, _LONG)
    line_id = F.concat(label, F.lit(":"), number).alias(LINE_ID)
    kept = [F.col(_name(column)) for column in frame.columns if column not in (LINE_ID, *parts)]
    return frame.select(*kept, *texts, line_id)


def _unquoted(text: Any) -> Any:
    from pyspark.sql import functions as F

    return F.url_decode(F.replace(text, F.lit("+"), F.lit("%2B")))


def _name(column: str) -> str:
    return f"`{column.replace('`', '``')}`"


def address(path: Path) -> str:
    """The path as Spark takes it, where some letters stand for any."""
    return "file://" + re.sub(r"([\\*?{}\[\]])", r"\\\1", str(path.resolve()))


def _partitions(file: Path) -> dict[str, str | None]:
    """The columns that folders of the path hold, as in ``month=2026-03``."""
    found = [match for part in file.parts[:-1] if (match := _PART.match(part))]
    return {match[1]: None if match[2] == _DEFAULT else unquote(match[2]) for match in found}


def _separator(file: Path) -> str:
    """What separates the columns of the first line."""
    name = file.name.lower()
    if name.endswith(".zst"):
        return ","
    opened = gzip.open if name.endswith(".gz") else open
    with opened(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
        first = text.readline()
    return max(",\t;|", key=lambda separator: len(next(csv.reader([first], delimiter=separator), [])))


def in_utc(frame: Any) -> Any:
    """The lines with times of UTC that say no zone, as DuckDB writes them; the session is in UTC."""
    from pyspark.sql import functions as F

    zoned = {field.name for field in frame.schema.fields if field.dataType.typeName() == "timestamp"}
    columns = (
        F.col(_name(name)).cast("timestamp_ntz").alias(name) if name in zoned else F.col(_name(name))
        for name in frame.columns
    )
    return frame.select(*columns)


def plain(frame: Any) -> Any:
    """The columns as CSV can hold them: maps, records and lists as JSON."""
    from pyspark.sql import functions as F

    nested = {field.name for field in frame.schema.fields if field.dataType.typeName() in ("map", "struct", "array")}
    return frame.select(
        *(F.to_json(F.col(_name(name))).alias(name) if name in nested else F.col(_name(name)) for name in frame.columns)
    )
