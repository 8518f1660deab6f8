"""CrossGuard: the gate as a Pulumi policy pack, served over Pulumi's own ``Analyzer`` protocol."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn


def serve(pack_folder: Path) -> NoReturn:
    """Serve the pack in ``pack_folder`` to the engine that started this process; returns when the engine ends it.

    A pack that cannot be loaded is told to the engine and on standard error, and the process exits with 2.
    """
    from spendgate.crossguard.server import serve as run

    run(pack_folder)
