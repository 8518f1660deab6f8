"""Column mappings: bills of other formats read as FOCUS, by YAML (``mappings/``) and without code for any of them.

A mapping becomes the select list of an engine over the bill as it is written. Columns that it makes none of are kept
under their own names, for ``columns`` in rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.allocate.bill.focus import COLUMNS, REQUIRED, TAGS, focus_names
from spendgate.allocate.bill.forms import Form, forms_over
from spendgate.allocate.bill.words import DUCKDB, Words
from spendgate.allocate.load import read_plain
from spendgate.errors import InputError, did_you_mean

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
    forms = forms_over(columns, words, mapping.place)
    made: dict[str, str] = {}
    for name, form in mapping.columns.items():
        if mapping.keep and name in columns:
            continue
        text = forms.form(form)
        if text is not None:
            made[name] = text
    if mapping.tags:
        tags = forms.tags(mapping.tags)
        if tags is not None:
            made[TAGS] = tags
    if not forms.read:
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
    forms = forms_over(columns, words, FOCUS)
    other = focus_names(columns)
    made = []
    for name, type_ in columns.items():
        own = other.get(name, name)
        if own == TAGS and type_.endswith("[]"):
            made.append(f"{forms.tags({'sources': [TAGS]})} AS {words.name(TAGS)}")
        elif own == TAGS and type_ == "VARCHAR":
            made.append(f"{forms.tag_texts(name)} AS {words.name(TAGS)}")
        else:
            kept = words.kept(name, type_).removesuffix(f" AS {words.name(name)}")
            made.append(kept if kept == words.name(own) else f"{kept} AS {words.name(own)}")
    return ", ".join(made)
