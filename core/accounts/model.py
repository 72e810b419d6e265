"""Scopes, roles, and the principal of a request."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, assert_never


@unique
class Scope(StrEnum):
    """A permission of a key, or of a person through their role."""

    READ = "read"
    """Read everything except secrets."""
    SEND = "send"
    """Send messages."""
    OPERATE = "operate"
    """Resend, cancel, pause, and operate circuits. Includes read."""
    ADMIN = "admin"
    """Create and change endpoints, keys and people. Includes every scope."""


@unique
class Role(StrEnum):
    """The role of a person."""

    VIEWER = "viewer"
    """Can read."""
    OPERATOR = "operator"
    """Can read, resend, reset and hold."""
    ADMIN = "admin"
    """Can do everything, including keys and people."""


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
    """Return the scopes of a person with this role."""
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
    """The key or person that a request acts as."""

    id: str
    """The id of the key or person."""
    name: str
    actor: str
    """The name in audit entries: `person:ada`, `key:ci`."""
    scopes: frozenset[Scope]
    sender: str
    """The owner of their idempotency keys: the sender of a key, which a rotation keeps; the id of a person."""
    role: Role | None = None
    """The role of a person; None for a key."""

    def can(self, scope: Scope | str) -> bool:
        """Return whether this principal has `scope`."""
        return Scope(scope) in self.scopes


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key in a list; never the token itself."""

    id: str
    name: str
    sender: str
    """The service account that the key belongs to: the id of the key unless its creator named another."""
    preview: str
    """The first characters of its token, to tell keys apart."""
    scopes: tuple[Scope, ...]
    created_at: float
    created_by: str
    last_used_at: float | None
    """Exact to the minute."""
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person in a list."""

    id: str
    name: str
    role: Role
    created_at: float
    disabled_at: float | None
    welcomed: bool
    """Whether they have set a password."""
    sessions: int
    """How many browsers are signed in."""


@dataclass(frozen=True, slots=True)
class VerifiedPerson:
    """A person whose password was checked or set, and the digest of that password."""

    id: str
    password_digest: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session."""

    token: str
    """The cookie's value: 256 random bits. Only its digest is stored."""
    expires_at: float
