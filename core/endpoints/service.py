"""Creates, updates, rotates and deletes endpoints. Each change is validated as a whole and audited."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.domain.errors import FieldProblem, InvalidInput, StoreUnavailable
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.endpoints.fields import Columns, parse_fields
from breakwater.core.endpoints.rows import EndpointRows
from breakwater.core.endpoints.secrets import new_secret
from breakwater.core.operations.rows import endpoint_row, format_pending
from breakwater.core.queries.circuits.pages import text_conditions
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.queries.endpoints.views import endpoint_view
from breakwater.core.queries.paging.cursors import Cursor, read_cursor
from breakwater.core.queries.paging.model import Page
from breakwater.core.store.commands.pending import cancel_some_pending, count_pending
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.format import format_actor, join_names

log = structlog.get_logger("breakwater.endpoints")

T = TypeVar("T")


class Endpoints:
    """The endpoints of the service."""

    def __init__(self, context: EngineContext, rows: EndpointRows) -> None:
        self._database = context.database
        self._clock = context.clock
        self._change_feed = context.change_feed
        self._endpoint_changes = context.endpoint_changes
        self._audit_log = context.audit_log
        self._rows = rows

    async def get(self, endpoint_id: str) -> EndpointView:
        """Return one endpoint. Raises NotFound."""
        async with self._database.read() as connection:
            return endpoint_view(await endpoint_row(connection, endpoint_id))

    async def page(self, cursor: str | None, limit: int, text: str = "") -> Page[EndpointView]:
        """Return endpoints whose name or URL contains `text`, newest first, `limit` at a time.

        Raises InvalidInput for a malformed cursor, and for a text that no endpoint can have.
        """
        now = self._clock.now()
        below = read_cursor(cursor, "ep", now)
        statement = select(ENDPOINTS).where(ENDPOINTS.c.deleted_at.is_(None), *text_conditions(text))
        statement = statement.order_by(ENDPOINTS.c.id.desc())
        if below is not None:
            statement = statement.where(ENDPOINTS.c.id < below)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.limit(limit + 1))).mappings().all()
        views = tuple(endpoint_view(row) for row in rows[:limit])
        return Page(views, str(Cursor(views[-1].id, now)) if len(rows) > limit else None)

    async def create(self, fields: Mapping[str, object], *, actor: str) -> tuple[EndpointView, str]:
        """Create an endpoint; return it and its secret, which is shown this once.

        `fields` are those of the API, and `secret` for a secret of the caller's choice. Raises InvalidInput with
        every problem, TargetRefused among them.
        """
        columns = parse_fields(fields, self._rows.rules)
        secret = columns.pop("secret", None) or new_secret(SignatureScheme(columns["signature"]))
        row = self._rows.new_row(columns, secret)

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(ENDPOINTS), row)
            entry = AuditEntry(actor, "endpoint.create", row["id"], f"Endpoint {row['name']} created")
            await self._audit_log.write(connection, entry)

        await self._commit(row["id"], write)
        return endpoint_view(row), secret

    async def find_problems(
        self, fields: Mapping[str, object], endpoint_id: str | None = None
    ) -> tuple[FieldProblem, ...]:
        """Return every problem of the fields of a new endpoint, or of changes to an endpoint. Raises NotFound."""
        try:
            if endpoint_id is None:
                parse_fields(fields, self._rows.rules)
            else:
                async with self._database.read() as connection:
                    row = await endpoint_row(connection, endpoint_id)
                self._rows.changed_columns(row, fields)
        except InvalidInput as invalid:
            return invalid.problems
        return ()

    async def update(self, endpoint_id: str, fields: Mapping[str, object], *, actor: str) -> EndpointView:
        """Change the given fields; None takes a field back to its default. Raises NotFound and InvalidInput.

        Another kind of signature needs another kind of secret, which must be given with it.
        """

        async def write(connection: AsyncConnection) -> EndpointView:
            row = await endpoint_row(connection, endpoint_id, lock=True)
            columns = self._rows.changed_columns(row, fields)
            if columns:
                await _update(connection, endpoint_id, columns)
                outcome = f"{join_names(sorted(fields), limit=len(fields))} of {row['name']} changed"
                entry = AuditEntry(actor, "endpoint.update", endpoint_id, outcome)
                await self._audit_log.write(connection, entry)
            return endpoint_view({**row, **columns})

        return await self._commit(endpoint_id, write)

    async def rotate_secret(self, endpoint_id: str, *, actor: str, secret: str | None = None) -> str:
        """Give the endpoint a new secret (or `secret`) and return it.

        The previous one signs too for 24 hours, where the signature has room for both (`SignatureScheme`).
        Raises NotFound, and InvalidInput for a secret of the wrong kind.
        """

        async def write(connection: AsyncConnection) -> str:
            row = await endpoint_row(connection, endpoint_id, lock=True)
            created = new_secret(SignatureScheme(row["signature"])) if secret is None else secret
            await _update(connection, endpoint_id, self._rows.rotated_columns(row, created))
            overlap = (
                "the previous one stays valid for 24 hours"
                if SignatureScheme(row["signature"]).signs_with_both
                else "the previous one no longer signs"
            )
            outcome = f"Secret of {row['name']} rotated; {overlap}"
            entry = AuditEntry(actor, "endpoint.rotate_secret", endpoint_id, outcome)
            await self._audit_log.write(connection, entry)
            return created

        return await self._commit(endpoint_id, write)

    async def delete(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> int:
        """Delete an endpoint, cancel its pending deliveries, and return how many those were. Raises NotFound.

        Its row and its deliveries stay, for the history that names them. The deliveries are cancelled in steps after
        the deletion is committed. A background job cancels the rest when this call is interrupted.
        """
        now = self._clock.now()

        async def write(connection: AsyncConnection) -> int:
            row = await endpoint_row(connection, endpoint_id, lock=True)
            await _update(connection, endpoint_id, {"deleted_at": now, "updated_at": now, "adhoc_key": None})
            pending = await count_pending(connection, endpoint_id)
            outcome = f"Endpoint {row['name']} deleted; {format_pending(pending)} cancelled"
            entry = AuditEntry(actor, "endpoint.delete", endpoint_id, outcome, reason, affected=pending)
            await self._audit_log.write(connection, entry)
            return pending

        pending = await self._commit(endpoint_id, write)
        cancel_reason = f"The endpoint was deleted by {format_actor(actor)}"
        step = partial(cancel_some_pending, endpoint_id=endpoint_id, reason=cancel_reason, now=now)
        try:
            cancelled = await self._database.writer.run_in_steps(step)
        except StoreUnavailable as error:
            log.warning("endpoint.cancel_postponed", endpoint_id=endpoint_id, reason=str(error))
            return pending
        self._change_feed.publish("deliveries", endpoint_id)
        return cancelled

    async def _commit(self, endpoint_id: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Commit a change. The caller's next message finds the endpoint as it is now."""

        def publish(_result: T) -> None:
            self._change_feed.publish("endpoints", endpoint_id)
            self._change_feed.publish("audit", endpoint_id)

        return await self._endpoint_changes.commit(endpoint_id, work, on_commit=publish)


async def _update(connection: AsyncConnection, endpoint_id: str, columns: Columns) -> None:
    await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(columns))
