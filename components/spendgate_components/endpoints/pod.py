"""The pod of a served model, in a Deployment or an InferenceService."""

from __future__ import annotations

from typing import Any

from spendgate_components import pods
from spendgate_components.choice import Choice
from spendgate_components.endpoints.model import Served
from spendgate_components.errors import ArgumentError


def choice_of(served: Served) -> Choice:
    """The machine. Raises ArgumentError where none was chosen."""
    if served.choice is None:
        raise ArgumentError("no machine was chosen", remedy="Write another accelerator.")
    return served.choice


def pod(served: Served, container: str) -> dict[str, Any]:
    """What the pods are, without their labels."""
    args, choice = served.args, choice_of(served)
    main: dict[str, Any] = {
        "name": container,
        "image": args.image,
        "ports": [{"containerPort": served.port, "protocol": "TCP"}],
        "resources": pods.resources(choice, args.cpu, args.memory_gib),
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    if args.command is not None:
        main["command"] = list(args.command)
    if args.model_uri is not None:
        main["env"] = [{"name": "MODEL_URI", "value": args.model_uri}]
    found: dict[str, Any] = {
        "nodeSelector": pods.node_selector(choice, args.platform, served.region, served.spot),
        "tolerations": pods.tolerations(choice, args.platform, served.spot),
        "containers": [main],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    if args.service_account is not None:
        found["serviceAccountName"] = args.service_account
    return found


def kept(*path: str) -> tuple[tuple[str, ...], ...]:
    """What of the pod at ``path`` the estimate rests on."""
    return (*path, "nodeSelector"), (*path, "containers", "0", "resources")


NOTE = (
    "the nodes are counted as the endpoint's own: where a pool of the same stack pays for them, the cost is the pool's"
)
