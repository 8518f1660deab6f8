"""Tags as columns: each tag that a rule reads becomes one column, read once a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spendgate.allocate.bill.focus import TAGS
from spendgate.rules.cel.syntax import Call, Constant, Name, Node, Select, everything

if TYPE_CHECKING:
    import ibis.expr.types as ir

AddTags = Callable[["ir.Table", Mapping[str, str]], "ir.Table"]
"""Adds columns by name, each with the tag of a key; the lines keep all that they have."""


def tags_read(trees: Iterable[Node]) -> tuple[str, ...]:
    """The keys of the tags that expressions read one by one, in order."""
    found: dict[str, None] = {}
    for tree in trees:
        for node in everything(tree):
            match node:
                case (
                    Select(operand=Name(name="tags"), field=key)
                    | Call(function="_[_]", arguments=(Name(name="tags"), Constant(text=str() as key)))
                    | Call(function="_in_", arguments=(Constant(text=str() as key), Name(name="tags")))
                ):
                    found[key] = None
    return tuple(found)


def duckdb_tags(lines: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """Tags of JSON text, of a map or of a struct; the text is parsed once for all of them. DuckDB stops at a text that
    is no JSON."""
    return _parsed_by_duckdb(lines, names, lambda text: text)


def valid_duckdb_tags(lines: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """The same, where a text that is no JSON has no tags; each is parsed twice."""
    valid = built_in("json_valid", ("string",), "bool")
    return _parsed_by_duckdb(lines, names, lambda text: valid(text).ifelse(text, None))


def _parsed_by_duckdb(lines: ir.Table, names: Mapping[str, str], taken: Callable[[Any], Any]) -> ir.Table:
    if not names or TAGS not in lines.columns or not lines[TAGS].type().is_string():
        return _one_by_one(lines, names, lambda column, key: None)
    paths = [_path(key) for key in names.values()]
    texts = built_in("json_extract_string", ("string", "array<string>"), "array<string>")
    parsed = lines.mutate(_tags=texts(taken(lines[TAGS]), paths))
    return parsed.mutate(**{name: parsed._tags[index] for index, name in enumerate(names)}).drop("_tags")


def spark_tags(lines: ir.Table, names: Mapping[str, str]) -> ir.Table:
    """The same on Spark: the text is parsed once, as a map; what is no JSON has no tags."""
    if not names or TAGS not in lines.columns or not lines[TAGS].type().is_string():
        return _one_by_one(lines, names, lambda column, key: None)
    parsed = lines.mutate(_tags=spark_json(lines[TAGS]))
    return parsed.mutate(**{name: _of_key(parsed._tags, key) for name, key in names.items()}).drop("_tags")


def spark_json(text: Any, type_: str = "map<string, string>") -> Any:
    """The text as a map, or another type, none where it is no JSON. Read as the only item of a list, so that
    nothing may stand behind it."""
    options = built_in("MAP", ("string",) * 4, "map<string, string>")(
        "allowSingleQuotes", "false", "allowNonNumericNumbers", "false"
    )
    listed = built_in("concat", ("string",) * 3, "string")("[", text, "]")
    read = built_in("from_json", ("string", "string", "map<string, string>"), f"array<{type_}>")
    found = read(listed, f"array<{type_}>", options)
    return (found.length() == 1).ifelse(found[0], None)


def _of_key(column: Any, key: str) -> Any:
    return built_in("try_element_at", (str(column.type()), "string"), "string")(column, key)


def tags_by(text: Callable[[Any, str], Any]) -> AddTags:
    """Tags of JSON text by a function of the text and the key; of maps and structs as everywhere."""
    return lambda lines, names: _one_by_one(lines, names, text)


def _one_by_one(lines: ir.Table, names: Mapping[str, str], text: Callable[[Any, str], Any]) -> ir.Table:
    import ibis

    nothing = ibis.null("string")
    if not names:
        return lines
    if TAGS not in lines.columns:
        return lines.mutate(**dict.fromkeys(names, nothing))
    column = lines[TAGS]
    type_ = column.type()
    if type_.is_map():
        made = {name: column.get(key, nothing) for name, key in names.items()}
    elif type_.is_struct():
        made = {name: column[key].cast("string") if key in type_.names else nothing for name, key in names.items()}
    else:
        made = {name: text(column.cast("string"), key) for name, key in names.items()}
    return lines.mutate(**made)


def _path(key: str) -> str:
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{quoted}"'


@lru_cache
def built_in(name: str, takes: Sequence[str], gives: str) -> Any:
    """A function of the engine that ibis does not know, of one to four arguments; the types are ibis' by name."""
    import ibis

    def of_one(first: Any) -> None: ...

    def of_two(first: Any, second: Any) -> None: ...

    def of_three(first: Any, second: Any, third: Any) -> None: ...

    def of_four(first: Any, second: Any, third: Any, fourth: Any) -> None: ...

    function = (of_one, of_two, of_three, of_four)[len(takes) - 1]
    return ibis.udf.scalar.builtin(name=name, signature=(tuple(takes), gives))(function)
