"""Expected findings against those that occurred, both ways, and what a near miss differs in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from spendgate.bench.cases import Expected
from spendgate.resource import STACK_TYPE
from spendgate.verdict import Finding


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that an expected finding says and the one that occurred does not."""

    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An expectation that no finding met, a finding that nothing expected, or both: a near miss with what differs.

    ``text`` tells what is neither: a patch that is missing, or too much.
    """

    expected: Expected | None = None
    found: Finding | None = None
    differences: tuple[Difference, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return self.text
        if self.expected is None:
            return f"not expected: {describe_found(self.found)}" if self.found else ""
        text = f"expected but missing: {describe_expected(self.expected)}"
        if self.found is None:
            return text
        near = "; ".join(f"{item.what} is {item.found}, not {item.expected}" for item in self.differences)
        return f"{text} (nearest: {near})"


def describe_expected(expected: Expected) -> str:
    """An expectation in one line."""
    parts = [expected.resource or "the stack", str(expected.status)]
    parts += [str(expected.enforcement)] if expected.enforcement else []
    parts += [f'message "{expected.message}"'] if expected.message is not None else []
    parts += [f'message with "{expected.contains}"'] if expected.contains is not None else []
    return ", ".join(parts)


def describe_found(finding: Finding) -> str:
    """A finding in one line."""
    return f'{place_of(finding) or "the stack"}, {finding.status}, {finding.enforcement}, message "{finding.message}"'


def place_of(finding: Finding) -> str | None:
    """The resource that a finding is on; None for the stack."""
    return None if finding.type == STACK_TYPE else finding.name


def faults(expected: Sequence[Expected], findings: Sequence[Finding]) -> tuple[Fault, ...]:
    """What keeps the two from being the same; empty when every expectation is met by a finding of its own."""
    met = pairs(len(expected), len(findings), lambda index, item: not differences(expected[index], findings[item]))
    missing = [item for index, item in enumerate(expected) if index not in met]
    left = [item for index, item in enumerate(findings) if index not in met.values()]
    near = _near(missing, left)
    return (
        *(Fault(item, found, differences(item, found) if found else ()) for item, found in near),
        *(Fault(found=item) for item in left if all(item is not found for _, found in near)),
    )


def pairs(wanted: int, given: int, meets: Callable[[int, int], bool]) -> dict[int, int]:
    """As many expectations as possible, by number, each with one of what is given (augmenting paths): a loose
    expectation does not take away the only one that a strict one fits."""
    owner: dict[int, int] = {}

    def assign(index: int, tried: set[int]) -> bool:
        for number in range(given):
            if number not in tried and meets(index, number):
                tried.add(number)
                if number not in owner or assign(owner[number], tried):
                    owner[number] = index
                    return True
        return False

    for index in range(wanted):
        assign(index, set())
    return {index: number for number, index in owner.items()}


def differences(expected: Expected, finding: Finding) -> tuple[Difference, ...]:
    """What the expectation says and the finding does not."""
    return tuple(_differences(expected, finding))


def _differences(expected: Expected, finding: Finding) -> Iterable[Difference]:
    name = place_of(finding)
    if expected.resource != name:
        yield Difference("resource", expected.resource or "the stack", name or "the stack")
    if expected.status is not finding.status:
        yield Difference("status", str(expected.status), str(finding.status))
    if expected.enforcement is not None and expected.enforcement is not finding.enforcement:
        yield Difference("enforcement", str(expected.enforcement), str(finding.enforcement))
    if expected.message is not None and expected.message != finding.message:
        yield Difference("message", f'"{expected.message}"', f'"{finding.message}"')
    if expected.contains is not None and expected.contains not in finding.message:
        yield Difference("message", f'one with "{expected.contains}"', f'"{finding.message}"')


def _near(missing: Sequence[Expected], left: Sequence[Finding]) -> list[tuple[Expected, Finding | None]]:
    """For each missing expectation the nearest of the findings left, each taken once; nearest pairs first."""
    scored = sorted(
        (len(differs := differences(item, finding)), any(one.what == "resource" for one in differs), index, number)
        for index, item in enumerate(missing)
        for number, finding in enumerate(left)
        if _is_near(item, differences(item, finding))
    )
    taken: dict[int, int] = {}
    for _, _, index, number in scored:
        if index not in taken and number not in taken.values():
            taken[index] = number
    return [(item, left[taken[index]] if index in taken else None) for index, item in enumerate(missing)]


def _is_near(expected: Expected, differs: Sequence[Difference]) -> bool:
    stated = 2 + sum(item is not None for item in (expected.message, expected.contains, expected.enforcement))
    return all(item.what != "resource" for item in differs) or 2 * len(differs) <= stated
