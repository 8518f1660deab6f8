"""A small guardrail, its tests, and a folder to hold them: what the tests of the bench write and change."""

from __future__ import annotations

from pathlib import Path

GUARDRAIL = """\
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: volume-size, title: Volumes are small, category: own, severity: low, description: They cost.}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  params:
    max: {type: number, default: 100}
  matchConditions:
    - {name: is-volume, expression: "facts.kind == 'volume'"}
    - {name: has-size, expression: "has(facts.size_gib)"}
  validations:
    - expression: "facts.size_gib <= params.max"
      messageExpression: "'holds ' + string(facts.size_gib) + ' GiB'"
  remediation: Make it smaller.
"""

HEAD = "apiVersion: spendgate.dev/v1\nkind: GuardrailTest\nguardrail: volume-size\ncases:\n"
VOLUME = "{type: 'aws:ebs/volume:Volume', name: data, provider: {region: us-east-1}, properties: {size: %s, type: gp3}}"


def case(name: str, size: str, expect: str, more: str = "") -> str:
    """One case with one volume."""
    return f"  - name: {name}\n{more}    resources: [{VOLUME % size}]\n    expect: {expect}\n"


PASSING = case("small passes", "50", "[]")
FAILING = case("large is refused", "500", '[{resource: data, status: violation, contains: "500"}]')
UNKNOWN = case("unknown is refused", "!unknown ", "[{resource: data, status: undetermined}]")
OTHER = (
    "  - name: a bucket is not asked\n"
    "    resources: [{type: 'aws:s3/bucket:Bucket', name: logs}]\n"
    "    expect: []\n"
    "  - name: a volume without a size is not asked\n"
    "    resources: [{type: 'aws:ebs/volume:Volume', name: copy, properties: {snapshotId: snap-1}}]\n"
    "    expect: []\n"
)


def write_folder(folder: Path, *cases: str, guardrail: str = GUARDRAIL) -> Path:
    """The guardrail and its tests in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "volume-size.yaml").write_text(guardrail, encoding="utf-8")
    if cases:
        (folder / "volume-size.test.yaml").write_text(HEAD + "".join(cases), encoding="utf-8")
    return folder
