"""Statements for engines that are not here: what each would read otherwise is written so that it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.dialects import DIALECTS, TIMES_OF_BIGQUERY
from spendgate.allocate.library import find_rules
from spendgate.allocate.model import Driver
from spendgate.allocate.plan import SHARE_TYPE
from spendgate.allocate.run import Request, engine, sql_of
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, write_csv

SHIPPED = sorted(
    path.stem for path in Path("policies/allocation").glob("*.yaml") if not path.name.endswith(".test.yaml")
)

EVERYTHING = r"""
rules:
  - name: a
    layer: direct
    match: 'tags["te.am/ x o''k"] == "1" && line.BilledCost > 1.5 && "k" in tags && (tags.t != "x" || tags.t <= "z")'
    owner: {team: string(int(tags.n) + size(tags.t)), product: string(double(tags.d) * 2.0 - line.PricingQuantity)}
  - name: b
    layer: direct
    match: >-
      !(line.ServiceName.startsWith("A") || line.ServiceName.endsWith("\\") || line.ServiceName.contains("%_"))
      && line.ServiceName.matches("^a\\d+$|b")
    owner: {team: 'tags.x in ["a", "b"] ? tags.x + "-" : "n"'}
    effective: {from: 2026-01-01, until: 2027-01-01}
  - name: c
    layer: direct
    match: 'line.ChargePeriodStart >= "2026-03-01T00:00:00Z" && int(line.BilledCost) != -3 && columns.x_N < "4"'
    owner: {team: '"z"'}
  - {name: p, layer: fixed, match: 'line.ServiceName == "K"', split: central, platform: {team: p}}
"""


def sql_text(folder: Path, dialect: str, rules: str = EVERYTHING) -> str:
    """The statement of rules over a bill whose columns are texts, in one line."""
    rules_file = folder / "rules.yaml"
    rules_file.write_text(HEAD + rules, encoding="utf-8")
    bill = write_csv(folder / "bill.csv", [line("1", tags={"a": "b"}, PricingQuantity="3", x_N="5")])
    found, _ = find_rules([str(rules_file)])
    with engine() as connection:
        return " ".join(sql_of(Request((bill,), found, rules_file), connection, dialect).split())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_function_of_the_subset_is_a_statement_that_parses(tmp_path: Path, dialect: str) -> None:
    import sqlglot

    parsed = sqlglot.parse_one(sql_text(tmp_path, dialect), read="spark" if dialect == "pyspark" else dialect)
    assert parsed.named_selects[-1] == "x_Dispute"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_rules_are_statements_of_every_dialect(tmp_path: Path, name: str, dialect: str) -> None:
    import sqlglot

    rules, rules_file = find_rules([name])
    bill = write_csv(tmp_path / "bill.csv", [line("1", ChargeCategory="Usage", SubAccountName="a")])
    drivers = {
        driver.name: write_csv(tmp_path / f"{driver.name}.csv", [dict.fromkeys(reads(driver), "1") | USE])
        for driver in rules.drivers.values()
    }
    with engine() as connection:
        request = Request((bill,), rules, rules_file, drivers)
        text = sql_of(request, connection, dialect)
    sqlglot.parse_one(text, read="spark" if dialect == "pyspark" else dialect)


USE = {"date": "2026-03-01", "pool": "p", "team": "t"}


def reads(driver: Driver) -> list[str]:
    """The columns of a driver's table that its value reads."""
    return re.findall(r"row\.(\w+)", driver.value.text)


def test_bigquery_rounds_in_words_and_reads_tags_by_quoted_keys(tmp_path: Path) -> None:
    text = sql_text(tmp_path, "bigquery")
    assert "ROUND(CAST(`t9`.`BilledCost` * `t4`.`s_after` AS BIGNUMERIC), 12)" in text
    assert r"""SAFE.JSON_VALUE(`t5`.`Tags`, '$."te.am/ x o\'k"')""" in text
    assert "NUMERIC" not in text.replace("BIGNUMERIC", "")
    assert "CAST(SAFE_CAST(REGEXP_REPLACE(" in text
    assert "AS TIMESTAMP) AS DATETIME) AS `ChargePeriodStart`" in text


