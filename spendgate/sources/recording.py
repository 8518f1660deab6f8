"""Records a program's data sources from a real preview, so that it runs without an engine afterwards.

The CLI's own log of its calls is read (``PULUMI_DEBUG_GRPC``); it holds secrets in plain, so it lies in a folder of
this user alone while the preview runs and is gone after it. What is or looks secret is not recorded.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.config import FILE_NAME, find_config
from spendgate.errors import InputError, did_you_mean
from spendgate.resource import Secret, Value, unknown_paths
from spendgate.sources import pulumi_cli
from spendgate.sources.engine import failure
from spendgate.sources.invokes import RecordedInvoke
from spendgate.sources.invokes.functions import FUNCTIONS
from spendgate.sources.project import read_project
from spendgate.sources.stack_config import load_config, select_stack
from spendgate.sources.wire import decode_properties

CALL: Final = "/pulumirpc.ResourceMonitor/Invoke"
PROVIDER_CALL: Final = "/pulumirpc.ResourceProvider/Invoke"

SECRET_NAME: Final = re.compile(r"secret|passw|token|credential|private_?key|access_?key|kube_?config|auth", re.I)
"""Names of result properties whose texts are not recorded even where the provider does not mark them secret."""

HEADER: Final = schemas.modeline("config") + "apiVersion: spendgate.dev/v1\nkind: Config\n"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was found: records to keep, and each call that is not recorded with the reason."""

    invokes: tuple[RecordedInvoke, ...]
    skipped: tuple[tuple[str, str], ...] = ()


