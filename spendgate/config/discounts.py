"""``discounts`` and ``commitments`` of spendgate.yaml and the organisation file: expressions compiled, figures read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from spendgate.errors import InputError, Place, raise_together

if TYPE_CHECKING:
    from spendgate.estimate.discounts import Term
    from spendgate.estimate.model import CostLine
    from spendgate.facts.model import Workload
    from spendgate.yamlfile import YamlFile


SECTIONS: Final = ("discounts", "commitments")


def name_of(section: str, index: int, item: Mapping[str, Any]) -> str:
    """The name of a discount or commitment; one without is called by its place in the list."""
    return str(item.get("name") or f"{section[:-1]} {index + 1}")


def terms_from(yaml: YamlFile) -> tuple[Term, ...]:
    """All discounts and commitments of a file, in its order, commitments last.

    Raises InputErrors with the place of every expression that does not compile, and of every date that is none.
    """
    if not yaml.data.get("discounts") and not yaml.data.get("commitments"):
        return ()
    from spendgate.estimate.discounts import Commitment, Discount

    found: list[Term] = []
    errors: list[InputError] = []
    for section in SECTIONS:
        for index, item in enumerate(yaml.data.get(section, ())):
            place = yaml.place(section, index)
            try:
                _refuse_no_numbers(yaml, section, index)
                match = matcher(str(item["match"]), yaml.place(section, index, "match"))
                until = _day(item.get("until"), yaml.place(section, index, "until"))
            except InputError as error:
                errors.append(error)
                continue
            name = name_of(section, index, item)
            origin = f"{place.file}:{place.line}"
            if section == "discounts":
                found.append(Discount(name, match, _decimal(item["percent"]), until, origin))
                continue
            hourly, percent = (None if item.get(key) is None else _decimal(item[key]) for key in ("hourly", "percent"))
            found.append(Commitment(name, match, _decimal(item["count"]), hourly, percent, until, origin))
    raise_together(errors)
    return tuple(found)


def terms_over(project: YamlFile | None, organization: YamlFile | None) -> tuple[Term, ...]:
    """What is paid below list prices: of several discounts that match a line the first holds, so those of the project
    come before those of its organisation, and so it is with commitments.

    Raises InputErrors as ``terms_from`` does, and for those of a project where the organisation locks its prices.
    """
    if project is None or organization is None:
        return tuple(term for yaml in (project, organization) if yaml is not None for term in terms_from(yaml))
    raise_together(_locked(project, organization))
    own, given = (terms_from(yaml) for yaml in (project, organization))
    if not own or not given or lock_of(organization) is not None:
        return given or own
    from spendgate.estimate.discounts import Discount

    # What both files say holds once: a commitment is not bought twice by that.
    items = [[item for section in SECTIONS for item in yaml.data.get(section, ())] for yaml in (project, organization)]
    every = (*own, *(term for term, item in zip(given, items[1], strict=True) if item not in items[0]))
    return (
        *(term for term in every if isinstance(term, Discount)),
        *(term for term in every if not isinstance(term, Discount)),
    )


def lock_of(organization: YamlFile | None) -> Place | None:
    """Where an organisation says that what its projects pay is not theirs to say."""
    if organization is None or not organization.data.get("prices", {}).get("locked"):
        return None
    return organization.place("prices", "locked")


def _locked(project: YamlFile, organization: YamlFile) -> list[InputError]:
    """Discounts and commitments of a project under a lock; the organisation's own words again are none."""
    lock = lock_of(organization)
    if lock is None:
        return []
    return [
        InputError(
            f"the {section[:-1]} is not the project's to say: the organisation locks its prices at {lock}",
            place=project.place(section, index),
            remedy="Leave it out, or have it written in the organisation file.",
        )
        for section in SECTIONS
        for index, item in enumerate(project.data.get(section, ()))
        if item not in organization.data.get(section, ())
    ]


def matcher(expression: str, place: Place) -> Callable[[CostLine, Workload], bool | None]:
    """A CEL expression over ``line`` and ``facts`` as a question; equal values are asked once.

    Raises InputError with place and caret for an expression that does not compile or is no condition; asking raises
    it for one that fails on a line (a tag that is not there).
    """
    from spendgate.rules import cel
    from spendgate.rules.vocabulary import LINE, facts_values, line_values, unknown_facts

    environment = cel.environment(LINE)
    try:
        program = cel.engine().compile(expression, environment)
    except cel.CompileError as error:
        issue = error.issues[0]
        if place.line is not None and place.column is not None and "\n" not in expression and issue.line == 1:
            place = Place(place.file, place.line, place.column + issue.column - 1)
        messages = "; ".join(found.message for found in error.issues)
        raise InputError(f"CEL: {messages}", place=place, detail=error.caret(expression)) from None
    if program.return_type not in ("bool", "dyn"):
        raise InputError(f"the expression gives {program.return_type}, not bool", place=place, detail=f"  {expression}")
    reads = sorted({path[:2] for path in program.uses})
    answers: dict[Hashable, bool | None] = {}

    def match(line: CostLine, workload: Workload) -> bool | None:
        values = line_values(line, workload)
        key = tuple(_read(path, values, workload) for path in reads)
        if key not in answers:
            facts = facts_values(workload)
            unknown = unknown_facts(workload.facts)
            try:
                answer = program(cel.Activation({"line": values, "facts": facts}, unknown))
            except cel.EvalError as error:
                remedy = "Ask first whether it is there: has(facts.tags.team) && facts.tags.team == 'nlp'."
                text = f"CEL: fails on {workload.resource.name}: {error.message}"
                raise InputError(text, place=place, remedy=remedy) from None
            answers[key] = None if isinstance(answer, cel.Undetermined) else answer is True
        return answers[key]

    return match


def _read(path: tuple[str, ...], values: dict[str, Any], workload: Workload) -> Hashable:
    """What tells one answer from another: a value that the expression reads, with what is unknown of it."""
    if path[0] == "line":
        return values.get(path[1]) if len(path) > 1 else tuple(values.items())
    if len(path) == 1:
        return repr(workload.facts)
    name = path[1]
    value = getattr(workload.facts, "tags" if name == "tag_keys" else name)
    unknowns = workload.facts.unknowns
    return (repr(value), tuple(unknowns.items()) if unknowns else ())


def _refuse_no_numbers(yaml: YamlFile, section: str, index: int) -> None:
    """Neither minimum nor maximum of a schema refuses what YAML writes as .nan."""
    for key, value in yaml.data[section][index].items():
        if isinstance(value, float) and not isfinite(value):
            raise InputError(f"{section}.{index}.{key} is no number", place=yaml.place(section, index, key))


def _day(text: Any, place: Place) -> date | None:
    if text is None or (isinstance(text, date) and not isinstance(text, datetime)):
        return text
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise InputError(f'"{text}" is no day', place=place, remedy="Write it as 2027-03-31.") from None


def _decimal(number: Any) -> Decimal:
    return Decimal(repr(number))
