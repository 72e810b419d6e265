"""Every endpoint in memory, ready to be sent to: intake and the lanes need them for each message."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, select

from breakwater.core.crypto.headers import open_headers
from breakwater.core.crypto.vault import Vault
from breakwater.core.delivery.subscriptions import Subscriptions
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.outcome import Headers
from breakwater.core.domain.retry import SERVICE_SCHEDULE, RetryPolicy
from breakwater.core.domain.states import EndpointState, SignatureScheme
from breakwater.core.domain.target import AllowedNetworks, Target, parse_target
from breakwater.core.store.circuits import circuit_config
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.credentials import public_names


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """An endpoint as an attempt needs it: URL parsed, secrets decrypted."""

    id: str
    target: Target | None
    """None when the URL is refused; `refusal` says why."""
    refusal: str | None
    subscribes_to: frozenset[str] | None
    """None: every event type."""
    state: EndpointState
    timeout: float
    """Seconds for one attempt."""
    policy: RetryPolicy
    circuit: CircuitBreakerConfig
    max_in_flight: int
    rate_limit: float | None
    """Attempts per second."""
    headers: Headers = field(repr=False)
    """Custom headers, decrypted."""
    signature: SignatureScheme
    secrets: tuple[str, ...] = field(repr=False)
    """Newest first. The second one signs too, until `old_secret_until`."""
    old_secret_until: float | None
    throttled_until: float | None
    public_headers: frozenset[str] = frozenset()
    """Names of the custom headers whose values may be stored and shown."""

    def secrets_at(self, now: float) -> tuple[str, ...]:
        """Return the secrets that sign at `now`: both while a rotation overlaps."""
        if self.old_secret_until is None or now < self.old_secret_until:
            return self.secrets
        return self.secrets[:1]

    def subscribes(self, event_type: str) -> bool:
        """Return whether the endpoint subscribes to this event type."""
        return self.subscribes_to is None or event_type in self.subscribes_to


class EndpointCache:
    """The endpoints that are not deleted, by id. Reload one after each commit that changes it."""

    def __init__(self, database: Database, vault: Vault, allowed: AllowedNetworks) -> None:
        self._database = database
        self._vault = vault
        self._allowed = allowed
        self._targets: dict[str, DeliveryTarget] = {}
        self._subscriptions = Subscriptions()
        self._listeners: list[Callable[[str, DeliveryTarget | None], None]] = []

    def on_change(self, listener: Callable[[str, DeliveryTarget | None], None]) -> None:
        """Call `listener` with the id of every endpoint that is reloaded, and the endpoint or None when deleted."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Read all endpoints."""
        await self._read(None)

    async def reload(self, endpoint_ids: Iterable[str]) -> None:
        """Read these endpoints again, and remove those that were deleted."""
        await self._read(frozenset(endpoint_ids))

    def get(self, endpoint_id: str) -> DeliveryTarget | None:
        """Return the endpoint, or None for an unknown or deleted id."""
        return self._targets.get(endpoint_id)

    def all(self) -> list[DeliveryTarget]:
        """Return every endpoint."""
        return list(self._targets.values())

    def subscribers(self, event_type: str) -> list[DeliveryTarget]:
        """Return every endpoint that subscribes to `event_type`, paused and disabled ones included."""
        return [self._targets[endpoint_id] for endpoint_id in self._subscriptions.get(event_type)]

    def __len__(self) -> int:
        return len(self._targets)

    async def _read(self, only: frozenset[str] | None) -> None:
        statement = select(ENDPOINTS).where(ENDPOINTS.c.deleted_at.is_(None)).order_by(ENDPOINTS.c.id)
        if only is not None:
            statement = statement.where(ENDPOINTS.c.id.in_(sorted(only)))
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        targets = {row["id"]: self._delivery_target(row) for row in rows}
        deleted = (self._targets.keys() if only is None else only) - targets.keys()
        self._targets.update(targets)
        for target in targets.values():
            self._subscriptions.set(target.id, target.subscribes_to)
        for endpoint_id in deleted:
            self._targets.pop(endpoint_id, None)
            self._subscriptions.remove(endpoint_id)
        for endpoint_id in (*targets, *deleted):
            self._notify(endpoint_id)

    def _notify(self, endpoint_id: str) -> None:
        for listener in self._listeners:
            listener(endpoint_id, self._targets.get(endpoint_id))

    def _delivery_target(self, row: RowMapping) -> DeliveryTarget:
        target, refusal = self._parse_url(row["url"])
        delays = tuple(row["retry_delays"]) or SERVICE_SCHEDULE.delays
        return DeliveryTarget(
            id=row["id"],
            target=target,
            refusal=refusal,
            subscribes_to=_subscription(row),
            state=EndpointState(row["state"]),
            timeout=row["timeout_seconds"],
            policy=RetryPolicy(delays, row["retry_jitter"]),
            circuit=circuit_config(row["circuit"]),
            max_in_flight=row["max_in_flight"],
            rate_limit=row["rate_limit_per_second"],
            headers=self._headers(row),
            public_headers=frozenset(public_names(row["headers"])),
            signature=SignatureScheme(row["signature"]),
            secrets=self._secrets(row),
            old_secret_until=row["previous_secret_until"],
            throttled_until=row["throttled_until"],
        )

    def _parse_url(self, url: str) -> tuple[Target | None, str | None]:
        try:
            return parse_target(url, self._allowed), None
        except TargetRefused as refused:
            return None, str(refused)

    def _headers(self, row: RowMapping) -> Headers:
        return tuple(open_headers(self._vault, row["id"], row["headers"], row["secret_headers"]).items())

    def _secrets(self, row: RowMapping) -> tuple[str, ...]:
        encrypted = (row["secret"], row["previous_secret"])
        return tuple(self._vault.open(blob, context=row["id"]) for blob in encrypted if blob is not None)


def _subscription(row: Any) -> frozenset[str] | None:
    if row["adhoc_key"] is not None:
        return frozenset()
    return frozenset(row["event_types"]) or None
