"""What an attempt tries in turn: each address with the client that is pinned to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from breakwater.core.domain.target import Target
from breakwater.core.egress.dns import Addresses
from breakwater.core.egress.limits import MAX_ADDRESSES, connect_timeout
from breakwater.core.egress.reqwest.client_pool import ClientPool, PinnedAddress
from breakwater.core.egress.reqwest.keep_alive import KeepAlivePolicy
from breakwater.core.lru_map import LruMap


@dataclass(frozen=True, slots=True)
class _Plan:
    addresses: Addresses
    pinned: tuple[PinnedAddress, ...]


class ConnectionPlan:
    """Which pinned addresses to try for a target; computed once for as long as its addresses stay the same."""

    def __init__(self, clients: ClientPool, connect_limit: float, *, max_plans: int) -> None:
        self._clients = clients
        self._connect_limit = connect_limit
        self._plans = LruMap[tuple[str, float, bool], _Plan](max_plans)
        self._keep_alive = KeepAlivePolicy()

    def on_response(self, target: Target, status: int) -> None:
        """Take in a response: after a failure the target's connections are closed after each use for a while."""
        self._keep_alive.on_response(target, status)

    def pins_for(self, target: Target, timeout: float, addresses: Addresses) -> Sequence[PinnedAddress]:
        """Return what to try in turn. An address that has a client comes first, because it has open connections."""
        limit = connect_timeout(timeout, self._connect_limit)
        close_after_use = self._keep_alive.closes_after_use(target)
        plan = self._plans.get((target.host, limit, close_after_use))
        if plan is None or plan.addresses is not addresses:
            plan = self._make_plan(target, limit, addresses, close_after_use=close_after_use)
        if len(plan.pinned) == 1 or plan.pinned[0] in self._clients:
            return plan.pinned
        return sorted(plan.pinned, key=lambda pinned: pinned not in self._clients)

    def _make_plan(
        self, target: Target, limit: float, addresses: Addresses, *, close_after_use: bool
    ) -> _Plan:
        host = "" if target.literal else target.host
        pinned = tuple(
            PinnedAddress.create(address, host, limit, close_after_use=close_after_use)
            for address in addresses[:MAX_ADDRESSES]
        )
        plan = _Plan(addresses, pinned)
        self._plans[target.host, limit, close_after_use] = plan
        return plan
