"""A new pack: a thin folder that validates, tests and runs as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from spendgate import __version__, schemas
from spendgate.errors import InputError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EXAMPLE: Final = "volume-has-owner"

_PULUMI: Final = """\
runtime: python
description: "{title}: cost guardrails for our infrastructure."
"""

_MAIN: Final = '''\
"""Serves this pack to Pulumi: ``pulumi preview --policy-pack {folder}``."""

import sys
from pathlib import Path

try:
    from spendgate.crossguard import serve
except ModuleNotFoundError as error:
    sys.exit(f"error: {{error}}: the Python that runs this pack is {{sys.executable}}; see README.md")

serve(Path(__file__).parent)
'''

_PACK: Final = """\
{modeline}apiVersion: spendgate.dev/v1
kind: Pack
metadata:
  name: {name}
  version: 0.1.0
  title: {title}
  description: >
    Cost guardrails for our infrastructure.
spec:
  requires: {{spendgate: ">={release}"}}
  policies: [policies]
  guardrails:
    - {{name: {example}, enforcement: advisory}}   # its own, in policies/
    - name: gpu-priced                              # one that ships with spendgate
    - name: gpu-count-per-resource
"""

_GUARDRAIL: Final = """\
{modeline}apiVersion: spendgate.dev/v1
kind: Guardrail
metadata:
  name: {example}
  title: Large volumes have an owner
  category: tags
  severity: medium
  description: >
    A volume of this size outlives the work that it was made for. Its owner is asked before it is deleted.
spec:
  target: resource
  enforcement: mandatory
  onUnknown: warn
  params:
    from_gib:
      type: number
      minimum: 1
      default: 100
      description: Volumes of at least this many GiB have an owner.
    key:
      type: string
      default: owner
      description: The tag that names the owner.
  matchConditions:
    - {{name: is-volume, expression: "facts.kind == 'volume'"}}
    - {{name: is-large, expression: "has(facts.size_gib) && facts.size_gib >= params.from_gib"}}
  validations:
    - expression: "has(facts.tags) && params.key in facts.tags"
      messageExpression: "string(facts.size_gib) + ' GiB without the tag ' + params.key"
      message: a large volume without an owner
  remediation: Tag it with the team or the person who answers for it.
"""

_TESTS: Final = """\
{modeline}apiVersion: spendgate.dev/v1
kind: GuardrailTest
guardrail: {example}
cases:
  - name: a large volume with an owner passes
    resources:
      - type: aws:ebs/volume:Volume
        name: data
        provider: {{region: us-east-1}}
        properties: {{availabilityZone: us-east-1a, size: 500, tags: {{owner: ml-platform}}}}
    expect: []
  - name: a small one needs none
    resources:
      - type: aws:ebs/volume:Volume
        name: scratch
        provider: {{region: us-east-1}}
        properties: {{availabilityZone: us-east-1a, size: 20}}
    expect: []
  - name: what is no volume is not asked
    resources:
      - type: aws:s3/bucket:Bucket
        name: data
        provider: {{region: us-east-1}}
        properties: {{}}
    expect: []
  - name: a large volume without an owner is told
    resources:
      - type: aws:ebs/volume:Volume
        name: data
        provider: {{region: us-east-1}}
        properties: {{availabilityZone: us-east-1a, size: 500, tags: {{team: vision}}}}
    expect:
      - {{resource: data, status: violation, contains: "500 GiB", enforcement: advisory}}
  - name: tags that are known only after apply leave it open
    resources:
      - type: aws:ebs/volume:Volume
        name: data
        provider: {{region: us-east-1}}
        properties: {{availabilityZone: us-east-1a, size: 500, tags: !unknown }}
    expect:
      - {{resource: data, status: undetermined}}
"""

_README: Final = """\
# {name}
What this pack is for, and whom to ask. `pack.yaml` says which guardrails it selects, at which level and with which
parameters; `policies/` holds its own.

    spendgate pack validate {folder}
    spendgate pack test {folder} --strict
    spendgate check PROJECT --pack {folder}
    pulumi preview --policy-pack {folder}

**Publish.** `spendgate pack build {folder} -o {name}-0.1.0.tar.gz`, then `spendgate pack push` to a registry;
`spendgate pack diff OLD NEW --on PROJECT` says what a new version refuses that the old one allowed.

**Python.** Pulumi starts the pack with the `python3` on PATH, or the one that `PULUMI_PYTHON_CMD` names; spendgate must
be installed there.
"""


def create(name: str, folder: Path) -> tuple[Path, ...]:
    """Write a new pack of that name and tell its files. Raises InputError for a wrong name, and for a folder that holds
    anything already."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f'"{name}" is no name of a pack', remedy="Lower-case words and digits, joined by dashes: team-guardrails."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("is there already, and not an empty folder", place=folder, remedy="Name another folder.")
    title = name.replace("-", " ").capitalize()
    words = {"name": name, "folder": folder.name, "title": title, "example": EXAMPLE, "release": __version__}

    def text(template: str, schema: str = "") -> str:
        return template.format(**words, modeline=schemas.modeline(schema) if schema else "")

    files = {
        "PulumiPolicy.yaml": text(_PULUMI),
        "__main__.py": text(_MAIN),
        "pack.yaml": text(_PACK, "pack"),
        "README.md": text(_README),
        "requirements.txt": "spendgate\n",
        f"policies/{EXAMPLE}.yaml": text(_GUARDRAIL, "guardrail"),
        f"policies/{EXAMPLE}.test.yaml": text(_TESTS, "guardrail-test"),
    }
    try:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=folder) from None
    return tuple(folder / path for path in files)
