"""What a column mapping says in Spark's SQL, with the meaning that DuckDB's has; in ANSI mode, with names in their own
case, maps whose last key wins, and times in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from spendgate.errors import InputError

TIME: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|UTC|[+-]\d{2}(:?\d{2})?)?)?$"
"""Texts that are times; Spark would take ``12:00`` and ``now`` too, which are times of today."""

_MAP: Final = "map<string, string>"
_OPTIONS: Final = "map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')"

_PARTS: Final = {"Y": (4, "0000"), "m": (2, "01"), "d": (2, "01"), "H": (2, "00"), "M": (2, "00"), "S": (2, "00")}
"""Parts of a time that a form may have: digits at most, and what stands for one that it has not."""


class SparkWords:
    """The SQL of Spark."""

    # A sum of two such keeps all its places within 38 digits.
    number: Final = "DECIMAL(37, 15)"
    string: Final = "STRING"

    def name(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def text(self, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    def kept(self, name: str, type_: str, own: str | None = None) -> str:
        return f"{self.name(name)} AS {self.name(own or name)}"

    def json_string(self, text: str) -> str:
        return _json(text, "string")

    def plus(self, one: str, sign: str, other: str) -> str:
        return f"CAST(({one} {sign} {other}) AS {self.number})"

    def of_map(self, column: str, key: str) -> str:
        return f"CAST(try_element_at({column}, {self.text(key)}) AS STRING)"

    def of_json(self, column: str, path: str) -> str:
        for key in path.split("."):
            column = f"try_element_at({_json(column, _MAP)}, {self.text(key)})"
        return column

    def total(self, items: str, field: str, type_: str) -> str:
        return self._total(items, f"e.{self.name(_spelled(field, type_))}")

    def total_of_json(self, text: str, field: str) -> str:
        listed = _json("t", f"array<{_MAP}>")
        held = _named(listed, "l", "CASE WHEN l IS NULL THEN raise_error(concat('Malformed JSON: ', t)) ELSE l END")
        read = _named(f"nullif(trim({text}), '')", "t", f"CASE WHEN t IS NOT NULL THEN {held} END")
        key = self.text(field)
        lacks = f"raise_error(concat({self.text(f'no {field} in ')}, coalesce(to_json(e), 'null')))"
        return self._total(read, f"CASE WHEN map_contains_key(e, {key}) THEN e[{key}] ELSE {lacks} END")

    def _total(self, items: str, amount: str) -> str:
        added = f"(sum, e) -> CAST(sum + e AS {self.number})"
        made = f"CASE WHEN size(a) > 0 THEN aggregate(a, CAST(0 AS {self.number}), {added}) END"
        amounts = f"transform({items}, e -> CAST({amount} AS {self.number}))"
        return _named(f"filter({amounts}, e -> e IS NOT NULL)", "a", made)

    def time(self, text: str, form: str, place: str) -> str:
        pattern, groups = _pattern(form, place)
        quoted = self.text(pattern)

        def digits(part: str) -> str:
            width, default = _PARTS[part]
            if part not in groups:
                return self.text(default)
            return f"lpad(regexp_extract(t, {quoted}, {groups[part]}), {width}, '0')"

        day = f"{digits('Y')}, '-', {digits('m')}, '-', {digits('d')}"
        stamp = f"concat({day}, ' ', {digits('H')}, ':', {digits('M')}, ':', {digits('S')})"
        made = f"CASE WHEN t RLIKE {quoted} THEN try_cast({stamp} AS TIMESTAMP_NTZ) END"
        iso = (
            f"CASE WHEN trim(t) RLIKE {self.text(TIME)} THEN CAST(try_cast(trim(t) AS TIMESTAMP) AS TIMESTAMP_NTZ) END"
        )
        return _named(f"CAST({text} AS STRING)", "t", f"coalesce({made}, {iso})")

    def as_map(self, column: str) -> str:
        return f"CAST({column} AS {_MAP})"

    def map_of_pairs(self, items: str, type_: str) -> str:
        key, value = (f"CAST(e.{self.name(_spelled(name, type_))} AS STRING) AS {name}" for name in ("key", "value"))
        return _entries(f"transform({items}, e -> struct({key}, {value}))")

    def map_of_record(self, record: str) -> str:
        return _json(f"to_json({record}, map('ignoreNullFields', 'false'))", _MAP)

    def map_of_json(self, text: str) -> str:
        listed = _entries(_json("t", "array<struct<key: string, value: string>>"))
        whole = "CASE WHEN startswith(t, '{') OR t = '' THEN t ELSE concat('{', t, '}') END"
        return _named(f"trim({text})", "t", f"CASE WHEN startswith(t, '[') THEN {listed} ELSE {_json(whole, _MAP)} END")

    def joined(self, maps: list[str]) -> str:
        # One that is not there would make nothing of all.
        given = ", ".join(f"coalesce({one}, CAST(map() AS {_MAP}))" for one in maps)
        return f"CASE WHEN coalesce({', '.join(maps)}) IS NOT NULL THEN map_concat({given}) END"

    def with_keys(self, map_: str, strip: str | None, rename: Mapping[str, str]) -> str:
        key = "e.key"
        if strip is not None:
            begins = self.text(strip)
            key = f"CASE WHEN startswith({key}, {begins}) THEN substring({key}, {len(strip) + 1}) ELSE {key} END"
        if rename:
            whens = " ".join(f"WHEN {self.text(one)} THEN {self.text(other)}" for one, other in rename.items())
            key = f"CASE {key} {whens} ELSE {key} END"
        return _entries(f"transform(map_entries({map_}), e -> struct({key} AS key, e.value AS value))")

    def map_as_json(self, map_: str) -> str:
        return f"to_json({map_}, map('ignoreNullFields', 'false'))"


def _spelled(field: str, type_: str) -> str:
    """A record's field as its type spells it; names are in their own case here."""
    found = re.search(rf'[(,]\s*"({re.escape(field)})"\s', type_, re.IGNORECASE)
    return found[1] if found else field


