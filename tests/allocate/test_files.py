"""Folders as the clouds write them: which files are the bill, and what would count twice or be left out."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.bill.files import files_of_bill, noticed
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, run, write_csv
from tests.allocate.test_mapping import allocated, parquet

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def put(path: Path, *rows: Mapping[str, str]) -> Path:
    """A CSV file of these rows; packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name
    plain = write_csv(path.with_name(name.removesuffix(".gz").removesuffix(".zst")), rows)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    if name.endswith(".zst"):
        import pyarrow

        with pyarrow.output_stream(str(path), compression="zstd") as stream:
            stream.write(plain.read_bytes())
    if plain != path:
        plain.unlink()
    return path


def other(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


ONE, TWO = line("1", tags={"team": "nlp"}), line("2", tags={"team": "nlp"})


@pytest.mark.parametrize(
    ("parts", "others", "told"),
    [
        (
            ["data/BILLING_PERIOD=2026-03/cur-00001.csv.gz", "data/BILLING_PERIOD=2026-03/cur-00002.csv.gz"],
            ["metadata/BILLING_PERIOD=2026-03/cur-Manifest.json"],
            "metadata/BILLING_PERIOD=2026-03/cur-Manifest.json",
        ),
        (["billing_period=2026-03/a.csv", "billing_period=2026-04/b.csv"], ["_SUCCESS"], "_SUCCESS"),
        (
            [f"20260301-20260331/202604010300/{GUID}/part_{n}_0001.csv" for n in (0, 1)],
            [f"20260301-20260331/202604010300/{GUID}/manifest.json"],
            f"20260301-20260331/202604010300/{GUID}/manifest.json",
        ),
        (
            [f"20260301-20260401/{GUID}/report-1.csv.gz", f"20260301-20260401/{GUID}/report-2.csv.gz"],
            ["20260301-20260401/report-Manifest.json", f"20260301-20260401/{GUID}/report-Manifest.json"],
            "20260301-20260401/",
        ),
        (["billing-000000000000.csv.zst", "billing-000000000001.csv.zst"], ["notes.txt"], "notes.txt"),
        (["a.csv", "b.csv"], [".b.csv.crc", "_delta_log/00.checkpoint.parquet", "_temporary/0/a.csv"], "_temporary"),
    ],
    ids=["aws", "hive", "azure", "aws-cur-1", "gcs", "spark"],
)
def test_the_files_of_a_delivery_are_read_and_those_beside_them_are_told(
    tmp_path: Path, parts: Sequence[str], others: Sequence[str], told: str
) -> None:
    bill = tmp_path / "bill"
    for part, row in zip(parts, (ONE, TWO), strict=True):
        put(bill / part, row)
    for name in others:
        other(bill / name)
    outcome, rows, notes = allocated([bill])
    assert (outcome.billed, len(rows)) == (Decimal(3), 2)
    (sentence,) = [text for text in notes if text.startswith("Not read, as no part of the bill: ")]
    assert told in sentence


def test_a_period_that_was_delivered_twice_is_refused_with_the_latest(tmp_path: Path) -> None:
    period = tmp_path / "export" / "20260301-20260331"
    for day in ("202603050300", "202603060300"):
        put(period / day / GUID / "part_0_0001.csv", ONE)
    with pytest.raises(InputError) as caught:
        files_of_bill([tmp_path / "export"])
    assert "this period was delivered 2 times, each with all of its lines: 202603050300, 202603060300" in str(
        caught.value
    )
    assert str(caught.value.remedy).endswith(f"such as {period / '202603060300'}.")
    assert len(files_of_bill([period / "202603060300"])[0]) == 1


def test_months_and_parts_below_a_period_are_no_deliveries(tmp_path: Path) -> None:
    put(tmp_path / "20260301-20260331" / "202604010300" / "part.csv", ONE)
    put(tmp_path / "20260401-20260430" / "202605010300" / "part.csv", TWO)
    assert len(files_of_bill([tmp_path])[0]) == 2
    for account, row in (("1", ONE), ("2", TWO)):
        put(tmp_path / "other" / "BILLING_PERIOD=2026-03" / f"account={account}" / "part.csv", row)
    assert len(files_of_bill([tmp_path / "other"])[0]) == 2


def test_parts_with_columns_in_another_order_more_or_fewer_are_one_bill(tmp_path: Path) -> None:
    put(tmp_path / "bill" / "a.csv", ONE)
    put(tmp_path / "bill" / "b.csv.gz", dict(reversed(list({**TWO, "x_New": "n"}.items()))))
    put(tmp_path / "bill" / "c.csv", {name: value for name, value in line("4").items() if name != "Tags"})
    outcome, rows, _ = allocated([tmp_path / "bill"])
    assert (outcome.billed, outcome.allocated) == (Decimal(7), Decimal(3))
    assert [row["x_New"] for row in rows] == [None, "n", None]


def test_parquet_parts_with_other_columns_are_one_bill(tmp_path: Path) -> None:
    bill = tmp_path / "bill" / "BILLING_PERIOD=2026-03"
    bill.mkdir(parents=True)
    parquet(bill / "a.parquet", [{**ONE, "BilledCost": 1.5}])
    parquet(bill / "b.snappy.parquet", [dict(reversed(list({**TWO, "x_New": "n"}.items())))])
    outcome, rows, _ = allocated([tmp_path / "bill"])
    assert outcome.billed == Decimal("3.5")
    assert {row["BILLING_PERIOD"] for row in rows} == {"2026-03"}


def test_a_part_without_the_cost_is_refused_with_its_line(tmp_path: Path) -> None:
    put(tmp_path / "bill" / "a.csv", ONE)
    put(tmp_path / "bill" / "b.csv", {name: value for name, value in TWO.items() if name != "BilledCost"})
    with pytest.raises(InputError, match=r"1 of 2 lines have no BilledCost: line b\.csv:1, for one"):
        allocated([tmp_path / "bill"])


def test_a_file_that_is_named_or_lies_there_twice_is_refused(tmp_path: Path) -> None:
    first = put(tmp_path / "bill" / "a.csv", ONE)
    for paths in ([first, first], [tmp_path / "bill", first], [first, tmp_path / "bill" / ".." / "bill" / "a.csv"]):
        with pytest.raises(InputError, match="this file is named twice"):
            files_of_bill(paths)
    second = put(tmp_path / "bill" / "sub" / "copy of a.csv", ONE)
    with pytest.raises(InputError, match=r"it holds the same as .*a\.csv, to the byte"):
        files_of_bill([tmp_path / "bill"])
    put(second, TWO)
    assert len(files_of_bill([tmp_path / "bill"])[0]) == 2


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_beside_what_it_was_packed_into_is_refused(tmp_path: Path, ending: str) -> None:
    put(tmp_path / f"a.csv{ending}", ONE)
    put(tmp_path / "a.csv", ONE)
    with pytest.raises(InputError, match=r"it is there as a\.csv as well"):
        files_of_bill([tmp_path])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_allocation_that_is_allocated_again_counts_each_line_once(tmp_path: Path, ending: str) -> None:
    pool = line("9", tags={"cluster": "a"})
    drivers = {"gpu-hours": [{"date": "2026-03-01", "pool": "a", "team": team, "hours": "1"} for team in "xyz"]}
    rules = """
drivers: {gpu-hours: {unit: h, value: row.hours}}
rules:
  - {name: pool, layer: proportional, match: has(tags.cluster), pool: tags.cluster, driver: gpu-hours}
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
"""
    outcome, rows = run(tmp_path, [pool, ONE], rules, drivers)
    assert (outcome.billed, len(rows)) == (Decimal(10), 4)
    written = tmp_path / "again" / f"allocated.{ending}"
    written.parent.mkdir()
    if ending == "csv":
        import duckdb

        duckdb.execute(f"COPY (FROM '{tmp_path}/out.parquet') TO '{written}' (HEADER)")
    else:
        (tmp_path / "out.parquet").rename(written)
    outcome, rows, _ = allocated([written])
    assert (outcome.billed, outcome.lines, len(rows)) == (Decimal(10), 2, 2)


def test_an_allocation_among_the_files_of_a_bill_is_refused(tmp_path: Path) -> None:
    rules = "rules: [{name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}]\n"
    bill = tmp_path / "bill"
    bill.mkdir()
    run(tmp_path, [ONE], rules)
    (tmp_path / "out.parquet").rename(bill / "allocated.parquet")
    parquet(bill / "a.parquet", [ONE])
    with pytest.raises(InputError, match="allocations lie among the files of the bill, and hold its lines again"):
        allocated([bill])


@pytest.mark.parametrize("name", ["bill [1]", "bill ?", "bill *", "bill [!x]"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_letters_that_stand_for_any_stand_for_themselves(tmp_path: Path, name: str, ending: str) -> None:
    folder = tmp_path / "march [x]?"
    folder.mkdir()
    for stem, row in ((name, ONE), ("bill 1", line("100"))):
        if ending == "csv":
            put(folder / f"{stem}.csv", row)
        else:
            (parquet(folder / "made.parquet", [row])).rename(folder / f"{stem}.parquet")
    assert allocated([folder / f"{name}.{ending}"])[0].billed == 1
    assert allocated([folder / f"{name}.{ending}", folder / f"bill 1.{ending}"])[0].billed == 101


def test_drivers_and_results_of_such_names_are_their_own(tmp_path: Path) -> None:
    rules = "drivers: {use: {unit: h, value: row.hours, file: 'use [1].csv'}}\nrules:\n  - "
    rules += "{name: p, layer: proportional, match: has(tags.cluster), pool: tags.cluster, driver: use}\n"
    (tmp_path / "rules.yaml").write_text(HEAD + rules, encoding="utf-8")
    for name, team in (("use [1].csv", "right"), ("use 1.csv", "wrong")):
        write_csv(tmp_path / name, [{"date": "2026-03-01", "pool": "a", "team": team, "hours": "1"}])
    bill = write_csv(tmp_path / "bill.csv", [line("9", tags={"cluster": "a"})])
    words = ["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output"]
    assert main([*words, str(tmp_path / "out [1].csv")]) == 0
    assert "right" in (tmp_path / "out [1].csv").read_text()
    assert main([*words, str(tmp_path / "march [1]")]) == 0
    assert main(["allocate", "explain", "bill.csv:1", "--output", str(tmp_path / "march [1]")]) == 0


def test_days_without_a_line_may_be_alike(tmp_path: Path) -> None:
    header = ",".join(ONE) + "\n"
    for day in ("01", "02"):
        other(tmp_path / f"day={day}" / "a.csv", header)
    put(tmp_path / "day=03" / "a.csv", ONE)
    assert len(files_of_bill([tmp_path])[0]) == 3


@pytest.mark.parametrize("name", ["b.csv.zip", "b.gz", "b.jsonl", "b.avro", "b.xlsx"])
def test_a_file_that_may_hold_lines_and_is_not_read_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path / "bill" / "a.csv", ONE)
    other(tmp_path / "bill" / name)
    with pytest.raises(InputError) as caught:
        files_of_bill([tmp_path / "bill"])
    assert str(caught.value.place).endswith(name)
    assert "may hold lines of the bill, and is not read" in str(caught.value)


def test_a_link_to_a_folder_is_refused_since_its_lines_would_be_left_out(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "b.csv", TWO)
    put(tmp_path / "bill" / "a.csv", ONE)
    (tmp_path / "bill" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(InputError, match="this is a link to a folder, which is not followed"):
        files_of_bill([tmp_path / "bill"])
    (tmp_path / "bill" / "more").unlink()
    (tmp_path / "bill" / "b.csv").symlink_to(tmp_path / "elsewhere" / "b.csv")
    assert allocated([tmp_path / "bill"])[0].billed == 3


def test_files_in_folders_of_other_parts_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "bill" / "BILLING_PERIOD=2026-03" / "a.csv", ONE)
    put(tmp_path / "bill" / "b.csv", TWO)
    with pytest.raises(InputError, match=r"do not lie in folders of the same parts \(BILLING_PERIOD=…\)"):
        files_of_bill([tmp_path / "bill"])


def test_a_last_line_without_an_end_is_told(tmp_path: Path) -> None:
    whole = put(tmp_path / "whole.csv", ONE)
    cut = tmp_path / "cut.csv"
    cut.write_bytes(whole.read_bytes()[:-2])
    assert noticed([whole]) == []
    assert noticed([cut]) == [f"The last line has no end, as where a file is cut off: {cut}."]
    assert "The last line has no end" in " ".join(allocated([cut])[2])


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_zstd_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path, part: float) -> None:
    """DuckDB takes the lines before the cut for all of them where the cut falls between two blocks."""
    rows = [line(str(n), tags={"team": f"t{n}"}, x_Hash=str(hash((n, "x")))) for n in range(20_000)]
    whole = put(tmp_path / "bill.csv.zst", *rows).read_bytes()
    (tmp_path / "cut.csv.zst").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputError, match="the file is cut off, or it is no zstd"):
        allocated([tmp_path / "cut.csv.zst"])


