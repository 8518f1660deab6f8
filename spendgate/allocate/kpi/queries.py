"""What the KPIs ask of an allocation and of tables of usage, as SQL: parts and wholes by what a figure is shown by."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from spendgate.allocate.asking import quoted
from spendgate.allocate.kpi.model import Inputs, Query
from spendgate.allocate.model import OWNER

OWNER_TAGS: Final = tuple(name.replace("_", "-") for name in OWNER)
"""The tags that say who pays, as the shipped rules read them."""

TRAINING: Final = ("training", "pretraining", "fine-tuning")
INFERENCE: Final = ("inference", "batch-inference", "online-inference", "serving")
"""Run types, as owners have them, whose cost is that of training runs, and of inferences and tokens."""


def run_types(names: tuple[str, ...], column: str) -> str:
    """Whether a line is of one of the run types, as SQL."""
    return f"lower({column}) IN ({', '.join(map(quoted, names))})"


_RAW: Final = "lower(ConsumedUnit) IN ('bytes', 'byte-seconds')"
"""Google Cloud counts in these, and prices by the GiB and its months."""

_UNIT: Final = (
    f"regexp_replace(lower(trim(CASE WHEN {_RAW} THEN PricingUnit ELSE coalesce(ConsumedUnit, PricingUnit) END)), "
    "'^10*[ ]', '')"
)
"""The unit of a quantity; Azure's 100 GB is a block that a price is for, and its quantity counts GB."""

_NUMBER: Final = "DECIMAL(38, 15)"
_QUANTITY: Final = (
    f"CASE WHEN {_RAW} THEN TRY_CAST(PricingQuantity AS {_NUMBER}) ELSE TRY_CAST(ConsumedQuantity AS {_NUMBER}) END"
)
_SIZES: Final = "(gb|gigabyte|gib|gibibyte|tb|terabyte|tib|tebibyte)s?"
_SIZE: Final = f"regexp_extract({_UNIT}, '^{_SIZES}', 1)"
_BYTES: Final = (
    f"CASE WHEN {_SIZE} IN ('gb', 'gigabyte') THEN 1000000000 WHEN {_SIZE} IN ('tb', 'terabyte') THEN 1000000000000 "
    f"WHEN {_SIZE} IN ('gib', 'gibibyte') THEN 1073741824 WHEN {_SIZE} IN ('tib', 'tebibyte') THEN 1099511627776 END"
)

_COSTS: Final = ", ".join(
    f"coalesce(TRY_CAST({name} AS DOUBLE), 0)" for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
)
_COUNTS: Final = (
    f"x_FirstShare AND coalesce(ChargeCategory, 'Usage') = 'Usage' "
    f"AND (ConsumedQuantity < 0 OR NOT (greatest({_COSTS}) <= 0 AND least({_COSTS}) < 0))"
)
"""Whether a line tells a quantity of its own: of usage, once for all of its shares, and not what a discount repeats.
One below zero is a correction."""


def _each(names: tuple[str, ...], alias: str = "") -> str:
    return "".join(f"{alias}{name}, " for name in names)


def unit_cost(table: str, column: str, where: str) -> Query:
    """The cost of the lines that ``where`` chooses over what a table of usage counts, by the owners' fields that the
    table has, in the months that it has. A row without a whole is cost that nothing was counted for."""

    def query(inputs: Inputs) -> str:
        fields = inputs.owners(table)
        cost = "".join(f"{OWNER[name]} AS {name}, " for name in fields)
        on = " AND ".join(f"c.{name} IS NOT DISTINCT FROM u.{name}" for name in fields) or "true"
        return f"""
            WITH c AS (SELECT {cost}sum(x_AllocatedCost) AS part FROM allocated
                       WHERE x_Layer <> 'unallocated' AND {where}
                             AND month IN (SELECT month FROM usage_{table}) GROUP BY ALL HAVING count(*) > 0),
                 u AS (SELECT {_each(fields)}sum({column}) AS whole FROM usage_{table} GROUP BY ALL)
            SELECT {_each(fields, "c.")}c.part, u.whole FROM c LEFT JOIN u ON {on}"""

    return query


def ratio_of(table: str, part: str, whole: str, extra: tuple[str, ...] = ()) -> Query:
    """Two sums of one table of usage, by the owners' fields and the columns that it has."""

    def query(inputs: Inputs) -> str:
        fields = (*inputs.owners(table), *(name for name in extra if name in inputs.tables[table]))
        return f"SELECT {_each(fields)}{part} AS part, {whole} AS whole FROM usage_{table} GROUP BY ALL"

    return query


def gpu_hours(inputs: Inputs) -> str:
    """Hours that the table counts, by project and model where it has them."""
    fields = tuple(name for name in ("project", "model") if name in inputs.tables["gpu_hours"])
    return f"SELECT {_each(fields)}sum(gpu_hours) AS part FROM usage_gpu_hours WHERE gpu_hours > 0 GROUP BY ALL"


