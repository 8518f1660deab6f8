"""The ``Analyzer`` service of pulumi/pulumi's ``analyzer.proto``, each call handed to the pack host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2_grpc

from spendgate.crossguard.answers import enforcement_of
from spendgate.crossguard.host import PackHost, error_text
from spendgate.crossguard.settings import Configured
from spendgate.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType


class AnalyzerServicer(analyzer_pb2_grpc.AnalyzerServicer):
    """One pack for one engine. Errors in settings come back as ``INVALID_ARGUMENT`` with what, where and what to do."""

    def __init__(self, host: PackHost, stop: Callable[[], None]) -> None:
        self._host = host
        self._stop = stop

    def Handshake(self, request: Any, context: Any) -> Any:
        return self._host.handshake()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return self._host.plugin_info()

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        return self._host.info()

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        with self._reported(context):
            return self._host.configure_stack(request.project, request.stack, request.organization)

    def Configure(self, request: Any, context: Any) -> Any:
        with self._reported(context):
            self._host.configure(
                {
                    name: Configured(enforcement_of(config.enforcementLevel), _params(config.properties))
                    for name, config in request.policyConfig.items()
                }
            )
        return empty_pb2.Empty()

    def Analyze(self, request: Any, context: Any) -> Any:
        return self._host.analyze(request)

    def AnalyzeStack(self, request: Any, context: Any) -> Any:
        return self._host.analyze_stack(request)

    def Remediate(self, request: Any, context: Any) -> Any:
        return self._host.remediate(request)

    def Cancel(self, request: Any, context: Any) -> Any:
        self._stop()
        return empty_pb2.Empty()

    def _reported(self, context: Any) -> AbstractContextManager[None]:
        return _Reported(context, self._host)


class _Reported(AbstractContextManager[None]):
    def __init__(self, context: Any, host: PackHost) -> None:
        self.context = context
        self.host = host

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, InputError):
            self.context.abort(grpc.StatusCode.INVALID_ARGUMENT, error_text(error, self.host.pack))


def _params(properties: Any) -> dict[str, Any]:
    """Parameters as JSON readers have them: the protocol has only one kind of number."""
    params: dict[str, Any] = _whole(json_format.MessageToDict(properties))
    return params


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
