"""A commented starter spendgate.yaml, from what a program declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from spendgate import schemas
from spendgate.config.environment import DEFAULT_ENVIRONMENTS
from spendgate.config.observed import DATA_KINDS, ML_KINDS, Observed
from spendgate.rules.guardrail import Guardrail

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_YAML_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))

NO_BUDGET = 5000
"""US dollars a month where the estimate is no guide; the default of monthly-stack-budget."""


def starter(seen: Observed, library: Mapping[str, Guardrail]) -> str:
    """The text of a spendgate.yaml. What is in use by name (regions, the spelling of tags) is written as agreed; what
    costs (accelerators, sums) is left for somebody to decide, with a comment that says what there is."""
    return (
        schemas.modeline("config")
        + "\n".join(
            [
                *_head(seen),
                "apiVersion: spendgate.dev/v1",
                "kind: Config",
                "",
                *_packs(seen),
                "",
                *_guardrails(seen, library),
                "",
                *_budgets(seen),
                "",
                *_environments(seen),
                *_rest(seen),
            ]
        )
        + "\n"
    )


def _head(seen: Observed) -> Iterator[str]:
    yield f"# Cost guardrails of {_comment(seen.project)}. Every key is optional; `spendgate schema config`"
    yield "# describes them all, and `spendgate config show` tells what holds and where it comes from."
    if seen.broken is not None:
        yield "#"
        yield "# The program could not be run to its end when this was written, so it is a guess in parts:"
        yield f"#   {_comment(seen.broken)}"
        yield "# `spendgate init --force` writes it again once the program runs."


def _packs(seen: Observed) -> Iterator[str]:
    yield "# Which guardrails are asked. gpu-baseline is the first hour: who pays, what may be bought, where."
    yield "packs:"
    yield "  - gpu-baseline"
    for name, reason in suggested_packs(seen):
        yield f"  # - {name:<15} # {reason}"


def suggested_packs(seen: Observed) -> list[tuple[str, str]]:
    """Packs beyond gpu-baseline that have something to say of this program, with the reason."""
    suggested = []
    if seen.accelerators or seen.has(*ML_KINDS):
        what = f"accelerators: {', '.join(seen.accelerators)}" if seen.accelerators else counted(seen, ML_KINDS)
        suggested.append(("gpu-guardrails", what))
    if seen.has(*DATA_KINDS):
        suggested.append(("data-lifecycle", counted(seen, DATA_KINDS)))
    suggested.append(("cost-gate", "budgets of a run, of a day, of an environment"))
    if seen.taggable:
        bare = f"{seen.untagged} of {seen.taggable} taggable resources without any tag"
        reason = bare if seen.untagged else "how tags are spelt and filled"
        suggested.append(("finops-tags", reason))
    return [(name, _comment(reason)) for name, reason in suggested]


def counted(seen: Observed, kinds: Iterable[str]) -> str:
    """``2 buckets, 1 volume``."""
    return ", ".join(many(seen.kinds[kind], kind) for kind in kinds if seen.kinds.get(kind))


def many(count: int, kind: str) -> str:
    """``1 node pool``, ``3 databases``."""
    if kind == "other":
        return f"{count} other"
    word = "machine" if kind == "compute" else kind.replace("_", " ")
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _guardrails(seen: Observed, library: Mapping[str, Guardrail]) -> Iterator[str]:
    yield "# Levels (advisory, mandatory, disabled) and parameters; `spendgate guardrails NAME` explains one."
    yield "guardrails:"
    yield "  required-tags:"
    if seen.tag_keys:
        used = ", ".join(f"{key} ({number} of {seen.taggable})" for key, number in list(seen.tag_keys.items())[:8])
        yield f"    # In use: {_comment(used)}."
    yield "    params:"
    yield f"      required: {_flow(_as_spelt(library['required-tags'].defaults['required'], seen.tag_keys))}"
    yield "  approved-regions:"
    yield "    params:"
    if seen.regions:
        yield "      # Those in use; a resource in another one is refused."
        yield f"      regions: {_flow(seen.regions)}"
    else:
        yield "      # No region is known of this program: these are the built-in ones."
        yield f"      regions: {_flow(library['approved-regions'].defaults['regions'])}"
    yield from _accelerators(seen, library["gpu-approved-models"].defaults["approved"])


def _accelerators(seen: Observed, approved: list[str]) -> Iterator[str]:
    yield "  gpu-approved-models:"
    yield "    params:"
    if extra := [model for model in seen.accelerators if model not in approved]:
        yield "      # In use and not approved, so that the first check says so. Add what you mean to pay for:"
        yield f"      #   {_comment(', '.join(extra))}"
    yield f"      approved: {_flow(approved)}"


def _as_spelt(wanted: Iterable[str], used: Iterable[str]) -> list[str]:
    """The keys asked for, each as the program spells it where it does."""
    spelt: dict[str, str] = {}
    for key in used:
        spelt.setdefault(_bare(key), key)
    return [spelt.get(_bare(key), key) for key in wanted]


def _bare(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _budgets(seen: Observed) -> Iterator[str]:
    yield "# Exploration and production have budgets apart. US dollars, of one stack; a month has 730 hours."
    yield "budgets:"
    development = environment_of(seen.stack) != "production"
    guess = suggested_budget(seen)
    amount, why = guess if development else (NO_BUDGET, "the built-in budget")
    yield f"  # {why}"
    yield f"  exploration: {{environments: [development, staging], monthlyUsd: {amount}}}"
    amount, why = (20 * NO_BUDGET, "yours to decide") if development else guess
    yield f"  # {why}"
    yield f"  production: {{environments: [production], monthlyUsd: {amount}}}"


def suggested_budget(seen: Observed) -> tuple[int, str]:
    """A monthly budget in US dollars and the reason for it: a fifth above the estimate, where that is modest."""
    if seen.monthly is None:
        return NO_BUDGET, "the built-in budget: nothing here has a price yet"
    expected = seen.monthly[1]
    text = f"the expected month of {_comment(seen.stack)} costs ${expected:,.0f}"
    if expected > NO_BUDGET:
        return NO_BUDGET, f"{text}; more than this is for somebody to decide"
    step = Decimal(10) ** max(expected.adjusted() - 1, 1)
    amount = max(int((expected * Decimal("1.2") / step).to_integral_value(rounding="ROUND_CEILING") * step), 100)
    return amount, text


def environment_of(stack: str) -> str:
    """The environment of a stack by the names that are usual."""
    return next(item.name for item in DEFAULT_ENVIRONMENTS if item.holds(stack))


def _environments(seen: Observed) -> Iterator[str]:
    yield "# Which stacks belong to which environment: names or globs; the first that holds a stack counts."
    yield "environments:"
    for item in DEFAULT_ENVIRONMENTS:
        stacks = [stack for stack in seen.stacks if environment_of(stack) == item.name]
        yield f"  {item.name}:"
        yield f"    stacks: {_flow(item.stacks)}" + (f"  # {_comment(', '.join(stacks))}" if stacks else "")


def _rest(seen: Observed) -> Iterator[str]:
    if seen.assumed:
        yield ""
        yield "# The program asks the cloud for these, and was answered with assumptions or not at all."
        yield "# `spendgate record` writes down what a real preview answers:"
        yield f"#   {_comment(', '.join(seen.assumed))}"
    if seen.unpriced:
        yield ""
        lines = "One line" if seen.unpriced == 1 else f"{seen.unpriced} lines"
        yield f"# {lines} of the estimate without a price: `spendgate prices add` takes one of your own."


def _flow(names: Iterable[Any]) -> str:
    """A YAML list on one line."""
    return f"[{', '.join(_scalar(str(name)) for name in names)}]"


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else f'"{"".join(_escaped(char) for char in text)}"'


def _escaped(char: str) -> str:
    """A character inside YAML's double quotes."""
    if " " <= char <= "~":
        return f"\\{char}" if char in '"\\' else char
    return f"\\U{ord(char):08x}"


def _comment(text: str) -> str:
    """Text from a program, on one line and without what could steer a terminal."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return words if len(words) <= 200 else words[:199] + "…"
