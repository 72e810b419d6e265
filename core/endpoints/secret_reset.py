"""Gives endpoints new secrets while the service is stopped, for when the key that sealed the old ones is lost."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.clock import SystemClock
from breakwater.core.crypto.vault import Vault
from breakwater.core.domain.states import EndpointState, SignatureScheme
from breakwater.core.endpoints.adhoc import generated_key
from breakwater.core.endpoints.fields import Columns
from breakwater.core.endpoints.key_check import check_key
from breakwater.core.endpoints.secrets import new_secret, public_key_of
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database, require_database
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.store.sealed import read_sealed_at, sealed_values
from breakwater.core.text.format import join_names, pluralize


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The new secret of an endpoint. It is shown once."""

    endpoint_id: str
    name: str
    url: str
    secret: str | None
    """None when only values beside the signing secret were lost."""
    public_key: str | None
    """By which receivers verify an ed25519 signature."""
    lost_headers: tuple[str, ...]
    """Custom headers whose secret values were lost. The endpoint is paused until a person enters them again."""


@dataclass(frozen=True, slots=True)
class PlannedReset:
    """What a reset would change."""

    endpoints: int
    unreadable: int
    """Endpoints with a stored secret that the key does not open."""


class SecretReset:
    """Resets what the vault sealed. All changes are one transaction with their audit entries."""

    def __init__(self, database: Database, vault: Vault, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit_log = AuditLog(ids, clock)

    async def run(
        self, *, only_unreadable: bool, actor: str, reason: str | None = None
    ) -> tuple[NewSecret, ...]:
        """Give every endpoint that has a secret a new one, sealed with the present key, and return them.

        The former secrets stop to sign immediately. With `only_unreadable`, secrets that the key opens stay. Secret
        headers that the key does not open are removed, and their endpoints are paused.
        """
        self._vault.ensure_key()

        async def write(connection: AsyncConnection) -> tuple[NewSecret, ...]:
            secrets = []
            for row in await _sealed_rows(connection):
                columns, secret = self._reset_columns(row, only_unreadable=only_unreadable)
                lost_headers = _lost_headers(row) if "secret_headers" in columns else ()
                if not columns:
                    continue
                statement = update(ENDPOINTS).where(ENDPOINTS.c.id == row["id"])
                await connection.execute(statement.values({**columns, "updated_at": self._clock.now()}))
                outcome = _outcome(row["name"], columns, lost_headers)
                entry = AuditEntry(actor, "endpoint.reset_secret", row["id"], outcome, reason)
                await self._audit_log.write(connection, entry)
                public_key = None if secret is None else public_key_of(secret)
                secrets.append(
                    NewSecret(row["id"], row["name"], row["url"], secret, public_key, lost_headers)
                )
            outcome = f"Secrets of {pluralize(len(secrets), 'endpoint')} reset on the command line"
            await self._audit_log.write(
                connection, AuditEntry(actor, "secrets.reset", "secrets", outcome, reason, len(secrets))
            )
            return tuple(secrets)

        return await self._database.writer.run(write)

    def _unreadable(self, row: Mapping[str, Any]) -> frozenset[str]:
        """Return the sealed columns of `row` that the key does not open."""
        check = check_key(sealed_values([row]), self._vault)
        return frozenset(value.column for value, _cause in check.unreadable)

    def _reset_columns(self, row: Mapping[str, Any], *, only_unreadable: bool) -> tuple[Columns, str | None]:
        """Return the columns to write, and the new signing secret if there is one."""
        sealed = frozenset(value.column for value in sealed_values([row]))
        lost = self._unreadable(row)
        reset = lost if only_unreadable else sealed
        columns: Columns = {}
        secret = None
        if "previous_secret" in reset:
            columns |= {"previous_secret": None, "previous_secret_until": None}
        if "secret" in reset:
            secret = new_secret(SignatureScheme(row["signature"]))
            columns["secret"] = self._vault.seal(secret, context=row["id"])
            if row["adhoc_key"] not in {None, generated_key(row["url"])}:
                # A library chose this secret. Its next message must find no endpoint with another one.
                columns["adhoc_key"] = f"reset:{row['id']}"
        if "secret_headers" in lost:
            names = _lost_headers(row)
            columns["secret_headers"] = None
            columns["headers"] = {name: value for name, value in row["headers"].items() if value is not None}
            if (
                EndpointState(row["state"]) is EndpointState.ENABLED
            ):  # without them a receiver may reject everything
                columns["state"] = EndpointState.PAUSED.value
                columns["state_reason"] = f"Its headers {join_names(list(names))} were lost: enter them again"
        return columns, secret


def _lost_headers(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, value in row["headers"].items() if value is None)


def _outcome(name: str, columns: Columns, lost_headers: tuple[str, ...]) -> str:
    parts = []
    if "secret" in columns:
        parts.append(f"Secret of {name} reset; the former one is no longer valid")
    elif "previous_secret" in columns:
        parts.append(f"Previous secret of {name} removed")
    if lost_headers:
        parts.append(f"Secret headers of {name} removed: {join_names(list(lost_headers))}")
    return ". ".join(parts)


async def _sealed_rows(connection: AsyncConnection) -> list[Mapping[str, Any]]:
    statement = select(ENDPOINTS).where(ENDPOINTS.c.deleted_at.is_(None)).order_by(ENDPOINTS.c.id)
    rows = (await connection.execute(statement)).mappings().all()
    return [dict(row) for row in rows if next(sealed_values([row]), None) is not None]


class _ResetSealer:
    """Seals for a migration, which otherwise refuses a key that does not open what is stored already."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, text: str, context: str) -> bytes:
        """Return `text` encrypted with the present key."""
        return self._vault.seal(text, context)

    def open(self, _blob: bytes, _context: str) -> str:
        """Return nothing: what cannot be opened is reset after the migration."""
        return ""


async def plan_reset(settings: Settings) -> PlannedReset:
    """Return what a reset would change. Nothing is written or migrated. Raises StartRefused and StoreUnavailable."""
    require_database(settings.database_url)
    vault = Vault.from_settings(settings.secret_key, settings.key_file)
    values = await read_sealed_at(settings.database_url)
    lost = {value.endpoint_id for value, _cause in check_key(values, vault).unreadable}
    return PlannedReset(len({value.endpoint_id for value in values}), len(lost))


@asynccontextmanager
async def open_secret_reset(settings: Settings) -> AsyncIterator[SecretReset]:
    """Open the database of a stopped service. Raises StartRefused, also for an unusable key file."""
    require_database(settings.database_url)
    vault = Vault.from_settings(settings.secret_key, settings.key_file)
    clock = SystemClock()
    database = Database(settings.database_url, _ResetSealer(vault))
    await database.open()
    try:
        yield SecretReset(database, vault, Ids(clock), clock)
    finally:
        await database.close()
