"""``spendgate waiver``: add, list, sign and verify what lets findings pass."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.waivers.model import Kind, Waiver, Waivers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spendgate.rules.guardrail import Guardrail
    from spendgate.waivers.model import Rules

_DAYS = re.compile(r"([1-9]\d{0,4})d")


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate waiver``."""
    parser = new_parser(
        "waiver",
        examples=(
            "spendgate waiver add gpu-approved-models trainer --reason trial --owner nlp --ticket ML-7 --expires 30d",
            "spendgate waiver list",
        ),
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="add|list|sign|verify")
    add = commands.add_parser("add", help="write an entry into waivers.yaml")
    add.add_argument("guardrail", help="name of the guardrail, or a glob")
    add.add_argument("resource", help="name or address of the resource as the report shows it, or a glob")
    for name, text in (("reason", "why"), ("owner", "who answers for it"), ("ticket", "where it was agreed")):
        add.add_argument(f"--{name}", required=True, help=text)
    add.add_argument("--expires", required=True, metavar="DATE|30d", help="last day on which it holds")
    add.add_argument("--max-monthly-cost", metavar="USD", help="it holds only while a resource costs no more a month")
    add.add_argument("--environment", action="append", default=[], metavar="NAME", help="only there (repeatable)")
    add.add_argument("--stack", default="", help="only in this stack")
    add.add_argument("--project", default="", help="only in this project")
    add.add_argument("--type", default="", help="only for resources of this type")
    add.add_argument("--id", default="", help="name of the entry (default: made of guardrail and resource)")
    add.add_argument("--approver", default="", help="makes it an approval, which this person has to sign")
    add.add_argument("--amount", metavar="USD", help="of an approval: at most so much a month, all together")
    show = commands.add_parser("list", help="the state of every entry")
    show.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal")
    sign = commands.add_parser("sign", help="sign an approval with an SSH key")
    sign.add_argument("id")
    sign.add_argument("--key", type=Path, required=True, help="private key, or the public one of a key in an agent")
    verify = commands.add_parser("verify", help="do the approvals count?")
    verify.add_argument("id", nargs="?", help="only this one")
    for command in (add, show, sign, verify):
        command.add_argument(
            "--directory", "-d", type=Path, default=Path(), help="the project (default: the working directory)"
        )
    return parser


def run(options: argparse.Namespace) -> int:
    """Run one of the subcommands."""
    if not options.directory.is_dir():
        raise InputError("no such folder", place=options.directory)
    action = {"add": _add, "list": _list, "sign": _sign, "verify": _verify}[options.action]
    return action(options)


def _rules(directory: Path) -> tuple[Rules, Mapping[str, Guardrail]]:
    """The rules for waivers of a project, and the guardrails that it may waive."""
    from spendgate.config import load_config
    from spendgate.rules.selection import library_of
    from spendgate.waivers.settings import rules_of

    config = load_config(directory)
    return rules_of(config, directory), library_of(config.packs, config.policies)


def _read(options: argparse.Namespace, now: datetime) -> tuple[Rules, Waivers]:
    """The waivers of a project; signatures are looked at."""
    from spendgate.waivers.load import waivers_in

    rules, library = _rules(options.directory)
    return rules, waivers_in(rules, library, now)


