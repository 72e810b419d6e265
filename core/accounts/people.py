"""People: invited by a single-use code, signed in by a password."""

import re
from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, RowMapping, Select, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.accounts.administrator_rows import lock_administrators
from breakwater.core.accounts.model import PersonView, Role, VerifiedPerson
from breakwater.core.accounts.secrets import Passwords
from breakwater.core.accounts.sign_in_codes import (
    CODE_SECONDS,
    check_code,
    create_code,
    delete_codes,
    has_usable_code,
    person_of_code,
    unusable_code,
    use_code,
)
from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.domain.errors import FieldProblem, InvalidInput, NotFound
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database, upsert
from breakwater.core.store.schema import AUDIT, PEOPLE, SESSIONS
from breakwater.core.text.format import join_names

FIRST_ADMINISTRATOR: Final = "admin"
_INVITE: Final = "person.invite"
"""The action in the audit log."""
PASSWORD_MIN: Final = 10
_PASSWORD_MAX: Final = 256
"""Characters. Argon2 accepts any length, and takes longer for more."""
PERSON_NAME_MAX: Final = 64
_NAME: Final = re.compile(rf"[^\W_][\w.@-]{{0,{PERSON_NAME_MAX - 1}}}")


class People:
    """The people who sign in."""

    def __init__(  # noqa: PLR0917 - in the order of the parts that it stands on
        self,
        database: Database,
        ids: Ids,
        clock: Clock,
        audit_log: AuditLog,
        passwords: Passwords,
        forget_sessions: Callable[[], None],
    ) -> None:
        """`forget_sessions` is called when sessions of a person ended or their role changed."""
        self._database = database
        self._ids = ids
        self._clock = clock
        self._audit_log = audit_log
        self._passwords = passwords
        self._forget_sessions = forget_sessions

    async def first_code(self) -> str | None:
        """Return a code for the first administrator.

        Return None when an administrator can already sign in, or has an invitation that is not used or expired.
        """

        async def write(connection: AsyncConnection) -> str | None:
            for administrators in (_ABLE_ADMINISTRATORS, _invited_administrators(self._clock.now())):
                if (await connection.execute(administrators.limit(1))).first() is not None:
                    return None
            person_id = await self._ensure(connection, await self._free_name(connection), Role.ADMIN)
            return await create_code(connection, person_id, self._clock.now())

        return await self._database.writer.run(write)

    async def invite(self, name: str, role: str, *, actor: str) -> str:
        """Create a person, or invite one again, and return a code that sets their password. Raises InvalidInput.

        A forgotten password is replaced in the same way. A person who was disabled starts again from nothing. Raises
        Conflict when the role of the last administrator would change.
        """
        validated_role = _validated_role(name, role)

        async def write(connection: AsyncConnection) -> str:
            person_id = await self._ensure(connection, name, validated_role)
            entry = AuditEntry(actor, _INVITE, person_id, f"{name} invited as {validated_role}")
            await self._audit_log.write(connection, entry)
            return await create_code(connection, person_id, self._clock.now())

        return await self._database.writer.run(write, on_commit=self._on_commit)

    async def welcome(self, code: str, password: str) -> VerifiedPerson:
        """Use `code`: set the password of its person, end their sessions, and return the person.

        Raises InvalidInput for a code that is not valid, and for a weak password, which leaves the code usable.
        """
        check_password(password)
        async with self._database.read() as connection:
            await check_code(connection, code, self._clock.now())
        digest = await self._passwords.digest(password)

        async def write(connection: AsyncConnection) -> VerifiedPerson:
            person_id = await self._use_code(connection, code)
            await self._set_password(connection, person_id, digest)
            return VerifiedPerson(person_id, digest)

        return await self._database.writer.run(write, on_commit=self._on_commit)

    async def check(self, name: str, password: str) -> VerifiedPerson | None:
        """Return the person with this name and password, or None; both take the same time."""
        person = await self._password_of(name) if _NAME.fullmatch(name) else None
        matches = await self._passwords.match(person.password_digest if person else None, password)
        return person if matches else None

    async def all(self) -> tuple[PersonView, ...]:
        """Return every person, by name."""
        live = and_(SESSIONS.c.person_id == PEOPLE.c.id, SESSIONS.c.expires_at > self._clock.now())
        sessions = select(func.count()).select_from(SESSIONS).where(live).scalar_subquery()
        statement = select(PEOPLE, sessions.label("sessions")).order_by(PEOPLE.c.name)
        async with self._database.read() as connection:
            return tuple(_view(row) for row in (await connection.execute(statement)).mappings())

    async def disable(self, person_id: str, *, actor: str, reason: str | None = None) -> None:
        """Disable a person: delete their password, codes and sessions.

        Raises NotFound, and Conflict for the last administrator.
        """

        async def write(connection: AsyncConnection) -> None:
            administrators = await lock_administrators(connection)
            row = await self._lock_person(connection, PEOPLE.c.id == person_id)
            if row is None:
                raise NotFound("person", person_id)
            administrators.check_person_can_go(person_id, row["name"])
            await self._revoke_access(connection, person_id, disabled_at=self._clock.now())
            entry = AuditEntry(
                actor, "person.disable", person_id, f"{row['name']} can no longer sign in", reason
            )
            await self._audit_log.write(connection, entry)

        await self._database.writer.run(write, on_commit=self._on_commit)

    def _on_commit(self, _result: object) -> None:
        self._forget_sessions()

    async def any(self) -> bool:
        """Return whether an administrator can sign in."""
        async with self._database.read() as connection:
            return (await connection.execute(_ABLE_ADMINISTRATORS.limit(1))).first() is not None

    async def _password_of(self, name: str) -> VerifiedPerson | None:
        """Return the person with their password digest, to be checked; None if they cannot sign in."""
        statement = select(PEOPLE.c.id, PEOPLE.c.password_digest).where(
            PEOPLE.c.name == name, PEOPLE.c.disabled_at.is_(None), PEOPLE.c.password_digest.is_not(None)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return VerifiedPerson(row.id, row.password_digest) if row else None

    async def _free_name(self, connection: AsyncConnection) -> str:
        """Return a name for the first administrator. An account that somebody uses or used must not become one."""
        in_use = or_(PEOPLE.c.password_digest.is_not(None), PEOPLE.c.disabled_at.is_not(None))
        statement = select(PEOPLE.c.id).where(PEOPLE.c.name == FIRST_ADMINISTRATOR, in_use)
        name_taken = (await connection.execute(statement)).first() is not None
        return self._ids.make(FIRST_ADMINISTRATOR) if name_taken else FIRST_ADMINISTRATOR

    async def _ensure(self, connection: AsyncConnection, name: str, role: Role) -> str:
        """Create the person, or give an existing one this role; a disabled one starts again without a password."""
        administrators = await lock_administrators(connection)
        values = {
            "id": self._ids.make("prs"),
            "name": name,
            "role": role.value,
            "created_at": self._clock.now(),
        }
        # An upsert, because another node can invite the same person at the same time.
        await connection.execute(upsert(connection, PEOPLE, ["name"]), values)
        of_name = select(PEOPLE).where(PEOPLE.c.name == name).with_for_update()
        row = (await connection.execute(of_name)).mappings().one()
        person_id = row["id"]
        if role is not Role.ADMIN:
            administrators.check_person_can_go(person_id, name)
        if row["disabled_at"] is not None:
            await self._revoke_access(connection, person_id, disabled_at=None)
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(role=role.value))
        return str(person_id)

    @staticmethod
    async def _lock_person(connection: AsyncConnection, condition: ColumnElement[bool]) -> RowMapping | None:
        person = await connection.execute(select(PEOPLE).where(condition).with_for_update())
        return person.mappings().one_or_none()

    @staticmethod
    async def _revoke_access(
        connection: AsyncConnection, person_id: str, *, disabled_at: float | None
    ) -> None:
        """Delete the password, the codes and the sessions of a person."""
        values = {"disabled_at": disabled_at, "password_digest": None}
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(values))
        await delete_codes(connection, person_id)
        await connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))

    async def _use_code(self, connection: AsyncConnection, code: str) -> str:
        """Mark a code as used and return the id of its person. A disabled person has no usable code."""
        now = self._clock.now()
        person = await self._lock_person(
            connection, PEOPLE.c.id == person_of_code(code, now).scalar_subquery()
        )
        if person is None or person["disabled_at"] is not None:
            raise unusable_code()
        await use_code(connection, code, now)
        return str(person["id"])

    async def _set_password(self, connection: AsyncConnection, person_id: str, digest: str) -> None:
        await connection.execute(
            update(PEOPLE).where(PEOPLE.c.id == person_id).values(password_digest=digest)
        )
        await connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))
        name = (await connection.execute(select(PEOPLE.c.name).where(PEOPLE.c.id == person_id))).scalar_one()
        entry = AuditEntry(f"person:{name}", "person.welcome", person_id, f"{name} set a password")
        await self._audit_log.write(connection, entry)


