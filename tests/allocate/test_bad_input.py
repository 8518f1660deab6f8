"""Bills and driver tables that are wrong: told in a sentence with the place, and nothing is written."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.library import find_rules
from spendgate.allocate.load import load_rules
from spendgate.allocate.run import Outcome, Request, allocate, engine
from spendgate.allocate.text import notes
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, write_csv


def text(rows: Sequence[Mapping[str, str]], separator: str = ",") -> bytes:
    """The rows as CSV."""
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


LINES = [line(str(number + 1), tags={"team": "nlp"}) for number in range(300)]
GOOD = text(LINES)
HEADER = GOOD.partition(b"\r\n")[0]
ZIPPED = gzip.compress(GOOD, mtime=0)
UMLAUT = text([line("1", ServiceName="München")]).decode()


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    with engine() as opened:
        yield opened


def allocated(
    connection: Any, bill: Path, rules: str = "by-tags", drivers: Mapping[str, Path] | None = None, **options: Any
) -> Outcome:
    found, file = find_rules([rules])
    output = bill.parent / "written" / "out.parquet"
    output.parent.mkdir(exist_ok=True)
    return allocate(Request((bill,), found, file, drivers or {}, **options), output, connection)


def refused(connection: Any, bill: Path, told: str, **options: Any) -> None:
    """The bill is refused with this sentence, and nothing of it is written."""
    with pytest.raises(InputError) as caught:
        allocated(connection, bill, **options)
    assert told in str(caught.value)
    assert caught.value.place is not None
    assert not list((bill.parent / "written").iterdir())


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("cut.csv", GOOD[:-40], "line 301 has 5 columns, not 7"),
        ("cut-in-quotes.csv", GOOD[:-6], "line 301: a quote is not closed"),
        ("cut.csv.gz", ZIPPED[: len(ZIPPED) // 2], "the file is cut off, or it is no gzip"),
        ("cut-at-end.csv.gz", ZIPPED[:-4], "the file is cut off, or it is no gzip"),
        ("zero.csv", b"", "the file is empty"),
        ("blank.csv", b"\n\n", "the file is empty"),
        ("zero.csv.gz", b"", "the file is empty"),
        ("nothing.csv.gz", gzip.compress(b"", mtime=0), "the file is empty"),
        ("header.csv", HEADER, "the bill has no lines"),
        ("plain.csv.gz", GOOD, "the file is cut off, or it is no gzip"),
        ("zipped.csv", ZIPPED, "the file is gzip"),
        ("zero.parquet", b"", "too small to be a Parquet file"),
        ("text.parquet", GOOD, "No magic bytes"),
        ("utf-16.csv", GOOD.decode().encode("utf-16"), "the file is UTF-16 or no text"),
        ("utf-16-be.csv", GOOD.decode().encode("utf-16-be"), "the file is UTF-16 or no text"),
        ("latin-1.csv", UMLAUT.encode("latin-1"), "line 2: it is not UTF-8 text"),
        ("binary.csv", bytes(range(256)) * 8, "no text"),
        ("more.csv", GOOD + b"1,2,3,4,5,6,7,8\r\n", "line 302 has 8 columns, not 7"),
        ("quotes.csv", GOOD + b'"x"y,2,3,4,5,6,7\r\n', "line 302: a quote is not closed, or not doubled"),
        ("twice.csv", HEADER + b",BilledCost\r\n" + b"1," * 7 + b"1\r\n", 'two columns are named "billedcost"'),
        ("one-column.csv", b"BilledCost\r\n1\r\n", "the bill lacks BillingCurrency, ChargePeriodStart"),
    ],
)
def test_a_file_that_is_cut_off_or_something_else_is_refused(
    connection: Any, tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(data)
    refused(connection, tmp_path / name, told)


def test_a_parquet_file_that_is_cut_off_is_refused(connection: Any, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "bill.csv", LINES)
    connection.con.execute(f"COPY (FROM read_csv('{source}')) TO '{tmp_path}/whole.parquet'")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for length in (len(whole) // 2, len(whole) - 4):
        (tmp_path / "cut.parquet").write_bytes(whole[:length])
        refused(connection, tmp_path / "cut.parquet", "No magic bytes")


def test_of_a_large_file_the_line_that_is_cut_off_is_named(connection: Any, tmp_path: Path) -> None:
    many = GOOD + GOOD.partition(b"\r\n")[2] * 200
    for data, told in (
        (many[:-40], "line 60301: it has 5 columns, not 7: is the file cut off?"),
        (many[:-6], "line 60301: a quote is not closed"),
    ):
        (tmp_path / "bill.csv").write_bytes(data)
        refused(connection, tmp_path / "bill.csv", told)


def test_one_broken_file_of_a_folder_is_named(connection: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill"
    bill.mkdir()
    (bill / "a.csv").write_bytes(GOOD)
    (bill / "b.csv").write_bytes(b"")
    refused(connection, bill, "b.csv: the file is empty")
    (bill / "b.csv").write_bytes(GOOD[:-40])
    refused(connection, bill, "b.csv: line 301 has 5 columns")
    (bill / "b.csv").write_bytes(text(LINES[:1], ";"))
    refused(connection, bill, 'b.csv: its columns are separated by ";"')
    (bill / "b.csv").write_bytes(HEADER)  # a day without charges
    assert allocated(connection, bill).lines == len(LINES)


@pytest.mark.parametrize(
    "data",
    [
        text(LINES, ";"),
        text(LINES, "\t"),
        text(LINES, "|"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\r\n", b"\n"),
        text([{**one, "ServiceName": 'say "hi",\nso; it\t| goes'} for one in LINES]),
    ],
)
def test_csv_is_read_however_it_is_written(connection: Any, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bill.csv").write_bytes(data)
    outcome = allocated(connection, tmp_path / "bill.csv")
    assert (outcome.lines, int(outcome.allocated)) == (300, sum(range(301)))
    assert outcome.reconciles


@pytest.mark.parametrize(
    "cost", ["1e400", "NaN", "Infinity", "100000000000000", "1,234.50", "$5", "(5)", "0x10", " ", "1,5"]
)
def test_a_cost_that_is_no_number_or_beyond_its_column_is_counted(connection: Any, tmp_path: Path, cost: str) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line(cost), line("2")])
    refused(connection, bill, "1 of 2 lines have a BilledCost that is no number")


@pytest.mark.parametrize(
    "cost", ["'nan'::DOUBLE", "'inf'::DOUBLE", "1e300::DOUBLE", "1e20::DECIMAL(38, 2)", "[1]", "true"]
)
def test_costs_of_a_parquet_file_that_are_no_amounts_are_refused(connection: Any, tmp_path: Path, cost: str) -> None:
    columns = f"{cost} AS BilledCost, 'USD' AS BillingCurrency, TIMESTAMP '2026-03-01' AS ChargePeriodStart"
    connection.con.execute(f"COPY (SELECT {columns}) TO '{tmp_path}/bill.parquet'")
    told = "Conversion Error" if "DECIMAL" in cost else "BilledCost holds no amounts"
    if "DOUBLE" in cost:
        told = "a BilledCost that is no number: line bill.parquet:1"
    refused(connection, tmp_path / "bill.parquet", told)


@pytest.mark.parametrize("cost", ["99999999999999", "-99999999999999.999999999999", "1e13", "+5", "1e-30", "0"])
def test_amounts_at_the_edge_reconcile(connection: Any, tmp_path: Path, cost: str) -> None:
    rows = [line(cost, tags={"team": "nlp"}), line("0.000000000001", tags={"team": "nlp"})]
    assert allocated(connection, write_csv(tmp_path / "bill.csv", rows)).reconciles


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([line("1"), {**line("2"), "BillingCurrency": "usd"}], "2 currencies, USD and usd"),
        ([line("1"), {**line("2"), "BillingCurrency": ""}], "1 of 2 lines have no BillingCurrency"),
        ([{**line("1"), "ChargePeriodStart": "0000-00-00"}], "a ChargePeriodStart that is no time"),
        ([{**line("1"), "ChargePeriodStart": "1772323200"}], "a ChargePeriodStart that is no time"),
        ([{"Billed Cost": "1", "BillingCurrency": "USD", "ChargePeriodStart": "2026-03-01"}], '"Billed Cost"'),
        ([{**line("1"), "ChargePeriodStart": "infinity"}], "a ChargePeriodStart that is no time: line bill.csv:1"),
        ([line("1"), {**line("1"), "ChargePeriodStart": "epoch"}], "no time: line bill.csv:2, for one"),
    ],
)
def test_lines_that_cannot_be_placed_are_told(
    connection: Any, tmp_path: Path, rows: Sequence[Mapping[str, str]], told: str
) -> None:
    refused(connection, write_csv(tmp_path / "bill.csv", rows), told)


def test_what_is_asked_for_and_not_there_is_told(connection: Any, tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "bill.csv", LINES)
    refused(connection, bill, "the bill has no lines of 2025-01", month="2025-01")
    refused(connection, bill, "the bill has no lines in EUR", currency="EUR")
    refused(connection, bill, "no column Idd", line_id="Idd")


def test_lines_with_tags_that_are_no_json_are_named(connection: Any, tmp_path: Path) -> None:
    rows = [line("1", tags='{"team": '), line("2", tags={"team": "nlp"}), line("3", tags="team=nlp")]
    outcome = allocated(connection, write_csv(tmp_path / "bill.csv", rows))
    assert outcome.bad_tags == ("bill.csv:1", "bill.csv:3")
    assert "Tags that are no JSON count as none: lines bill.csv:1, bill.csv:3." in notes(outcome)
    assert (int(outcome.allocated), int(outcome.unallocated)) == (2, 4)
    assert outcome.reconciles


TABLE = "date,pool,team,gpu_hours,weight\n"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "the file is empty"),
        (TABLE + "2026-03-01,a,nlp,NaN,1\n", "is no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,1e400,1\n", "is no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,inf,1\n", "is no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,many,2\n", "row 1 has no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,10,\n", "row 1 has no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,10,2\n2026-03-01,a,lab,n/a,1\n", "row 2 has no number of GPU-hours"),
        (TABLE + "2026-03-01,a,nlp,1,1\n2026-03-01,a,vis", "line 3 has 3 columns, not 5"),
        (TABLE + '2026-03-01,a,"nlp,1,1\n', "line 2: a quote is not closed"),
        (TABLE + "03/01/2026,a,nlp,1,1\n", '"03/01/2026" is no day'),
        ("date,pool,team,team,gpu_hours,weight\n2026-03-01,a,nlp,x,1,1\n", 'two columns are named "team"'),
        (TABLE.replace(",team", ",team,capacity") + "2026-03-01,a,,NaN,,\n", "is no number of capacity"),
    ],
)
def test_a_driver_table_that_is_wrong_is_refused_with_the_row(
    connection: Any, tmp_path: Path, table: str, told: str
) -> None:
    (tmp_path / "use.csv").write_text(table, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", [line("1", tags={"cluster": "a"})])
    refused(connection, bill, told, rules="kubernetes-gpu-hours", drivers={"gpu-hours": tmp_path / "use.csv"})


@pytest.mark.parametrize(
    "table",
    [TABLE, TABLE + "2026-03-02,a,nlp,1,1\n", TABLE + "2026-03-01,b,nlp,1,1\n", TABLE + "2026-03-01,a,nlp,0,1\n"],
    ids=["no rows", "another window", "another pool", "shares that sum to zero"],
)
def test_a_pool_without_use_in_a_window_is_listed_and_the_total_reconciles(
    connection: Any, tmp_path: Path, table: str
) -> None:
    (tmp_path / "use.csv").write_text(table, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", [line("7", tags={"cluster": "a"})])
    outcome = allocated(connection, bill, "kubernetes-gpu-hours", {"gpu-hours": tmp_path / "use.csv"})
    assert [(row["rule"], row["pool"], row["cost"]) for row in outcome.lost] == [("shared-cluster", "a", 7)]
    assert (int(outcome.unallocated), outcome.reconciles) == (7, True)


def test_names_in_a_driver_table_that_look_like_numbers_and_days_stay_as_they_are(
    connection: Any, tmp_path: Path
) -> None:
    table = "date,pool,cost_center,gpu_hours,weight\n2026-03-01,007,0042,1,1\n"
    (tmp_path / "use.csv").write_text(table, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", [line("7", tags={"cluster": "007"})])
    outcome = allocated(connection, bill, "kubernetes-gpu-hours", {"gpu-hours": tmp_path / "use.csv"})
    assert [row["cost_center"] for row in outcome.by_owner] == ["0042"]


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ("split: heads, shares: [{team: a, heads: 0}, {team: b, heads: 0}]", "nobody would pay"),
        ("split: heads, shares: [{team: a, heads: 1}, {team: b}]", "lacks heads"),
        ("split: percent, shares: [{team: a}], platform: {team: p}", "lacks percent"),
        ("split: percent, shares: [{team: a, percent: 90}, {team: b, percent: 20}]", "110 per cent"),
    ],
)
def test_fixed_shares_that_are_none_are_refused_when_rules_are_read(tmp_path: Path, shares: str, told: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"{HEAD}rules: [{{name: tax, layer: fixed, match: 'true', {shares}}}]\n", encoding="utf-8")
    with pytest.raises(InputError, match=told):
        load_rules(rules)


def test_the_exit_code_is_two_for_bad_input_and_one_where_totals_do_not_reconcile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.csv").write_bytes(GOOD[:-6])
    out = tmp_path / "out.csv"
    assert main(["allocate", str(tmp_path / "cut.csv"), "--rules", "by-tags", "--output", str(out)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()
    twice = write_csv(tmp_path / "twice.csv", [{**line("1"), "Id": "a"}, {**line("2"), "Id": "a"}])
    words = ["allocate", str(twice), "--rules", "by-tags", "--line-id", "Id", "--output", str(out)]
    assert main(words) == 1
    assert "Line ids stand more than once, so lines may count twice: a." in capsys.readouterr().out


RULES = """\
drivers: {use: {value: row.hours, unit: h}}
rules:
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
  - {name: team-too, layer: direct, match: 'has(tags.team) && line.BilledCost > 0.0', owner: {team: '"x"'}}
  - {name: never, layer: direct, match: 'tags.team == "nobody"', owner: {team: '"x"'}}
  - {name: pool, layer: proportional, match: has(tags.cluster), pool: tags.cluster, driver: use}
