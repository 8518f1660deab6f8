"""The chargeback report and the invoices: what they show, how they add up, and that data cannot become markup."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.report import figures
from spendgate.allocate.report.cents import in_cents, rounded, show_cents
from spendgate.allocate.report.files import OURS, page_name
from spendgate.allocate.report.markup import text, visible
from spendgate.allocate.report.style import STYLE
from spendgate.cli import main
from tests.allocate.bills import HEAD, line, write_csv

RULES = """
drivers:
  gpu-hours: {unit: GPU-hours, value: row.hours}
rules:
  - name: team-tag
    layer: direct
    match: has(tags.team)
    owner: {team: tags.team, product: tags.product, environment: tags.env}
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: columns.x_Cluster
    driver: gpu-hours
  - name: by-project
    layer: direct
    match: has(tags.project)
    owner: {project: tags.project}
"""

DISPUTES = """
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {name: wrong-node, match: tags.disputed == 'yes', reason: shared, openedBy: nlp, opened: 2026-03-05}
"""

USE = [
    {"date": "2026-03-01", "pool": "a", "team": "nlp", "hours": "2"},
    {"date": "2026-03-01", "pool": "a", "team": "vision", "hours": "1"},
]


def allocated(folder: Path, rows: Sequence[Mapping[str, str]], *words: str, out: str = "out") -> Path:
    """The folder that the command writes for a bill of these lines."""
    (folder / "rules.yaml").write_text(HEAD + RULES, encoding="utf-8")
    (folder / "disputes.yaml").write_text(DISPUTES, encoding="utf-8")
    table = write_csv(folder / "gpu-hours.csv", USE)
    bill = write_csv(folder / "bill.csv", rows)
    base = ["allocate", str(bill), "--rules", str(folder / "rules.yaml"), "--drivers", str(table)]
    assert main([*base, "--disputes", str(folder / "disputes.yaml"), "--output", str(folder / out), *words]) == 0
    return folder / out


def mixed() -> list[dict[str, str]]:
    return [
        line("10.004", tags={"team": "nlp", "product": "search", "env": "production"}),
        line("20.003", tags={"team": "vision"}),
        line("5", tags={"team": "vision", "disputed": "yes"}),
        line("9", ServiceName="Kubernetes", x_Cluster="a"),
        line("3", tags={"project": "p-one"}),
        line("2.50", tags={"Team": "nlp"}),
    ]


class Page(HTMLParser):
    """What stands in a page: its tags, its text, and the captions, heads and links."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(1 for found, _ in self.tags if found == tag)


def read(file: Path) -> Page:
    return Page(file.read_text(encoding="utf-8"))


def test_the_report_says_where_every_cent_of_the_bill_goes(tmp_path: Path) -> None:
    out = allocated(tmp_path, mixed())
    found = json.loads((out / "invoices" / "invoices.json").read_text(encoding="utf-8"))
    assert found["billed_cents"] == 4951  # 49.507
    assert {one["team"]: one["cents"] for one in found["invoices"]} == {"nlp": 1601, "vision": 2300}
    assert (found["disputed_cents"], found["no_team_cents"], found["unallocated_cents"]) == (500, 300, 250)
    words = " ".join(read(out / "report.html").words)
    for shown in ("Reconciles.", "$49.51", "$16.01", "$23.00", "wrong-node", '"Team" is there; team-tag reads "team"'):
        assert shown in words


def test_showback_has_all_of_the_bill_and_chargeback_what_is_invoiced(tmp_path: Path) -> None:
    words = " ".join(read(allocated(tmp_path, mixed()) / "report.html").words)
    showback, chargeback = (words.index(title) for title in ("Showback: who used what", "Chargeback: what teams pay"))
    assert "$28.00" in words[showback:chargeback]  # vision with what it contests
    assert "Held back in dispute" in words[chargeback:]


def test_one_drills_from_a_team_to_its_lines_and_their_rule(tmp_path: Path) -> None:
    page = read(allocated(tmp_path, mixed()) / "report.html")
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert "invoices/nlp.html" in links
    assert {link[1:] for link in links if link and link.startswith("#")} <= ids
    words = " ".join(page.words)
    assert "WHERE x_Team IS NULL AND x_Layer <> 'unallocated'" in words
    for shown in (
        "bill.csv:4",
        "bill.csv:5",
        "gpu-hours",
        "66.67%",
        "SELECT * FROM 'allocated.parquet' WHERE x_Team = 'nlp'",
    ):
        assert shown in words


