"""Values survive the wire: known, unknown, secret, references, blobs."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from spendgate.resource import UNKNOWN, Blob, Reference, Secret, Unknown
from spendgate.sources.masking import mask
from spendgate.sources.wire import (
    ARCHIVE,
    ASSET,
    OUTPUT,
    RESOURCE,
    SIGNATURE,
    UNKNOWN_SECRET_TEXT,
    UNKNOWN_TEXT,
    decode_properties,
    encode_properties,
)

plain = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
special = st.just(UNKNOWN) | st.builds(Reference, st.text(), st.text(min_size=1) | st.just(UNKNOWN))
values = st.recursive(
    plain | special | st.builds(Secret, plain),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=5))
def test_values_come_back_as_they_were_sent(properties: dict[str, Any]) -> None:
    assert decode_properties(encode_properties(properties)) == properties


def decoded(value: Any) -> Any:
    struct = struct_pb2.Struct()
    struct.update({"v": value})
    return decode_properties(struct)["v"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({SIGNATURE: OUTPUT}, UNKNOWN),
        ({SIGNATURE: OUTPUT, "value": "x"}, "x"),
        ({SIGNATURE: OUTPUT, "value": "x", "secret": True}, Secret("x")),
        ({SIGNATURE: OUTPUT, "value": "x", "secret": False, "dependencies": ["urn:a"]}, "x"),
        ({SIGNATURE: RESOURCE, "urn": "urn:a", "id": ""}, Reference("urn:a")),
        ({SIGNATURE: RESOURCE, "urn": "urn:a", "id": "i-1"}, Reference("urn:a", "i-1")),
        ({SIGNATURE: RESOURCE, "urn": "urn:a", "id": UNKNOWN_TEXT}, Reference("urn:a")),
        ({SIGNATURE: ASSET, "text": "secret source"}, Blob("text")),
        ({SIGNATURE: ASSET, "uri": "https://a/b"}, Blob("uri https://a/b")),
        ({SIGNATURE: ARCHIVE, "path": "./dist"}, Blob("path ./dist")),
        ({SIGNATURE: "another", "a": 1}, {SIGNATURE: "another", "a": 1}),
        (UNKNOWN_TEXT, UNKNOWN),
        (f"arn:{UNKNOWN_TEXT}", UNKNOWN),
        (UNKNOWN_SECRET_TEXT, Secret(UNKNOWN)),
        (f"https://{UNKNOWN_SECRET_TEXT}@host", Secret(UNKNOWN)),
    ],
)
def test_signed_values(sent: Any, expected: Any) -> None:
    value = decoded(sent)
    if isinstance(expected, Secret) and isinstance(expected.value, Unknown):
        assert isinstance(value, Secret)
        assert value.value is UNKNOWN
    elif isinstance(expected, Unknown):
        assert value is UNKNOWN
    else:
        assert value == expected


def test_null_properties_are_absent() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": None, "b": {"c": None}})
    assert decode_properties(struct) == {"b": {"c": None}}


def test_a_secret_is_secret_once() -> None:
    assert decode_properties(encode_properties({"a": Secret(Secret("x"))})) == {"a": Secret("x")}


def test_masking_hides_every_secret_and_the_longest_first() -> None:
    hidden = [Secret("pass"), Secret("password-1"), Secret("")]
    assert mask(["a password-1 and a pass"], hidden) == ["a [secret] and a [secret]"]
