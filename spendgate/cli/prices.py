"""``spendgate prices``: is a catalogue sound, and a price of one's own for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate prices check`` and ``spendgate prices add``."""
    parser = new_parser("prices")
    actions = parser.add_subparsers(dest="action", metavar="check|add", required=True)
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
    add.add_argument("region", metavar="REGION")
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
    return parser


def run(options: argparse.Namespace) -> int:
    """Check or add; 1 for a catalogue with faults, 2 for one that cannot be read."""
    return _check(options.directory) if options.action == "check" else _add(options)


def _check(directory: Path | None) -> int:
    from spendgate.prices.catalogue import Catalogue
    from spendgate.prices.integrity import problems
    from spendgate.prices.private import find_folder
    from spendgate.prices.tables import shown

    if directory is not None and not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "no such folder"
        raise InputError(what, place=directory, remedy="Give a folder with the catalogue's layout (docs/prices.md).")
    if directory is not None and not any(directory.rglob("*.csv")):
        raise InputError("no table is there", place=directory, remedy="docs/prices.md tells what a catalogue holds.")
    own = find_folder(Path()) if directory is None else directory
    catalogue = Catalogue.builtin() if own is None else Catalogue.with_user(own)
    found = list(problems(catalogue))
    for problem in found:
        if problem.unreadable:
            print_error(InputError(problem.message, place=problem.place))
        else:
            print(problem)
    what = "the built-in catalogue" if own is None else f"{shown(own.resolve())} over the built-in catalogue"
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
