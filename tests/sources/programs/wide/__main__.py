"""Everything at once that a program can ask of the host: the tests read what it declared."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes
from parts import Cluster, base

config = pulumi.Config()
assert config.require("team") == "research"
assert config.require_int("size") == 3
assert config.require_object("nested") == {"a": "text", "b": [1, 2.5, True]}
assert pulumi.get_stack() == "dev"
assert pulumi.get_project() == "wide"
assert pulumi.runtime.is_dry_run()


# --- transforms of the engine: the resource's own, its parents', the stack's, in this order


def tagging(mark):
    def transform(args):
        # Tags that depend on another resource come as an output, as they do from the engine.
        if args.type_.startswith("aws:") and isinstance(args.props.get("tags"), dict) and args.name != "seen":
            tags = {**args.props["tags"], "order": args.props["tags"].get("order", "") + mark}
            return pulumi.ResourceTransformResult({**args.props, "tags": tags}, args.opts)
        return None

    return transform


pulumi.runtime.register_resource_transform(tagging("s"))


def protecting(args):
    if args.name == "guarded":
        args.opts.protect = True
        return pulumi.ResourceTransformResult(args.props, args.opts)
    return None


pulumi.runtime.register_stack_transform(protecting)


def located(args):
    if args.token == "aws:index/getAvailabilityZones:getAvailabilityZones":
        return pulumi.InvokeTransformResult({**args.args, "region": "ap-northeast-1"}, args.opts)
    return None


pulumi.runtime.register_invoke_transform(located)

# --- resources

cluster = Cluster("train", pulumi.ResourceOptions(transforms=[tagging("p")]))
own = aws.s3.Bucket("own", tags={"a": "1"}, opts=pulumi.ResourceOptions(parent=cluster, transforms=[tagging("r")]))
guarded = aws.ec2.Instance("guarded", instance_type="g5.xlarge", ami=base(), subnet_id=cluster.bucket.id)


def by_client(args):
    if args.name == "client":
        return pulumi.ResourceTransformationResult({**args.props, "bucket": "by-client"}, args.opts)
    return None


aws.s3.Bucket("client", opts=pulumi.ResourceOptions(transformations=[by_client]))

west = aws.Provider("west", region="us-west-2", default_tags={"tags": {"team": "x", "cost": "1"}})
elsewhere = aws.ec2.Instance("elsewhere", instance_type="t3.micro", opts=pulumi.ResourceOptions(provider=west))
inherits = Cluster("inherits", pulumi.ResourceOptions(providers=[west]))
labelled = gcp.Provider("labelled", project="p2", region="us-central1", default_labels={"k": "v"})
gcp.compute.Disk("disk", zone="us-central1-a", size=10, opts=pulumi.ResourceOptions(provider=labelled))
gcp.compute.Disk("plain", zone="us-central1-a", size=10)

# --- aliases, options

aws.s3.Bucket(
    "renamed",
    opts=pulumi.ResourceOptions(
        aliases=[pulumi.Alias(name="before"), "urn:pulumi:old::wide::aws:s3/bucket:Bucket::x"],
        ignore_changes=["tags"],
        delete_before_replace=True,
        custom_timeouts=pulumi.CustomTimeouts(create="10m", delete="1h"),
        depends_on=[own],
    ),
)

# --- reads and references

existing = aws.s3.Bucket.get("existing", "some-bucket")
aws.s3.BucketVersioning("of-existing", bucket=existing.id, versioning_configuration={"status": "Enabled"})
network = pulumi.StackReference("acme/network/dev")
aws.ec2.Subnet("sub", vpc_id=network.require_output("vpc"), cidr_block=network.get_output("cidr"))
imported = aws.s3.Bucket("imported", opts=pulumi.ResourceOptions(import_="the-bucket"))
aws.s3.BucketVersioning("of-imported", bucket=imported.id, versioning_configuration={"status": "Enabled"})


# A resource that is only known by its URN, with an asset among its inputs.
def again(urn):
    same = aws.s3.BucketObject("again", bucket="", opts=pulumi.ResourceOptions(urn=urn))
    return [same.bucket, same.id]


first = aws.s3.BucketObject("first", bucket="b1", source=pulumi.FileAsset("Pulumi.yaml"))
pulumi.export("again", first.urn.apply(lambda urn: again(urn)[0]))
pulumi.export("again-id", first.urn.apply(lambda urn: again(urn)[1]))


class Using(pulumi.CustomResource):
    def __init__(self, name, used):
        super().__init__("acme:index:Using", name, {"used": used, "all": [used]})


Using("using", own)

# --- secrets and unknowns

password = pulumi.Output.secret("hunter2-very-secret")
print("the password is hunter2-very-secret")
database = aws.rds.Instance(
    "db",
    instance_class="db.t3.micro",
    password=password,
    allocated_storage=20,
    opts=pulumi.ResourceOptions(additional_secret_outputs=["endpoint", "allocated_storage"]),
)
aws.ssm.Parameter("derived", type="String", value=pulumi.Output.concat("p=", password))
aws.ssm.Parameter("unknown-secret", type="String", value=database.endpoint)
aws.ssm.Parameter("json", type="String", value=pulumi.Output.json_dumps({"arn": own.arn}))
aws.ssm.Parameter("known-json", type="String", value=pulumi.Output.json_dumps({"b": guarded.instance_type}))

# --- what a transform gets to see


def seeing(args):
    kinds = {key: type(value).__name__ for key, value in args.props["tags"].items()}
    tags = {
        **args.props["tags"],
        "kinds": json.dumps(kinds, sort_keys=True),
        "name": type(args.props["bucket"]).__name__,
    }
    return pulumi.ResourceTransformResult({**args.props, "tags": tags}, args.opts)


aws.s3.Bucket(
    "seen",
    bucket=guarded.instance_type,
    tags={"known": "1", "secret": password},
    opts=pulumi.ResourceOptions(transforms=[seeing]),
)
unseen = aws.s3.Bucket("unchanged", tags={"arn": own.arn}, opts=pulumi.ResourceOptions(transforms=[lambda args: None]))

# --- a mapping where the output is a text, as providers accept it

policy = aws.s3.BucketPolicy(
    "policy", bucket=own.id, policy={"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": own.arn}]}
)
plain_policy = aws.s3.BucketPolicy("plain-policy", bucket="b", policy={"Version": "2012-10-17", "Statement": []})
plain_policy.policy.apply(lambda text: print("policy is a", type(text).__name__))

# --- assets, hooks, dynamic providers


async def hook(args):
    print("a hook ran")


aws.lambda_.Function(
    "fn",
    role="arn:aws:iam::123456789012:role/x",
    code=pulumi.AssetArchive({"index.py": pulumi.StringAsset("pass"), "lib": pulumi.FileArchive(".")}),
    opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook])),
)
aws.s3.BucketObject("object", bucket="b", source=pulumi.FileAsset("Pulumi.yaml"))


class Provider(pulumi.dynamic.ResourceProvider):
    def create(self, props):
        return pulumi.dynamic.CreateResult("1", {})


class Made(pulumi.dynamic.Resource):
    def __init__(self, name):
        super().__init__(Provider(), name, {"size": 4})


Made("made")

# --- Kubernetes

pod = kubernetes.core.v1.Pod(
    "pod",
    metadata={"labels": {"team": "ml"}},
    spec={
        "nodeSelector": {"gpu": "true"},
        "containers": [{"name": "c", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "8"}}}],
    },
)
kubernetes.yaml.ConfigGroup(
    "group",
    yaml=[
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: two}\nspec: {replicas: 3}\n"
    ],
)

# --- data sources

print("zones", json.dumps(aws.get_availability_zones().names))
version = aws.rds.get_engine_version_output(engine="postgres")
aws.ec2.Subnet("zoned", vpc_id="vpc-1", availability_zone=aws.get_availability_zones_output().names[1])
aws.ec2.Subnet("of-unknown", vpc_id="vpc-1", availability_zone=aws.ec2.get_subnet_output(id=own.id).availability_zone)

pulumi.log.info("for your information")
pulumi.log.warn("mind the gap")
pulumi.log.debug("not shown")
pulumi.export("instance", guarded)
pulumi.export("type", guarded.instance_type)
pulumi.export("arn", own.arn)
pulumi.export("password", password)
pulumi.export("engine", version.version)
