"""What the engine is told: a pack's policies, and findings as diagnostics."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.estimate.model import CostLine, Estimate
from spendgate.money import show_money
from spendgate.remedy.model import Remedy
from spendgate.remedy.writing import put
from spendgate.report.wording import how_good, line_item, no_price, remedies, scenario_rows, show_range
from spendgate.resource import name_of
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected, Severity, Target
from spendgate.rules.selection import Pack
from spendgate.sources.wire import from_struct, to_struct
from spendgate.verdict import Finding, Status

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

COST_ESTIMATE: Final = "cost-estimate"
"""The policy that always shows what the stack costs. It is no guardrail: it asks nothing, it tells."""

SHOWN_LINES: Final = 20
"""More cost lines than this are summed up in one; the total holds them all."""


def analyzer_info(pack: Pack, selection: Iterable[Selected], estimate_level: Enforcement) -> Any:
    """The pack as the engine lists it: each guardrail a policy with level, severity, parameters and remediation.

    Parameters carry their value in force as ``default``, so that the configuration which the engine sends back is
    that value unless its user says otherwise.
    """
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.AnalyzerInfo(
        name=pack.name,
        displayName=pack.title,
        description=pack.description,
        version=pack.version,
        repository=pack.repository,
        tags=["cost"],
        supportsConfig=True,
        policies=[*(_policy(selected) for selected in selection), _estimate_policy(estimate_level)],
    )


def _policy(selected: Selected) -> Any:
    from pulumi.runtime.proto import analyzer_pb2

    guardrail = selected.guardrail
    policy = analyzer_pb2.PolicyInfo(
        name=guardrail.name,
        displayName=guardrail.title,
        description=guardrail.description,
        message=guardrail.remediation,
        remediation_steps=guardrail.remediation,
        url=guardrail.reference or "",
        tags=[guardrail.category],
        enforcementLevel=level(selected.enforcement),
        severity=severity(guardrail.severity),
        policy_type=_type(guardrail.target),
    )
    if guardrail.params:
        policy.configSchema.properties.update(config_schema(guardrail, selected.params))
        policy.configSchema.required.extend(name for name in guardrail.params if name not in selected.params)
    return policy


def config_schema(guardrail: Guardrail, params: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of each parameter, with the value in force as its default."""
    return {
        name: {**rules, "default": params[name]} if name in params else dict(rules)
        for name, rules in guardrail.params.items()
    }


def _estimate_policy(enforcement: Enforcement) -> Any:
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.PolicyInfo(
        name=COST_ESTIMATE,
        displayName="What the stack costs",
        description="Shows the estimated cost of the stack, in all and by resource. It never fails a preview.",
        message="An estimate from list prices, with its bounds.",
        tags=["cost"],
        enforcementLevel=level(enforcement),
        severity=severity(Severity.LOW),
        policy_type=_type(Target.STACK),
    )


def level(enforcement: Enforcement) -> Any:
    """An enforcement level as the protocol numbers it."""
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.EnforcementLevel.Value(enforcement.name)


def enforcement_of(number: Any) -> Enforcement:
    """The level that the protocol numbers so; a number it does not know is mandatory, never less."""
    from pulumi.runtime.proto import analyzer_pb2

    try:
        return Enforcement[analyzer_pb2.EnforcementLevel.Name(number)]
    except (KeyError, ValueError):
        return Enforcement.MANDATORY


def severity(word: Severity) -> Any:
    """A severity as the protocol numbers it."""
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.PolicySeverity.Value(f"POLICY_SEVERITY_{word.name}")


def _type(target: Target) -> Any:
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.PolicyType.Value(f"POLICY_TYPE_{target.name}")


def diagnostic(finding: Finding, pack: Pack, description: str) -> Any:
    """A finding as the engine shows it. An error in a guardrail is mandatory: a fault must not read as a pass.

    What a remediation did not repair is mandatory too, and says why it did not. What is waived is advice.
    """
    from pulumi.runtime.proto import analyzer_pb2

    enforcement = finding.enforcement
    if finding.status is Status.ERROR or enforcement is Enforcement.REMEDIATE:
        enforcement = Enforcement.MANDATORY
    if finding.waiver is not None:
        enforcement = Enforcement.ADVISORY
    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=finding.guardrail,
        policyPackName=pack.name,
        policyPackVersion=pack.version,
        description=description,
        message=_message(finding),
        enforcementLevel=level(enforcement),
        urn=finding.address,
        severity=severity(finding.severity),
    )


