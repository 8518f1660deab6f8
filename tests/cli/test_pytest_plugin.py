"""The pytest fixture, in real runs of pytest: what a team's test of its own program sees."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

PROGRAM = """\
import pulumi_aws as aws
aws.ebs.Volume("scratch", availability_zone="us-east-1a", size=SIZE, type="gp3")
"""


@pytest.fixture
def team(pytester: pytest.Pytester) -> pytest.Pytester:
    """A repository with a program in it, and spendgate installed by its entry point alone."""
    infra = pytester.mkdir("infra")
    (infra / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (infra / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
    (infra / "__main__.py").write_text(PROGRAM.replace("SIZE", "2000"), encoding="utf-8")
    return pytester


def test_a_test_reads_findings_estimate_and_verdict_of_a_program(team: pytest.Pytester) -> None:
    team.makepyfile(
        """
        import pytest
        from spendgate.errors import InputError

        def test_program(spendgate_check):
            checked = spendgate_check("infra", stack="dev", config={"demo:x": "1"})
            assert not checked.passed
            (finding,) = checked.of("unattached-volume")
            assert (finding.name, finding.location.line) == ("scratch", 2)
            assert finding in checked.findings
            assert checked.estimate.total.monthly.expected > 0
            with pytest.raises(InputError, match="not selected"):
                checked.of("unatached-volume")
        """
    )
    team.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_failed_assertion_names_the_guardrails_and_can_show_the_report(team: pytest.Pytester) -> None:
    team.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def checked(spendgate_check):
            return spendgate_check("infra")

        def test_short(checked):
            assert checked.passed

        def test_long(checked):
            assert checked.passed, checked.report
        """
    )
    result = team.runpytest_subprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*where False = <demo, stack dev: refused by required-tags, unattached-volume>.passed",
            "*unattached-volume*mandatory, violation*",
            "*REFUSED*",
        ]
    )


def test_a_program_that_cannot_be_run_is_an_error_without_our_frames(team: pytest.Pytester) -> None:
    team.makepyfile("def test_program(spendgate_check):\n    spendgate_check('nowhere')\n")
    result = team.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*InputError: *nowhere: no such folder*"])
    result.stdout.no_fnmatch_line("*check_directory*")


def test_the_plugin_imports_nothing_of_ours_before_it_is_asked(team: pytest.Pytester) -> None:
    team.makepyfile(
        """
        import sys

        def test_nothing():
            loaded = {name for name in sys.modules if name.split(".")[0] in ("spendgate", "pulumi", "rich")}
            assert loaded == {"spendgate", "spendgate.pytest_plugin"}
        """
    )
    team.runpytest_subprocess().assert_outcomes(passed=1)


def test_growth_is_measured_against_a_baseline_that_holds_the_stack(team: pytest.Pytester) -> None:
    settings = "apiVersion: spendgate.dev/v1\nkind: Config\npacks: [cost-gate]\n"
    (team.path / "infra" / "spendgate.yaml").write_text(settings, encoding="utf-8")
    team.makepyfile(
        """
        import json
        import pytest
        from spendgate.errors import InputError

        @pytest.fixture(scope="module")
        def before(tmp_path_factory):
            def written(project):
                month = {"monthly": {"low": 1, "expected": 1, "high": 1}}
                path = tmp_path_factory.mktemp("base") / "before.json"
                inputs = [{"project": project, "stack": "dev", "error": None}]
                estimate = {"currency": "USD", "totals": month, "lines": []}
                path.write_text(json.dumps({"inputs": inputs, "estimate": estimate}))
                return path
            return written

        def test_growth(spendgate_check, before):
            assert spendgate_check("infra").of("estimate-growth") == ()
            with open("infra/spendgate.yaml", "a") as file:
                file.write("guardrails: {estimate-growth: {params: {always_usd: 1, max_percent: 1}}}")
            (finding,) = spendgate_check("infra", baseline=before("demo")).of("estimate-growth")
            assert finding.message.startswith("the expected month grows from $1.00 to $160.00")

        def test_another_project(spendgate_check, before):
            with pytest.raises(InputError, match="the baseline holds no estimate of demo, stack dev"):
                spendgate_check("infra", baseline=before("other"))
        """
    )
    team.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
