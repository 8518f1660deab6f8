"""The small language in which mapping tables say where a fact comes from; ``mappings/README.md`` describes it.

An expression is compiled once into a function of a ``Scope`` (the resource at hand and what it is joined with).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from spendgate.facts import path as paths
from spendgate.facts.conversions import CONVERSIONS
from spendgate.facts.outcome import ABSENT, Known, Outcome, Unclear, wrong_type
from spendgate.resource import Resource

Expression: TypeAlias = "Callable[[Scope], Outcome]"
Condition: TypeAlias = "Callable[[Scope], bool | Unclear]"
Reader: TypeAlias = "Callable[[Scope], list[Outcome]]"


class Scope(Protocol):
    """What an expression may read."""

    @property
    def resource(self) -> Resource:
        """The resource at hand; for a part, the one that it belongs to."""
        ...

    @property
    def properties(self) -> Any:
        """Where paths start: the properties of the resource, or the element that a part is."""
        ...

    @property
    def trail(self) -> str:
        """The path at which its properties stand: empty, but for an element of a list that is read for itself."""
        ...

    def joined(self, name: str) -> Joined:
        """The resources joined under a name."""
        ...

    def fact(self, name: str) -> Outcome:
        """A fact of the same resource that was derived before (hardware)."""
        ...

    def zone_region(self, zone: str, path: str) -> Outcome:
        """The region of a zone."""
        ...

    def place(self, location: str, path: str) -> Outcome:
        """A region, or the region of a zone."""
        ...

    def family_types(self, name: str, path: str) -> Outcome:
        """The instance types of a family; the name itself where it is none that is known."""
        ...

    def models_named(self, name: str, path: str) -> Outcome:
        """The accelerator models behind an instance type of any cloud, a family of AWS, or a label of a node."""
        ...


@dataclass(frozen=True, slots=True)
class Joined:
    """Resources that a join found; ``open`` says why there may be others."""

    resources: tuple[Resource, ...] = ()
    open: Unclear | None = None


class TableError(ValueError):
    """A mapping table says something that makes no sense."""


PROVIDER: Final = "$provider"
WHOLE: Final = "$whole"


@dataclass(frozen=True, slots=True)
class Read:
    """One property path that a row reads: of the resource itself (``""``), ``$provider`` or a join by name. A part's
    paths are written as they are in the whole."""

    root: str
    path: str


@dataclass
class Compiler:
    """Compiles the expressions of one row; ``reads`` collects every path they name. ``base`` is where ``.x`` starts."""

    base: str = ""
    lets: Mapping[str, Any] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    looks_further: bool = False
    """Whether an expression rests on more than paths: a fact derived before, or whether a join finds anything."""

    def expression(self, spec: Any) -> Expression:
        """A path, a number, a mapping, or a list of candidates of which the first declared one counts."""
        if isinstance(spec, list):
            return _first([self.expression(item) for item in spec])
        if isinstance(spec, str):
            return self._first_at(spec)
        if isinstance(spec, (bool, int, float)):
            return _constant(spec)
        if isinstance(spec, Mapping):
            return self._mapping(dict(spec))
        raise TableError(f"{spec!r} is no expression")

    def _first_at(self, text: str) -> Expression:
        """The first value at a path. Most paths are plain keys of the resource: those have a way of their own."""
        count = len(self.reads)
        slow = _reduced(self.reader(text), "first")
        read = self.reads[count]
        return slow if read.root else _plain(paths.parse(read.path), slow)

    def _mapping(self, spec: dict[str, Any]) -> Expression:
        when = self.condition(spec.pop("when")) if "when" in spec else None
        found = self._operation(spec)
        if spec:
            raise TableError(f"unknown or misplaced: {', '.join(map(str, spec))}")
        return found if when is None else _guarded(when, found)

    def _operation(self, spec: dict[str, Any]) -> Expression:
        if "path" in spec:
            result = self._path(spec)
        elif "first" in spec:
            result = _first([self.expression(item) for item in spec.pop("first")])
            if "as" in spec:
                result = _converted(result, _conversion(spec.pop("as")))
        elif "const" in spec:
            result = _constant(spec.pop("const"))
        elif "default" in spec:
            if not spec.pop("source", None):
                raise TableError("a default names its source")
            result = _constant(spec.pop("default"), default=True)
        elif "unclear" in spec:
            result = _unclear(spec.pop("unclear"))
        elif "use" in spec:
            result = self.expression(self.lets[spec.pop("use")])
        elif "fact" in spec:
            self.looks_further = True
            result = _fact(spec.pop("fact"))
        elif "text" in spec:
            result = _text([self.expression(item) for item in spec.pop("text")])
        elif "joined" in spec:
            self.looks_further = True
            result = _joined([name.removeprefix("@") for name in spec.pop("joined")])
        else:
            for name, operate in _ARITHMETIC.items():
                if name in spec:
                    result = _arithmetic([self.expression(item) for item in spec.pop(name)], operate)
                    break
            else:
                raise TableError(f"no operation among {', '.join(map(str, spec))}")
        if "map" in spec:
            result = _mapped(result, spec.pop("map"), spec.pop("otherwise", None))
        return result

    def _path(self, spec: dict[str, Any]) -> Expression:
        given = spec.pop("path")
        names = spec.pop("as", [])
        conversions = [_conversion(name) for name in ([names] if isinstance(names, str) else names)]
        if isinstance(given, str) and "take" not in spec and "[" not in given:
            found = self._first_at(given)
            for convert in conversions:
                found = _converted(found, convert)
            return found
        reader = self.readers(given if isinstance(given, list) else [given])
        for convert in conversions:
            reader = _each(reader, convert)
        return _reduced(reader, spec.pop("take", "first"))

    def readers(self, texts: Iterable[str]) -> Reader:
        """Several paths read as one list."""
        parts = [self.reader(text) for text in texts]
        return parts[0] if len(parts) == 1 else lambda scope: [found for part in parts for found in part(scope)]

    def reader(self, text: str) -> Reader:
        """All values at a path. ``.x`` starts at the base, ``@join.x`` in a joined resource, ``$provider.x`` there,
        ``$whole.x`` in the resource that a part belongs to."""
        if text.startswith("."):
            text = f"{self.base}{text}" if self.base else text[1:]
        if not text.startswith(("@", "$")):
            self.reads.append(Read("", text))
            segments = paths.parse(text)
            return lambda scope: paths.look(scope.properties, segments, scope.trail)
        root, _, rest = text.partition(".")
        if root == PROVIDER:
            self.reads.append(Read(PROVIDER, rest))
            return _provider_reader(paths.parse(rest))
        if root == WHOLE:
            self.reads.append(Read(WHOLE, rest))
            return _whole_reader(paths.parse(rest))
        self.reads.append(Read(root.removeprefix("@"), rest))
        return _joined_reader(root.removeprefix("@"), paths.parse(rest))

    def condition(self, spec: Any) -> Condition:
        """A condition, or a list of which all must hold."""
        if isinstance(spec, list):
            return _all([self.condition(item) for item in spec])
        spec = dict(spec)
        value = self.expression(spec.pop("of") if "of" in spec else {"path": spec.pop("path")})
        (name, wanted), *rest = spec.items()
        if rest:
            raise TableError(f"unknown in a condition: {', '.join(key for key, _ in rest)}")
        match name:
            case "is":
                return _tests(value, lambda found: same(found, wanted), False)
            case "in":
                return _tests(value, lambda found: any(same(found, item) for item in wanted), None in wanted)
            case "not":
                return _tests(value, lambda found: not same(found, wanted), True)
            case "declared":
                return _tests(value, lambda found: bool(wanted), not wanted)
            case "matches":
                pattern = re.compile(wanted)
                return _tests(value, lambda found: isinstance(found, str) and bool(pattern.search(found)), False)
        raise TableError(f'"{name}" is no test')


def same(found: Any, wanted: Any) -> bool:
    """Whether a declared scalar is the one that a table writes; ``"true"`` is true and 2 is 2.0."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return str(found).lower() == str(wanted).lower()
    return bool(found == wanted)


