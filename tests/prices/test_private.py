"""Prices of one's own: one file, a row each; they win, they are traced, and they touch nothing else."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.prices.adding import HEAD, add
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import problems
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.private import amount_of, date_of, find_folder, folder_for

BUILTIN = Catalogue.builtin()


def catalogue(folder: Path, *rows: str, head: str = HEAD) -> Catalogue:
    folder.mkdir(exist_ok=True)
    (folder / "private.csv").write_text(head + "".join(f"{row}\n" for row in rows), "utf-8")
    return Catalogue.with_user(folder)


P5 = "aws,p5.48xlarge,us-east-1,on_demand,40.00,hour,USD,contract 4711,2026-11-01,three years"


# What it costs


def test_a_private_price_wins_and_says_where_it_is_from(tmp_path: Path):
    quote = catalogue(tmp_path, P5).quote("aws", "p5.48xlarge", "us-east-1")
    assert (quote.amount, quote.as_of, quote.note, quote.private) == (Decimal(40), "2026-11-01", "three years", True)
    assert quote.source == f"contract 4711 (private, {tmp_path}/private.csv)"


def test_it_holds_for_a_zone_of_its_region(tmp_path: Path):
    assert catalogue(tmp_path, P5).quote("aws", "p5.48xlarge", "us-east-1b").amount == Decimal(40)


def test_other_regions_sizes_and_managed_types_keep_the_public_price(tmp_path: Path):
    row = "aws,g5.xlarge,us-east-1,on_demand,0.40,hour,USD,ours,2026-11-01,"  # the size whose factor the others follow
    changed = catalogue(tmp_path, row)
    for item, region in [
        ("g5.xlarge", "eu-central-1"),
        ("g5.12xlarge", "eu-central-1"),
        ("g5.12xlarge", "us-east-1"),
        ("ml.g5.xlarge", "us-east-1"),
        ("ml.g5.16xlarge", "us-east-1"),
    ]:
        assert changed.quote("aws", item, region) == BUILTIN.quote("aws", item, region)


def test_a_table_of_ones_own_does_not_change_what_is_derived_from_public_prices(tmp_path: Path):
    (tmp_path / "aws/prices").mkdir(parents=True)
    (tmp_path / "sources.csv").write_text("id,as_of,strength,where,what\nours,2026-11-01,strong,contract,\n")
    (tmp_path / "aws/prices/g.csv").write_text(
        "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\ng5.xlarge,us-east-1,0.40\n"
    )
    changed = Catalogue.with_user(tmp_path)
    assert changed.quote("aws", "g5.xlarge", "us-east-1").amount == Decimal("0.40")
    assert changed.quote("aws", "g5.12xlarge", "eu-central-1") == BUILTIN.quote("aws", "g5.12xlarge", "eu-central-1")


def test_a_slice_is_priced_by_its_chips_own_price(tmp_path: Path):
    changed = catalogue(tmp_path, "gcp,tpu-v5e,us-central1,on_demand,0.70,hour,USD,ours,2026-11-01,")
    quote = changed.quote("gcp", "v5litepod-8", "us-central1")
    assert (quote.amount, quote.private) == (Decimal("5.6"), True)


def test_reserved_capacity_gets_a_price_where_the_public_has_none(tmp_path: Path):
    row = P5.replace("on_demand", "reserved").replace("40.00", "31")
    changed = catalogue(tmp_path, row)
    assert changed.quote("aws", "p5.48xlarge", "us-east-1", Purchase.RESERVED).amount == Decimal(31)
    assert changed.quote("aws", "p5.48xlarge", "us-east-1").amount == Decimal("55.04")


def test_the_public_spot_price_is_bounded_by_the_private_on_demand_price(tmp_path: Path):
    spot = catalogue(tmp_path, P5).quote("aws", "p5.48xlarge", "us-east-1", Purchase.SPOT)
    assert (spot.low, spot.high) == (Decimal("18.7089"), Decimal(40))
    low = catalogue(tmp_path, P5.replace("40.00", "15")).quote("aws", "p5.48xlarge", "us-east-1", Purchase.SPOT)
    assert low.low == low.amount == low.high == Decimal(15)


def test_a_private_spot_price_is_a_range_up_to_on_demand(tmp_path: Path):
    changed = catalogue(tmp_path, P5.replace("on_demand", "spot").replace("40.00", "12"))
    spot = changed.quote("aws", "p5.48xlarge", "us-east-1", Purchase.SPOT)
    assert (spot.low, spot.amount, spot.high) == (Decimal(12), Decimal(12), Decimal("55.04"))


def test_storage_has_private_prices_too(tmp_path: Path):
    changed = catalogue(
        tmp_path,
        "aws,ebs.gp3,eu-central-1,on_demand,0.0952,GiB-month,USD,list,2026-11-01,",
        "gcp,disk.pd-ssd,us-central1,on_demand,0.17,GiB-month,USD,list,2026-11-01,",
    )
    assert changed.storage_quote("aws", "ebs.gp3", "eu-central-1").amount == Decimal("0.0952")
    assert changed.storage_quote("gcp", "disk.pd-ssd", "us-central1").unit == "GiB-month"
    assert changed.storage_quote("aws", "ebs.gp3", "eu-west-1").reason is NoPrice.UNPRICED


def test_a_type_that_only_a_private_row_names_is_found(tmp_path: Path):
    changed = catalogue(tmp_path, P5.replace("p5.48xlarge", "p9.48xlarge"))
    assert changed.providers_of("p9.48xlarge") == ("aws",)
    assert changed.quote("aws", "p9.48xlarge", "us-east-1").amount == Decimal(40)


def test_the_files_head_speaks_for_rows_that_leave_a_cell_open(tmp_path: Path):
    head = "# source: contract 4711\n# currency: USD\nprovider,item,region,purchase,price,source,as_of\n"
    changed = catalogue(tmp_path, "aws,p5.48xlarge,us-east-1,on_demand,40,,2026-11", head=head)
    assert "contract 4711" in changed.quote("aws", "p5.48xlarge", "us-east-1").source


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path):
    (tmp_path / "private.csv").write_bytes(("\ufeff" + HEAD + P5 + "\n").replace("\n", "\r\n").encode())
    assert Catalogue.with_user(tmp_path).quote("aws", "p5.48xlarge", "us-east-1").amount == Decimal(40)


# What is wrong with a file


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (P5.replace("aws", "awz"), 'no provider "awz" did you mean "aws"?'),
        (P5.replace("us-east-1", "us-esat-1"), 'no region "us-esat-1" of aws did you mean "us-east-1"?'),
        (P5.replace("on_demand", "ondemand"), 'no purchase option "ondemand" did you mean "on_demand"?'),
        (P5.replace("40.00", "-1"), "a price is above zero, not -1"),
        (P5.replace("40.00", "cheap"), 'a price is a number, not "cheap"'),
        (P5.replace("USD", "EUR"), "prices are in USD, not in EUR"),
        (P5.replace("2026-11-01", "2026-13-01"), 'not "2026-13-01"'),
        (P5.replace("2026-11-01", "2999"), "as_of 2999 lies ahead"),
        (P5.replace("contract 4711", ""), "no source"),
        (P5 + ",more", "11 values for 10 columns"),
        (P5.replace("contract 4711", '"contract 4711'), "CSV does not parse"),
    ],
)
def test_a_wrong_row_is_told_with_file_and_line(tmp_path: Path, row: str, says: str):
    with pytest.raises(InputError) as caught:
        catalogue(tmp_path, row).quote("aws", "g5.xlarge", "us-east-1")
    said = str(caught.value).replace("\n", " ")
    assert f"{tmp_path}/private.csv:4: " in said
    assert says in said


def test_every_wrong_row_is_told_at_once(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        catalogue(tmp_path, P5.replace("40.00", "0"), P5, P5).quote("aws", "g5.xlarge", "us-east-1")
    assert [error.place.line for error in caught.value.errors] == [4, 6]
    assert "stands in line 5 already" in str(caught.value)


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path):
    (tmp_path / "private.csv").write_bytes(HEAD.encode() + P5.encode() + b"\xff\n")
    with pytest.raises(InputError) as caught:
        Catalogue.with_user(tmp_path).quote("aws", "g5.xlarge", "us-east-1")
    assert str(caught.value).startswith(f"{tmp_path}/private.csv:4: is not UTF-8 text")


def test_an_empty_file_lacks_its_columns(tmp_path: Path):
    with pytest.raises(InputError, match="column provider, item"):
        catalogue(tmp_path, head="").quote("aws", "g5.xlarge", "us-east-1")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (P5.replace("p5.48xlarge", "p5.48xlarg"), 'did you mean "p5.48xlarge"?'),
        (P5.replace(",hour,", ",GiB-month,"), "billed by hour, not by GiB-month"),
        (P5.replace("40.00", "4000"), "costs 4000, on demand 55.04: is it a price?"),
        (P5.replace("40.00", "0.40"), "costs 0.40, on demand 55.04: is it a price?"),
        ("aws,ebs.gp3,us-east-1,spot,0.08,GiB-month,USD,list,2026,", "is not bought as spot"),
    ],
)
def test_a_strange_private_price_is_a_problem_with_its_row(tmp_path: Path, row: str, says: str):
    (problem,) = problems(catalogue(tmp_path, row))
    assert says in problem.message
    assert str(problem.place) == f"{tmp_path}/private.csv:4"
    assert not problem.unreadable


def test_a_discount_is_no_problem_though_it_leaves_the_band_of_its_model(tmp_path: Path):
    assert list(problems(catalogue(tmp_path, P5.replace("40.00", "8")))) == []


# Adding


def test_the_first_price_makes_the_file(tmp_path: Path):
    done = add(tmp_path / "new" / "prices", "aws", "p5.48xlarge", "us-east-1", "40.00", as_of="2026-11-01", source="c")
    assert done.file.read_text("utf-8") == HEAD + "aws,p5.48xlarge,us-east-1,on_demand,40.00,hour,USD,c,2026-11-01,\n"
    quote = Catalogue.with_user(done.file.parent).quote("aws", "p5.48xlarge", "us-east-1")
    assert (quote.amount, quote.unit) == (Decimal(40), "hour")
    assert list(problems(Catalogue.with_user(done.file.parent))) == []


MINE = """\
# ours, do not sort

