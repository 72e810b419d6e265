"""Ad-hoc endpoints: created for messages to a URL, one for each URL and settings."""

import hashlib
import json
from typing import Final

from sqlalchemy import Select, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.audit_log import AuditEntry
from breakwater.core.delivery.context import EngineContext
from breakwater.core.delivery.endpoint_cache import DeliveryTarget
from breakwater.core.domain.errors import InvalidInput, StoreUnavailable
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.target import parse_endpoint_url
from breakwater.core.endpoints.adhoc_limits import AdhocLimits, AdhocRoom
from breakwater.core.endpoints.fields import Columns, parse_fields
from breakwater.core.endpoints.rows import EndpointRows
from breakwater.core.endpoints.secrets import new_secret
from breakwater.core.lru_map import LruMap
from breakwater.core.store.schema import ENDPOINTS

_CACHED_IDS: Final = 10_000
_TRIES: Final = 2


class AdhocEndpoints:
    """Finds the endpoint of a URL, or creates it. Ad-hoc endpoints subscribe to no event type."""

    def __init__(self, context: EngineContext, rows: EndpointRows, limits: AdhocLimits) -> None:
        self._database = context.database
        self._endpoint_cache = context.endpoint_cache
        self._endpoint_changes = context.endpoint_changes
        self._change_feed = context.change_feed
        self._audit_log = context.audit_log
        self._rows = rows
        self._room = AdhocRoom(limits, context.clock)
        self._ids = LruMap[str, str](_CACHED_IDS)
        """Endpoint ids by key. An id counts only while the endpoint cache has it."""

    async def find_or_create(
        self,
        url: str,
        *,
        owner: str | None = None,
        secret: str | None = None,
        signed: bool = True,
        **fields: object,
    ) -> DeliveryTarget:
        """Return the endpoint for `url` with these settings. An endpoint that was deleted is created again.

        A new endpoint counts for the sender `owner`; without one it is not limited. Without `secret` it gets a secret
        of its own, or none when not `signed`. Raises TargetRefused, InvalidInput for wrong `fields` (those of
        `Endpoints.create`), TooManyEndpoints, and StoreUnavailable.
        """
        target = parse_endpoint_url(url, self._rows.rules.allowed)
        key = _digest(target.url, secret, signed, fields)
        if (endpoint := self._cached(key)) is not None:
            return endpoint
        if (endpoint := await self._read(key)) is not None:
            return endpoint
        if owner is not None:
            self._room.check_remembered(owner)
        own_secret = {} if secret is None else {"secret": secret}
        columns = parse_fields({"url": url, **own_secret, **fields}, self._rows.rules)
        created_secret = columns.pop("secret", None) or new_secret(SignatureScheme(columns["signature"]))
        for _ in range(_TRIES):
            row = self._rows.new_row(
                columns | {"adhoc_key": key, "adhoc_owner": owner}, created_secret if signed else None
            )
            endpoint = await self._find_or_insert(row, target.origin)
            if endpoint is not None:
                return endpoint
        raise InvalidInput.of("url", "has an endpoint that is being deleted; send the message again")

    def _cached(self, key: str) -> DeliveryTarget | None:
        endpoint_id = self._ids.get(key)
        return None if endpoint_id is None else self._endpoint_cache.get(endpoint_id)

    async def _read(self, key: str) -> DeliveryTarget | None:
        async with self._database.read() as connection:
            endpoint_id: str | None = (await connection.execute(_id_by_key(key))).scalar_one_or_none()
        if endpoint_id is None:
            return None
        self._ids[key] = endpoint_id
        return self._endpoint_cache.get(endpoint_id)

    async def _find_or_insert(self, row: Columns, origin: str) -> DeliveryTarget | None:
        key = row["adhoc_key"]

        async def write(connection: AsyncConnection) -> str:
            existing: str | None = (await connection.execute(_id_by_key(key))).scalar_one_or_none()
            if existing is not None:
                return existing
            if (owner := row["adhoc_owner"]) is not None:
                await self._room.check(connection, owner)
            await connection.execute(insert(ENDPOINTS), row)
            outcome = f"Endpoint for messages to {origin} created"
            entry = AuditEntry("breakwater", "endpoint.create", row["id"], outcome)
            await self._audit_log.write(connection, entry)
            return str(row["id"])

        try:
            endpoint_id = await self._database.writer.run(
                write, on_commit=lambda id_: self._on_found(key, id_)
            )
        except IntegrityError:  # another node inserted it after this transaction had looked
            endpoint_id = await self._database.writer.run(
                write, on_commit=lambda id_: self._on_found(key, id_)
            )
        await self._endpoint_changes.wait_until_read([endpoint_id])
        endpoint = self._endpoint_cache.get(endpoint_id)
        if endpoint is None and not self._endpoint_changes.health().healthy:
            raise StoreUnavailable("The endpoint of this URL cannot be read from the database.")
        return endpoint

    def _on_found(self, key: str, endpoint_id: str) -> None:
        self._ids[key] = endpoint_id
        self._endpoint_changes.mark_outdated([endpoint_id])
        for topic in ("endpoints", "audit"):
            self._change_feed.publish(topic, endpoint_id)


def _id_by_key(key: str) -> Select[str]:
    return select(ENDPOINTS.c.id).where(ENDPOINTS.c.adhoc_key == key)


def generated_key(url: str) -> str:
    """Return the key of the endpoint for messages to `url` whose secret Breakwater generated."""
    return _digest(url, None, True, {})


def _digest(*settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()