def test_an_invoice_says_what_share_of_which_pool_by_which_driver(tmp_path: Path) -> None:
    words = " ".join(read(allocated(tmp_path, mixed()) / "invoices" / "nlp.html").words)
    assert re.search(r"cluster\s+Kubernetes\s+·\s+pool\s+a\s*,\s+by\s+gpu-hours\s+66.67%\s+1\s+\$6\.00", words)
    assert "To pay $16.01" in words


def test_a_bill_of_several_months_is_shown_month_over_month(tmp_path: Path) -> None:
    rows = [line("10", day="2026-02-03", tags={"team": "nlp"}), line("15", day="2026-03-03", tags={"team": "nlp"})]
    words = " ".join(read(allocated(tmp_path, rows) / "report.html").words)
    assert "from 2026-02 to 2026-03" in words
    assert "+$5.00 +50.0%" in words


def test_an_earlier_allocation_is_compared_and_a_month_done_again_stands_beside_what_it_was(tmp_path: Path) -> None:
    rows = [line("10", day="2026-02-03", tags={"team": "nlp"}), line("8", day="2026-03-03", tags={"team": "nlp"})]
    earlier = allocated(tmp_path, rows, out="earlier")
    rows = [line("15", day="2026-03-03", tags={"team": "nlp"})]
    words = " ".join(read(allocated(tmp_path, rows, "--previous", str(earlier)) / "report.html").words)
    assert "2026-02 2026-03 before 2026-03" in words
    assert "$10.00 $8.00 $15.00 +$7.00" in words


def test_an_earlier_allocation_in_another_currency_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = allocated(tmp_path, [{**line("1", tags={"team": "nlp"}), "BillingCurrency": "EUR"}], out="earlier")
    words = ["allocate", str(write_csv(tmp_path / "b.csv", [line("1")])), "--rules", str(tmp_path / "rules.yaml")]
    words += ["--drivers", str(tmp_path / "gpu-hours.csv"), "--output", str(tmp_path / "out")]
    assert main([*words, "--previous", str(earlier)]) == 2
    assert "the earlier allocation is in EUR, this one in USD" in capsys.readouterr().err


def test_an_earlier_allocation_that_is_none_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allocated(tmp_path, mixed(), out="first")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "allocated.parquet").write_text("junk", encoding="utf-8")
    words = ["allocate", str(tmp_path / "bill.csv"), "--rules", str(tmp_path / "rules.yaml")]
    words += ["--drivers", str(tmp_path / "gpu-hours.csv"), "--output", str(tmp_path / "out")]
    for earlier, told in (("none", "no such allocation"), ("broken", "the allocation cannot be read")):
        assert main([*words, "--previous", str(tmp_path / earlier)]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "a\u0000b\u0007",
    "../../etc/passwd",
    "nul",
    "مرحبا",
    "{{7*7}}",
]


def test_what_stands_in_tags_and_names_never_becomes_markup(tmp_path: Path) -> None:
    rows = [
        line(str(5 + n), tags={"team": bad, "product": bad}, ResourceId=bad, ChargeDescription=bad, ServiceName=bad)
        for n, bad in enumerate(HOSTILE)
    ]
    rows += [line("1", tags={bad: "x"}, ServiceName=bad) for bad in HOSTILE]
    out = allocated(tmp_path, [{name: value.replace("\0", "") for name, value in row.items()} for row in rows])
    for file in [out / "report.html", *(out / "invoices").glob("*.html")]:
        page = read(file)
        assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "b", "iframe", "link", "object"})
        for tag, attributes in page.tags:
            assert not [name for name in attributes if name.startswith("on")], (file, tag)
            link = attributes.get("href")
            assert link is None or re.fullmatch(r"#[a-z0-9-]+|invoices/[a-z0-9._-]+|\.\./report\.html", link)
        markup = file.read_text(encoding="utf-8")
        assert "\u202e" not in markup
        assert "\x07" not in markup
        assert "default-src 'none'" in markup
        assert "http" not in re.sub(r"http-equiv", "", markup)
    assert "⟨U+202E⟩gnp.exe" in "".join(read(out / "report.html").words)


def test_the_page_has_headings_captions_and_headed_rows_and_columns(tmp_path: Path) -> None:
    page = read(allocated(tmp_path, mixed()) / "report.html")
    assert page.count("h1") == 1
    assert page.count("table") == page.count("caption") > 5
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags
    framed = [attributes for tag, attributes in page.tags if attributes.get("class") == "scroll"]
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in framed)


