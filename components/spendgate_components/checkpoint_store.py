"""``CheckpointStore``: a bucket that ends what it holds. Lifecycle by class, versions, encryption, no public access, an
access log, and the region of the compute."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Of, Transform
from spendgate_components.component import KEYWORDS, CostAwareComponent, Limits, Plan, known_region, place_of
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.spelling import aws_tags, gcp_labels
from spendgate_components.tags import WorkloadTags

CLOUDS: Final = ("aws", "gcp")
STAGE: Final = "data-stage"


@dataclass(frozen=True)
class Class:
    """What is done with data of a class, in days: when it becomes colder, when it goes, how long old versions stay."""

    colder: tuple[tuple[int, str, str], ...]
    expires: int | None
    versions: int
    scratch: bool


CLASSES: Final[Mapping[str, Class]] = {
    # Checkpoints are scratch: the run that wrote them needs them, nobody else does.
    "checkpoints": Class((), 30, 7, scratch=True),
    # Storage classes with a minimum of 30 days (infrequent access, Nearline) and 90 days (Glacier Instant Retrieval,
    # Coldline): Amazon S3 and Cloud Storage, storage classes.
    "weights": Class(((30, "STANDARD_IA", "NEARLINE"), (90, "GLACIER_IR", "COLDLINE")), 365, 30, scratch=False),
    "datasets": Class(((30, "STANDARD_IA", "NEARLINE"), (90, "GLACIER_IR", "COLDLINE")), None, 30, scratch=False),
}

SCRATCH_DAYS: Final = 30
"""Scratch data goes after so many days at the latest, as in the guardrail ``scratch-data-expires``."""

LOG_DAYS: Final = 30


@dataclass(frozen=True)
class CheckpointStoreArgs:
    """Arguments of a CheckpointStore."""

    tags: WorkloadTags
    """Who pays, for what."""
    cloud: str
    """aws (S3) or gcp (Cloud Storage)."""
    region: str | None = None
    """The region of the compute that reads it. Default: the region of the stack's configuration."""
    holds: str | None = None
    """checkpoints (default; gone after 30 days), weights (colder after 30 and 90 days, gone after 365) or datasets
    (colder after 30 and 90 days, kept)."""
    expire_after_days: int | None = None
    """Days until an object goes, 1 to 3650; checkpoints at most 30. Default: that of the class."""
    keep_versions_days: int | None = None
    """Days that an overwritten or deleted object can be brought back, 1 to 90. Default: that of the class."""
    abort_uploads_after_days: int | None = None
    """Days until the parts of an unfinished upload go, 1 to 7. Default: 3."""
    access_log_bucket: pulumi.Input[str] | None = None
    """The name of a bucket that takes the access log. Default: one is made, whose logs go after 30 days."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key (bucket, lifecycle, …), over those of the component. Tags and limits stay."""


