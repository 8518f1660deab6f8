"""YAML files with places: every value can tell the line and column it stands at."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from select import select
from typing import Any

from spendgate.errors import InputError, Place

MAX_BYTES = 4 * 1024 * 1024
"""A configuration file beyond this size is a mistake or an attack; it is refused, not read."""

PIPE_SECONDS = 10.0
"""How long a pipe may be silent: one that nobody writes to is told, not waited for."""

MAX_NODES = 200_000
"""Nodes after aliases are followed: what a "billion laughs" file exceeds long before memory does."""

Path_ = tuple[str | int, ...]
Tags = Mapping[str, Callable[[Any], Any]]
"""Local tags (``!unknown``) and what each makes of the plain value it stands at."""


_CORE = {"mapping": "map", "sequence": "seq", "scalar": "str"}
_NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"


class YamlFile:
    """A parsed YAML document with the place of every node. ``data`` is plain Python data (dict, list, scalars)."""

    def __init__(self, path: str, data: Any, places: Mapping[Path_, Place], key_places: Mapping[Path_, Place]) -> None:
        self.path = path
        self.data = data
        self._places = places
        self._key_places = key_places

    def place(self, *path: str | int) -> Place:
        """Where the value at ``path`` stands; the nearest enclosing value when there is none."""
        return self._nearest(self._places, path)

    def key_place(self, *path: str | int) -> Place:
        """Where the key that holds the value at ``path`` stands."""
        return self._key_places.get(tuple(path)) or self.place(*path)

    def _nearest(self, places: Mapping[Path_, Place], path: Sequence[str | int]) -> Place:
        for length in range(len(path), -1, -1):
            if found := places.get(tuple(path[:length])):
                return found
        return Place(self.path)


def read_yaml(path: Path, *, shown_as: str | None = None, tags: Tags | None = None) -> YamlFile:
    """Read one YAML document.

    Raises InputError with file, line and column when it does not parse, holds several documents, repeats a key,
    is too large, or expands without end.
    """
    name = shown_as or str(path)
    try:
        # What it holds may have no end, or never come: a link can lead to a device, or to a pipe.
        with open(path, "rb", opener=_without_waiting) as file:
            content = b"".join(_chunks(file.fileno(), name))
            size = max(os.fstat(file.fileno()).st_size, len(content))
        if size > MAX_BYTES:
            told = f"has {size:,} bytes" if size > len(content) else "does not end"
            raise InputError(f"the file {told}; at most {MAX_BYTES:,} are read", place=name, remedy="Split it up.")
        text = content.decode("utf-8")
    except IsADirectoryError:
        raise InputError("is a folder; a file is wanted here", place=name, remedy=_files_of(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=name) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", place=name) from None
    return parse_yaml(text, name, tags)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _chunks(descriptor: int, name: str) -> Iterator[bytes]:
    """What a file holds, at most one byte more than is allowed; of a pipe, what comes before it falls silent."""
    waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    left = MAX_BYTES + 1
    while left:
        if waits and not select([descriptor], [], [], PIPE_SECONDS)[0]:
            raise InputError(f"is a pipe or device, and nothing came from it in {PIPE_SECONDS:.0f} s", place=name)
        if not (chunk := os.read(descriptor, left)):
            return
        left -= len(chunk)
        yield chunk


def _files_of(folder: Path) -> str | None:
    """The YAML files of a folder that stands where a file is wanted."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file())
    return f"In it are {', '.join(names[:5])}{', …' if len(names) > 5 else ''}." if names else None


