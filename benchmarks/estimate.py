"""Loading the catalogue and pricing 10,000 resources, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, resource

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

from spendgate.facts.model import Count, Facts, Kind, Workload
from spendgate.prices.model import Purchase
from spendgate.resource import Resource

TYPES = ["g5.xlarge", "g5.2xlarge", "g6.xlarge", "m5.large", "p4d.24xlarge"]
REGIONS = ["us-east-1", "us-west-2", "eu-west-1"]
stack = []
for i in range(10_000):
    region, tags = REGIONS[i % 3], {"team": f"t{i % 20}", "index": str(i)}
    if i % 4 == 0:
        type_ = "aws:ec2/instance:Instance"
        facts = dict(kind=Kind.COMPUTE, instance_type=TYPES[i % 5], count=Count(1, 1, 1))
    elif i % 4 == 1:
        type_, facts = "aws:s3/bucket:Bucket", dict(kind=Kind.BUCKET)
    elif i % 4 == 2:
        type_, facts = "aws:ebs/volume:Volume", dict(kind=Kind.VOLUME, size_gib=100.0 + i % 200, storage_class="gp3")
    else:
        purchase = Purchase.SPOT if i % 8 == 3 else Purchase.ON_DEMAND
        count = Count(0, 1, 1 + i % 7)
        type_ = "aws:eks/nodeGroup:NodeGroup"
        facts = dict(kind=Kind.NODE_POOL, instance_types=(TYPES[i % 5],), count=count, purchase=purchase)
    resource_ = Resource(type_, f"r{i}", f"urn:r{i}")
    stack.append(Workload(resource_, Facts(provider="aws", region=region, tags=tags, **facts)))

start = cpu()
from spendgate.estimate import estimate
from spendgate.prices.catalogue import Catalogue
total = estimate(stack, Catalogue.builtin()).total
print(json.dumps([cpu() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def measure() -> dict[str, float]:
    """CPU seconds of loading and pricing, and the peak memory of the process in MiB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    seconds, memory = json.loads(done.stdout)
    return {"load and price 10,000 resources, CPU s": seconds, "load and price 10,000 resources, MiB": memory}
