"""Column mappings: bills of other formats read as FOCUS, by YAML (``mappings/``) and without code for any of them.

A mapping becomes the select list of an engine over the bill as it is written. Columns that it makes none of are kept
under their own names, for ``columns`` in rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.allocate.bill.focus import COLUMNS, REQUIRED, TAGS, focus_names
from spendgate.allocate.bill.words import DUCKDB, Words
from spendgate.allocate.load import read_plain
from spendgate.errors import InputError, did_you_mean

Form = str | list[Any] | dict[str, Any]

FOLDER: Final = Path(__file__).parent / "mappings"
FOCUS: Final = "focus"
"""The word for bills that need no mapping."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping as loaded. ``every`` and ``some`` are the columns by which it is known; ``keep`` leaves alone what the
    bill has by its FOCUS name."""

    name: str
    title: str
    columns: Mapping[str, Form]
    place: str
    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    keep: bool = False
    tags: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, names: Iterable[str]) -> bool:
        """Whether a bill with these columns is of this format."""
        known = {name.lower() for name in names}
        flat = {name.replace(".", "_").lower() for name in known}
        every = all(name.lower() in known | flat for name in self.every)
        return bool(self.every) and every and (not self.some or any(name.lower() in known for name in self.some))


def shipped() -> dict[str, Path]:
    """The mappings that come with spendgate, by name."""
    return {path.name.removesuffix(".yaml"): path for path in sorted(FOLDER.glob("*.yaml"))}


def load_mapping(path: Path) -> ColumnMapping:
    """The mapping of one file. Raises InputError with line and column of every fault."""
    file = read_plain(path)
    schemas.validate(file, "column-mapping")
    data = file.data
    for name in data["columns"]:
        if name not in COLUMNS and not name.startswith("x_"):
            place = file.key_place("columns", name)
            remedy = did_you_mean(name, COLUMNS) or "Columns of your own begin with x_."
            raise InputError(f"{name} is no column of FOCUS", place=place, remedy=remedy)
    detect = data.get("detect", {})
    return ColumnMapping(
        data["metadata"]["name"],
        data["metadata"].get("title", data["metadata"]["name"]),
        data["columns"],
        str(path),
        tuple(detect.get("all", ())),
        tuple(detect.get("any", ())),
        data.get("keep", False),
        data.get("tags", {}),
    )


def find_mapping(asked: str | None, columns: Sequence[str]) -> ColumnMapping | None:
    """The mapping that is asked for by name or file, else the one whose format the columns show; None: it is FOCUS.

    Raises InputError for a name that nothing has.
    """
    if asked == FOCUS:
        return None
    known = shipped()
    if asked is not None:
        if asked in known:
            return load_mapping(known[asked])
        if not Path(asked).exists() and not Path(asked).suffix:
            remedy = did_you_mean(asked, (FOCUS, *known)) or f"Known are {FOCUS}, {', '.join(known)}, or a file."
            raise InputError(f'no column mapping "{asked}"', remedy=remedy)
        return load_mapping(Path(asked))
    low = {name.lower() for name in columns}
    if not _OF_FOCUS - low and not _EXTENDED & low:
        return None
    return next((found for found in _shipped_mappings() if found.fits(columns)), None)


_OF_FOCUS: Final = frozenset(name.lower() for name in ("BilledCost", "EffectiveCost", "ChargeCategory", *REQUIRED))
"""Columns by which a bill is FOCUS 1.0 or later, without a look at the mappings."""

_EXTENDED: Final = frozenset(("x_credits",))
"""But for these, which say that it is FOCUS in a manner of its own: some mapping may be for it."""


@cache
def _shipped_mappings() -> tuple[ColumnMapping, ...]:
    return tuple(load_mapping(path) for path in shipped().values())


def select_list(mapping: ColumnMapping, columns: Mapping[str, str], words: Words = DUCKDB) -> str:
    """What to select of a bill whose ``columns`` have these types, in the words of an engine.

    Raises InputError where the bill has none of the columns that the mapping reads.
    """
    bill = _bill(columns, words, mapping.place)
    made: dict[str, str] = {}
    for name, form in mapping.columns.items():
        if mapping.keep and name in columns:
            continue
        text = bill.form(form)
        if text is not None:
            made[name] = text
    if mapping.tags:
        tags = bill.tags(mapping.tags)
        if tags is not None:
            made[TAGS] = tags
    if not bill.read:
        raise InputError(
            f"the bill has none of the columns that {mapping.name} reads",
            place=mapping.place,
            remedy=f"Its columns: {', '.join(columns)}.",
        )
    low = {name.lower() for name in made}
    kept = [words.kept(name, type_) for name, type_ in columns.items() if name.lower() not in low]
    return ", ".join([*kept, *(f"{text} AS {words.name(name)}" for name, text in made.items())])


def as_it_is(columns: Mapping[str, str], words: Words = DUCKDB) -> str:
    """What to select of a FOCUS bill: all of it, under the names that FOCUS writes, with tags as text of an object
    where they are a list of key and value, or stand without braces."""
    bill = _bill(columns, words, FOCUS)
    other = focus_names(columns)
    made = []
    for name, type_ in columns.items():
        own = other.get(name, name)
        if own == TAGS and type_.endswith("[]"):
            made.append(f"{bill.tags({'sources': [TAGS]})} AS {words.name(TAGS)}")
        elif own == TAGS and type_ == "VARCHAR":
            made.append(f"{bill.tag_texts(name)} AS {words.name(TAGS)}")
        else:
            kept = words.kept(name, type_).removesuffix(f" AS {words.name(name)}")
            made.append(kept if kept == words.name(own) else f"{kept} AS {words.name(own)}")
    return ", ".join(made)


def _bill(columns: Mapping[str, str], words: Words, place: str) -> _Bill:
    return _Bill({name.lower(): (name, type_) for name, type_ in columns.items()}, words, place)


@dataclass(slots=True)
class _Bill:
    """The bill's columns by name in lower case, with their own spelling and type, and those that were read."""

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