def test_bigquery_rounds_amounts_as_they_are_read(tmp_path: Path) -> None:
    assert "ROUND(SAFE_CAST(TRIM(`t2`.`BilledCost`" in re.sub(r"\( ", "(", sql_text(tmp_path, "bigquery"))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T00:00:00.1234567Z", "2026-03-01T00:00:00.123456Z"),
        ("2026-03-01T00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-03-01 12:30", "2026-03-01 12:30:00"),
        ("2026-03-01T00:00+05:30", "2026-03-01T00:00:00+05:30"),
        ("2026-03-01T00:00:00+0530", "2026-03-01T00:00:00+05:30"),
        ("2026-03-01T00:00:00-08", "2026-03-01T00:00:00-08"),
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01 00:00:00.123456 UTC", "2026-03-01 00:00:00.123456 UTC"),
    ],
)
def test_times_are_written_as_bigquery_reads_them(tmp_path: Path, text: str, time: str) -> None:
    import duckdb

    written = "?"
    for pattern, by in TIMES_OF_BIGQUERY:  # DuckDB's patterns are RE2's, as BigQuery's are
        written = f"regexp_replace({written}, '{pattern}', '{by}')"
    assert duckdb.execute(f"SELECT {written}", [text]).fetchall() == [(time,)]
    assert sql_text(tmp_path, "bigquery").count("REGEXP_REPLACE(") == 2 * len(TIMES_OF_BIGQUERY)


def test_snowflake_reads_tags_by_name_and_finds_patterns_anywhere_in_a_text(tmp_path: Path) -> None:
    text = sql_text(tmp_path, "snowflake")
    assert r"""GET(TRY_PARSE_JSON("t5"."Tags"), 'te.am/ x o\'k')""" in text
    assert r"""REGEXP_INSTR("t6"."ServiceName", '^a\\d+$|b') > 0""" in text
    assert "REGEXP_LIKE" not in text
    assert 'CAST("t7"."_tag' not in text.replace("TRY_CAST(", "TRY(")
    assert "' UTC', '+00:00'" in text


@pytest.mark.parametrize(("pattern", "part"), [("(?i)b", "(?"), ("a*?b", "*?"), (r"\\pL", r"\p"), (r"a\\z", r"\z")])
def test_a_pattern_that_snowflake_has_not_is_refused(tmp_path: Path, pattern: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        sql_text(tmp_path, "snowflake", EVERYTHING.replace("|b", f"|{pattern}"))
    assert f"which have no {part}: " in str(caught.value)


@pytest.mark.parametrize(("pattern", "written"), [("(?i)b", "(?i)b"), (r"[\\s]$", r"[\t\n\f\r ]\z")])
def test_patterns_of_trino_are_javas_without_the_flags_that_it_lacks(
    tmp_path: Path, pattern: str, written: str
) -> None:
    assert rf"'^a\d+\z|{written}'" in sql_text(tmp_path, "trino", EVERYTHING.replace("|b", f"|{pattern}"))


def test_a_pattern_that_trino_reads_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Trino reads .* in another way than RE2"):
        sql_text(tmp_path, "trino", EVERYTHING.replace("|b", "|[[:alpha:]]"))


def test_the_tables_that_are_loaded_hold_shares_that_no_narrower_type_holds(tmp_path: Path) -> None:
    """NUMERIC has nine decimals in BigQuery, and shares have ten: the page that says so stands with this."""
    text = Path("docs/allocation.md").read_text(encoding="utf-8")
    assert SHARE_TYPE == "decimal(11, 10)"
    assert "`BIGNUMERIC`, since `NUMERIC` has nine decimals and a share has ten" in " ".join(text.split())


def test_trino_reads_times_with_a_t_and_formats_minutes_as_such(tmp_path: Path) -> None:
    text = sql_text(tmp_path, "trino")
    assert "FROM_ISO8601_TIMESTAMP( REPLACE(" in text
    assert "'%H:%i:%s'" in text
    assert "' UTC', 'Z'" in text
    assert "%M" not in text
    assert """JSON_EXTRACT_SCALAR("t5"."Tags", '$["te.am/ x o''k"]')""" in text


@pytest.mark.parametrize("dialect", ["bigquery", "trino"])
def test_a_tag_that_no_path_names_is_refused(tmp_path: Path, dialect: str) -> None:
    rules = EVERYTHING.replace('has("k")', "").replace('"k" in tags', r'"k\"" in tags')
    with pytest.raises(InputError, match='has no path for the tag k"'):
        sql_text(tmp_path, dialect, rules)


def test_whole_numbers_are_cut_off_towards_zero_everywhere(tmp_path: Path) -> None:
    for dialect in DIALECTS:
        assert "FLOOR(CAST(" in sql_text(tmp_path, dialect)
