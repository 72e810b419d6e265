"""Which endpoints subscribe to an event type, without looking at the others."""

from collections.abc import Collection


class Subscriptions:
    """Endpoint ids by event type. Ids are sorted, so the order does not depend on the order of changes."""

    def __init__(self) -> None:
        self._all_types: set[str] = set()
        """Endpoints that subscribe to every event type."""
        self._by_type: dict[str, set[str]] = {}
        self._types: dict[str, Collection[str]] = {}
        """The event types of each endpoint in `_by_type`."""

    def set(self, endpoint_id: str, event_types: Collection[str] | None) -> None:
        """Replace the subscription of an endpoint; None subscribes to every event type."""
        self.remove(endpoint_id)
        if event_types is None:
            self._all_types.add(endpoint_id)
            return
        self._types[endpoint_id] = event_types
        for event_type in event_types:
            self._by_type.setdefault(event_type, set()).add(endpoint_id)

    def remove(self, endpoint_id: str) -> None:
        """Remove an endpoint, if it is there."""
        self._all_types.discard(endpoint_id)
        for event_type in self._types.pop(endpoint_id, ()):
            endpoint_ids = self._by_type[event_type]
            endpoint_ids.discard(endpoint_id)
            if not endpoint_ids:
                del self._by_type[event_type]

    def get(self, event_type: str) -> list[str]:
        """Return the endpoints that subscribe to `event_type`."""
        return sorted(self._all_types.union(self._by_type.get(event_type, ())))
