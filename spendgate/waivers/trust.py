"""What is trusted of a repository: its settings, policies and waivers as they stand in a revision, not as a change has
them. A change that is judged cannot then write its own waiver, raise its own budget or name its own approver."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spendgate.errors import InputError, InputErrors, Place
from spendgate.paths import as_named
from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.shipped import packs_dir, policies_dir
from spendgate.verdict import Finding, Status
from spendgate.waivers.load import shown
from spendgate.waivers.model import FILE_NAME, TRUST_CHANGED, Rules
from spendgate.waivers.repository import commit_of, git, root_of

if TYPE_CHECKING:
    from spendgate.config import Config

TYPE: Final = "spendgate:waivers:TrustFiles"
MOST_BYTES: Final = 256 * 1024 * 1024
"""More than this is not copied: settings and policies are small."""

_OWN_FOLDER: Final = ".spendgate"
_LINK: Final = "120000"
"""How git writes that a file is a symbolic link."""
_CONFIG: Final = "spendgate.yaml"
_ENDS: Final = (".yaml", ".yml", ".tar.gz", ".tgz", "signers")


@dataclass(frozen=True, slots=True)
class Trusted:
    """A revision of the repository at ``root``: its settings and policies lie in ``copy``. ``name`` is the revision as
    it was asked for, ``commit`` its hash; ``is_new`` where it does not hold the folder that is judged."""

    name: str
    commit: str
    root: Path
    copy: Path
    is_new: bool = False

    def of(self, path: Path) -> Path:
        """The same path in the copy, as it is named: where links of the checkout lead, the change may have altered. One
        outside the repository as it is."""
        named = as_named(path)
        for top in reversed((named, *named.parents)):
            if top.resolve() == self.root:
                return self.copy / named.relative_to(top)
        path = path.resolve()
        return self.copy / path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def shown(self, path: str | Path) -> str:
        """A path of the copy as git writes it, ``origin/main:spendgate.yaml``; another one as it is."""
        full = Path(path).absolute()
        return f"{self.name}:{full.relative_to(self.copy)}" if full.is_relative_to(self.copy) else str(path)

    def named(self, error: InputError) -> InputError:
        """An error with places in the copy shown as places in the revision."""
        if isinstance(error, InputErrors):
            return InputErrors(self.named(one) for one in error.errors)
        place = replace(error.place, file=self.shown(error.place.file)) if error.place else None
        remedy = self._named(error.remedy) if error.remedy else None
        return InputError(self._named(error.message), place=place, remedy=remedy, detail=error.detail)

    def _named(self, text: str) -> str:
        return text.replace(f"{self.copy}/", f"{self.name}:").replace(str(self.copy), f"the root of {self.name}")

    def fetch(self, path: Path | None) -> None:
        """Bring one more file of the revision into the copy, where it has it."""
        if path is None or path.exists():
            return
        path = Path(os.path.normpath(path))
        if not path.is_relative_to(self.copy):
            return
        if path.is_symlink():  # links are in the copy from the start, what they lead to is not
            _copy_files(self, [other.relative_to(self.copy).as_posix() for other in _led_to(path, self.copy)])
        else:
            _copy_files(self, [path.relative_to(self.copy).as_posix()])


@contextmanager
def trusted_copy(directory: Path, revision: str | None, asked_by: str = "--trust-from") -> Iterator[Trusted | None]:
    """The settings and policies of the repository that holds ``directory`` as they are in a revision, in a temporary
    folder; None where no revision is asked for. Nothing is checked out. ``asked_by`` is the option that named it.

    Raises InputError where there is no git repository or no such revision.
    """
    if revision is None:
        yield None
        return
    folder = as_named(directory)
    while not folder.is_dir():
        folder = folder.parent
    root = root_of(folder, asked_by)
    commit = commit_of(root, revision, asked_by)
    with tempfile.TemporaryDirectory(prefix="spendgate-trusted-") as temporary:
        copy = Path(temporary).resolve()
        (copy / ".git").mkdir()  # the search for a spendgate.yaml ends at the root of a repository
        trusted = Trusted(revision, commit, root, copy)
        _copy_files(trusted, None)
        try:
            # The working directory may be new in the change: it is where the search for settings starts.
            is_new = not (there := trusted.of(folder)).is_dir()
            there.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise InputError(f"is no folder in {revision}", place=folder, remedy="Merge it there first.") from None
        yield replace(trusted, is_new=is_new)


def _copy_files(trusted: Trusted, wanted: Iterable[str] | None) -> None:
    """Write files of the revision into the copy: the wanted ones, else all that may hold settings or policies."""
    paths = None if wanted is None else set(wanted)
    entries = []
    folders = set()
    total = 0
    for line in git(trusted.root, "ls-tree", "-r", "-z", "-l", "--full-tree", trusted.commit).split(b"\0"):
        if not line:
            continue
        head, _, name = line.partition(b"\t")
        mode, kind, blob, size = head.decode().split()
        path = os.fsdecode(name)
        folders.add(os.path.dirname(path))
        if kind == "blob" and (path in paths if paths is not None else _may_matter(path, mode)):
            if not size.isdigit():
                remedy = "Fetch all of it: git fetch."
                raise InputError("is not in this clone", place=f"{trusted.name}:{path}", remedy=remedy)
            entries.append((path, mode, blob))
            total += int(size)
    if total > MOST_BYTES:
        raise InputError(f"the settings and policies of {trusted.name} have {total:,} bytes; {MOST_BYTES:,} are read")
    for folder in folders:  # a folder without settings is one all the same
        (trusted.copy / folder).mkdir(parents=True, exist_ok=True)
    if not entries:
        return
    answers = git(trusted.root, "cat-file", "--batch", text="".join(f"{blob}\n" for _, _, blob in entries).encode())
    at = 0
    for path, mode, _ in entries:
        end = answers.index(b"\n", at)
        stop = end + 1 + int(answers[at:end].split()[-1])
        _write(trusted, path, mode, answers[end + 1 : stop])
        at = stop + 1


def _led_to(link: Path, root: Path) -> list[Path]:
    """The file that a link in the copy leads to."""
    end = link.resolve()
    return [end] if end.is_relative_to(root) and not end.exists() else []


def _may_matter(path: str, mode: str) -> bool:
    # Archives of packs, and who may sign them, are read with the settings.
    return mode == _LINK or path.endswith(_ENDS) or _OWN_FOLDER in path.split("/")[:-1]


def _write(trusted: Trusted, path: str, mode: str, content: bytes) -> None:
    target = trusted.copy / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode != _LINK:
        target.write_bytes(content)
        return
    link = os.fsdecode(content)
    if (target.parent / link).resolve().is_relative_to(trusted.copy) and not os.path.isabs(link):
        target.symlink_to(link)
    elif target.name in (_CONFIG, FILE_NAME):
        raise InputError("is a link out of the repository, which no revision holds", place=f"{trusted.name}:{path}")


def settings_in(
    trusted: Trusted, directory: Path, *, file: Path | None = None, packs: tuple[str, ...] = ()
) -> tuple[Config, Rules]:
    """The settings of the project in ``directory``, and the rules for its waivers, as the revision has them; every file
    that they name is in the copy then. ``file`` and ``packs`` are those of ``read_config``.

    Raises InputError for what is wrong in them, with places in the copy, and where one names a file of the checkout.
    """
    from spendgate.config import USAGE_FILE, read_config
    from spendgate.waivers.settings import rules_of

    there = trusted.of(directory)
    trusted.fetch(there / USAGE_FILE)
    config = read_config(there, file=trusted.of(file) if file else None, packs=packs, packs_from=trusted.of(Path.cwd()))
    rules = rules_of(config, there)
    for path in (rules.file, rules.approvals.allowed_signers, config.usage):
        trusted.fetch(path)
    if config.allocation is not None:
        for path in config.allocation.files:
            trusted.fetch(path)
        for path in _allocation(config):  # the rules are there now, and say which tables they read
            trusted.fetch(path)
    refuse_untrusted(trusted, config, rules)
    return config, rules


def refuse_untrusted(trusted: Trusted, config: Config, rules: Rules) -> None:
    """Raise InputError where a setting names a file of the working tree, which the change may have altered."""
    for path in (*_files(config), rules.file, rules.approvals.allowed_signers):
        if path is None:
            continue
        path = path.resolve()
        ours = path.is_relative_to(packs_dir().resolve()) or path.is_relative_to(policies_dir().resolve())
        if path.is_relative_to(trusted.root) and not ours:
            raise InputError(
                f"{shown(path)} lies in the checkout, which the change may have altered",
                remedy="With --trust-from, name it relative to spendgate.yaml, or keep it outside of the repository.",
            )


def _files(config: Config) -> list[Path]:
    """The files and folders that a configuration was made from."""
    from spendgate.config.organization import pack_signers

    yamls = [yaml for yaml in (config.yaml, config.organization.yaml if config.organization else None) if yaml]
    folders = [folder for pack in config.packs for folder in (pack.folder, *pack.policies)]
    # An archive, or a repository of this machine, that a pack was fetched from: its copy in the cache lies elsewhere.
    sources = [pack.source for pack in config.packs if pack.source is not None]
    usage = [config.usage] if config.usage else []
    files = [Path(yaml.path) for yaml in yamls]
    demands = [demand for yaml in yamls if (demand := pack_signers(yaml, Path(yaml.path).parent)) is not None]
    signers = [demand.allowed_signers for demand in demands]
    return [*files, *signers, *usage, *_allocation(config), *folders, *sources, *config.policies]


def _allocation(config: Config) -> list[Path]:
    """The rules of who pays, and the driver tables that the settings and the rules themselves name: whoever alters one
    of them moves cost to another team."""
    if config.allocation is None:
        return []
    rules = [one for one in config.allocation.rules if isinstance(one, Path)]
    return [*config.allocation.files, *(table for one in rules for table in _tables_named(one))]


def _tables_named(rules: Path) -> list[Path]:
    """The driver tables that a file of rules names itself. What is wrong in it is told where it is read."""
    from spendgate.yamlfile import read_yaml

    try:
        drivers = read_yaml(rules).data["drivers"]
        return [rules.parent / body["file"] for body in drivers.values() if "file" in body]
    except (InputError, LookupError, TypeError, AttributeError):
        return []


def changed_files(trusted: Trusted, directory: Path, config: Config, rules: Rules) -> tuple[str, ...]:
    """The settings, policies, waivers, signers and prices that the change alters, relative to the repository's root:
    against where it left the revision, or the revision itself where that is not known."""
    named = [path for path in (*_files(config), rules.file, rules.approvals.allowed_signers) if path is not None]
    # Of a link, what it leads to counts as well.
    paths = {_in_repository(trusted, one) for path in named for one in (path, path.resolve())}
    for folder in (trusted.of(directory), directory.resolve()):
        while folder.is_relative_to(trusted.root) or folder.is_relative_to(trusted.copy):
            paths |= {_in_repository(trusted, folder / name) for name in (_CONFIG, FILE_NAME, _OWN_FOLDER)}
            folder = folder.parent
    wanted = sorted(path for path in paths if path)
    try:
        base = git(trusted.root, "merge-base", trusted.commit, "HEAD").decode().strip()
    except InputError:
        base = trusted.commit
    plainly = ("--no-ext-diff", "--no-textconv", "--no-renames")
    altered = git(trusted.root, "diff", "--name-only", "-z", *plainly, base, "--", *wanted)
    new = git(trusted.root, "ls-files", "--others", "--exclude-standard", "-z", "--", *wanted)
    return tuple(sorted({os.fsdecode(name) for name in (altered + new).split(b"\0") if name}))


def _in_repository(trusted: Trusted, path: Path) -> str | None:
    """A path as git names it; None for one outside the repository."""
    path = path.absolute()
    for root in (trusted.copy, trusted.root):
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
    return None


def changed_finding(trusted: Trusted, changed: tuple[str, ...], level: Enforcement) -> tuple[Finding, ...]:
    """That a change alters what it would be judged by; nothing where it does not, or nobody wants to know."""
    if not changed or level is Enforcement.DISABLED:
        return ()
    first = shown(trusted.root / changed[0])
    return (
        Finding(
            guardrail=TRUST_CHANGED,
            status=Status.VIOLATION,
            enforcement=level,
            severity=Severity.HIGH,
            address=str(trusted.root.name),
            type=TYPE,
            name="trust files",
            message=f"the change alters what it is judged by; {trusted.name} decides: {', '.join(changed)}",
            remediation="Have these files reviewed by those who own them; they count once they are merged.",
            location=Place(first, 1),
        ),
    )
