"""Secrets at rest."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from breakwater.core.crypto.vault import SecretUnreadable, Vault
from breakwater.core.domain.errors import StartRefused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = bytes(range(32))


def test_a_sealed_secret_opens_with_the_same_key_and_context() -> None:
    assert Vault(KEY).open(Vault(KEY).seal(SECRET, "ep_1"), "ep_1") == SECRET


def test_sealing_hides_the_secret_and_differs_every_time() -> None:
    first, second = Vault(KEY).seal(SECRET, "ep_1"), Vault(KEY).seal(SECRET, "ep_1")
    assert first != second
    assert b"whsec" not in first


def test_another_key_is_named_as_the_cause() -> None:
    with pytest.raises(SecretUnreadable, match="sealed with another key"):
        Vault(bytes(32)).open(Vault(KEY).seal(SECRET, "ep_1"), "ep_1")


def test_a_secret_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(SecretUnreadable, match="belongs to something else"):
        Vault(KEY).open(Vault(KEY).seal(SECRET, "ep_1"), "ep_2")


@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_damaged_secret_does_not_open(position: int) -> None:
    blob = bytearray(Vault(KEY).seal(SECRET, "ep_1"))
    blob[position] ^= 0xFF
    with pytest.raises(SecretUnreadable, match="damaged"):
        Vault(KEY).open(bytes(blob), "ep_1")


def test_a_truncated_secret_does_not_open() -> None:
    with pytest.raises(SecretUnreadable, match="damaged"):
        Vault(KEY).open(b"\x01short", "ep_1")


def test_a_key_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


def test_the_first_start_creates_a_key_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "breakwater.key"
    sealed = Vault.from_settings(None, path).seal(SECRET, "ep_1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Vault.from_settings(None, path).open(sealed, "ep_1") == SECRET
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_key_file_is_not_created_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "breakwater.key"
    sealed = Vault(KEY).seal(SECRET, "ep_1")
    with pytest.raises(SecretUnreadable, match="is missing"):
        Vault.from_settings(None, path).open(sealed, "ep_1")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_concurrently_share_one_key(tmp_path: Path) -> None:
    path = tmp_path / "breakwater.key"
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.from_settings(None, path), range(16)))
    sealed = vaults[0].seal(SECRET, "ep_1")
    assert {vault.open(sealed, "ep_1") for vault in vaults} == {SECRET}


def test_a_secret_key_in_the_settings_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "breakwater.key"
    sealed = Vault.from_settings(SecretStr("k" * 32), path).seal(SECRET, "ep_1")
    assert Vault.from_settings("k" * 32, path).open(sealed, "ep_1") == SECRET
    assert not path.exists()
    with pytest.raises(SecretUnreadable, match="BREAKWATER_SECRET_KEY"):
        Vault.from_settings("K" * 32, path).open(sealed, "ep_1")


@pytest.mark.parametrize("content", ["", "not hexadecimal", "abcd", "é"])
def test_a_key_file_without_a_key_refuses_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "breakwater.key"
    path.write_text(content)
    with pytest.raises(StartRefused, match="does not hold a key"):
        Vault.from_settings(None, path)
    assert path.read_text() == content


def test_a_key_file_that_cannot_be_created_refuses_the_start(tmp_path: Path) -> None:
    vault = Vault.from_settings(None, tmp_path / "missing" / "breakwater.key")
    with pytest.raises(StartRefused, match=r"cannot be read or created \(No such file or directory\)"):
        vault.ensure_key()


def test_a_new_key_file_is_flushed_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    Vault.from_settings(None, tmp_path / "breakwater.key").ensure_key()
    assert str(tmp_path) in flushed
    assert any(path.startswith(str(tmp_path / "breakwater.key")) for path in flushed)
