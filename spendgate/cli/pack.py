"""``spendgate pack``: start, check, test, build, sign, publish, fetch and compare packs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError

if TYPE_CHECKING:
    from spendgate.packs.signing import Demand
    from spendgate.packs.verify import Verified

_ACTIONS = "new|validate|test|docs|build|verify|push|pull|diff"


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate pack``."""
    parser = new_parser(
        "pack",
        examples=(
            "spendgate pack new team-costs",
            "spendgate pack test team-costs --strict",
            "spendgate pack diff gpu-baseline team-costs --on ../service-a",
        ),
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar=_ACTIONS)
    new = commands.add_parser("new", help="write a new pack that validates, tests and runs as it is")
    new.add_argument("name", metavar="NAME", help="of the pack: lower case, such as team-costs")
    new.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="default: the name, here")
    validate = commands.add_parser("validate", help="everything that is wrong with a pack's folder")
    test = commands.add_parser("test", help="its tests, with the levels and parameters of the pack")
    test.add_argument("--strict", action="store_true", help="each guardrail has a passing, failing and unknown case")
    test.add_argument("--min-coverage", type=float, metavar="PERCENT", help="fail when the cases cover less")
    test.add_argument("--min-operands", type=float, metavar="PERCENT", help="the same of conditions inside expressions")
    test.add_argument("--format", "-f", choices=("terminal", "json", "junit"), default="terminal", help="of the report")
    docs = commands.add_parser("docs", help="write a reference page for each guardrail")
    docs.add_argument("--output", "-o", type=Path, required=True, metavar="DIR", help="write them there")
    build = commands.add_parser("build", help="a reproducible archive with manifest and reference pages")
    build.add_argument("--output", "-o", type=Path, metavar="FILE", help="default: NAME-VERSION.tar.gz, here")
    build.add_argument("--key", type=Path, metavar="KEY", help="sign it with this SSH key")
    for command in (validate, test, docs, build):
        command.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: here")
    verify = commands.add_parser("verify", help="is an archive what its publisher built?")
    verify.add_argument("file", type=Path, metavar="FILE", help="as `spendgate pack build` wrote it")
    push = commands.add_parser("push", help="put an archive into an OCI registry")
    push.add_argument("file", type=Path, metavar="FILE", help="as `spendgate pack build` wrote it")
    push.add_argument("reference", metavar="REFERENCE", help="where: oci://REGISTRY/NAME:VERSION")
    push.add_argument("--force", action="store_true", help="although the registry has another pack of that version")
    pull = commands.add_parser("pull", help="fetch a pack, verify it, and write its folder")
    pull.add_argument("reference", metavar="PACK", help="oci://…, git+…, python:… or an archive")
    pull.add_argument("--output", "-o", type=Path, metavar="DIR", help="default: the pack's name, here")
    for command in (verify, pull):
        _signature_options(command)
    diff = commands.add_parser("diff", help="what a new version refuses that the old one allowed")
    diff.add_argument("old", metavar="OLD", help="a pack: folder, archive, name or reference")
    diff.add_argument("new", metavar="NEW", help="the other version of it")
    diff.add_argument(
        "--on",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="INPUT",
        help="projects, or files of previews",
    )
    diff.add_argument("--stack", "-s", help="stack of the projects")
    diff.add_argument(
        "--config", "-c", action="append", default=[], metavar="KEY=VALUE", help="configuration of the projects"
    )
    diff.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal", help="of the report")
    diff.add_argument(
        "--check-version", action="store_true", help="exit 1 where the version says less than the changes"
    )
    return parser


def _signature_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--allowed-signers", type=Path, metavar="FILE", help="it must be signed by one of these")
    command.add_argument("--signer", action="append", default=[], metavar="WHO", help="and by this one (repeatable)")