def check_lengths(name: str, password: str) -> None:
    """Raise InvalidInput for a name or a password that is longer than any that is accepted."""
    limits = (("name", name, PERSON_NAME_MAX), ("password", password, _PASSWORD_MAX))
    problems = [
        FieldProblem(field, f"has {len(value):,} characters. Use at most {most}")
        for field, value, most in limits
        if len(value) > most
    ]
    if problems:
        raise InvalidInput(problems)


def check_password(password: str) -> None:
    """Raise InvalidInput when `password` is too short or too long."""
    if not PASSWORD_MIN <= len(password) <= _PASSWORD_MAX:
        raise InvalidInput.of(
            "password", f"has {len(password)} characters. Use {PASSWORD_MIN} to {_PASSWORD_MAX}"
        )


_ABLE_ADMINISTRATORS: Final = (
    select(PEOPLE.c.id)
    .where(PEOPLE.c.role == Role.ADMIN.value, PEOPLE.c.disabled_at.is_(None))
    .where(PEOPLE.c.password_digest.is_not(None))
    .order_by(PEOPLE.c.id)
)
"""Administrators who can sign in."""


def _invited_administrators(now: float) -> Select[str]:
    """Return the query for administrators whom somebody invited and who can still use that code.

    A code that an earlier start created does not count: each start replaces it. The audit log tells the two apart.
    """
    invited = exists().where(
        AUDIT.c.subject == PEOPLE.c.id, AUDIT.c.action == _INVITE, AUDIT.c.at >= now - CODE_SECONDS
    )
    return select(PEOPLE.c.id).where(
        PEOPLE.c.role == Role.ADMIN.value,
        PEOPLE.c.disabled_at.is_(None),
        has_usable_code(PEOPLE.c.id, now),
        invited,
    )


def _validated_role(name: str, role: str) -> Role:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(FieldProblem("name", "is not a valid name. Use 1 to 64 letters, digits, . _ - or @"))
    if role not in set(Role):
        problems.append(FieldProblem("role", f'"{role}" is not a role. Use {join_names(list(Role))}'))
    if problems:
        raise InvalidInput(tuple(problems))
    return Role(role)


def _view(row: RowMapping) -> PersonView:
    return PersonView(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        welcomed=row["password_digest"] is not None,
        sessions=row["sessions"],
    )
