"""What a refresh may touch, when it is put in place, and what it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.prices.adding import add
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import problems
from spendgate.prices.model import Purchase
from spendgate.prices.refreshed import find_refreshed, refreshed_folder_for
from tests.conftest import Run
from tests.prices.refresh.conftest import Refresh
from tests.prices.refresh.lists import (
    aws_rows,
    hunt_row,
    meter,
    offer,
    offer_path,
    offer_row,
    serve_aws,
    serve_azure,
    serve_gpuhunt,
    urls,
)
from tests.prices.refresh.server import Answer, PriceServer

EAST = "us-east-1"


def prices(project: Path) -> Catalogue:
    return Catalogue.of_project(project)


def serve(server: PriceServer, factor: float = 1.0, region: str = EAST) -> None:
    serve_aws(server, {region: offer(region, *aws_rows(region, factor))}, {region: {"g5.xlarge": "0.4"}})


def many(count: int, region: str = EAST, price: str = "0.5") -> list[str]:
    return [offer_row(f"m98.{number}xlarge", price, region) for number in range(1, count + 1)]


def private(project: Path) -> Path:
    folder = project / ".spendgate/prices"
    folder.mkdir(parents=True)
    head = "provider,item,region,purchase,price,source,as_of\n"
    (folder / "private.csv").write_text(f"{head}aws,g5.xlarge,{EAST},on_demand,0.9,contract,2026-11-01\n")
    return folder / "private.csv"


@pytest.mark.usefixtures("unjudged")
def test_a_private_price_wins_over_a_refreshed_one_and_is_not_touched(
    server: PriceServer, refresh: Refresh, project: Path
):
    file = private(project)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    serve(server, 1.1)
    refresh("aws", regions=[EAST])
    quote = prices(project).quote("aws", "g5.xlarge", EAST)
    assert (quote.amount, quote.private) == (Decimal("0.9"), True)
    assert prices(project).quote("aws", "m5.xlarge", EAST).amount == Decimal("0.2112")
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_refresh_replaces_the_region_that_it_is_asked_for_and_no_other(
    server: PriceServer, refresh: Refresh, project: Path
):
    regions = {name: offer(name, *aws_rows(name, 1.1)) for name in (EAST, "eu-west-1")}
    serve_aws(server, regions)
    refresh("aws")
    serve_aws(server, {name: offer(name, *aws_rows(name, 1.2)) for name in regions})
    for path in (project / ".spendgate/refreshed").glob("*/aws/prices/g.csv"):
        assert path.read_text().startswith("# Written by `spendgate prices refresh`")
    refresh("aws", regions=["eu-west-1"])
    assert list(problems(prices(project))) == []
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")
    assert prices(project).quote("aws", "g5.xlarge", "eu-west-1").amount == Decimal("1.2072")
    serve_azure(server, [meter("Standard_NC4as_T4_v3", 0.526)])
    refresh("azure", regions=["eastus"])
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")
    assert "Azure Retail" in prices(project).quote("azure", "Standard_NC4as_T4_v3", "eastus").source


@pytest.mark.usefixtures("unjudged")
def test_the_catalogue_before_is_kept_and_older_ones_are_not(server: PriceServer, refresh: Refresh, project: Path):
    folder = project / ".spendgate/refreshed"
    paths = []
    for factor in (1.0, 1.1, 1.2):
        serve(server, factor)
        paths.append(refresh("aws", regions=[EAST])[0].path)
    assert (folder / "CURRENT").read_text().strip() == paths[2].name
    assert sorted(path for path in folder.iterdir() if path.is_dir()) == sorted(paths[1:])
    (folder / "CURRENT").write_text(paths[1].name)  # the way back
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")


@pytest.mark.usefixtures("unjudged")
def test_a_reader_keeps_the_catalogue_that_it_began_with(server: PriceServer, refresh: Refresh, project: Path):
    serve(server, 1.1)
    refresh("aws", regions=[EAST])
    reading = prices(project)
    assert reading.quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")
    serve(server, 1.2)
    refresh("aws", regions=[EAST])
    assert reading.quote("aws", "m5.xlarge", EAST).amount == Decimal("0.2112")  # a table that it reads only now


def test_a_price_that_moved_absurdly_is_not_taken_over(server: PriceServer, refresh: Refresh, project: Path):
    serve(server, 1.1)
    refresh("aws", regions=[EAST])
    rows = [row.replace("1.0060000000", "1006.0000000000") for row in aws_rows(EAST)]
    serve_aws(server, {EAST: offer(EAST, *rows)})
    with pytest.raises(InputError) as caught:
        refresh("aws", regions=[EAST])
    assert f"g5.xlarge in {EAST} costs 1006, before 1.1066: is it a price?" in str(caught.value)
    assert "--replace takes it over" in str(caught.value)
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")
    (done,) = refresh("aws", regions=[EAST], replace=True)
    assert any("1006" in message for message in done.overruled)
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal(1006)


def test_a_price_outside_the_band_of_its_model_is_not_taken_over(server: PriceServer, refresh: Refresh, project: Path):
    rows = [row.replace("55.0400000000", "20.0000000000") for row in aws_rows(EAST)]
    serve_aws(server, {EAST: offer(EAST, *rows)})
    with pytest.raises(InputError, match=r"p5\.48xlarge: 2\.500 an hour for one H100, outside") as caught:
        refresh("aws", regions=[EAST])
    assert "--replace" in str(caught.value)
    assert prices(project) is Catalogue.builtin()


def test_a_list_that_lost_most_of_its_types_is_not_taken_over(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {EAST: offer(EAST, *many(20))})
    refresh("aws", regions=[EAST])
    serve_aws(server, {EAST: offer(EAST, *many(9))})
    with pytest.raises(InputError, match=f"aws {EAST}: 9 types, where there were 20"):
        refresh("aws", regions=[EAST], replace=False)
    serve_gpuhunt(server, "aws", [hunt_row("m98.1xlarge", EAST, 0.5)])
    with pytest.raises(InputError, match=f"aws {EAST}: 1 types, where there were 20"):
        refresh("aws", regions=[EAST], source="gpuhunt")
    assert prices(project).quote("aws", "m98.20xlarge", EAST).amount == Decimal("0.5")


def test_an_older_list_is_not_taken_over(server: PriceServer, refresh: Refresh):
    serve(server)
    refresh("aws", regions=[EAST])
    serve_aws(server, {EAST: offer(EAST, *aws_rows(EAST), published="2026-10-01T00:00:00Z")})
    with pytest.raises(InputError, match="the list is of 2026-10-01, the one in force of 2026-11-18"):
        refresh("aws", regions=[EAST])


@pytest.mark.usefixtures("unjudged")
def test_a_refreshed_file_that_was_edited_by_hand_is_not_lost(server: PriceServer, refresh: Refresh, project: Path):
    serve(server)
    (done,) = refresh("aws", regions=[EAST])
    file = done.path / "aws/prices/g.csv"
    file.write_text(file.read_text().replace("1.006", "0.8"))
    server.asked.clear()
    with pytest.raises(InputError, match="was changed by hand, and would be lost") as caught:
        refresh("aws", regions=[EAST])
    assert ".spendgate/refreshed/" in str(caught.value)
    assert not server.asked
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("0.8")
    refresh("aws", regions=[EAST], replace=True)
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.006")


def test_the_fault_of_one_provider_does_not_keep_the_others_from_being_read(
    server: PriceServer, refresh: Refresh, project: Path
):
    serve(server, 1.1)
    with pytest.raises(InputError) as caught:
        refresh("azure", "gcp", "aws")
    assert "the server answers 404" in str(caught.value)
    assert "no API key for Google's price list" in str(caught.value)
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": [EAST]}, "--region goes with one --provider"),
        ({"lists": ["aws=ftp://x"]}, "is no address"),
        ({"lists": ["awz=https://x"]}, 'did you mean "aws"?'),
    ],
)
def test_a_request_that_cannot_be_met_is_told_before_anything_is_read(
    refresh: Refresh, server: PriceServer, options: dict[str, list[str]], message: str
):
    with pytest.raises(InputError) as caught:
        refresh(**options)
    assert message in str(caught.value)
    assert not server.asked


def test_an_unknown_provider_is_told(refresh: Refresh):
    with pytest.raises(InputError, match='no provider "AWS"') as caught:
        refresh("AWS")
    assert 'did you mean "aws"?' in str(caught.value)


def test_the_nearest_folder_counts_and_none_beyond_the_repository(tmp_path: Path):
    (tmp_path / ".spendgate/refreshed").mkdir(parents=True)
    inside = tmp_path / "repository/team"
    inside.mkdir(parents=True)
    (tmp_path / "repository/.git").mkdir()
    assert find_refreshed(inside) is None
    assert refreshed_folder_for(inside) == tmp_path / "repository/.spendgate/refreshed"
    assert refreshed_folder_for(tmp_path / "elsewhere") == tmp_path / ".spendgate/refreshed"


@pytest.mark.parametrize("text", ["20260101T000000Z", "../../elsewhere", ""])
def test_a_pointer_to_nothing_is_an_error_and_not_another_price(project: Path, text: str):
    (project / ".spendgate/refreshed").mkdir(parents=True)
    (project / ".spendgate/refreshed/CURRENT").write_text(text)
    with pytest.raises(InputError, match="which is not there"):
        prices(project)


def test_two_refreshes_at_once_do_not_meet(server: PriceServer, refresh: Refresh, project: Path):
    from spendgate.prices.refresh.staging import locked

    serve(server)
    with locked(project / ".spendgate/refreshed"), pytest.raises(InputError, match="another refresh is at work"):
        refresh("aws", regions=[EAST])


def test_a_folder_that_cannot_be_written_is_an_error(server: PriceServer, refresh: Refresh, project: Path):
    serve(server)
    (project / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        refresh("aws", regions=[EAST], into=project / "file/there")


@pytest.mark.usefixtures("unjudged")
def test_elsewhere_it_is_a_catalogue_of_its_own(server: PriceServer, refresh: Refresh, project: Path):
    serve(server, 1.1)
    refresh("aws", regions=[EAST], into=project / "elsewhere")
    assert prices(project) is Catalogue.builtin()
    assert Catalogue.with_user(project / "elsewhere").quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")


@pytest.mark.usefixtures("unjudged")
def test_a_private_price_can_be_of_a_type_that_only_the_refreshed_list_knows(
    server: PriceServer, refresh: Refresh, project: Path
):
    serve_aws(server, {EAST: offer(EAST, *many(3))})
    refresh("aws", regions=[EAST])
    add(project / ".spendgate/prices", "aws", "m98.2xlarge", EAST, "0.4")
    assert prices(project).quote("aws", "m98.2xlarge", EAST).amount == Decimal("0.4")
    assert list(problems(prices(project))) == []


# The command, as a user runs it


def command(server: PriceServer, *arguments: str) -> list[str]:
    return ["prices", "refresh", "--provider", "aws", *(f"--url={one}" for one in urls(server)), *arguments]


def test_the_command_refreshes_and_price_and_check_use_it(spendgate: Run, server: PriceServer, project: Path):
    serve(server, 1.1)
    done = spendgate(*command(server, "--region", EAST), cwd=project)
    assert done.returncode == 0, done.stderr
    assert f"aws {EAST}: 5 types, list of 2026-11-18" in done.stderr
    assert done.stdout.startswith("aws: 5 types in 1 region, in .spendgate/refreshed/")
    shown = json.loads(spendgate("price", "g5.xlarge", "--region", EAST, "-f", "json", cwd=project).stdout)
    assert shown["quotes"][0]["amount"] == 1.1066
    assert "AWS Price List" in shown["quotes"][0]["source"]
    checked = spendgate("prices", "check", cwd=project)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.startswith(".spendgate/refreshed/")


def test_a_checked_program_costs_what_the_refreshed_prices_say(spendgate: Run, server: PriceServer, project: Path):
    serve(server, 1.1)
    assert spendgate(*command(server, "--region", EAST, "--quiet"), cwd=project).returncode == 0
    (project / "Pulumi.yaml").write_text("name: one\nruntime: python\n")
    (project / "__main__.py").write_text(
        "import pulumi_aws as aws\n"
        "aws.ec2.Instance('one', ami='ami-1', instance_type='g5.xlarge',\n"
        "    opts=__import__('pulumi').ResourceOptions(provider=aws.Provider('p', region='us-east-1')))\n"
    )
    report = json.loads(spendgate("check", str(project), "-f", "json", cwd=project).stdout)
    assert "AWS Price List, AmazonEC2 us-east-1" in json.dumps(report)
    assert "1.1066" in json.dumps(report)


def test_a_fault_is_exit_code_2_and_one_clear_error(spendgate: Run, server: PriceServer, project: Path):
    serve(server)
    server.answers[offer_path(EAST)] = Answer(b"<html>Sign in</html>", "text/html")
    done = spendgate(*command(server, "--region", EAST), cwd=project)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "a web page, not a price list" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / ".spendgate/refreshed/CURRENT").exists()


def test_help_names_the_sources_and_how_to_read_them_elsewhere(spendgate: Run, project: Path):
    text = spendgate("prices", "refresh", "--help", cwd=project).stdout
    for word in ("--provider", "--region", "gpuhunt", "GOOGLE_API_KEY", "SPENDGATE_AWS_SPOT_PRICES_URL", "HTTPS_PROXY"):
        assert word in text


def test_an_interrupt_leaves_the_old_prices_and_the_next_run_goes_on(
    server: PriceServer, refresh: Refresh, project: Path
):
    serve(server, 1.1)
    refresh("aws", regions=[EAST])
    before = sorted((project / ".spendgate/refreshed").rglob("*.csv"))
    west = "us-west-2"
    serve_aws(server, {EAST: offer(EAST, *aws_rows(EAST, 1.2)), west: offer(west, *aws_rows(west, 1.2))})
    stuck: list[bool] = []

    def forever() -> list[bytes]:
        stuck.append(True)
        time.sleep(20)
        return []

    server.answers[offer_path(west)] = Answer(stream=forever)
    running = subprocess.Popen(
        [sys.executable, "-m", "spendgate", *command(server, "--region", EAST, "--region", west)],
        cwd=project,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    try:
        end = time.monotonic() + 60
        while not stuck and time.monotonic() < end:
            time.sleep(0.05)
        assert stuck
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said.decode().strip().endswith("interrupted")
    assert sorted((project / ".spendgate/refreshed").rglob("*.csv")) == before
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.1066")
    server.answers[offer_path(west)] = Answer(offer(west, *aws_rows(west, 1.2)))
    server.asked.clear()
    refresh("aws", regions=[EAST, west])
    assert not server.asked_for(offer_path(EAST))  # read before the interrupt
    assert prices(project).quote("aws", "g5.xlarge", EAST).amount == Decimal("1.2072")
    assert prices(project).quote("aws", "g5.xlarge", west, Purchase.ON_DEMAND).amount == Decimal("1.2072")
