"""Authentication: API keys, people, their sessions, and the sign-in code of the first administrator."""

from typing import Final

from breakwater.core.accounts.keys import Keys
from breakwater.core.accounts.limits import Limit
from breakwater.core.accounts.model import Principal, Role, Scope, SignedIn, TooManyAttempts
from breakwater.core.accounts.people import People
from breakwater.core.accounts.secrets import Passwords
from breakwater.core.accounts.sessions import Sessions
from breakwater.core.audit_log import AuditLog
from breakwater.core.domain.errors import Unauthorized
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database

__all__ = ["Access", "Principal", "Role", "Scope", "SignedIn", "TooManyAttempts"]

_TRIES_PER_NAME: Final = 10
_TRIES_PER_SOURCE: Final = 50
"""More than for a name, because an office may share one address. A name has no limit over all sources: an attacker
could lock its person out."""
_WITHIN_SECONDS: Final = 300.0


class Access:
    """Signs people in. `keys`, `people` and `sessions` manage the credentials."""

    def __init__(
        self,
        database: Database,
        ids: Ids,
        clock: Clock,
        settings: Settings,
        *,
        passwords: Passwords | None = None,
    ) -> None:
        audit_log = AuditLog(ids, clock)
        self.keys = Keys(database, ids, clock, audit_log, settings.bootstrap_key)
        self.sessions = Sessions(database, clock, audit_log, settings.session_hours)
        self.people = People(database, ids, clock, audit_log, passwords or Passwords(), self.sessions.forget)
        self._by_source = Limit(clock, _TRIES_PER_SOURCE, _WITHIN_SECONDS)
        self._by_name = Limit(clock, _TRIES_PER_NAME, _WITHIN_SECONDS)

    async def bootstrap(self) -> str | None:
        """Return a sign-in code while no administrator can sign in; None afterwards.

        It works once and expires in ten minutes; `<base url>/welcome#<code>` is the link to print.
        """
        return await self.people.first_code()

    async def has_credential(self) -> bool:
        """Return whether any credential is valid. Without one the service must not listen on a network."""
        return await self.keys.any() or await self.people.any()

    async def sign_in(self, name: str, password: str, *, source: str, user_agent: str = "") -> SignedIn:
        """Begin a session for the client at address `source`. Raises Unauthorized, and TooManyAttempts."""
        self._count_try(source, name)
        person = await self.people.check(name, password)
        if person is None:
            raise Unauthorized("Wrong name or password.")
        signed_in = await self.sessions.begin(person, user_agent)
        self._forget_tries(source, name)
        return signed_in

    async def welcome(self, code: str, password: str, *, source: str, user_agent: str = "") -> SignedIn:
        """Set a password by a sign-in code and begin a session. Raises InvalidInput and TooManyAttempts."""
        self._count_try(source, "")
        person = await self.people.welcome(code, password)
        self._forget_tries(source, "")
        return await self.sessions.begin(person, user_agent)

    def _count_try(self, source: str, name: str) -> None:
        pair = f"{source} {name}"
        wait = max(self._by_source.wait(source), self._by_name.wait(pair))
        if wait > 0:
            raise TooManyAttempts(wait)
        self._by_source.count(source)
        self._by_name.count(pair)

    def _forget_tries(self, source: str, name: str) -> None:
        self._by_source.forget(source)
        self._by_name.forget(f"{source} {name}")