provider,item,region,purchase,price,as_of,source,note
# the big ones
aws,p5.48xlarge,us-east-1,on_demand,40.00,2026-11-01,contract,"two
lines, and ""quotes"" "
aws,p5.48xlarge,us-east-2,on_demand,41.00,2026-11-01,contract,

# the end"""


def test_other_rows_remarks_blanks_and_column_order_stay(tmp_path: Path):
    file = tmp_path / "private.csv"
    file.write_text(MINE, "utf-8")
    file.chmod(0o640)
    add(tmp_path, "aws", "g5.xlarge", "us-east-1", "0.9", as_of="2026-11-02", source="c", note="a, b")
    assert file.read_text("utf-8") == f'{MINE}\naws,g5.xlarge,us-east-1,on_demand,0.9,2026-11-02,c,"a, b"\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["private.csv"]


def test_a_price_that_is_there_is_replaced_only_when_asked_for(tmp_path: Path):
    file = tmp_path / "private.csv"
    file.write_text(MINE, "utf-8")
    price = (tmp_path, "aws", "p5.48xlarge", "us-east-1", "39")
    with pytest.raises(InputError) as caught:
        add(*price)
    assert "costs 40.00 already (as of 2026-11-01)" in caught.value.message
    assert str(caught.value.place) == f"{file}:6"
    assert file.read_text("utf-8") == MINE
    done = add(*price, overwrite=True, as_of="2026-11-02", source="c")
    assert done.before == Decimal(40)
    before, _, after = MINE.partition("aws,p5.48xlarge,us-east-1")
    row = "aws,p5.48xlarge,us-east-1,on_demand,39,2026-11-02,c,\n"
    assert file.read_text("utf-8") == before + row + after[after.index("aws,") :]


