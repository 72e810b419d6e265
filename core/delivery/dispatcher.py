"""From lanes to claims to attempts to records: the heart of the service."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from breakwater.core.delivery.attempt import AttemptResult, attempt
from breakwater.core.delivery.attempt_record import evaluate, log_attempt
from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.delivery.endpoint_cache import DeliveryTarget, EndpointCache
from breakwater.core.delivery.lane import Lane
from breakwater.core.delivery.scheduler import Lanes
from breakwater.core.delivery.wake_event import WakeEvent
from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.verdict import Failed, RetryAt
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock, Draw, Sender
from breakwater.core.store.circuits import load_breakers
from breakwater.core.store.commands.claim import ClaimDue, ClaimedDelivery
from breakwater.core.store.commands.pending import next_due_by_endpoint
from breakwater.core.store.commands.record import PersistedAttempt, SaveAttempt, Superseded
from breakwater.core.store.commands.recover import ReleaseClaim, RequeueExpired
from breakwater.core.store.engine import Database

log = structlog.get_logger("breakwater.dispatcher")

POLL_SECONDS: Final = 15.0
"""How often every lane's oldest delivery is read again, lest a forgotten announcement delay it for ever."""
_STORE_PAUSE: Final = 0.5
_LONGEST_STORE_PAUSE: Final = 10.0


