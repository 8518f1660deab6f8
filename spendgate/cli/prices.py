"""``spendgate prices``: is a catalogue sound, a price of one's own for it, and the providers' lists read anew."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate prices check``, ``add`` and ``refresh``."""
    parser = new_parser(
        "prices",
        examples=(
            "spendgate prices check",
            'spendgate prices add aws p5.48xlarge us-east-1 40.00 --source "contract 4711"',
            "spendgate prices refresh --provider aws --region us-east-1",
        ),
    )
    actions = parser.add_subparsers(dest="action", metavar="check|add|refresh", required=True)
    check = actions.add_parser("check", help="hold a catalogue against every integrity test", allow_abbrev=False)
    check.add_argument(
        "directory",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="a catalogue of your own (default: the project's .spendgate/prices over the built-in one, if it is there)",
    )
    add = actions.add_parser("add", help="write a price of your own, in USD", allow_abbrev=False)
    add.add_argument("provider", metavar="PROVIDER", help="aws, gcp or azure")
    add.add_argument("type", metavar="TYPE", help="instance type, accelerator or item (p5.48xlarge, ebs.gp3)")
    add.add_argument("region", metavar="REGION", help="as the provider names it (us-east-1)")
    add.add_argument("amount", metavar="AMOUNT", help="USD for one unit")
    add.add_argument("--purchase", default="on_demand", help="on_demand (default), spot, reserved or capacity_block")
    add.add_argument("--unit", help="what the amount is for (default: what the item is billed by, such as hour)")
    add.add_argument(
        "--source", default="entered by hand", help="where the figure is from, such as a contract's number"
    )
    add.add_argument("--as-of", metavar="DATE", help="when it was true (default: today)")
    add.add_argument("--note", default="", help="what a reader has to know")
    add.add_argument("--replace", action="store_true", help="put it in the place of the price that is there")
    add.add_argument(
        "--catalogue",
        type=Path,
        metavar="DIR",
        help="write there (default: the nearest .spendgate/prices, else one at the root of the repository)",
    )
    _add_refresh(actions)
    return parser


