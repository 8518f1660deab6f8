"""Forms that a column mapping has for a column, and what they say of a bill in the SQL of an engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate.allocate.bill.words import Words
from spendgate.errors import InputError

Form = str | list[Any] | dict[str, Any]
"""A column, several of which the first with a value counts, or what is made of one or more."""


def forms_over(columns: Mapping[str, str], words: Words, place: str) -> Forms:
    """Forms over a bill whose columns have these types."""
    return Forms({name.lower(): (name, type_) for name, type_ in columns.items()}, words, place)


@dataclass(slots=True)
class Forms:
    """The forms of a mapping over a bill's columns: these by name in lower case, with their own spelling and type, and
    those that were read. ``place`` is the mapping's."""

    columns: Mapping[str, tuple[str, str]]
    words: Words
    place: str
    read: set[str] = field(default_factory=set)

    def field(self, path: str) -> str | None:
        """A column, or a field of a record: ``project.id`` is also ``project_id`` in a bill that was flattened."""
        words = self.words
        for name in (path, path.replace(".", "_")):
            if name.lower() in self.columns:
                self.read.add(name)
                return words.name(self.columns[name.lower()][0])
        head, dot, rest = path.partition(".")
        if not dot or head.lower() not in self.columns:
            return None
        name, type_ = self.columns[head.lower()]
        self.read.add(path)
        if type_.startswith("STRUCT("):
            there = re.search(rf'[(,]\s*"?({re.escape(rest)})"?\s', type_, re.IGNORECASE)
            if there is None or type_.startswith('"NULL"', there.end()):  # one that is empty in every line has no type
                return None
            return f"{words.name(name)}.{words.name(there[1])}"
        if type_.startswith("MAP("):
            return words.of_map(words.name(name), rest)
        return words.of_json(words.name(name), rest)

    def form(self, form: Form) -> str | None:
        """The SQL of a form; None where the bill has no source of it."""
        if isinstance(form, str):
            return self.field(form)
        if isinstance(form, list):
            found = [text for one in form if (text := self.form(one)) is not None]
            if len(found) < 2:
                return found[0] if found else None
            texts = [f"nullif({self._string(text)}, '')" for text in found]
            return f"coalesce({', '.join(texts)})"
        if "value" in form:
            return self.words.text(form["value"])
        if "sum" in form or "difference" in form:
            return self._arithmetic(form)
        if "total" in form:
            return self._total(form["total"], form["field"])
        if "cases" in form:
            return self._cases(form)
        column = self.field(form["column"])
        if column is None:
            return None
        return self._time(column, form) if "time" in form else self._values(column, form)

    def _arithmetic(self, form: Mapping[str, Any]) -> str | None:
        """The first operand must have a value; the others count nothing where they have none."""
        first, *others = form["sum"] if "sum" in form else form["difference"]
        whole = self.form(first)
        if whole is None:
            return None
        sign = "+" if "sum" in form else "-"
        made = self._number(whole)
        for operand in others:
            text = self.form(operand)
            if text is None and isinstance(operand, dict) and "total" in operand:
                raise InputError(
                    f"the bill has no column {operand['total']}, and without it its costs are not what is paid",
                    place=self.place,
                    remedy="Export it with that column, as a list or as JSON text.",
                )
            if text is not None:
                # One that is written and is no number stays a fault.
                made = self.words.plus(made, sign, f"CASE WHEN ({text}) IS NULL THEN 0 ELSE {self._number(text)} END")
        return f"({made})"

    def _total(self, column: str, name: str) -> str | None:
        text = self.field(column)
        if text is None:
            return None
        type_ = self.columns[column.lower()][1]
        return self.words.total(text, name, type_) if type_.endswith("[]") else self.words.total_of_json(text, name)

    def _cases(self, form: Mapping[str, Any]) -> str | None:
        whens = []
        for case in form["cases"]:
            conditions = [self._when(column, wanted) for column, wanted in case["when"].items()]
            if all(condition is not None for condition in conditions):
                then = self._branch(self.form(case["then"]))
                whens.append(f"WHEN {' AND '.join(map(str, conditions))} THEN {then}")
        otherwise = self.form(form["otherwise"]) if "otherwise" in form else None
        if not whens:
            return otherwise
        return f"CASE {' '.join(whens)} ELSE {self._branch(otherwise)} END"

    def _when(self, column: str, wanted: str | list[str]) -> str | None:
        """A condition on a column; None where the bill has no such column, so that it holds for no line."""
        text = self.field(column)
        if text is None:
            return None
        written = f"coalesce({self._string(text)}, '')"
        return f"{written} <> ''" if isinstance(wanted, str) else f"{written} IN ({self._texts(wanted)})"

    def _values(self, column: str, form: Mapping[str, Any]) -> str:
        text = self.words.text
        whens = " ".join(f"WHEN {text(one)} THEN {text(other)}" for one, other in form["values"].items())
        rest = (
            f"CASE WHEN {column} IS NULL THEN NULL ELSE {text(form['otherwise'])} END"
            if "otherwise" in form
            else "NULL"
        )
        return f"CASE {self._string(column)} {whens} ELSE {rest} END"

    def _time(self, column: str, form: Mapping[str, Any]) -> str:
        made = self.words.time(column, form["time"], self.place)
        return f"({made} + INTERVAL 1 {form['plus']})" if "plus" in form else made

    def tags(self, form: Mapping[str, Any]) -> str | None:
        """Tags as JSON text, out of maps, lists of key and value, or JSON text with or without braces."""
        maps = [text for source in form["sources"] if (text := self._map(source)) is not None]
        if not maps:
            return None
        whole = maps[0] if len(maps) == 1 else self.words.joined(maps)
        if "strip" in form or form.get("rename"):
            whole = self.words.with_keys(whole, form.get("strip"), form.get("rename") or {})
        return self.words.map_as_json(whole)

    def tag_texts(self, name: str) -> str:
        """Tags of a FOCUS bill: objects as they are; lists of key and value, and objects without braces, as objects.
        Whatever else a text is stays, to be told."""
        text = self.words.name(name)
        other = f"nullif({self.words.map_as_json(self.words.map_of_json(text))}, '{{}}')"
        lists = f"{text} LIKE '[{{%' OR {text} LIKE '\"%'"
        return f"CASE WHEN {lists} THEN coalesce({other}, {text}) ELSE {text} END"

    def _map(self, source: str) -> str | None:
        text = self.field(source)
        if text is None:
            return None
        name, _, inner = source.partition(".")
        type_ = self.columns.get(source.lower(), self.columns.get(source.replace(".", "_").lower(), ("", "")))[1]
        if not type_:  # a field of a record: its type stands within the record's
            record = self.columns[name.lower()][1]
            found = re.search(rf'[(,]\s*"?{re.escape(inner)}"?\s+(MAP\(|STRUCT\([^()]*\)\[\])', record, re.IGNORECASE)
            type_ = found[1] if found else "VARCHAR"
        if type_.startswith("MAP("):
            return self.words.as_map(text)
        if type_.endswith("[]"):
            return self.words.map_of_pairs(text, type_)
        if type_.startswith("STRUCT("):
            return self.words.map_of_record(text)
        return self.words.map_of_json(text)

    def _string(self, text: str) -> str:
        return f"CAST({text} AS {self.words.string})"

    def _number(self, text: str) -> str:
        return f"TRY_CAST({text} AS {self.words.number})"

    def _branch(self, sql: str | None) -> str:
        """Branches of one type, whatever columns they are of; what a column holds is read from its text."""
        return "NULL" if sql is None else self._string(sql)

    def _texts(self, texts: Iterable[str]) -> str:
        return ", ".join(map(self.words.text, texts))