class Dispatcher:
    """Claims what is due, sends it, and records what came of it, for all lanes at once."""

    def __init__(
        self,
        *,
        endpoint_cache: EndpointCache,
        database: Database,
        sender: Sender,
        clock: Clock,
        ids: Ids,
        draw: Draw,
        change_feed: ChangeFeed,
        node_id: str,
        max_in_flight: int,
    ) -> None:
        self._directory = endpoint_cache
        self._database = database
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._draw = draw
        self._change_feed = change_feed
        self._node_id = node_id
        self._lanes = Lanes(endpoint_cache, max_in_flight, self._begin_claim)
        self._wake_event = WakeEvent(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, str] = {}
        """Delivery id -> token of the claims whose attempts have begun and are not recorded."""
        endpoint_cache.on_change(self._reconfigure)

    # --- what intake and operations say -------------------------------------------------------------

    def reserve(self, endpoint_id: str) -> int | None:
        """Take a slot for a delivery that is just being accepted, if it could go out this moment.

        Returns the generation of the circuit that admits it; the caller then either starts its work or cancels the
        reservation. None: there is no room, and the delivery waits its turn.
        """
        return self._lanes.reserve(endpoint_id, self._clock.now())

    def cancel_reservation(self, endpoint_id: str) -> None:
        """Give back a slot whose delivery was not accepted after all."""
        if (lane := self._lanes.get(endpoint_id)) is not None:
            self._lanes.end(lane, self._clock.now())

    def lease_for(self, endpoint: DeliveryTarget) -> float:
        """Return the seconds that a claim on this endpoint is leased for."""
        return lease_seconds(endpoint.timeout)

    def start(self, work: ClaimedDelivery) -> None:
        """Begin the attempt of a claim whose slot is reserved."""
        if (lane := self._lanes.get(work.endpoint_id)) is not None:
            self._spawn(self._deliver(lane, work))

    @property
    def under_way(self) -> Mapping[str, str]:
        """Delivery id -> token of the claims that this process is working at, be it only at writing their results."""
        return self._under_way

    def note_due(self, endpoint_id: str, due: float | None = None) -> None:
        """Take notice of a pending delivery of this endpoint, due now unless said otherwise."""
        now = self._clock.now()
        self._lanes.note_due(endpoint_id, now if due is None else due, now)
        self._wake_event.wake()

    async def refresh(self, endpoint_id: str) -> None:
        """Read the circuit of this endpoint again after a person changed it, and go on from there."""
        lane = self._lanes.get(endpoint_id)
        if lane is None:
            return
        configs = {endpoint_id: lane.endpoint.circuit}
        async with self._database.read() as connection:
            breakers = await connection.run_sync(partial(load_breakers, configs=configs, lock=False))
        lane.on_circuit_change(breakers[endpoint_id])
        self._lanes.schedule(lane, self._clock.now())
        self._wake_event.wake()

    # --- the loop --------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read the circuits of all endpoints, before anything is accepted or sent."""
        known = self._directory.all()
        configs = {endpoint.id: endpoint.circuit for endpoint in known}
        async with self._database.read() as connection:
            breakers = await connection.run_sync(partial(load_breakers, configs=configs, lock=False))
        for endpoint in known:
            self._lanes.open(endpoint, breakers[endpoint.id])

    async def run(self) -> None:
        """Look at every lane when its time comes, for ever."""
        looked_round_at = float("-inf")
        while True:
            now = self._clock.now()
            if now - looked_round_at >= POLL_SECONDS:
                await self._poll_due(now)
                looked_round_at = now
            self._lanes.schedule_due(now)
            timer = self._lanes.next_timer()
            until = looked_round_at + POLL_SECONDS
            await self._wake_event.wait(until if timer is None else min(timer, until))

    async def _poll_due(self, now: float) -> None:
        async with self._database.read() as connection:
            oldest = await next_due_by_endpoint(connection)
        for endpoint_id, due in oldest.items():
            self._lanes.note_due(endpoint_id, due, now)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more; wait up to `seconds` for what is under way; say of the rest that it may have arrived."""
        self._lanes.closed = True
        patience = asyncio.ensure_future(self._clock.sleep(seconds))
        ended = asyncio.ensure_future(self._all_ended())
        await asyncio.wait({patience, ended}, return_when=asyncio.FIRST_COMPLETED)
        patience.cancel()
        if self._under_way:
            await self._abandon(dict(self._under_way))
        await ended

    async def _all_ended(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _abandon(self, claims: Mapping[str, str]) -> None:
        """Give up attempts whose end nobody will wait for. The lease finds them again should this write fail too."""
        log.warning("drain.unfinished", attempts=len(claims))
        for task in self._tasks:
            task.cancel()
        try:
            lost = RequeueExpired(self._clock.now(), self._ids.make, claims=claims)
            await self._database.writer.submit(lost)
        except StoreUnavailable as problem:
            log.warning("drain.not_recorded", reason=str(problem))

    # --- claims ----------------------------------------------------------------------------------------

    def _begin_claim(self, lane: Lane, limit: int) -> None:
        lane.begin_claim()
        self._spawn(self._claim(lane, limit))

    async def _claim(self, lane: Lane, limit: int) -> None:
        command = ClaimDue(
            endpoint_id=lane.endpoint.id,
            config=lane.endpoint.circuit,
            limit=limit,
            now=self._clock.now(),
            node_id=self._node_id,
            token=self._ids.make("clm"),
            lease_seconds=self.lease_for(lane.endpoint),
            make_id=self._ids.make,
        )
        try:
            claimed = await self._database.writer.submit(command)
        except StoreUnavailable as problem:
            log.warning("claim.postponed", endpoint_id=lane.endpoint.id, reason=str(problem))
            lane.end_claim(self._clock.now() + _STORE_PAUSE)
        else:
            lane.end_claim(claimed.next_due)
            self._observe(lane, claimed.breaker)
            await self._take_up(lane, claimed.work)
        self._lanes.schedule(lane, self._clock.now())
        self._wake_event.wake()

    async def _take_up(self, lane: Lane, claimed: Sequence[ClaimedDelivery]) -> None:
        if self._lanes.closed:
            await self._give_back(claimed)
            return
        self._lanes.begin(lane, len(claimed))
        for work in claimed:
            self._spawn(self._deliver(lane, work))

    async def _give_back(self, claimed: Sequence[ClaimedDelivery]) -> None:
        now = self._clock.now()
        await asyncio.gather(*(self._database.writer.submit(ReleaseClaim(work, now)) for work in claimed))

    # --- attempts --------------------------------------------------------------------------------------

    async def _deliver(self, lane: Lane, work: ClaimedDelivery) -> None:
        self._under_way[work.delivery_id] = work.token
        try:
            ended = await attempt(
                lane.endpoint,
                webhook_id=work.message_id,
                body=work.payload,
                sender=self._sender,
                clock=self._clock,
            )
            await self._record(lane, work, ended)
        finally:
            self._under_way.pop(work.delivery_id, None)
            self._lanes.end(lane, self._clock.now())
            self._wake_event.wake()

    async def _record(self, lane: Lane, work: ClaimedDelivery, ended: AttemptResult) -> None:
        command = evaluate(
            lane.endpoint, work, ended, clock=self._clock, draw=self._draw, make_id=self._ids.make
        )
        match await self._submit_patiently(command):
            case Superseded():
                log.warning("delivery.superseded", delivery_id=work.delivery_id, attempt=work.number)
            case PersistedAttempt() as recorded:
                self._settle(lane, command, recorded)

    async def _submit_patiently(self, command: SaveAttempt) -> PersistedAttempt | Superseded:
        """Write the result, however long the database is away: it is known here and nowhere else."""
        pause = _STORE_PAUSE
        while True:
            try:
                return await self._database.writer.submit(command)
            except StoreUnavailable as problem:
                log.warning("record.postponed", delivery_id=command.work.delivery_id, reason=str(problem))
                await self._clock.sleep(pause)
                pause = min(_LONGEST_STORE_PAUSE, pause * 2)

    def _settle(self, lane: Lane, command: SaveAttempt, recorded: PersistedAttempt) -> None:
        work = command.work
        current = work.generation == recorded.breaker.generation
        self._observe(lane, recorded.breaker, success=current and command.failure is None)
        match command.verdict:
            case RetryAt(lane_until=float(until)) | Failed(lane_until=float(until)):
                lane.throttle(until)
            case _:
                pass
        if isinstance(command.verdict, RetryAt):
            lane.note_due(command.verdict.at)
        if recorded.endpoint_disabled:
            self._spawn(self._directory.reload([work.endpoint_id]))
            self._change_feed.publish("endpoints", work.endpoint_id)
        self._change_feed.publish("deliveries", work.delivery_id)
        log_attempt(command)

    def _observe(self, lane: Lane, breaker: CircuitBreaker, *, success: bool = False) -> None:
        if breaker.generation != lane.breaker.generation:
            self._change_feed.publish("circuits", lane.endpoint.id)
        lane.on_circuit_change(breaker, success=success)

    def _reconfigure(self, endpoint_id: str, endpoint: DeliveryTarget | None) -> None:
        self._lanes.reconfigure(endpoint_id, endpoint, self._clock.now())
        self._wake_event.wake()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatcher.task_failed", exc_info=error)
