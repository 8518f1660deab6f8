"""What went wrong with a program, said in the words of someone who has to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError, InputErrors, Place
from spendgate.resource import Secret, Unanswered, Unknown
from spendgate.sources.deployment import Deployment
from spendgate.sources.masking import masked, secret_texts
from spendgate.sources.positions import place_in
from spendgate.sources.process import Ended
from spendgate.sources.project import NeedsEngine, Project
from spendgate.sources.stack_config import StackConfig
from spendgate.sources.wire import decode_properties

SHOWN_LINES: Final = 20


def require_main(project: Project) -> None:
    """Refuse a project whose program is not there."""
    program = project.program
    if program.is_file() or (program / "__main__.py").is_file():
        return
    if program.is_dir():
        raise InputError(
            "the folder has no __main__.py to run",
            place=program,
            remedy=f"Write it, or name the program in {project.file.name}: main: <file or folder>",
        )
    raise InputError(
        f'main names "{project.main}", which does not exist', place=project.file, remedy="Correct main in it."
    )


def failed(deployment: Deployment, ended: Ended) -> bool:
    """Whether the run gives no declaration. One that was ended for its time does, of what it had declared."""
    if ended.timed_out:
        return any(isinstance(error, NeedsEngine) for error in deployment.errors)
    return bool(deployment.errors) or ended.report is None or ended.report.get("outcome") != "ended"


def more_to_collect(deployment: Deployment, ended: Ended) -> bool:
    """Whether the run ended at the first of possibly many missing values."""
    if any(isinstance(error, NeedsEngine) for error in deployment.errors) or ended.report is None:
        return False
    if ended.report["outcome"] == "config":
        return True
    # A program may have coped with an unanswered data source and failed for another reason.
    chain = ended.report.get("chain", ())
    return any(f"invoke of {call.token} failed" in message for call in deployment.unanswered for message in chain)


def missing(settings: StackConfig, deployment: Deployment, ended: Ended) -> bool:
    """Whether the run found values that are missing."""
    return bool(settings.missing or deployment.unanswered or (ended.report or {}).get("config"))


def explain(
    project: Project, settings: StackConfig, deployment: Deployment, ended: Ended, python: Path, *, collected: bool
) -> InputError:
    """The error of a run that failed; several at once where several were found.

    ``collected`` says that the run went on over missing values to find all of them: those are then the error, not
    what else went wrong on the way.
    """
    hidden = hidden_texts(settings, deployment, ended)
    needs = [error for error in deployment.errors if isinstance(error, NeedsEngine)]
    if needs:
        _mask(needs[0], hidden)
        return needs[0]
    found: list[InputError] = list(deployment.errors)
    if collected:
        found += _missing_config(project, settings, ended.report or {})
        found += _unanswered(deployment)
    if not found:
        found.append(_outcome(project, deployment, ended, python))
    for error in found:
        _mask(error, hidden)
    return found[0] if len(found) == 1 else InputErrors(found)


def hidden_texts(settings: StackConfig, deployment: Deployment, ended: Ended) -> frozenset[str]:
    """Every secret that a run met: of its configuration, of resources, exports and data sources, and of its values."""
    with deployment.lock:
        met: list[Any] = [resource.properties for resource in deployment.resources.values()]
        met += [decode_properties(exported) for exported in deployment.outputs.values()]
        met += deployment.secrets
    report = ended.report or {}
    met.append([Secret(text) for text in report.get("secrets", ())])
    module = str(report.get("module") or "")
    config = list(settings.values.values())
    known = secret_texts(config, met)
    # Python names the first part of a dotted module that it does not find.
    dotted = module and any(text.casefold().startswith(f"{module.casefold()}.") for text in known)
    return known | {module} if dotted else known


def _mask(error: InputError, hidden: frozenset[str]) -> None:
    error.message = masked(error.message, hidden)
    error.args = (error.message,)
    error.detail = masked(error.detail, hidden) if error.detail else None
    error.remedy = masked(error.remedy, hidden) if error.remedy else None


def _missing_config(project: Project, settings: StackConfig, report: Mapping[str, Any]) -> list[InputError]:
    places: dict[str, Place | None] = {}
    for key, file, line in report.get("config", ()):
        if places.get(key) is None:
            places[key] = place_in(project.directory, file, line)
    places = {**settings.missing, **places}
    if not places:
        return []
    keys = sorted(places)
    flags = " ".join(f"--config {key}=<value>" for key in keys)
    where = place_in(project.directory, str(project.file), None) if len(keys) > 1 else places[keys[0]]
    shown = ", ".join(f"{key} ({places[key]})" if places[key] and len(keys) > 1 else key for key in keys)
    what = "configuration is missing" if len(keys) == 1 else f"{len(keys)} configuration keys are missing"
    return [InputError(f"{what}: {shown}", place=where, remedy=f"Set in the stack's file, or: {flags}")]


def _unanswered(deployment: Deployment) -> list[InputError]:
    errors = []
    seen: set[str] = set()
    for call in deployment.unanswered:
        shown = f"{call.token}({_arguments(call)})"
        if shown in seen:
            continue
        seen.add(shown)
        entry = json.dumps({"token": call.token, "arguments": _showable(call.arguments), "result": {}})
        errors.append(
            InputError(
                f"{shown} has no answer without the cloud",
                place=call.place,
                remedy=f"Record one in spendgate.yaml under invokes (spendgate record writes it):\n  - {entry}",
            )
        )
    return errors


def went_on_without(call: Unanswered) -> str:
    """What is to be known of a data source whose failure the program swallowed."""
    where = f"{call.place}: " if call.place else ""
    return (
        f"warning: {where}{call.token}({_arguments(call)}) has no answer without the cloud, and the program went on"
        " without one: a real run may declare something else"
    )


def _arguments(call: Unanswered) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in _showable(call.arguments).items())


def _showable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _showable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_showable(item) for item in value]
    if isinstance(value, Unknown):
        return "<unknown>"
    if isinstance(value, Secret):
        return "[secret]"
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _outcome(project: Project, deployment: Deployment, ended: Ended, python: Path) -> InputError:
    report = ended.report
    if report is None:
        return _vanished(project, ended, python)
    place = place_in(project.directory, *report["place"]) if report.get("place") else None
    outcome = report["outcome"]
    if outcome == "no-pulumi":
        return InputError(
            f"the program's Python has no pulumi package: {python}",
            place=project.file,
            remedy=f"Install it: {_install(project, python, 'pulumi')}",
        )
    if outcome == "module":
        return _missing_module(project, str(report["module"]), place, python, report["traceback"])
    if outcome == "unknown-secret":
        return InputError(
            f"the program needs the plain value of the secret {report['key']}, which cannot be decrypted here",
            place=place,
            remedy=f"Set PULUMI_CONFIG_PASSPHRASE, or: --config {report['key']}=<value>",
        )
    if outcome == "exit":
        return InputError(f"the program exited with {report['message']}", place=place, detail=_last_lines(ended))
    if outcome == "run-error":
        return InputError(str(report["message"]), place=place)
    first_line = str(report["message"]).strip().splitlines()[:1]
    summary = f"{report['error']}: {first_line[0]}" if first_line else str(report["error"])
    return InputError(f"the program raised {summary}", place=place, detail=str(report["traceback"]))


def _vanished(project: Project, ended: Ended, python: Path) -> InputError:
    how = f"was ended by signal {ended.code - 128}" if ended.code > 128 else f"ended with exit code {ended.code}"
    return InputError(
        f"the program {how} before it was done (Python: {python})", place=project.file, detail=_last_lines(ended)
    )


def _last_lines(ended: Ended) -> str | None:
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    return "\n".join(lines[-SHOWN_LINES:]) or None


def _missing_module(project: Project, module: str, place: Place | None, python: Path, trace: str) -> InputError:
    package = _distribution(module)
    requirements = _requirements(project)
    listed = next((file for file, names in requirements.items() if package in names), None)
    if listed is not None:
        shown = listed.relative_to(project.directory) if listed.is_relative_to(project.directory) else listed
        message = f'the module "{module}" is not installed, though {shown} lists it'
        remedy = f"Install it: {_install_file(project, python, listed)}"
    else:
        where = next(iter(requirements), project.directory / "requirements.txt")
        message = f'the module "{module}" is not installed'
        remedy = f"Add {package} to {where} and install it: {_install(project, python, package)}"
    return InputError(message, place=place, detail=trace if place is None else None, remedy=remedy)


def _distribution(module: str) -> str:
    """The name under which a module is usually published: the top package, normalised."""
    return re.sub(r"[-_.]+", "-", module.split(".")[0]).lower()


def _requirements(project: Project) -> dict[Path, set[str]]:
    """The program's files of requirements with the distributions each names, nearest first."""
    folders = dict.fromkeys((project.working_directory, project.directory))
    found: dict[Path, set[str]] = {}
    for folder in folders:
        for name in ("requirements.txt", "pyproject.toml"):
            file = folder / name
            if file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                found[file] = _named_in_pyproject(text) if name == "pyproject.toml" else _named(text.splitlines())
    return found


def _named(lines: list[str]) -> set[str]:
    names = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in lines)
    return {_normal(match.group(1)) for match in names if match}


def _named_in_pyproject(text: str) -> set[str]:
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return set()
    project = document.get("project", {})
    lines = [str(line) for line in project.get("dependencies", [])]
    lines += [str(line) for group in project.get("optional-dependencies", {}).values() for line in group]
    poetry = document.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return _named([*lines, *poetry])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _install(project: Project, python: Path, package: str) -> str:
    if project.toolchain == "uv":
        return f"uv add {package}"
    if project.toolchain == "poetry":
        return f"poetry add {package}"
    return f"{python} -m pip install {package}"


def _install_file(project: Project, python: Path, file: Path) -> str:
    if project.toolchain == "uv":
        return "uv sync"
    if project.toolchain == "poetry":
        return "poetry install"
    return f"{python} -m pip install {f'-r {file}' if file.suffix == '.txt' else file.parent}"
