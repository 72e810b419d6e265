"""Checks that the key opens everything that is stored encrypted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from breakwater.core.crypto.vault import SecretUnreadable, Unreadable, Vault
from breakwater.core.domain.errors import StartRefused
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database
from breakwater.core.store.sealed import SealedValue, read_sealed, read_sealed_at
from breakwater.core.text.format import pluralize


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """Which stored secrets the key opens."""

    key_name: str
    total: int
    unreadable: tuple[tuple[SealedValue, Unreadable], ...]

    @property
    def sentence(self) -> str:
        """Return the result, with the remedy when a secret cannot be opened."""
        causes = Counter(cause for _value, cause in self.unreadable)
        if not causes:
            return f"The key opens all stored secrets ({self.total})."
        cause, count = causes.most_common(1)[0]
        stored = f"{count} of {pluralize(self.total, 'stored secret')}"
        match cause:
            case Unreadable.NO_KEY:
                name = self.key_name[:1].upper() + self.key_name[1:]
                return (
                    f"{name} is missing, and {pluralize(self.total, 'stored secret')} cannot be opened without it: "
                    f"restore it from a backup. If it is lost, run `breakwater secrets reset`."
                )
            case Unreadable.OTHER_KEY:
                return (
                    f"{stored} cannot be opened with {self.key_name}, but only with another key: restore the former "
                    f"BREAKWATER_SECRET_KEY or key file. If it is lost, run `breakwater secrets reset`."
                )
            case Unreadable.DAMAGED:
                ids = sorted({value.endpoint_id for value, why in self.unreadable if why is cause})
                more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
                return (
                    f"{stored} cannot be opened because the stored value is damaged (endpoint {ids[0]}{more}): restore "
                    f"the database from a backup, or run `breakwater secrets reset --unreadable`."
                )
            case _:
                assert_never(cause)


def check_key(values: Iterable[SealedValue], vault: Vault) -> KeyCheck:
    """Try to open each of `values`."""
    unreadable = []
    total = 0
    for value in values:
        total += 1
        try:
            vault.open(value.blob, value.context)
        except SecretUnreadable as error:
            unreadable.append((value, error.cause))
    return KeyCheck(vault.key_name, total, tuple(unreadable))


async def require_key(database: Database, vault: Vault) -> None:
    """Raise StartRefused unless the key opens everything. With nothing stored, create a key file that is missing."""
    async with database.read() as connection:
        check = check_key(await connection.run_sync(read_sealed), vault)
    if check.unreadable:
        raise StartRefused(check.sentence)
    vault.ensure_key()


async def examine_key(settings: Settings) -> KeyCheck:
    """Check the key of these settings, while a service may be running. Nothing is written.

    Raises StartRefused for an unusable key file, and StoreUnavailable.
    """
    vault = Vault.from_settings(settings.secret_key, settings.key_file)
    return check_key(await read_sealed_at(settings.database_url), vault)
