"""``spendgate prices`` and prices of one's own, as a user meets them: files, commands, exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.checking import check_directory
from spendgate.config import load_config
from spendgate.crossguard.host import PackHost
from spendgate.errors import InputError
from spendgate.prices.adding import add
from spendgate.report import as_json, markdown, terminal
from spendgate.rules.selection import load_pack
from spendgate.verdict import Verdict
from tests.conftest import Run

PROGRAM = """\
import pulumi_aws as aws
aws.ec2.Instance("trainer", instance_type="p5.48xlarge", ami="ami-1")
aws.ebs.Volume("scratch", availability_zone="us-east-1a", size=100, type="gp3")
"""
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"
P5 = ("aws", "p5.48xlarge", "us-east-1")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def done(result: subprocess.CompletedProcess[str], code: int = 0) -> str:
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert "Traceback" not in said
    return said


def test_the_built_in_catalogue_is_sound(spendgate: Run, repository: Path) -> None:
    assert done(spendgate("prices", "check", cwd=repository)) == "the built-in catalogue: sound\n"


def test_an_added_price_is_quoted_with_its_source_until_its_file_is_gone(spendgate: Run, repository: Path) -> None:
    said = done(spendgate("prices", "add", *P5, "40", "--source", "contract 4711", cwd=repository))
    assert said == ("added: p5.48xlarge in us-east-1, on demand: 40 USD per hour\nin .spendgate/prices/private.csv\n")
    (repository / "team").mkdir()
    asked = ("price", "p5.48xlarge", "--region", "us-east-1", "--purchase", "on_demand", "--format", "json")
    (quote,) = json.loads(done(spendgate(*asked, cwd=repository / "team")))["quotes"]
    assert quote["amount"] == 40
    assert quote["source"] == f"contract 4711 (private, {repository}/.spendgate/prices/private.csv)"
    text = done(spendgate("price", "p5.48xlarge", cwd=repository))
    assert "source: contract 4711 (private, .spendgate/prices/private.csv)" in text
    assert "sound, 1 private price" in done(spendgate("prices", "check", cwd=repository))
    (repository / ".spendgate/prices/private.csv").unlink()
    (quote,) = json.loads(done(spendgate(*asked, cwd=repository)))["quotes"]
    assert quote["amount"] == 55.04


def test_a_price_that_is_there_is_replaced_only_when_asked_for(spendgate: Run, repository: Path) -> None:
    done(spendgate("prices", "add", *P5, "40", cwd=repository))
    assert "unchanged:" in done(spendgate("prices", "add", *P5, "40", cwd=repository))
    said = done(spendgate("prices", "add", *P5, "39", cwd=repository), 2)
    assert "private.csv:4: p5.48xlarge in us-east-1, on_demand, costs 40 already" in said
    assert "--replace" in said
    assert "39 USD per hour, before 40" in done(spendgate("prices", "add", *P5, "39", "--replace", cwd=repository))


def test_a_reserved_price_stands_beside_the_public_ones(spendgate: Run, repository: Path) -> None:
    done(spendgate("prices", "add", *P5, "31", "--purchase", "reserved", cwd=repository))
    said = done(spendgate("price", "p5.48xlarge", "--region", "us-east-1", cwd=repository))
    assert "reserved" in said.splitlines()[2]
    assert "$31.00" in said


def test_another_catalogue_can_be_named(spendgate: Run, repository: Path) -> None:
    done(spendgate("prices", "add", *P5, "40", "--catalogue", "ours", cwd=repository))
    assert "$55.04" in done(spendgate("price", "p5.48xlarge", "--region", "us-east-1", cwd=repository))
    asked = ("price", "p5.48xlarge", "--region", "us-east-1", "--catalogue")
    assert "$40.00" in done(spendgate(*asked, "ours", cwd=repository))
    assert "no such folder" in done(spendgate(*asked, "theirs", cwd=repository), 2)
    assert "ours over the built-in catalogue: sound" in done(spendgate("prices", "check", "ours", cwd=repository))


def test_faults_are_listed_with_file_and_row(spendgate: Run, repository: Path) -> None:
    prices = repository / "ours" / "aws" / "prices"
    prices.mkdir(parents=True)
    (repository / "ours" / "sources.csv").write_text("id,as_of,strength,where,what\nours,2026,strong,list,\n")
    (prices / "g.csv").write_text(
        "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand,spot\n"
        "g5.xlarge,us-east-1,0.9,1.2\ng5.xlarge,us-esat-1,0.9,\n"
    )
    said = done(spendgate("prices", "check", "ours", cwd=repository), 1).splitlines()
    assert "ours/aws/prices/g.csv:5: aws g5.xlarge in us-east-1: spot 1.2 is above on-demand 0.9" in said
    assert "ours/aws/prices/g.csv:6: aws g5.xlarge in us-esat-1: there is no such region" in said
    assert said[-1].startswith("ours over the built-in catalogue: ")


def test_a_catalogue_that_cannot_be_read_is_wrong_input(spendgate: Run, repository: Path) -> None:
    prices = repository / "ours" / "aws" / "prices"
    prices.mkdir(parents=True)
    (prices / "g.csv").write_text("item,region,on_demand,source,unit,currency\ng5.xlarge,us-east-1,0.9\n")
    (prices / "p.csv").write_text("item,region\n")
    (prices / "t.csv").write_text(
        "item,region,on_demand,source,unit,currency\nt3.micro,us-east-1,-1,aws-karpenter-prices,hour,USD\nt3.nano,us-east-1,0,aws-karpenter-prices,hour,USD\n"
    )
    (prices / "m.csv").write_bytes(b"item\n\xff\n")
    said = done(spendgate("prices", "check", "ours", cwd=repository), 2)
    assert "error: ours/aws/prices/g.csv:2: 3 values for 6 columns" in said
    assert "error: ours/aws/prices/m.csv:2: is not UTF-8 text" in said
    assert 'error: ours/aws/prices/t.csv:2: "-1" is no price (t3.micro, us-east-1)' in said
    assert said.count("3 values for 6 columns") == 1


def test_a_table_under_a_wrong_name_is_not_passed_over(spendgate: Run, repository: Path) -> None:
    (repository / "ours" / "aws" / "price").mkdir(parents=True)
    (repository / "ours" / "aws" / "price" / "g.csv").write_text("item\n")
    said = done(spendgate("prices", "check", "ours", cwd=repository), 1)
    assert 'ours/aws/price/g.csv: no look-up reads a table of this name; did you mean "aws/prices/g.csv"?' in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("prices",), "check|add"),
        (("prices", "chekc"), "chekc"),
        (("prices", "check", "nowhere"), "nowhere: no such folder"),
        (("prices", "check", "."), "no table is there"),
        (("prices", "add", "aws", "p5.48xlarge"), "REGION, AMOUNT"),
        (("prices", "add", "aws", "p5.48xlage", "us-east-1", "4"), 'did you mean "p5.48xlarge"?'),
        (("prices", "add", "aws", "p5.48xlarge", "us-esat-1", "4"), 'did you mean "us-east-1"?'),
        (("prices", "add", *P5, "-4"), "above zero, not -4"),
        (("prices", "add", *P5, "4EUR"), "prices are in USD"),
        (("price", "--compare", "H10x8"), 'did you mean "H100"?'),
        (("price", "--compare", "H100x8", "--hours", "3"), "--compare goes without"),
        (("price", "p5.48xlarge", "--compare", "H100x8"), "--compare goes without"),
    ],
)
def test_wrong_usage_writes_nothing_and_says_what_is_meant(
    spendgate: Run, repository: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in done(spendgate(*arguments, cwd=repository), 2)
    assert not (repository / ".spendgate").exists()


def test_a_broken_private_file_stops_price_and_check_with_its_line(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    folder = project(PROGRAM)
    done(spendgate("prices", "add", *P5, "40", "--catalogue", folder / ".spendgate/prices"))
    file = folder / ".spendgate/prices/private.csv"
    file.write_text(file.read_text().replace(",40,", ",cheap,"))
    for command in (("price", "g5.xlarge"), ("check",), ("prices", "check")):
        assert '.spendgate/prices/private.csv:4: a price is a number, not "cheap"' in done(
            spendgate(*command, cwd=folder), 2
        )


def test_compare_lists_the_cheapest_first(spendgate: Run, repository: Path) -> None:
    asked = ("price", "--compare", "H100x8", "--purchase", "on_demand")
    said = done(spendgate(*asked, cwd=repository)).splitlines()
    assert said[0] == "8 × NVIDIA H100 80 GiB"
    assert said[3].split()[:2] == ["$55.04", "$6.88"]
    value = json.loads(done(spendgate(*asked, "--provider", "azure", "--format", "json", cwd=repository)))
    assert {quote["provider"] for quote in value["quotes"]} == {"azure"}
    assert value["quotes"][0]["amount"] == 98.32


def reports(folder: Path) -> list[str]:
    """One check, in every format, each as one line."""
    verdict = Verdict((check_directory(folder),))
    return [" ".join(render(verdict).split()) for render in (terminal.render, markdown.render, as_json.render)]


def test_check_prices_with_the_projects_own_catalogue(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml=CONFIG + "prices: {maxAge: 180d}\n")
    price = ("add", *P5, "1.5", "--source", "contract 4711", "--as-of", "2020-05")
    done(spendgate("prices", *price, cwd=folder))
    own = "priced by your own catalogue: p5.48xlarge (contract 4711 (private, "
    old = "prices older than 180 days, so look them up again: p5.48xlarge on demand, us-east-1 (as of 2020-05)"
    shown, table, data = reports(folder)
    assert own in shown
    assert own in table
    assert all(old in report for report in (shown, table, data))
    (line,) = [line for line in json.loads(data)["estimate"]["lines"] if line["item"] == "p5.48xlarge"]
    assert line["quote"]["amount"] == 1.5
    assert line["quote"]["source"].startswith("contract 4711 (private, ")


def test_no_price_is_too_old_where_no_age_is_set(project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml=CONFIG)
    (folder / ".spendgate/prices").mkdir(parents=True)
    (folder / ".spendgate/prices/private.csv").write_text(
        "provider,item,region,purchase,price,source,as_of\naws,p5.48xlarge,us-east-1,on_demand,40,ours,2020-05\n"
    )
    assert all("2020-05" in report and "prices older" not in report for report in reports(folder))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("{maxAge: half a year}", 'spendgate.yaml:3:18: "half a year" is no number of days'),
        ("{maxAge: 180}", "prices.maxAge is an integer, not of type string"),
        ("{maxage: 180d}", 'unknown key "maxage"\ndid you mean "maxAge"?'),
        ("180d", "not of type object"),
    ],
)
def test_a_wrong_age_is_told_with_its_place(project: Callable[..., Path], setting: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(project(PROGRAM, spendgate__yaml=f"{CONFIG}prices: {setting}\n"))
    assert says in str(caught.value)
    assert "spendgate.yaml:3:" in str(caught.value)


def test_the_pack_host_prices_as_check_does(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(PROGRAM)
    monkeypatch.setenv("SPENDGATE_PROJECT", str(folder))
    pack = load_pack("gpu-baseline")
    assert PackHost(pack, "demo", "dev").catalogue.quote(*P5).amount == Decimal("55.04")
    add(folder / ".spendgate/prices", *P5, "40")
    assert PackHost(pack, "demo", "dev").catalogue.quote(*P5).amount == Decimal(40)
    later = PackHost(pack)
    later.configure_stack("demo", "dev", "")
    assert later.catalogue.quote(*P5).amount == Decimal(40)
