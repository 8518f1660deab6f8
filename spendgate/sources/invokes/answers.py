"""Which answer a data source gets: the one recorded for it, a true rendering, or one that is built in as data.

Built-in answers lie beside this module, a file for each cloud, and are marked as assumed wherever they are used: they
name real regions and zones, and placeholders where only an account could tell (account ids, images, networks).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from spendgate.resource import UNKNOWN, Assumption, Provider, Unknown, Value, reveal, unknown_paths
from spendgate.sources.invokes.functions import FUNCTIONS
from spendgate.sources.invokes.hardware import DESCRIBED, described
from spendgate.sources.invokes.templates import NoAnswerError, evaluate, fill
from spendgate.sources.masking import mask

SHOWN_ANSWER: Final = 160


@dataclass(frozen=True, slots=True)
class RecordedInvoke:
    """An answer that was recorded from a real preview: for this ``token`` with these ``arguments``."""

    token: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]


def _ignore(assumption: Assumption) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything there is to answer with; ``assume`` is told of each built-in answer that is given."""

    recorded: Sequence[RecordedInvoke] = ()
    assume: Callable[[Assumption], None] = _ignore

    def find(self, token: str, arguments: Mapping[str, Value], provider: Provider) -> Mapping[str, Any] | None:
        """The answer to ``token`` with ``arguments``, asked through ``provider``; None where there is none.

        Raises ``InputError`` where the arguments themselves are wrong (a manifest that does not parse).
        """
        for record in self.recorded:
            if record.token == token and _same(record.arguments, reveal(dict(arguments))):
                return record.result
        if next(unknown_paths(dict(arguments)), None) is not None:
            return None
        plain = reveal(dict(arguments))
        if token in FUNCTIONS:
            return FUNCTIONS[token](plain)
        answer = described(token, plain) or built_in(token, plain, provider)
        if answer is not None:
            self.assume(Assumption(token, dict(arguments), mask([_shown(answer)], [dict(arguments)])[0]))
        return answer


def built_in(token: str, arguments: Mapping[str, Any], provider: Provider) -> Mapping[str, Any] | None:
    """The built-in answer to ``token``, or None."""
    package = token.split(":", 1)[0]
    data = _data(package)
    for entry in data.get("answers", {}).get(token, ()):
        names = _names(data, arguments, provider)
        matched = _match(entry.get("when", {}), names)
        if matched is None:
            continue
        try:
            answer = fill(entry["result"], {**names, "match": matched})
        except NoAnswerError:
            continue
        return dict(answer)
    return None


@cache
def _data(package: str) -> Mapping[str, Any]:
    """The built-in answers of a cloud; empty where there are none."""
    file = Path(__file__).with_name(f"{package}.yaml")
    if not file.is_file():
        return {}
    from spendgate.yamlfile import read_yaml

    document: Mapping[str, Any] = read_yaml(file).data
    return document


def tokens() -> list[str]:
    """Every token that is answered without a record, in order."""
    files = Path(__file__).parent.glob("*.yaml")
    return sorted({*FUNCTIONS, *DESCRIBED, *(token for file in files for token in _data(file.stem).get("answers", {}))})


def _names(data: Mapping[str, Any], arguments: Mapping[str, Any], provider: Provider) -> dict[str, Any]:
    """What templates can name: the arguments, the provider's settings, the file's tables and placeholders."""
    settings = {key: reveal(value) for key, value in provider.properties.items() if not isinstance(value, Unknown)}
    settings = {key: value for key, value in settings.items() if value is not UNKNOWN}
    names: dict[str, Any] = {
        **data.get("tables", {}),
        "arguments": arguments,
        "provider": settings,
        "filter": _filters(arguments.get("filters")),
    }
    for name, template in data.get("names", {}).items():
        try:
            names[name] = evaluate(template, names)
        except NoAnswerError:
            names[name] = None
    return names


def _filters(filters: Any) -> dict[str, Any]:
    """AWS filters by name: the only value of each, or the list of them."""
    if not isinstance(filters, list):
        return {}
    found = {str(item.get("name")): item.get("values") or [] for item in filters if isinstance(item, Mapping)}
    return {name: values[0] if len(values) == 1 else values for name, values in found.items() if values}


def _match(conditions: Mapping[str, str], names: Mapping[str, Any]) -> dict[str, str] | None:
    """The named groups of the conditions' patterns; None where one does not hold."""
    groups: dict[str, str] = {}
    for path, pattern in conditions.items():
        try:
            value = evaluate(path, names)
        except NoAnswerError:
            return None
        found = re.fullmatch(pattern, str(value))
        if found is None:
            return None
        groups.update({name: text for name, text in found.groupdict().items() if text is not None})
    return groups


def _shown(answer: Mapping[str, Any]) -> str:
    """The answer in one line; long ones are cut."""
    text = json.dumps({key: value for key, value in answer.items() if key not in ("id", "arguments")}, default=str)
    return text if len(text) <= SHOWN_ANSWER else text[: SHOWN_ANSWER - 1] + "…"


def _same(recorded: Mapping[str, Any], asked: Mapping[str, Value]) -> bool:
    return bool(_plain(recorded) == _plain(asked))


def _plain(value: Any) -> Any:
    """``value`` without what is null, so that equal arguments compare equal."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
