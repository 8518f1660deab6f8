"""What bad input gets: one or two lines with what, where and what to do; exit 2; never a traceback of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Run, git

BUCKET = "import pulumi_aws as aws\naws.s3.Bucket('data')\n"
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"


def refused(spendgate: Run, *arguments: str | Path) -> str:
    """Run, demand exit 2 and no traceback of ours, and give back everything it said."""
    done = spendgate(*arguments)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "spendgate/" not in said.replace("spendgate/policies", ""), said
    assert "Traceback" not in said or "__main__.py" in said, said
    return said


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("guardrails: {gpu-aproved-models: {}}", ':3:14: no guardrail "gpu-aproved-models"|did you mean "gpu-approved-models"?'),
        ("guardrails: {gpu-approved-models: {params: {aproved: [L4]}}}", 'has no parameter "aproved"|did you mean "approved"?'),
        ("guardrails: {gpu-approved-models: {params: {approved: L4}}}", "'L4' is not of type 'array'"),
        ("guardrails: {gpu-approved-models: {enforcement: mandatry}}", 'did you mean "mandatory"?'),
        ("packs: [gpu-basline]", ':3:9: no pack "gpu-basline"|did you mean "gpu-baseline"?'),
        ("guardrail: {}", 'unknown key "guardrail"|did you mean "guardrails"?'),
        ("policies: [./nowhere]", "no such folder of guardrails"),
        ("packs: [", ":4:1: YAML does not parse"),
    ],
)  # fmt: skip
def test_a_mistake_in_spendgate_yaml_is_told_with_its_place(
    spendgate: Run, project: Callable[..., Path], yaml: str, says: str
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}{yaml}\n")
    said = refused(spendgate, "check", folder)
    for part in ("spendgate.yaml", *says.split("|")):
        assert part in said


def test_a_guardrail_of_the_project_with_wrong_cel_is_told_with_its_place(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}policies: [own]\nguardrails: {{mine: {{}}}}\n")
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Guardrail\n"
        "metadata: {name: mine, title: T, category: own, severity: low, description: D}\n"
        "spec:\n  target: resource\n  enforcement: mandatory\n  onUnknown: deny\n  remediation: R\n"
        "  validations:\n    - {expression: facts.kind > 3, message: M}\n",
        encoding="utf-8",
    )
    said = refused(spendgate, "check", folder)
    assert "mine.yaml:10:31: CEL: > does not work on (string, int)" in said
    assert "^" in said


def test_a_folder_that_is_no_program(spendgate: Run, tmp_path: Path) -> None:
    said = refused(spendgate, "check", tmp_path)
    assert "Pulumi.yaml" in said


def test_a_folder_that_does_not_exist(spendgate: Run, tmp_path: Path) -> None:
    assert "no such folder" in refused(spendgate, "check", tmp_path / "nowhere")


def test_an_empty_program(spendgate: Run, project: Callable[..., Path]) -> None:
    assert "declares no resources" in refused(spendgate, "check", project("import pulumi\n"))


def test_a_program_that_imports_what_is_not_installed(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project("import pulumi_digitalocean\n", requirements__txt="pulumi\npulumi-digitalocean\n")
    said = refused(spendgate, "check", folder)
    assert "pulumi_digitalocean" in said
    assert "requirements.txt" in said


def test_a_program_that_raises_shows_its_own_traceback(spendgate: Run, project: Callable[..., Path]) -> None:
    said = refused(spendgate, "check", project("def boom():\n    raise ValueError('no such cluster')\n\nboom()\n"))
    assert "ValueError: no such cluster" in said
    assert "__main__.py" in said


def test_a_broken_pulumi_yaml(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET)
    (folder / "Pulumi.yaml").write_text("name: [demo\nruntime: python\n", encoding="utf-8")
    assert "Pulumi.yaml:2:" in refused(spendgate, "check", folder)


def test_every_missing_configuration_key_is_named(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project("import pulumi\nc = pulumi.Config()\nc.require('nodes')\nc.require_int('size')\n" + BUCKET)
    said = refused(spendgate, "check", folder)
    assert "demo:nodes" in said
    assert "demo:size" in said
    assert "--config" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chekc",), 'did you mean "check"?'),
        (("check", "--fromat", "json"), "--fromat"),
        (("check", "--config", "nodes"), "key=value"),
        (("check", "--timeout", "0"), "--timeout"),
        (("price",), "TYPE"),
        (("price", "g6e.12xlrge"), 'did you mean "g6e.12xlarge"?'),
        (("price", "g5.xlarge", "--region", "us-esat-1"), 'did you mean "us-east-1"?'),
        (("price", "g5.xlarge", "--count", "-1"), "count"),
        (("price", "g5.xlarge", "--hours", "many"), "hours"),
        (("guardrails", "gpu-prised"), 'did you mean "gpu-priced"?'),
        (("schema", "guardrial"), "guardrial"),
    ],
)
def test_wrong_usage_says_what_is_meant(spendgate: Run, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(spendgate, *arguments)


def test_a_report_that_cannot_be_written(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET)
    assert "cannot be written" in refused(spendgate, "check", folder, "--output", folder / "no" / "report.md")


GUARDRAIL = """\
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: mine, title: T, category: own, severity: low, description: D}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  remediation: R
"""
OWN = f"{CONFIG}policies: [own]\nguardrails: {{mine: {{}}}}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def own_guardrail(folder: Path, text: str, where: str = "own") -> Path:
    """The project with a guardrail of its own."""
    (folder / where).mkdir(parents=True, exist_ok=True)
    (folder / where / "mine.yaml").write_text(GUARDRAIL + text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("file", ["spendgate.yaml", "Pulumi.yaml", "Pulumi.dev.yaml", "own/mine.yaml", "org.yaml"])
def test_a_yaml_bomb_and_a_file_of_100_megabytes_are_refused(
    spendgate: Run, project: Callable[..., Path], file: str
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{OWN}organization: org.yaml\n")
    own_guardrail(folder, "  validations: [{expression: 'true', message: M}]\n")
    (folder / "org.yaml").write_text("apiVersion: spendgate.dev/v1\nkind: Organization\n", encoding="utf-8")
    with (folder / file).open("a", encoding="utf-8") as written:
        written.write(BOMB)
    said = refused(spendgate, "check", folder)
    assert f"{Path(file).name}:" in said
    assert "YAML expands without end" in said
    with (folder / file).open("wb") as written:
        written.truncate(100 * 1024 * 1024)
    assert "the file has 104,857,600 bytes; at most 4,194,304 are read" in refused(spendgate, "check", folder)


def test_a_table_of_prices_of_100_megabytes_is_refused(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET)
    (folder / ".spendgate" / "prices").mkdir(parents=True)
    with (folder / ".spendgate" / "prices" / "private.csv").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    done = spendgate("check", folder)
    assert done.returncode == 2
    assert "private.csv: the file has 104,857,600 bytes; at most 33,554,432 are read" in done.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device of endless zeros")
def test_a_link_to_what_has_no_end_is_refused(spendgate: Run, project: Callable[..., Path]) -> None:
    """A repository can hold such a link."""
    folder = project(BUCKET)
    (folder / "waivers.yaml").symlink_to("/dev/zero")
    assert "waivers.yaml: the file does not end; at most 4,194,304 are read" in refused(spendgate, "check", folder)
    (folder / "spendgate.yaml").write_text(f"{CONFIG}packs: [team.tar.gz]\n", "utf-8")
    (folder / "team.tar.gz").symlink_to("/dev/zero")
    assert 'the pack "team.tar.gz": no such archive' in refused(spendgate, "check", folder)


def test_two_guardrails_of_one_name_are_told_with_both_places(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET, spendgate__yaml=OWN)
    for where in ("own/a", "own/b"):
        own_guardrail(folder, "  validations: [{expression: 'true', message: M}]\n", where)
    said = refused(spendgate, "check", folder)
    assert 'own/b/mine.yaml:3:18: guardrail "mine" is already defined at' in said
    assert "own/a/mine.yaml:3:18" in said


def test_variables_that_go_in_a_circle_are_told(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = own_guardrail(
        project(BUCKET, spendgate__yaml=OWN),
        "  variables:\n    - {name: a, expression: variables.b}\n    - {name: b, expression: variables.a}\n"
        "  validations: [{expression: variables.a, message: M}]\n",
    )
    said = refused(spendgate, "check", folder)
    assert "mine.yaml:10:29: the variables go in a circle: a → b → a" in said


def test_everything_that_a_pack_selects_and_is_not_there_is_told(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}packs: [mine]\n")
    (folder / "mine").mkdir()
    head = (
        "apiVersion: spendgate.dev/v1\nkind: Pack\nmetadata: {name: mine, version: 1.0.0, title: T, description: D}\n"
    )
    selects = "spec: {guardrails: [{name: gpu-prised}, {name: gpu-approved-models, params: {aproved: [L4]}}]}\n"
    (folder / "mine" / "pack.yaml").write_text(head + selects, encoding="utf-8")
    said = refused(spendgate, "check", folder)
    assert 'pack.yaml:4:28: no guardrail "gpu-prised"\ndid you mean "gpu-priced"?' in said
    assert 'has no parameter "aproved"\ndid you mean "approved"?' in said
    (folder / "mine" / "pack.yaml").write_text(
        f"{head}spec: {{policies: [nowhere], guardrails: [{{name: gpu-priced}}]}}\n"
    )
    assert 'pack.yaml:4:19: no such folder of guardrails: "nowhere"' in refused(spendgate, "check", folder)


@pytest.mark.parametrize("engine", ["cel-expr-python", "cel-python"])
def test_a_pattern_that_could_backtrack_takes_no_time(
    spendgate: Run, project: Callable[..., Path], engine: str
) -> None:
    bucket = f"import pulumi_aws as aws\naws.s3.Bucket('data', tags={{'k': '{'a' * 40}!'}})\n"
    text = "  validations: [{expression: \"!facts.tags['k'].matches('^(a+)+$')\", message: M}]\n"
    folder = own_guardrail(project(bucket, spendgate__yaml=OWN), text)
    done = spendgate("check", folder, env={"SPENDGATE_CEL": engine})
    assert done.returncode == 1
    assert "mine" not in done.stdout


def test_a_pattern_of_a_parameter_that_could_backtrack_takes_no_time(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    config = f"{CONFIG}policies: [own]\nguardrails: {{mine: {{params: {{p: {'a' * 40}!}}}}}}\n"
    text = (
        "  params: {p: {type: string, pattern: '^(a+)+$', default: a}}\n"
        "  validations: [{expression: params.p != '', message: M}]\n"
    )
    said = refused(spendgate, "check", own_guardrail(project(BUCKET, spendgate__yaml=config), text))
    assert 'spendgate.yaml:4:30: parameter "p" of "mine"' in said
    assert "does not match '^(a+)+$'" in said


def test_one_bad_project_does_not_keep_the_others_from_being_reported(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    folder = project(BUCKET)
    bad = folder / "bad"
    bad.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (bad / name).write_bytes((folder / name).read_bytes())
    (bad / "spendgate.yaml").write_text(f"{CONFIG}gaurdrails: {{}}\n", encoding="utf-8")
    said = refused(spendgate, "check", bad, folder)
    assert 'unknown key "gaurdrails"\ndid you mean "guardrails"?' in said
    assert "bucket-lifecycle" in said


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("environments: {dev: {guardrails: {gpu-priced: {enforcment: advisory}}}}", ':3:48: unknown key "enforcment"|did you mean "enforcement"?'),
        ("environments: {dev: {stack: [dev]}}", 'unknown key "stack"|did you mean "stacks"?'),
        ("budgets: {a: {montlyUsd: 3}}", 'unknown key "montlyUsd"|did you mean "monthlyUsd"?'),
        ("prices: {maxage: 3d}", 'unknown key "maxage"|did you mean "maxAge"?'),
        ("invokes: [{token: t, result: {}, argument: {}}]", 'unknown key "argument"|did you mean "arguments"?'),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told_at_any_depth(
    spendgate: Run, project: Callable[..., Path], yaml: str, says: str
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}{yaml}\n")
    said = refused(spendgate, "config", "show", folder)
    for part in says.split("|"):
        assert part in said


MINE = """\
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: mine, title: T, category: own, severity: low, description: D}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  remediation: R
  params: {max: {type: number, default: 1}}
  variables: [{name: a, expression: "1.0"}]
  validations: [{expression: "variables.a > params.max", message: M}]
