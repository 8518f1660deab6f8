"""Where an allocation is written: nothing of the user's is written over, and nothing half-written stays."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate import output
from spendgate.allocate.report import invoices
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, run, write_csv

RULES = """
drivers: {heads: {unit: heads, value: row.heads, file: heads.csv}}
rules:
  - {name: t, layer: direct, match: has(tags.team), owner: {team: tags.team, project: tags.project}}
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A bill in a folder of its own, with rules and a table: the words that allocate it, without --output."""
    rows = [line("2", tags={"team": "nlp"}), line("3", tags={"team": "vision"}), line("1")]
    (tmp_path / "bill").mkdir()
    write_csv(tmp_path / "bill" / "march.csv", rows)
    (tmp_path / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    write_csv(tmp_path / "heads.csv", [{"date": "2026-03", "team": "nlp", "heads": "1"}])
    return ["allocate", str(tmp_path / "bill" / "march.csv"), "--rules", str(tmp_path / "rules.yaml")]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, with what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["report.xlsx", "march.json", "lines.csv.gz", "march.xml", "x.PDF"])
def test_an_ending_that_is_not_written_is_refused_with_those_that_are(
    tmp_path: Path, words: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--output", str(tmp_path / name)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "nothing is written as" in told
    assert ".parquet or .csv" in told
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["march", "march-2026.03", "v1.2", "new/deeper/march"])
def test_a_name_without_such_an_ending_is_a_folder(tmp_path: Path, words: list[str], name: str) -> None:
    assert main([*words, "--output", str(tmp_path / name)]) == 0
    assert {"allocated.parquet", "report.html", "summary.json"} <= set(os.listdir(tmp_path / name))


def test_a_folder_that_is_there_is_one_whatever_it_is_called(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "acme.corp").mkdir()
    assert main([*words, "--output", str(tmp_path / "acme.corp")]) == 0


def test_a_file_where_a_folder_would_stand_is_refused(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "march").write_text("mine")
    for name in (str(tmp_path / "march"), "-"):
        assert main([*words, "--output", name]) == 2
    assert (tmp_path / "march").read_text() == "mine"
    assert "is a file, not a folder" in capsys.readouterr().err


def linked(tmp_path: Path) -> Path:
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "bill" / "march.csv")
    return tmp_path / "hard.csv"


def pointed(tmp_path: Path) -> Path:
    (tmp_path / "soft.csv").symlink_to(tmp_path / "bill" / "march.csv")
    return tmp_path / "soft.csv"


@pytest.mark.parametrize(
    "where",
    [
        lambda folder: folder / "bill" / "march.csv",
        lambda folder: folder / "bill" / ".." / "bill" / "march.csv",
        lambda folder: folder / "heads.csv",
        linked,
        pointed,
    ],
    ids=["bill", "bill by another way", "driver table", "hard link", "symbolic link"],
)
def test_what_is_read_is_never_written_over(
    tmp_path: Path, words: list[str], where: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    target = where(tmp_path)
    before = contents(tmp_path)
    assert main([*words, "--output", str(target)]) == 2
    assert "would write over" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["bill", "bill/result", "bill/result.parquet"])
def test_a_folder_that_is_read_whole_gets_no_result(
    tmp_path: Path, words: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words[1] = str(tmp_path / "bill")
    before = contents(tmp_path)
    assert main([*words, "--output", str(tmp_path / name)]) == 2
    assert "the next run would read it" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_result_is_not_allocated_again_onto_itself_nor_compared_with_itself(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*words, "--output", str(out)]) == 0
    before = contents(out)
    again = ["allocate", str(out / "allocated.parquet"), *words[2:]]
    assert main([*again, "--output", str(out)]) == 2
    assert main([*words, "--output", str(out), "--previous", str(out)]) == 2
    assert contents(out) == before
    told = capsys.readouterr().err
    assert "would write over the bill" in told
    assert "lies in the earlier allocation itself" in told


def test_a_file_that_no_run_wrote_is_not_written_over_and_an_earlier_result_is(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("april.csv", "april.parquet"):
        (tmp_path / name).write_text("BilledCost\n5\n")
        assert main([*words, "--output", str(tmp_path / name)]) == 2
        assert "is not written over" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == "BilledCost\n5\n"
    for name in ("march.csv", "march.parquet"):
        assert main([*words, "--output", str(tmp_path / name)]) == 0
        assert main([*words, "--output", str(tmp_path / name)]) == 0


def test_a_folder_with_other_files_keeps_them(tmp_path: Path, words: list[str]) -> None:
    out = tmp_path / "out"
    (out / "notes").mkdir(parents=True)
    (out / "notes" / "a.txt").write_text("mine")
    (out / "kpi.xlsx").write_text("mine too")
    for _ in range(2):
        assert main([*words, "--output", str(out)]) == 0
        assert (out / "notes" / "a.txt").read_text() == "mine"
        assert (out / "kpi.xlsx").read_text() == "mine too"
    hidden = [name for name in os.listdir(out) if name.startswith(".")]
    assert hidden == []


@pytest.mark.parametrize("name", ["report.html", "summary.json", "invoices/nlp.html", "allocated.parquet"])
def test_files_of_our_names_that_no_run_wrote_are_not_written_over(
    tmp_path: Path, words: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text("mine")
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert "nothing is written over" in capsys.readouterr().err
    assert contents(tmp_path / "out") == {name: b"mine"}


@pytest.mark.parametrize("at", ["kpis.json", "report.html", "invoices.json", "vision.html"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
def test_a_run_that_stops_half_way_leaves_the_folder_as_it_was(
    tmp_path: Path, words: list[str], at: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spendgate import writing

    out = tmp_path / "out"
    assert main([*words, "--output", str(out)]) == 0
    before = contents(out)
    write_csv(tmp_path / "bill" / "march.csv", [line("7", tags={"team": "vision"})])

    def stopped(file: Path, text: str) -> None:
        if file.name == at:
            raise error
        writing.write_whole(file, text)

    for module in ("spendgate.allocate.report.write", "spendgate.allocate.kpi.write", "spendgate.cli.allocate"):
        monkeypatch.setattr(f"{module}.write_whole", stopped)
    code = main([*words, "--output", str(out)])
    assert code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert contents(out) == before
    assert main([*words, "--output", str(tmp_path / "fresh")]) == code
    assert not (tmp_path / "fresh").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


@pytest.mark.parametrize("moves", range(1, 12))
def test_a_folder_whose_files_are_moved_half_way_is_put_back(
    tmp_path: Path, words: list[str], moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for part in ("invoices", "table"):
        (out / part).mkdir(parents=True)
        (out / part / "a").write_text("old")
    (out / "report.html").write_text("old")
    (out / "invoices" / "gone").write_text("old")
    before = contents(out)
    rename, count = os.rename, 0

    def failing(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == moves:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    def write(folder: Path, text: str) -> None:
        for part in ("invoices", "table"):
            (folder / part).mkdir()
            (folder / part / "a").write_text(text)
        (folder / "report.html").write_text(text)
        (folder / "summary.json").write_text(text)

    monkeypatch.setattr("spendgate.allocate.output.os.rename", failing)
    try:
        with output.staged(out, lambda folder, new: ["invoices/gone"]) as new:
            write(new, "new")
    except InputError:
        assert contents(out) == before
    else:
        assert contents(out) == dict.fromkeys(("invoices/a", "table/a", "report.html", "summary.json"), b"new")
        assert count < moves


FILL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from spendgate.cli import main
from spendgate.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of file sizes are those of Linux")
@pytest.mark.parametrize("most", [200, 5_000])
def test_a_file_system_that_takes_no_more_is_told_and_nothing_is_left(
    tmp_path: Path, words: list[str], most: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(most), *words, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_place_where_one_may_not_write_is_told(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert main([*words, "--output", str(tmp_path / "closed" / "march")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_bad_input_leaves_no_folder(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "bill" / "march.csv").write_text("BilledCost,BillingCurrency\nfive,USD\n")
    assert main([*words, "--output", str(tmp_path / "new" / "out")]) == 2
    assert not (tmp_path / "new").exists()


def many(count: int) -> list[Mapping[str, str]]:
    return [line(f"{1 + n % 7}.0{n % 10}3", tags={"team": f"t{n:04}", "project": f"p{n}"}) for n in range(count)]


def test_a_long_list_of_owners_ends_in_one_row_and_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spendgate.allocate.text import notes, to_json, to_text

    monkeypatch.setattr("spendgate.allocate.outcome.OWNERS", 20)
    monkeypatch.setattr("spendgate.allocate.outcome.UNOWNED", 2)
    rows = [*many(60), *(line("1.5", ServiceName=f"S{n}") for n in range(5))]
    outcome, _ = run(tmp_path, rows, RULES, {"heads": [{"date": "2026-03", "team": "a", "heads": "1"}]})
    data = to_json(outcome, "out")
    assert len(data["owners"]) == 20
    assert data["owners_rest"]["rows"] == 40
    listed = sum(Decimal(row["cost"]) for row in data["owners"])
    assert listed + Decimal(data["owners_rest"]["cost"]) == outcome.allocated
    assert data["unowned_rest"] == {"rows": 3, "cost": "4.500000000000"}
    assert any("lists the 20 largest owners; 40 more have" in note for note in notes(outcome))
    told = to_text(outcome, "out", width=100)
    assert "48 more" in told
    assert "3 more" in told


def test_a_bill_with_very_many_teams_has_pages_for_the_largest_and_a_sum_for_the_others(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoices, "PAGES", 5)
    monkeypatch.setattr(invoices, "LISTED", 30)
    write_csv(tmp_path / "bill" / "march.csv", [*many(80), line("2"), line("9", tags={"team": "zz"})])
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    pages = {path.name for path in (tmp_path / "out" / "invoices").glob("*.html")}
    assert len(pages) == 5
    assert "zz.html" in pages
    found = json.loads((tmp_path / "out" / "invoices" / "invoices.json").read_text(encoding="utf-8"))
    assert len(found["invoices"]) == 30
    assert {one["file"] for one in found["invoices"]} - {None} == pages
    assert found["others"]["teams"] == 51
    together = sum(one["cents"] for one in found["invoices"]) + found["others"]["cents"]
    assert together == found["invoiced_cents"]
    assert together + found["unallocated_cents"] == found["billed_cents"]
    exact = sum(Decimal(one["exact"]) for one in found["invoices"]) + Decimal(found["others"]["exact"])
    assert exact == sum(Decimal(row["BilledCost"]) for row in many(80)) + 9
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "51 smaller teams together" in report


def test_pages_of_a_run_that_had_more_teams_are_gone(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert main([*words, "--output", str(out)]) == 0
    (out / "invoices" / "mine.html").write_text("mine")
    write_csv(tmp_path / "bill" / "march.csv", [line("2", tags={"team": "nlp"})])
    assert main([*words, "--output", str(out)]) == 0
    assert sorted(os.listdir(out / "invoices")) == ["invoices.json", "mine.html", "nlp.html"]


def test_a_table_that_is_a_folder_is_replaced_by_a_file(tmp_path: Path, words: list[str]) -> None:
    out = tmp_path / "out"
    assert main([*words, "--output", str(out)]) == 0
    shutil.move(out / "allocated.parquet", tmp_path / "part-0.parquet")
    (out / "allocated.parquet").mkdir()
    shutil.move(tmp_path / "part-0.parquet", out / "allocated.parquet" / "part-0.parquet")
    assert main([*words, "--output", str(out)]) == 0
    assert (out / "allocated.parquet").is_file()


def test_two_runs_into_one_folder_are_never_mixed(tmp_path: Path) -> None:
    """Each writes its number into many files; while they land again and again, all files are of one run."""
    from concurrent.futures import ThreadPoolExecutor

    names = [f"{n}.txt" for n in range(40)]

    def land(number: int) -> None:
        for _ in range(8):
            with output.staged(tmp_path / "out") as new:
                for name in names:
                    (new / name).write_text(str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(land, range(4)))
    assert len({(tmp_path / "out" / name).read_text() for name in names}) == 1
    assert sorted(os.listdir(tmp_path / "out")) == sorted(names)
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["rules.yaml/march", "/proc/march", "/dev/null"])
def test_a_place_that_is_no_folder_is_told(
    tmp_path: Path, words: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--output", str(tmp_path / name)]) == 2
    assert "error: " in capsys.readouterr().err


HEARS = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); from spendgate.cli import main; "
HEARS += "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
"""The command, also where whoever runs the tests ignores signals (nohup)."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
@pytest.mark.parametrize("name", ["march", "march.csv"])
def test_a_run_that_is_ended_from_outside_leaves_nothing(
    tmp_path: Path, words: list[str], number: signal.Signals, code: int, name: str
) -> None:
    bill = tmp_path / "bill" / "march.csv"
    head, *rows = bill.read_text(encoding="utf-8").splitlines(keepends=True)
    bill.write_text(head + "".join(rows) * 200_000, encoding="utf-8")
    (tmp_path / "out").mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS, *words, "--output", str(tmp_path / "out" / name)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 60
    while not list((tmp_path / "out").rglob("*.part")) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in said) == (code, False)
    assert os.listdir(tmp_path / "out") == []
    assert os.listdir(temporary) == []
