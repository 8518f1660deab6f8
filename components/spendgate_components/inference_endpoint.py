"""``InferenceEndpoint``: serving that follows the load, empties itself outside production, and says what a thousand
inferences cost."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate_components import arguments, cost
from spendgate_components.child import Transform
from spendgate_components.choice import choose
from spendgate_components.component import (
    KEYWORDS,
    CostAwareComponent,
    Limits,
    Plan,
    checked_name,
    known_region,
    place_of,
)
from spendgate_components.endpoints.model import InferenceEndpointArgs, Made, Served
from spendgate_components.errors import ArgumentError, one_of, positive, whole_number
from spendgate_components.pods import CLOUD, CLUSTERS, pinned
from spendgate_components.replicas import bounded_warm, counted
from spendgate_components.tags import ticket
from spendgate_components.unit_cost import UnitCost, unit_cost

PLATFORMS: Final = ("sagemaker", "vertex", "cloudrun", *CLUSTERS)
_CLOUD: Final[Mapping[str, str]] = {**CLOUD, "sagemaker": "aws", "vertex": "gcp", "cloudrun": "gcp"}
SERVERS: Final = ("deployment", "kserve")
RUN_TYPES: Final = ("online-inference", "embedding")
"""What an endpoint may be for: those of the guardrail ``run-type-fits-kind`` (a test holds them together)."""


class InferenceEndpoint(CostAwareComponent):
    """Serving with accelerators that follows the load, between a bounded fewest and most.

    Children on SageMaker: ``model``, ``config``, ``endpoint``, ``target``, ``policy``, and for one that empties itself
    ``wake-policy``, ``wake-alarm``. On Vertex AI: ``endpoint``. On Cloud Run: ``service``. On Kubernetes:
    ``deployment``, ``service``, ``autoscaler``; or ``inference-service``.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    cost_per_1000_inferences: pulumi.Output[UnitCost]
    """What a thousand inferences cost while there is load, or why it is not known."""
    instance_type: pulumi.Output[str]
    """The machine type that was chosen; on Cloud Run the size of an instance."""
    instance_type_reason: pulumi.Output[str]
    """Why it is that type, with its price, source and date."""
    address: pulumi.Output[str]
    """Where it answers: the name of the endpoint, or its URL."""

    def __init__(
        self,
        name: str,
        args: InferenceEndpointArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(InferenceEndpointArgs, args, given)
        catalogue = cost.catalogue_of_project()
        limits = Limits(max_monthly_cost=known.max_monthly_cost, approval=known.approval)
        self._build(name, plan(name, known, catalogue), limits, catalogue, known.raw, transforms, opts)


def plan(name: str, args: InferenceEndpointArgs, catalogue: Catalogue) -> Plan:
    """The children of an endpoint. Raises ArgumentError; registers nothing."""
    checked_name(name)
    one_of("platform", args.platform, PLATFORMS)
    one_of("server", args.server or SERVERS[0], SERVERS)
    _belongs(args)
    _described(args)
    pinned(args.image, "server:1.4.2")
    _scales(args)
    provider = _CLOUD[args.platform]
    region = known_region(catalogue, provider, place_of(provider, args.region, "region"), "region")
    per_replica = whole_number(
        "per_replica", 1 if args.per_replica is None else args.per_replica, 1, 16, "accelerators"
    )
    production = args.tags.in_production
    spot = args.platform in CLUSTERS and (not production if args.spot is None else args.spot)
    if spot and production:
        remedy = "Leave spot out: spot nodes go when everybody wants them."
        raise ArgumentError("spot capacity does not serve production", remedy=remedy)
    choice = None
    if args.platform != "cloudrun":
        choice = choose(
            catalogue,
            provider,
            region,
            args.accelerator,
            per_replica,
            Purchase.SPOT if spot else Purchase.ON_DEMAND,
            instance_type=args.instance_type,
            min_vcpu=positive("cpu", args.cpu, "CPUs"),
            min_memory_gib=None if provider == "gcp" else positive("memory_gib", args.memory_gib, "GiB"),
            prefix="ml." if args.platform == "sagemaker" else "",
        )
    least, expected, most = counted(
        args.replicas,
        args.tags,
        # SageMaker makes at least one, which the autoscaler then takes away.
        first_up=args.platform == "sagemaker",
        average_known=args.platform not in ("vertex", "cloudrun") and args.server != "kserve",
    )
    served = Served(
        name=name,
        args=args,
        tags=_tags(args),
        choice=choice,
        region=region,
        least=least,
        expected=expected,
        most=most,
        per_replica=per_replica,
        port=whole_number("port", 8080 if args.port is None else args.port, 1, 65535),
        busy=_share("target_utilisation", 0.7 if args.target_utilisation is None else args.target_utilisation),
        spot=spot,
        production=production,
    )
    made = _children(served, catalogue)
    bounded_warm(served.least, made.model, per_replica)
    one = replace(served, least=1, expected=1, most=1)
    outputs: dict[str, Any] = {
        "instance_type": made.machine,
        "instance_type_reason": made.why,
        "cost_per_1000_inferences": unit_cost(
            _children(one, catalogue).children, args.requests_per_second, served.busy, catalogue, name
        ),
        "address": made.address,
    }
    return Plan(made.children, made.warnings, (*_notes(served), *made.notes), outputs)


def _children(served: Served, catalogue: Catalogue) -> Made:
    # Each platform imports its own SDK only.
    if served.args.platform == "sagemaker":
        from spendgate_components.endpoints.sagemaker import made

        return made(served)
    if served.args.platform == "vertex":
        from spendgate_components.endpoints.vertex import made as by_vertex

        return by_vertex(served, catalogue)
    if served.args.platform == "cloudrun":
        from spendgate_components.endpoints.cloudrun import made as by_cloud_run

        return by_cloud_run(served, catalogue)
    if served.args.server == "kserve":
        from spendgate_components.endpoints.kserve import made as by_kserve

        return by_kserve(served)
    from spendgate_components.endpoints.deployment import made as by_deployment

    return by_deployment(served)


_POD: Final = ("command", "port", "cpu", "memory_gib", "service_account")
_CLUSTER: Final = ("instance_type", "spot", "server", "scaler", "metrics_url", "metrics_query", "namespace")
_OF_PLATFORM: Final[Mapping[str, Sequence[str]]] = {
    "sagemaker": ("instance_type", "role_arn", "output_uri"),
    "vertex": ("instance_type", "port"),
    "cloudrun": (*_POD, "zonal_redundancy"),
    **dict.fromkeys(CLUSTERS, (*_POD, *_CLUSTER)),
}
_NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "sagemaker": ("image", "role_arn"),
    "vertex": ("model_uri",),
    "cloudrun": ("image", "service_account"),
    **dict.fromkeys(CLUSTERS, ("image",)),
}


