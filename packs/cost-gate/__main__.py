"""Serves this pack to Pulumi: ``pulumi preview --policy-pack packs/cost-gate``."""

import sys
from pathlib import Path

try:
    from spendgate.crossguard import serve
except ModuleNotFoundError as error:
    sys.exit(f"error: {error}: the Python that runs this pack is {sys.executable}; see README.md for how to choose it")

serve(Path(__file__).parent)
