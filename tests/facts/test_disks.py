"""Disks that come with machines are parts: billed as volumes, as often as there are machines."""

from __future__ import annotations

from typing import Any

import pytest

from spendgate.facts.model import Count
from spendgate.resource import Declaration
from tests.facts.conftest import by_name


def disks(declaration: Declaration, name: str) -> list[tuple[Any, ...]]:
    """Name, size, class and expected number of each disk of a resource."""
    return [
        (part.name, part.facts.size_gib, part.facts.storage_class, (part.facts.count or Count(0, 0, 0)).expected)
        for part in by_name(declaration)[name].parts
        if part.billed_as and part.facts.kind == "volume"
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("with-disks", [("root disk", 100, "gp3", 1), ("/dev/sdc", 200, None, 1)]),
        ("disks-of-template", [("disk of the template", 80, "gp3", 1), ("disk of the template", 500, "io2", 1)]),
        ("own-root", [("root disk", 50, None, 1), ("disk of the template", 500, "io2", 1)]),
        ("disk-of-image", []),
        ("group-disks", [("disk of the template", 80, "gp3", 2), ("disk of the template", 500, "io2", 2)]),
        ("node-disks", [("node disks", 20, None, 2)]),
        ("node-disks-template", [("disk of the template", 80, "gp3", 1), ("disk of the template", 500, "io2", 1)]),
        ("notebook-volume", [("volume", 50, None, 1)]),
    ],
)
def test_machines_on_aws_have_the_disks(
    aws_more_declaration: Declaration, name: str, expected: list[tuple[Any, ...]]
) -> None:
    assert disks(aws_more_declaration, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("with-disks", [("boot disk", 200, "pd-ssd", 1), ("scratch disk", 375, "local-ssd", 1)]),
        ("disk-of-image", []),
        ("group-disks", [("boot", 100, "pd-balanced", 3), ("scratch", 375, "local-ssd", 3)]),
        ("pool-disks", [("boot disks", 100, "pd-balanced", 2), ("local disks", 750, "local-ssd", 2)]),
        ("pool-disk-declared", [("boot disks", 300, "hyperdisk-balanced", 1)]),
        ("cluster-disks", [("boot disks", 50, "pd-balanced", 1), ("boot disks", 30, "pd-ssd", 4)]),
        ("bench-disks", [("boot disk", 150, None, 1), ("data disk", 100, None, 1)]),
    ],
)
def test_machines_on_google_have_the_disks(
    google_more_declaration: Declaration, name: str, expected: list[tuple[Any, ...]]
) -> None:
    assert disks(google_more_declaration, name) == expected


def test_a_disk_of_a_default_size_says_so(aws_more_declaration: Declaration) -> None:
    (disk,) = by_name(aws_more_declaration)["node-disks"].parts
    assert disk.facts.defaults == {"size_gib"}
    assert (disk.facts.region, disk.facts.count, disk.facts.purchase) == ("eu-central-1", Count(1, 2, 3), None)


def test_what_a_disk_is_provisioned_for_is_told(
    aws_more_declaration: Declaration, google_more_declaration: Declaration
) -> None:
    root = by_name(aws_more_declaration)["with-disks"].parts[0].facts
    assert (root.iops, root.throughput_mibps) == (6000, 250)
    assert by_name(google_more_declaration)["pool-disk-declared"].parts[0].facts.iops == 5000