def _conversion(name: str) -> Callable[[Any, str, Scope], Outcome]:
    if name == "zone_region":
        return lambda value, path, scope: (
            scope.zone_region(value, path) if isinstance(value, str) else wrong_type(path, "a zone", value)
        )
    if name == "place":
        return lambda value, path, scope: (
            scope.place(value, path) if isinstance(value, str) else wrong_type(path, "a region or zone", value)
        )
    if name == "family_types":
        return lambda value, path, scope: (
            scope.family_types(value, path) if isinstance(value, str) else wrong_type(path, "a text", value)
        )
    if name == "models_named":
        return lambda value, path, scope: (
            scope.models_named(value, path) if isinstance(value, str) else wrong_type(path, "a text", value)
        )
    if name not in CONVERSIONS:
        raise TableError(f'"{name}" is no conversion')
    convert = CONVERSIONS[name]
    return lambda value, path, scope: convert(value, path)


def where_declared(expression: Expression, keys: frozenset[str]) -> Expression:
    """As ``expression``, which rests on these properties only: where none of them is there, its answer is always the
    same, and found once. Most resources declare few of the properties that a table knows."""
    answer: list[Outcome] = []

    def evaluate(scope: Scope) -> Outcome:
        properties = scope.properties
        if type(properties) is not dict or not keys.isdisjoint(properties):
            return expression(scope)
        if not answer:
            answer.append(expression(scope))
        return answer[0]

    return evaluate


