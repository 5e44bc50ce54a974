"""Epoch key files: whole or absent, private, and never damaged unnoticed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from broker.crypto import suites
from broker.crypto.epochs import load_private, load_public, new_epoch, save_private, save_public
from broker.crypto.errors import KeyFileError, SuiteError


@pytest.mark.parametrize("suite", [suites.HPKE_HYBRID, suites.HPKE_X25519])
def test_both_halves_come_back_from_their_files(suite: int, tmp_path: Path) -> None:
    epoch = new_epoch(12, suite)
    save_private(epoch, tmp_path / "private")
    save_public(epoch.public, tmp_path / "public")
    private, public = load_private(tmp_path / "private"), load_public(tmp_path / "public")
    assert (private.epoch_id, private.suite, private.hpke.raw) == (12, suite, epoch.hpke.raw)
    assert (public.epoch_id, public.suite, public.hpke.raw) == (12, suite, epoch.public.hpke.raw)


def test_the_private_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_private(new_epoch(1), tmp_path / "private")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_an_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "private"
    save_private(new_epoch(1), path)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        save_private(new_epoch(1), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["private"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o601, 0o666])
def test_refuses_a_private_key_that_others_can_reach(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "private"
    save_private(new_epoch(1), path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_private(path)


def test_accepts_a_private_key_as_systemd_hands_it_over(tmp_path: Path) -> None:
    path = tmp_path / "private"
    save_private(new_epoch(1), path)
    path.chmod(0o440)
    assert load_private(path).epoch_id == 1


def test_any_changed_character_of_a_public_key_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "public"
    save_public(new_epoch(1, suites.HPKE_X25519).public, path)
    text = path.read_bytes()
    for index in range(len(text)):
        path.write_bytes(text[:index] + bytes([text[index] ^ 1]) + text[index + 1 :])
        with pytest.raises(KeyFileError):
            load_public(path)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n\n\n\n", "a key", "\udce4", "x" * 100_000],
    ids=["empty", "lines", "words", "bytes", "large"],
)
def test_refuses_a_file_that_is_no_key(text: str, tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_text(text, errors="surrogateescape")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        load_private(path)


def test_refuses_one_half_in_place_of_the_other(tmp_path: Path) -> None:
    epoch = new_epoch(1)
    save_public(epoch.public, tmp_path / "public")
    (tmp_path / "public").chmod(0o600)
    with pytest.raises(KeyFileError, match="no private epoch key"):
        load_private(tmp_path / "public")


def test_a_missing_file_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        load_private(tmp_path / "absent.private")
    assert "absent.private" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_damaged_private_file_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "private"
    epoch = new_epoch(1, suites.HPKE_X25519)
    save_private(epoch, path)
    key_line = path.read_text().splitlines()[3]
    path.write_text(path.read_text().replace("suite: 2", "suite: two"))
    with pytest.raises(KeyFileError) as caught:
        load_private(path)
    assert key_line.removeprefix("key: ") not in str(caught.value)
    assert caught.value.__cause__ is None


def test_refuses_an_epoch_number_or_suite_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="out of range"):
        new_epoch(0)
    with pytest.raises(SuiteError):
        new_epoch(1, 99)