def test_the_same_price_again_changes_nothing(tmp_path: Path):
    price = (tmp_path, "aws", "p5.48xlarge", "us-east-1", "40.00")
    file = add(*price).file
    first = file.stat().st_mtime_ns, file.read_bytes()
    assert not add(*price).changed
    assert (file.stat().st_mtime_ns, file.read_bytes()) == first


def test_line_ends_of_a_spreadsheet_stay(tmp_path: Path):
    file = tmp_path / "private.csv"
    text = ("\ufeff" + HEAD + P5 + "\n").replace("\n", "\r\n").encode()
    file.write_bytes(text)
    add(tmp_path, "aws", "g5.xlarge", "us-east-1", "0.9", as_of="2026-11-02", source="c")
    assert file.read_bytes() == text + b"aws,g5.xlarge,us-east-1,on_demand,0.9,hour,USD,c,2026-11-02,\r\n"


def test_a_broken_file_is_left_as_it_is(tmp_path: Path):
    file = tmp_path / "private.csv"
    file.write_text(HEAD + P5 + ",more\n", "utf-8")
    with pytest.raises(InputError, match="11 values"):
        add(tmp_path, "aws", "g5.xlarge", "us-east-1", "0.9")
    assert file.read_text("utf-8") == HEAD + P5 + ",more\n"