def _message(finding: Finding) -> str:
    """What is wrong and what to do about it; of a waived finding, who lets it pass."""
    if finding.waiver is None and not finding.not_waived and not finding.not_patched:
        return f"{finding.message}\nFix: {finding.remediation}" if finding.remediation else finding.message
    lines = "\n".join(f"{text[0].upper()}{text[1:]}" for text in remedies(finding))
    return f"{'waived: ' if finding.waiver else ''}{finding.message}\n{lines}"


def remediations(
    remedies: Iterable[Remedy], properties: struct_pb2.Struct, pack: Pack, descriptions: Mapping[str, str]
) -> list[Any]:
    """What the engine takes over, one after the other: all properties, each time with one guardrail's patches more.

    The properties are those that the engine sent, marks of secrets, unknown values and its own entries with them.
    """
    from pulumi.runtime.proto import analyzer_pb2

    made: list[Any] = []
    sent = from_struct(properties)
    for remedy in remedies:
        for patch in remedy.patches:
            put(sent, patch)
        made.append(
            analyzer_pb2.Remediation(
                policyName=remedy.guardrail,
                policyPackName=pack.name,
                policyPackVersion=pack.version,
                description=descriptions.get(remedy.guardrail, ""),
                properties=to_struct(sent),
            )
        )
    return made


def estimate_diagnostic(estimate: Estimate, pack: Pack, names: Mapping[str, str], address: str) -> Any:
    """The estimate as an advisory diagnostic of the stack, whatever level its policy was given: it asks nothing."""
    from pulumi.runtime.proto import analyzer_pb2

    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=COST_ESTIMATE,
        policyPackName=pack.name,
        policyPackVersion=pack.version,
        description="What the stack costs",
        message=estimate_text(estimate, names),
        enforcementLevel=level(Enforcement.ADVISORY),
        urn=address,
        severity=severity(Severity.LOW),
    )


def fault(error: Exception, pack: Pack, address: str) -> Any:
    """A fault of ours on a resource (or the stack): mandatory, for what was not looked at has not passed.

    It is told under the estimate's name, the one policy that is no guardrail's, and ends nothing: the others go on.
    The error's text is left out, it may quote a secret.
    """
    from pulumi.runtime.proto import analyzer_pb2

    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=COST_ESTIMATE,
        policyPackName=pack.name,
        policyPackVersion=pack.version,
        description="A fault in spendgate",
        message=f"a fault in spendgate: {type(error).__name__}{where}; this was not checked. Please report it.",
        enforcementLevel=level(Enforcement.MANDATORY),
        urn=address,
        severity=severity(Severity.CRITICAL),
    )


def estimate_text(estimate: Estimate, names: Mapping[str, str]) -> str:
    """The total with its bounds, then a line for each priced item and each that has no price."""
    total, currency = estimate.total, estimate.currency
    if not estimate.lines:
        return "nothing in this stack is billed by what it declares"
    if any(line.cost is not None for line in estimate.lines):
        head = (
            f"{show_money(total.monthly.expected, currency)} a month ({show_range(total.monthly, currency)}), "
            f"{show_money(total.hourly.expected, currency)} an hour while it runs"
        )
    else:
        head = "no price is known for what this stack declares"
    if estimate.unpriced and len(estimate.unpriced) < len(estimate.lines):
        head += f"; {len(estimate.unpriced)} without a price, not counted"
    shown = estimate.lines[:SHOWN_LINES]
    if told := how_good(estimate):
        head += f"\n  {told}"
    for name, month, bounds, _ in scenario_rows(estimate):
        head += f"\n  scenario {name}: {month} a month ({bounds})"
    for caution in estimate.cautions:
        head += f"\n  caution: {caution}"
    lines = [head, *(_line_text(line, names, currency) for line in shown)]
    if rest := len(estimate.lines) - len(shown):
        lines.append(f"  … and {rest} more, all in the total")
    return "\n".join(lines)


def _line_text(line: CostLine, names: Mapping[str, str], currency: str) -> str:
    name = names.get(line.resource) or name_of(line.resource)
    price = no_price(line) if line.cost is None else f"{show_money(line.cost.monthly.expected, currency)} a month"
    return f"  {name}: {line_item(line)}: {price}"
