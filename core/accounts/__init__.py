"""Authentication: API keys, people, their sessions, and the sign-in code of the first administrator."""

from breakwater.core.accounts.keys import Keys
from breakwater.core.accounts.limits import SignInLimits
from breakwater.core.accounts.model import Principal, Role, Scope, SignedIn
from breakwater.core.accounts.people import PERSON_NAME_MAX, People, check_lengths
from breakwater.core.accounts.secrets import Passwords
from breakwater.core.accounts.sessions import Sessions
from breakwater.core.audit_log import AuditLog
from breakwater.core.domain.errors import TooManyAttempts, Unauthorized
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database

__all__ = ["Access", "Principal", "Role", "Scope", "SignedIn", "TooManyAttempts"]


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
        self._limits = SignInLimits(clock)

    async def bootstrap(self) -> str | None:
        """Return a sign-in code while no administrator can sign in or has an invitation; None otherwise.

        It works once and expires in ten minutes; `<base url>/welcome#<code>` is the link to print.
        """
        return await self.people.first_code()

    async def has_credential(self) -> bool:
        """Return whether any credential is valid. Without one the service must not listen on a network."""
        return await self.keys.any() or await self.people.any()

    async def sign_in(self, name: str, password: str, *, source: str, user_agent: str = "") -> SignedIn:
        """Begin a session for the client at address `source`.

        Raises Unauthorized, InvalidInput for what is too long, and TooManyAttempts.
        """
        self._limits.count(source, name if len(name) <= PERSON_NAME_MAX else None)
        check_lengths(name, password)
        person = await self.people.check(name, password)
        if person is None:
            raise Unauthorized("Wrong name or password.")
        signed_in = await self.sessions.begin(person, user_agent)
        self._limits.on_success(source, name)
        return signed_in

    async def welcome(self, code: str, password: str, *, source: str, user_agent: str = "") -> SignedIn:
        """Set a password by a sign-in code and begin a session. Raises InvalidInput and TooManyAttempts."""
        self._limits.count(source, "")
        person = await self.people.welcome(code, password)
        self._limits.on_success(source, "")
        return await self.sessions.begin(person, user_agent)