def test_a_note_that_the_file_has_no_column_for_is_not_dropped(tmp_path: Path):
    file = tmp_path / "private.csv"
    file.write_text("provider,item,region,purchase,price,as_of,source\n", "utf-8")
    with pytest.raises(InputError, match="column note is missing"):
        add(tmp_path, "aws", "g5.xlarge", "us-east-1", "0.9", note="why")
    assert add(tmp_path, "aws", "g5.xlarge", "us-east-1", "0.9").changed


def test_an_item_that_only_estimates_name_is_added_with_its_unit(tmp_path: Path):
    assert BUILTIN.storage_quote("aws", "fsx.lustre.persistent_250", "us-east-1").amount is None
    done = add(tmp_path, "aws", "fsx.lustre.persistent_250", "us-east-1", "0.21", unit="GiB-month")
    assert (done.changed, done.unit) == (True, "GiB-month")
    changed = Catalogue.with_user(tmp_path)
    assert changed.storage_quote("aws", "fsx.lustre.persistent_250", "us-east-1").amount == Decimal("0.21")
    assert list(problems(changed)) == []


@pytest.mark.parametrize(
    ("price", "options", "says"),
    [
        (("awz", "p5.48xlarge", "us-east-1", "4"), {}, 'did you mean "aws"?'),
        (("aws", "p5.48xlarg", "us-east-1", "4"), {}, 'did you mean "p5.48xlarge"?'),
        (("gcp", "p5.48xlarge", "us-central1", "4"), {}, "It is sold by aws."),
        (("aws", "zz", "us-east-1", "4"), {}, "gets a row in aws/instances"),
        (("aws", "ebs.gp4", "us-east-1", "4"), {}, 'did you mean "ebs.gp'),
        (("aws", "ebs.gp4", "us-east-1", "4"), {}, "what it is billed by (--unit GiB-month"),
        (("aws", "ebs.gp4", "us-east-1", "4"), {"unit": "GB-month"}, 'did you mean "ebs.gp'),
        (("aws", "esb.gp3", "us-east-1", "4"), {"unit": "GiB-month"}, 'did you mean "ebs.gp'),
        (("aws", "p5.48xlarge", "us-esat-1", "4"), {}, 'did you mean "us-east-1"?'),
        (("aws", "p5.48xlarge", "us-east-1", "-4"), {}, "above zero, not -4"),
        (("aws", "p5.48xlarge", "us-east-1", "0"), {}, "above zero, not 0"),
        (("aws", "p5.48xlarge", "us-east-1", "four"), {}, 'a price is a number, not "four"'),
        (("aws", "p5.48xlarge", "us-east-1", "nan"), {}, 'a price is a number, not "nan"'),
        (("aws", "p5.48xlarge", "us-east-1", "1e99999"), {}, "is no price of one unit"),
        (("aws", "p5.48xlarge", "us-east-1", "1,234.50"), {}, "without separators"),
        (("aws", "p5.48xlarge", "us-east-1", "4 EUR"), {}, "prices are in USD, not in EUR"),
        (("aws", "p5.48xlarge", "us-east-1", "€4"), {}, "prices are in USD, not in €"),
        (("aws", "p5.48xlarge", "us-east-1", "4"), {"purchase": "resreved"}, 'did you mean "reserved"?'),
        (("aws", "p5.48xlarge", "us-east-1", "4"), {"unit": "month"}, "billed by hour, not by month"),
        (("aws", "p5.48xlarge", "us-east-1", "4"), {"as_of": "yesterday"}, "as_of is a date such as"),
        (("aws", "p5.48xlarge", "us-east-1", "4"), {"note": "a\nb"}, "--note is one line"),
    ],
)
def test_what_is_no_price_is_not_written(tmp_path: Path, price, options, says: str):
    with pytest.raises(InputError) as caught:
        add(tmp_path / "prices", *price, **options)
    assert says in str(caught.value)
    assert not (tmp_path / "prices").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "prices").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        add(tmp_path / "prices", "aws", "p5.48xlarge", "us-east-1", "4")


