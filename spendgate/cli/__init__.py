"""The command line: one door to the gate. Each subcommand is a module that is imported only when it is asked for."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from spendgate import __version__
from spendgate.errors import InputError, did_you_mean
from spendgate.signals import ended_by_signals

if TYPE_CHECKING:
    import argparse

COMMANDS = {
    "check": "run a Pulumi program's declaration through the guardrails, with its cost",
    "price": "what an instance type costs, by region and purchase option",
    "prices": "check a price catalogue, add a price of your own, or read the providers' lists",
    "allocate": "who pays which line of a bill, by published rules",
    "reconcile": "how far an estimate was off the bill, why, and which usage would have been right",
    "budget": "hold bills against budgets: what is spent, where the month will end, and which days are unusual",
    "guardrails": "list the guardrails, or explain one",
    "init": "write a starter spendgate.yaml for a Pulumi project, after looking at what it declares",
    "config": "show every setting that holds for a stack, and where it comes from",
    "waiver": "let findings pass for a time: add, list, sign and verify waivers and approvals",
    "test": "run the tests of guardrails and of allocation rules, with what they cover",
    "pack": "start, check, test, build, sign, publish, fetch and compare packs of guardrails",
    "schema": "print the JSON Schema of a file or an output",
    "record": "record a program's data sources from a real preview",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 pass, 1 refused, 2 wrong input, 3 a fault of ours.

    Ended from outside (Ctrl-C, TERM, HUP), it takes back what it began to write: 130, 143, 129."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["--version"], ["-V"]):
        print(f"spendgate {__version__}")
        return 0
    try:
        with ended_by_signals():
            return _run(words)
    except InputError as error:
        print_error(error)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as error:  # a fault of ours: say so, and keep the traceback for the report
        return _fault(error)
    finally:
        if arguments is None and words[:1] == ["check"]:
            # The process ends: what it made need not be searched for cycles first. Other commands load libraries that
            # count at their end what they made, and tell of all that was not freed (DuckDB's, with Spark's).
            gc.freeze()


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    name = words[0]
    if name not in COMMANDS:
        remedy = did_you_mean(name, COMMANDS) or "`spendgate --help` lists the commands."
        raise InputError(f'no command "{name}"', remedy=remedy)
    from importlib import import_module

    command = import_module(f"spendgate.cli.{name}")
    # Of `allocate explain …` the word behind the command has options of its own.
    own = getattr(command, "PARSERS", {}).get(words[1] if words[1:] else "")
    options = command.parser().parse_args(words[1:]) if own is None else own().parse_args(words[2:])
    result: int = command.run(options)
    return result


def _overview() -> str:
    lines = [
        "spendgate: cost guardrails for GPU infrastructure, with the price of a change before it is made.",
        "",
        "  spendgate check DIR            is refused (exit 1) or passes (exit 0), with cost and findings",
        "  spendgate price p5.48xlarge    what it costs, where, and how it is bought",
        "",
        "Commands (spendgate COMMAND --help tells more):",
        *(f"  {name:<12} {text}" for name, text in COMMANDS.items()),
    ]
    return "\n".join(lines)


def new_parser(
    name: str, *, mixed: bool = False, about: str | None = None, examples: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """A parser for one command whose usage errors read like all other errors; ``mixed`` lets words stand between
    options. ``about`` is what it does, where it is no command of the list; ``examples`` end its help."""
    import argparse
    import itertools
    import textwrap

    class Parser(argparse.ArgumentParser):
        words: Mapping[str, argparse.ArgumentParser] = {}
        given: Sequence[str] = ()

        def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
            self.given = list(args or ())
            # Words may stand between options: `config show --stack prod KEY`.
            return self.parse_intermixed_args(args, namespace) if mixed else super().parse_args(args, namespace)

        def add_subparsers(self, **options: Any) -> Any:
            # What the list says of a word, the word's own help says too.
            found: Any = super().add_subparsers(**options)
            self.words = found.choices
            add = found.add_parser

            def add_parser(word: str, **given: Any) -> Any:
                says = str(given.get("help", ""))
                about = textwrap.fill(says if says.endswith("?") else f"{says}.", 79)
                return add(word, **{"description": about, "allow_abbrev": False, **given})

            found.add_parser = add_parser
            return found

        def _check_value(self, action: argparse.Action, value: Any) -> None:
            if action.choices is None or value in action.choices:
                return
            known = [str(one) for one in action.choices]
            remedy = did_you_mean(str(value), known) or f"There are: {', '.join(known)}."
            what = next(iter(action.option_strings), action.dest)
            if action.nargs == argparse.PARSER:
                what, value = "command", f"{name} {value}"
            raise InputError(f'no {what} "{value}"', remedy=remedy)

        def error(self, message: str) -> NoReturn:
            remedy = f"`{self.prog} --help` tells the options."
            if message.startswith("unrecognized arguments:"):
                options = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
                known = {*self._option_string_actions}
                for command in self.words.values():
                    known |= {*command._option_string_actions}
                remedy = next(filter(None, (did_you_mean(option, known) for option in options)), remedy)
            elif message.startswith("the following arguments are required:"):
                # Of `pack diff` the example that is its own; of `pack` the first.
                own = [example for example in examples if example.startswith(self.prog)]
                remedy = f"{self.taken()}Such as: {own[0]}" if own else remedy
            raise InputError(message, remedy=remedy)

        def taken(self) -> str:
            """What an option of several words took that may be what is missing, as a line before others; or nothing."""
            for place, word in enumerate(self.given):
                action = self._option_string_actions.get(word)
                behind = list(itertools.takewhile(lambda other: other[:1] != "-", self.given[place + 1 :]))
                if action is not None and action.nargs == "+" and len(behind) > 1:
                    return f'{word} takes all words behind it, "{behind[-1]}" too; put that before the options.\n'
            return ""

    return Parser(
        prog=f"spendgate {name}",
        description=textwrap.fill(f"{about or COMMANDS[name]}.", 79),
        epilog="\n  ".join(("examples:", *examples)) if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def print_error(error: InputError) -> None:
    """An input error on standard error, in red where that is a terminal."""
    mark = "error:"
    if sys.stderr.isatty():
        mark = f"\x1b[1;31m{mark}\x1b[0m"
    errors = getattr(error, "errors", (error,))
    for one in errors:
        print(f"{mark} {_still(str(one))}", file=sys.stderr)


def _still(text: str) -> str:
    """What an error quotes, without colours and without what steers a terminal: a bill or a program may hold it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]", "\ufffd", plain)


def _fault(error: Exception) -> int:
    import os
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="spendgate-fault-", suffix=".txt", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"spendgate {__version__}, Python {sys.version}\n")
        file.write("".join(traceback.format_exception(error)))
    print(f"error: a fault in spendgate: {type(error).__name__}", file=sys.stderr)
    print(f"Please report it with {path} (it may name your resources).", file=sys.stderr)
    return 3


def month(text: str | None) -> str | None:
    """A month as an option names it (``2026-03``). Raises InputError for any other text."""
    from datetime import date

    if text is not None:
        try:
            date.fromisoformat(f"{text}-01")
        except ValueError:
            raise InputError(f'"{text}" is no month', remedy="Write it like 2026-03.") from None
    return text
