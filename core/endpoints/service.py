"""Endpoints: made, changed, given new secrets, deleted. Each change is checked whole, audited, and told at once."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry, AuditLog
from breakwater.core.crypto.vault import Vault
from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.domain.errors import NotFound, StoreUnavailable
from breakwater.core.domain.signing_secrets import check_secret
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target import AllowedNetworks, parse_endpoint_url, parse_target
from breakwater.core.endpoints.fields import Columns, Rules, columns_of
from breakwater.core.endpoints.secrets import new_secret
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.queries.circuits.pages import mentions
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.queries.endpoints.views import endpoint_view
from breakwater.core.queries.paging.cursors import Cursor, read_cursor
from breakwater.core.queries.paging.model import Page
from breakwater.core.settings import Settings
from breakwater.core.store.commands.pending import COUNT_LIMIT, cancel_some_pending, count_pending
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.format import format_actor

log = structlog.get_logger("breakwater.endpoints")

OVERLAP_SECONDS: Final = 24 * 3600.0
"""For how long the old secret signs beside the new one."""

OnChange = Callable[[str], Awaitable[None] | None]
"""Called after the commit with the id of an endpoint that changed; awaited where it returns something to await."""


class Endpoints:
    """The endpoints of the service."""

    def __init__(  # noqa: PLR0917 - in the order of the parts that it stands on
        self,
        database: Database,
        vault: Vault,
        ids: Ids,
        clock: Clock,
        settings: Settings,
        change_feed: ChangeFeed,
        on_change: OnChange,
    ) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._clock = clock
        self._change_feed = change_feed
        self._on_change = on_change
        self._journal = AuditLog(ids, clock)
        self._rules = Rules(
            AllowedNetworks.parse(settings.allowed_networks),
            settings.attempt_timeout_seconds,
            settings.lane_max_in_flight,
        )
        self._adhoc: dict[str, str] = {}

    async def get(self, endpoint_id: str) -> EndpointView:
        """Return one endpoint. Raises NotFound."""
        async with self._database.read() as connection:
            return endpoint_view(await _row(connection, endpoint_id))

    async def page(self, cursor: str | None, limit: int, text: str = "") -> Page[EndpointView]:
        """Return endpoints whose name or URL contains `text`, newest first, `limit` at a time.

        Raises InvalidInput for a cursor that is not good, and for a text that no endpoint can have.
        """
        now = self._clock.now()
        below = read_cursor(cursor, "ep", now)
        listed = select(ENDPOINTS).where(ENDPOINTS.c.deleted_at.is_(None), *mentions(text))
        listed = listed.order_by(ENDPOINTS.c.id.desc())
        if below is not None:
            listed = listed.where(ENDPOINTS.c.id < below)
        async with self._database.read() as connection:
            rows = (await connection.execute(listed.limit(limit + 1))).mappings().all()
        views = tuple(endpoint_view(row) for row in rows[:limit])
        return Page(views, str(Cursor(views[-1].id, now)) if len(rows) > limit else None)

    async def create(self, fields: Mapping[str, object], *, actor: str) -> tuple[EndpointView, str]:
        """Make an endpoint; return it and its secret, which is shown this once.

        `fields` are those of the API, and `secret` for one of the caller's own. Raises InvalidInput with
        every problem, TargetRefused among them.
        """
        columns = columns_of(fields, self._rules)
        secret = columns.pop("secret", None) or new_secret(SignatureScheme(columns["signature"]))
        row = self._new_row(columns, secret)

        async def write(connection: AsyncConnection) -> None:
            await self._insert(connection, row, actor, f"Made the endpoint {row['name']}")

        await self._database.writer.run(write)
        await self._tell(row["id"])
        return endpoint_view(row), secret

    async def update(self, endpoint_id: str, fields: Mapping[str, object], *, actor: str) -> EndpointView:
        """Change the fields that are given; None takes one back to its default. Raises NotFound and InvalidInput.

        A signature of another kind needs another kind of secret: `secret` must come with it.
        """

        async def write(connection: AsyncConnection) -> EndpointView:
            row = await _row(connection, endpoint_id)
            changes = self._changes(row, fields)
            if changes:
                await _update(connection, endpoint_id, changes)
                outcome = f"Changed {', '.join(sorted(fields))} of {row['name']}"
                await self._journal.write(
                    connection, AuditEntry(actor, "endpoint.update", endpoint_id, outcome)
                )
            return endpoint_view({**row, **changes})

        view = await self._database.writer.run(write)
        await self._tell(endpoint_id)
        return view

    async def rotate_secret(self, endpoint_id: str, *, actor: str, secret: str | None = None) -> str:
        """Give a new secret (or `secret`) and return it; the old one signs too for 24 hours.

        Raises NotFound, and InvalidInput for a secret of the wrong kind.
        """

        async def write(connection: AsyncConnection) -> str:
            row = await _row(connection, endpoint_id)
            scheme = SignatureScheme(row["signature"])
            if secret is not None:
                check_secret(scheme, secret)
            fresh = secret or new_secret(scheme)
            await _update(connection, endpoint_id, self._rotation(row, fresh))
            outcome = f"New secret for {row['name']}; the old one signs too for 24 hours"
            await self._journal.write(
                connection, AuditEntry(actor, "endpoint.rotate_secret", endpoint_id, outcome)
            )
            return fresh

        fresh = await self._database.writer.run(write)
        await self._tell(endpoint_id)
        return fresh

    async def delete(self, endpoint_id: str, *, actor: str, reason: str | None = None) -> int:
        """Delete an endpoint, cancel its pending deliveries, and return how many those were. Raises NotFound.

        Its row and its deliveries stay, for the history that names them. The deliveries are cancelled in steps after
        the deletion is committed; what this call cannot cancel, the expiry job cancels.
        """
        now = self._clock.now()

        async def write(connection: AsyncConnection) -> int:
            row = await _row(connection, endpoint_id)
            await _update(connection, endpoint_id, {"deleted_at": now, "updated_at": now, "adhoc_key": None})
            pending = await count_pending(connection, endpoint_id)
            count = f"{pending:,}{'+' if pending == COUNT_LIMIT else ''}"
            outcome = f"Deleted the endpoint {row['name']}; {count} pending deliveries are cancelled"
            entry = AuditEntry(actor, "endpoint.delete", endpoint_id, outcome, reason, affected=pending)
            await self._journal.write(connection, entry)
            return pending

        pending = await self._database.writer.run(write)
        self._adhoc = {key: known for key, known in self._adhoc.items() if known != endpoint_id}
        await self._tell(endpoint_id)
        why = f"The endpoint was deleted by {format_actor(actor)}"
        step = partial(cancel_some_pending, endpoint_id=endpoint_id, why=why, now=now)
        try:
            cancelled = await self._database.writer.run_in_steps(step)
        except StoreUnavailable as error:
            log.warning("endpoint.cancel_postponed", endpoint_id=endpoint_id, reason=str(error))
            return pending
        self._change_feed.publish("deliveries", endpoint_id)
        return cancelled

    async def adhoc(
        self, url: str, *, secret: str | None = None, signed: bool = True, **fields: object
    ) -> str:
        """Return the id of the endpoint that stands for a bare URL with these settings, made when there is none.

        It subscribes to nothing. Without `secret` it gets one of its own, or none when not `signed`. Raises
        TargetRefused, and InvalidInput for wrong `fields` (those of `create`).
        """
        target = parse_endpoint_url(url, self._rules.allowed)
        key = _digest(target.url, secret, signed, fields)
        if (known := self._adhoc.get(key)) is not None:
            return known
        brought = {} if secret is None else {"secret": secret}
        columns = columns_of({"url": url, **brought, **fields}, self._rules)
        fresh = columns.pop("secret", None) or new_secret(SignatureScheme(columns["signature"]))
        row = self._new_row(columns | {"adhoc_key": key}, fresh if signed else None)
        return await self._find_or_make(row, f"Made an endpoint for messages to {target.origin}")

    async def _find_or_make(self, row: Columns, outcome: str) -> str:
        known = select(ENDPOINTS.c.id).where(ENDPOINTS.c.adhoc_key == row["adhoc_key"])

        async def write(connection: AsyncConnection) -> str:
            earlier = (await connection.execute(known)).scalar_one_or_none()
            if earlier is None:
                await self._insert(connection, row, "breakwater", outcome)
            return str(earlier or row["id"])

        try:
            endpoint_id = await self._database.writer.run(write)
        except IntegrityError:  # another node made it between the look and the insert
            endpoint_id = await self._database.writer.run(write)
        # At once after the commit: a deletion that was committed later must find it, and forget it.
        self._adhoc[row["adhoc_key"]] = endpoint_id
        await self._tell(endpoint_id)
        return endpoint_id

    async def _insert(self, connection: AsyncConnection, row: Columns, actor: str, outcome: str) -> None:
        await connection.execute(insert(ENDPOINTS), row)
        await self._journal.write(connection, AuditEntry(actor, "endpoint.create", row["id"], outcome))

    def _new_row(self, columns: Columns, secret: str | None) -> Columns:
        endpoint_id = self._ids.make("ep")
        now = self._clock.now()
        return {
            "id": endpoint_id,
            "adhoc_key": None,
            "state": "enabled",
            "state_reason": None,
            "secret": None if secret is None else self._vault.seal(secret, context=endpoint_id),
            "previous_secret": None,
            "previous_secret_until": None,
            "throttled_until": None,
            "created_at": now,
            "updated_at": now,
            "deleted_at": None,
            **columns,
            "name": columns["name"] or parse_target(columns["url"], self._rules.allowed).host,
        }

    def _changes(self, row: RowMapping, fields: Mapping[str, object]) -> Columns:
        sealed = row["secret"]
        secret = None if sealed is None else self._vault.open(sealed, context=row["id"])
        changes = columns_of(fields, self._rules, {**row, "secret": secret})
        if not changes:
            return {}
        if "name" in changes:
            changes["name"] = changes["name"] or row["name"]
        if (fresh := changes.pop("secret", None)) is not None:
            changes |= self._rotation(row, fresh)
        return changes | {"updated_at": self._clock.now()}

    def _rotation(self, row: RowMapping, secret: str) -> Columns:
        now = self._clock.now()
        return {
            "secret": self._vault.seal(secret, context=row["id"]),
            "previous_secret": row["secret"],
            "previous_secret_until": None if row["secret"] is None else now + OVERLAP_SECONDS,
            "updated_at": now,
        }

    async def _tell(self, endpoint_id: str) -> None:
        """Let the lanes know before the caller does: its next message must find what it was just told."""
        reloading = self._on_change(endpoint_id)
        if reloading is not None:
            await reloading
        self._change_feed.publish("endpoints", endpoint_id)
        self._change_feed.publish("audit", endpoint_id)


async def _row(connection: AsyncConnection, endpoint_id: str) -> RowMapping:
    found = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_(None))
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NotFound("endpoint", endpoint_id)
    return row


async def _update(connection: AsyncConnection, endpoint_id: str, values: Columns) -> None:
    await connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id).values(values))


def _digest(*context: object) -> str:
    return hashlib.sha256(json.dumps(context, sort_keys=True, default=str).encode()).hexdigest()
