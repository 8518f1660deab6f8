"""A module beside the program, with a component."""

import pulumi
import pulumi_aws as aws


def base():
    return "ami-1234"


class Cluster(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("acme:ml:Cluster", name, {}, opts)
        self.bucket = aws.s3.Bucket(f"{name}-data", tags={"a": "1"}, opts=pulumi.ResourceOptions(parent=self))
        self.inner = Inner(f"{name}-inner", pulumi.ResourceOptions(parent=self))
        self.register_outputs({"bucket": self.bucket.id})


class Inner(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("acme:ml:Inner", name, {}, opts)
        self.volume = aws.ebs.Volume(
            f"{name}-volume", availability_zone="eu-west-1a", size=100, opts=pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({})
