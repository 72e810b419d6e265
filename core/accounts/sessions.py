"""Sessions: signed-in browsers, each identified by a random cookie."""

from typing import Final

from sqlalchemy import ColumnElement, RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.cache import CredentialCache
from breakwater.core.accounts.keys import CREDENTIAL_CACHE_SECONDS
from breakwater.core.accounts.last_use import LastUseRecorder
from breakwater.core.accounts.model import Principal, Role, SignedIn, VerifiedPerson, scopes_of
from breakwater.core.accounts.secrets import digest_of, new_token
from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.domain.errors import Unauthorized
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import PEOPLE, SESSIONS
from breakwater.core.text.format import pluralize

MAX_SESSIONS: Final = 100
"""Sessions of one person."""
_USER_AGENT_LENGTH: Final = 200


class Sessions:
    """The sessions of people."""

    def __init__(self, database: Database, clock: Clock, audit_log: AuditLog, hours: float) -> None:
        self._database = database
        self._clock = clock
        self._audit_log = audit_log
        self._seconds = hours * 3600
        self._cache = CredentialCache[tuple[Principal, float]](clock, CREDENTIAL_CACHE_SECONDS)
        self._last_use = LastUseRecorder(database, clock)

    async def begin(self, person: VerifiedPerson, user_agent: str = "") -> SignedIn:
        """Create a session under a new id, whatever cookie the browser sent.

        Expired sessions end, and beyond `MAX_SESSIONS` of the person those that were not used for the longest time.
        Raises Unauthorized if the person was disabled, or got another password, after the check of the password.
        """
        token = new_token()
        now = self._clock.now()
        row = {
            "digest": digest_of(token),
            "person_id": person.id,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + self._seconds,
            "user_agent": "".join(filter(str.isprintable, user_agent))[:_USER_AGENT_LENGTH],
        }

        async def write(connection: AsyncConnection) -> None:
            principal = await _lock_verified(connection, person)
            await connection.execute(SESSIONS.delete().where(_obsolete(person.id, now)))
            await connection.execute(insert(SESSIONS), row)
            entry = AuditEntry(principal.actor, "person.sign_in", person.id, f"{principal.name} signed in")
            await self._audit_log.write(connection, entry)

        await self._database.writer.run(write, on_commit=lambda _result: self.forget())
        return SignedIn(token, now + self._seconds)

    async def find(self, token: str) -> Principal | None:
        """Return who is signed in by `token`, or None. Queries the database every few seconds at most."""
        session = await self._cache.find(digest_of(token), self._load)
        if session is None:
            return None
        principal, expires_at = session
        return principal if self._clock.now() < expires_at else None

    async def end(self, token: str) -> None:
        """Sign out: the token is no longer valid."""
        digest = digest_of(token)
        await self._database.writer.run(
            lambda connection: connection.execute(SESSIONS.delete().where(SESSIONS.c.digest == digest)),
            on_commit=lambda _result: self._cache.forget(digest),
        )

    async def end_all(self, person_id: str, *, actor: str) -> int:
        """End every session of a person and return how many there were."""

        async def write(connection: AsyncConnection) -> int:
            deleted = await connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))
            outcome = f"Signed out of {pluralize(deleted.rowcount, 'session')}"
            entry = AuditEntry(actor, "person.end_sessions", person_id, outcome, affected=deleted.rowcount)
            await self._audit_log.write(connection, entry)
            return int(deleted.rowcount)

        return await self._database.writer.run(write, on_commit=lambda _result: self.forget())

    def forget(self) -> None:
        """Read every session again when it is used next: some were ended, or a role changed."""
        self._cache.forget()

    async def _load(self, digest: str) -> tuple[Principal, float] | None:
        live = (
            select(PEOPLE, SESSIONS.c.expires_at, SESSIONS.c.last_seen_at)
            .join(PEOPLE, PEOPLE.c.id == SESSIONS.c.person_id)
            .where(SESSIONS.c.digest == digest, SESSIONS.c.expires_at > self._clock.now())
            .where(PEOPLE.c.disabled_at.is_(None))
        )
        async with self._database.read() as connection:
            row = (await connection.execute(live)).mappings().one_or_none()
        if row is None:
            return None
        last_use = update(SESSIONS).where(SESSIONS.c.digest == digest).values(last_seen_at=self._clock.now())
        self._last_use.record(row["last_seen_at"], last_use)
        return _principal(row), row["expires_at"]


def _obsolete(person_id: str, now: float) -> ColumnElement[bool]:
    """Match expired sessions, and those of a person beyond the limit with one more."""
    recent = (
        select(SESSIONS.c.digest)
        .where(SESSIONS.c.person_id == person_id)
        .order_by(SESSIONS.c.last_seen_at.desc(), SESSIONS.c.created_at.desc())
        .limit(MAX_SESSIONS - 1)
    )
    beyond = (SESSIONS.c.person_id == person_id) & SESSIONS.c.digest.not_in(recent)
    return (SESSIONS.c.expires_at <= now) | beyond


async def _lock_verified(connection: AsyncConnection, person: VerifiedPerson) -> Principal:
    statement = select(PEOPLE).where(PEOPLE.c.id == person.id, PEOPLE.c.disabled_at.is_(None))
    same_password = statement.where(PEOPLE.c.password_digest == person.password_digest)
    row = (await connection.execute(same_password.with_for_update())).mappings().one_or_none()
    if row is None:
        raise Unauthorized("Wrong name or password.")
    return _principal(row)


def _principal(row: RowMapping) -> Principal:
    role = Role(row["role"])
    return Principal(row["id"], row["name"], f"person:{row['name']}", scopes_of(role), row["id"], role)
