"""Claims due deliveries, sends them and saves the results: the loop of the engine."""

import asyncio
from collections.abc import Awaitable, Collection, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar, assert_never

import structlog

from breakwater.core.counters import DeliveryCounters
from breakwater.core.delivery.attempt import AttemptResult, attempt, internal_error
from breakwater.core.delivery.attempt_record import evaluate, log_attempt, log_postponed
from breakwater.core.delivery.change_feed import ChangeFeed
from breakwater.core.delivery.endpoint_cache import DeliveryTarget, EndpointCache
from breakwater.core.delivery.endpoint_changes import EndpointChanges
from breakwater.core.delivery.lane import Lane
from breakwater.core.delivery.scheduler import Scheduler, Slot
from breakwater.core.delivery.shortage import ShortageMonitor
from breakwater.core.domain.circuit import CircuitBreaker, CircuitState
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.outcome import Outcome, TransportFailure
from breakwater.core.domain.states import DeliveryState
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock, Draw, Sender
from breakwater.core.store.batch import Command
from breakwater.core.store.circuits import load_breakers
from breakwater.core.store.commands.claim import ClaimDue, ClaimedDelivery
from breakwater.core.store.commands.pending import read_lane_states
from breakwater.core.store.commands.record import SaveAttempt, Superseded
from breakwater.core.store.commands.recover import ReleaseClaim, ReleaseUnacknowledged, RequeueExpired
from breakwater.core.store.engine import Database

log = structlog.get_logger("breakwater.dispatcher")

POLL_SECONDS: Final = 15.0
"""How often every lane is compared with the database. It repairs what a lost notification left behind."""
_RETRY_SECONDS: Final = 0.5
_MAX_RETRY_SECONDS: Final = 10.0

R = TypeVar("R")
T = TypeVar("T")


