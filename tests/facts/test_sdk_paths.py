"""Every type and property path of the mapping tables exists in the installed SDKs."""

from __future__ import annotations

import fnmatch
import importlib

import pytest

from spendgate.facts.table import Mappings, Row
from tests.facts import crds, sdk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TABLES = Mappings()
ROWS = [(token, package) for package in sdk.PACKAGES for token in TABLES.package(package).tokens()]  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def needs_sdk(request: pytest.FixtureRequest) -> None:
    """Skips what is asked of a package that is not installed."""
    call = getattr(request.node, "callspec", None)
    reason = sdk.missing(call.params["package"]) if call and "package" in call.params else ""
    if reason:
        pytest.skip(reason)


def row_of(token: str) -> Row:
    row = TABLES.row(token)
    assert row is not None
    return row


@pytest.mark.parametrize(("token", "package"), ROWS, ids=[token for token, _ in ROWS])
def test_every_mapped_type_and_property_is_in_the_sdk(token: str, package: str) -> None:
    row = row_of(token)
    problems = []
    for read in row.reads:
        if read.root == "":
            problems.append(crds.problem(token, read.path))
        elif read.root == "$provider":
            problems.append(sdk.provider_problem(package, read.path))
        else:
            problems += [crds.problem(other, read.path) for other in row.join_reads[read.root][0]]
    for name, (others, theirs, conditions) in row.join_reads.items():
        assert row.joins[name].types == others
        problems += [crds.problem(other, path) for other in others for path in (*theirs, *conditions)]
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("package", sdk.PACKAGES)
def test_what_holds_data_and_what_leads_to_it_is_in_the_sdk(package: str) -> None:
    table = TABLES.package(package)
    assert table is not None
    known = sdk.tokens(package)
    assert [token for token in (*table.data_names, *table.ways_to_data) if token not in known] == []
    for token, named in table.data_names.items():
        row_of(token)
        assert [segments for segments in named if crds.problem(token, str(segments[0]))] == []


def test_the_tables_cover_the_types_that_are_asked_for() -> None:
    assert len({row_of(token).types[0] for token, _ in ROWS}) >= 50


@pytest.mark.parametrize("package", sdk.PACKAGES)
def test_every_pattern_of_free_types_means_a_type_of_the_sdk(package: str) -> None:
    table = TABLES.package(package)
    assert table is not None
    known = sdk.tokens(package)
    patterns = [pattern for pattern, _ in table.free_patterns()]
    assert [pattern for pattern in patterns if not fnmatch.filter(known, pattern)] == []
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize("package", sdk.PACKAGES)
def test_no_free_pattern_swallows_a_type_with_a_row(package: str) -> None:
    table = TABLES.package(package)
    assert table is not None
    patterns = [pattern for pattern, _ in table.free_patterns()]
    swallowed = [token for token in table.tokens() if any(fnmatch.fnmatchcase(token, pattern) for pattern in patterns)]
    assert swallowed == []


@pytest.mark.parametrize(("token", "package"), [row for row in ROWS if row[1] in ("aws", "gcp")])
def test_default_tags_are_merged_exactly_where_the_provider_merges_them(token: str, package: str) -> None:
    """The SDK class of a resource that takes the provider's default tags computes their union as an output."""
    row = row_of(token)
    if row.tags is None:
        return
    module, name = sdk.tokens(package)[token]
    resource = getattr(importlib.import_module(module), name)
    merges = hasattr(resource, "tags_all" if package == "aws" else "pulumi_labels")
    assert any(layer.root == "$provider" for layer in row.tags) == merges


def test_an_invented_path_is_found() -> None:
    assert "no property instanceTyp" in str(sdk.problem("aws:ec2/instance:Instance", "instanceTyp"))
    assert "no list" in str(sdk.problem("aws:ec2/instance:Instance", "tags[*].x"))
    assert sdk.problem("aws:ec2/nothing:Nothing", "x") == "the SDK has no type aws:ec2/nothing:Nothing"
    assert sdk.problem("kubernetes:core/v1:Pod", 'spec.nodeSelector["a/b"]') is None


def test_an_invented_path_of_a_custom_resource_is_found() -> None:
    ray = "kubernetes:ray.io/v1:RayCluster"
    assert crds.problem(ray, "spec.workerGroupSpecs[*].template.spec.containers[*].resources.limits") is None
    assert "no property workers" in str(crds.problem(ray, "spec.workers[*].replicas"))
    assert "no property image" in str(crds.problem(ray, "spec.headGroupSpec.template.spec.image"))
    assert "no list" in str(crds.problem(ray, "spec.headGroupSpec[*].template"))
    assert "no type" in str(crds.problem("kubernetes:ray.io/v1:RayNothing", "spec"))
