"""The KPIs. Each is a row here: to add one, write its formula and its query."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from spendgate.allocate.asking import quoted
from spendgate.allocate.kpi.model import Inputs, Kpi, Query
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


def _ratio_of(table: str, part: str, whole: str, extra: tuple[str, ...] = ()) -> Query:
    """Two sums of one table of usage, by the owners' fields and the columns that it has."""

    def query(inputs: Inputs) -> str:
        fields = (*inputs.owners(table), *(name for name in extra if name in inputs.tables[table]))
        return f"SELECT {_each(fields)}{part} AS part, {whole} AS whole FROM usage_{table} GROUP BY ALL"

    return query


def _gpu_hours(inputs: Inputs) -> str:
    fields = tuple(name for name in ("project", "model") if name in inputs.tables["gpu_hours"])
    return f"SELECT {_each(fields)}sum(gpu_hours) AS part FROM usage_gpu_hours WHERE gpu_hours > 0 GROUP BY ALL"


def _billed_hours(_: Inputs) -> str:
    return """
        SELECT project, model, accelerator, sum(gpu_hours) AS part FROM billed_hours
        GROUP BY ALL HAVING sum(gpu_hours) <> 0"""


def _idle_gpu(inputs: Inputs) -> str:
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


def _storage(inputs: Inputs) -> str:
    return f"""
        SELECT coalesce({inputs.tag("data-class")}, 'no data class') AS data_class,
               sum(({_QUANTITY}) * {_BYTES}) / 1073741824 AS part
        FROM allocated
        WHERE {_COUNTS} AND regexp_matches({_UNIT}, '^{_SIZES}[- /]?(mo|mos|month|months)$')
        GROUP BY ALL"""


_OUT: Final = "transfer out|transfer to |egress|out to internet|datatransfer-out|aws-out-bytes"


def _egress(_: Inputs) -> str:
    return f"""
        SELECT ServiceName AS service, sum(({_QUANTITY}) * {_BYTES}) / 1000000000 AS part
        FROM allocated
        WHERE {_COUNTS} AND regexp_matches({_UNIT}, '^{_SIZES}$')
              AND regexp_matches(concat_ws(' ', ChargeDescription, SkuMeter), '(?i)({_OUT})')
        GROUP BY ALL"""


def _coverage(inputs: Inputs) -> str:
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


def _forecast(inputs: Inputs) -> str:
    fields = inputs.owners("forecast")
    cost = "".join(f"{OWNER[name]} AS {name}, " for name in fields)
    on = "".join(f" AND f.{name} IS NOT DISTINCT FROM a.{name}" for name in fields)
    return f"""
        WITH f AS (SELECT month, {_each(fields)}sum(cost) AS cost FROM usage_forecast GROUP BY ALL),
             a AS (SELECT month, {cost}sum(x_AllocatedCost) AS cost FROM allocated GROUP BY ALL)
        SELECT f.month, {_each(fields, "f.")}f.cost - coalesce(a.cost, 0) AS part, coalesce(a.cost, 0) AS whole
        FROM f LEFT JOIN a ON f.month = a.month{on}"""


def _not_forecast(inputs: Inputs) -> str:
    same = "".join(f" AND f.{name} IS NOT DISTINCT FROM a.{OWNER[name]}" for name in inputs.owners("forecast"))
    return f"""
        SELECT sum(x_AllocatedCost) AS cost FROM allocated a
        WHERE month IN (SELECT month FROM usage_forecast)
              AND NOT EXISTS (SELECT 1 FROM usage_forecast f WHERE f.month = a.month{same})"""


_SHARE: Final = Decimal(100)

