"""What a column mapping says in the SQL of an engine: ``mapping`` knows what to select, these words how it is written.

The types of a bill's columns are written as DuckDB does, for every engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

from spendgate.allocate.asking import quoted, quoted_name


class Words(Protocol):
    """The SQL of an engine, for what engines write differently. Arguments and results are SQL, but for ``name``,
    ``text`` and where it is said."""

    @property
    def number(self) -> str:
        """The type that amounts are added up in."""

    @property
    def string(self) -> str:
        """The type of texts."""

    def name(self, name: str) -> str:
        """A column's name, quoted."""

    def text(self, text: str) -> str:
        """A text, quoted."""

    def kept(self, name: str, type_: str, own: str | None = None) -> str:
        """A column of the bill as it is, under its name or another one."""

    def json_string(self, text: str) -> str:
        """What JSON text is, as a text: a string without its quotes, anything else as JSON."""

    def plus(self, one: str, sign: str, other: str) -> str:
        """A sum or difference of two amounts, of which the other is exact to the digits of ``number``."""

    def of_map(self, column: str, key: str) -> str:
        """What a map has under a key, which is a plain text."""

    def of_json(self, column: str, path: str) -> str:
        """A field of a JSON text by its path, a plain text such as ``a.b``; none where it is no JSON."""

    def total(self, items: str, field: str, type_: str) -> str:
        """The sum of a field, a plain text in any case, of a list of records of a type; it fails where one is no
        number."""

    def total_of_json(self, text: str, field: str) -> str:
        """The same of a list that is JSON text; it fails where it is no JSON."""

    def time(self, text: str, form: str, place: str) -> str:
        """A text as a time by a form of strptime, which is a plain text, or as ISO writes it. Raises InputError, with
        the mapping's place, for a form that the engine cannot read."""

    def as_map(self, column: str) -> str:
        """A map of texts by text."""

    def map_of_pairs(self, items: str, type_: str) -> str:
        """A map of a list of records of a type with key and value, in any case; of a key that stands twice the first
        counts."""

    def map_of_record(self, record: str) -> str:
        """A map of a record's fields."""

    def map_of_json(self, text: str) -> str:
        """A map of JSON text: an object with or without its braces, or a list of key and value."""

    def joined(self, maps: list[str]) -> str:
        """Two maps or more as one: a later one wins."""

    def with_keys(self, map_: str, strip: str | None, rename: Mapping[str, str]) -> str:
        """The map by other keys; both are plain texts."""

    def map_as_json(self, map_: str) -> str:
        """The map as JSON text."""


class DuckDBWords:
    """The SQL of DuckDB, whose sessions are in UTC."""

    number: Final = "DECIMAL(38, 15)"
    string: Final = "VARCHAR"

    def name(self, name: str) -> str:
        return quoted_name(name)

    def text(self, text: str) -> str:
        return quoted(text)

    def kept(self, name: str, type_: str, own: str | None = None) -> str:
        """Times of a zone become those of UTC, like all others (Python needs a library for them)."""
        quoted = self.name(name)
        plain = f"CAST({quoted} AS TIMESTAMP)" if type_ == "TIMESTAMP WITH TIME ZONE" else quoted
        return f"{plain} AS {self.name(own or name)}"

    def json_string(self, text: str) -> str:
        return f"json_extract_string(TRY_CAST({text} AS JSON), '$')"

    def plus(self, one: str, sign: str, other: str) -> str:
        return f"({one} {sign} {other})"

    def of_map(self, column: str, key: str) -> str:
        return f"{column}[{self.text(key)}]"

    def of_json(self, column: str, path: str) -> str:
        return f"json_extract_string(TRY_CAST({column} AS JSON), {self.text(f'$.{path}')})"

    def total(self, items: str, field: str, type_: str) -> str:
        return self._total(items, f"e.{self.name(field)}")

    def total_of_json(self, text: str, field: str) -> str:
        listed = f"CAST(nullif(trim({text}), '') AS JSON)"
        items = f"from_json({listed}, '[\"JSON\"]')"
        # An object, or a record without the field, would count nothing.
        none = f"error('no list: ' || {text})"
        whole = f"CASE WHEN json_type({listed}) NOT IN ('ARRAY', 'NULL') THEN {none} ELSE {items} END"
        amount = f"json_extract_string(e, '$.{field}')"
        lacks = f"error('no {field} in ' || CAST(e AS VARCHAR))"
        amount = f"CASE WHEN json_extract(e, '$.{field}') IS NULL THEN {lacks} ELSE {amount} END"
        return self._total(whole, amount)

    def _total(self, items: str, amount: str) -> str:
        # What is no number here fails the whole bill: a sum would pass it over.
        return f"list_sum(list_transform({items}, lambda e: CAST({amount} AS {self.number})))"

    def time(self, text: str, form: str, place: str) -> str:
        written = f"CAST({text} AS VARCHAR)"
        iso = f"CAST(TRY_CAST({written} AS TIMESTAMPTZ) AS TIMESTAMP)"  # as TIMESTAMP alone it would lose its offset
        return f"coalesce(try_strptime({written}, {self.text(form)}), {iso})"

    def as_map(self, column: str) -> str:
        return f"CAST({column} AS MAP(VARCHAR, VARCHAR))"

    def map_of_pairs(self, items: str, type_: str) -> str:
        pair = "{'key': CAST(e.key AS VARCHAR), 'value': CAST(e.value AS VARCHAR)}"
        return _entries(f"list_transform({items}, lambda e: {pair})")

    def map_of_record(self, record: str) -> str:
        return f"TRY_CAST(to_json({record}) AS MAP(VARCHAR, VARCHAR))"

    def map_of_json(self, text: str) -> str:
        trimmed = f"trim({text})"
        whole = f"CASE WHEN {trimmed} LIKE '{{%' OR {trimmed} = '' THEN {trimmed} ELSE '{{' || {trimmed} || '}}' END"
        listed = _entries(f'from_json(TRY_CAST({trimmed} AS JSON), \'[{{"key":"VARCHAR","value":"VARCHAR"}}]\')')
        plain = f"TRY_CAST(TRY_CAST({whole} AS JSON) AS MAP(VARCHAR, VARCHAR))"
        return f"CASE WHEN {trimmed} LIKE '[%' THEN {listed} ELSE {plain} END"

    def joined(self, maps: list[str]) -> str:
        return f"map_concat({', '.join(maps)})"

    def with_keys(self, map_: str, strip: str | None, rename: Mapping[str, str]) -> str:
        key = "e.key"
        if strip is not None:
            key = f"regexp_replace({key}, {self.text('^' + re.escape(strip))}, '')"
        if rename:
            whens = " ".join(f"WHEN {self.text(one)} THEN {self.text(other)}" for one, other in rename.items())
            key = f"CASE {key} {whens} ELSE {key} END"
        return _entries(f"list_transform(map_entries({map_}), lambda e: {{'key': {key}, 'value': e.value}})")

    def map_as_json(self, map_: str) -> str:
        return f"CAST(to_json({map_}) AS VARCHAR)"


def _entries(pairs: str) -> str:
    """A map of pairs; of a key that stands twice the first counts, since a map has it once."""
    first = "lambda e, i: e.key IS NOT NULL AND list_position(list_transform(p, lambda x: x.key), e.key) = i"
    # The pairs are named once: what they are made of may be long.
    return f"list_transform([{pairs}], lambda p: map_from_entries(list_filter(p, {first})))[1]"


DUCKDB: Final = DuckDBWords()