def _belongs(args: InferenceEndpointArgs) -> None:
    """What one platform needs and another has no use for."""
    arguments.need(args, _NEEDED[args.platform], args.platform)
    arguments.belong(args, _OF_PLATFORM, args.platform)


def _scales(args: InferenceEndpointArgs) -> None:
    """That what is said of the autoscaler is what there will be: nothing is passed over in silence."""
    metrics = [one for one in ("metrics_url", "metrics_query") if getattr(args, one) is not None]
    if args.server == "kserve" and (metrics or args.scaler is not None):
        words = [*metrics, *(["scaler"] if args.scaler is not None else [])]
        remedy = "Leave it out: KServe scales by the requests that it sees."
        raise ArgumentError(f"{' and '.join(words)} is for a Deployment, not for KServe", remedy=remedy)
    if metrics and args.scaler == "hpa":
        remedy = 'Leave it out, or write scaler="keda".'
        raise ArgumentError(f"{' and '.join(metrics)} is for KEDA, not for a HorizontalPodAutoscaler", remedy=remedy)
    if args.output_uri is not None and args.replicas.min:
        remedy = "Leave it out, or write replicas=(0, …)."
        raise ArgumentError("output_uri is for an endpoint that empties itself", remedy=remedy)


def _described(args: InferenceEndpointArgs) -> None:
    missing = [word for word in ("model", "model_version") if getattr(args.tags, word) is None]
    if missing:
        remedy = f"Write {', '.join(f'{word}=…' for word in missing)} in WorkloadTags: an endpoint says what it serves."
        raise ArgumentError(f"tags lack {', '.join(missing)}", remedy=remedy)
    one_of("tags.run_type", args.tags.run_type or RUN_TYPES[0], RUN_TYPES)


def _tags(args: InferenceEndpointArgs) -> dict[str, str]:
    approval = ticket("approval", args.approval)
    values = {**args.tags.values, "run-type": args.tags.run_type or RUN_TYPES[0]}
    return {**values, **({"approval": approval} if approval else {})}


def _share(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.1 <= value <= 1:
        raise ArgumentError(f"{name} is {value!r}", remedy="Write a share from 0.1 to 1, such as 0.7.")
    return Decimal(str(value))


def _notes(served: Served) -> tuple[str, ...]:
    if served.expected == 0:
        return ("expected counts no replica, as none is up without a request: low and high are the bounds",)
    return ()
