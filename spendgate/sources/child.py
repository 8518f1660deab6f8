"""Runs one Pulumi program against the monitor of the process that started this one.

This file is started by its path, with the interpreter of the *program*: only ``pulumi`` need be importable there,
and the interpreter may be older than spendgate's own (Python 3.9). So it imports nothing of spendgate. The order comes
as one line of JSON on standard input, which then stays open: its end says that the parent is gone. The report is
written to a file as JSON; what the program prints goes where it always goes.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # The folder of this file must not offer its modules to the program.
    del sys.path[0]

import asyncio
import contextvars
import functools
import gc
import inspect
import json
import os
import pathlib
import runpy
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class UnknownSecretRead(Exception):
    """The program needs the plain value of a configuration secret that could not be decrypted."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


# --- the program -------------------------------------------------------------------------------------------------


def run(order: dict[str, Any]) -> int:
    """Run the program and write the report; returns the exit code."""
    report: dict[str, Any] = {"outcome": "ended"}
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ["PULUMI_CONFIG"] = json.dumps(order["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(order["secret_keys"])
    try:
        import pulumi
        import pulumi.runtime
    except ImportError as error:
        report = _import_report(error, order)
        report["outcome"] = "no-pulumi" if (getattr(error, "name", "") or "").split(".")[0] == "pulumi" else "module"
    else:
        report = _run_program(pulumi, order)
    sys.stdout.flush()
    sys.stderr.flush()
    with open(order["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)
    return 0 if report["outcome"] == "ended" else 1


def _run_program(pulumi: Any, order: dict[str, Any]) -> dict[str, Any]:
    collected: dict[str, list[Any]] = {"config": [], "invokes": [], "secrets": []}
    pulumi.runtime.set_all_config(order["config"], order["secret_keys"])
    _configure(pulumi, order)
    _tell_kinds_of_invokes_apart(pulumi, order, collected)
    _remember_secrets(pulumi, order, collected["secrets"])
    _accept_loose_types(pulumi)
    _find_places_quickly(order)
    _wait_for_all_at_once()
    if order["unknown_keys"]:
        _keep_unknown_secrets_unknown(pulumi, set(order["unknown_keys"]))
    if order["collect"]:
        _collect_missing_config(pulumi, order, collected)

    # A program makes many objects that live to its end; looking through them again and again finds nothing.
    gc.set_threshold(100_000, 50, 100)
    program = order["program"]
    sys.argv = [program]
    os.chdir(order["cwd"])
    if order["cwd"] not in sys.path:
        sys.path.insert(0, order["cwd"])

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = _executor(order["parallel"] * 4)
    loop.set_default_executor(executor)
    # Unobserved futures are normal when a program fails half way; asyncio would print each of them.
    import logging

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    outcome: dict[str, Any] = {"outcome": "ended"}
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _execute(program)))
    except SystemExit as error:
        if error.code not in (None, 0):
            outcome = _raised(error, "exit", order)
            outcome["code"] = error.code if isinstance(error.code, int) else 1
            outcome["message"] = str(error.code)
    except UnknownSecretRead as error:
        outcome = _raised(error, "unknown-secret", order)
        outcome["key"] = error.key
    except pulumi.ConfigMissingError as error:
        outcome = _raised(error, "config", order)
        collected["config"].append([error.key, *outcome["place"]])
    except pulumi.RunError as error:
        outcome = _raised(error, "run-error", order)
    except ImportError as error:
        outcome = _import_report(error, order)
    except Exception as error:
        outcome = _raised(error, "raised", order)
    finally:
        executor.shutdown(wait=True)
        loop.close()
    outcome.update(collected)
    return outcome


def _execute(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def _configure(pulumi: Any, order: dict[str, Any]) -> None:
    import grpc
    from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

    # Large Kubernetes manifests exceed the 4 MiB that gRPC allows by default.
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(order["address"], options=options)
    wanted = {
        "monitor": Monitor(resource_pb2_grpc.ResourceMonitorStub(channel), channel),
        "engine": Engine(engine_pb2_grpc.EngineStub(channel)),
        "project": order["project"],
        "stack": order["stack"],
        "organization": order["organization"],
        "root_directory": order["root"],
        "parallel": order["parallel"],
        "dry_run": True,
    }
    known = inspect.signature(pulumi.runtime.Settings.__init__).parameters
    pulumi.runtime.configure(pulumi.runtime.Settings(**{key: value for key, value in wanted.items() if key in known}))


class Engine:
    """The engine's log without its debug messages: the SDK sends several for each resource, each a round trip."""

    DEBUG = 0

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def Log(self, request: Any) -> Any:
        if request.severity == self.DEBUG:
            return None
        return self._stub.Log(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)


class Monitor:
    """The resource monitor, told with each invoke how the program made it (see ``Call``)."""

    def __init__(self, stub: Any, channel: Any) -> None:
        self._stub = stub
        self._channel = channel

    def Invoke(self, request: Any) -> Any:
        import grpc

        call = CALL.get()
        if call is None:
            return self._stub.Invoke(request)
        how = {"form": call.form, "place": call.place, "secrets": call.secrets or []}
        metadata = (("spendgate-invoke-bin", json.dumps(how).encode()),)
        try:
            response, done = self._stub.Invoke.with_call(request, metadata=metadata)
        except grpc.RpcError as raised:
            error: Any = raised
            call.unanswered = "spendgate-unanswered" in dict(error.trailing_metadata() or ())
            raise
        call.unknown = "spendgate-unknown" in dict(done.trailing_metadata() or ())
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)


# --- invokes -----------------------------------------------------------------------------------------------------


class Call:
    """One invoke: ``output`` form (its result may be unknown) or ``plain`` (its result is used at once)."""

    def __init__(self, form: str, place: tuple[str | None, int | None]) -> None:
        self.form = form
        self.place = place
        self.unanswered = False
        self.unknown = False
        self.secrets: list[str] | None = None


CALL: contextvars.ContextVar[Call | None] = contextvars.ContextVar("call", default=None)


def _executor(workers: int) -> ThreadPoolExecutor:
    return ContextExecutor(max_workers=workers)


class ContextExecutor(ThreadPoolExecutor):
    """Threads that see the context of their caller, which older SDKs do not pass on."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(contextvars.copy_context().run, fn, *args, **kwargs)


def _tell_kinds_of_invokes_apart(pulumi: Any, order: dict[str, Any], collected: dict[str, list[Any]]) -> None:
    """Mark each invoke with the form in which the program made it: the protocol itself does not tell."""
    module = sys.modules["pulumi.runtime.invoke"]
    roots = (order["root"], order["cwd"])

    def place() -> tuple[str | None, int | None]:
        return _place_of_frame(sys._getframe(2), roots)

    def replace(name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(module, name, None)
        if original is None:
            return
        replacement = functools.wraps(original)(make(original))
        setattr(module, name, replacement)
        if getattr(pulumi.runtime, name, None) is original:
            setattr(pulumi.runtime, name, replacement)

    def stand_in() -> Any:
        get = pulumi.get
        if not isinstance(get, functools.partial):
            pulumi.get = functools.partial(_get_of_placeholder, get)
        return module.InvokeResult(Placeholder(order["unknown_text"]))

    def plain(original: Any) -> Any:
        def invoke(*args: Any, **kwargs: Any) -> Any:
            call = Call("output" if _is_lifted(sys._getframe(1)) else "plain", place())
            token = CALL.set(call)
            try:
                result = original(*args, **kwargs)
                return stand_in() if call.unknown else result
            except Exception:
                if not (order["collect"] and call.unanswered):
                    raise
                return stand_in()
            finally:
                CALL.reset(token)

        return invoke

    def output(original: Any) -> Any:
        def invoke_output(*args: Any, **kwargs: Any) -> Any:
            token = CALL.set(Call("output", place()))
            try:
                return original(*args, **kwargs)
            finally:
                CALL.reset(token)

        return invoke_output

    def asynchronous(original: Any) -> Any:
        async def invoke_async(*args: Any, **kwargs: Any) -> Any:
            token = CALL.set(Call("plain", place()))
            try:
                return await original(*args, **kwargs)
            finally:
                CALL.reset(token)

        return invoke_async

    replace("invoke", plain)
    replace("invoke_output", output)
    replace("invoke_async", asynchronous)
    _resolve_unknown_results(module)
    _remember_secret_arguments()


def _get_of_placeholder(get: Callable[[Any, str], Any], instance: Any, name: str) -> Any:
    return instance if isinstance(instance, Placeholder) else get(instance, name)


def _is_lifted(frame: Any) -> bool:
    """Whether a plain invoke is made by an output form, as packages for old SDKs make theirs (``lift_output_func``)."""
    caller = frame.f_back
    return caller is not None and "lifted_func" in getattr(caller.f_code, "co_qualname", _path_of(caller))


def _path_of(frame: Any) -> str:
    """Python before 3.11 does not know the function that a lambda is written in; its file tells."""
    in_utilities = frame.f_code.co_name == "<lambda>" and frame.f_code.co_filename.endswith("_utilities.py")
    return "lifted_func" if in_utilities else ""


def _remember_secret_arguments() -> None:
    """Note which arguments of an invoke are secret: the SDK sends them in plain, and they must not be shown."""
    rpc: Any = sys.modules["pulumi.runtime.rpc"]
    original = getattr(rpc, "_unwrap_rpc_secret_struct_properties", None)
    if original is None:
        return

    def _unwrap_rpc_secret_struct_properties(value: Any) -> Any:
        call = CALL.get()
        if call is not None and call.secrets is None and hasattr(value, "fields"):
            call.secrets = []
            call.secrets = [str(key) for key, item in list(value.items()) if original(item)[1]]
        return original(value)

    rpc._unwrap_rpc_secret_struct_properties = _unwrap_rpc_secret_struct_properties


def _remember_secrets(pulumi: Any, order: dict[str, Any], secrets: list[Any]) -> None:
    """Note what the program marks secret: an error may show it before any resource holds it."""
    original = pulumi.Output.secret

    def texts(value: Any) -> Any:
        if isinstance(value, str):
            if order["unknown_text"] not in value and not isinstance(value, Placeholder):
                yield value
        elif isinstance(value, dict):
            for item in list(value.values()):
                yield from texts(item)
        elif isinstance(value, (list, tuple)):
            for item in list(value):
                yield from texts(item)

    def secret(val: Any) -> Any:
        secrets.extend(text for text in texts(val) if text not in secrets)
        return original(val)

    pulumi.Output.secret = staticmethod(functools.wraps(original)(secret))


def _resolve_unknown_results(module: Any) -> None:
    """Let SDKs whose protocol has no ``unknown`` result know it all the same."""
    from pulumi.runtime.proto import resource_pb2

    response = getattr(resource_pb2, "ResourceInvokeResponse", None)
    if response is None or "unknown" in response.DESCRIPTOR.fields_by_name or not hasattr(module, "_invoke"):
        return
    original = module._invoke

    def _invoke(*args: Any, **kwargs: Any) -> Any:
        awaitable = original(*args, **kwargs)

        async def resolved() -> Any:
            result = await awaitable
            call = CALL.get()
            if call is not None and call.unknown:
                result.value = None
                result.is_known = False
            return result

        return resolved()

    module._invoke = _invoke


class Placeholder(str):
    """Stands for a value nobody knows where the SDK has no way to say so: everything can be asked of it.

    As a text it is the protocol's own for an unknown value, so that what is made of it is unknown.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Any:
        return iter([self])

    def __getitem__(self, key: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_pulumi")):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self


# --- what a preview has that this host has not -------------------------------------------------------------------


def _accept_loose_types(pulumi: Any) -> None:
    """Let an input of another shape than the output come back as the output's type, as providers make it.

    A policy document may be given as a mapping where the output is a text: providers turn it into JSON, and here the
    inputs themselves come back.
    """
    from pulumi.runtime import rpc

    original = getattr(rpc, "translate_output_properties", None)
    if original is None:
        return

    def translate_output_properties(output: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(output, *args, **kwargs)
        except AssertionError:
            if not isinstance(output, (dict, list)):
                raise
            if rpc.contains_unknowns(output):
                return pulumi.output.Unknown()
            return json.dumps(output)

    rpc.translate_output_properties = translate_output_properties


def _find_places_quickly(order: dict[str, Any]) -> None:
    """Trace resources to the program's own lines only.

    The SDK writes down the whole stack with its source text for each resource, which is a good part of a large
    program's time, and finds no place at all for a component without a class of its own.
    """
    resource: Any = sys.modules["pulumi.runtime.resource"]
    try:
        from pulumi.runtime.proto import source_pb2
    except ImportError:
        return  # An SDK from before there were places.
    roots = (order["root"], order["cwd"])

    @functools.cache
    def uri(filename: str) -> str:
        return pathlib.Path(os.path.abspath(filename)).as_uri()

    def own_positions() -> list[Any]:
        positions = []
        frame: Any = sys._getframe(2)
        declared = frame.f_locals.get("res")
        while frame is not None:
            filename = frame.f_code.co_filename
            # The constructor of the resource's own class declares nothing: who calls it does.
            if _is_own(filename, roots) and not _is_method_of(frame, declared):
                positions.append(source_pb2.SourcePosition(uri=uri(filename), line=frame.f_lineno))
                if declared is not None:
                    DECLARED.setdefault(id(declared), (declared, filename, frame.f_lineno))
            frame = frame.f_back
        return positions

    original = getattr(resource, "_get_stack_trace", None)
    if original is not None:

        def _get_stack_trace() -> Any:
            frames = [source_pb2.StackFrame(pc=position) for position in own_positions()]
            return source_pb2.StackTrace(frames=frames) if frames else original()

        resource._get_stack_trace = _get_stack_trace
        return

    older = getattr(resource, "_get_source_position", None)
    if older is not None:

        def _get_source_position(*args: Any) -> Any:
            return next(iter(own_positions()), None) or older(*args)

        resource._get_source_position = _get_source_position


DECLARED: dict[int, tuple[Any, str, int]] = {}
"""Resources by identity (each is kept, so that none takes another's) with the line that declares them."""


def _declared_at(error: BaseException) -> tuple[str | None, int | None]:
    """The line that declares the resource whose registration failed: that goes on long after the line has."""
    for link in _chain(error):
        step = link.__traceback__
        while step is not None:
            found = DECLARED.get(id(step.tb_frame.f_locals.get("res")))
            if found is not None:
                return found[1], found[2]
            step = step.tb_next
    return None, None


def _is_method_of(frame: Any, instance: Any) -> bool:
    names = frame.f_code.co_varnames
    return instance is not None and bool(names) and frame.f_locals.get(names[0]) is instance


class WaitForAll:
    """``asyncio`` as the SDK's final wait sees it.

    The SDK waits for the first of all pending values, then for the first of the rest, and so on: a thousand resources
    cost half a minute of that alone. Waiting for the first failure, or for all, has the same outcome.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def wait(tasks: Any, *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED) -> Any:
        when = asyncio.FIRST_EXCEPTION if return_when == asyncio.FIRST_COMPLETED else return_when
        return await asyncio.wait(tasks, timeout=timeout, return_when=when)


def _wait_for_all_at_once() -> None:
    module: Any = sys.modules.get("pulumi.runtime.stack")
    if getattr(module, "asyncio", None) is asyncio:
        module.asyncio = WaitForAll()


# --- configuration -----------------------------------------------------------------------------------------------


def _keep_unknown_secrets_unknown(pulumi: Any, keys: set[str]) -> None:
    """Secrets that could not be decrypted: an unknown ``Output`` where one is asked for, else an error."""

    def unknown() -> Any:
        def done(value: Any) -> Any:
            future: Any = asyncio.Future()
            future.set_result(value)
            return future

        return pulumi.Output(done(set()), done(None), done(False), done(True))

    def secret(original: Any) -> Any:
        def method(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            return unknown() if self.full_key(key) in keys else original(self, key, *args, **kwargs)

        return functools.wraps(original)(method)

    def typed(original: Any) -> Any:
        def method(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            if self.full_key(key) in keys:
                raise UnknownSecretRead(self.full_key(key))
            return original(self, key, *args, **kwargs)

        return functools.wraps(original)(method)

    for form in ("get", "require"):
        for kind in ("", "_bool", "_int", "_float", "_object"):
            for name, wrap in ((f"{form}_secret{kind}", secret), (f"{form}{kind}", typed)):
                if hasattr(pulumi.Config, name) and not (wrap is typed and kind == ""):
                    setattr(pulumi.Config, name, wrap(getattr(pulumi.Config, name)))


def _collect_missing_config(pulumi: Any, order: dict[str, Any], collected: dict[str, list[Any]]) -> None:
    """Note every required key that is missing and go on, so that all of them can be named at once."""
    roots = (order["root"], order["cwd"])
    stand_ins = {"bool": False, "int": 1, "float": 1.0}

    def forgiving(original: Any, name: str) -> Any:
        def method(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(self, key, *args, **kwargs)
            except pulumi.ConfigMissingError as error:
                collected["config"].append([error.key, *_place_of_frame(sys._getframe(1), roots)])
                value = stand_ins.get(name.rsplit("_", 1)[-1], Placeholder(order["unknown_text"]))
                return pulumi.Output.secret(value) if "_secret" in name else value

        return functools.wraps(original)(method)

    for name in [name for name in dir(pulumi.Config) if name.startswith("require")]:
        setattr(pulumi.Config, name, forgiving(getattr(pulumi.Config, name), name))


# --- the report --------------------------------------------------------------------------------------------------


def _raised(error: BaseException, outcome: str, order: dict[str, Any]) -> dict[str, Any]:
    roots = (order["root"], order["cwd"])
    own = [frame for frame in _frames(error) if _is_own(frame.filename, roots)]
    last: tuple[str | None, int | None] = (own[-1].filename, own[-1].lineno) if own else _declared_at(error)
    if isinstance(error, SyntaxError) and error.filename and _is_own(error.filename, roots):
        last = (error.filename, error.lineno)
    return {
        "outcome": outcome,
        "error": type(error).__name__,
        "message": str(error),
        "place": list(last),
        "traceback": _traceback(error, roots),
        "chain": [str(link) for link in _chain(error)],
    }


def _traceback(error: BaseException, roots: tuple[str, ...]) -> str:
    """The traceback from the program's own first line on, of the error and of those it came from."""
    texts = []
    for link in reversed(_chain(error)):
        frames = _frames(link)
        first = next((index for index, frame in enumerate(frames) if _is_own(frame.filename, roots)), None)
        shown = frames[first:] if first is not None else frames
        if isinstance(link, SyntaxError) and link.filename and _is_own(link.filename, roots):
            shown = []
        head = ["Traceback (most recent call last):\n", *traceback.format_list(shown)] if shown else []
        texts.append("".join(head + traceback.format_exception_only(type(link), link)).rstrip())
    return "\n\nwhich led to:\n\n".join(texts)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]


def _chain(error: BaseException) -> list[BaseException]:
    """The error and those it was raised from or while handling, the latest first."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links


def _import_report(error: ImportError, order: dict[str, Any]) -> dict[str, Any]:
    report = _raised(error, "raised", order)
    if isinstance(error, ModuleNotFoundError) and error.name:
        report["outcome"] = "module"
        report["module"] = error.name
    elif report["error"] == "ImportError" and "find '__main__' module" in str(error):
        report["outcome"] = "no-main"
    return report


def _place_of_frame(frame: Any, roots: tuple[str, ...]) -> tuple[str | None, int | None]:
    while frame is not None:
        if _is_own(frame.f_code.co_filename, roots):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None, None


@functools.cache
def _is_own(filename: str, roots: tuple[str, ...]) -> bool:
    """Whether a file is of the program: inside its project, and not of an installed package."""
    if filename.startswith("<"):
        return False
    path = os.path.abspath(filename)
    if "site-packages" in path or "dist-packages" in path or path == os.path.abspath(__file__):
        return False
    return any(path.startswith(os.path.join(root, "")) for root in roots)


def _stay_guarded() -> None:
    """Go on in a process that ends, with all it starts, when the parent is gone (``guard.py``, beside this file)."""
    import importlib.util

    # Under a name of its own, so that it hides no module of the program.
    beside = pathlib.Path(__file__).with_name("guard.py")
    spec: Any = importlib.util.spec_from_file_location("_spendgate_guard", beside)
    guard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guard)
    guard.stay_behind()


if __name__ == "__main__":
    ORDER = json.loads(sys.stdin.buffer.readline())
    _stay_guarded()
    sys.exit(run(ORDER))