def test_a_large_gzip_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    rows = [line(str(n), tags={"team": f"t{n}"}, x_Hash=str(hash((n, "x")))) for n in range(20_000)]
    whole = put(tmp_path / "bill.csv.gz", *rows).read_bytes()
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as caught:
        allocated([tmp_path / "cut.csv.gz"])
    assert "the file is cut off" in str(caught.value)
    assert str(caught.value.place) == str(tmp_path / "cut.csv.gz")


def test_zstd_with_other_separators_is_read(tmp_path: Path) -> None:
    plain = put(tmp_path / "bill.csv", ONE)
    text = "\n".join(one.replace(",", ";", len(ONE) - 1) for one in plain.read_text().splitlines() if one)
    import pyarrow

    rows: list[dict[str, Any]] = []
    with pyarrow.output_stream(str(tmp_path / "semi.csv.zst"), compression="zstd") as stream:
        stream.write((text + "\n").encode())
    _, rows, _ = allocated([tmp_path / "semi.csv.zst"])
    assert rows[0]["x_Team"] == "nlp"


@pytest.mark.parametrize("names", [["BilledCost", "billedcost"], ["BilledCost", "BilledCost"]])
def test_a_parquet_file_that_names_a_column_twice_is_refused(tmp_path: Path, names: list[str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet as files

    columns = [pa.array([1.5]), pa.array([2.5]), pa.array(["USD"]), pa.array(["2026-03-01"])]
    table = pa.table(columns, names=[*names, "BillingCurrency", "ChargePeriodStart"])
    files.write_table(table, tmp_path / "bill.parquet")
    with pytest.raises(InputError, match='two columns are named "billedcost"'):
        allocated([tmp_path / "bill.parquet"])
