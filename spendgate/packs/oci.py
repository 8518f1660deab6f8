"""Packs in OCI registries, by the client ``oras`` (the extra ``oci``).

One artifact: its configuration is the pack's manifest, its one layer the archive as ``spendgate pack build`` wrote it.
Every byte that comes is held against the digest that names it.
"""

from __future__ import annotations

import hashlib
import inspect
import ipaddress
import json
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.packs import manifest as manifests
from spendgate.packs.archive import MAX_ARCHIVE, read_archive, unpack
from spendgate.packs.contents import MANIFEST, Fetched, Files
from spendgate.packs.verify import verify_files
from spendgate.packs.version import parse as parse_version

ARTIFACT: Final = "application/vnd.spendgate.pack.v1"
CONFIG: Final = "application/vnd.spendgate.pack.manifest.v1+json"
LAYER: Final = "application/vnd.spendgate.pack.archive.v1.tar+gzip"
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"

_ACCEPT: Final = ", ".join(
    (
        IMAGE,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
"""What else may be there is taken as well, so that it can be told what it is."""

MAX_MANIFEST: Final = 1024 * 1024
TIMEOUT: Final = (10.0, 60.0)
"""Seconds to connect, and between two answers."""

SECONDS: Final = 300.0
"""Longer than this nothing is fetched."""

_REFERENCE: Final = re.compile(
    r"oci://(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)"
    r"/(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reference as read; at least one of ``tag`` and ``digest`` is said."""

    host: str
    name: str
    tag: str = ""
    digest: str | None = None

    def __str__(self) -> str:
        return f"oci://{self.host}/{self.name}" + (f":{self.tag}" if self.tag else "")


def parse(reference: str) -> Wanted:
    """Read a reference. Raises InputError that tells its form."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or not (match["tag"] or match["digest"]):
        raise InputError(
            "the reference names no version" if match else "this is no reference of a registry",
            remedy="oci://REGISTRY/NAME:VERSION, pinned by @sha256:DIGEST after it.",
        )
    return Wanted(match["host"], match["name"], match["tag"] or "", match["digest"])


def fetch(wanted: Wanted) -> Fetched:
    """The files of a pack. Raises InputErrors where the registry does not give it in time, where it is no pack, and
    where anything is other than its digest says."""
    done: Queue[Fetched | BaseException] = Queue()

    def run() -> None:
        try:
            done.put(_fetch(wanted))
        except BaseException as error:
            done.put(error)

    # A registry that gives a byte now and then would hold whoever waits for it for ever.
    Thread(target=run, daemon=True).start()
    try:
        found = done.get(timeout=SECONDS)
    except Empty:
        raise InputError(f"{wanted.host} gave no whole pack in {SECONDS:g} s", remedy="Try again later.") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _fetch(wanted: Wanted) -> Fetched:
    client = _Client(wanted)
    content, digest = client.manifest(wanted.digest or wanted.tag)
    if wanted.digest is not None and digest != wanted.digest:
        raise InputError(f"the registry gave {digest} for {wanted.digest}", remedy=_ALTERED)
    layer = _layer(content)
    files = unpack(client.blob(layer["digest"], layer["size"]), str(wanted))
    _hold_version(wanted, files)
    return Fetched(files, {"origin": f"{wanted}@{digest}", "digest": digest})


def _hold_version(wanted: Wanted, files: Files) -> None:
    """Raise InputError where the tag is a version and the pack another one: an older one is soundly signed too."""
    if MANIFEST not in files:
        raise InputError(f"holds no {MANIFEST}", remedy=_NO_PACK)
    version = manifests.read(files[MANIFEST], f"{wanted}:{MANIFEST}").version
    if parse_version(wanted.tag) is not None and version != wanted.tag:
        raise InputError(
            f"the registry has version {version} of the pack under {wanted.tag}",
            remedy=f"Ask whoever publishes it; {version} is asked for by its own tag.",
        )


def push(file: Path, reference: str, *, force: bool = False) -> str:
    """Put an archive into a registry and tell its pinned reference. The tag is the version of the pack.

    Raises InputErrors where the archive does not hold, where the registry refuses it, and where it has another pack of
    that version already: a version that was published does not change, unless ``force`` says so.
    """
    wanted = parse(reference)
    if wanted.digest is not None:
        raise InputError(f"{reference} names a digest, which nobody can choose", remedy="Leave it out to push.")
    files = read_archive(file)
    manifest = verify_files(files, str(file)).manifest
    if wanted.tag != manifest.version:
        raise InputError(
            f"the pack is version {manifest.version}, and {wanted.tag} is to be pushed",
            place=file,
            remedy=f"Push to oci://{wanted.host}/{wanted.name}:{manifest.version}.",
        )
    client = _Client(wanted)
    blobs = {CONFIG: files[MANIFEST], LAYER: file.read_bytes()}
    config, layer = ({"mediaType": kind, "digest": _digest(blob), "size": len(blob)} for kind, blob in blobs.items())
    image = {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": ARTIFACT,
        "config": config,
        "layers": [layer],
        "annotations": {
            "org.opencontainers.image.title": manifest.name,
            "org.opencontainers.image.version": manifest.version,
            "org.opencontainers.image.description": manifest.description,
        },
    }
    content = json.dumps(image, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    present = client.digest_of(wanted.tag)
    if present not in (None, _digest(content)) and not force:
        raise InputError(
            f"{wanted} is there already, as another pack ({present})",
            remedy="Give the pack a new version; --force replaces what was published.",
        )
    client.upload(blobs, content, wanted.tag)
    return f"{wanted}@{_digest(content)}"


def _layer(content: bytes) -> dict[str, Any]:
    """The layer of a pack's manifest. Raises InputError where it is that of something else."""
    try:
        data = json.loads(content)
        config, layers = data["config"], data["layers"]
        kinds = (config["mediaType"], *(str(layer["mediaType"]) for layer in layers))
        layer: dict[str, Any] = {**layers[0], "size": int(layers[0]["size"])} if layers else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("the registry's manifest is broken", remedy="Push the pack again.") from None
    if kinds != (CONFIG, LAYER):
        raise InputError(
            f"is no pack: its parts are {', '.join(kinds) or 'none'}",
            remedy="Only what `spendgate pack push` put there can be used.",
        )
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(layer.get("digest"))) or not 0 < layer["size"] <= MAX_ARCHIVE:
        raise InputError(
            f"the registry's manifest names no archive of at most {MAX_ARCHIVE:,} bytes by its SHA-256",
            remedy="Push the pack again.",
        )
    return layer


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


class _Client:
    """A registry, asked by oras: with its credentials and tokens, and with our bounds, times and words."""

    def __init__(self, wanted: Wanted) -> None:
        try:
            import oras.container
            import oras.provider
            import requests
            from requests.adapters import HTTPAdapter
        except ModuleNotFoundError as error:
            raise InputError(
                f"registries are reached by oras, and {error.name} is not installed",
                remedy="pip install 'spendgate[oci]'",
            ) from None
        logging.getLogger("oras").setLevel(logging.CRITICAL + 1)  # what it would print is told as an error

        class Bounded(HTTPAdapter):
            def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
                return super().send(request, **{**options, "timeout": TIMEOUT})

        class Registry(oras.provider.Registry):  # type: ignore[misc,name-defined,unused-ignore]
            # Its own method asks five times, over two minutes, whatever the answer is.
            do_request = inspect.unwrap(oras.provider.Registry.do_request)

        self.wanted = wanted
        plain = _is_loopback(wanted.host)
        self.base = f"{'http' if plain else 'https'}://{wanted.host}/v2/"
        self.container = oras.container.Container(f"{wanted.host}/{wanted.name}:{wanted.tag or 'latest'}")
        with self._told():
            session = requests.Session()
            for scheme in ("http://", "https://"):
                session.mount(scheme, Bounded())
            asks = session.get(self.base).headers.get("Www-Authenticate", "")
            backend = "basic" if asks.lower().startswith("basic") else "token"
            self.registry = Registry(wanted.host, insecure=plain, auth_backend=backend)
            for scheme in ("http://", "https://"):
                self.registry.session.mount(scheme, Bounded())
            self.registry.session.headers["Accept-Encoding"] = "identity"  # what is hashed is what is sent
            self.registry.auth.load_configs(self.container)
        if backend == "basic" and not getattr(self.registry.auth, "_basic_auth", None):
            raise self._unauthorised()

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """A manifest by its tag or digest, and the digest that its bytes have."""
        with self._told():
            answer = self.registry.do_request(
                f"{self.base}{self.wanted.name}/manifests/{reference}", "GET", headers={"Accept": _ACCEPT}, stream=True
            )
            mark = "@" if reference.startswith("sha256:") else ":"
            self._check(answer, f"no pack {self.wanted.name}{mark}{reference}")
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            content = self._read(answer, MAX_MANIFEST)
        if kind != IMAGE:
            raise InputError(f"is no pack: the registry has a {kind or 'nameless'} there", remedy=_NO_PACK)
        digest = _digest(content)
        if (said := answer.headers.get("Docker-Content-Digest", digest)) != digest:
            raise InputError(f"the registry says {said}, and gave {digest}", remedy=_ALTERED)
        return content, digest

    def digest_of(self, tag: str) -> str | None:
        """The digest of what the tag names now; None where there is no such tag."""
        with self._told():
            answer = self.registry.do_request(
                f"{self.base}{self.wanted.name}/manifests/{tag}", "HEAD", headers={"Accept": _ACCEPT}
            )
            if answer.status_code == 404:
                return None
            self._check(answer, "")
            return str(answer.headers.get("Docker-Content-Digest", "unknown"))

    def blob(self, digest: str, size: int) -> bytes:
        """A blob whose bytes have its digest."""
        with self._told():
            answer = self.registry.get_blob(self.container, digest, stream=True)
            self._check(answer, f"the registry lost the blob {digest}")
            content = self._read(answer, size)
        if _digest(content) != digest:
            raise InputError(f"the registry gave other bytes for {digest}", remedy=_ALTERED)
        return content

    def upload(self, blobs: dict[str, bytes], manifest: bytes, tag: str) -> None:
        """The blobs, and then the manifest that names them."""
        with self._told(), tempfile.TemporaryDirectory(prefix="spendgate-") as folder:
            for kind, content in blobs.items():
                file = Path(folder) / "blob"
                file.write_bytes(content)
                layer = {"mediaType": kind, "digest": _digest(content), "size": len(content)}
                self._check(self.registry.upload_blob(str(file), self.container, layer), "no such repository")
            url = f"{self.base}{self.wanted.name}/manifests/{tag}"
            self._check(
                self.registry.do_request(url, "PUT", data=manifest, headers={"Content-Type": IMAGE}),
                "no such repository",
            )

    def _check(self, answer: Any, missing: str) -> None:
        status = answer.status_code
        if status in (200, 201, 202):
            return
        if status in (401, 403):
            raise self._unauthorised()
        if status == 404:
            raise InputError(f"{self.wanted.host} has {missing}", remedy="Look at its name and version.")
        raise InputError(f"{self.wanted.host} answered {status} {answer.reason}", remedy="Try again later.")

    def _unauthorised(self) -> InputError:
        host = self.wanted.host
        return InputError(
            f"{host} wants credentials, or does not accept those it got",
            remedy=f"docker login {host} (or oras login) keeps them where they are looked for.",
        )

    def _read(self, answer: Any, most: int) -> bytes:
        parts, total = [], 0
        for part in answer.iter_content(64 * 1024):
            total += len(part)
            if total > most:
                raise InputError(f"{self.wanted.host} sends more than the {most:,} bytes it may", remedy=_ALTERED)
            parts.append(part)
        return b"".join(parts)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong on the way, in our words; what oras and requests say may hold addresses with tokens."""
        import requests

        try:
            yield
        except requests.exceptions.SSLError:
            raise InputError(f"{self.wanted.host} shows no valid certificate") from None
        except (requests.ConnectionError, requests.Timeout):
            raise InputError(
                f"{self.wanted.host} cannot be reached",
                remedy="Is it running, and may you reach it? A reference pinned by digest is used from the cache.",
            ) from None
        except (requests.RequestException, ValueError, AttributeError, OSError) as error:
            if "authenticat" in str(error).lower():
                raise self._unauthorised() from None
            raise InputError(f"{self.wanted.host} gave no answer of a registry ({type(error).__name__})") from None


_ALTERED: Final = "What it gives was altered, or another proxy answers; do not use it."
_NO_PACK: Final = "Only what `spendgate pack push` put there can be used."