def _add_refresh(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    refresh = actions.add_parser(
        "refresh",
        help="read the providers' own price lists into .spendgate/refreshed",
        description="Reads public price lists into .spendgate/refreshed, which lies over the built-in catalogue and "
        "under prices of your own. What is not asked for stays as it is; a fault leaves all as it was (exit 2).",
        epilog="Other addresses (mirrors): --url NAME=URL, or the environment variables SPENDGATE_AWS_PRICES_URL, "
        "SPENDGATE_AWS_SPOT_PRICES_URL, SPENDGATE_GCP_PRICES_URL, SPENDGATE_AZURE_PRICES_URL and "
        "SPENDGATE_GPUHUNT_PRICES_URL. HTTPS_PROXY and NO_PROXY are honoured. docs/prices.md tells more.",
        allow_abbrev=False,
    )
    refresh.add_argument(
        "--provider", action="append", default=[], help="aws, gcp or azure (default: all three; may be repeated)"
    )
    refresh.add_argument(
        "--region", action="append", default=[], help="this region alone (may be repeated; with one --provider)"
    )
    refresh.add_argument(
        "--source",
        choices=("provider", "gpuhunt"),
        default="provider",
        help="the providers' own lists (default), or gpuhunt's catalogue: small, without a key, fewer types",
    )
    refresh.add_argument(
        "--api-key-file", type=Path, metavar="FILE", help="key for Google's list (default: $GOOGLE_API_KEY)"
    )
    refresh.add_argument("--no-spot", action="store_true", help="leave spot prices as they are")
    refresh.add_argument(
        "--replace",
        action="store_true",
        help="take a list over though prices moved fourfold, types are gone or a test fails; and write over a "
        "refreshed file that was changed by hand",
    )
    refresh.add_argument("--into", type=Path, metavar="DIR", help="write there, not into the project")
    refresh.add_argument("--url", action="append", default=[], metavar="NAME=URL", help="read a list from there")
    refresh.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for an answer (default: 60)")
    refresh.add_argument("--quiet", "-q", action="store_true", help="no progress")


def run(options: argparse.Namespace) -> int:
    """Check, add or refresh; 1 for a catalogue with faults, 2 for one that cannot be read."""
    if options.action == "refresh":
        return _refresh(options)
    return _check(options.directory) if options.action == "check" else _add(options)


def _check(directory: Path | None) -> int:
    from spendgate.prices.catalogue import Catalogue
    from spendgate.prices.integrity import problems
    from spendgate.prices.private import find_folder
    from spendgate.prices.refreshed import find_refreshed
    from spendgate.prices.tables import shown

    if directory is not None and not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "no such folder"
        raise InputError(what, place=directory, remedy="Give a folder with the catalogue's layout (docs/prices.md).")
    if directory is not None and not any(directory.rglob("*.csv")):
        raise InputError("no table is there", place=directory, remedy="docs/prices.md tells what a catalogue holds.")
    catalogue = Catalogue.of_project(Path(), strict=False) if directory is None else Catalogue.with_user(directory)
    over = [find_folder(Path()), find_refreshed(Path())] if directory is None else [directory]
    found = list(problems(catalogue))
    for problem in found:
        if problem.unreadable:
            print_error(InputError(problem.message, place=problem.place))
        else:
            print(problem)
    what = " over ".join([shown(one.resolve()) for one in over if one is not None] + ["the built-in catalogue"])
    if found:
        print(f"{what}: {len(found)} {'problem' if len(found) == 1 else 'problems'}")
        return 2 if any(problem.unreadable for problem in found) else 1
    private = len(catalogue.store.private())
    print(f"{what}: sound" + (f", {private} private {'price' if private == 1 else 'prices'}" if private else ""))
    return 0


def _add(options: argparse.Namespace) -> int:
    from spendgate.prices.adding import add
    from spendgate.prices.private import folder_for
    from spendgate.prices.tables import shown

    done = add(
        options.catalogue or folder_for(Path()),
        options.provider,
        options.type,
        options.region,
        options.amount,
        purchase=options.purchase,
        unit=options.unit,
        source=options.source,
        as_of=options.as_of,
        note=options.note,
        overwrite=options.replace,
    )
    word = "unchanged" if not done.changed else "added" if done.before is None else "replaced"
    before = f", before {done.before:f}" if done.changed and done.before is not None else ""
    price = f"{done.price:f} USD per {done.unit}{before}"
    print(f"{word}: {done.item} in {done.region}, {str(done.purchase).replace('_', ' ')}: {price}")
    print(f"in {shown(done.file.resolve())}")
    return 0


def _refresh(options: argparse.Namespace) -> int:
    from spendgate.prices.refresh.command import Request, refresh
    from spendgate.prices.refresh.progress import Progress
    from spendgate.prices.refresh.transport import Client
    from spendgate.prices.tables import shown

    if not options.timeout > 0:
        raise InputError(f"--timeout is above zero, not {options.timeout:g}")
    request = Request(
        providers=options.provider,
        regions=options.region,
        source=options.source,
        urls=options.url,
        into=options.into,
        key_file=options.api_key_file,
        spot=not options.no_spot,
        replace=options.replace,
        client=Client(Progress(quiet=options.quiet), timeout=options.timeout),
    )
    for done in refresh(request, Path()):
        for note in done.notes:
            print(f"note: {done.provider} {note}")
        _overruled(done.overruled)
        regions = "1 region" if done.regions == 1 else f"{done.regions} regions"
        print(f"{done.provider}: {done.types} types in {regions}, in {shown(done.path)}")
    return 0


def _overruled(messages: Sequence[str]) -> None:
    """What --replace let pass."""
    for message in messages[:12]:
        print(f"taken over all the same: {message}")
    if len(messages) > 12:
        print(f"and {len(messages) - 12} more")