def _add(options: argparse.Namespace) -> int:
    from spendgate.waivers import edit
    from spendgate.waivers.file import length_faults, read_waivers
    from spendgate.waivers.load import shown

    today = datetime.now(UTC).date()
    rules, library = _rules(options.directory)
    path = rules.file
    waiver = _from(options, today)
    known = [name for name in library if waiver.covers_guardrail(name)]
    if not known:
        remedy = did_you_mean(waiver.guardrail, library) or "`spendgate guardrails` lists what there is."
        raise InputError(f'no guardrail "{waiver.guardrail}" to waive', remedy=remedy)
    raise_together(length_faults(waiver, rules, today, Place("--expires")))
    signed = [name for name in known if waiver.kind is not Kind.APPROVAL and rules.approvals.needed_for(name)]
    if len(signed) == len(known):
        remedy = "Ask for one: --approver, --amount and --project, then `spendgate waiver sign`."
        raise InputError(f"only a signed approval lifts {', '.join(signed)}", remedy=remedy)
    edit.sound(path)
    read = read_waivers(path, shown(path), library, rules, today) if path.exists() else None
    others = read.entries if read else ()
    if waiver.id in edit.ids(path):
        raise InputError(f'the id "{waiver.id}" is taken', place=shown(path), remedy="Give another --id.")
    for other in others:
        if other.scope == waiver.scope and other.kind is waiver.kind:
            raise InputError(
                f"{waiver.guardrail} is waived for {waiver.resource} already, until {other.expires}",
                place=other.place,
                remedy="Change that entry, or remove it.",
            )
    if not waiver.id:
        waiver = replace(waiver, id=edit.slug(waiver, edit.ids(path)))
    edit.add_entry(path, waiver)
    print(f"{shown(path)}: {waiver.id} lets {waiver.guardrail} pass for {waiver.resource} until {waiver.expires}")
    if waiver.kind is Kind.APPROVAL:
        print(f"It counts once {waiver.approver} has signed it: spendgate waiver sign {waiver.id} --key KEY")
    if signed:
        print(f"It does not lift {', '.join(signed)}: only a signed approval does")
    if len(known) > rules.max_guardrails:
        print(
            f"It covers {len(known)} guardrails, and one waiver is for at most {rules.max_guardrails}: "
            "checks report it as too wide"
        )
    for fault in read.faults if read else ():
        print_error(fault)
    return 2 if read and read.faults else 0


def _from(options: argparse.Namespace, today: date) -> Waiver:
    """The entry that the options describe. Raises InputError for what is wrong with them."""
    texts = {name: getattr(options, name).strip() for name in ("guardrail", "resource", "reason", "owner", "ticket")}
    for name, text in texts.items():
        if not text or any(ord(sign) < 32 for sign in text):
            raise InputError(f"{name} is one line of text")
    approval = bool(options.approver) or options.amount is not None
    if approval and not (options.approver and options.amount is not None and options.project):
        raise InputError("an approval has --approver, --amount and --project")
    if options.id and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", options.id):
        raise InputError(f'"{options.id}" is no id', remedy="Letters, digits, dots, dashes and underscores.")
    expires = _expiry(options.expires, today)
    if expires < today:
        raise InputError(f"--expires {expires} is over already")
    return Waiver(
        id=options.id,
        kind=Kind.APPROVAL if approval else Kind.WAIVER,
        **texts,
        type=options.type,
        project=options.project,
        stack=options.stack,
        environments=tuple(options.environment),
        granted=today,
        expires=expires,
        max_monthly_cost=_amount("--max-monthly-cost", options.max_monthly_cost),
        approver=options.approver.strip(),
        amount=_amount("--amount", options.amount),
    )


def _expiry(text: str, today: date) -> date:
    if found := _DAYS.fullmatch(text):
        return today + timedelta(days=int(found[1]))
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f'--expires "{text}" is no date', remedy="YYYY-MM-DD, or days from today as 30d.") from None