"""
NLP = line("1", tags={"team": "nlp"})
POOL = line("7", tags={"cluster": "a"})
USED = "date,pool,team,hours\n"


def without(column: str) -> dict[str, str]:
    return {name: value for name, value in NLP.items() if name != column}


def written(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as CSV, with the columns of all."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = io.StringIO()
    writer = csv.DictWriter(made, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


REFUSED: dict[str, tuple[str | bytes, list[str], str, str]] = {
    # bill, more words, what is told, what to do
    "a missing column": (written([without("BilledCost")]), [], "the bill lacks BilledCost", "--columns reads those"),
    "a renamed column": (
        written([{**without("BilledCost"), "Billed_Cost": "1"}]),
        [],
        "the bill lacks BilledCost",
        'BilledCost: did you mean "Billed_Cost"?',
    ),
    "mixed currencies": (
        written([NLP] * 9 + [{**NLP, "BilledCost": "0.01", "BillingCurrency": "EUR"}]),
        [],
        "the bill is in 2 currencies, EUR and USD among them",
        "--currency EUR",
    ),
    "no currency": (written([{**NLP, "BillingCurrency": ""}]), [], "1 of 1 lines have no BillingCurrency", "export"),
    "an empty bill": ("", [], "the file is empty", "Export it again"),
    "names of columns alone": (written([NLP]).partition("\r\n")[0], [], "the bill has no lines", ""),
    "a line that is cut off": (written([NLP, NLP])[:-30], [], "line 3 has", "Is the file whole?"),
    "a quote that is cut off": (written([NLP, NLP])[:-6], [], "line 3: a quote is not closed", "Is the file whole?"),
    "a column twice": (
        "Tags," + written([NLP]).replace("\r\n", "\r\n,", 1),
        [],
        'two columns are named "tags"',
        "Which",
    ),
    "a column twice in another case": (
        "TAGS," + written([NLP]).replace("\r\n", "\r\n,", 1),
        [],
        'two columns are named "tags"',
        "Which one counts cannot be told.",
    ),
    "UTF-16": (written([NLP]).encode("utf-16"), [], "the file is UTF-16 or no text", "Save it as CSV in UTF-8."),
    "latin-1": (
        written([{**NLP, "ServiceName": "ü"}]).encode("latin-1"),
        [],
        "line 2: it is not UTF-8 text",
        "Save it",
    ),
    "a line without an id": (
        written([{**NLP, "Id": "a"}, {**NLP, "Id": ""}]),
        ["--line-id", "Id"],
        "1 line has no Id",
        "Without --line-id lines are named by file and row.",
    ),
    **{
        f"the amount {amount}": (
            written([NLP, {**NLP, "BilledCost": amount}]),
            [],
            "1 of 2 lines have a BilledCost that is no number: line bill.csv:2, for one",
            "export the bill again",
        )
        for amount in (
            "1,234.50",
            "NaN",
            "Infinity",
            "-inf",
            "$5",
            "5 USD",
            "(5)",
            "1.2.3",
            "100000000000000",
            "1e400",
            "1_000",
        )
    },
    **{
        f"the time {time}": (
            written([NLP, {**NLP, "ChargePeriodStart": time}]),
            [],
            "1 of 2 lines have a ChargePeriodStart that is no time: line bill.csv:2, for one",
            "export the bill again",
        )
        for time in ("03/01/2026", "2026-02-30", "1772323200", "infinity", "epoch", "now", "2026-03", "1.3.2026")
    },
    "no such line ids": (written([NLP]), ["--line-id", "Ids"], "no column Ids", "Its columns: BilledCost"),
    "no such month": (written([NLP]), ["--month", "2025-01"], "no lines of 2025-01", "lines of 2026-03, in USD."),
    "no such currency": (written([NLP]), ["--currency", "EUR"], "no lines in EUR", "lines of 2026-03, in USD."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_command_refuses_with_the_place_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    data, more, told, remedy = REFUSED[case]
    (tmp_path / "bill.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    output = tmp_path / "out.parquet"
    words = ["allocate", str(tmp_path / "bill.csv"), "--rules", "by-tags", "--output", str(output), *more]
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert str(tmp_path / "bill.csv") in shown
    assert told in shown
    assert remedy in shown
    assert "Traceback" not in shown
    assert not output.exists()


LISTED: dict[str, tuple[list[dict[str, str]], str, int, str, str]] = {
    # lines, use, exit code, what is told, the total
    "malformed tags": (
        [NLP, {**POOL, "Tags": '{"cluster": '}],
        USED,
        0,
        "Tags that are no JSON count as none",
        "$8.00",
    ),
    "no use of a pool": ([POOL], USED, 0, "nobody used pool a on 2026-03-01; $7.00 stay unallocated", "$7.00"),
    "use that sums to zero": ([POOL], f"{USED}2026-03-01,a,nlp,0\n", 0, "nobody used pool a", "$7.00"),
    "rules that both match": (
        [NLP],
        USED,
        0,
        "1 line matches team and team-too; team is asked first and decides.",
        "$1.00",
    ),
    "a rule that never matches": ([NLP], USED, 0, "No line matched: never, pool.", "$1.00"),
    "line ids twice": (
        [{**NLP, "Id": "a"}, {**POOL, "Id": "a"}],
        f"{USED}2026-03-01,a,nlp,1\n",
        1,
        "Line ids stand more than once, so lines may count twice: a.",
        "$8.00",
    ),
    **{
        f"the tags {tags[:20]}": ([{**NLP, "Tags": tags}], USED, 0, "reconciles with the bill", "$1.00")
        for tags in (
            "{}",
            "null",
            "'null'",
            "[]",
            "5",
            '{"team": {"x": [1]}}',
            '{"team": "a", "team": "b"}',
            '{"team": null}',
            "{" + ", ".join(f'"k{n}": "v"' for n in range(10_000)) + "}",
        )
    },
    **{
        f"the amount {amount}": ([{**NLP, "BilledCost": amount}], USED, 0, "reconciles with the bill", total)
        for amount, total in (
            ("1e-7", "$0.00000010"),
            ("-0", "$0.00"),
            ("-0.00", "$0.00"),
            (" 1.5 ", "$1.50"),
            ("1." + "1" * 3000, "$1.11"),
            ("99999999999999", "$99,999,999,999,999.00"),
        )
    },
    **{
        f"the time {time}": ([{**NLP, "ChargePeriodStart": time}], USED, 0, "reconciles with the bill", "$1.00")
        for time in (
            "2026-03-01T00:00:00.0000000Z",
            "2026-03-01T00:00:00+05:30",
            "2026-03-01 00:00:00 UTC",
            "2026-03-01",
        )
    },
}


@pytest.mark.parametrize("case", LISTED)
def test_the_command_lists_and_the_total_reconciles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    rows, use, code, told, total = LISTED[case]
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    (tmp_path / "use.csv").write_text(use, encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", rows)
    words = ["--rules", str(tmp_path / "rules.yaml"), "--drivers", str(tmp_path / "use.csv")]
    ids = ["--line-id", "Id"] if "Id" in rows[0] else []
    assert main(["allocate", str(bill), *words, *ids, "--output", str(tmp_path / "out.parquet")]) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert told in shown
    assert shown.startswith(f"{total} of {len(rows)} line")


def test_a_result_that_does_not_reconcile_says_by_how_much_and_exits_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spendgate.allocate.run import DuckDB

    whole = DuckDB.write

    def lossy(self: Any, lines: Any, partial: Path) -> str:
        return f"(SELECT * FROM {whole(self, lines, partial)} WHERE x_AllocatedCost < 2)"

    monkeypatch.setattr(DuckDB, "write", lossy)
    bill = write_csv(tmp_path / "bill.csv", [NLP, line("2.25", tags={"team": "lab"})])
    assert main(["allocate", str(bill), "--rules", "by-tags", "--output", str(tmp_path / "out.csv")]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "DOES NOT RECONCILE" in shown
    assert "The lines written differ from the bill by 2.250000000000 USD." in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--drivers", "use=use.csv", "b.csv"], ["required: BILL", '--drivers takes all words behind it, "b.csv" too']),
        (["a.csv", "--drivers", "use=use.csv", "b.csv"], ['b.csv: the rules have no driver "b"', "They have use."]),
        (["a.csv", "--drivers", "us=use.csv"], ['use.csv: the rules have no driver "us"', 'did you mean "use"?']),
        (["a.csv", "--drivers", "use=a.csv", "--drivers", "use=b.csv"], ["names use twice, a.csv and b.csv"]),
        (["a.csv", "--usage", "tokens=a.csv", "tokens.csv"], ["--usage names tokens twice, a.csv and tokens.csv"]),
    ],
)
def test_no_table_is_taken_for_another_or_left_out_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: list[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    assert main(["allocate", *words, "--rules", str(tmp_path / "rules.yaml"), "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert [one for one in told if one not in said] == []


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            "platform: {team: '\"ops\"'}",
            'rules.yaml:4:83: "ops" is an expression: under platform names stand as they are',
        ),
        ("platform: {team: tags.team}", "tags.team is an expression: under platform names"),
        (
            "shares: [{team: ops, percent: 50}, {team: \"'nlp'\", percent: 50}]",
            "'nlp' is an expression: under shares names",
        ),
    ],
)
def test_an_expression_where_a_name_stands_is_refused(tmp_path: Path, where: str, told: str) -> None:
    rules = tmp_path / "rules.yaml"
    split = "percent" if where.startswith("shares") else "central"
    rules.write_text(f"{HEAD}rules: [{{name: tax, layer: fixed, match: 'true', split: {split}, {where}}}]\n")
    with pytest.raises(InputError) as refused:
        load_rules(rules)
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["ops", "ml-platform"])
def test_a_name_where_an_expression_stands_is_told_how_to_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    bill, rules = write_csv(tmp_path / "bill.csv", [NLP]), tmp_path / "rules.yaml"
    rules.write_text(f"{HEAD}rules: [{{name: t, layer: direct, match: 'true', owner: {{team: {name}}}}}]\n")
    assert main(["allocate", str(bill), "--rules", str(rules), "--output", str(tmp_path / "out")]) == 2
    assert f"""A name has quotes of its own: '"{name}"'.""" in capsys.readouterr().err


@pytest.mark.parametrize("names", ["{a: b, b: c}", "{a: b, b: a}"])
def test_an_alias_of_an_alias_is_refused(tmp_path: Path, names: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"{HEAD}aliases: {{team: {names}}}\n"
        "rules: [{name: t, layer: direct, match: 'true', owner: {team: tags.team}}]\n"
    )
    with pytest.raises(InputError, match=r'rules\.yaml:4:2\d: "a" is called "b", which is another name itself'):
        load_rules(rules)


def test_a_month_of_use_is_not_taken_for_its_first_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bill, rules = write_csv(tmp_path / "bill.csv", [POOL, {**POOL, "ChargePeriodStart": "2026-03-02"}]), "rules.yaml"
    (tmp_path / "use.csv").write_text(f"{USED}2026-03,a,nlp,1\n", encoding="utf-8")
    words = ["allocate", str(bill), "--rules", str(tmp_path / rules), "--drivers", f"use={tmp_path / 'use.csv'}"]
    (tmp_path / rules).write_text(HEAD + RULES, encoding="utf-8")
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert 'use.csv: row 1: "2026-03" is a month, and a rule splits by the day' in capsys.readouterr().err
    (tmp_path / rules).write_text(HEAD + RULES.replace("driver: use}", "driver: use, window: month}"), encoding="utf-8")
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert "unallocated $0.00" in capsys.readouterr().out


def test_a_platform_that_pays_nothing_is_refused(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    pays = RULES.replace("driver: use}", "driver: use, idle: to_pool, platform: {team: ops}}")
    rules.write_text(HEAD + pays, encoding="utf-8")
    with pytest.raises(InputError, match='rule "pool": platform pays nothing here'):
        load_rules(rules)


def test_an_error_that_quotes_a_bill_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = write_csv(tmp_path / "bill.csv", [{**NLP, "Id": "a\x1b[2J\rb"}])
    out = str(tmp_path / "out")
    assert main(["allocate", str(bill), "--rules", "by-tags", "--line-id", "Id", "--output", out]) == 0
    assert main(["allocate", "explain", "\x1b[31mnone", "--output", out]) == 2
    said = capsys.readouterr().err
    assert 'no line "none"' in said
    assert 'such as "a\ufffd[2J\ufffdb"' in said
