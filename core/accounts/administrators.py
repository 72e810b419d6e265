"""The rule that the last one who can administer the service stays. Pure: callers read the rows in their transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from breakwater.core.accounts.model import Role, Scope
from breakwater.core.domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """What decides whether a person can administer."""

    id: str
    role: Role
    has_password: bool
    """False until an invitation is opened; an invitation that expires never leads to a password."""
    disabled: bool

    @property
    def is_administrator(self) -> bool:
        """Return whether the person can sign in as an administrator."""
        return self.role is Role.ADMIN and self.has_password and not self.disabled


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """What decides whether a valid API key can administer."""

    id: str
    scopes: frozenset[Scope]

    @property
    def is_administrator(self) -> bool:
        """Return whether the key has the scope admin."""
        return Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class Administrators:
    """The people and the API keys that can administer the service."""

    person_ids: frozenset[str]
    key_ids: frozenset[str]

    @classmethod
    def among(cls, people: Collection[PersonAccess], keys: Collection[KeyAccess] = ()) -> Self:
        """Return those of `people` and `keys` that can administer."""
        return cls(
            frozenset(person.id for person in people if person.is_administrator),
            frozenset(key.id for key in keys if key.is_administrator),
        )

    def check_person_can_go(self, person_id: str, name: str) -> None:
        """Raise Conflict if no other person can sign in as an administrator. Keys do not count: they have no pages."""
        if self.person_ids == {person_id}:
            raise Conflict(
                f"{name} is the last administrator who can sign in. Invite another one first; "
                "they count after setting a password."
            )

    def check_key_can_go(self, key_id: str, name: str) -> None:
        """Raise Conflict if neither a person nor another key can administer."""
        if not self.person_ids and self.key_ids == {key_id}:
            raise Conflict(
                f"Key {name} is the last credential that can administer. "
                "Create another key with the scope admin first, or sign in as an administrator."
            )
