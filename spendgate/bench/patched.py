"""What a case says that its guardrail patches, against what it patches at level ``remediate``: both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from spendgate.bench.cases import Case
from spendgate.bench.matching import Fault
from spendgate.gate import in_source_order
from spendgate.prices.catalogue import Catalogue
from spendgate.remedy.model import Remedy
from spendgate.remedy.stack import Mending
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement
from spendgate.waivers.model import Waivers

if TYPE_CHECKING:
    from spendgate.bench.run import Watch

_NOTHING: Final = object()


def patch_faults(
    case: Case, waivers: Waivers, listener: Watch | None = None, shown: Iterable[Remedy] = ()
) -> Iterator[Fault]:
    """Patches that the case names and that are not made, made otherwise, or made without being named.

    ``shown`` is what the gate made of the patches at the level of the case: as far as it only proposes them, they are
    held against what the case says is proposed.
    """
    compiled = compile_guardrail(replace(case.selected, enforcement=Enforcement.REMEDIATE))
    if listener is not None:
        compiled = listener.watch_patches(compiled)
    declaration = replace(case.declaration, resources=in_source_order(case.declaration.resources))
    mending = Mending(
        declaration, (compiled,), Catalogue.builtin(), case.environment, case.now, waivers, usage=case.usage
    )
    shown = tuple(shown)
    if listener is not None:
        remedies = (*mending.applied, *shown)
        listener.patched(patch.rule for remedy in remedies for patch in remedy.patches if patch.rule)
    made = _by_name(mending.applied)
    addresses = {resource.name: resource.address for resource in declaration.resources}
    for name in {**case.patched, **made}:
        wanted, found = case.patched.get(name, {}), made.get(name, {})
        why = mending.refused.get((addresses.get(name, ""), compiled.guardrail.name), "")
        yield from _differences("patch", name, wanted, found, why)
    if case.selected.enforcement is not Enforcement.REMEDIATE:
        proposed = _by_name(remedy for remedy in shown if not remedy.applied)
        # What is wrong with a patch is told once, and not of its proposal again.
        wanted_there = made if case.proposed is None else case.proposed
        for name in {**wanted_there, **proposed}:
            yield from _differences("proposal", name, wanted_there.get(name, {}), proposed.get(name, {}))


def _by_name(remedies: Iterable[Remedy]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for remedy in remedies:
        made.setdefault(remedy.name, {}).update({patch.path: patch.new for patch in remedy.patches})
    return made


def _differences(
    what: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any], why: str = ""
) -> Iterator[Fault]:
    key = "patched" if what == "patch" else "proposed"
    for path in {**wanted, **found}:
        fault = _fault(wanted.get(path, _NOTHING), found.get(path, _NOTHING), key)
        if fault:
            reason = f" ({why})" if why and path not in found else ""
            yield Fault(text=f"{what} of {name}, {path}: {fault}{reason}")


def _fault(wanted: Any, found: Any, key: str) -> str:
    if wanted is _NOTHING:
        return f"sets {_shown(found)}, which {key} does not name"
    if found is _NOTHING:
        return f"expected {_shown(wanted)}, but it is not made"
    return "" if wanted == found else f"sets {_shown(found)}, not {_shown(wanted)}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