"""


@pytest.mark.parametrize(
    ("guardrail", "selected", "says"),
    [
        (MINE.replace("variables.a >", "variables.aa >"), "mine: {}", 'there is no "aa" in variables'),
        (MINE.replace('"1.0"', "variables.a"), "mine: {}", 'the variable "a" reads itself'),
        (MINE.replace("kind: Guardrail", "kind: Pack"), "mine: {}", 'kind is "Pack", not "Guardrail"'),
        ("", "mine: {}", "a Guardrail is expected here"),
        (MINE, "mine: {params: {max: lots}}", "parameter \"max\" of \"mine\": 'lots' is not of type 'number'"),
        (MINE, "yours: {}", 'no guardrail "yours"'),
    ],
)
def test_what_is_wrong_with_one_guardrail_keeps_no_other_from_being_asked(
    spendgate: Run, project: Callable[..., Path], guardrail: str, selected: str, says: str
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}policies: [own]\nguardrails: {{{selected}}}\n")
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text(guardrail, "utf-8")
    said = refused(spendgate, "check", folder)
    assert says in said
    assert said.count("error:") == 1
    assert "bucket-lifecycle  medium" in said
    assert "1 entry wrong and without effect" in said


MISSING = """packs: [data-lifecycle, nowhere, ./gone.tar.gz, ./broken]
policies: [away]
guardrails: {mine: {}}
budgets: {one: {monthlyUsd: 100, stacks: [dev]}}
"""


@pytest.mark.parametrize("trusted", [(), ("--trust-from", "main")])
def test_packs_and_folders_that_are_not_there_keep_no_other_from_being_asked(
    spendgate: Run, project: Callable[..., Path], trusted: tuple[str, ...]
) -> None:
    folder = project(BUCKET, spendgate__yaml=CONFIG + MISSING)
    last = datetime.now(UTC).date() + timedelta(days=30)
    (folder / "waivers.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Waivers\nwaivers:\n"
        + "".join(
            f"- {{id: {name}, guardrail: {name}, resource: x, expires: {last}, reason: r, owner: o, ticket: t}}\n"
            for name in ("mine", "gpu-approved-models")  # of a pack that is missing, it may be
        ),
        "utf-8",
    )
    (folder / "broken").mkdir()
    (folder / "broken" / "pack.yaml").write_text("kind: Pack\n", "utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "as it is")
    said = refused(spendgate, "check", folder, *trusted)
    assert 'spendgate.yaml:3:25: no pack "nowhere"' in said
    assert 'spendgate.yaml:3:34: the pack "./gone.tar.gz": no such archive' in said
    assert "broken/pack.yaml:1:1: the file lacks apiVersion, metadata, spec" in said
    assert 'spendgate.yaml:4:12: no such folder of guardrails: "away"' in said
    assert ("/spendgate-trusted-" in said, "mine" in said, "gpu-approved-models" in said) == (False, False, False)
    assert "bucket-lifecycle  medium" in said


def test_a_pack_that_is_not_there_is_not_replaced_by_another(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(
        BUCKET, spendgate__yaml=f"{CONFIG}organization: org.yaml\nguardrails: {{bucket-lifecycle: {{}}}}\n"
    )
    (folder / "org.yaml").write_text(f"{CONFIG.replace('Config', 'Organization')}packs: [nowhere]\n", "utf-8")
    said = refused(spendgate, "check", folder)
    assert 'org.yaml:3:9: no pack "nowhere"' in said
    assert ("bucket-lifecycle" in said, "required-tags" in said) == (True, False)


@pytest.mark.parametrize("name", ["spendgate.yaml", "waivers.yaml"])
def test_a_link_to_nowhere_and_a_folder_are_not_taken_for_no_file(
    spendgate: Run, project: Callable[..., Path], name: str
) -> None:
    folder = project(BUCKET)
    (folder / name).symlink_to("nowhere")
    assert f"{name}: cannot be read" in refused(spendgate, "check", folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    assert f"{name}: is a folder; a file is wanted here" in refused(spendgate, "check", folder)


def test_a_guardrail_of_the_project_that_nothing_selects_is_noted(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}policies: [own]\n")
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text(MINE, "utf-8")
    said = " ".join(spendgate("check", folder).stdout.split())
    assert "note: not asked, as neither a pack nor guardrails: in spendgate.yaml selects it: mine" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("check --alocation rules.yaml .", 'unrecognized arguments: --alocation|did you mean "--allocation"?'),
        ("price --regoin=us-east-1 p5.48xlarge", 'did you mean "--region"?'),
        ("allocate", "required: BILL|Such as: spendgate allocate bill/ --rules rules.yaml"),
        ("allocate --rules by-tags --drivers gpu.csv bill.csv", "required: BILL|Such as: spendgate allocate bill/"),
        ("allocate explian bill.csv:1 --output march", 'no bill "explian"|did you mean "explain"?'),
        ("allocate --output march explain bill.csv:1", '"explain" stands first: `spendgate allocate explain …`'),
        ("allocate explain bill.csv:1", "required: --output|spendgate allocate explain focus.csv:136 --output march"),
        ("allocate explain bill.csv:1 --output march --month 2026-03", "`spendgate allocate explain --help`"),
        ("allocate kpis --output nowhere", "nowhere: KPIs are of a folder that an allocation wrote"),
        ("reconcile estimate.json", "required: BILL|Such as: spendgate reconcile estimate.json bill/"),
        ("pack biuld", 'no command "pack biuld"|did you mean "build"?'),
        ("schema guardrial", 'no schema "guardrial"|did you mean "guardrail"?'),
        ("check --format jsn", 'no --format "jsn"|did you mean "json"?'),
        ("price --provider ibm p5.48xlarge", 'no --provider "ibm"|There are: aws, gcp, azure.'),
        ("pack build --kye me", 'unrecognized arguments: --kye|did you mean "--key"?'),
        ("pack verify a.tar.gz --allowed signers", "unrecognized arguments: --allowed"),
        ("pack diff gpu-baseline", "required: NEW|Such as: spendgate pack diff gpu-baseline team-costs"),
        ("pack push a.tar.gz", "required: REFERENCE|`spendgate pack push --help` tells"),
        ("config", "required: show|Such as: spendgate config show"),
        ("budget check", "required: BILL|DIR|Such as: spendgate budget check march --budgets budgets.yaml"),
    ],
)
def test_a_mistyped_command_says_what_to_type(spendgate: Run, words: str, says: str) -> None:
    said = refused(spendgate, *words.split())
    for part in says.split("|"):
        assert part in said


def test_the_help_of_a_word_says_what_the_list_says_of_it(spendgate: Run) -> None:
    assert "\n\nput an archive into an OCI registry.\n" in spendgate("pack", "push", "--help").stdout
    assert "\n\ndo the approvals count?\n" in spendgate("waiver", "verify", "--help").stdout


def test_the_help_of_schema_fits_a_terminal(spendgate: Run) -> None:
    said = spendgate("schema", "--help", env={"COLUMNS": "80"}).stdout
    assert max(len(line) for line in said.splitlines()) <= 80


@pytest.mark.parametrize("words", ["allocate", "allocate explain", "allocate kpis", "budget check", "reconcile"])
def test_help_tells_each_option_and_ends_with_examples(spendgate: Run, words: str) -> None:
    done = spendgate(*words.split(), "--help")
    assert done.returncode == 0
    assert f"\nexamples:\n  spendgate {words.split()[0]} " in done.stdout
    assert f"usage: spendgate {words.removesuffix(' check')} " in done.stdout
