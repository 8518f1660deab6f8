"""The KPIs. Each is a row here: to add one, write its formula, and its query (``queries``)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from spendgate.allocate.kpi import queries
from spendgate.allocate.kpi.model import Kpi
from spendgate.allocate.kpi.queries import INFERENCE, OWNER_TAGS, TRAINING, run_types

_SHARE: Final = Decimal(100)

KPIS: Final = (
    Kpi(
        "gpu-hours",
        "GPU-hours by project and model",
        "Σ gpu_hours of the table; without one Σ hours of the bill's machines × accelerators of each",
        "GPU-hours",
        queries.gpu_hours,
        "a row with gpu_hours in gpu-hours",
        tables={"gpu_hours": ("date", "gpu_hours")},
        total=True,
        billed=queries.billed_hours,
    ),
    Kpi(
        "cost-per-training-run",
        "Cost of a training run",
        f"cost of lines of the run types {', '.join(TRAINING)} / Σ runs",
        "{currency} a run",
        queries.unit_cost("training_runs", "runs", run_types(TRAINING, "x_RunType")),
        "a line of a run type of training",
        tables={"training_runs": ("date", "runs")},
        total=True,
    ),
    Kpi(
        "cost-per-1000-inferences",
        "Cost of 1,000 inferences",
        f"cost of lines of the run types {', '.join(INFERENCE)} / Σ inferences × 1,000",
        "{currency} for 1,000",
        queries.unit_cost("inferences", "inferences", run_types(INFERENCE, "x_RunType")),
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
        queries.unit_cost("tokens", "tokens", run_types(INFERENCE, "x_RunType")),
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
        queries.unit_cost("deployments", "successful", "true"),
        "an allocated line",
        tables={"deployments": ("date", "successful")},
        total=True,
    ),
    Kpi(
        "idle-gpu",
        "Idle GPU capacity",
        "Σ of days (capacity - gpu_hours, where it is above zero) / Σ capacity, by pool",
        "%",
        queries.idle_gpu,
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
        queries.ratio_of(
            "gpu_hours", "sum(busy_gpu_hours)", "sum(gpu_hours) FILTER (busy_gpu_hours IS NOT NULL)", ("pool",)
        ),
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
        queries.storage,
        "a line of usage whose unit is GB- or GiB-months",
        columns=("ConsumedQuantity", "ConsumedUnit|PricingUnit", "Tags"),
        total=True,
        notes=(
            "A unit is what FOCUS says it is: GB is 10^9 bytes. Where a provider writes GB and counts 2^30 bytes, the "
            "true figure is 7.4% higher.",
        ),
    ),
    Kpi(
        "egress",
        "Egress by service",
        "Σ ConsumedQuantity in GB of usage whose description or meter tells of a transfer out",
        "GB",
        queries.egress,
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
        queries.coverage,
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
        queries.forecast,
        "a month that the forecast and the bill both have",
        tables={"forecast": ("date", "cost")},
        scale=_SHARE,
        beside=("{cost} of these months were forecast for nobody.", queries.not_forecast),
    ),
)