def test_a_page_of_many_lines_and_teams_stays_small_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    rows = [line(f"{1 + n % 97}", tags={"team": f"team-{n % 300}", "product": f"p{n}"}) for n in range(6000)]
    out = allocated(tmp_path, rows)
    assert (out / "report.html").stat().st_size < 600_000
    words = " ".join(read(out / "report.html").words)
    assert f"{300 - figures.OWNERS} more teams" in words
    assert f"The {figures.DRILLED} largest of 300 owners are here" in words
    assert f"{20 - figures.LINES} smaller rows" in words
    assert len(list((out / "invoices").glob("*.html"))) == 300


def test_pages_of_teams_that_are_gone_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    out = allocated(tmp_path, mixed())
    (out / "invoices" / "notes.html").write_text("mine", encoding="utf-8")
    allocated(tmp_path, [line("1", tags={"team": "vision"})])
    left = sorted(file.name for file in (out / "invoices").iterdir())
    assert left == ["invoices.json", "notes.html", "vision.html"]


amounts = st.integers(-(10**21), 10**21).map(lambda units: Decimal(units).scaleb(-12))


@given(st.lists(amounts, min_size=1, max_size=12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_cents_add_up_and_none_is_off_by_a_whole_one(parts: list[Decimal], currency: str) -> None:
    places = {"USD": 2, "JPY": 0, "KWD": 3}[currency]
    whole = rounded(sum(parts, Decimal()), currency)
    cents = in_cents(parts, whole, currency)
    assert sum(cents) == whole
    assert all(abs(part.scaleb(places) - own) < 1 for part, own in zip(parts, cents, strict=True))


def test_charges_and_credits_that_cancel_keep_their_cents() -> None:
    assert in_cents([Decimal("1000.004"), Decimal("-1000")], 0, "USD") == [100000, -100000]


def test_a_currency_without_cents_has_none() -> None:
    assert show_cents(-1234, "JPY") == "-1,234 JPY"
    assert show_cents(-123456, "USD") == "-$1,234.56"


@given(st.lists(st.text(max_size=80), max_size=12, unique=True))
def test_every_team_has_a_file_of_its_own_on_every_file_system(teams: list[str]) -> None:
    names = [page_name(team) for team in teams]
    assert len({name.casefold() for name in names}) == len(teams)
    assert all(OURS.fullmatch(name) for name in names)


def test_teams_that_differ_in_case_alone_do_not_share_a_file() -> None:
    assert len({page_name(team).casefold() for team in ("NLP", "nlp", "Nlp", "n/lp", "nul", "con")}) == 6


@given(st.text())
def test_escaped_text_has_no_markup_and_nothing_hidden(value: str) -> None:
    made = text(value)
    assert not set(made) & set("<>\"'")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x7f-\x9f]", visible(value))


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")
def test_a_browser_shows_the_page_and_runs_nothing(tmp_path: Path) -> None:
    rows = [line("5", tags={"team": bad.replace("\0", "")}) for bad in HOSTILE]
    out = allocated(tmp_path, rows)
    assert BROWSER is not None
    words = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*words, "--enable-logging=stderr", "--dump-dom", (out / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    page = Page(done.stdout)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert page.count("details") == len(HOSTILE)
    assert "Content Security Policy" not in done.stderr


def test_a_table_that_is_a_folder_of_files_is_read_as_one(tmp_path: Path) -> None:
    from spendgate.allocate.report.write import read_summary, write_report
    from spendgate.allocate.run import engine

    out = allocated(tmp_path, mixed())
    before = (out / "report.html").read_text(encoding="utf-8")
    (out / "allocated.parquet").rename(tmp_path / "part-0.parquet")
    (out / "allocated.parquet").mkdir()
    (tmp_path / "part-0.parquet").rename(out / "allocated.parquet" / "part-0.parquet")
    with engine() as connection:
        write_report(connection, out, read_summary(out))
    after = (out / "report.html").read_text(encoding="utf-8")
    assert after.split("<h2")[3:6] == before.split("<h2")[3:6]
    assert "FROM &#x27;allocated.parquet/*.parquet&#x27; WHERE" in after


def test_a_bill_without_any_team_or_owner_is_shown_too(tmp_path: Path) -> None:
    words = " ".join(read(allocated(tmp_path, [line("3", tags={"project": "p"}), line("4")]) / "report.html").words)
    assert "no team $3.00 42.9%" in " ".join(words.split())
    words = " ".join(read(allocated(tmp_path, [line("4")]) / "report.html").words)
    assert "Unallocated $4.00 100.0%" in " ".join(words.split())
    words = " ".join(read(allocated(tmp_path, [line("4"), line("-4")]) / "report.html").words)
    assert "Total $0.00" in " ".join(words.split())


def test_an_invoice_of_many_positions_puts_the_small_ones_together_and_adds_up(tmp_path: Path) -> None:
    rows = [line(f"{200 - n}.015", tags={"team": "nlp"}, ServiceName=f"service {n:03}") for n in range(130)]
    words = " ".join(" ".join(read(allocated(tmp_path, rows) / "invoices" / "nlp.html").words).split())
    assert "Smaller positions together" in words
    total = round(sum(Decimal(row["BilledCost"]) for row in rows) * 100)
    shown = [Decimal(amount.replace(",", "")) for amount in re.findall(r" \$([0-9,]+\.\d\d)", words)]
    positions = shown[1:-1]  # what is to pay stands first and last
    assert len(positions) == 101
    assert sum(positions) * 100 == total == shown[0] * 100 == shown[-1] * 100


def test_a_report_that_does_not_reconcile_says_so(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        HEAD + "rules: [{name: t, layer: direct, match: 'true', owner: {team: tags.t}}]\n"
    )
    rows = [{**line("1", tags={"t": "a"}), "Id": "x<i>"}, {**line("2", tags={"t": "a"}), "Id": "x<i>"}]
    bill = write_csv(tmp_path / "bill.csv", rows)
    words = ["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output", str(tmp_path / "out")]
    assert main([*words, "--line-id", "Id"]) == 1
    page = read(tmp_path / "out" / "report.html")
    told = "".join(page.words)
    assert "Does not reconcile." in told
    assert "Line ids stand more than once, so lines may count twice: x<i>." in told
    assert "differ from the bill" not in told
    assert page.count("i") == 0


def contrast(one: str, two: str) -> float:
    """The ratio of two colours, by the Web Content Accessibility Guidelines 2.2."""

    def luminance(color: str) -> float:
        parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(theme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[theme]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    for text_color, ground in [
        *((text_color, ground) for text_color in ("text", "soft", "link") for ground in ("ground", "panel")),
        ("good", "good-ground"),
        ("bad", "bad-ground"),
    ]:
        assert contrast(colors[text_color], colors[ground]) >= 4.5, (text_color, ground)


BUDGETS = """
apiVersion: spendgate.dev/v1
kind: Budgets
budgets:
  nlp: {tags: {team: nlp}, monthly: 100, daily: 4}
  vision <b>: {tags: {team: vision}, monthly: 1000}
  all: {monthly: 130}
"""


def daily(days: int = 20) -> list[dict[str, str]]:
    """Two teams for some days; one of them cost ten times as much on one of these days."""
    rows = []
    for day in range(1, days + 1):
        stamp = f"2026-03-{day:02}"
        wobble = f"{3 + day % 3 / 10:.1f}"
        rows.append(line("40" if day == 18 else wobble, stamp, {"team": "nlp"}, SkuId="a'b", ResourceId=f"i-<{day}>"))
        rows.append(line("2", stamp, {"team": "vision", "product": "p"}, SkuId="quiet", ChargeCategory="Usage"))
    month = line("50", "2026-03-19", {"team": "nlp"}, SkuId="store", ResourceId="s3")
    return [*rows, {**month, "ChargePeriodEnd": "2026-04-01T00:00:00Z"}]


def with_budgets(folder: Path, *words: str) -> Path:
    (folder / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    return allocated(folder, daily(), "--budgets", str(folder / "budgets.yaml"), *words)


def test_budgets_and_the_end_of_the_month_stand_in_the_report(tmp_path: Path) -> None:
    out = with_budgets(tmp_path)
    data = json.loads((out / "budgets.json").read_text(encoding="utf-8"))
    words = " ".join(" ".join(read(out / "report.html").words).split())
    states = {one["name"]: one["state"] for one in data["budgets"]}
    assert states == {"nlp": "exceeded", "vision <b>": "within", "all": "exceeded"}
    whole = data["bill"]
    for shown in ("vision <b>", "exceeded", "within", "Budgets 2 of 3 over, or expected to be"):
        assert shown in words
    for amount in (whole["expected"], whole["low"], whole["high"]):
        assert f"${Decimal(amount):,.2f}" in words


def test_an_unusual_day_is_drilled_into_down_to_its_lines(tmp_path: Path) -> None:
    import duckdb

    out = with_budgets(tmp_path)
    (one,) = json.loads((out / "budgets.json").read_text(encoding="utf-8"))["anomalies"]
    assert (one["day"], one["team"], one["sku"], one["cost"]) == ("2026-03-18", "nlp", "a'b", "40.000000000000")
    page = read(out / "report.html")
    words = " ".join(" ".join(page.words).split())
    assert "+$36.90 2026-03-18: nlp , Compute a'b $40.00, usually $3.10" in words
    assert one["lines"][0]["line"] in words
    assert "i-<18>" in words
    query = next(word for word in page.words if word.startswith("SELECT") and "DATE '2026-03-18'" in word)
    found = duckdb.sql(query.replace("'allocated.parquet'", f"'{out / 'allocated.parquet'}'"))
    assert found is not None
    index = found.columns.index("x_AllocatedCost")
    assert [row[index] for row in found.fetchall()] == [Decimal("40")]
    assert main(["allocate", "explain", one["lines"][0]["line"], "--output", str(out)]) == 0


def test_what_is_charged_for_a_month_in_one_line_is_neither_unusual_nor_carried_on(tmp_path: Path) -> None:
    data = json.loads((with_budgets(tmp_path) / "budgets.json").read_text(encoding="utf-8"))
    assert "store" not in {one["sku"] for one in data["anomalies"]}
    use = sum(Decimal(row["BilledCost"]) for row in daily() if row["SkuId"] != "store")
    assert Decimal(data["bill"]["spent"]) == use + 50
    assert Decimal(data["bill"]["daily_mean"]) == use / 20


def test_forecasts_by_driver_stand_in_the_report_with_what_is_not_known(tmp_path: Path) -> None:
    write_csv(tmp_path / "inferences.csv", [{"date": "2026-03", "inferences": "100"}])
    write_csv(tmp_path / "hours.csv", [{"date": "2026-03-01", "team": "nlp", "gpu_hours": "10"}])
    words = ("--usage", f"inferences={tmp_path / 'inferences.csv'}", "--growth", "10")
    page = " ".join(" ".join(read(with_budgets(tmp_path, *words) / "report.html").words).split())
    assert "Months ahead, by inferences Not known; missing: months that have both" in page


def test_kpis_that_are_added_later_keep_the_budgets_and_a_run_without_budgets_has_none(tmp_path: Path) -> None:
    out = with_budgets(tmp_path)
    assert main(["allocate", "kpis", "--output", str(out)]) == 0
    assert (out / "budgets.json").exists()
    assert 'id="budgets"' in (out / "report.html").read_text(encoding="utf-8")
    allocated(tmp_path, daily())
    assert not (out / "budgets.json").exists()
    assert 'id="budgets"' not in (out / "report.html").read_text(encoding="utf-8")
    words = ["allocate", "kpis", "--output", str(out), "--budgets", str(tmp_path / "budgets.yaml")]
    assert main([*words, "--as-of", "2026-03-10"]) == 0
    assert json.loads((out / "budgets.json").read_text(encoding="utf-8"))["as_of"] == "2026-03-10"


def test_budgets_that_are_wrong_are_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allocated(tmp_path, daily(), out="first")
    base = ["allocate", str(tmp_path / "bill.csv"), "--rules", str(tmp_path / "rules.yaml")]
    base += ["--drivers", str(tmp_path / "gpu-hours.csv"), "--output", str(tmp_path / "out")]
    (tmp_path / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    given = ["--budgets", str(tmp_path / "budgets.yaml")]
    for words, told in (
        (["--budgets", str(tmp_path / "none.yaml")], "none.yaml"),
        ([*given, "--as-of", "2025-01-01"], "the bill starts on 2026-03-01"),
        ([*given, "--growth", "much"], '"much" is not a number of per cent'),
        (["--growth", "5"], "--growth is for --budgets"),
    ):
        assert main([*base, *words]) == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_the_first_screen_has_the_total_its_change_who_pays_most_and_what_nobody_pays(tmp_path: Path) -> None:
    earlier = allocated(tmp_path, [line("10", day="2026-02-03", tags={"team": "nlp"})], out="earlier")
    rows = [line("12", tags={"team": "nlp"}), line("2", tags={"Team": "nlp"}), line("6", tags={"team": "vision"})]
    page = read(allocated(tmp_path, rows, "--previous", str(earlier)) / "report.html")
    words = " ".join(" ".join(page.words).split())
    first = words[words.index("Chargeback 2026-03 3 lines") : words.index("Showback: who used what")]
    for shown in (
        "Billed $20.00 3 lines",
        "Change +100.0% +$10.00, from 2026-02",
        "Allocated 90.0% $18.00 by rules",
        "Unallocated $2.00 10.0% of the bill, 1 line",
        "Invoiced $18.00 to 2 teams",
        "nlp $12.00 60.0% +20.0% vision $6.00 30.0% new",
        '"Team" is there; team-tag reads "team" 1 $2.00',
    ):
        assert shown in first


def test_an_invoice_says_what_changed_since_the_month_before(tmp_path: Path) -> None:
    earlier = allocated(tmp_path, [line("10", day="2026-02-03", tags={"team": "nlp"})], out="earlier")
    out = allocated(tmp_path, [line("12", tags={"team": "nlp"})], "--previous", str(earlier))
    words = " ".join(" ".join(read(out / "invoices" / "nlp.html").words).split())
    assert "Change +20.0% $10.00 in 2026-02, $12.00 in 2026-03, with what is in dispute" in words
    words = " ".join(read(earlier / "invoices" / "nlp.html").words)
    assert "Change" not in words


def test_outputs_are_what_the_published_schemas_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from jsonschema import Draft202012Validator

    from spendgate.schemas import schema

    def check(name: str, data: Any) -> None:
        errors = [
            f"{list(one.absolute_path)}: {one.message}" for one in Draft202012Validator(schema(name)).iter_errors(data)
        ]
        assert errors == []

    def printed(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, "--format", "json"]) in (0, 1)
        return json.loads(capsys.readouterr().out)

    plain = allocated(tmp_path, mixed(), out="plain")
    rich = with_budgets(
        tmp_path, "--usage", str(write_csv(tmp_path / "tokens.csv", [{"date": "2026-03", "tokens": "9"}]))
    )
    for out in (plain, rich):
        for name, file in (("summary", "summary.json"), ("kpis", "kpis.json"), ("invoices", "invoices/invoices.json")):
            check(name, json.loads((out / file).read_text(encoding="utf-8")))
    check("budget-check", json.loads((rich / "budgets.json").read_text(encoding="utf-8")))
    budgets = str(tmp_path / "budgets.yaml")
    check("budget-check", printed("budget", "check", str(rich), "--budgets", budgets))
    check("budget-check", printed("budget", "check", str(tmp_path / "bill.csv"), "--budgets", budgets))
    check("budget-check", printed("budget", "check", str(plain), "--budgets", budgets))
    check("kpis", printed("allocate", "kpis", "--output", str(plain)))
    for number in range(1, 7):
        told = printed("allocate", "explain", f"bill.csv:{number}", "--output", str(plain))
        check("explain", told)
        assert sum(Decimal(one["cost"]) for one in told["pays"]) == Decimal(told["cost"])
    words = ["allocate", str(tmp_path / "bill.csv"), "--rules", str(tmp_path / "rules.yaml")]
    words += ["--drivers", str(tmp_path / "gpu-hours.csv"), "--output", str(tmp_path / "lines.parquet")]
    check("summary", printed(*words))


PATHS = [
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "CON",
    "con",
    "aux.html",
    "a/b",
    "a\\b",
    "C:",
    "x" * 300,
    " ",
    "nlp ",
    "NLP",
]
PATHS += ["nlp", "n-l-p", "n l p", "é", "e\u0301", "invoices.json", "🦊", "%2e%2e", "-", "a\nb", "=1+1"]


def test_teams_that_are_named_like_paths_and_devices_have_pages_of_their_own_inside_the_folder(tmp_path: Path) -> None:
    rows = [line(str(n), tags={"team": team}) for n, team in enumerate(PATHS, start=1)]
    rows.append(line("100", tags={"team": ""}))
    out = allocated(tmp_path, rows)
    found = json.loads((out / "invoices" / "invoices.json").read_text(encoding="utf-8"))
    files = {one["team"]: one["file"] for one in found["invoices"]}
    assert set(PATHS) <= set(files)
    assert len({file.casefold() for file in files.values()}) == len(files)
    assert all(OURS.fullmatch(file) and (out / "invoices" / file).is_file() for file in files.values())
    assert (
        sum(one["cents"] for one in found["invoices"]) + found["no_team_cents"] + found["unallocated_cents"]
        == (found["billed_cents"])
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "out", "bill.csv", "rules.yaml", "disputes.yaml", "gpu-hours.csv"
    }  # fmt: skip
    links = {attributes.get("href") for tag, attributes in read(out / "report.html").tags if tag == "a"}
    assert {f"invoices/{file}" for file in files.values()} <= links


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', "\t=1", "\r=1", "=cmd|' /C calc'!A0"]


def test_a_csv_keeps_every_name_as_it_is(tmp_path: Path) -> None:
    """Data that is allocated again, joined and summed must be what it was: a name is no formula here. Whoever opens
    the file in a spreadsheet imports these columns as text (docs/chargeback.md)."""
    import csv

    rows = [line("1", tags={"team": bad}) for bad in FORMULAS]
    (tmp_path / "rules.yaml").write_text(
        HEAD + "rules: [{name: t, layer: direct, match: 'true', owner: {team: tags.team}}]\n"
    )
    bill, out = write_csv(tmp_path / "bill.csv", rows), tmp_path / "lines.csv"
    assert main(["allocate", str(bill), "--rules", str(tmp_path / "rules.yaml"), "--output", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as text:
        assert sorted(row["x_Team"] for row in csv.DictReader(text)) == sorted(FORMULAS)


def test_a_report_of_many_lines_and_owners_is_light(tmp_path: Path) -> None:
    teams, lines_ = 300, 30_000
    rows = [
        line(
            f"{1 + n % 97}.{n % 89:02}",
            f"2026-03-{1 + n % 28:02}",
            {"team": f"team-{n % teams:03}", "product": f"p{n % 50}"},
            SkuId=f"s{n % 40}",
            ResourceId=f"r{n}",
        )
        for n in range(lines_)
    ]
    (tmp_path / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    out = allocated(tmp_path, rows, "--budgets", str(tmp_path / "budgets.yaml"))
    assert (out / "report.html").stat().st_size < 400_000
    assert (out / "summary.json").stat().st_size < 400_000
    pages = [path.stat().st_size for path in (out / "invoices").glob("*.html")]
    assert len(pages) == teams
    assert max(pages) < 60_000


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("0", "0.0%"),
        ("1", "100.0%"),
        ("0.9996", ">99.9%"),
        ("0.0002", "<0.1%"),
        ("-0.0002", "-<0.1%"),
        ("1.3", "130.0%"),
    ],
)
def test_what_is_not_nothing_and_not_all_is_not_shown_as_if_it_were(part: str, shown: str) -> None:
    from spendgate.allocate.report.shown import per_cent

    assert per_cent(Decimal(part)) == shown


@pytest.mark.parametrize("bad", [*HOSTILE[:5], "</code></pre><script>x</script>", "a'; DROP TABLE x; --"])
def test_names_behind_an_unusual_day_never_become_markup_nor_another_query(tmp_path: Path, bad: str) -> None:
    import duckdb

    (tmp_path / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    given = {"SkuId": bad, "ServiceName": bad, "ResourceId": bad, "ChargeDescription": bad}
    rows = [line("90" if day == 9 else "1", f"2026-03-{day:02}", {"team": bad}, **given) for day in range(1, 13)]
    out = allocated(tmp_path, rows, "--budgets", str(tmp_path / "budgets.yaml"))
    page = read(out / "report.html")
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "b", "iframe"})
    query = next(word for word in page.words if word.startswith("SELECT") and "DATE '2026-03-09'" in word)
    if "⟨U+" not in query:
        found = duckdb.sql(query.replace("'allocated.parquet'", f"'{out / 'allocated.parquet'}'"))
        assert found is not None
        assert len(found.fetchall()) == 1


def test_what_stands_in_a_bill_neither_forges_a_line_of_explain_nor_steers_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "x\npays      100%  $0.00  nobody\x1b[2J"
    out = allocated(tmp_path, [line("4", tags={"team": "nlp"}, ChargeDescription=bad, ResourceId=bad)])
    capsys.readouterr()
    assert main(["allocate", "explain", "bill.csv:1", "--output", str(out)]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert sum(row.startswith("pays") for row in told.splitlines()) == 1