def record(
    directory: Path,
    *,
    stack: str | None = None,
    config: Mapping[str, str] = {},
    tokens: Sequence[str] = (),
    timeout: float = 300.0,
) -> Recorded:
    """The data sources that the program in ``directory`` calls in a real preview, with what they answered.

    ``tokens`` keeps those functions only. Raises InputError when the CLI is missing, when the preview fails, and for
    a token that the program does not call.
    """
    pulumi_cli.require_cli("spendgate record")
    project = read_project(Path(directory))
    _, name = select_stack(project, stack)
    settings = load_config(project, name, config)
    with tempfile.TemporaryDirectory(prefix="spendgate-record-") as folder:
        log = Path(folder) / "calls.json"
        log.touch(mode=0o600)
        result = pulumi_cli.preview(
            project,
            stack if stack and "/" in stack else name,
            config,
            timeout,
            environment={"PULUMI_DEBUG_GRPC": str(log)},
            purpose="spendgate record",
        )
        if result.timed_out:
            raise InputError(
                f"the preview did not end within {timeout:g} s", place=project.file, remedy="Raise --timeout."
            )
        if result.code != 0:
            raise failure(result, project, settings)
        return sort_out(calls_of(log), tokens)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call with its answer. ``method`` tells whether the program made it or the engine passed it on."""

    method: str
    token: str
    arguments: Mapping[str, Value]
    result: Mapping[str, Value]


def calls_of(log: Path) -> list[Call]:
    """The answered function calls of a log of the CLI (one JSON object a line), in order."""
    from google.protobuf import json_format, struct_pb2

    calls: list[Call] = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if "/Invoke" not in line:
                continue
            entry = json.loads(line)
            answer = (entry.get("response") or {}).get("return")
            request = entry.get("request") or {}
            if entry.get("method") not in (CALL, PROVIDER_CALL) or answer is None:
                continue
            arguments = json_format.ParseDict(request.get("args") or {}, struct_pb2.Struct())
            result = json_format.ParseDict(answer, struct_pb2.Struct())
            calls.append(Call(entry["method"], request["tok"], decode_properties(arguments), decode_properties(result)))
    return calls


def sort_out(calls: Sequence[Call], tokens: Sequence[str]) -> Recorded:
    """Which calls of the program to record, of all or of ``tokens``, and why others are not."""
    asked = [call for call in calls if call.method == CALL and not call.token.startswith("pulumi:")]
    called = sorted({call.token for call in asked})
    for token in tokens:
        if token not in called:
            remedy = did_you_mean(token, called) or (f"It calls: {', '.join(called)}." if called else "It calls none.")
            raise InputError(f"the program does not call {token}", remedy=remedy)
    marked = {_key(call.token, call.arguments) for call in calls if _has_secret(call.result)}
    kept: dict[str, RecordedInvoke] = {}
    skipped: dict[str, str] = {}
    for call in asked:
        if (tokens and call.token not in tokens) or (not tokens and call.token in FUNCTIONS):
            continue
        reason = _reason_to_skip(call, marked)
        if reason is None:
            kept[_key(call.token, call.arguments)] = RecordedInvoke(call.token, call.arguments, call.result)
        else:
            skipped[call.token] = reason
    return Recorded(tuple(kept.values()), tuple(skipped.items()))


def _reason_to_skip(call: Call, marked: set[str]) -> str | None:
    if _has_secret(call.arguments) or _key(call.token, call.arguments) in marked:
        return "it holds a secret"
    named = next(_secret_names(call.result), None)
    if named is not None:
        return f'its "{named}" may be a secret'
    if any(True for value in (call.arguments, call.result) for _ in unknown_paths(dict(value))):
        return "it hangs on values that are known only after apply"
    return None


def _key(token: str, arguments: Mapping[str, Value]) -> str:
    return json.dumps([token, arguments], sort_keys=True, default=repr)


def _has_secret(value: Value) -> bool:
    if isinstance(value, Mapping):
        return any(_has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_secret(item) for item in value)
    return isinstance(value, Secret)


def _secret_names(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, str) and item and SECRET_NAME.search(name):
                yield str(name)
            yield from _secret_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secret_names(item)


@dataclass(frozen=True, slots=True)
class Written:
    """What ``write`` did: the file, and the tokens that were added, updated, or there already as they are."""

    file: Path
    added: tuple[str, ...]
    updated: tuple[str, ...]
    same: tuple[str, ...]


def write(directory: Path, invokes: Iterable[RecordedInvoke]) -> Written:
    """Write records to the project's spendgate.yaml, keeping its comments and order; the file is made where there is
    none. A record with the same token and arguments is brought up to date, not repeated.

    Raises InputError when the file there is wrong or cannot be written.
    """
    from ruamel.yaml import YAML

    from spendgate import schemas
    from spendgate.yamlfile import read_yaml

    file = find_config(directory) or directory / FILE_NAME
    if file.is_file():
        schemas.validate(read_yaml(file), "config")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(file.read_text("utf-8") if file.is_file() else HEADER)
        changes = _merge(document, invokes)
        if changes[0] or changes[1]:
            _replace(file, document, yaml)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=file) from None
    return Written(file, *(tuple(tokens) for tokens in changes))


def _merge(document: Any, invokes: Iterable[RecordedInvoke]) -> tuple[list[str], list[str], list[str]]:
    if document.get("invokes") is None:
        document["invokes"] = []
    entries = document["invokes"]
    present = {_key(entry["token"], _plain(entry.get("arguments") or {})): entry for entry in entries}
    added, updated, same = [], [], []
    for invoke in invokes:
        entry = present.get(_key(invoke.token, invoke.arguments))
        if entry is None:
            fields = {"token": invoke.token, "arguments": invoke.arguments, "result": invoke.result}
            entries.append({name: _ordered(value) for name, value in fields.items()})
            added.append(invoke.token)
        elif _plain(entry["result"]) != _plain(invoke.result):
            entry["result"] = _ordered(invoke.result)
            updated.append(invoke.token)
        else:
            same.append(invoke.token)
    return added, updated, same


def _ordered(value: Value) -> Value:
    """Keys in order: the log has them in none, and a second recording must not differ."""
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """A value of the document without what keeps its comments."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and not isinstance(value, bool):
        return float(value)
    return value


def _replace(file: Path, document: Any, yaml: Any) -> None:
    """Write beside the file and move over it: a file half written is no file."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yaml.dump(document, stream)
        os.chmod(name, file.stat().st_mode & 0o777 if file.is_file() else 0o644)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
