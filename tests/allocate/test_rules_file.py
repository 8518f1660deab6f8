"""A rule says nothing that nobody hears: what its layer or its split does not use is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.allocate.load import load_rules
from spendgate.errors import InputError

HEAD = """apiVersion: spendgate.dev/v1
kind: AllocationRules
metadata: {name: t}
drivers: {hours: {unit: h, value: row.h}}
rules:
  - name: r
    match: 'true'
"""


@pytest.mark.parametrize(
    ("rule", "line", "message"),
    [
        ("layer: direct\nowner: {team: tags.team}\ndriver: hours", 10, "driver is for proportional rules"),
        ("layer: direct\nowner: {team: tags.team}\nplatform: {team: p}", 10, "platform is for proportional and fixed"),
        ("layer: fixed\nsplit: central\nplatform: {team: p}\nwindow: day", 11, "window is for proportional rules"),
        ("layer: proportional\npool: tags.p\ndriver: hours\nowner: {team: tags.team}", 11, "owner is for override and"),
        ("layer: proportional\npool: tags.p\ndriver: hours\nshares: [{team: a}]", 11, "shares is for fixed rules"),
        ("layer: fixed\nsplit: central\nshares: [{team: a}]", 10, "paid centrally: shares say nothing"),
        ("layer: fixed\nsplit: equal\nplatform: {team: a}", 6, "is split equal and lacks shares"),
        ("layer: fixed\nsplit: heads\nshares: [{team: a, heads: 1}]\nplatform: {team: a}", 11, "nothing is left"),
        ("layer: fixed\nsplit: equal\nshares:\n  - {team: a, heads: 3}", 11, "heads says nothing"),
        ("layer: direct\nowner: {team: tags.team}\ndispute: d", 10, "dispute is for override rules"),
        ("layer: fixed\nsplit: percent\nshares:\n  - {percent: 100}", 11, "has a share without an owner"),
        ("layer: fixed\nsplit: heads\nshares:\n  - {team: a, heads: .inf}", 11, "inf is no number"),
        ("layer: fixed\nsplit: percent\nshares:\n  - {team: a, percent: .nan}", 11, "nan is no number"),
        ("layer: proportional\npool: tags.p\ndriver: hours\nminimumShare: .nan", 11, "minimum share is no number"),
    ],
)
def test_words_that_a_rule_does_not_use_are_refused(tmp_path: Path, rule: str, line: int, message: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(HEAD + "".join(f"    {text}\n" for text in rule.splitlines()), encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_rules(file)
    assert caught.value.place is not None
    assert caught.value.place.line == line
