"""Where the data lies that compute reads or writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.facts import NOT_THE_WHOLE_STACK, facts_of
from spendgate.facts.data import FACT, _names_in
from spendgate.facts.model import Facts
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Provider, Reference, Resource, Secret

CATALOGUE = Catalogue.builtin()
BUCKET = "aws:s3/bucket:Bucket"
INSTANCE = "aws:ec2/instance:Instance"


def aws(type_: str, name: str, region: str = "us-east-1", **said: Any) -> Resource:
    options = {key: said.pop(key) for key in ("property_dependencies", "external", "ids") if key in said}
    return Resource(
        type_, name, f"urn:{name}", said, Provider("aws", f"urn:aws-{region}", {"region": region}), **options
    )


def facts(*resources: Resource, whole: bool = True) -> Facts:
    """Of the last resource."""
    return facts_of(Declaration("p", "dev", Path(), resources), CATALOGUE, whole=whole)[-1].facts


def regions(*resources: Resource) -> dict[str, str] | None:
    found = facts(*resources)
    assert FACT not in found.unknowns
    return None if found.data_regions is None else dict(found.data_regions)


CORPUS = aws(BUCKET, "corpus", "eu-west-1", bucket="acme-corpus")


@pytest.mark.parametrize(
    "text",
    [
        "acme-corpus",
        "s3://acme-corpus/v1",
        "python train.py --data=s3://acme-corpus --epochs 3",
        "see s3://acme-corpus.",
        "s3a://acme-corpus/v1",
        "arn:aws:s3:::acme-corpus/v1/*",
        "https://acme-corpus.s3.eu-west-1.amazonaws.com/v1",
        "https://s3.eu-west-1.amazonaws.com/acme-corpus/v1",
    ],
)
def test_a_bucket_is_named_by_its_name_or_an_address(text: str) -> None:
    assert regions(CORPUS, aws(INSTANCE, "gpu", userData=text)) == {"corpus": "eu-west-1"}


@pytest.mark.parametrize("text", ["s3://acme-corpus-2/v1", "gs:/acme-corpus", "acme", "use acme-corpus", ""])
def test_another_text_names_no_bucket(text: str) -> None:
    assert regions(CORPUS, aws(INSTANCE, "gpu", userData=text)) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gs://lake/x", "lake"),
        ("https://storage.googleapis.com/lake/x", "lake"),
        ("/gcs/lake/x", "lake"),
        ("abfss://corpus@lake.dfs.core.windows.net/x", "lake"),
        ("wasbs://corpus@lake.blob.core.windows.net/x", "lake"),
        ("https://lake.blob.core.windows.net/corpus", "lake"),
    ],
)
def test_addresses_of_other_clouds_name_their_bucket_or_account(text: str, name: str) -> None:
    assert name in _names_in(text)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert text in _names_in(text)


def test_what_something_is_called_names_no_data() -> None:
    assert regions(CORPUS, aws(INSTANCE, "gpu", tags={"Name": "acme-corpus", "data": "s3://acme-corpus"})) is None


def test_a_reference_and_the_id_of_the_provider_name_it_as_well() -> None:
    files = aws("aws:efs/fileSystem:FileSystem", "home", "us-west-2", ids=("fs-0123",))
    assert regions(files, aws(INSTANCE, "gpu", userData="fs-0123")) == {"home": "us-west-2"}
    assert regions(CORPUS, aws(INSTANCE, "gpu", userData=Reference("urn:corpus"))) == {"corpus": "eu-west-1"}


def test_an_unknown_value_names_what_its_property_depends_on() -> None:
    gpu = aws(INSTANCE, "gpu", userData=UNKNOWN, property_dependencies={"userData": ("urn:corpus",)})
    assert regions(CORPUS, gpu) == {"corpus": "eu-west-1"}
    network = aws("aws:ec2/subnet:Subnet", "net")
    inside = aws(INSTANCE, "gpu", subnetId=UNKNOWN, property_dependencies={"subnetId": ("urn:net",)})
    assert regions(CORPUS, network, inside) is None


def test_what_nothing_tells_is_unknown_where_the_stack_has_data() -> None:
    gpu = aws(INSTANCE, "gpu", userData=UNKNOWN)
    assert facts(CORPUS, gpu).unknowns[FACT] == "userData: known only after apply"
    assert facts(CORPUS, aws(INSTANCE, "gpu", userData=Secret("s3://x"))).unknowns[FACT] == "userData: secret"
    assert FACT not in facts(gpu).unknowns


def test_an_object_leads_on_to_its_bucket_and_a_circle_ends() -> None:
    script = aws(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "script",
        bucket=UNKNOWN,
        key=UNKNOWN,
        property_dependencies={"bucket": ("urn:corpus",), "key": ("urn:script",)},
    )
    gpu = aws(INSTANCE, "gpu", userData=UNKNOWN, property_dependencies={"userData": ("urn:script",)})
    assert regions(CORPUS, script, gpu) == {"corpus": "eu-west-1"}


def test_a_bucket_that_is_only_read_has_no_known_region() -> None:
    read = aws(BUCKET, "corpus", bucket="acme-corpus", external=True)
    found = facts(read, aws(INSTANCE, "gpu", userData="s3://acme-corpus"))
    assert found.data_regions is None
    assert found.unknowns[FACT] == "corpus: is read, not declared here"


def test_two_of_one_name_are_told_apart() -> None:
    home = aws("aws:efs/fileSystem:FileSystem", "corpus", "us-west-2", ids=("fs-1",))
    home = Resource(home.type, home.name, "urn:files", home.properties, home.provider, ids=home.ids)
    assert regions(CORPUS, home, aws(INSTANCE, "gpu", userData=["acme-corpus", "fs-1"])) == {
        "corpus": "eu-west-1",
        "corpus (aws:efs/fileSystem:FileSystem)": "us-west-2",
    }


def test_of_a_part_of_a_stack_nothing_is_known_yet() -> None:
    found = facts(aws(INSTANCE, "gpu", userData="s3://acme-corpus"), whole=False)
    assert found.unknowns[FACT] == NOT_THE_WHOLE_STACK
    assert FACT not in facts(CORPUS, whole=False).unknowns
