"""What a case says that its guardrail patches, against what it patches at level ``remediate``: both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from spendgate.gate import in_source_order
from spendgate.prices.catalogue import Catalogue
from spendgate.remedy.stack import Mending
from spendgate.rules.bench.cases import Case
from spendgate.rules.bench.matching import Fault
from spendgate.rules.evaluate import compile_guardrail
from spendgate.rules.guardrail import Enforcement
from spendgate.waivers.model import Waivers

_NOTHING: Final = object()


def patch_faults(case: Case, waivers: Waivers) -> Iterator[Fault]:
    """Patches that the case names and that are not made, made otherwise, or made without being named."""
    compiled = compile_guardrail(replace(case.selected, enforcement=Enforcement.REMEDIATE))
    declaration = replace(case.declaration, resources=in_source_order(case.declaration.resources))
    mending = Mending(
        declaration, (compiled,), Catalogue.builtin(), case.environment, case.now, waivers, usage=case.usage
    )
    made: dict[str, dict[str, Any]] = {}
    for remedy in mending.applied:
        made.setdefault(remedy.name, {}).update({patch.path: patch.new for patch in remedy.patches})
    addresses = {resource.name: resource.address for resource in declaration.resources}
    for name in {**case.patched, **made}:
        wanted, found = case.patched.get(name, {}), made.get(name, {})
        why = mending.refused.get((addresses.get(name, ""), compiled.guardrail.name), "")
        for path in {**wanted, **found}:
            fault = _fault(wanted.get(path, _NOTHING), found.get(path, _NOTHING))
            if fault:
                reason = f" ({why})" if why and path not in found else ""
                yield Fault(text=f"patch of {name}, {path}: {fault}{reason}")


def _fault(wanted: Any, found: Any) -> str:
    if wanted is _NOTHING:
        return f"sets {_shown(found)}, which patched does not name"
    if found is _NOTHING:
        return f"expected {_shown(wanted)}, but it is not made"
    return "" if wanted == found else f"sets {_shown(found)}, not {_shown(wanted)}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