def read_where_declared(reader: Reader, keys: frozenset[str]) -> Reader:
    """As ``reader``, which finds nothing where none of these properties is there."""

    def read(scope: Scope) -> list[Outcome]:
        properties = scope.properties
        return [] if type(properties) is dict and keys.isdisjoint(properties) else reader(scope)

    return read


def _plain(segments: paths.Segments, slow: Expression) -> Expression:
    """As ``slow``, for keys of plain objects that lead to a scalar or nowhere: no list is made on the way."""
    if not all(isinstance(segment, str) for segment in segments):
        return slow

    def evaluate(scope: Scope) -> Outcome:
        value = scope.properties
        for key in segments:
            if type(value) is not dict:
                return slow(scope)
            value = value.get(key)
            if value is None:
                return ABSENT
        return Known(value, paths.written(scope.trail, segments)) if type(value) in paths.SCALARS else slow(scope)

    return evaluate


def _constant(value: Any, *, default: bool = False) -> Expression:
    known = Known(value, "", default)
    return lambda scope: known


def _unclear(reason: str) -> Expression:
    unclear = Unclear(reason)
    return lambda scope: unclear


def _fact(name: str) -> Expression:
    return lambda scope: scope.fact(name)


def _first(candidates: Sequence[Expression]) -> Expression:
    def evaluate(scope: Scope) -> Outcome:
        for candidate in candidates:
            found = candidate(scope)
            if found is not ABSENT:
                return found
        return ABSENT

    return evaluate


def _guarded(when: Condition, then: Expression) -> Expression:
    def evaluate(scope: Scope) -> Outcome:
        holds = when(scope)
        if isinstance(holds, Unclear):
            return holds
        return then(scope) if holds else ABSENT

    return evaluate


def _tests(value: Expression, test: Callable[[Any], bool], absent: bool) -> Condition:
    def holds(scope: Scope) -> bool | Unclear:
        found = value(scope)
        if isinstance(found, Known):
            return test(found.value)
        return found if isinstance(found, Unclear) else absent

    return holds


def _all(conditions: Sequence[Condition]) -> Condition:
    def holds(scope: Scope) -> bool | Unclear:
        unclear: Unclear | None = None
        for condition in conditions:
            result = condition(scope)
            if result is False:
                return False
            if isinstance(result, Unclear):
                unclear = unclear or result
        return True if unclear is None else unclear

    return holds


def _provider_reader(segments: paths.Segments) -> Reader:
    def read(scope: Scope) -> list[Outcome]:
        provider = scope.resource.provider
        return paths.look(provider.properties, segments, "provider") if provider is not None else []

    return read


def _whole_reader(segments: paths.Segments) -> Reader:
    return lambda scope: paths.look(scope.resource.properties, segments)


def _joined_reader(name: str, segments: paths.Segments) -> Reader:
    def read(scope: Scope) -> list[Outcome]:
        joined = scope.joined(name)
        if not joined.resources and joined.open is None:
            return []
        found = [item for other in joined.resources for item in paths.look(other.properties, segments, other.name)]
        return [*found, joined.open] if joined.open is not None else found

    return read


def _joined(names: Sequence[str]) -> Expression:
    """True when any of the joins has a resource, false when none has."""

    def evaluate(scope: Scope) -> Outcome:
        unclear: Unclear | None = None
        for name in names:
            found = scope.joined(name)
            if found.resources:
                return Known(True)
            unclear = unclear or found.open
        return unclear or Known(False)

    return evaluate


def _text(parts: Sequence[Expression]) -> Expression:
    """Parts written one after the other; absent as soon as one of them is."""

    def evaluate(scope: Scope) -> Outcome:
        written = ""
        path = ""
        for part in parts:
            found = part(scope)
            if not isinstance(found, Known):
                return found
            value = found.value
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                return wrong_type(found.path, "a text", value)
            written += value if isinstance(value, str) else f"{value:g}"
            path = path or found.path
        return Known(written, path)

    return evaluate


def _each(reader: Reader, convert: Callable[[Any, str, Scope], Outcome]) -> Reader:
    def read(scope: Scope) -> list[Outcome]:
        return [
            convert(found.value, found.path, scope) if isinstance(found, Known) else found for found in reader(scope)
        ]

    return read


def _converted(value: Expression, convert: Callable[[Any, str, Scope], Outcome]) -> Expression:
    def evaluate(scope: Scope) -> Outcome:
        found = value(scope)
        return convert(found.value, found.path, scope) if isinstance(found, Known) else found

    return evaluate


