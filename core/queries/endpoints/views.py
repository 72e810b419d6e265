"""The view of an endpoint row, for pages, API and queries."""

from collections.abc import Mapping
from typing import Any

from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import EndpointState, SignatureScheme
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.store.circuits import circuit_config
from breakwater.core.text.credentials import MASK, public_names


def endpoint_view(row: Mapping[Any, Any]) -> EndpointView:
    """Return the view of an endpoint's row: defaults filled in, secret header values masked, no signing secret."""
    public = public_names(row["headers"])
    return EndpointView(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        url=row["url"],
        adhoc=row["adhoc_key"] is not None,
        event_types=tuple(row["event_types"]),
        state=EndpointState(row["state"]),
        state_reason=row["state_reason"],
        timeout_seconds=row["timeout_seconds"],
        retry_delays=tuple(row["retry_delays"]) or SERVICE_SCHEDULE.delays,
        retry_jitter=row["retry_jitter"],
        circuit=circuit_config(row["circuit"]),
        max_in_flight=row["max_in_flight"],
        rate_limit_per_second=row["rate_limit_per_second"],
        headers={name: value if name in public else MASK for name, value in row["headers"].items()},
        public_headers=public,
        signature=SignatureScheme(row["signature"]),
        secret_rotated_until=row["previous_secret_until"],
        throttled_until=row["throttled_until"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
