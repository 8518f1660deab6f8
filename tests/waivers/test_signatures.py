"""An approval counts when an approver signed exactly this, with a key that is allowed and still valid."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.waivers.model import Approvals, Kind, Waiver
from spendgate.waivers.signature import canonical, sign, verified, verify
from tests.waivers.conftest import NOW, Keys, needs_ssh_keygen, public

ADA = "ada@example.com"
APPROVAL = Waiver(
    id="A-1",
    kind=Kind.APPROVAL,
    guardrail="monthly-stack-budget",
    resource="demo-dev",
    project="demo",
    reason="a trial – für drei Wochen",
    owner="research",
    ticket="GPU-9",
    expires=date(2026, 3, 31),
    approver=ADA,
    amount=Decimal("4500.50"),
)


def allowed(tmp_path: Path, *lines: str) -> Approvals:
    path = tmp_path / "allowed_signers"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Approvals(approvers=(ADA, "bob@example.com"), allowed_signers=path)


def refused(waiver: Waiver, approvals: Approvals) -> str:
    with pytest.raises(InputError) as raised:
        verify(waiver, approvals, NOW)
    return raised.value.message


@needs_ssh_keygen
def test_what_an_approver_signed_counts(tmp_path: Path, key: Keys) -> None:
    ada = key("ada")
    approvals = allowed(tmp_path, f'{ADA} namespaces="spendgate-approval" {public(ada)}')
    signed = replace(APPROVAL, signature=sign(APPROVAL, ada, approvals, NOW))
    assert verified(signed, approvals, NOW) == (signed, None)
    assert signed.invalid == ""


@needs_ssh_keygen
@pytest.mark.parametrize(
    "change",
    [{"amount": Decimal(4501)}, {"expires": date(2026, 4, 30)}, {"resource": "*"}, {"reason": "another"}, {"stack": "prod"}],
)  # fmt: skip
def test_what_was_altered_after_it_was_signed_does_not_count(
    tmp_path: Path, key: Keys, change: dict[str, object]
) -> None:
    ada = key("ada")
    approvals = allowed(tmp_path, f"{ADA} {public(ada)}")
    signature = sign(APPROVAL, ada, approvals, NOW)
    said = refused(replace(APPROVAL, signature=signature, **change), approvals)  # type: ignore[arg-type]
    assert said == 'the approval "A-1" does not count: the entry was altered after it was signed'


@needs_ssh_keygen
def test_each_way_in_which_a_key_does_not_count_is_told(tmp_path: Path, key: Keys) -> None:
    ada, bob = key("ada"), key("bob")
    good = allowed(tmp_path, f"{ADA} {public(ada)}")
    signed = replace(APPROVAL, signature=sign(APPROVAL, ada, good, NOW))
    for line, says in (
        (f'{ADA} valid-before="20260201" {public(ada)}', "the key that signed it expired (valid-before 2026-02-01"),
        (f'{ADA} valid-after="20270101" {public(ada)}', "is not valid yet (valid-after 2027-01-01"),
        (f'{ADA} namespaces="git" {public(ada)}', "does not permit the key for this purpose"),
        (f"bob@example.com {public(ada)}", f"it is signed by bob@example.com, not by {ADA}"),
        (f"{ADA} {public(bob)}", f"holds no such key of {ADA}"),
        ("", f"holds no such key of {ADA}"),
    ):
        assert says in refused(signed, allowed(tmp_path, line)), line
    assert "expired" not in refused(replace(signed, signature="no signature"), good)
    assert "cannot be read" in refused(replace(signed, signature="no signature"), good)
    assert "is no approver" in refused(signed, replace(good, approvers=("bob@example.com",)))
    assert "no file of allowed signers" in refused(signed, replace(good, allowed_signers=None))
    assert "there is no file of allowed signers" in refused(signed, replace(good, allowed_signers=tmp_path / "none"))


@needs_ssh_keygen
def test_a_key_is_valid_at_the_time_of_the_check_in_utc(
    tmp_path: Path, key: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = key("ada")
    approvals = allowed(tmp_path, f'{ADA} valid-before="202603011230" {public(ada)}')
    signed = replace(APPROVAL, signature=sign(APPROVAL, ada, approvals, NOW))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    verify(signed, approvals, NOW)
    with pytest.raises(InputError, match="expired"):
        verify(signed, approvals, NOW.replace(hour=13))


@needs_ssh_keygen
def test_a_signature_made_for_something_else_does_not_count(tmp_path: Path, key: Keys) -> None:
    ada = key("ada")
    approvals = allowed(tmp_path, f"{ADA} {public(ada)}")
    command = ["ssh-keygen", "-Y", "sign", "-f", str(ada), "-n", "git"]
    done = subprocess.run(command, input=canonical(APPROVAL), capture_output=True, check=True, timeout=60)
    said = refused(replace(APPROVAL, signature=done.stdout.decode()), approvals)
    assert "signed for another purpose than spendgate-approval" in said


@needs_ssh_keygen
def test_a_signature_that_would_not_count_is_not_made(tmp_path: Path, key: Keys) -> None:
    ada, eve = key("ada"), key("eve")
    approvals = allowed(tmp_path, f"{ADA} {public(ada)}")
    with pytest.raises(InputError, match="holds no such key"):
        sign(APPROVAL, eve, approvals, NOW)
    with pytest.raises(InputError, match="no such key"):
        sign(APPROVAL, tmp_path / "nowhere", approvals, NOW)


def test_without_ssh_keygen_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    approvals = allowed(tmp_path, "x")
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(InputError) as raised:
        verify(replace(APPROVAL, signature="x"), approvals, NOW)
    assert "apt-get install openssh-client" in str(raised.value)


def test_an_approval_that_nobody_signed_yet_is_no_error_and_does_not_count(tmp_path: Path) -> None:
    waiver, error = verified(APPROVAL, Approvals(), NOW)
    assert error is None
    assert "has not signed it" in waiver.invalid


def test_what_is_signed_is_one_text_however_the_entry_is_written() -> None:
    same = replace(APPROVAL, amount=Decimal("4500.500"), invalid="x", signature="y")
    assert canonical(same) == canonical(APPROVAL)
    text = canonical(APPROVAL).decode()
    assert text.startswith("spendgate-approval-v1\n")
    assert '"amount":"4500.5"' in text
    assert "für" in text


TEXT = st.text(min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT, TEXT)
def test_two_different_entries_are_never_one_text(one: str, two: str, other_one: str, other_two: str) -> None:
    first = replace(APPROVAL, owner=one, ticket=two)
    second = replace(APPROVAL, owner=other_one, ticket=other_two)
    assert (canonical(first) == canonical(second)) is ((one, two) == (other_one, other_two))
