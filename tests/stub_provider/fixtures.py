"""A Pulumi CLI that talks to nobody: state, home and provider plugins in a folder of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.stub_provider.install import environment


@pytest.fixture(scope="module")
def pulumi_cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of this process, changed so that ``pulumi`` works on its own; restored afterwards."""
    before = dict(os.environ)
    changed = environment(tmp_path_factory.mktemp("pulumi"), before)
    changed = {key: value for key, value in changed.items() if not key.startswith(("AWS_", "GOOGLE_"))}
    os.environ.clear()
    os.environ.update(changed)
    try:
        yield changed
    finally:
        os.environ.clear()
        os.environ.update(before)