class CheckpointStore(CostAwareComponent):
    """A bucket for checkpoints, weights or datasets on S3 or Cloud Storage.

    Children on AWS: ``bucket``, ``ownership``, ``public-access``, ``encryption``, ``versioning``, ``lifecycle``,
    ``logging``, and with a log of its own ``log-bucket``, ``log-ownership``, ``log-public-access``, ``log-lifecycle``,
    ``log-policy``. On Google Cloud: ``bucket``, and ``log-bucket``, ``log-writer``.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    bucket_name: pulumi.Output[str]
    """The name of the bucket."""
    url: pulumi.Output[str]
    """Where a program writes: s3://… or gs://…."""
    region: pulumi.Output[str]
    """The region that holds the data."""

    def __init__(
        self,
        name: str,
        args: CheckpointStoreArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(CheckpointStoreArgs, args, given)
        catalogue = cost.catalogue_of_project()
        self._build(name, plan(known, catalogue), Limits(), catalogue, known.raw, transforms, opts)


def plan(args: CheckpointStoreArgs, catalogue: Catalogue) -> Plan:
    """The children of a store. Raises ArgumentError; registers nothing."""
    one_of("cloud", args.cloud, CLOUDS)
    holds = one_of("holds", args.holds or "checkpoints", tuple(CLASSES))
    region = known_region(catalogue, args.cloud, place_of(args.cloud, args.region, "region"), "region")
    times = _times(args, CLASSES[holds])
    tags = {**args.tags.values, STAGE: holds}
    log_tags = {**args.tags.values, STAGE: "access-logs"}
    protect = True if args.tags.in_production and not CLASSES[holds].scratch else None
    log_protect = True if args.tags.in_production else None
    if args.cloud == "aws":
        children = _s3(region, aws_tags(tags), times, protect)
        children += _s3_log(region, args.access_log_bucket, aws_tags(log_tags), log_protect)
        outputs = {"bucket_name": Of("bucket", "bucket"), "url": Of("bucket", "bucket", "s3://<output>")}
    else:
        children = _gcs(
            region, gcp_labels(tags), times, protect, args.access_log_bucket, gcp_labels(log_tags), log_protect
        )
        outputs = {"bucket_name": Of("bucket", "name"), "url": Of("bucket", "url")}
    return Plan(children, outputs={**outputs, "region": region})


@dataclass(frozen=True)
class _Times:
    colder: tuple[tuple[int, str, str], ...]
    expires: int | None
    versions: int
    uploads: int


def _times(args: CheckpointStoreArgs, kind: Class) -> _Times:
    expires = kind.expires
    if args.expire_after_days is not None:
        most = SCRATCH_DAYS if kind.scratch else 3650
        if kind.scratch and isinstance(args.expire_after_days, (int, float)) and args.expire_after_days > most:
            remedy = f'Write at most {most}, or holds="weights" for what is kept.'
            raise ArgumentError(f"checkpoints are kept for {args.expire_after_days} days", remedy=remedy)
        expires = whole_number("expire_after_days", args.expire_after_days, 1, most, "days")
    # An object that goes before it becomes colder is never moved; S3 refuses such a rule.
    colder = tuple(step for step in kind.colder if expires is None or step[0] < expires)
    versions = whole_number("keep_versions_days", args.keep_versions_days or kind.versions, 1, 90, "days")
    if args.keep_versions_days == 0:
        raise ArgumentError("keep_versions_days is 0", remedy="Write a whole number of days from 1 to 90.")
    uploads = 3 if args.abort_uploads_after_days is None else args.abort_uploads_after_days
    return _Times(colder, expires, versions, whole_number("abort_uploads_after_days", uploads, 1, 7, "days"))


def _s3(region: str, tags: dict[str, str], times: _Times, protect: bool | None) -> tuple[Child, ...]:
    import pulumi_aws.s3 as s3

    bucket = Of("bucket", "id")
    rule: dict[str, Any] = {
        "id": "all",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrentVersionExpiration": {"noncurrentDays": times.versions},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": times.uploads},
    }
    if times.expires is not None:
        rule["expiration"] = {"days": times.expires}
    if times.colder:
        rule["transitions"] = [{"days": days, "storageClass": name} for days, name, _ in times.colder]
    encryption = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}, "bucketKeyEnabled": True}
    return (
        Child("bucket", s3.Bucket, {"region": region, "tags": tags}, (("region",),), (), protect, {("tags",): tags}),
        Child("ownership", s3.BucketOwnershipControls, _owned(region, bucket), (("bucket",), ("rule",))),
        Child("public-access", s3.BucketPublicAccessBlock, *_private(region, bucket)),
        Child(
            "encryption",
            s3.BucketServerSideEncryptionConfiguration,
            {"region": region, "bucket": bucket, "rules": [encryption]},
            (("bucket",),),
        ),
        Child(
            "versioning",
            s3.BucketVersioning,
            {"region": region, "bucket": bucket, "versioningConfiguration": {"status": "Enabled"}},
            (("bucket",), ("versioningConfiguration", "status")),
        ),
        Child(
            "lifecycle",
            s3.BucketLifecycleConfiguration,
            {"region": region, "bucket": bucket, "rules": [rule]},
            (("bucket",), ("rules",)),
        ),
    )


