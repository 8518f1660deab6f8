"""The type check when an expression is loaded, by cel-cpp's checker: messages are declared as protobuf types.

Values are plain maps when it runs, so the checked expression is evaluated in a second environment in which every
variable is ``dyn``; the overloads chosen by the check are not needed there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spendgate.rules.cel.limits import refuse, refuse_too_long, too_deep
from spendgate.rules.cel.model import CompileError, Issue
from spendgate.rules.cel.reads import Read, reads_of
from spendgate.rules.cel.syntax import Node, from_checked
from spendgate.rules.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    ListOf,
    MapOf,
    Message,
    Scalar,
    Schema,
    Type,
)
from spendgate.rules.cel.wording import issue, messages_in

PACKAGE = "spendgate"

_ISSUE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that passed the check: its type, what it reads, and its tree."""

    return_type: str
    reads: frozenset[Read]
    tree: Node


def check(expression: str, schema: Schema) -> Checked:
    """Parse and type-check; raises CompileError with every issue's place."""
    refuse_too_long(expression)
    try:
        compiled = _typed_env(schema).compile(expression)
    except RuntimeError as error:
        raise CompileError(_issues(str(error), expression, schema)) from None
    return checked_form(compiled, expression, schema)


def checked_form(compiled: Any, expression: str, schema: Schema) -> Checked:
    """What is read off a compiled expression, typed or not; raises CompileError where it is too large or too deep."""
    tree = from_checked(compiled.serialize())
    refuse(tree, expression)
    return Checked(_type_name(compiled.return_type().name()), reads_of(tree, schema), tree)


def _issues(text: str, expression: str, schema: Schema) -> list[Issue]:
    if "recursion" in text:
        return [too_deep()]
    found = [
        issue(int(match[1]), int(match[2]), match[3].removesuffix(" [INVALID_ARGUMENT]"), expression, schema)
        for match in _ISSUE.finditer(text)
        if "*error*" not in match[3]  # what follows from an issue that is already listed
    ]
    if "Syntax error" in text:
        return found[:1]  # what the parser says after the first is about its own recovery
    # The arguments of a function that does not exist may be names of its own.
    functions = [item for item in found if "no function" in item.message or "not called like" in item.message]
    found = functions or found
    return found or [Issue(1, 1, re.sub(r"\s*\[[A-Z_]+\]$", "", text.splitlines()[0].partition(": ")[2] or text))]


def _type_name(name: str) -> str:
    head = name.split("<", 1)[0].lower()
    return {"google.protobuf.timestamp": "timestamp", "google.protobuf.value": "dyn", "any": "dyn"}.get(head, head)


@lru_cache(maxsize=256)
def _typed_env(schema: Schema) -> Any:
    from cel_expr_python import cel
    from google.protobuf import descriptor_pool

    from spendgate.rules.cel.functions import declarations

    pool = descriptor_pool.DescriptorPool()
    for file in _well_known():
        pool.AddSerializedFile(file)
    pool.Add(_file(schema))
    variables = {name: _cel_type(type_) for name, type_ in schema.variables}
    return cel.NewEnv(descriptor_pool=pool, variables=variables, functions=declarations())


@lru_cache(maxsize=1)
def _well_known() -> tuple[bytes, ...]:
    from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2

    return tuple(module.DESCRIPTOR.serialized_pb for module in (struct_pb2, timestamp_pb2, duration_pb2))


def _cel_type(type_: Type) -> Any:
    from cel_expr_python import cel

    if isinstance(type_, Message):
        return cel.Type(f"{PACKAGE}.{type_.name}")
    if isinstance(type_, ListOf):
        return cel.Type.List(_cel_type(type_.element))
    if isinstance(type_, MapOf):
        return cel.Type.Map(cel.Type.STRING, _cel_type(type_.value))
    return getattr(cel.Type, type_.name.upper())


def _file(schema: Schema) -> Any:
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name="spendgate/schema.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(f"google/protobuf/{name}.proto" for name in ("struct", "timestamp", "duration"))
    made: dict[str, Message] = {}
    for _, type_ in schema.variables:
        for message in messages_in(type_):
            if made.setdefault(message.name, message) != message:
                raise ValueError(f"two messages of the name {message.name}")
    for message in made.values():
        file.message_type.append(_declared(message))
    return file


@lru_cache(maxsize=256)
def _declared(message: Message) -> Any:
    from google.protobuf import descriptor_pb2

    declared = descriptor_pb2.DescriptorProto(name=message.name)
    _declare(declared, message)
    return declared


def _declare(target: Any, message: Message) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    scalars = {BOOL: Field.TYPE_BOOL, INT: Field.TYPE_INT64, DOUBLE: Field.TYPE_DOUBLE, STRING: Field.TYPE_STRING}

    def shape(type_: Type, field: Any) -> None:
        if isinstance(type_, Scalar) and type_ in scalars:
            field.type = scalars[type_]
            return
        field.type = Field.TYPE_MESSAGE
        if isinstance(type_, Message):
            field.type_name = f".{PACKAGE}.{type_.name}"
        else:
            # Lists of lists and maps of lists have no protobuf field type: their elements are checked at run time.
            field.type_name = f".google.protobuf.{_well_known_name(type_)}"

    for number, (name, type_) in enumerate(message.fields.items(), start=1):
        field = target.field.add(name=name, number=number, label=Field.LABEL_OPTIONAL)
        if isinstance(type_, ListOf):
            field.label = Field.LABEL_REPEATED
            shape(type_.element, field)
        elif isinstance(type_, MapOf):
            entry = target.nested_type.add(name=_entry_name(name))
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
            shape(type_.value, entry.field.add(name="value", number=2, label=Field.LABEL_OPTIONAL))
            field.label = Field.LABEL_REPEATED
            field.type = Field.TYPE_MESSAGE
            field.type_name = f".{PACKAGE}.{message.name}.{entry.name}"
        else:
            shape(type_, field)


def _well_known_name(type_: Type) -> str:
    if isinstance(type_, ListOf):
        return "ListValue"
    if isinstance(type_, MapOf):
        return "Struct"
    return {TIMESTAMP: "Timestamp", DURATION: "Duration"}.get(type_, "Value") if isinstance(type_, Scalar) else "Value"


def _entry_name(name: str) -> str:
    """The name protobuf demands of a map field's entry: the field's name in CamelCase, and Entry."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