def run(options: argparse.Namespace) -> int:
    """Run one of the subcommands."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "new": _new,
        "validate": _validate,
        "test": _test,
        "docs": _docs,
        "build": _build,
        "verify": _verify,
        "push": _push,
        "pull": _pull,
        "diff": _diff,
    }
    return actions[options.action](options)


def _new(options: argparse.Namespace) -> int:
    from spendgate.packs.scaffold import create

    folder = options.folder or Path(options.name)
    for path in create(options.name, folder):
        print(path)
    print(f"Next: spendgate pack validate {folder}; spendgate pack test {folder} --strict")
    return 0


def _validate(options: argparse.Namespace) -> int:
    from spendgate.packs.validate import validate
    from spendgate.report.wording import plural

    found = validate(options.folder)
    own = sum(1 for item in found.selection if found.own(item.guardrail))
    print(
        f"{found.pack.name} {found.pack.version} is sound: "
        f"{plural(len(found.selection), 'guardrail')}, {own} of its own"
    )
    return 0


def _test(options: argparse.Namespace) -> int:
    from spendgate.packs.bench import run_tests
    from spendgate.packs.validate import validate

    for name, wanted in (("--min-coverage", options.min_coverage), ("--min-operands", options.min_operands)):
        if wanted is not None and not 0 <= wanted <= 100:
            raise InputError(f"{name} is a number from 0 to 100")
    report = run_tests(
        validate(options.folder),
        strict=options.strict,
        min_coverage=options.min_coverage,
        min_operands=options.min_operands,
    )
    for error in report.errors:
        print_error(error)
    if options.format == "json":
        from spendgate.report.bench.as_json import render

        sys.stdout.write(render(report))
    elif options.format == "junit":
        from spendgate.report.bench.junit import render as render_junit

        sys.stdout.write(render_junit(report))
    else:
        from spendgate.report.bench.terminal import render as render_terminal

        sys.stdout.write(render_terminal(report, color=sys.stdout.isatty()))
    return report.exit_code


def _docs(options: argparse.Namespace) -> int:
    from spendgate.packs.pages import FOLDER, pages
    from spendgate.packs.validate import validate

    written = {
        options.output / path.removeprefix(f"{FOLDER}/"): text for path, text in pages(validate(options.folder)).items()
    }
    for path, text in written.items():
        _write(path, text)
    print(f"{options.output}: {len(written)} pages")
    return 0


def _build(options: argparse.Namespace) -> int:
    from spendgate.packs.build import build

    built = build(options.folder, options.key)
    manifest = built.manifest
    output = options.output or Path(f"{manifest.name}-{manifest.version}.tar.gz")
    _write(output, built.archive)
    signed = "signed" if built.signed else "unsigned"
    print(f"{output}: {manifest.name} {manifest.version}, {len(built.archive):,} bytes, {signed}")
    print(manifest.content)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from spendgate.packs.verify import verify

    _print_verified(verify(options.file, _demand(options)))
    return 0


def _print_verified(verified: Verified) -> None:
    manifest = verified.manifest
    print(f"{manifest.name} {manifest.version}: {len(manifest.files)} files as built, {manifest.content}")
    if verified.signer is None:
        print("It is not signed.")
    elif not verified.signer:
        print("It is signed; --allowed-signers FILE tells whether by one whom you allow.")
    else:
        print(f"Signed by {verified.signer}.")
    for remark in verified.remarks:
        print(f"note: {remark}")


def _demand(options: argparse.Namespace) -> Demand | None:
    from spendgate.packs.signing import Demand

    if options.allowed_signers is None:
        if options.signer:
            raise InputError("--signer needs --allowed-signers FILE", remedy="The file names the keys of each signer.")
        return None
    return Demand(options.allowed_signers, tuple(options.signer))


def _push(options: argparse.Namespace) -> int:
    from spendgate.packs.oci import push

    print(push(options.file, options.reference, force=options.force))
    return 0


def _pull(options: argparse.Namespace) -> int:
    from spendgate.packs.locate import pull

    folder, origin, verified = pull(options.reference, options.output, _demand(options), now=datetime.now(UTC))
    print(f"{folder}: from {origin}")
    if verified is not None:
        _print_verified(verified)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from spendgate.cli.check import config_values
    from spendgate.packs.diff import compare
    from spendgate.packs.diff_report import as_json, as_text

    difference = compare(
        options.old, options.new, tuple(options.on), stack=options.stack, config=config_values(options.config)
    )
    for error in difference.errors:
        print_error(error)
    sys.stdout.write(as_json(difference) if options.format == "json" else as_text(difference))
    if difference.errors:
        return 2
    return 1 if options.check_version and not difference.enough else 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=path) from None
