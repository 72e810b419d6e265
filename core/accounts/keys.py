"""API keys: made, found by every request, revoked."""

import hmac
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.cache import Cache
from breakwater.core.accounts.model import KeyView, Principal, Scope, with_included
from breakwater.core.accounts.secrets import KEY_PREFIX, digest_of, new_token
from breakwater.core.accounts.uses import Uses
from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.domain.errors import Conflict, FieldProblem, InvalidInput, NotFound
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import API_KEYS

CREDENTIAL_CACHE_SECONDS: Final = 5.0
"""For how long a credential is believed without asking again: one ended on another node works as long."""
_PREVIEW_LENGTH: Final = 10
KEY_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]{0,99}$"
_NAME: Final = re.compile(KEY_NAME)
_BOOTSTRAP: Final = Principal(
    "bootstrap", "bootstrap", "key:bootstrap", with_included(frozenset({Scope.ADMIN}))
)


class Keys:
    """The API keys of the service, and the one that its settings may name."""

    def __init__(
        self, database: Database, ids: Ids, clock: Clock, audit_log: AuditLog, bootstrap: SecretStr | None
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._journal = audit_log
        self._bootstrap = digest_of(bootstrap.get_secret_value()) if bootstrap else None
        self._cache: Cache[Principal] = Cache(clock, CREDENTIAL_CACHE_SECONDS)
        self._uses = Uses(database, clock)

    async def find(self, token: str) -> Principal | None:
        """Return whom `token` stands for, or None. Asks the database every few seconds at most."""
        if not token.startswith(KEY_PREFIX):
            return None
        return await self._cache.find(digest_of(token), self._load)

    async def create(self, name: str, scopes: Collection[str], *, actor: str) -> tuple[KeyView, str]:
        """Make a key; return it and its token, which is shown this once. Raises InvalidInput."""
        checked = _checked(name, scopes)
        token = new_token(KEY_PREFIX)
        row = {
            "id": self._ids.make("key"),
            "name": name,
            "digest": digest_of(token),
            "preview": f"{token[:_PREVIEW_LENGTH]}…",
            "scopes": checked,
            "created_at": self._clock.now(),
            "created_by": actor,
            "last_used_at": None,
            "revoked_at": None,
        }
        outcome = f"Made the key {name}, which may {', '.join(checked)}"

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(API_KEYS), row)
            await self._journal.write(connection, AuditEntry(actor, "key.create", str(row["id"]), outcome))

        await self._database.writer.run(write)
        return _view(row), token

    async def all(self) -> tuple[KeyView, ...]:
        """Return every key, newest first, revoked ones among them."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(API_KEYS).order_by(API_KEYS.c.id.desc()))
            return tuple(_view(row) for row in rows.mappings())

    async def revoke(self, key_id: str, *, actor: str, reason: str | None = None) -> None:
        """End a key: here at once, on other nodes within seconds. Raises NotFound, and Conflict when it ended."""

        async def write(connection: AsyncConnection) -> str:
            found = await connection.execute(select(API_KEYS).where(API_KEYS.c.id == key_id))
            row = found.mappings().one_or_none()
            if row is None:
                raise NotFound("key", key_id)
            if row["revoked_at"] is not None:
                raise Conflict(f"The key {row['name']} is revoked already.")
            ended = update(API_KEYS).where(API_KEYS.c.id == key_id).values(revoked_at=self._clock.now())
            await connection.execute(ended)
            entry = AuditEntry(actor, "key.revoke", key_id, f"Revoked the key {row['name']}", reason)
            await self._journal.write(connection, entry)
            return str(row["digest"])

        self._cache.forget(await self._database.writer.run(write))

    async def any(self) -> bool:
        """Return whether any key, the one of the settings among them, lets somebody in."""
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
        self._uses.note(row["last_used_at"], used)
        return _principal(row)


def _checked(name: str, scopes: Collection[str]) -> list[str]:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(
            FieldProblem("name", "is no name: give 1 to 100 letters, digits, spaces or . _ - @ : / +")
        )
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        said = f"{unknown[0]!r} is no scope" if unknown else "is empty"
        problems.append(FieldProblem("scopes", f"{said}: choose from {', '.join(Scope)}"))
    if problems:
        raise InvalidInput(tuple(problems))
    return [scope.value for scope in Scope if scope in scopes]


def _principal(row: Mapping[Any, Any]) -> Principal:
    scopes = with_included(frozenset(Scope(scope) for scope in row["scopes"]))
    return Principal(row["id"], row["name"], f"key:{row['name']}", scopes)


def _view(row: Mapping[Any, Any]) -> KeyView:
    return KeyView(
        id=row["id"],
        name=row["name"],
        preview=row["preview"],
        scopes=tuple(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
