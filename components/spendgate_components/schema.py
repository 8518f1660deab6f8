"""``python -m spendgate_components.schema``: Pulumi's schema of the components, kept in ``components/schema.json``."""

from __future__ import annotations

import json
import sys

from spendgate_components.provider import schema


def text() -> str:
    """The schema as JSON text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