@given(st.decimals("0.000001", "99999", places=6))
def test_an_amount_is_read_exactly_as_it_is_written(amount: Decimal):
    for text in (f"{amount:f}", f"${amount:f}", f"{amount:f} USD", f" {amount:e}"):
        assert amount_of(text) == amount


@given(st.text(max_size=12))
def test_no_text_makes_reading_an_amount_or_a_date_fail_otherwise(text: str):
    for read in (amount_of, date_of):
        try:
            read(text)
        except InputError:
            continue


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_a_source_and_a_note_say_is_read_back(tmp_path_factory, source: str, note: str):
    folder = tmp_path_factory.mktemp("prices")
    if any(ord(sign) < 32 for sign in (source.strip() + note.strip())):
        with pytest.raises(InputError, match="is one line"):
            add(folder, "aws", "p5.48xlarge", "us-east-1", "40", source=source, note=note)
        return
    add(folder, "aws", "p5.48xlarge", "us-east-1", "40", source=source, note=note)
    add(folder, "aws", "g5.xlarge", "us-east-1", "1")
    quote = Catalogue.with_user(folder).quote("aws", "p5.48xlarge", "us-east-1")
    assert quote.note == note.strip()
    assert quote.source.startswith(source.strip() or "entered by hand")


# Where it is


def test_the_nearest_folder_in_the_repository_counts(tmp_path: Path):
    (tmp_path / ".spendgate" / "prices").mkdir(parents=True)
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    inside = repository / "team" / "service"
    inside.mkdir(parents=True)
    assert find_folder(inside) is None  # what lies above the repository is another's
    assert folder_for(inside) == repository / ".spendgate" / "prices"
    (repository / "team" / ".spendgate" / "prices").mkdir(parents=True)
    assert find_folder(inside) == folder_for(inside) == repository / "team" / ".spendgate" / "prices"
    assert find_folder(tmp_path / "elsewhere") == tmp_path / ".spendgate" / "prices"


def test_private_prices_and_a_comparison_import_nothing_heavy(tmp_path: Path):
    add(tmp_path / ".spendgate" / "prices", "aws", "g5.xlarge", "us-east-1", "0.9")
    code = "import sys; from spendgate.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    for arguments in (("g5.xlarge",), ("--compare", "H100x8")):
        command = [sys.executable, "-c", code, "price", *arguments]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        heavy = {"pulumi", "grpc", "google.protobuf", "rich", "jsonschema", "ruamel.yaml", "celpy"}
        assert not heavy & set(said.splitlines()[-1].split())
