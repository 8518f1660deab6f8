"""README and docs: what they link to is there, and what they tell one to type is what the command takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from spendgate.cli import COMMANDS
from spendgate.errors import InputError
from spendgate.rules.library import load_library
from tests.bench.files import PASSING, case, write_folder
from tests.conftest import ROOT, Run

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "examples/*/README.md", "packs/*/README.md", "components/*.md")
    for page in ROOT.glob(pattern)
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#{1,6} (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_to_a_page_and_a_heading_that_are_there(name: str) -> None:
    page = ROOT / name
    text = re.sub(r"`[^`]*`", "", FENCE.sub("", page.read_text("utf-8")))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def commands(text: str) -> Iterator[str]:
    """The commands of a page: lines of its blocks, continued ones as one, and those in a sentence."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split(" | "):
                if found := re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(spendgate [a-z].*)", part):
                    yield found[1]
    for inline in re.findall(r"`(spendgate [a-z][^`]*)`", FENCE.sub("", text)):
        # `waiver add|list` are two.
        yield from alternatives(inline.replace("\\|", "|"))


def alternatives(command: str) -> list[str]:
    """The commands of which one is written with ``|`` between its words."""
    several = re.search(r"\b[a-z]+(?:\|[a-z]+)+\b", command)
    if several is None:
        return [command]
    return [command.replace(several[0], one) for one in several[0].split("|")]


def words_of(command: str) -> list[str]:
    """The words behind ``spendgate``; a remark ends them, and so does what goes on with another command."""
    return shlex.split(re.split(r" #|;|&&| > | 2>", command)[0], comments=False)[1:]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CHANGELOG.md"])
def test_every_command_is_one_that_there_is_with_the_options_that_it_has(name: str) -> None:
    for command in commands((ROOT / name).read_text("utf-8")):
        words = ["guardrail" if word == "NAME" else word for word in words_of(command)]
        assert words[0] in COMMANDS, command
        module = import_module(f"spendgate.cli.{words[0]}")
        own = getattr(module, "PARSERS", {}).get(words[1] if words[1:] else "")
        options, given = (module.parser(), words[1:]) if own is None else (own(), words[2:])
        try:
            options.parse_args(given)
        except SystemExit:
            assert "--help" in given, command
        except InputError as error:
            # In a sentence a command may stand without all of its words; never with one that it does not take.
            if not ("are required" in error.message or "is missing" in error.message):
                pytest.fail(f"{command}: {error}")


def test_the_report_of_the_readme_is_what_the_example_gives(spendgate: Run) -> None:
    (block,) = re.findall(r"```\n\$ (spendgate check .*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    command, _, rest = block.partition("\n")
    done = spendgate(*command.split()[1:], env={"COLUMNS": "110"})
    shown, _, after = rest.partition("$ echo $?\n")
    assert after.strip() == str(done.returncode)
    for part in re.split(r"\n\n(?=  [✗…])|\n\n(?=REFUSED)", shown.strip("\n")):
        if not part.strip().startswith("…"):
            assert part.strip("\n") in done.stdout


def test_the_jobs_of_the_docs_are_yaml_that_writes_the_report_which_they_show() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "pull-requests.md").read_text("utf-8"), re.DOTALL)
    github, gitlab = (YAML(typ="safe", pure=True).load(block) for block in blocks)
    steps = [step["run"] for step in github["jobs"]["check"]["steps"] if "run" in step]
    scripts = [*gitlab["spendgate"]["script"], *gitlab["spendgate-comment"]["script"]]
    for lines in (steps, scripts):
        (check,) = [line for line in lines if line.startswith("spendgate check")]
        written = check.partition("--output ")[2]
        assert sum(written in line for line in lines) > 1
    # What the program could read while it runs holds no token.
    assert "TOKEN" not in str(gitlab["spendgate"])
    assert github["jobs"]["check"]["steps"][0]["with"]["persist-credentials"] is False


def test_the_guardrail_of_the_docs_passes_its_tests(spendgate: Run, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "guardrails.md").read_text("utf-8")
    guardrail, *_, tests = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "pool-accelerators.yaml").write_text(guardrail, "utf-8")
    (tmp_path / "pool-accelerators.test.yaml").write_text(tests, "utf-8")
    done = spendgate("test", tmp_path, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 cases: 3 passed, 0 failed" in done.stdout


def test_what_the_docs_show_of_a_test_is_what_it_shows(spendgate: Run, tmp_path: Path) -> None:
    failing = case("large is refused", "500", '[{resource: data, status: violation, contains: "900"}]')
    write_folder(tmp_path / "own", PASSING, failing)
    shown = spendgate("test", "own", cwd=tmp_path).stdout
    (told,) = re.findall(r"```\n(✗ volume-size.*?)```", (ROOT / "docs" / "testing.md").read_text("utf-8"), re.DOTALL)
    seconds = re.compile(r"\(\d+\.\d s\)")
    assert seconds.sub("", told) == seconds.sub("", shown)


def test_the_data_source_of_the_docs_is_answered(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(
        "import pulumi_aws as aws\n"
        "kind = aws.ssm.get_parameter(name='/gpu/type').value\n"
        "aws.ec2.Instance('gpu', instance_type=kind, ami='ami-1')\n"
    )
    (entry,) = re.findall(
        r"```yaml\n(invokes:.*?)```", (ROOT / "docs" / "configuration.md").read_text("utf-8"), re.DOTALL
    )
    assert "name: /gpu/type" in entry
    assert "has no answer without the cloud" in spendgate("check", folder).stderr
    (folder / "spendgate.yaml").write_text(f"apiVersion: spendgate.dev/v1\nkind: Config\n{entry}", "utf-8")
    assert "1 × g6.xlarge" in spendgate("check", folder).stdout


def test_the_guardrails_are_as_many_as_readme_and_library_say() -> None:
    there = len(load_library())
    for name, said in (("README.md", r"It comes with (\d+) "), ("docs/library.md", r"^(\d+) guardrails in ")):
        assert re.findall(said, (ROOT / name).read_text("utf-8"), re.MULTILINE) == [str(there)], name
