"""Signed packs: with keys that the real ssh-keygen makes, and with what can be wrong about them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.packs.archive import read_archive, write_archive
from spendgate.packs.contents import MANIFEST, SIGNATURE
from spendgate.packs.signing import NAMESPACE, Demand
from spendgate.packs.verify import verify
from tests.conftest import Run
from tests.packs.conftest import Keys, PackIn, needs_ssh_keygen, public

pytestmark = needs_ssh_keygen

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Archive = Callable[..., Path]


@pytest.fixture
def signers(tmp_path: Path, key: Keys) -> Callable[[str], Path]:
    """Write a file of allowed signers."""

    def write(text: str) -> Path:
        path = tmp_path / "signers"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_pack_signed_by_an_allowed_signer_is_verified_with_the_name(
    archive: Archive, key: Keys, signers: Callable[[str], Path]
) -> None:
    ada = key("ada")
    path = archive(key=ada)
    allowed = signers(f"ada@example.com {public(ada)}\n")
    assert verify(path, Demand(allowed), now=NOW).signer == "ada@example.com"
    assert verify(path, Demand(allowed, ("ada@example.com",)), now=NOW).signer == "ada@example.com"
    assert verify(path, now=NOW).signer == ""


def test_ssh_keygen_alone_verifies_what_lies_in_the_archive(
    archive: Archive, key: Keys, signers: Callable[[str], Path], tmp_path: Path
) -> None:
    ada = key("ada")
    files = read_archive(archive(key=ada))
    (tmp_path / "sig").write_bytes(files[SIGNATURE])
    allowed = signers(f"ada@example.com {public(ada)}\n")
    command = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-n",
        NAMESPACE,
        "-f",
        allowed,
        "-I",
        "ada@example.com",
        "-s",
        tmp_path / "sig",
    ]
    assert subprocess.run(command, input=files[MANIFEST], capture_output=True, check=False).returncode == 0


def test_the_same_key_signs_the_same_bytes(pack: PackIn, archive: Archive, key: Keys) -> None:
    ada, folder = key("ada"), pack()
    assert archive(folder, ada, "a.tar.gz").read_bytes() == archive(folder, ada, "b.tar.gz").read_bytes()


def test_an_unsigned_pack_is_refused_where_a_signer_is_demanded(
    archive: Archive, key: Keys, signers: Callable[[str], Path]
) -> None:
    allowed = signers(f"ada@example.com {public(key('ada'))}\n")
    with pytest.raises(InputError, match="is not signed, and a signature is demanded"):
        verify(archive(), Demand(allowed), now=NOW)


def test_who_is_not_allowed_is_refused(archive: Archive, key: Keys, signers: Callable[[str], Path]) -> None:
    ada, eve = key("ada"), key("eve")
    path = archive(key=eve)
    allowed = signers(f"ada@example.com {public(ada)}\n")
    with pytest.raises(InputError, match="signers holds no such key"):
        verify(path, Demand(allowed), now=NOW)
    both = signers(f"ada@example.com {public(ada)}\neve@example.com {public(eve)}\n")
    with pytest.raises(InputError, match=r"it is signed by eve@example\.com, not by ada@example\.com"):
        verify(path, Demand(both, ("ada@example.com",)), now=NOW)


def test_a_key_that_expired_is_refused_with_its_date(
    archive: Archive, key: Keys, signers: Callable[[str], Path]
) -> None:
    ada = key("ada")
    path = archive(key=ada)
    allowed = signers(f'ada@example.com valid-before="20260201" {public(ada)}\n')
    with pytest.raises(InputError, match="the key that signed it expired"):
        verify(path, Demand(allowed, ("ada@example.com",)), now=NOW)
    with pytest.raises(InputError, match="the key that signed it expired"):
        verify(path, Demand(allowed), now=NOW)
    assert verify(path, Demand(allowed), now=datetime(2026, 1, 15, tzinfo=UTC)).signer == "ada@example.com"


def test_a_line_of_the_signers_that_cannot_be_read_is_told(
    archive: Archive, key: Keys, signers: Callable[[str], Path]
) -> None:
    ada = key("ada")
    path = archive(key=ada)
    spaced = signers(f'# ours\nada@example.com namespaces="{NAMESPACE}" valid-before="20300101" {public(ada)}\n')
    with pytest.raises(InputError, match=r"line 2 cannot be read \(invalid key\)[^$]*parted by commas"):
        verify(path, Demand(spaced, ("ada@example.com",)), now=NOW)
    unknown_option = signers(f"ada@example.com no-such-option {public(ada)}\n")
    with pytest.raises(InputError, match="line 1 cannot be read"):
        verify(path, Demand(unknown_option, ("ada@example.com",)), now=NOW)


def test_the_line_of_the_documentation_is_one_that_counts(
    archive: Archive, key: Keys, signers: Callable[[str], Path]
) -> None:
    ada = key("ada")
    text = (Path(__file__).parents[2] / "docs" / "packs.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("platform@example.com ")]
    allowed = signers(line.replace("ssh-ed25519 AAAA…", public(ada)))
    path = archive(key=ada)
    assert verify(path, Demand(allowed, ("platform@example.com",)), now=NOW).signer == "platform@example.com"


def test_a_key_for_another_purpose_is_refused(archive: Archive, key: Keys, signers: Callable[[str], Path]) -> None:
    ada = key("ada")
    allowed = signers(f'ada@example.com namespaces="spendgate-approval" {public(ada)}\n')
    with pytest.raises(InputError, match=r"does not permit the key for this purpose|holds no such key"):
        verify(archive(key=ada), Demand(allowed, ("ada@example.com",)), now=NOW)


def test_a_signature_of_an_approval_does_not_sign_a_pack(archive: Archive, key: Keys, tmp_path: Path) -> None:
    ada = key("ada")
    files = read_archive(archive())
    command = ["ssh-keygen", "-Y", "sign", "-f", ada, "-n", "spendgate-approval"]
    signed = subprocess.run(command, input=files[MANIFEST], capture_output=True, check=True).stdout
    path = tmp_path / "other.tar.gz"
    path.write_bytes(write_archive({**files, SIGNATURE: signed}))
    with pytest.raises(InputError, match="it is signed for another purpose than spendgate-pack"):
        verify(path, now=NOW)


def test_a_signature_of_another_pack_does_not_count(pack: PackIn, archive: Archive, key: Keys, tmp_path: Path) -> None:
    ada = key("ada")
    signed = read_archive(archive(pack("one"), ada, "one.tar.gz"))
    other = read_archive(
        archive(pack("two", **{"pack.yaml": ("version: 0.1.0", "version: 0.2.0")}), None, "two.tar.gz")
    )
    path = tmp_path / "mixed.tar.gz"
    path.write_bytes(write_archive({**other, SIGNATURE: signed[SIGNATURE]}))
    with pytest.raises(InputError, match="the manifest was altered after it was signed"):
        verify(path, now=NOW)


def test_a_signature_that_is_none_is_told(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "broken.tar.gz"
    path.write_bytes(write_archive({**read_archive(archive()), SIGNATURE: b"\xff not a signature"}))
    with pytest.raises(InputError, match="its signature cannot be read"):
        verify(path, now=NOW)


def test_from_the_command_line(
    archive: Archive, key: Keys, signers: Callable[[str], Path], spendgate: Run, pack: PackIn, tmp_path: Path
) -> None:
    ada = key("ada")
    built = spendgate("pack", "build", pack(), "--key", ada, "-o", "signed.tar.gz", cwd=tmp_path)
    assert (built.returncode, "signed" in built.stdout) == (0, True)
    allowed = signers(f"ada@example.com {public(ada)}\n")
    good = spendgate("pack", "verify", "signed.tar.gz", "--allowed-signers", allowed, cwd=tmp_path)
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "Signed by ada@example.com.")
    bad = spendgate("pack", "verify", "signed.tar.gz", "--allowed-signers", allowed, "--signer", "eve", cwd=tmp_path)
    assert bad.returncode == 2
    assert "not by eve" in bad.stderr
    alone = spendgate("pack", "verify", "signed.tar.gz", "--signer", "eve", cwd=tmp_path)
    assert (alone.returncode, "needs --allowed-signers" in alone.stderr) == (2, True)
    gone = spendgate("pack", "verify", "signed.tar.gz", "--allowed-signers", "none", cwd=tmp_path)
    assert (gone.returncode, "no such file of allowed signers" in gone.stderr) == (2, True)
    no_key = spendgate("pack", "build", "team-costs", "--key", "none", cwd=tmp_path)
    assert (no_key.returncode, "no such key" in no_key.stderr) == (2, True)