class Dispatcher:
    """Delivers for all lanes concurrently."""

    def __init__(
        self,
        *,
        endpoint_cache: EndpointCache,
        endpoint_changes: EndpointChanges,
        database: Database,
        sender: Sender,
        clock: Clock,
        ids: Ids,
        draw: Draw,
        change_feed: ChangeFeed,
        node_id: str,
        max_in_flight: int,
    ) -> None:
        self._endpoint_cache = endpoint_cache
        self._endpoint_changes = endpoint_changes
        self._database = database
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._draw = draw
        self._change_feed = change_feed
        self._node_id = node_id
        self.counters = DeliveryCounters()
        self.shortages = ShortageMonitor(clock, change_feed)
        self._timer_changed = asyncio.Event()
        self._scheduler = Scheduler(
            endpoint_cache,
            clock,
            max_in_flight=max_in_flight,
            fetch=self._start_fetch,
            on_timer=self._timer_changed.set,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: dict[tuple[str, str], asyncio.Task[None]] = {}
        """The task of each claim, by delivery id and token."""
        self._interruptible: set[tuple[str, str]] = set()
        """Claims that wait for a receiver, or to retry a write. A drain cancels them when its time is up."""
        self._interrupted = False
        endpoint_cache.on_change(self._scheduler.reconfigure)
        endpoint_changes.add_reader(self.refresh)

    # --- called by intake, operations and recovery

    def reserve(self, endpoint_id: str) -> Slot | None:
        """Take a slot for a delivery that is just being accepted; None when it has to wait for its turn."""
        return self._scheduler.reserve(endpoint_id)

    def start(self, slot: Slot, claim: ClaimedDelivery) -> None:
        """Send a claimed delivery. The dispatcher releases the slot, and takes it again if it was released already."""
        held = self._scheduler.take_slot(slot.lane) if slot.released else slot
        self._in_flight[claim.delivery_id, claim.token] = self._spawn(self._deliver(held, claim))

    @property
    def slots_taken(self) -> int:
        """How many slots are taken: the attempts in flight, and the reservations of messages being accepted."""
        return self._scheduler.in_flight

    @property
    def in_flight(self) -> Collection[tuple[str, str]]:
        """The claims of this process, as delivery id and token, until their results are saved."""
        return self._in_flight

    def note_due(self, endpoint_id: str, due: float | None = None) -> None:
        """Note that the endpoint has a pending delivery, due now by default."""
        self._scheduler.note_due(endpoint_id, due)

    async def refresh(self, endpoint_ids: Collection[str]) -> None:
        """Read the circuits of these endpoints again."""
        lanes = [lane for id_ in endpoint_ids if (lane := self._scheduler.lane(id_)) is not None]
        if not lanes:
            return
        breakers = await self._load_breakers([lane.endpoint for lane in lanes])
        for lane in lanes:
            self._adopt(lane, breakers[lane.endpoint.id])
            self._scheduler.schedule(lane)

    # --- the loop

    async def load(self) -> None:
        """Read the circuits of all endpoints, before anything is accepted or sent."""
        endpoints = self._endpoint_cache.all()
        breakers = await self._load_breakers(endpoints)
        for endpoint in endpoints:
            self._scheduler.open_lane(endpoint, breakers[endpoint.id])

    async def _load_breakers(self, endpoints: Collection[DeliveryTarget]) -> dict[str, CircuitBreaker]:
        configs = {endpoint.id: endpoint.circuit for endpoint in endpoints}
        async with self._database.read() as connection:
            return await connection.run_sync(partial(load_breakers, configs=configs, lock=False))

    async def run(self) -> None:
        """Run the lanes' timers until cancelled."""
        while True:
            self._scheduler.run_timers()
            await self._wait_for_timer(self._scheduler.next_timer())

    async def poll_regularly(self) -> None:
        """Poll the database until cancelled. It is a task of its own: timers run while nothing can be read."""
        while True:
            await self.poll()
            self.shortages.check()
            await self._clock.sleep(POLL_SECONDS)

    async def poll(self) -> None:
        """Compare every lane with the database, and read again the circuits that differ."""
        async with self._database.read() as connection:
            states = await read_lane_states(connection)
        await self.refresh([id_ for id_, _, generation in states if self._may_differ(id_, generation)])
        for endpoint_id, next_due, _ in states:
            if next_due is not None:
                self._scheduler.note_due(endpoint_id, next_due)

    def _may_differ(self, endpoint_id: str, generation: int) -> bool:
        """Return whether the lane may have missed a state of its circuit. Permits change within a generation."""
        lane = self._scheduler.lane(endpoint_id)
        return lane is not None and (
            generation > lane.breaker.generation or lane.breaker.state is CircuitState.HALF_OPEN
        )

    async def _wait_for_timer(self, at: float | None) -> None:
        """Return at `at`, or earlier when a lane set an earlier timer. Other tasks run in between in any case."""
        if self._timer_changed.is_set() or (at is not None and at <= self._clock.now()):
            await asyncio.sleep(0)
        else:
            waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._timer_changed.wait())}
            if at is not None:
                waits.add(asyncio.ensure_future(self._sleep_until(at)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        self._timer_changed.clear()

    async def _sleep_until(self, at: float) -> None:
        # The rest is computed here, not by the caller: time passes before a new task takes its first step.
        await self._clock.sleep(at - self._clock.now())

    # --- claims

    def _start_fetch(self, lane: Lane, limit: int) -> None:
        self._spawn(self._fetch(lane, limit))

    async def _fetch(self, lane: Lane, limit: int) -> None:
        """Claim up to `limit` due deliveries of the lane, and start to send them."""
        command = ClaimDue(
            endpoint_id=lane.endpoint.id,
            config=lane.endpoint.circuit,
            limit=limit,
            now=self._clock.now(),
            node_id=self._node_id,
            token=self._ids.make("clm"),
            lease_seconds=lease_seconds(lane.endpoint.timeout),
            make_id=self._ids.make,
        )
        try:
            await self._release_unacknowledged(lane)
            lane.unacknowledged_token = command.token
            claimed = await self._database.writer.submit(command)
            lane.unacknowledged_token = None
        except StoreUnavailable as unavailable:
            log.warning("claim.postponed", endpoint_id=lane.endpoint.id, reason=str(unavailable))
            self._scheduler.end_fetch(lane, self._clock.now() + _RETRY_SECONDS)
        except Exception:  # a lane that still waits for this claim would never claim again
            log.exception("claim.failed", endpoint_id=lane.endpoint.id)
            self._scheduler.end_fetch(lane, self._clock.now() + _MAX_RETRY_SECONDS)
        else:
            self._adopt(lane, claimed.breaker)
            for claim in claimed.deliveries:
                self.start(self._scheduler.take_slot(lane), claim)
            self._scheduler.end_fetch(lane, claimed.next_due)

    async def _release_unacknowledged(self, lane: Lane) -> None:
        """Release what the latest claim of the lane may have claimed without a response. Raises StoreUnavailable."""
        if lane.unacknowledged_token is None:
            return
        released = await self._database.writer.submit(
            ReleaseUnacknowledged(
                endpoint_id=lane.endpoint.id,
                config=lane.endpoint.circuit,
                token=lane.unacknowledged_token,
                now=self._clock.now(),
            )
        )
        lane.unacknowledged_token = None
        if released:
            log.warning("claim.unacknowledged", endpoint_id=lane.endpoint.id, deliveries=released)

    # --- attempts

    async def _deliver(self, slot: Slot, claim: ClaimedDelivery) -> None:
        """Send a claimed delivery and save the result."""
        try:
            if self._scheduler.closed or slot.lane.removed:
                # Nothing was sent. A maintenance job cancels pending deliveries of deleted endpoints.
                await self._write(self._release_of(slot.lane, claim), claim)
            elif self._clock.now() + slot.lane.endpoint.timeout >= claim.lease_until:
                await self._claim_again(slot.lane, claim)
            else:
                await self._attempt(slot.lane, claim)
        finally:
            self._in_flight.pop((claim.delivery_id, claim.token), None)
            slot.release()

    async def _claim_again(self, lane: Lane, claim: ClaimedDelivery) -> None:
        """Release a claim whose lease could end during its attempt, because its commit took long.

        Another process would send the delivery a second time.
        """
        log.warning("claim.released", delivery_id=claim.delivery_id, reason="the commit took too long")
        release = self._release_of(lane, claim)
        released: CircuitBreaker | Superseded = await self._write(release, claim)
        if not isinstance(released, Superseded):
            self._adopt(lane, released)  # its half-open permit is free again
            lane.note_due(release.due)

    def _release_of(self, lane: Lane, claim: ClaimedDelivery) -> ReleaseClaim:
        now = self._clock.now()
        return ReleaseClaim(claim, lane.endpoint.circuit, now, due=now)

    async def _attempt(self, lane: Lane, claim: ClaimedDelivery) -> None:
        result = await self._interruptibly(
            claim,
            attempt(
                lane.endpoint,
                webhook_id=claim.message_id,
                event_type=claim.event_type,
                body=claim.payload,
                sender=self._sender,
                clock=self._clock,
            ),
        )
        try:
            await self._save(lane, claim, result)
        except StoreUnavailable:
            raise
        except Exception as error:  # a result that cannot be saved must not look like a worker that died
            log.exception("attempt.not_saved", delivery_id=claim.delivery_id, attempt=claim.number)
            await self._save(lane, claim, replace(result, outcome=internal_error(lane.endpoint, error)))

    async def _save(self, lane: Lane, claim: ClaimedDelivery, result: AttemptResult) -> None:
        command, log_fields = evaluate(
            lane.endpoint,
            claim,
            result,
            clock=self._clock,
            draw=self._draw,
            make_id=self._ids.make,
            postpone_until=lane.postpone_until(self._clock.now()),
        )
        saved: CircuitBreaker | Superseded = await self._write(command, claim)
        if isinstance(saved, Superseded):
            # It may be saved already: the connection can be lost after the commit, and this was the repetition.
            self._endpoint_changes.mark_outdated([claim.endpoint_id])
            log.warning("delivery.superseded", delivery_id=claim.delivery_id, attempt=claim.number)
            return
        match command:
            case SaveAttempt():
                lane.on_attempt()
                self.counters.on_attempt(command.failure, result.duration_ms)
                self._apply(lane, command, saved)
                log_attempt(log_fields)
            case ReleaseClaim():
                self._postpone(lane, command, saved, result.outcome)
                log_postponed(log_fields)
            case _:
                assert_never(command)

    def _postpone(self, lane: Lane, release: ReleaseClaim, breaker: CircuitBreaker, outcome: Outcome) -> None:
        """Let the lane wait after a local shortage, and publish the change."""
        if isinstance(outcome, TransportFailure) and outcome.shortage is not None:
            self.shortages.note(outcome.shortage)
        self._adopt(lane, breaker)
        lane.on_shortage(release.now, release.due)
        lane.note_due(release.due)
        self._change_feed.publish("deliveries", release.claim.delivery_id)

    async def _write(self, command: Command[R], claim: ClaimedDelivery) -> R:
        """Submit what only this process knows, and repeat it while the database is unavailable.

        Raises StoreUnavailable only when a drain has no time left.
        """
        pause = _RETRY_SECONDS
        while True:
            try:
                return await self._database.writer.submit(command)
            except StoreUnavailable as unavailable:
                log.warning("record.postponed", delivery_id=claim.delivery_id, reason=str(unavailable))
                if self._interrupted:
                    raise
            await self._interruptibly(claim, self._clock.sleep(pause))
            pause = min(_MAX_RETRY_SECONDS, pause * 2)

    def _apply(self, lane: Lane, command: SaveAttempt, breaker: CircuitBreaker) -> None:
        """Update the lane after a saved attempt, and publish the change."""
        claim = command.claim
        admitted_now = claim.generation == breaker.generation
        self._adopt(lane, breaker, success=admitted_now and command.failure is None)
        if command.throttled_until is not None:
            lane.throttle(command.throttled_until)
        if command.state is DeliveryState.PENDING and command.next_attempt_at is not None:
            lane.note_due(command.next_attempt_at)
        if command.disable is not None:
            self._endpoint_changes.mark_outdated([claim.endpoint_id])
            self._change_feed.publish("endpoints", claim.endpoint_id)
        self._change_feed.publish("deliveries", claim.delivery_id)

    def _adopt(self, lane: Lane, breaker: CircuitBreaker, *, success: bool = False) -> None:
        if lane.on_circuit_change(breaker, success=success):
            self._change_feed.publish("circuits", lane.endpoint.id)

    # --- tasks

    async def drain(self, seconds: float) -> None:
        """Start nothing more, and wait up to `seconds` for attempts in flight; those that remain count as lost."""
        self._scheduler.closed = True
        deadline = asyncio.ensure_future(self._clock.sleep(seconds))
        finished = asyncio.ensure_future(self._finish_tasks())
        await asyncio.wait({deadline, finished}, return_when=asyncio.FIRST_COMPLETED)
        deadline.cancel()
        await self._interrupt()
        await finished

    async def _finish_tasks(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _interrupt(self) -> None:
        """End attempts whose responses can no longer be awaited. Should this write fail too, their leases end."""
        self._interrupted = True
        if not self._interruptible:
            return
        claims = list(self._interruptible)
        log.warning("drain.unfinished", attempts=len(claims))
        for claim in claims:
            self._in_flight[claim].cancel()
        try:
            await self._database.writer.submit(
                RequeueExpired(self._clock.now(), self._ids.make, claims=claims)
            )
        except StoreUnavailable as unavailable:
            log.warning("drain.not_recorded", reason=str(unavailable))

    async def _interruptibly(self, claim: ClaimedDelivery, work: Awaitable[T]) -> T:
        """Await `work`, which a drain may cancel."""
        key = (claim.delivery_id, claim.token)
        self._interruptible.add(key)
        try:
            return await work
        finally:
            self._interruptible.discard(key)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StoreUnavailable):
            log.error("dispatcher.task_failed", exc_info=error)
