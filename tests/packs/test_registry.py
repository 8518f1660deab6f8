"""Packs in OCI registries: Debian's docker-registry on loopback, asked by oras."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.packs import oci
from spendgate.packs.archive import write_archive
from spendgate.packs.contents import read_folder
from spendgate.packs.signing import Demand
from spendgate.rules.selection import load_pack
from tests.conftest import Run
from tests.packs.conftest import Keys, PackIn, Registry, needs_registry, needs_ssh_keygen, public, running_registry

pytestmark = [needs_registry, pytest.mark.xdist_group("registry")]
Archive = Callable[..., Path]

HASHED = "$2b$04$nrtSijnbq6jlDy43KED18eLpW.gT0Q8ThyNylIZhsjh96Rl2lZD4u"
"""bcrypt of "secret-word", which is what the registry reads."""


@pytest.fixture
def repository(registry: Registry, request: pytest.FixtureRequest) -> str:
    """A repository of its own for each test."""
    name = "".join(sign if sign.isalnum() else "-" for sign in request.node.name.lower()).strip("-")
    while "--" in name:
        name = name.replace("--", "-")
    return f"oci://{registry.host}/tests/{name[:60].strip('-')}"


def raw(host: str, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> Any:
    """One request as it is, for what our own client would not send."""
    import requests

    return requests.request(method, f"http://{host}{path}", data=body, headers={"Content-Type": kind}, timeout=10)


def put_manifest(repository: str, tag: str, image: dict[str, Any], kind: str = oci.IMAGE) -> None:
    host, _, name = repository.removeprefix("oci://").partition("/")
    answer = raw(host, "PUT", f"/v2/{name}/manifests/{tag}", json.dumps(image).encode(), kind)
    assert answer.status_code == 201, answer.text


def put_blob(repository: str, content: bytes) -> dict[str, Any]:
    import hashlib

    host, _, name = repository.removeprefix("oci://").partition("/")
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    location = raw(host, "POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
    path = location.removeprefix(f"http://{host}")
    answer = raw(host, "PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", content)
    assert answer.status_code == 201, answer.text
    return {"digest": digest, "size": len(content)}


def test_what_is_pushed_is_pulled_as_it_was(archive: Archive, repository: str, spendgate: Run, tmp_path: Path) -> None:
    path = archive()
    pushed = spendgate("pack", "push", path, f"{repository}:0.1.0", cwd=tmp_path)
    assert pushed.returncode == 0, pushed.stderr
    pinned = pushed.stdout.strip()
    assert pinned.startswith(f"{repository}:0.1.0@sha256:")
    pulled = spendgate("pack", "pull", pinned, "-o", "got", cwd=tmp_path)
    assert pulled.returncode == 0, pulled.stderr
    assert spendgate("pack", "validate", "got", cwd=tmp_path).returncode == 0
    built = spendgate("pack", "build", "got", "-o", "again.tar.gz", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "again.tar.gz").read_bytes() == path.read_bytes()


@needs_ssh_keygen
def test_the_signature_comes_along(
    archive: Archive, key: Keys, repository: str, spendgate: Run, tmp_path: Path
) -> None:
    ada, eve = key("ada"), key("eve")
    reference = oci.push(archive(key=ada), f"{repository}:0.1.0")
    (tmp_path / "signers").write_text(f"ada@example.com {public(ada)}\n", encoding="utf-8")
    (tmp_path / "others").write_text(f"eve@example.com {public(eve)}\n", encoding="utf-8")
    good = spendgate("pack", "pull", reference, "-o", "a", "--allowed-signers", "signers", cwd=tmp_path)
    assert (good.returncode, "Signed by ada@example.com." in good.stdout) == (0, True)
    # From the cache, the signature is held against what is allowed now.
    bad = spendgate("pack", "pull", reference, "-o", "b", "--allowed-signers", "others", cwd=tmp_path)
    assert (bad.returncode, "holds no such key" in bad.stderr) == (2, True)


def test_a_pack_of_a_registry_is_used_and_a_pinned_one_needs_it_only_once(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_registry(tmp_path) as own:
        pinned = oci.push(archive(), f"oci://{own.host}/team/costs:0.1.0")
        tagged = pinned.partition("@")[0]
        found = load_pack(pinned)
        assert (found.name, found.origin) == ("team-costs", pinned)
        assert load_pack(tagged).origin == pinned
    assert load_pack(pinned).folder == found.folder
    with pytest.raises(InputError, match="cannot be reached"):
        load_pack(tagged)
    monkeypatch.setenv("SPENDGATE_OFFLINE", "1")
    assert load_pack(tagged).folder == found.folder


def test_a_version_that_was_published_does_not_change(archive: Archive, pack: PackIn, repository: str) -> None:
    path = archive()
    first = oci.push(path, f"{repository}:0.1.0")
    assert oci.push(path, f"{repository}:0.1.0") == first
    other = archive(pack("other", **{"README.md": ("What this pack", "What that pack")}), None, "other.tar.gz")
    with pytest.raises(InputError, match="is there already, as another pack"):
        oci.push(other, f"{repository}:0.1.0")
    moved = oci.push(other, f"{repository}:0.1.0", force=True)
    assert moved != first
    # Who pinned the first one still gets it.
    assert load_pack(first).origin == first
    assert load_pack(f"{repository}:0.1.0").origin == moved


def test_a_tag_other_than_the_version_is_refused(archive: Archive, repository: str) -> None:
    with pytest.raises(InputError, match=r"the pack is version 0\.1\.0, and latest is to be pushed"):
        oci.push(archive(), f"{repository}:latest")


def test_a_digest_that_is_not_there_is_told(archive: Archive, repository: str) -> None:
    oci.push(archive(), f"{repository}:0.1.0")
    with pytest.raises(InputError, match="has no pack"):
        load_pack(f"{repository}:0.1.0@sha256:{'0' * 64}")
    with pytest.raises(InputError, match="has no pack"):
        load_pack(f"{repository}:9.9.9")


def test_a_blob_that_was_tampered_with_in_the_registry_is_refused(
    archive: Archive, tmp_path: Path, cache: Path
) -> None:
    with running_registry(tmp_path) as own:
        path = archive()
        pinned = oci.push(path, f"oci://{own.host}/team/costs:0.1.0")
        blob = next(item for item in own.blobs() if item.read_bytes() == path.read_bytes())
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        blob.write_bytes(content)
        with pytest.raises(InputError, match="the registry gave other bytes for sha256:"):
            load_pack(pinned)
        assert not list(cache.glob("packs/sha256-*"))


def test_a_manifest_that_was_tampered_with_is_refused(archive: Archive, tmp_path: Path) -> None:
    with running_registry(tmp_path) as own:
        pinned = oci.push(archive(), f"oci://{own.host}/team/costs:0.1.0")
        blob = next(item for item in own.blobs() if b"schemaVersion" in item.read_bytes())
        blob.write_bytes(blob.read_bytes().replace(b"team-costs", b"evil-costs"))
        with pytest.raises(InputError) as raised:
            load_pack(pinned)
        assert "the registry" in str(raised.value) or "answered 5" in str(raised.value)


def test_an_image_that_is_no_pack_is_told_by_its_media_type(repository: str) -> None:
    config, layer = put_blob(repository, b"{}"), put_blob(repository, b"layer")
    image = {
        "schemaVersion": 2,
        "mediaType": oci.IMAGE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer}],
    }
    put_manifest(repository, "1.0.0", image)
    with pytest.raises(InputError, match=r"is no pack: its parts are application/vnd\.oci\.image\.config"):
        load_pack(f"{repository}:1.0.0")


def test_a_docker_image_is_no_pack(repository: str) -> None:
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config, layer = put_blob(repository, b"{}"), put_blob(repository, b"layer")
    image = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **layer}],
    }
    put_manifest(repository, "1.0.0", image, kind)
    with pytest.raises(InputError, match=r"is no pack: the registry has a application/vnd\.docker"):
        load_pack(f"{repository}:1.0.0")


def test_a_layer_that_is_no_archive_of_a_pack_is_told(repository: str) -> None:
    config, layer = put_blob(repository, b"{}"), put_blob(repository, b"no archive at all")
    image = {
        "schemaVersion": 2,
        "mediaType": oci.IMAGE,
        "config": {"mediaType": oci.CONFIG, **config},
        "layers": [{"mediaType": oci.LAYER, **layer}],
    }
    put_manifest(repository, "1.0.0", image)
    with pytest.raises(InputError, match="is no archive of a pack"):
        load_pack(f"{repository}:1.0.0")


def put_layer(repository: str, tag: str, content: bytes) -> None:
    """What a hostile publisher puts there: any archive, under any tag."""
    config, layer = put_blob(repository, b"{}"), put_blob(repository, content)
    image = {
        "schemaVersion": 2,
        "mediaType": oci.IMAGE,
        "config": {"mediaType": oci.CONFIG, **config},
        "layers": [{"mediaType": oci.LAYER, **layer}],
    }
    put_manifest(repository, tag, image)


@needs_ssh_keygen
def test_an_archive_without_a_manifest_gets_past_no_demand_for_a_signature(
    pack: PackIn, repository: str, key: Keys, tmp_path: Path
) -> None:
    (tmp_path / "allowed_signers").write_text(f"platform@example.com {public(key('a'))}\n", encoding="utf-8")
    put_layer(repository, "0.1.0", write_archive(read_folder(pack())))
    for demand in (Demand(tmp_path / "allowed_signers"), None):
        with pytest.raises(InputError, match=r"holds no manifest\.json"):
            load_pack(f"{repository}:0.1.0", None, None, demand)


def test_a_tag_that_has_an_older_version_is_refused(archive: Archive, repository: str) -> None:
    content = archive().read_bytes()
    for tag in ("0.2.0", "latest"):
        put_layer(repository, tag, content)
    with pytest.raises(InputError, match=r"the registry has version 0\.1\.0 of the pack under 0\.2\.0"):
        load_pack(f"{repository}:0.2.0")
    assert load_pack(f"{repository}:latest").version == "0.1.0"


def test_a_registry_that_is_away_is_told_at_the_line_that_names_it(spendgate: Run, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "spendgate.yaml").write_text(
        f'apiVersion: spendgate.dev/v1\nkind: Config\npacks:\n  - "oci://127.0.0.1:{port}/team/costs:1.0.0"\n',
        encoding="utf-8",
    )
    done = spendgate("config", "show", cwd=tmp_path)
    assert done.returncode == 2
    assert "spendgate.yaml:4:5" in done.stderr
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("oci://host/name", "names no version"),
        ("oci://host", "is no reference of a registry"),
        ("oci://host/Name:1.0.0", "is no reference of a registry"),
        ("oci://user:password@host/name:1.0.0", "is no reference of a registry"),
        ("oci://host/../name:1.0.0", "is no reference of a registry"),
        ("oci://host/name:1.0.0@sha256:12", "is no reference of a registry"),
    ],
)
def test_a_reference_that_is_none_tells_its_form(reference: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        load_pack(reference)
    assert said in str(raised.value)
    assert "password" not in str(raised.value)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for a password."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "htpasswd").write_text(f"ada:{HASHED}\n", encoding="utf-8")
    with running_registry(folder, folder / "htpasswd") as running:
        yield running


class TestCredentials:
    @pytest.fixture
    def login(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
        """Credentials as `docker login` keeps them."""

        def write(host: str, password: str) -> None:
            folder = tmp_path / "home" / ".docker"
            folder.mkdir(parents=True)
            word = base64.b64encode(f"ada:{password}".encode()).decode()
            (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": word}}}), encoding="utf-8")

        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv("DOCKER_CONFIG", raising=False)
        return write

    def test_those_of_docker_login_are_used(
        self, guarded: Registry, login: Callable[[str, str], None], archive: Archive
    ) -> None:
        login(guarded.host, "secret-word")
        pinned = oci.push(archive(), f"oci://{guarded.host}/team/costs:0.1.0")
        assert load_pack(pinned).name == "team-costs"

    @pytest.mark.parametrize("password", [None, "wrong-word"])
    def test_without_the_right_ones_login_is_advised_and_nothing_is_printed_of_them(
        self, password: str | None, guarded: Registry, login: Callable[[str, str], None]
    ) -> None:
        if password:
            login(guarded.host, password)
        with pytest.raises(InputError, match="wants credentials") as raised:
            load_pack(f"oci://{guarded.host}/team/costs:0.1.0")
        assert "docker login" in str(raised.value)
        assert "word" not in str(raised.value)


class TestOddRegistries:
    """A server that answers as no registry should."""

    @pytest.fixture
    def odd(self) -> Iterator[Callable[..., str]]:
        servers = []

        def start(status: int, body: bytes, kind: str = oci.IMAGE, **headers: str) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    first = self.path == "/v2/"
                    self.send_response(200 if first else status)
                    self.send_header("Content-Type", "application/json" if first else kind)
                    for name, value in headers.items():
                        self.send_header(name.replace("_", "-"), value)
                    self.end_headers()
                    self.wfile.write(b"{}" if first else body)

                def log_message(self, *words: Any) -> None:
                    """Silent."""

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
            return f"oci://127.0.0.1:{server.server_port}/team/costs:1.0.0"

        yield start
        for server in servers:
            server.shutdown()

    @pytest.mark.parametrize(
        ("status", "body", "kind", "said"),
        [
            (200, b"<html>", "text/html", "is no pack: the registry has a text/html there"),
            (200, b"{", oci.IMAGE, "the registry's manifest is broken"),
            (200, b"[]", oci.IMAGE, "the registry's manifest is broken"),
            (200, b'{"config": {"mediaType": "x"}, "layers": []}', oci.IMAGE, "is no pack: its parts are x"),
            (200, b" " * (oci.MAX_MANIFEST + 1), oci.IMAGE, "sends more than"),
            (503, b"", oci.IMAGE, "answered 503"),
            (401, b"", oci.IMAGE, "wants credentials"),
            (403, b"", oci.IMAGE, "wants credentials"),
            (404, b"", oci.IMAGE, "has no pack team/costs:1.0.0"),
        ],
    )
    def test_an_odd_answer_is_an_input_error(
        self, status: int, body: bytes, kind: str, said: str, odd: Callable[..., str]
    ) -> None:
        with pytest.raises(InputError) as raised:
            load_pack(odd(status, body, kind))
        assert said in str(raised.value)

    @pytest.mark.parametrize("slow", ["/v2/", "manifests"])
    def test_one_that_gives_a_byte_now_and_then_is_not_waited_for(
        self, slow: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", oci.IMAGE)
                self.end_headers()
                while slow in self.path and not ended.wait(0.05):
                    self.wfile.write(b" ")

            def log_message(self, *words: Any) -> None:
                """Silent."""

        monkeypatch.setattr(oci, "SECONDS", 0.5)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(InputError, match=r"127\.0\.0\.1:\d+ gave no whole pack in 0\.5 s"):
                load_pack(f"oci://127.0.0.1:{server.server_port}/team/costs:1.0.0")
        finally:
            ended.set()
            server.shutdown()

    def test_a_digest_other_than_asked_for_is_refused(self, odd: Callable[..., str]) -> None:
        with pytest.raises(InputError, match="the registry gave sha256:"):
            load_pack(f"{odd(200, b'{}')}@sha256:{'0' * 64}")

    def test_a_header_that_contradicts_the_bytes_is_refused(self, odd: Callable[..., str]) -> None:
        with pytest.raises(InputError, match="the registry says"):
            load_pack(odd(200, b"{}", Docker_Content_Digest=f"sha256:{'1' * 64}"))


def test_without_oras_the_extra_is_named(repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "oras.provider", None)
    with pytest.raises(InputError, match=r"pip install 'spendgate\[oci\]'"):
        load_pack(f"{repository}:1.0.0")