def _amount(option: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise InputError(f'{option} "{text}" is no amount of US dollars')
    return amount


def _list(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    rules, waivers = _read(options, now)
    if options.format == "json":
        print(json.dumps([_as_json(one, now, rules) for one in waivers.entries], indent=2, ensure_ascii=False))
    else:
        _print_list(waivers, now, rules)
    for fault in waivers.faults:
        print_error(fault)
    return 2 if waivers.faults else 0


def _print_list(waivers: Waivers, now: datetime, rules: Rules) -> None:
    if not waivers.entries:
        print("no waivers", file=sys.stderr)
        return
    rows = [(one.id, _state(one, now, rules), f"{one.guardrail} for {one.resource}", one) for one in waivers.entries]
    widths = [max(len(_plain(str(row[column]))) for row in rows) for column in range(3)]
    for *cells, one in rows:
        line = "  ".join(f"{_plain(str(cell)):<{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{line}  {_plain(one.owner)}, {_plain(one.ticket)}: {_plain(one.reason)}".rstrip())


def _plain(text: str) -> str:
    """Text from a file, without what steers a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _void(waiver: Waiver, rules: Rules) -> str:
    """Why it lets nothing pass on any day."""
    if waiver.kind is not Kind.APPROVAL and rules.approvals.needed_for(waiver.guardrail):
        return f"only a signed approval lifts {waiver.guardrail}"
    return waiver.invalid


def _state(waiver: Waiver, now: datetime, rules: Rules) -> str:
    """``active, 12 days left``, ``expired on …``, or why it does not count."""
    from spendgate.waivers.decide import time_gap

    gap = time_gap(waiver, now) or _void(waiver, rules)
    if gap:
        return gap
    days = (waiver.expires - now.astimezone(UTC).date()).days
    return f"active, {days} day{'' if days == 1 else 's'} left" if days else "active, last day"


def _as_json(waiver: Waiver, now: datetime, rules: Rules) -> dict[str, object]:
    from spendgate.waivers.decide import time_gap

    gap, void = time_gap(waiver, now), _void(waiver, rules)
    state = "expired" if (gap or "").startswith("expired") else "not-yet" if gap else "invalid"
    return {
        "id": waiver.id,
        "kind": str(waiver.kind),
        "guardrail": waiver.guardrail,
        "resource": waiver.resource,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "ticket": waiver.ticket,
        "expires": waiver.expires.isoformat(),
        "days_left": (waiver.expires - now.astimezone(UTC).date()).days,
        "state": state if gap or void else "active",
        "why_not": gap or void or None,
        "location": {"file": waiver.place.file, "line": waiver.place.line},
    }


def _approval(waivers: Waivers, id_: str) -> Waiver:
    found = next((one for one in waivers.entries if one.id == id_), None)
    if found is None:
        names = [one.id for one in waivers.entries]
        if waivers.faults:
            raise_together(waivers.faults)
        raise InputError(f'no waiver "{id_}"', remedy=did_you_mean(id_, names) or "`spendgate waiver list` lists them.")
    if found.kind is not Kind.APPROVAL:
        raise InputError(f'"{id_}" is a plain waiver, which nobody signs', place=found.place)
    return found


def _sign(options: argparse.Namespace) -> int:
    from spendgate.waivers.decide import time_gap
    from spendgate.waivers.edit import set_signature
    from spendgate.waivers.signature import HEADER, canonical, sign

    now = datetime.now(UTC)
    rules, waivers = _read(options, now)
    waiver = _approval(waivers, options.id)
    if (gap := time_gap(waiver, now)) is not None and gap.startswith("expired"):
        raise InputError(f'the approval "{waiver.id}" {gap}', place=waiver.place)
    said = canonical(waiver).decode().removeprefix(HEADER).strip()
    print(f"signing as {_plain(waiver.approver)}: {_plain(said)}")
    set_signature(rules.file, waiver.id, sign(waiver, options.key, rules.approvals, now))
    print(f"signed: {waiver.id} holds until {waiver.expires}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    """0 when every approval that is asked for counts, 1 when one is unsigned or over, 2 when a signature is wrong."""
    now = datetime.now(UTC)
    rules, waivers = _read(options, now)
    chosen = [one for one in waivers.entries if one.kind is Kind.APPROVAL]
    if options.id:
        chosen = [_approval(waivers, options.id)]
    for one in chosen:
        signed = f", signed by {_plain(one.approver)}" if _holds(one, now) else ""
        print(f"{one.id}: {_plain(_state(one, now, rules))}{signed}")
    faults = [fault for fault in waivers.faults if not options.id or fault.place == chosen[0].place]
    for fault in faults:
        print_error(fault)
    if not chosen and not faults:
        print("no approvals", file=sys.stderr)
    return 2 if faults else 0 if all(_holds(one, now) for one in chosen) else 1


def _holds(waiver: Waiver, now: datetime) -> bool:
    from spendgate.waivers.decide import time_gap

    return time_gap(waiver, now) is None and not waiver.invalid
