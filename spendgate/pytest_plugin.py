"""A pytest plugin: the fixture ``spendgate_check`` runs a Pulumi program through its guardrails inside a test.

pytest loads it in every run of an environment that holds spendgate, so it imports nothing before it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spendgate.estimate.model import Estimate
    from spendgate.verdict import Checked, Finding


@dataclass(frozen=True, slots=True, repr=False)
class ProgramChecked:
    """One program as the gate sees it. Its ``repr`` is short, for pytest cuts long ones; ``report`` tells all."""

    checked: Checked

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: ``guardrail``, ``status``, ``name`` (of the resource), ``message``, ``location``, …"""
        return self.checked.findings

    @property
    def estimate(self) -> Estimate:
        """What it costs: ``lines``, and ``total`` with ``hourly``, ``daily`` and ``monthly``."""
        return self.checked.estimate

    @property
    def passed(self) -> bool:
        """Whether the gate lets it pass: no finding denies."""
        return not any(finding.denies for finding in self.findings)

    def of(self, guardrail: str) -> tuple[Finding, ...]:
        """The findings of one guardrail. Raises InputError when it is not selected: what is not asked says nothing."""
        from spendgate.errors import InputError, did_you_mean

        names = [selected.guardrail.name for selected in self.checked.guardrails]
        if guardrail not in names:
            raise InputError(
                f'guardrail "{guardrail}" is not selected for {self.checked.path}',
                remedy=did_you_mean(guardrail, names) or f"Selected: {', '.join(names)}.",
            )
        return tuple(finding for finding in self.findings if finding.guardrail == guardrail)

    @property
    def report(self) -> str:
        """The report as ``spendgate check`` prints it: ``assert checked.passed, checked.report``."""
        from spendgate.report.terminal import render
        from spendgate.verdict import Verdict

        return render(Verdict((self.checked,)))

    def __repr__(self) -> str:
        names = dict.fromkeys(finding.guardrail for finding in self.findings if finding.denies)
        verdict = f"refused by {', '.join(names)}" if names else "passed"
        return f"<{self.checked.project}, stack {self.checked.stack}: {verdict}>"


class SpendgateCheck:
    """What the fixture gives: call it with the folder of a Pulumi project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(
        self,
        program_dir: str | PathLike[str],
        stack: str | None = None,
        config: Mapping[str, str] | None = None,
        *,
        packs: Sequence[str] = (),
        settings: str | PathLike[str] | None = None,
        baseline: str | PathLike[str] | None = None,
        timeout: float = 300.0,
    ) -> ProgramChecked:
        """Run the program in the embedded host and hold it against its guardrails, as ``spendgate check`` does.

        ``program_dir``, ``settings`` (another file than the project's spendgate.yaml) and ``baseline`` (an earlier JSON
        report that growth is measured against) are taken from pytest's root folder where they are relative. ``config``
        sets configuration values, ``packs`` replaces the packs. Raises spendgate.errors.InputError when the program
        cannot be run to its end, or ``baseline`` does not hold its stack; ``timeout`` is in seconds.
        """
        __tracebackhide__ = True
        from spendgate.checking import check_directory
        from spendgate.errors import InputError
        from spendgate.report.baseline import read_baseline

        try:
            before = read_baseline(self.root / baseline) if baseline is not None else None
            checked = check_directory(
                self.root / program_dir,
                stack=stack,
                config=dict(config or {}),
                packs=tuple(packs),
                settings=self.root / settings if settings is not None else None,
                engine="embedded",
                timeout=timeout,
                baseline=before,
            )
            if before is not None and before.of(checked.project, checked.stack) is None:
                # A test that asks about growth would pass unasked.
                raise InputError(
                    f"the baseline holds no estimate of {checked.project}, stack {checked.stack}",
                    place=self.root / Path(baseline or ""),
                    remedy="Write it from a check of this stack, or leave baseline out.",
                )
        except InputError as error:
            # Where it was raised tells a user nothing: the message does.
            raise error.with_traceback(None) from None
        if checked.error is not None:
            raise checked.error
        if checked.faults:
            from spendgate.errors import raise_together

            raise_together(checked.faults)
        return ProgramChecked(checked)


@pytest.fixture(scope="session")
def spendgate_check(request: pytest.FixtureRequest) -> SpendgateCheck:
    """Runs a Pulumi program through its guardrails: ``spendgate_check("infra", stack="prod").passed``.

    Of session scope, so that a fixture of any scope can run a program once for many tests.
    """
    return SpendgateCheck(request.config.rootpath)
