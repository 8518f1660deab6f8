"""Files of a bill as Spark reads them: the same lines, columns and line ids as DuckDB does."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from spendgate.allocate.asking import Table
from spendgate.allocate.bill.files import files_of_bill
from spendgate.allocate.bill.focus import LINE_ID
from spendgate.allocate.bill.heads import separator_of

NOTHING: Final = ("", "NULL", "null")
_PART: Final = re.compile(r"^([A-Za-z_][\w-]*)=(.*)$")
_LONG: Final = 32_768
_DECIMAL: Final = re.compile(r"decimal\((\d+), (\d+)\)")
_DEFAULT: Final = "__HIVE_DEFAULT_PARTITION__"


def lines(session: Any, paths: Sequence[Path]) -> Any:
    """The lines of all files as a DataFrame, with ``x_LineId``: the file and the row in it."""
    files, is_csv = files_of_bill(paths)
    if not is_csv:
        return _parquet(session, files)
    separator = separator_of(files)
    frames = [_csv(session, file, separator, label) for file, label in zip(files, _labels(files), strict=True)]
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)


def _labels(files: Sequence[Path]) -> list[str]:
    """What names each file's lines: its name, or, where two have one name, its path below what they share."""
    if len({file.name for file in files}) == len(files):
        return [file.name for file in files]
    try:
        base = os.path.commonpath([file.parent for file in files])
    except ValueError:  # one path begins at the root, another does not
        base = ""
    return [str(file)[len(base) + 1 :] if base else str(file) for file in files]


def small(session: Any, table: Table) -> Any:
    """A small table as a DataFrame; by way of Arrow where Spark takes it, so that executors need no Python."""
    if int(session.version.split(".")[0]) >= 4:
        import pyarrow as pa

        columns = {
            name: pa.array([str(one) if isinstance(one, str) else one for one in values], _arrow(type_))
            for name, (type_, values) in table.items()
        }
        return session.createDataFrame(pa.table(columns))
    schema = ", ".join(f"`{name}` {'string' if type_ == 'VARCHAR' else type_}" for name, (type_, _) in table.items())
    plain = ([str(one) if isinstance(one, str) else one for one in values] for _, values in table.values())
    return session.createDataFrame(list(zip(*plain, strict=True)), schema)


def _arrow(type_: str) -> Any:
    import pyarrow as pa

    if found := _DECIMAL.fullmatch(type_):
        return pa.decimal128(int(found[1]), int(found[2]))
    return {"VARCHAR": pa.string(), "SMALLINT": pa.int16(), "DATE": pa.date32(), "BOOLEAN": pa.bool_()}[type_]


def _csv(session: Any, file: Path, separator: str, label: str) -> Any:
    """One file is read as one part, so that its rows are numbered in their order; large bills are better Parquet."""
    from pyspark.sql import functions as F

    frame = session.read.csv(
        address(file),
        header=True,
        sep=separator,
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
    label = _label_of(
        files, _unquoted(F.col("_metadata.file_name")), F.regexp_replace(_unquoted(path), "^file:/+", "/")
    )
    line_id = F.concat(label, F.lit(":"), number).alias(LINE_ID)
    kept = [F.col(_name(column)) for column in frame.columns if column not in (LINE_ID, *parts)]
    return frame.select(*kept, *texts, line_id)


def _label_of(files: Sequence[Path], name: Any, path: Any) -> Any:
    """The label of the file that a line is of, by its name and its path."""
    from pyspark.sql import functions as F

    labels = _labels(files)
    if labels == [file.name for file in files]:
        return name
    whole = [os.path.abspath(file) for file in files]
    before = whole[0].removesuffix(labels[0])
    if all(one == before + label for one, label in zip(whole, labels, strict=True)):
        return F.substring(path, len(before) + 1, _LONG)
    pairs = (F.lit(text) for pair in zip(whole, labels, strict=True) for text in pair)
    return F.element_at(F.create_map(*pairs), path)


def _unquoted(text: Any) -> Any:
    from pyspark.sql import functions as F

    return F.url_decode(F.replace(text, F.lit("+"), F.lit("%2B")))


def _name(column: str) -> str:
    return f"`{column.replace('`', '``')}`"


def address(path: Path) -> str:
    """The path as Spark takes it, where some letters stand for any."""
    return "file://" + re.sub(r"([\\*?{}\[\]])", r"\\\1", os.path.abspath(path))


def _partitions(file: Path) -> dict[str, str | None]:
    """The columns that folders of the path hold, as in ``month=2026-03``."""
    found = [match for part in file.parts[:-1] if (match := _PART.match(part))]
    return {match[1]: None if match[2] == _DEFAULT else unquote(match[2]) for match in found}


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