def _named(sql: str, name: str, in_terms: str) -> str:
    """``in_terms`` of a value that has a name there, and is worked out once."""
    return f"transform(array({sql}), {name} -> {in_terms})[0]"


def _json(text: str, type_: str) -> str:
    """JSON text as a type, none where it is no JSON. Read as the only item of a list, so that nothing may stand
    behind it."""
    read = f"from_json(concat('[', {text}, ']'), 'array<{type_}>', {_OPTIONS})"
    return _named(read, "j", "CASE WHEN size(j) = 1 THEN j[0] END")


def _entries(pairs: str) -> str:
    """A map of pairs; of a key that stands twice the first counts."""
    first = "(e, i) -> e.key IS NOT NULL AND array_position(transform(p, x -> x.key), e.key) = i + 1"
    return _named(pairs, "p", f"map_from_entries(filter(p, {first}))")


def _pattern(form: str, place: str) -> tuple[str, Mapping[str, int]]:
    """A form of strptime as a pattern of Java's, and which group has which part."""
    made: list[str] = []
    groups: dict[str, int] = {}
    for found in re.finditer(r"%(.?)|([^%]+)", form):
        part, plain = found.groups()
        if plain is not None:
            made.append(re.escape(plain))
        elif part == "%":
            made.append("%")
        elif part in _PARTS and part not in groups:
            groups[part] = len(groups) + 1
            made.append(rf"(\d{{1,{_PARTS[part][0]}}}+)")
        else:
            raise InputError(
                f'Spark reads no times of the form "{form}"',
                place=place,
                remedy=f"It takes {', '.join('%' + one for one in _PARTS)}; DuckDB reads all of strptime.",
            )
    return rf"^\s*{''.join(made)}\s*$", groups


def type_name(type_: Any) -> str:
    """A type of Spark's as ``mapping`` reads types."""
    kind: str = type_.typeName()
    if kind == "map":
        return f"MAP({type_name(type_.keyType)}, {type_name(type_.valueType)})"
    if kind == "array":
        return f"{type_name(type_.elementType)}[]"
    if kind == "struct":
        fields = ", ".join(f'"{field.name}" {type_name(field.dataType)}' for field in type_.fields)
        return f"STRUCT({fields})"
    return {"string": "VARCHAR", "timestamp": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind.upper())


SPARK: Final = SparkWords()