def parse_yaml(text: str, name: str, tags: Tags | None = None) -> YamlFile:
    """As ``read_yaml``, from a text; ``name`` is the file name shown in errors."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        node = _compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise InputError(f"YAML does not parse: {problem}", place=place, detail=_caret(text, place)) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"YAML does not parse: {str(error).splitlines()[0]}", place=name) from None
    return _Builder(name, tags or {}).build(node)


def _compose(text: str) -> Any:
    """The node tree: by libyaml, thirty times faster, where that is installed and the text is an ordinary one."""
    from ruamel.yaml import YAML

    if _is_ordinary(text) and (loader := _fast_loader()) is not None:
        import yaml  # type: ignore[import-untyped]

        try:
            return yaml.compose(text, Loader=loader)
        except yaml.YAMLError:
            pass  # the other parser words the error, or reads what YAML 1.2 allows and libyaml does not
    return YAML(typ="safe", pure=True).compose(text)


def _is_ordinary(text: str) -> bool:
    """Whether the text cannot be nested so deeply that a parser in C overflows its stack: each level of it takes a
    column, or a bracket that its own line does not close."""
    lines = text.splitlines()
    return all(len(line) < 1000 for line in lines) and sum(map(_left_open, lines)) < 1000


def _left_open(line: str) -> int:
    """At most how many brackets a line leaves open. Where it may quote, comment or tag, all of them: a closing bracket
    may stand for itself there, which elsewhere in brackets none does."""
    opening = line.count("[") + line.count("{")
    if not opening or any(mark in line for mark in "\"'#!%"):
        return opening
    depth = 0
    for character in line:
        if character in "[{":
            depth += 1
        elif character in "]}" and depth:
            depth -= 1
    return depth


@lru_cache(maxsize=1)
def _fast_loader() -> Any:
    """libyaml's parser with ruamel's reading of scalars (YAML 1.2: ``no`` is a text); None where it is missing."""
    try:
        from yaml.cyaml import CParser  # type: ignore[import-untyped]
    except ImportError:
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    kinds = {"ScalarNode": ScalarNode, "SequenceNode": SequenceNode, "MappingNode": MappingNode}
    resolver = YAML(typ="safe", pure=True).resolver

    @lru_cache(maxsize=4096)
    def resolved(kind: str, value: Any, implicit: Any) -> str:
        return str(resolver.resolve(kinds[kind], value, implicit))

    class Loader(CParser):  # type: ignore[misc]  # without type hints
        def __init__(self, stream: Any) -> None:
            CParser.__init__(self, stream)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            return resolved(kind.__name__, value, implicit)

        def descend_resolver(self, parent: Any, index: Any) -> None:
            """No paths are resolved."""

        ascend_resolver = dispose = lambda self: None

    return Loader


def _caret(text: str, place: Place) -> str | None:
    lines = text.splitlines()
    if place.line is None or place.column is None or place.line > len(lines):
        return None
    return f"  {lines[place.line - 1]}\n  {' ' * (place.column - 1)}^"


def _refuse_halves(text: str, place: Place) -> None:
    """Raise InputError for half of a character (``"\\uD800"``): no file and no signature can hold it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04X}"
        raise InputError(f"{half} is half of a character", place=place, remedy="Write the character itself.") from None


class _Builder:
    """Turns ruamel's node tree into plain data and places in one pass."""

    def __init__(self, name: str, tags: Tags) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.nodes import ScalarNode
        from ruamel.yaml.tag import Tag

        self.scalar, self.tag = ScalarNode, Tag
        self.name = name
        self.tags = tags
        self.places: dict[Path_, Place] = {}
        self.key_places: dict[Path_, Place] = {}
        self.nodes = 0
        self.constructor = YAML(typ="safe", pure=True).constructor

    def build(self, node: Any) -> YamlFile:
        data = None if node is None else self._value(node, ())
        return YamlFile(self.name, data, self.places, self.key_places)

    def _value(self, node: Any, path: Path_) -> Any:
        self.nodes += 1
        place = Place(self.name, node.start_mark.line + 1, node.start_mark.column + 1)
        if self.nodes > MAX_NODES or len(path) > 100:
            raise InputError("YAML expands without end (aliases or nesting)", place=place)
        self.places[path] = place
        if (tag := str(node.tag)) in self.tags:
            node.tag = f"tag:yaml.org,2002:{_CORE[node.id]}" if node.id != "scalar" or node.value else _NULL
            return self.tags[tag](self._plain(node, path, place))
        return self._plain(node, path, place)

    def _plain(self, node: Any, path: Path_, place: Place) -> Any:
        if node.id == "mapping":
            return self._mapping(node, path)
        if node.id == "sequence":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if not node.value.isascii():
            _refuse_halves(node.value, place)
        if (tag := str(node.tag)) == _TEXT:
            return node.value
        try:
            return self.constructor.construct_object(self.scalar(tag=self.tag(suffix=tag), value=node.value))
        except Exception as error:
            raise InputError(f"YAML value is not understood: {str(error).splitlines()[0]}", place=place) from None

    def _mapping(self, node: Any, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = Place(self.name, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key_node.id != "scalar":
                raise InputError("a key is plain text", place=place)
            key = str(key_node.value)
            _refuse_halves(key, place)
            if key in result:
                raise InputError(f'the key "{key}" stands twice', place=place, remedy="Keep one of them.")
            self.key_places[(*path, key)] = place
            result[key] = self._value(value_node, (*path, key))
        return result