def _owned(region: str, bucket: Of) -> dict[str, Any]:
    return {"region": region, "bucket": bucket, "rule": {"objectOwnership": "BucketOwnerEnforced"}}


def _private(region: str, bucket: Of) -> tuple[dict[str, Any], tuple[tuple[str, ...], ...]]:
    blocked = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    return {"region": region, "bucket": bucket, **dict.fromkeys(blocked, True)}, tuple(
        (name,) for name in ("bucket", *blocked)
    )


def _s3_log(region: str, named: Any, tags: dict[str, str], protect: bool | None) -> tuple[Child, ...]:
    import pulumi_aws.s3 as s3

    def logging(target: Any) -> Child:
        inputs = {"region": region, "bucket": Of("bucket", "id"), "targetBucket": target, "targetPrefix": "access/"}
        return Child("logging", s3.BucketLogging, inputs, (("bucket",), ("targetBucket",)))

    if named is not None:
        return (logging(named),)
    bucket = Of("log-bucket", "id")
    rule = {
        "id": "all",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": LOG_DAYS},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "<output>/access/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return (
        Child(
            "log-bucket", s3.Bucket, {"region": region, "tags": tags}, (("region",),), (), protect, {("tags",): tags}
        ),
        Child("log-ownership", s3.BucketOwnershipControls, _owned(region, bucket), (("bucket",), ("rule",))),
        Child("log-public-access", s3.BucketPublicAccessBlock, *_private(region, bucket)),
        Child(
            "log-lifecycle",
            s3.BucketLifecycleConfiguration,
            {"region": region, "bucket": bucket, "rules": [rule]},
            (("bucket",), ("rules",)),
        ),
        Child(
            "log-policy",
            s3.BucketPolicy,
            {"region": region, "bucket": bucket, "policy": Of("log-bucket", "arn", policy)},
            (("bucket",),),
        ),
        logging(bucket),
    )


def _gcs(
    region: str,
    labels: dict[str, str],
    times: _Times,
    protect: bool | None,
    log: Any,
    log_labels: dict[str, str],
    log_protect: bool | None,
) -> tuple[Child, ...]:
    import pulumi_gcp.storage as storage

    def bucket(key: str, own: dict[str, str], rules: list[Any], kept: bool | None, **more: Any) -> Child:
        inputs = {
            "location": region.upper(),
            "labels": own,
            "uniformBucketLevelAccess": True,
            "publicAccessPrevention": "enforced",
            "lifecycleRules": rules,
            **more,
        }
        words = ("location", "publicAccessPrevention", "lifecycleRules", "versioning", "logging")
        keeps = tuple((word,) for word in words)
        return Child(key, storage.Bucket, inputs, keeps, (), kept, {("labels",): own})

    def delete(**condition: Any) -> dict[str, Any]:
        return {"action": {"type": "Delete"}, "condition": condition}

    def dropped(days: int) -> dict[str, Any]:
        return {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": days}}

    rules = [
        {"action": {"type": "SetStorageClass", "storageClass": name}, "condition": {"age": days}}
        for days, _, name in times.colder
    ]
    if times.expires is not None:
        rules.append(delete(age=times.expires, withState="LIVE"))
    rules += [delete(daysSinceNoncurrentTime=times.versions, withState="ARCHIVED"), dropped(times.uploads)]
    made: tuple[Child, ...] = ()
    if log is None:
        log = Of("log-bucket", "name")
        writer = {
            "bucket": log,
            "role": "roles/storage.objectCreator",
            "member": "group:cloud-storage-analytics@google.com",
        }
        made = (
            bucket("log-bucket", log_labels, [delete(age=LOG_DAYS), dropped(1)], log_protect),
            Child("log-writer", storage.BucketIAMMember, writer),
        )
    own = bucket(
        "bucket",
        labels,
        rules,
        protect,
        versioning={"enabled": True},
        logging={"logBucket": log, "logObjectPrefix": "access"},
    )
    return (*made, own)