def _mapped(value: Expression, table: Mapping[Any, Any], otherwise: Any) -> Expression:
    def evaluate(scope: Scope) -> Outcome:
        found = value(scope)
        if not isinstance(found, Known):
            return found
        for key, meaning in table.items():
            if same(found.value, key):
                return ABSENT if meaning is None else Known(meaning, found.path, found.default)
        if otherwise is not None:
            return Known(otherwise, found.path, found.default)
        if isinstance(found.value, (list, tuple, Mapping)):
            return wrong_type(found.path, "one of " + ", ".join(map(str, table)), found.value)
        return Unclear(f"{found.path}: is none of {', '.join(map(str, table))}")

    return evaluate


def _reduced(reader: Reader, take: str) -> Expression:
    if take not in _REDUCERS:
        raise TableError(f'"{take}" is none of {", ".join(_REDUCERS)}')
    reduce = _REDUCERS[take]

    def evaluate(scope: Scope) -> Outcome:
        read = reader(scope)
        found = [outcome for outcome in read if outcome is not ABSENT] if read else read
        return reduce(found) if found else ABSENT

    return evaluate


def _same(found: Sequence[Outcome]) -> Outcome:
    known = _all_known(found)
    if isinstance(known, Unclear):
        return known
    if all(item.value == known[0].value for item in known):
        return known[0]
    several = ", ".join(dict.fromkeys(str(item.value) for item in known))
    return Unclear(f"{known[0].path}: several stand here: {several}")


def _number(fold: Callable[[list[float]], float]) -> Callable[[Sequence[Outcome]], Outcome]:
    def reduce(found: Sequence[Outcome]) -> Outcome:
        known = _all_known([_as_number(item) for item in found])
        if isinstance(known, Unclear):
            return known
        return Known(fold([item.value for item in known]), known[0].path, any(item.default for item in known))

    return reduce


def _any(found: Sequence[Outcome]) -> Outcome:
    unclear = next((item for item in found if isinstance(item, Unclear)), None)
    if any(isinstance(item, Known) and item.value is True for item in found):
        return Known(True)
    return unclear or Known(False)


def _list(found: Sequence[Outcome]) -> Outcome:
    known = _all_known(found)
    if isinstance(known, Unclear):
        return known
    # A conversion may have made several of one (the actions of a policy).
    values = (item.value if isinstance(item.value, list) else [item.value] for item in known)
    return Known([value for some in values for value in some], known[0].path)


def _distinct(found: Sequence[Outcome]) -> Outcome:
    listed = _list(found)
    return Known(list(dict.fromkeys(listed.value)), listed.path) if isinstance(listed, Known) else listed


def _all_known(found: Sequence[Outcome]) -> list[Known] | Unclear:
    known: list[Known] = []
    for item in found:
        if isinstance(item, Unclear):
            return item
        if isinstance(item, Known):
            known.append(item)
    return known


def _as_number(found: Outcome) -> Outcome:
    if not isinstance(found, Known):
        return found
    read = CONVERSIONS["number"](found.value, found.path)
    return Known(read.value, read.path, found.default) if isinstance(read, Known) else read


_REDUCERS: Final[Mapping[str, Callable[[Sequence[Outcome]], Outcome]]] = {
    "first": lambda found: found[0],
    "same": _same,
    "sum": _number(sum),
    "max": _number(max),
    "min": _number(min),
    "any": _any,
    "list": _list,
    "distinct": _distinct,
}


def _arithmetic(items: Sequence[Expression], operate: Callable[[list[float]], float]) -> Expression:
    """Over numbers; absent as soon as one of them is."""

    def evaluate(scope: Scope) -> Outcome:
        known: list[Known] = []
        for item in items:
            found = _as_number(item(scope))
            if not isinstance(found, Known):
                return found
            known.append(found)
        try:
            result = operate([item.value for item in known])
        except (ZeroDivisionError, OverflowError):
            return Unclear(f"{known[-1].path or known[0].path}: cannot be computed with")
        return Known(result, known[0].path, any(item.default for item in known))

    return evaluate


def _divided(values: list[float]) -> float:
    """The first by the second, rounded up: instances are whole."""
    return float(-(-values[0] // values[1]))


def _share(values: list[float]) -> float:
    """The first as a part of the second."""
    return values[0] / values[1]


def _less(values: list[float]) -> float:
    """The first without the second; nothing is left where that is more."""
    return max(values[0] - values[1], 0.0)


def _product(values: list[float]) -> float:
    result = 1.0
    for value in values:
        result *= value
    return result


_ARITHMETIC: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "sum": sum,
    "product": _product,
    "divided": _divided,
    "share": _share,
    "less": _less,
    "least": min,
    "most": max,
}
