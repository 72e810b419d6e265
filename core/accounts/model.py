"""Who may do what: scopes, roles, and the principal that a request acts as."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, assert_never

from breakwater.core.domain.errors import BreakwaterError


@unique
class Scope(StrEnum):
    """What a key, or a person by their role, may do."""

    READ = "read"
    """See everything but secrets."""
    SEND = "send"
    """Hand in messages."""
    OPERATE = "operate"
    """Resend, cancel, pause, and act on circuits. Includes read."""
    ADMIN = "admin"
    """Change endpoints, keys and people. Includes everything."""


@unique
class Role(StrEnum):
    """What a person is."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Reads, resends, resets, holds."""
    ADMIN = "admin"
    """Does everything, keys and people included."""


_INCLUDED: Final[dict[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.SEND: frozenset({Scope.SEND}),
    Scope.OPERATE: frozenset({Scope.OPERATE, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


def with_included(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """Return `scopes` and everything that they include."""
    return frozenset().union(*(_INCLUDED[scope] for scope in scopes))


def scopes_of(role: Role) -> frozenset[Scope]:
    """Return what a person of this role may do."""
    match role:
        case Role.VIEWER:
            return with_included(frozenset({Scope.READ}))
        case Role.OPERATOR:
            return with_included(frozenset({Scope.OPERATE}))
        case Role.ADMIN:
            return with_included(frozenset({Scope.ADMIN}))
        case _:
            assert_never(role)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request acts as."""

    id: str
    """Of the key or the person; the scope of the caller's idempotency keys."""
    name: str
    actor: str
    """As audit entries name it: `person:ada`, `key:ci`."""
    scopes: frozenset[Scope]
    role: Role | None = None
    """Of a person; None for a key."""

    def can(self, scope: Scope | str) -> bool:
        """Return whether this principal may do what `scope` allows."""
        return Scope(scope) in self.scopes


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key as it is listed; never the key itself."""

    id: str
    name: str
    preview: str
    """Its first characters, to tell it from others."""
    scopes: tuple[Scope, ...]
    created_at: float
    created_by: str
    last_used_at: float | None
    """To the minute."""
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class PersonView:
    """Someone who signs in, as they are listed."""

    id: str
    name: str
    role: Role
    created_at: float
    disabled_at: float | None
    welcomed: bool
    """They have set a password."""
    sessions: int
    """Signed-in browsers."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun."""

    token: str
    """The cookie's value: 256 random bits. Only its digest is stored."""
    expires_at: float


class TooManyAttempts(BreakwaterError):  # noqa: N818 - the tree names what happened
    """Sign-in was tried too often; `retry_after` seconds from now it may be tried again."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Too many attempts to sign in: try again in {retry_after:.0f} seconds")
        self.retry_after = retry_after