def billed_hours(_: Inputs) -> str:
    """Hours of the bill's machines, by project, model and accelerator."""
    return """
        SELECT project, model, accelerator, sum(gpu_hours) AS part FROM billed_hours
        GROUP BY ALL HAVING sum(gpu_hours) <> 0"""


def idle_gpu(inputs: Inputs) -> str:
    """By the day, as pools are split: what is used beyond the capacity of one day is not there on another. By the month
    where one of a pool's rows is of a whole month."""
    pool = "pool" if "pool" in inputs.tables["gpu_hours"] else "''"
    shown = "pool, " if "pool" in inputs.tables["gpu_hours"] else ""
    return f"""
        WITH spans AS (
            SELECT {pool} AS pool, gpu_hours, capacity,
                   CASE WHEN min(length("date")) OVER (PARTITION BY {pool}, month) = 7 THEN month
                        ELSE substr("date", 1, 10) END AS span
            FROM usage_gpu_hours),
        days AS (
            SELECT pool, span, coalesce(sum(gpu_hours), 0) AS used, sum(capacity) AS capacity FROM spans
            GROUP BY pool, span HAVING sum(capacity) > 0)
        SELECT {shown}sum(greatest(capacity - used, 0)) AS part, sum(capacity) AS whole FROM days GROUP BY ALL"""


def storage(inputs: Inputs) -> str:
    """GiB-months of usage by the tag ``data-class``."""
    return f"""
        SELECT coalesce({inputs.tag("data-class")}, 'no data class') AS data_class,
               sum(({_QUANTITY}) * {_BYTES}) / 1073741824 AS part
        FROM allocated
        WHERE {_COUNTS} AND regexp_matches({_UNIT}, '^{_SIZES}[- /]?(mo|mos|month|months)$')
        GROUP BY ALL"""


_OUT: Final = "transfer out|transfer to |egress|out to internet|datatransfer-out|aws-out-bytes"


def egress(_: Inputs) -> str:
    """GB of usage that tells of a transfer out, by service."""
    return f"""
        SELECT ServiceName AS service, sum(({_QUANTITY}) * {_BYTES}) / 1000000000 AS part
        FROM allocated
        WHERE {_COUNTS} AND regexp_matches({_UNIT}, '^{_SIZES}$')
              AND regexp_matches(concat_ws(' ', ChargeDescription, SkuMeter), '(?i)({_OUT})')
        GROUP BY ALL"""


def coverage(inputs: Inputs) -> str:
    """The cost of usage whose lines have each of the owners' tags, of all usage."""
    apart = replace(inputs, tags="tags_text")
    sums = ", ".join(
        f"sum(cost) FILTER (coalesce({apart.tag(key)}, '') <> '') AS t{n}" for n, key in enumerate(OWNER_TAGS)
    )
    rows = " UNION ALL ".join(
        f"SELECT '{key}' AS tag, coalesce(t{n}, 0) AS part, whole FROM sums" for n, key in enumerate(OWNER_TAGS)
    )
    # Tags repeat over lines: they are parsed once for each text of tags.
    return f"""
        WITH distinct_tags AS (
            SELECT {inputs.tags} AS tags_text, sum(x_AllocatedCost) AS cost FROM allocated
            WHERE coalesce(ChargeCategory, 'Usage') = 'Usage' AND x_AllocatedCost > 0 GROUP BY tags_text),
        sums AS (SELECT {sums}, sum(cost) AS whole FROM distinct_tags)
        {rows}"""


def forecast(inputs: Inputs) -> str:
    """What was forecast beyond the actual cost, by month and the owner's fields of the forecast."""
    fields = inputs.owners("forecast")
    cost = "".join(f"{OWNER[name]} AS {name}, " for name in fields)
    on = "".join(f" AND f.{name} IS NOT DISTINCT FROM a.{name}" for name in fields)
    return f"""
        WITH f AS (SELECT month, {_each(fields)}sum(cost) AS cost FROM usage_forecast GROUP BY ALL),
             a AS (SELECT month, {cost}sum(x_AllocatedCost) AS cost FROM allocated GROUP BY ALL)
        SELECT f.month, {_each(fields, "f.")}f.cost - coalesce(a.cost, 0) AS part, coalesce(a.cost, 0) AS whole
        FROM f LEFT JOIN a ON f.month = a.month{on}"""


def not_forecast(inputs: Inputs) -> str:
    """The cost of owners that the forecast does not have, in its months."""
    same = "".join(f" AND f.{name} IS NOT DISTINCT FROM a.{OWNER[name]}" for name in inputs.owners("forecast"))
    return f"""
        SELECT sum(x_AllocatedCost) AS cost FROM allocated a
        WHERE month IN (SELECT month FROM usage_forecast)
              AND NOT EXISTS (SELECT 1 FROM usage_forecast f WHERE f.month = a.month{same})"""
