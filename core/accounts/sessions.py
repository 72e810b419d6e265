"""Sessions: signed-in browsers, kept here, known to them by a random cookie."""

from typing import Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.cache import Cache
from breakwater.core.accounts.keys import CREDENTIAL_CACHE_SECONDS
from breakwater.core.accounts.model import Principal, Role, SignedIn, scopes_of
from breakwater.core.accounts.secrets import digest_of, new_token
from breakwater.core.accounts.uses import Uses
from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import PEOPLE, SESSIONS

_USER_AGENT_LENGTH: Final = 200


class Sessions:
    """The sessions of people."""

    def __init__(self, database: Database, clock: Clock, audit_log: AuditLog, hours: float) -> None:
        self._database = database
        self._clock = clock
        self._journal = audit_log
        self._seconds = hours * 3600
        self._cache: Cache[tuple[Principal, float]] = Cache(clock, CREDENTIAL_CACHE_SECONDS)
        self._uses = Uses(database, clock)

    async def begin(self, person_id: str, user_agent: str = "") -> SignedIn:
        """Make a session under a new id, whatever the browser carried before, and remove those that are past."""
        token = new_token()
        now = self._clock.now()
        row = {
            "digest": digest_of(token),
            "person_id": person_id,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + self._seconds,
            "user_agent": "".join(filter(str.isprintable, user_agent))[:_USER_AGENT_LENGTH],
        }

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(SESSIONS.delete().where(SESSIONS.c.expires_at <= now))
            await connection.execute(insert(SESSIONS), row)
            found = await connection.execute(select(PEOPLE).where(PEOPLE.c.id == person_id))
            principal = _principal(found.mappings().one())
            entry = AuditEntry(principal.actor, "person.sign_in", person_id, f"{principal.name} signed in")
            await self._journal.write(connection, entry)

        await self._database.writer.run(write)
        return SignedIn(token, now + self._seconds)

    async def find(self, token: str) -> Principal | None:
        """Return who is signed in by `token`, or None. Asks the database every few seconds at most."""
        found = await self._cache.find(digest_of(token), self._load)
        if found is None:
            return None
        principal, expires_at = found
        return principal if self._clock.now() < expires_at else None

    async def end(self, token: str) -> None:
        """Sign out: the token is worth nothing from now on."""
        digest = digest_of(token)
        await self._database.writer.run(
            lambda connection: connection.execute(SESSIONS.delete().where(SESSIONS.c.digest == digest))
        )
        self._cache.forget(digest)

    async def end_all(self, person_id: str) -> int:
        """End every session of a person and return how many there were."""

        async def write(connection: AsyncConnection) -> int:
            gone = await connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))
            return int(gone.rowcount)

        ended = await self._database.writer.run(write)
        self.forget()
        return ended

    def forget(self) -> None:
        """Ask the database again for every session: somebody's were ended or their role changed."""
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
        seen = update(SESSIONS).where(SESSIONS.c.digest == digest).values(last_seen_at=self._clock.now())
        self._uses.note(row["last_seen_at"], seen)
        return _principal(row), row["expires_at"]


def _principal(row: RowMapping) -> Principal:
    role = Role(row["role"])
    return Principal(row["id"], row["name"], f"person:{row['name']}", scopes_of(role), role)
