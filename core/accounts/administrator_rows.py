"""Read who can administer the service, locked for the rest of the transaction."""

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.administrators import Administrators, KeyAccess, PersonAccess
from breakwater.core.accounts.model import Role, Scope
from breakwater.core.store.schema import API_KEYS, PEOPLE

_PEOPLE = select(PEOPLE).where(PEOPLE.c.role == Role.ADMIN.value).order_by(PEOPLE.c.id)
_LIVE_KEYS = select(API_KEYS).where(API_KEYS.c.revoked_at.is_(None)).order_by(API_KEYS.c.id)


async def lock_administrators(connection: AsyncConnection) -> Administrators:
    """Return the people who can administer, for a change of one of them.

    The rows are locked: two administrators who disable each other on two nodes must not both succeed.
    """
    people = (await connection.execute(_PEOPLE.with_for_update())).mappings()
    return Administrators.among([_person_access(row) for row in people])


async def lock_administrators_and_keys(connection: AsyncConnection) -> Administrators:
    """Return the people and the valid keys that can administer, for the revocation of a key."""
    people = (await connection.execute(_PEOPLE.with_for_update())).mappings().all()
    keys = (await connection.execute(_LIVE_KEYS.with_for_update())).mappings().all()
    return Administrators.among(
        [_person_access(row) for row in people],
        [KeyAccess(row["id"], frozenset(map(Scope, row["scopes"]))) for row in keys],
    )


def _person_access(row: RowMapping) -> PersonAccess:
    return PersonAccess(
        id=row["id"],
        role=Role(row["role"]),
        has_password=row["password_digest"] is not None,
        disabled=row["disabled_at"] is not None,
    )
