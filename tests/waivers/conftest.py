"""What tests of waivers share: keys made by the real ssh-keygen, and findings from the real gate."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.ssh_keys import Keys, key, needs_ssh_keygen, public

__all__ = ["Keys", "key", "needs_ssh_keygen", "public"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

HEAD = "apiVersion: spendgate.dev/v1\nkind: Waivers\nwaivers:\n"
