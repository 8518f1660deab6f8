"""Property values on Pulumi's wire (``google.protobuf.Struct``) and as spendgate's values.

The signatures are those of Pulumi's protocol (``sdk/go/common/resource/properties.go`` of pulumi/pulumi;
``pulumi.runtime.rpc`` in the Python SDK).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from spendgate.resource import UNKNOWN, Blob, Reference, Secret, Unknown, Value

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

UNLIMITED: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
"""Options of a gRPC server or channel: a large stack is one message."""

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the protocol writes a value that is not known."""

UNKNOWN_SECRET_TEXT: Final = f"[unknown secret {UNKNOWN_TEXT}]"
"""What a program gets for a configuration secret that cannot be decrypted; it comes back as ``Secret(UNKNOWN)``."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def decode_properties(struct: struct_pb2.Struct) -> dict[str, Value]:
    """The properties of a resource, an argument list or a result; null properties are absent.

    Keys come in order of the alphabet: the wire has none, and the same program is to give the same declaration.
    """
    properties: dict[str, Value] = {}
    fields = struct.fields
    for key in sorted(fields):
        value = decode_value(fields[key])
        if value is not None:
            properties[key] = value
    return properties


def decode_value(value: struct_pb2.Value) -> Value:
    """One value; whole numbers come back as ``int``, as JSON readers have them."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return decode_text(value.string_value)
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields:
            return _decode_signed(fields)
        return {key: decode_value(fields[key]) for key in sorted(fields)}
    if kind == "list_value":
        return [decode_value(item) for item in value.list_value.values]
    return None


def decode_text(text: str) -> Value:
    """A text, or the unknown value where it stands for one or was composed with one."""
    if len(text) < len(UNKNOWN_TEXT) or UNKNOWN_TEXT not in text:
        return text
    return Secret(UNKNOWN) if UNKNOWN_SECRET_TEXT in text else UNKNOWN


def secret(value: Value) -> Secret:
    """``value`` marked secret, once."""
    return value if isinstance(value, Secret) else Secret(value)


def _decode_signed(fields: Mapping[str, struct_pb2.Value]) -> Value:
    signature = fields[SIGNATURE].string_value
    if signature == SECRET:
        return secret(decode_value(fields["value"])) if "value" in fields else Secret(UNKNOWN)
    if signature == OUTPUT:
        known = decode_value(fields["value"]) if "value" in fields else UNKNOWN
        return secret(known) if "secret" in fields and fields["secret"].bool_value else known
    if signature == RESOURCE:
        identity = decode_value(fields["id"]) if "id" in fields else UNKNOWN
        return Reference(fields["urn"].string_value, identity if isinstance(identity, str) and identity else UNKNOWN)
    if signature in (ASSET, ARCHIVE):
        return Blob(_origin(fields, "asset" if signature == ASSET else "archive"))
    return {key: decode_value(fields[key]) for key in sorted(fields)}


def _origin(fields: Mapping[str, struct_pb2.Value], kind: str) -> str:
    for origin in ("path", "uri"):
        if origin in fields and fields[origin].string_value:
            return f"{origin} {fields[origin].string_value}"
    if "text" in fields:
        return "text"
    if "assets" in fields:
        return f"archive of {len(fields['assets'].struct_value.fields)} assets"
    return kind


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The plain JSON of ``struct``, signatures and all."""
    return {key: _from_value(item) for key, item in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_struct(document: Mapping[str, Any]) -> struct_pb2.Struct:
    """``document``, plain JSON, as a ``Struct``."""
    from google.protobuf import struct_pb2

    struct = struct_pb2.Struct()
    struct.update(dict(document))
    return struct


def encode_properties(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """``properties`` as the protocol writes them."""
    return to_struct({key: _encodable(value) for key, value in properties.items()})


def _encodable(value: Value) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _encodable(value.value)}
    if isinstance(value, Reference):
        identity = "" if isinstance(value.id, Unknown) else value.id
        return {SIGNATURE: RESOURCE, "urn": value.urn, "id": identity}
    if isinstance(value, Mapping):
        return {str(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value
