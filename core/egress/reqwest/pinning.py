"""What an attempt tries in turn: each address with the client that is pinned to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from breakwater.core.domain.target import Target
from breakwater.core.egress.dns import Addresses
from breakwater.core.egress.limits import MAX_ADDRESSES, connecting_seconds
from breakwater.core.egress.reqwest.clients import Clients, PinnedAddress
from breakwater.core.egress.reqwest.keep_alive import KeepAlivePolicy


@dataclass(frozen=True, slots=True)
class _Plan:
    addresses: Addresses
    dials: tuple[PinnedAddress, ...]


class ConnectionPlan:
    """Makes the dials of a target, once for as long as its addresses stay the same."""

    def __init__(self, clients: Clients, connect_limit: float, *, kept: int) -> None:
        self._clients = clients
        self._connect_limit = connect_limit
        self._kept = kept
        self._plans: dict[tuple[str, float, bool], _Plan] = {}
        self._distrust = KeepAlivePolicy()

    def on_response(self, target: Target, status: int) -> None:
        """Note with which status the target answered: after a failure its connections are used once for a while."""
        self._distrust.on_response(target, status)

    def of(self, target: Target, timeout: float, addresses: Addresses) -> Sequence[PinnedAddress]:
        """Return what to try in turn. An address with a client comes first, for its connections are open."""
        limit = connecting_seconds(timeout, self._connect_limit)
        once = self._distrust.of(target)
        plan = self._plans.get((target.host, limit, once))
        if plan is None or plan.addresses is not addresses:
            plan = self._planned(target, limit, addresses, once=once)
        if len(plan.dials) == 1 or self._clients.has(plan.dials[0]):
            return plan.dials
        return sorted(plan.dials, key=lambda dial: not self._clients.has(dial))

    def _planned(self, target: Target, limit: float, addresses: Addresses, *, once: bool) -> _Plan:
        host = "" if target.literal else target.host
        plan = _Plan(
            addresses,
            tuple(PinnedAddress.to(address, host, limit, once=once) for address in addresses[:MAX_ADDRESSES]),
        )
        if len(self._plans) >= self._kept:
            self._plans.clear()
        self._plans[target.host, limit, once] = plan
        return plan
