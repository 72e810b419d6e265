"""API keys: created, looked up by every request, revoked."""

import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.administrator_rows import lock_administrators_and_keys
from breakwater.core.accounts.cache import CredentialCache
from breakwater.core.accounts.last_use import LastUseRecorder
from breakwater.core.accounts.model import KeyView, Principal, Scope, with_included
from breakwater.core.accounts.secrets import KEY_PREFIX, digest_of, new_token
from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.domain.errors import Conflict, FieldProblem, InvalidInput, NotFound
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import API_KEYS
from breakwater.core.text.format import join_names

CREDENTIAL_CACHE_SECONDS: Final = 5.0
"""How long a credential is trusted without a query. One that was revoked on another node works for as long."""
_PREVIEW_LENGTH: Final = 10
KEY_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]{0,99}$"
_NAME: Final = re.compile(KEY_NAME)
KEY_SENDER: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@:+-]{0,99}$"
_SENDER: Final = re.compile(KEY_SENDER)
_BOOTSTRAP: Final = Principal(
    "bootstrap", "bootstrap", "key:bootstrap", with_included(frozenset({Scope.ADMIN})), "bootstrap"
)


class Keys:
    """The API keys of the service, and the bootstrap key of its settings."""

    def __init__(
        self, database: Database, ids: Ids, clock: Clock, audit_log: AuditLog, bootstrap: SecretStr | None
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._audit_log = audit_log
        self._bootstrap = digest_of(bootstrap.get_secret_value()) if bootstrap else None
        self._cache = CredentialCache[Principal](clock, CREDENTIAL_CACHE_SECONDS)
        self._last_use = LastUseRecorder(database, clock)

    async def find(self, token: str) -> Principal | None:
        """Return the principal of `token`, or None. Queries the database every few seconds at most."""
        if not token.startswith(KEY_PREFIX):
            return None
        return await self._cache.find(digest_of(token), self._load)

    async def create(
        self, name: str, scopes: Collection[str], *, actor: str, sender: str | None = None
    ) -> tuple[KeyView, str]:
        """Create a key; return it and its token, which is shown this once. Raises InvalidInput.

        `sender` names the service account that the key belongs to; without one the key is its own sender.
        """
        scopes = _validated_scopes(name, sender, scopes)

        async def write(connection: AsyncConnection) -> tuple[KeyView, str]:
            row, token = self._new_row(name, scopes, sender, actor)
            await connection.execute(insert(API_KEYS), row)
            outcome = f"Key {name} created with {_scope_words(scopes)}"
            await self._audit_log.write(connection, AuditEntry(actor, "key.create", row["id"], outcome))
            return _view(row), token

        return await self._database.writer.run(write)

    async def rotate(self, key_id: str, *, actor: str) -> tuple[KeyView, str]:
        """Create a second key with the name, scopes and sender of a key; return it and its token.

        The first key stays valid until it is revoked, so that a program can change over. Raises NotFound, and Conflict
        if the key is revoked.
        """

        async def write(connection: AsyncConnection) -> tuple[KeyView, str]:
            old = await _live_row(connection, key_id)
            row, token = self._new_row(old["name"], old["scopes"], old["sender"], actor)
            await connection.execute(insert(API_KEYS), row)
            outcome = f"Key {old['name']} rotated; its new key is {row['id']}"
            await self._audit_log.write(connection, AuditEntry(actor, "key.rotate", key_id, outcome))
            return _view(row), token

        return await self._database.writer.run(write)

    def _new_row(
        self, name: str, scopes: Sequence[str], sender: str | None, actor: str
    ) -> tuple[dict[str, Any], str]:
        token = new_token(KEY_PREFIX)
        key_id = self._ids.make("key")
        row = {
            "id": key_id,
            "name": name,
            "sender": sender or key_id,
            "digest": digest_of(token),
            "preview": f"{token[:_PREVIEW_LENGTH]}…",
            "scopes": list(scopes),
            "created_at": self._clock.now(),
            "created_by": actor,
            "last_used_at": None,
            "revoked_at": None,
        }
        return row, token

    async def all(self) -> tuple[KeyView, ...]:
        """Return every key, newest first, revoked ones among them."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(API_KEYS).order_by(API_KEYS.c.id.desc()))
            return tuple(_view(row) for row in rows.mappings())

    async def revoke(self, key_id: str, *, actor: str, reason: str | None = None) -> None:
        """Revoke a key: here immediately, on other nodes within seconds.

        Raises NotFound, and Conflict if the key is revoked or the last credential that can administer.
        """

        async def write(connection: AsyncConnection) -> str:
            administrators = await lock_administrators_and_keys(connection)
            row = await _live_row(connection, key_id)
            if self._bootstrap is None:
                administrators.check_key_can_go(key_id, row["name"])
            revoked = update(API_KEYS).where(API_KEYS.c.id == key_id).values(revoked_at=self._clock.now())
            await connection.execute(revoked)
            entry = AuditEntry(actor, "key.revoke", key_id, f"Key {row['name']} revoked", reason)
            await self._audit_log.write(connection, entry)
            return str(row["digest"])

        await self._database.writer.run(write, on_commit=self._cache.forget)

    async def any(self) -> bool:
        """Return whether any key is valid, the bootstrap key of the settings included."""
        if self._bootstrap:
            return True
        live = select(API_KEYS.c.id).where(API_KEYS.c.revoked_at.is_(None)).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(live)).first() is not None

    async def _load(self, digest: str) -> Principal | None:
        if self._bootstrap and hmac.compare_digest(digest, self._bootstrap):
            return _BOOTSTRAP
        live = select(API_KEYS).where(API_KEYS.c.digest == digest, API_KEYS.c.revoked_at.is_(None))
        async with self._database.read() as connection:
            row = (await connection.execute(live)).mappings().one_or_none()
        if row is None:
            return None
        used = update(API_KEYS).where(API_KEYS.c.digest == digest).values(last_used_at=self._clock.now())
        self._last_use.record(row["last_used_at"], used)
        return _principal(row)


async def _live_row(connection: AsyncConnection, key_id: str) -> RowMapping:
    statement = select(API_KEYS).where(API_KEYS.c.id == key_id).with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("key", key_id)
    if row["revoked_at"] is not None:
        raise Conflict(f"Key {row['name']} is already revoked.")
    return row


def _validated_scopes(name: str, sender: str | None, scopes: Collection[str]) -> list[str]:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(
            FieldProblem("name", "is not a valid name. Use 1 to 100 letters, digits, spaces or . _ - @ : / +")
        )
    if sender is not None and not _SENDER.fullmatch(sender):
        problems.append(
            FieldProblem("sender", "is not a valid name. Use 1 to 100 letters, digits, spaces or . _ - @ : +")
        )
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        problem = f'has an unknown scope "{unknown[0]}"' if unknown else "is empty"
        problems.append(FieldProblem("scopes", f"{problem}. Use {join_names(list(Scope), limit=len(Scope))}"))
    if problems:
        raise InvalidInput(tuple(problems))
    return [scope.value for scope in Scope if scope in scopes]


def _scope_words(scopes: Sequence[str]) -> str:
    names = join_names(list(scopes), limit=len(scopes))
    return f"the {'scope' if len(scopes) == 1 else 'scopes'} {names}"


def _principal(row: Mapping[Any, Any]) -> Principal:
    scopes = with_included(frozenset(Scope(scope) for scope in row["scopes"]))
    return Principal(row["id"], row["name"], f"key:{row['name']}", scopes, row["sender"])


def _view(row: Mapping[Any, Any]) -> KeyView:
    return KeyView(
        id=row["id"],
        name=row["name"],
        sender=row["sender"],
        preview=row["preview"],
        scopes=tuple(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
