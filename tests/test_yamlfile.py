"""YAML with places: two parsers, one reading."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from spendgate import yamlfile
from spendgate.errors import InputError
from spendgate.yamlfile import YamlFile, parse_yaml, read_yaml

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path for room in ("policies", "packs", "examples", "spendgate") for path in (ROOT / room).rglob("*.yaml")
)
TAGS = {"!unknown": lambda value: ("unknown", value), "!secret": lambda value: ("secret", value)}

SCALARS = """\
a: no
b: 012
c: 1_000
d: 2026-01-01
e: ~
f: 0o14
g: 1e3
h: !unknown
i: "x"
j: !!str 3
k: .inf
l: 12:30:00
m: &a {p: 1}
n: *a
o: |
  text
p: >-
  two
  lines
<<: 3
"""


def both(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[YamlFile, YamlFile]:
    fast = parse_yaml(text, "file.yaml", TAGS)
    monkeypatch.setattr(yamlfile, "_is_ordinary", lambda text: False)
    return fast, parse_yaml(text, "file.yaml", TAGS)


@pytest.mark.parametrize("text", [SCALARS, *(path.read_text("utf-8") for path in FILES)], ids=lambda text: text[:40])
def test_both_parsers_read_the_same_at_the_same_places(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, careful = both(text, monkeypatch)
    assert fast.data == careful.data
    assert (fast._places, fast._key_places) == (careful._places, careful._key_places)


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "- " * 50_000, "a: [1, 2", "a: b: c", "a: 1\na: 2"])
def test_what_does_not_parse_or_is_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_yaml(text, "file.yaml")


def test_a_pipe_is_read_to_its_end_and_one_that_nobody_writes_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "waivers.yaml"
    os.mkfifo(pipe)
    long = "a: " + "x" * 200_000  # more than a pipe holds: it comes in parts
    writer = threading.Thread(target=pipe.write_text, args=(long,))
    writer.start()
    assert read_yaml(pipe).data == {"a": "x" * 200_000}
    writer.join()
    monkeypatch.setattr(yamlfile, "PIPE_SECONDS", 0.01)
    with pytest.raises(InputError, match="is a pipe or device, and nothing came from it"):
        read_yaml(pipe)


@pytest.mark.parametrize("text", ['a: "x\\uD800"\n', '"x\\uD800": a\n', 'a: ["\\uDFFF"]\n'])
def test_half_of_a_character_is_told_with_its_place(text: str) -> None:
    with pytest.raises(InputError, match=r"given\.yaml:1:\d+: \\uD[8F][0F][0F] is half of a character"):
        parse_yaml(text, "given.yaml")
    assert parse_yaml('a: "\\U0001F600 é 東"\n', "given.yaml").data == {"a": "😀 é 東"}
