"""Field names of custom resources, which no SDK types: as the projects publish them in the Go types of their APIs.

A tree of wire names; a leaf is None, an SDK input class where the project uses a type of Kubernetes, or ANY for a map
of free keys. Only what a mapping table may read is listed. The
commits in brackets are those that were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi_kubernetes as k8s

from spendgate.facts.path import Each, Only, parse
from tests.facts import sdk

ANY: Final = object()
META: Final = k8s.meta.v1.ObjectMetaArgs
POD: Final = {"metadata": META, "spec": k8s.core.v1.PodSpecArgs}
JOB: Final = {"metadata": META, "spec": k8s.batch.v1.JobSpecArgs}
CONTAINER: Final = k8s.core.v1.ContainerArgs
RESOURCES: Final = k8s.core.v1.ResourceRequirementsArgs
EACH: Final = "[*]"

# ray-project/kuberay, ray-operator/apis/ray/v1/raycluster_types.go (026f1433), rayjob_types.go (447f67ad),
# rayservice_types.go (00741298)
_RAY: Final = {
    "enableInTreeAutoscaling": None,
    "suspend": None,
    "headGroupSpec": {"template": POD},
    "workerGroupSpecs": {
        EACH: {
            "groupName": None,
            "replicas": None,
            "minReplicas": None,
            "maxReplicas": None,
            "numOfHosts": None,
            "template": POD,
        }
    },
}
# kubeflow/training-operator, pkg/apis/kubeflow.org/v1/common_types.go (186ac6c6)
_REPLICAS: Final = {"replicas": None, "template": POD, "restartPolicy": None}
_RUN_POLICY: Final = {"activeDeadlineSeconds": None, "backoffLimit": None, "ttlSecondsAfterFinished": None}

FIELDS: Final[Mapping[str, Any]] = {
    "ray.io/v1:RayCluster": _RAY,
    "ray.io/v1:RayJob": {
        "activeDeadlineSeconds": None,
        "backoffLimit": None,
        "rayClusterSpec": _RAY,
        "clusterSelector": ANY,
        "suspend": None,
    },
    "ray.io/v1:RayService": {"rayClusterConfig": _RAY, "serveConfigV2": None},
    # pkg/apis/kubeflow.org/v1/pytorch_types.go (2f18ab7a); the keys are its replica types
    "kubeflow.org/v1:PyTorchJob": {
        "runPolicy": _RUN_POLICY,
        "elasticPolicy": {"minReplicas": None, "maxReplicas": None},
        "pytorchReplicaSpecs": {"Master": _REPLICAS, "Worker": _REPLICAS},
    },
    # kubeflow/mpi-operator, pkg/apis/kubeflow/v2beta1/types.go (013fa15b)
    "kubeflow.org/v2beta1:MPIJob": {
        "runPolicy": _RUN_POLICY,
        "slotsPerWorker": None,
        "mpiReplicaSpecs": {"Launcher": _REPLICAS, "Worker": _REPLICAS},
    },
    # kubeflow/trainer, pkg/apis/trainer/v1alpha1/trainjob_types.go (0015772c)
    "trainer.kubeflow.org/v1alpha1:TrainJob": {
        "activeDeadlineSeconds": None,
        "runtimeRef": {"name": None, "apiGroup": None, "kind": None},
        "trainer": {"numNodes": None, "resourcesPerNode": RESOURCES, "numProcPerNode": None},
    },
    # kubernetes-sigs/jobset, api/jobset/v1alpha2/jobset_types.go (0336a8fd)
    "jobset.x-k8s.io/v1alpha2:JobSet": {
        "suspend": None,
        "failurePolicy": {"maxRestarts": None},
        "replicatedJobs": {EACH: {"name": None, "replicas": None, "template": JOB}},
    },
    # kubernetes-sigs/lws, api/leaderworkerset/v1/leaderworkerset_types.go (024af084)
    "leaderworkerset.x-k8s.io/v1:LeaderWorkerSet": {
        "replicas": None,
        "leaderWorkerTemplate": {"leaderTemplate": POD, "workerTemplate": POD, "size": None},
    },
    # kserve/kserve, pkg/apis/serving/v1beta1/predictor.go (0217bdab), component.go (017d86a9); the fields of a pod and
    # those of a component stand side by side in it
    "serving.kserve.io/v1beta1:InferenceService": {
        "predictor": {
            **dict.fromkeys(("model", "huggingface", "triton", "pytorch", "tensorflow", "onnx"), CONTAINER),
            "minReplicas": None,
            "maxReplicas": None,
            "workerSpec": {"pipelineParallelSize": None, "tensorParallelSize": None},
            "": k8s.core.v1.PodSpecArgs,
        }
    },
    # kedacore/keda, apis/keda/v1alpha1/scaledobject_types.go (01ee1d30)
    "keda.sh/v1alpha1:ScaledObject": {
        "scaleTargetRef": {"name": None, "apiVersion": None, "kind": None},
        "idleReplicaCount": None,
        "minReplicaCount": None,
        "maxReplicaCount": None,
        # scaletriggers_types.go
        "triggers": {EACH: {"type": None, "metadata": ANY}},
    },
    # kubernetes-sigs/karpenter, pkg/apis/v1/nodepool.go (013941a7)
    "karpenter.sh/v1:NodePool": {
        "disruption": {"consolidateAfter": None, "consolidationPolicy": None},
        "limits": ANY,
        "template": {
            "metadata": META,
            "spec": {
                "requirements": {EACH: {"key": None, "operator": None, "values": {EACH: None}}},
                "expireAfter": None,
            },
        },
    },
    # aws/karpenter-provider-aws, pkg/apis/v1/ec2nodeclass.go (01209b38)
    "karpenter.k8s.aws/v1:EC2NodeClass": {
        "tags": ANY,
        "blockDeviceMappings": {
            EACH: {"deviceName": None, "ebs": {"encrypted": None, "volumeSize": None, "volumeType": None}}
        },
    },
    # kubernetes-sigs/kueue, apis/kueue/v1beta1/clusterqueue_types.go (00b014c1)
    "kueue.x-k8s.io/v1beta1:ClusterQueue": {
        "resourceGroups": {
            EACH: {"flavors": {EACH: {"name": None, "resources": {EACH: {"name": None, "nominalQuota": None}}}}}
        },
        "cohort": None,
    },
}


def spec_of(token: str) -> Any:
    """The fields of ``spec`` of a custom resource, or None where the type is none; versions share their kind's."""
    name = token.removeprefix("kubernetes:")
    if name in FIELDS:
        return FIELDS[name]
    group, _, kind = name.replace("/", ":").rpartition(":")[0].partition(":")[0], "", name.rpartition(":")[2]
    kind = {"LocalQueue": "ClusterQueue", "ResourceFlavor": "ClusterQueue"}.get(kind, kind)
    found = [fields for key, fields in FIELDS.items() if key.startswith(f"{group}/") and key.endswith(f":{kind}")]
    return found[0] if found else None


def problem(token: str, text: str) -> str | None:
    """As ``sdk.problem``, for types of the SDKs and for custom resources."""
    spec = spec_of(token)
    if spec is None:
        return sdk.problem(token, text)
    return _problem({"metadata": META, "spec": spec, "apiVersion": None, "kind": None}, list(parse(text)), text)


def _problem(fields: Any, segments: list[Any], text: str) -> str | None:
    while segments:
        if fields is ANY:
            return None
        if isinstance(fields, type):
            return sdk.within(fields, segments, text)
        segment, *rest = segments
        if not isinstance(fields, dict):
            return f"{text}: {segment} is asked of a plain value"
        if isinstance(segment, (Each, Only, int)):
            if EACH not in fields:
                return f"{text}: no list before {segment}"
            if isinstance(segment, Only) and (found := _problem(fields[EACH], list(segment.path), text)):
                return found
            # Conditions on one list can stand one after the other.
            fields = fields if rest and isinstance(rest[0], Only) else fields[EACH]
        elif segment in fields:
            fields = fields[segment]
        elif "" in fields:
            return sdk.within(fields[""], segments, text)
        else:
            return f"{text}: no property {segment} (known: {', '.join(fields)})"
        segments = rest
    return None
