"""`spendgate pack build` and `verify`: the same bytes for the same content, and nothing but what was built."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate import schemas
from spendgate.errors import InputError
from spendgate.packs.archive import ENDS, read_archive, unpack, write_archive
from spendgate.packs.build import build
from spendgate.packs.contents import MANIFEST, MAX_FILE, content_hash, digest, name_fault
from spendgate.packs.manifest import read, render
from spendgate.packs.validate import validate
from spendgate.packs.verify import verify, verify_files
from spendgate.shipped import packs_dir
from spendgate.yamlfile import YamlFile
from tests.conftest import Run
from tests.packs.conftest import PackIn, change


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar in gzip of any members, be they as they may."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_the_same_content_gives_the_same_bytes_wherever_and_whenever_it_lies(pack: PackIn, tmp_path: Path) -> None:
    first = pack("here")
    second = tmp_path / "elsewhere" / "there"
    shutil.copytree(first, second)
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    (second / "__pycache__").mkdir()
    (second / "__pycache__" / "x.pyc").write_bytes(b"x")
    (second / ".git").mkdir()
    change(second / "README.md", "here", "there")
    change(second / "README.md", "there", "here")
    change(first / "__main__.py", "here", "there")
    change(second / "__main__.py", "here", "there")
    built = build(first).archive
    time.sleep(1.1)  # a time in it would be another one now
    assert build(second).archive == built


def test_the_archive_is_a_plain_tar_gz_with_nothing_of_this_machine_in_it(pack: PackIn) -> None:
    built = build(pack())
    assert built.archive[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(built.archive))) as archive:
        members = archive.getmembers()
    assert [item.name for item in members] == [MANIFEST, *sorted(item.name for item in members[1:])]
    assert {(item.uid, item.gid, item.uname, item.gname, item.mtime, item.mode) for item in members} == {
        (0, 0, "", "", 0, 0o644)
    }


def test_the_manifest_says_what_the_pack_is_and_hashes_everything(pack: PackIn, tmp_path: Path) -> None:
    folder = pack(
        **{"pack.yaml": ("- name: gpu-count-per-resource", "- {name: gpu-count-per-resource, params: {max: 2}}")}
    )
    files = unpack(build(folder).archive, "pack")
    data = json.loads(files[MANIFEST])
    schemas.validate(YamlFile(MANIFEST, data, {}, {}), "pack-manifest")
    assert (data["name"], data["version"], data["requires"]) == ("team-costs", "0.1.0", {"spendgate": ">=0.1.0"})
    listed = {item["name"]: item for item in data["guardrails"]}
    own, shipped = listed["volume-has-owner"], listed["gpu-count-per-resource"]
    assert (own["origin"], own["enforcement"], own["params"]) == ("pack", "advisory", {"from_gib": 100, "key": "owner"})
    assert own["sha256"] == digest(files["policies/volume-has-owner.yaml"])
    assert (shipped["origin"], shipped["params"]["max"]) == ("spendgate", 2)
    # The content's hash can be had with sha256sum alone.
    (tmp_path / "out").mkdir()
    for name, content in files.items():
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "out" / name).write_bytes(content)
    command = "find . -type f ! -name manifest.json -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path / "out", capture_output=True, text=True, check=True)
    assert data["content"] == "sha256:" + done.stdout.split()[0]


def test_each_guardrail_has_a_page_with_the_values_of_the_pack_and_examples(
    pack: PackIn, spendgate: Run, tmp_path: Path
) -> None:
    folder = pack(
        **{"pack.yaml": ("- name: gpu-count-per-resource", "- {name: gpu-count-per-resource, params: {max: 2}}")}
    )
    files = unpack(build(folder).archive, "pack")
    pages = {name for name in files if name.startswith("docs/")}
    assert pages == {
        "docs/README.md", "docs/volume-has-owner.md", "docs/gpu-priced.md", "docs/gpu-count-per-resource.md",
    }  # fmt: skip
    own = files["docs/volume-has-owner.md"].decode()
    for said in (
        "**Large volumes have an owner.**", "| level in team-costs | advisory (its own: mandatory) |",
        "| `from_gib` | number | Volumes of at least this many GiB have an owner. | `100` | as it is |",
        "## Remediation\nTag it", "## Examples", "tags: !unknown", "- `data`: violation, advisory: \"500 GiB\"",
    ):  # fmt: skip
        assert said in own
    default = validate(folder).library["gpu-count-per-resource"].defaults["max"]
    counted = files["docs/gpu-count-per-resource.md"].decode()
    assert f"| `{default}` | `2` |" in counted
    # What an expression names is told on the same page.
    assert "- `variables.total <= params.max`\n\n## Variables\n- `total` is `facts.accelerator.count *" in counted
    done = spendgate("pack", "docs", folder, "-o", tmp_path / "pages")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "volume-has-owner.md").read_text(encoding="utf-8") == own


def test_a_page_that_somebody_wrote_is_not_replaced_and_one_that_was_made_is(pack: PackIn) -> None:
    folder = pack()
    (folder / "docs").mkdir()
    before = build(folder).archive
    page = folder / "docs" / "gpu-priced.md"
    page.write_bytes(unpack(before, "a")["docs/gpu-priced.md"] + b"of an older state")
    assert build(folder).archive == before
    page.write_text("by hand", encoding="utf-8")
    with pytest.raises(InputError, match="a reference page of this name is made"):
        build(folder)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in packs_dir().glob("*/pack.yaml")))
def test_the_packs_that_come_with_spendgate_can_be_built_each_with_its_pages(name: str) -> None:
    built = build(packs_dir() / name)
    files = unpack(built.archive, name)
    assert verify_files(files, name).remarks == ()
    pages = {path.removeprefix("docs/").removesuffix(".md") for path in files if path.startswith("docs/")}
    assert pages == {"README", *(item.name for item in built.manifest.guardrails)}


def test_a_secret_of_a_test_is_on_no_page(pack: PackIn) -> None:
    folder = pack()
    tests = folder / "policies" / "volume-has-owner.test.yaml"
    change(tests, "tags: {owner: ml-platform}", "tags: {owner: ml-platform}, kmsKeyId: !secret hunter2")
    page = unpack(build(folder).archive, "pack")["docs/volume-has-owner.md"].decode()
    assert 'kmsKeyId: !secret "…"' in page
    assert "hunter2" not in page


def test_a_pack_that_is_not_sound_is_not_built(pack: PackIn, spendgate: Run, tmp_path: Path) -> None:
    folder = pack(**{"pack.yaml": ("name: gpu-priced", "name: gpu-prized")})
    done = spendgate("pack", "build", folder, "-o", tmp_path / "out.tar.gz")
    assert done.returncode == 2
    assert not (tmp_path / "out.tar.gz").exists()


def test_build_and_verify_from_the_command_line(pack: PackIn, spendgate: Run, tmp_path: Path) -> None:
    made = spendgate("pack", "build", pack(), cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    verified = spendgate("pack", "verify", "team-costs-0.1.0.tar.gz", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    assert made.stdout.splitlines()[1] in verified.stdout
    assert "It is not signed." in verified.stdout


@pytest.mark.parametrize("name", ["policies/volume-has-owner.yaml", "pack.yaml", "docs/README.md", "__main__.py"])
def test_a_file_that_was_altered_is_named(name: str, pack: PackIn) -> None:
    files = unpack(build(pack()).archive, "pack")
    with pytest.raises(InputError, match="was altered after the pack was built") as raised:
        verify_files({**files, name: files[name] + b"\n"}, "a.tar.gz")
    assert f"a.tar.gz:{name}" in str(raised.value)


def test_a_file_too_many_and_a_file_too_few_are_named(pack: PackIn) -> None:
    files = unpack(build(pack()).archive, "pack")
    with pytest.raises(InputError, match=r"policies/more\.yaml: is not in manifest\.json"):
        verify_files({**files, "policies/more.yaml": b"x"}, "a")
    with pytest.raises(InputError, match=r"README\.md: is missing"):
        verify_files({name: content for name, content in files.items() if name != "README.md"}, "a")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            b'"enforcement": "advisory"',
            b'"enforcement": "mandatory"',
            '"volume-has-owner" is advisory, and mandatory in',
        ),
        (b'"name": "gpu-priced"', b'"name": "gpu-free"', "do not list the same guardrails: gpu-free, gpu-priced"),
    ],
)
def test_a_manifest_that_promises_more_than_the_pack_asks_is_refused(
    pack: PackIn, old: bytes, new: bytes, said: str
) -> None:
    files = unpack(build(pack()).archive, "a")
    assert old in files[MANIFEST]
    with pytest.raises(InputError, match=said):
        verify_files({**files, MANIFEST: files[MANIFEST].replace(old, new)}, "a")


def test_a_manifest_of_another_name_than_the_pack_is_refused(pack: PackIn) -> None:
    files = unpack(build(pack()).archive, "pack")
    data = json.loads(files[MANIFEST])
    other = json.dumps({**data, "version": "9.0.0"}).encode()
    with pytest.raises(InputError, match=r'version is "0\.1\.0", and "9\.0\.0" in manifest\.json'):
        verify_files({**files, MANIFEST: other}, "a")


def test_a_pack_that_needs_a_newer_spendgate_says_so(pack: PackIn) -> None:
    files = unpack(build(pack()).archive, "pack")
    data = json.loads(files[MANIFEST])
    newer = json.dumps({**data, "requires": {"spendgate": ">=42.1.0"}}).encode()
    with pytest.raises(InputError, match=r"needs spendgate >=42\.1\.0") as raised:
        verify_files({**files, MANIFEST: newer}, "a")
    assert "pip install --upgrade" in str(raised.value)


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'{"apiVersion": 1}', b"\xff\xfe", b"[" * 100_000, b'{"kind": "PackManifest"}'],
    ids=["empty", "cut", "list", "wrong", "bytes", "deep", "lacking"],
)
def test_a_broken_manifest_is_an_input_error(broken: bytes, pack: PackIn) -> None:
    files = unpack(build(pack()).archive, "pack")
    with pytest.raises(InputError, match="manifest"):
        verify_files({**files, MANIFEST: broken}, "a")


def test_an_archive_without_a_manifest_is_refused() -> None:
    with pytest.raises(InputError, match=r"holds no manifest\.json"):
        verify_files(unpack(tar((member("pack.yaml"), b"x")), "a"), "a")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (member("../evil"), "leads out of the pack"),
        (member("a/../../evil"), "leads out of the pack"),
        (member("/etc/passwd"), "from the root of a file system"),
        (member("C:\\evil"), "from the root of a file system"),
        (member("a\\..\\evil"), "leads out of the pack"),
        (member(".hidden"), "starts or ends with a dot"),
        (member("a//b"), "has a name with signs"),
        (member("a\nb"), "has a name with signs"),
        (member("x.whl"), "is no part of a pack"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (member("hard", tarfile.LNKTYPE, "pack.yaml"), "is a link"),
        (member("device", tarfile.CHRTYPE), "is no regular file"),
        (member("pipe", tarfile.FIFOTYPE), "is no regular file"),
        (member("folder", tarfile.DIRTYPE), "is no regular file"),
    ],
)
def test_what_is_no_plain_file_inside_the_pack_is_refused(made: tarfile.TarInfo, said: str) -> None:
    with pytest.raises(InputError) as raised:
        unpack(tar((member("pack.yaml"), b"x"), (made, b"")), "a.tar.gz")
    assert said in str(raised.value)
    assert "\n" not in raised.value.message


def test_a_file_that_stands_twice_is_refused_be_it_by_capitals() -> None:
    for second in ("pack.yaml", "Pack.YAML"):
        with pytest.raises(InputError, match="stands in it twice"):
            unpack(tar((member("pack.yaml"), b"x"), (member(second), b"y")), "a")


def test_a_huge_member_is_refused() -> None:
    with pytest.raises(InputError, match=r"at most 4,194,304 are read"):
        unpack(tar((member("a.yaml"), b"0" * (MAX_FILE + 1))), "a")


def test_an_archive_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, spendgate: Run) -> None:
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(stream.compress(bytes(1024 * 1024)) for _ in range(300)) + stream.flush()
    assert len(bomb) < 1024 * 1024
    (tmp_path / "bomb.tar.gz").write_bytes(bomb)
    done = spendgate("pack", "verify", "bomb.tar.gz", cwd=tmp_path)
    assert done.returncode == 2
    assert "expands to more than" in done.stderr


def test_too_many_files_are_refused() -> None:
    with pytest.raises(InputError, match="more than 2,000 files"):
        unpack(tar(*((member(f"f{number}"), b"") for number in range(2001))), "a")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00", gzip.compress(b"no tar" * 200, mtime=0)])
def test_what_is_no_archive_is_told_as_that(content: bytes) -> None:
    with pytest.raises(InputError, match="is no archive of a pack"):
        unpack(content, "a")


def test_an_archive_that_is_cut_off_or_goes_on_is_refused(pack: PackIn) -> None:
    built = build(pack()).archive
    for content in (built[:-9], built + b"x", built + built):
        with pytest.raises(InputError, match="is no archive of a pack"):
            unpack(content, "a")


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tar.gz", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            verify(path)


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail_with_anything_but_an_input_error(content: bytes) -> None:
    for data in (content, b"\x1f\x8b\x08\x00" + content, gzip.compress(content)):
        try:
            unpack(data, "a")
        except InputError:
            continue


NAMES = st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,10}[a-z0-9_](/[a-z0-9_][a-z0-9_-]{0,10}){0,2}", fullmatch=True).filter(
    lambda name: not name.endswith((*ENDS, ".pyc", ".whl")) and name_fault(name) is None and "venv" not in name
)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=8))
def test_what_is_written_is_read_back_and_its_hash_is_that_of_its_content(files: dict[str, bytes]) -> None:
    files = {name: content for name, content in files.items() if "node_modules" not in name}
    written = write_archive(files)
    assert unpack(written, "a") == files
    assert write_archive(dict(reversed(files.items()))) == written
    assert content_hash({**files, MANIFEST: b"x"}) == content_hash(files)
    if files:
        name = next(iter(files))
        assert content_hash({**files, name: files[name] + b"x"}) != content_hash(files)


def test_a_manifest_is_read_as_it_was_written(archive: Callable[..., Path]) -> None:
    text = read_archive(archive())[MANIFEST]
    assert render(read(text, "manifest.json")) == text


def test_the_page_of_a_guardrail_that_patches_says_what_it_sets_where_to_what_and_when(pack: PackIn) -> None:
    folder = pack(
        **{
            "pack.yaml": (
                "- name: gpu-priced",
                "- name: gpu-priced\n"
                "    - {name: incomplete-uploads-expire, enforcement: remediate, params: {max_days: 3}}\n"
                "    - name: notebook-idle-shutdown\n"
                "    - name: required-tags\n"
                "    - name: volume-current-generation",
            )
        }
    )
    files = unpack(build(folder).archive, "pack")
    page = files["docs/incomplete-uploads-expire.md"].decode()
    for said in (
        "## Patch\nA resource that violates it is changed before it is deployed:\n\n- `lifecycleRules[+]` of "
        "`gcp:storage/bucket:Bucket` becomes",
        'here `{"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 3}}`',
        ", when `has(resource.properties.lifecycleRules)`",
        "- `checkpoints`: set at level `remediate`: `lifecycleRules[+]` = ",
    ):
        assert said in page, page
    idle = files["docs/notebook-idle-shutdown.md"].decode()
    assert "at `mandatory` this is proposed:\n\n- the fact `idle_shutdown_minutes` becomes `params.max_minutes`" in idle
    assert "becomes `params.max_minutes`, here `" in idle
    volume = files["docs/volume-current-generation.md"].decode()
    assert "  - `storageType` of `aws:rds/instance:Instance`" in volume
    assert "  - the keys that are not there yet" in files["docs/required-tags.md"].decode()
    assert "## Patch" not in files["docs/gpu-priced.md"].decode()


def test_a_manifest_that_no_file_can_hold_is_refused(archive: Callable[..., Path]) -> None:
    content = read_archive(archive())["manifest.json"].replace(b'"title": "', b'"title": "\\ud800', 1)
    with pytest.raises(InputError, match="is no JSON"):
        read(content, "manifest.json")
