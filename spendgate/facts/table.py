"""Mapping tables: YAML files that say, by type token, what a resource is. They are read by package and on demand."""

from __future__ import annotations

import fnmatch
import functools
import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.facts import path as paths
from spendgate.facts.expression import (
    WHOLE,
    Compiler,
    Condition,
    Expression,
    Read,
    Reader,
    Scope,
    TableError,
    read_where_declared,
    where_declared,
)
from spendgate.facts.hardware import Device
from spendgate.facts.joins import Join
from spendgate.facts.model import ITEM, Kind
from spendgate.facts.outcome import Unclear
from spendgate.facts.parts import ASKED, OF_PARTS, TYPES
from spendgate.facts.tags import Layer, compile_layers
from spendgate.facts.tokens import unversioned
from spendgate.resource import Resource

MAPPINGS: Final = Path(__file__).with_name("mappings")
_FILES: Final = {"azure-native": "azure"}
"""Tables whose name is not that of their package."""

TEXTS: Final = ("instance_type", "storage_class", "role")
LISTS: Final = (
    "zones", "instance_types", "accelerator_models", "replicated_to", "permissions", "images", "machine_tag_keys",
)  # fmt: skip
NUMBERS: Final = (
    "vcpu",
    "memory_gib",
    "spot_share",
    "on_demand_base",
    "max_runtime_hours",
    "idle_shutdown_minutes",
    "retention_days",
    "size_gib",
    "runs_per_month",
    "iops",
    "throughput_mibps",
    "versions_kept",
    "cpu_request",
    "cpu_limit",
    "memory_request_gib",
    "memory_limit_gib",
    "accelerator_limit",
)
FLAGS: Final = ("encrypted", "attached", "versioning", "deletion_protection", "checkpointing", "public")
PLAIN: Final = (*TEXTS, *LISTS, *NUMBERS, *FLAGS, "purchase")
LIFECYCLE: Final = (
    "expiration_days",
    "transition_days",
    "noncurrent_expiration_days",
    "abort_incomplete_upload_days",
)
_ROW_KEYS: Final = {
    *PLAIN, "aliases", "kind", "region", "tags", "default_tags", "inherited_tags", "joins", "let", "shapes", "cases",
    "when", "hardware", "count", "lifecycle", "schedule", "attached_accelerators", "requests", "note", "parts",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CountRow:
    """Expressions for how many; ``unbounded``: without a maximum there is none (else it stays as expected).

    ``adjusted``: an autoscaler brings the expected number into its bounds, where a provider would refuse it.
    """

    min: Expression | None
    expected: Expression | None
    max: Expression | None
    unbounded: bool = False
    adjusted: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """Cron lines that start and stop it; ``by`` is the join that holds them."""

    start: Expression
    stop: Expression
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """Where devices are asked for: in containers, there at ``places`` of which the first that names a device counts;
    or by expressions, by device name. The others say which model the devices are; ``unnamed`` is said where none does;
    without it the model is no matter of what asks, and the machines that it runs on are asked in its place.
    """

    containers: Reader | None
    init_containers: Reader | None
    places: tuple[paths.Segments, ...]
    units: Mapping[str, Expression]
    products: Expression
    instance_types: Expression
    shared_by: Expression
    unnamed: str


@dataclass(frozen=True, slots=True)
class FactRow:
    """The facts of a type, or of one case of it. ``hardware``: whether instance types are looked up."""

    kind: Kind
    plain: Mapping[str, Expression] = field(default_factory=dict)
    hardware: bool = True
    count: CountRow | None = None
    lifecycle: Mapping[str, Expression] | None = None
    schedule: ScheduleRow | None = None
    attached_kinds: Expression | None = None
    attached_counts: Expression | None = None
    requests: RequestRow | None = None
    parts: tuple[PartRow, ...] = ()

    @property
    def gives(self) -> tuple[str, ...]:
        """The facts that this row can give, other than kind, region and tags."""
        of_hardware = ("accelerator", "accelerator_models", "vcpu", "memory_gib")
        has_hardware = self.hardware and (
            "instance_type" in self.plain or self.attached_kinds is not None or self.requests is not None
        )
        return (
            *self.plain,
            *(of_hardware if has_hardware else ()),
            *((*TYPES, *OF_PARTS) if any(not part.billed_as for part in self.parts) else ()),
            *(
                fact
                for fact in ("zones", *ASKED)
                if any(fact in part.facts.plain and not part.billed_as for part in self.parts)
            ),
            *(name for name in ("count", "lifecycle", "schedule") if getattr(self, name) is not None),
        )


@dataclass(frozen=True, slots=True)
class PartRow:
    """What a resource consists of: a list or an object in it, of which every element is derived for itself; or, without
    ``of``, the resource itself.

    ``label`` names an element that cannot be read. ``times`` multiplies the counts, ``billed_as`` is another type with
    the same price, or ``item:`` where ``item`` names what the catalogue lists it as.
    """

    of: Reader | None
    facts: FactRow
    label: str
    name: Expression | None = None
    when: Condition | None = None
    times: Expression | None = None
    billed_as: str = ""
    item: Expression | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One resource type. ``cases`` are tried in order; the last one has no condition.

    ``rests_on`` are the properties that anything but the tags is read from; None where that is not told. ``joined``
    are the types on the other side of the joins.
    """

    types: tuple[str, ...]
    provider: str
    cases: tuple[tuple[Condition | None, FactRow], ...]
    region: Expression | None = None
    no_region: str = ""
    tags: tuple[Layer, ...] | None = None
    inherited: Join | None = None
    joins: Mapping[str, Join] = field(default_factory=dict)
    reads: tuple[Read, ...] = ()
    join_reads: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    rests_on: frozenset[str] | None = None
    joined: frozenset[str] = frozenset()


class Mappings:
    """All mapping tables. ``row`` gives the row of a type token, or None for a type that no table knows."""

    def __init__(self, directory: Path = MAPPINGS) -> None:
        self.directory = directory
        self._packages: dict[str, Package | None] = {}
        self._devices: Mapping[str, Device] | None = None

    def row(self, token: str) -> Row | None:
        """The row of a type. Raises InputError with the file for a table that makes no sense."""
        token = unversioned(token)
        package = self.package(token.split(":", 1)[0])
        return package.row(token) if package is not None else None

    def package(self, name: str) -> Package | None:
        """The table of a package (``aws``), or None."""
        if name not in self._packages:
            file = self.directory / f"{_FILES.get(name, name)}.yaml"
            known = (name in _FILES or name.isidentifier()) and file.is_file()
            self._packages[name] = Package(file, read_table(file)) if known else None
        return self._packages[name]

    def data_names(self, token: str) -> tuple[paths.Segments, ...] | None:
        """Where a type that holds data (a bucket, a file system) has its name; None for any other type."""
        token = unversioned(token)
        package = self.package(token.split(":", 1)[0])
        return package.data_names.get(token) if package is not None else None

    def leads_to_data(self, token: str) -> bool:
        """Whether a type is a part of what holds data, or a way to it (an object, a mount target)."""
        token = unversioned(token)
        package = self.package(token.split(":", 1)[0])
        return package is not None and token in package.ways_to_data

    @property
    def devices(self) -> Mapping[str, Device]:
        """Resource names that stand for accelerators, by name (``nvidia.com/gpu``)."""
        if self._devices is None:
            table = read_table(self.directory / "devices.yaml")
            self._devices = {
                name: Device(group["vendor"], float(each), group.get("product", ""), group.get("kind", "gpu"))
                for group in table["devices"]
                for name, each in group["names"].items()
            }
        return self._devices


@functools.cache
def load_mappings() -> Mappings:
    """The tables that come with spendgate. A package's table is read when its first resource is seen."""
    return Mappings()


def read_table(file: Path) -> Mapping[str, Any]:
    """A YAML table. libyaml's parser reads it where there is one (PyYAML, which Pulumi needs): 20 times faster."""
    text = file.read_text(encoding="utf-8")
    try:
        yaml: Any = importlib.import_module("yaml")
        table = yaml.load(text, yaml.CSafeLoader)
    except (ImportError, AttributeError):
        from ruamel.yaml import YAML

        table = YAML(typ="safe", pure=True).load(text)
    if not isinstance(table, dict):
        raise InputError("a mapping table is an object", place=str(file))
    return table


class Package:
    """The rows of one package, compiled when first asked for."""

    def __init__(self, file: Path, table: Mapping[str, Any]) -> None:
        self.file = file
        self.table = table
        self._rows: dict[str, Row | None] = {}
        self._specs: dict[str, str] = {}
        data = table.get("data", {})
        self.data_names: dict[str, tuple[paths.Segments, ...]] = {
            token: tuple(map(paths.parse, named)) for token, named in data.get("holds", {}).items()
        }
        self.ways_to_data = frozenset(data.get("ways", ()))
        for token, spec in table["types"].items():
            for name in (token, *spec.get("aliases", ())):
                if name in self._specs:
                    raise InputError(f'the type "{name}" stands twice', place=str(file))
                self._specs[name] = token

    def tokens(self) -> tuple[str, ...]:
        """All type tokens that have a row of their own, aliases included."""
        return tuple(self._specs)

    def free_patterns(self) -> tuple[tuple[str, Kind], ...]:
        """Patterns of types that are known to cost nothing, with their kind."""
        return tuple(
            (pattern, Kind(group["kind"])) for group in self.table.get("free", ()) for pattern in group["types"]
        )

    def row(self, token: str) -> Row | None:
        """The row of a type token; a free type has a kind and nothing else."""
        if token not in self._rows:
            own = self._specs.get(token)
            if own is not None:
                row = self._compile(own)
                self._rows |= dict.fromkeys(row.types, row)
            else:
                kind = self._free(token)
                bare = Row((token,), self.table["provider"], ((None, FactRow(kind)),)) if kind is not None else None
                self._rows[token] = bare
        return self._rows[token]

    def _free(self, token: str) -> Kind | None:
        for matches, kind in self._free_matchers:
            if matches(token):
                return kind
        return None

    @functools.cached_property
    def _free_matchers(self) -> list[tuple[Callable[[str], object], Kind]]:
        return [(re.compile(fnmatch.translate(pattern)).match, kind) for pattern, kind in self.free_patterns()]

    def _compile(self, token: str) -> Row:
        spec = self.table["types"][token]
        try:
            return _RowCompiler(token, spec, self.table).row()
        except (TableError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{token}: {error}", place=str(self.file)) from error


class _RowCompiler:
    def __init__(self, token: str, spec: Mapping[str, Any], table: Mapping[str, Any]) -> None:
        self.token = token
        self.table = table
        self.spec = spec
        self.reads: list[Read] = []
        self.in_element = False
        self.joins: dict[str, Join] = {}
        self.join_reads: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {}

    def row(self) -> Row:
        spec, table = self.spec, self.table
        for name, join in spec.get("joins", {}).items():
            self.joins[name] = self._join(name, dict(join))
        compiler = self._compiler(spec)
        region = spec.get("region", "default")
        if isinstance(region, str):
            region = table["regions"][region] if "regions" in table else None
        tags, of_tags = None, Compiler(compiler.base)
        if "tags" in spec:
            layers = spec["tags"] if isinstance(spec["tags"], list) else [spec["tags"]]
            defaults = [table["default_tags"]] if spec.get("default_tags", True) and "default_tags" in table else []
            tags = compile_layers([*defaults, *layers], of_tags)
        inherited = None
        if tags is not None and "inherited_tags" in table and spec.get("inherited_tags", True):
            inherited = self._inherited(table["inherited_tags"])
            of_tags.reads += [Read("", text) for text in table["inherited_tags"]["by"]]
        cases = spec.get("cases", [{}])
        apart = ("cases", "aliases", "tags", "inherited_tags", "region", "joins")
        shared = {key: value for key, value in spec.items() if key not in apart}
        return Row(
            types=(self.token, *spec.get("aliases", ())),
            provider=table["provider"],
            cases=tuple(self._case({**shared, **case}) for case in cases),
            region=compiler.expression(region) if region is not None else None,
            no_region=table.get("no_region", ""),
            tags=tags,
            inherited=inherited,
            joins=self.joins,
            reads=(*of_tags.reads, *self.reads),
            join_reads=self.join_reads,
            rests_on=_own(self.reads),
            joined=frozenset(type_ for join in self.joins.values() for type_ in join.types),
        )

    def _inherited(self, spec: Mapping[str, Any]) -> Join:
        by, named = (tuple(map(paths.parse, spec[key])) for key in ("by", "named"))
        return Join(tuple(spec["to"]), by, named, outside_is_absent=True)

    def _compiler(self, spec: Mapping[str, Any], base: str = "") -> Compiler:
        return Compiler(base, spec.get("let", {}), self.reads)

    def _join(self, name: str, spec: dict[str, Any]) -> Join:
        backward = "from" in spec
        types = tuple(spec.pop("from" if backward else "to"))
        by, named = tuple(spec.pop("by")), tuple(spec.pop("named", ()))
        reads: list[Read] = []
        applies = Compiler("", {}, reads).condition(spec.pop("when")) if "when" in spec else None
        outside = spec.pop("outside", None)
        implied, via = bool(spec.pop("implied", False)), spec.pop("via", "").removeprefix("@")
        inside = bool(spec.pop("inside", False))
        if spec or outside not in (None, "absent"):
            raise TableError(f"unknown in a join: {', '.join(spec) or outside}")
        theirs = tuple(read.path for read in reads)
        self.join_reads[name] = (types, by if backward else named, theirs)
        for text in named if backward else by:
            self.reads.append(Read(via, text))
        return Join(
            types,
            tuple(map(paths.parse, by)),
            tuple(map(paths.parse, named)),
            backward,
            outside == "absent",
            None if applies is None else _applies(applies),
            implied,
            via,
            inside,
        )

    def _case(self, spec: dict[str, Any]) -> tuple[Condition | None, FactRow]:
        unknown = set(spec) - _ROW_KEYS
        if unknown:
            raise TableError(f"unknown key: {', '.join(sorted(unknown))}")
        when = self._compiler(spec).condition(spec["when"]) if "when" in spec else None
        merged: dict[str, tuple[Any, Compiler]] = {}
        for name, base in spec.get("shapes", {}).items():
            shape = self.table["shapes"][name]
            compiler = self._compiler(shape, base)
            merged |= {key: (value, compiler) for key, value in shape.items() if key != "let"}
        own = self._compiler(spec)
        merged |= {key: (value, own) for key, value in spec.items()}
        attached = self._attached(merged)
        return when, FactRow(
            kind=Kind(spec["kind"]),
            plain={key: self._fact(value, compiler) for key, (value, compiler) in merged.items() if key in PLAIN},
            hardware=spec.get("hardware", True),
            count=self._with(merged, "count", lambda value, compiler: _count(value, compiler, self._fact)),
            lifecycle=self._with(merged, "lifecycle", lambda value, compiler: _lifecycle(value, compiler, self._fact)),
            schedule=self._with(merged, "schedule", _schedule),
            attached_kinds=attached[0],
            attached_counts=attached[1],
            requests=self._with(merged, "requests", _requests),
            parts=tuple(self._part({"kind": spec["kind"], **part}, own) for part in spec.get("parts", ())),
        )

    def _fact(self, spec: Any, compiler: Compiler) -> Expression:
        """An expression that is not evaluated where nothing that it reads is declared."""
        start, compiler.looks_further = len(self.reads), False
        expression = compiler.expression(spec)
        keys = None if compiler.looks_further else self._keys(self.reads[start:])
        return expression if keys is None else where_declared(expression, keys)

    def _keys(self, reads: Iterable[Read]) -> frozenset[str] | None:
        """The properties that paths start at, with those by which joins go; None where they may find something else."""
        keys: set[str] = set()
        for read in reads:
            join = self.joins.get(read.root)
            if read.root and (join is None or join.backward or join.via or self.in_element):
                return None
            found = [paths.parse(read.path)] if join is None else join.by
            if not all(isinstance(segments[0], str) for segments in found):
                return None
            keys |= {str(segments[0]) for segments in found}
        return frozenset(keys)

    def _part(self, spec: dict[str, Any], outer: Compiler) -> PartRow:
        """A part's paths start at its element, and are noted as they are in the whole."""
        given = spec.pop("of", None)
        of = [given] if isinstance(given, str) else given
        times = outer.expression(spec.pop("times")) if "times" in spec else None
        name, billed_as, label = spec.pop("name", None), spec.pop("billed_as", ""), spec.pop("label", "")
        item = spec.pop("item", None)
        billed_as = billed_as or (ITEM if item is not None else "")
        start = len(self.reads)
        elements = outer.readers(of) if of is not None else None
        keys = self._keys(self.reads[start:])
        reads, self.reads, self.in_element = self.reads, [], of is not None
        when, facts = self._case({"let": self.spec.get("let", {}), "hardware": not billed_as, **spec})
        named = self._compiler(spec).expression(name) if name is not None else None
        listed = (
            self._compiler({"let": self.spec.get("let", {}), **spec}).expression(item) if item is not None else None
        )
        inside, self.reads, self.in_element = self.reads, reads, False
        for read in inside:
            if read.root == WHOLE or (of is None and not read.root):
                self.reads.append(Read("", read.path))
            else:
                self.reads += [read] if read.root else [_within(path, read.path) for path in of or ()]
        return PartRow(
            of=read_where_declared(elements, keys) if elements is not None and keys is not None else elements,
            facts=facts,
            label=label or (of[0] if of else "fee" if item is not None else "disk" if billed_as else "machines"),
            name=named,
            when=when,
            times=times,
            billed_as=billed_as,
            item=listed,
        )

    def _with(self, merged: Mapping[str, tuple[Any, Compiler]], key: str, build: Callable[[Any, Compiler], Any]) -> Any:
        return build(*merged[key]) if key in merged else None

    def _attached(self, merged: Mapping[str, tuple[Any, Compiler]]) -> tuple[Expression | None, Expression | None]:
        if "attached_accelerators" not in merged:
            return None, None
        spec, compiler = merged["attached_accelerators"]
        return compiler.expression(spec["types"]), compiler.expression(spec["counts"])


def _own(reads: Iterable[Read]) -> frozenset[str] | None:
    """The resource's own properties among what is read; None where a path does not start at one."""
    starts = [paths.parse(read.path)[0] for read in reads if read.root in ("", WHOLE)]
    return frozenset(map(str, starts)) if all(isinstance(start, str) for start in starts) else None


def _requests(spec: Mapping[str, Any], compiler: Compiler) -> RequestRow:
    places = tuple(spec.get("places", ()))

    def containers(key: str) -> Reader | None:
        if key not in spec:
            return None
        found = [spec[key]] if isinstance(spec[key], str) else spec[key]
        for path in found:
            for place in places:
                compiler.reader(f"{path}.{place}")  # so that it is among the paths read
        return compiler.readers(found)

    return RequestRow(
        containers=containers("containers"),
        init_containers=containers("init_containers"),
        places=tuple(map(paths.parse, places)),
        units={name: compiler.expression(value) for name, value in spec.get("units", {}).items()},
        products=compiler.expression(spec.get("products", [])),
        instance_types=compiler.expression(spec.get("instance_types", [])),
        shared_by=compiler.expression(spec.get("shared_by", [])),
        unnamed=spec.get("unnamed", ""),
    )


def _count(spec: Any, compiler: Compiler, fact: Callable[[Any, Compiler], Expression]) -> CountRow:
    if not isinstance(spec, dict) or not set(spec) <= {"min", "expected", "max", "unbounded", "adjusted"}:
        return CountRow(None, fact(spec, compiler), None)
    parts = {name: fact(spec[name], compiler) if name in spec else None for name in ("min", "expected", "max")}
    return CountRow(
        parts["min"],
        parts["expected"],
        parts["max"],
        unbounded=bool(spec.get("unbounded", False)),
        adjusted=bool(spec.get("adjusted", False)),
    )


def _lifecycle(
    spec: Mapping[str, Any], compiler: Compiler, fact: Callable[[Any, Compiler], Expression]
) -> Mapping[str, Expression]:
    if unknown := set(spec) - set(LIFECYCLE):
        raise TableError(f"unknown in a lifecycle: {', '.join(unknown)}")
    return {name: fact(value, compiler) for name, value in spec.items()}


def _schedule(spec: Mapping[str, Any], compiler: Compiler) -> ScheduleRow:
    return ScheduleRow(compiler.expression(spec["start"]), compiler.expression(spec["stop"]), tuple(spec["by"]))


def _within(element: str, path: str) -> Read:
    """A path inside an element, as it is in the resource that the element stands in."""
    if element.startswith("@"):
        root, _, rest = element.partition(".")
        return Read(root.removeprefix("@"), f"{rest}.{path}")
    return Read("", f"{element}.{path}")


class _Alone:
    """A resource looked at for itself: what a join's own condition may read."""

    trail = ""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.properties = resource.properties

    def __getattr__(self, name: str) -> Any:
        raise TableError(f"a join's condition cannot read {name}")


def _applies(condition: Condition) -> Callable[[Resource], bool | Unclear]:
    def applies(resource: Resource) -> bool | Unclear:
        scope: Any = _Alone(resource)
        checked: Scope = scope
        return condition(checked)

    return applies