KPIS: Final = (
    Kpi(
        "gpu-hours",
        "GPU-hours by project and model",
        "Σ gpu_hours of the table; without one Σ hours of the bill's machines × accelerators of each",
        "GPU-hours",
        _gpu_hours,
        "a row with gpu_hours in gpu-hours",
        tables={"gpu_hours": ("date", "gpu_hours")},
        total=True,
        billed=_billed_hours,
    ),
    Kpi(
        "cost-per-training-run",
        "Cost of a training run",
        f"cost of lines of the run types {', '.join(TRAINING)} / Σ runs",
        "{currency} a run",
        unit_cost("training_runs", "runs", run_types(TRAINING, "x_RunType")),
        "a line of a run type of training",
        tables={"training_runs": ("date", "runs")},
        total=True,
    ),
    Kpi(
        "cost-per-1000-inferences",
        "Cost of 1,000 inferences",
        f"cost of lines of the run types {', '.join(INFERENCE)} / Σ inferences × 1,000",
        "{currency} for 1,000",
        unit_cost("inferences", "inferences", run_types(INFERENCE, "x_RunType")),
        "a line of a run type of inference",
        tables={"inferences": ("date", "inferences")},
        scale=Decimal(1000),
        total=True,
    ),
    Kpi(
        "cost-per-million-tokens",
        "Cost of a million tokens",
        f"cost of lines of the run types {', '.join(INFERENCE)} / Σ tokens × 1,000,000",
        "{currency} for 1,000,000",
        unit_cost("tokens", "tokens", run_types(INFERENCE, "x_RunType")),
        "a line of a run type of inference",
        tables={"tokens": ("date", "tokens")},
        scale=Decimal(1_000_000),
        total=True,
    ),
    Kpi(
        "cost-per-successful-deployment",
        "Cost of a successful deployment",
        "allocated cost / Σ successful",
        "{currency} a deployment",
        unit_cost("deployments", "successful", "true"),
        "an allocated line",
        tables={"deployments": ("date", "successful")},
        total=True,
    ),
    Kpi(
        "idle-gpu",
        "Idle GPU capacity",
        "Σ of days (capacity - gpu_hours, where it is above zero) / Σ capacity, by pool",
        "%",
        _idle_gpu,
        "a row with a capacity in gpu-hours",
        tables={"gpu_hours": ("date", "gpu_hours", "capacity")},
        scale=_SHARE,
        total=True,
    ),
    Kpi(
        "idle-cost",
        "Cost of idle capacity of shared pools",
        "cost of idle shares / cost of all that a driver split, by pool",
        "%",
        lambda _: (
            "SELECT x_Pool AS pool, coalesce(sum(x_AllocatedCost) FILTER (x_Idle), 0) AS part, "
            "sum(x_AllocatedCost) AS whole FROM allocated WHERE x_Layer = 'proportional' GROUP BY ALL"
        ),
        "a line of a pool that a driver splits",
        scale=_SHARE,
        total=True,
    ),
    Kpi(
        "gpu-utilization",
        "GPU utilisation",
        "Σ busy_gpu_hours / Σ gpu_hours",
        "%",
        _ratio_of("gpu_hours", "sum(busy_gpu_hours)", "sum(gpu_hours) FILTER (busy_gpu_hours IS NOT NULL)", ("pool",)),
        "a row with busy_gpu_hours in gpu-hours",
        tables={"gpu_hours": ("date", "gpu_hours", "busy_gpu_hours")},
        scale=_SHARE,
        total=True,
    ),
    Kpi(
        "storage",
        "Storage by data class",
        "Σ ConsumedQuantity of usage whose unit is GB- or GiB-months, by the tag data-class",
        "GiB-months",
        _storage,
        "a line of usage whose unit is GB- or GiB-months",
        columns=("ConsumedQuantity", "ConsumedUnit|PricingUnit", "Tags"),
        total=True,
        notes=(
            "A unit is what FOCUS says it is: GB is 10^9 bytes. Where a provider writes GB and counts 2^30 bytes, the "
            "true figure is 7.4 % higher.",
        ),
    ),
    Kpi(
        "egress",
        "Egress by service",
        "Σ ConsumedQuantity in GB of usage whose description or meter tells of a transfer out",
        "GB",
        _egress,
        "a line of usage in GB whose description or meter tells of a transfer out",
        columns=("ConsumedQuantity", "ConsumedUnit|PricingUnit", "ChargeDescription|SkuMeter", "ServiceName"),
        total=True,
        notes=(
            "FOCUS has no column for the direction of traffic: lines are found by transfer out, transfer to, egress "
            "and out to internet in their description, and by DataTransfer-Out in their meter.",
        ),
    ),
    Kpi(
        "environment-split",
        "Cost by environment",
        "cost of an environment / cost of the bill",
        "%",
        lambda _: (
            "SELECT coalesce(x_Environment, 'no environment') AS environment, sum(x_AllocatedCost) AS part, "
            "(SELECT sum(x_AllocatedCost) FROM allocated) AS whole FROM allocated GROUP BY ALL "
            "HAVING (SELECT count(x_Environment) FROM allocated) > 0"
        ),
        "a line whose owner has an environment",
        scale=_SHARE,
    ),
    Kpi(
        "commitment-utilization",
        "Use of reserved capacity",
        "EffectiveCost of lines whose commitment is Used / of those Used or Unused and of its purchase, by commitment",
        "%",
        lambda _: (
            "SELECT CommitmentDiscountType AS type, CommitmentDiscountId AS commitment, "
            "coalesce(sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Used'), 0) AS part, "
            "sum(EffectiveCost) AS whole FROM allocated WHERE x_FirstShare "
            # FOCUS amortises all of a purchase; in a CUR the fee keeps what was not used.
            "AND (CommitmentDiscountStatus IN ('Used', 'Unused') "
            "OR (ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL)) "
            "GROUP BY ALL HAVING count(CommitmentDiscountStatus) > 0 OR whole > 0"
        ),
        "a line with a CommitmentDiscountStatus",
        columns=("EffectiveCost", "CommitmentDiscountStatus"),
        scale=_SHARE,
        total=True,
    ),
    Kpi(
        "tag-coverage",
        "Tag coverage",
        "cost of usage whose lines have the tag / cost of all usage, by tag; of lines above zero",
        "%",
        _coverage,
        f"a line with one of the tags {', '.join(OWNER_TAGS)}",
        columns=("Tags",),
        scale=_SHARE,
    ),
    Kpi(
        "spend-under-policy",
        "Spend under policy",
        "cost of lines whose ResourceId is listed in policy / cost of the bill, of lines above zero",
        "%",
        lambda _: (
            "SELECT coalesce(sum(x_AllocatedCost) FILTER (ResourceId IN (SELECT resource FROM usage_policy)), 0) "
            "AS part, sum(x_AllocatedCost) AS whole FROM allocated WHERE x_AllocatedCost > 0 "
            "HAVING count(ResourceId) > 0"
        ),
        "a line with a ResourceId",
        columns=("ResourceId",),
        tables={"policy": ("resource",)},
        scale=_SHARE,
    ),
    Kpi(
        "forecast-error",
        "Forecast error",
        "(Σ forecast - actual cost) / actual cost, by month and the owner's fields of the forecast",
        "%",
        _forecast,
        "a month that the forecast and the bill both have",
        tables={"forecast": ("date", "cost")},
        scale=_SHARE,
        beside=("{cost} of these months were forecast for nobody.", _not_forecast),
    ),
)
