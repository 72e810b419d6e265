"""Single-use codes by which a person sets a password: created, checked and used."""

from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.secrets import digest_of, new_token
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.store.schema import SIGN_IN_CODES

CODE_SECONDS: Final = 600.0
"""How long a sign-in code can be used."""
_CODE_MAX: Final = 100
"""Characters of a sign-in code, with room for white space that was copied with it."""


async def create_code(connection: AsyncConnection, person_id: str, now: float) -> str:
    """Create a code. Delete the other codes of this person, and all expired codes."""
    obsolete = or_(SIGN_IN_CODES.c.person_id == person_id, SIGN_IN_CODES.c.expires_at <= now)
    await connection.execute(SIGN_IN_CODES.delete().where(obsolete))
    code = new_token()
    row = {"digest": digest_of(code), "person_id": person_id, "expires_at": now + CODE_SECONDS}
    await connection.execute(insert(SIGN_IN_CODES), row)
    return code


async def check_code(connection: AsyncConnection, code: str, now: float) -> None:
    """Raise InvalidInput unless the code can be used. It stays usable."""
    if len(code) > _CODE_MAX or (await connection.execute(person_of_code(code, now))).first() is None:
        raise unusable_code()


async def use_code(connection: AsyncConnection, code: str, now: float) -> None:
    """Mark a code as used. Raises InvalidInput unless it can be used.

    The caller has locked the person of the code. In another order two transactions could wait for each other.
    """
    used = update(SIGN_IN_CODES).where(_usable(code, now)).values(used_at=now)
    if (await connection.execute(used)).rowcount == 0:
        raise unusable_code()


async def delete_codes(connection: AsyncConnection, person_id: str) -> None:
    """Delete every code of a person."""
    await connection.execute(SIGN_IN_CODES.delete().where(SIGN_IN_CODES.c.person_id == person_id))


def has_usable_code(person_id: ColumnElement[str], now: float) -> ColumnElement[bool]:
    """Return the condition that a person has a code that can be used."""
    return exists().where(SIGN_IN_CODES.c.person_id == person_id, _is_unspent(now))


def person_of_code(code: str, now: float) -> Select[str]:
    """Return the query for the id of the person for whom a usable code was created."""
    return select(SIGN_IN_CODES.c.person_id).where(_usable(code, now))


def unusable_code() -> InvalidInput:
    """Return the error for a code that is unknown, used or expired."""
    return InvalidInput.of(
        "code", "is used or expired. Ask an administrator for a new link, or restart Breakwater to print one"
    )


def _usable(code: str, now: float) -> ColumnElement[bool]:
    return and_(SIGN_IN_CODES.c.digest == digest_of(code), _is_unspent(now))


def _is_unspent(now: float) -> ColumnElement[bool]:
    return and_(SIGN_IN_CODES.c.used_at.is_(None), SIGN_IN_CODES.c.expires_at > now)
