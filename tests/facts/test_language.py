"""The language of mapping tables: paths, conversions, cron lines, and what a broken table gets."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.facts import cron
from spendgate.facts.conversions import CONVERSIONS
from spendgate.facts.outcome import ABSENT, Known, Unclear
from spendgate.facts.path import look, parse
from spendgate.facts.table import Mappings, load_mappings
from spendgate.resource import UNKNOWN, Secret


def values(properties: Any, path: str) -> list[Any]:
    """Values at a path; a reason in words where one is unclear."""
    found = look(properties, parse(path))
    return [one.value if isinstance(one, Known) else one.reason for one in found if isinstance(one, (Known, Unclear))]


@pytest.mark.parametrize(
    ("path", "properties", "expected"),
    [
        ("a.b", {"a": {"b": 1}}, [1]),
        ("a.b", {"a": None}, []),
        ("a.b", {"a": [{"b": 1}]}, [1]),
        ("a.b", {"a": []}, []),
        ("a.b", {"a": [{"b": 1}, {"b": 2}]}, ["a: expected an object, found a list"]),
        ("a.b", {"a": "text"}, ["a: expected an object, found a text"]),
        ("a.b", {"a": UNKNOWN}, ["a: known only after apply"]),
        ("a.b", {"a": Secret({"b": Secret(1)})}, ["a.b: secret"]),
        ("a.c", {"a": Secret({"b": 1})}, []),
        ("a[0]", {"a": [1, 2]}, [1]),
        ("a[2]", {"a": [1, 2]}, []),
        ("a[*].b", {"a": [{"b": 1}, {}, {"b": UNKNOWN}]}, [1, "a[2].b: known only after apply"]),
        ("a[*]", {"a": "x"}, ["x"]),
        ('a["x.y/z"]', {"a": {"x.y/z": 1}}, [1]),
        ('a["x.y/z"].b', {"a": {"x.y/z": UNKNOWN}}, ['a["x.y/z"]: known only after apply']),
        ("a[k=on].v", {"a": [{"k": "on", "v": 1}, {"k": "off", "v": 2}, {"v": 3}]}, [1]),
        ("a[k!=on].v", {"a": [{"k": "on", "v": 1}, {"k": "off", "v": 2}, {"v": 3}]}, [2, 3]),
        ("a[k=true].v", {"a": [{"k": True, "v": 1}]}, [1]),
        ("a[k.l=on].v", {"a": [{"k": {"l": "on"}, "v": 1}]}, [1]),
        ("a[k=on].v", {"a": [{"k": UNKNOWN, "v": 1}]}, ["a[0].k: known only after apply"]),
        ("a!json.b", {"a": '{"b": 1}'}, [1]),
        ("a!json.b", {"a": "{"}, ["a: is not JSON"]),
    ],
)
def test_a_path_finds(path: str, properties: Any, expected: list[Any]) -> None:
    assert values(properties, path) == expected


@pytest.mark.parametrize("path", ["", "a..b", "a.", "a[", "a[x]", "1a", 'a["b]', "a b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse(path)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", "5", 5),
        ("number", True, "x: expected a number, found true or false"),
        ("number", "five", "x: expected a number, found a text"),
        ("number", -1, "x: expected a number of 0 or more"),
        ("number", float("nan"), "x: expected a number of 0 or more"),
        ("number", 10**400, "x: expected a number, found a number"),
        ("boolean", "true", True),
        ("quantity", "500m", 0.5),
        ("quantity", "2", 2),
        ("quantity", "1e3", 1000),
        ("quantity", "1k", 1000),
        ("quantity_gib", "16Gi", 16),
        ("quantity_gib", "1Ti", 1024),
        ("quantity_gib", "512Mi", 0.5),
        ("quantity", "many", "x: is no Kubernetes quantity"),
        ("seconds_to_hours", 7200, 2),
        ("seconds_to_minutes", "90", 1.5),
        ("seconds_to_days", "86400", 1),
        ("duration_hours", "3600s", 1),
        ("duration_hours", "1h30m", 1.5),
        ("duration_hours", "", "x: is no duration"),
        ("percent_to_rest", 25, 0.75),
        ("percent_to_rest", 125, "x: is above 100 percent"),
        ("kebab", "NVIDIA_TESLA_T4", "nvidia-tesla-t4"),
        ("last_segment", "projects/p/zones/z/diskTypes/pd-ssd", "pd-ssd"),
        ("idle_script_minutes", "IDLE_TIME=3600\nautostop --time $IDLE_TIME", 60),
        ("idle_script_minutes", "IDLE_TIME=3600\nautostop --time ${IDLE_TIME}", 60),
        ("idle_script_minutes", "# IDLE_TIME=3600\n#\n", None),
        (
            "idle_script_minutes",
            "IDLE_TIME=3600",
            "x: the script speaks of stopping when idle, but states no time that could be read",
        ),
        ("idle_script_minutes", base64.b64encode(b"autostop.py --time 600 &").decode(), 10),
        ("idle_script_minutes", "pip install torch", None),
        ("runs_per_month", "@hourly", 730),
        ("runs_per_month", "whenever", 'x: "whenever" is no cron line of five fields'),
    ],
)
def test_a_conversion_gives(name: str, value: Any, expected: Any) -> None:
    found = CONVERSIONS[name](value, "x")
    if expected is None:
        assert found is ABSENT
    else:
        assert (found.reason if isinstance(found, Unclear) else getattr(found, "value", None)) == expected


@pytest.mark.parametrize("name", sorted(CONVERSIONS))
@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()), st.none()))
def test_a_conversion_never_raises(name: str, value: Any) -> None:
    assert isinstance(CONVERSIONS[name](value, "x"), (Known, Unclear, type(ABSENT)))


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("0 2 * * *", 730 / 24),
        ("*/15 * * * *", 4 * 730),
        ("0 9-17 * * MON-FRI", 9 * 730 / 24 * 5 / 7),
        ("0 0 1 * *", 12 * 730 / 24 / 365.25),
        ("0 0 29 2 *", 0.25 * 730 / 24 / 365.25),
        ("TZ=UTC 0 0 * * 7", 730 / 24 / 7),
        ("0 0 31 2 *", 0),
    ],
)
def test_a_cron_line_has_runs_a_month(line: str, runs: float) -> None:
    assert cron.runs_per_month(line) == pytest.approx(runs)


def test_both_day_fields_restricted_mean_either() -> None:
    either = cron.runs_per_month("0 0 1 * MON")
    assert either > cron.runs_per_month("0 0 1 * *")
    assert either > cron.runs_per_month("0 0 * * MON")


@pytest.mark.parametrize(
    ("starts", "stops", "hours"),
    [
        (("0 8 * * 1-5",), ("0 18 * * 1-5",), 50),
        (("0 20 * * *",), ("0 6 * * *",), 70),
        (("0 8 * * 1",), ("0 8 * * 6",), 120),
        (("0 8 * * *", "0 20 * * *"), ("0 9 * * *", "30 20 * * *"), 10.5),
        (("0 8 * * *",), ("0 8 * * *",), 168),
    ],
)
def test_start_and_stop_lines_give_hours_a_week(starts: tuple[str, ...], stops: tuple[str, ...], hours: float) -> None:
    assert cron.hours_per_week(starts, stops) == hours


@pytest.mark.parametrize("line", ["0 0 1 * *", "61 * * * *", "* * * *", "a b c d e", "5-1 * * * *", "*/0 * * * *"])
def test_what_does_not_repeat_weekly_has_no_hours(line: str) -> None:
    with pytest.raises(cron.CronError):
        cron.hours_per_week((line,), ("0 0 * * *",))


@given(st.text(alphabet="0123456789*/,-? MONSUN@", max_size=30))
def test_any_text_is_a_cron_line_or_refused(line: str) -> None:
    try:
        runs = cron.runs_per_month(line)
    except cron.CronError:
        runs = 0
    assert 0 <= runs <= 60 * 730


def table(directory: Path, row: str) -> Mappings:
    text = f"package: acme\nprovider: acme\ntypes:\n  acme:a/b:C:\n{row}"
    (directory / "acme.yaml").write_text(text, encoding="utf-8")
    return Mappings(directory)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("    kind: rocket\n", "'rocket' is not a valid Kind"),
        ("    kind: compute\n    instanceType: a\n", "unknown key: instanceType"),
        ("    kind: compute\n    instance_type: a..b\n", "is no property path"),
        ("    kind: compute\n    size_gib: {default: 5}\n", "a default names its source"),
        ("    kind: compute\n    size_gib: {path: a, as: furlongs}\n", '"furlongs" is no conversion'),
        ("    kind: compute\n    size_gib: {path: a, take: most}\n", '"most" is none of first'),
        ("    kind: compute\n    size_gib: {path: a, speed: 1}\n", "unknown or misplaced: speed"),
        ("    kind: compute\n    size_gib: {const: 1, when: {path: a, like: 1}}\n", '"like" is no test'),
        ("    kind: compute\n    joins: {x: {to: [t], by: [a], sideways: true}}\n", "unknown in a join: sideways"),
        ("    kind: compute\n    lifecycle: {days: a}\n", "unknown in a lifecycle: days"),
    ],
)
def test_a_broken_table_names_its_file_and_type(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        table(tmp_path, row).row("acme:a/b:C")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'acme.yaml'}: acme:a/b:C: ")


def test_a_new_type_is_a_row_and_no_code(tmp_path: Path) -> None:
    row = table(tmp_path, "    kind: compute\n    instance_type: size\n    tags: labels\n").row("acme:a/b:C")
    assert row is not None
    assert row.types == ("acme:a/b:C",)
    assert table(tmp_path, "    kind: other\n").row("acme:a/b:D") is None
    assert Mappings(tmp_path).row("../../etc:x:y") is None


def test_a_table_is_read_only_when_a_resource_of_its_package_is_seen() -> None:
    tables = Mappings()
    assert tables._packages == {}
    assert tables.row("aws:ec2/instance:Instance") is not None
    assert list(tables._packages) == ["aws"]
    assert load_mappings() is load_mappings()
