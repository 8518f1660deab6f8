"""Which answer a data source gets: the one recorded for it, else one that is built in as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate.resource import Assumption, Provider, Value, unknown_paths


@dataclass(frozen=True, slots=True)
class RecordedInvoke:
    """An answer that was recorded from a real preview: for this ``token`` with these ``arguments``."""

    token: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything there is to answer with; ``assume`` is told of each built-in answer that is given."""

    recorded: Sequence[RecordedInvoke] = ()
    assume: Callable[[Assumption], None] = lambda assumption: None

    def find(self, token: str, arguments: Mapping[str, Value], provider: Provider) -> Mapping[str, Any] | None:
        """The answer to ``token`` with ``arguments``, asked through ``provider``; None where there is none."""
        for record in self.recorded:
            if record.token == token and _same(record.arguments, arguments):
                return record.result
        if any(True for _ in unknown_paths(dict(arguments))):
            return None
        return None


def _same(recorded: Mapping[str, Any], asked: Mapping[str, Value]) -> bool:
    return bool(_plain(recorded) == _plain(asked))


def _plain(value: Any) -> Any:
    """``value`` without what is null and with numbers of one kind, so that equal arguments compare equal."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
