"""From lanes to claims to attempts to records: the heart of the service."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from breakwater.core.delivery.attempt import Ended, attempt
from breakwater.core.delivery.attempt_record import judged, log_attempt
from breakwater.core.delivery.change_feed import Hints
from breakwater.core.delivery.endpoint_cache import Destination, Directory
from breakwater.core.delivery.lane import Lane
from breakwater.core.delivery.scheduler import Lanes
from breakwater.core.delivery.wake_event import Waker
from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.errors import StoreUnavailable
from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.verdict import Failed, RetryAt
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock, Draw, Sender
from breakwater.core.store.circuit_rows import load_breakers
from breakwater.core.store.commands.claim import ClaimDue
from breakwater.core.store.commands.claimed_delivery import Work
from breakwater.core.store.commands.due import next_due_by_endpoint
from breakwater.core.store.commands.record import RecordAttempt, Recorded, Superseded
from breakwater.core.store.commands.recover import ReleaseClaim, RescueLost
from breakwater.core.store.engine import Database

log = structlog.get_logger("breakwater.dispatcher")

LOOK_ROUND_SECONDS: Final = 15.0
"""How often every lane's oldest delivery is read again, lest a forgotten announcement delay it for ever."""
_STORE_PAUSE: Final = 0.5
_LONGEST_STORE_PAUSE: Final = 10.0


class Dispatcher:
    """Claims what is due, sends it, and records what came of it, for all lanes at once."""

    def __init__(
        self,
        *,
        directory: Directory,
        database: Database,
        sender: Sender,
        clock: Clock,
        ids: Ids,
        draw: Draw,
        hints: Hints,
        worker: str,
        max_in_flight: int,
    ) -> None:
        self._directory = directory
        self._database = database
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._draw = draw
        self._hints = hints
        self._worker = worker
        self._lanes = Lanes(directory, max_in_flight, self._begin_claim)
        self._waker = Waker(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, str] = {}
        """Delivery id -> token of the claims whose attempts have begun and are not recorded."""
        directory.on_change(self._redirect)

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

    def lease_for(self, destination: Destination) -> float:
        """Return the seconds that a claim on this endpoint is leased for."""
        return lease_seconds(destination.timeout)

    def start(self, work: Work) -> None:
        """Begin the attempt of a claim whose slot is reserved."""
        if (lane := self._lanes.get(work.endpoint_id)) is not None:
            self._spawn(self._deliver(lane, work))

    @property
    def under_way(self) -> Mapping[str, str]:
        """Delivery id -> token of the claims that this process is working at, be it only at writing their results."""
        return self._under_way

    def expect(self, endpoint_id: str, due: float | None = None) -> None:
        """Take notice of a pending delivery of this endpoint, due now unless said otherwise."""
        now = self._clock.now()
        self._lanes.expect(endpoint_id, now if due is None else due, now)
        self._waker.wake()

    async def refresh(self, endpoint_id: str) -> None:
        """Read the circuit of this endpoint again after a person changed it, and go on from there."""
        lane = self._lanes.get(endpoint_id)
        if lane is None:
            return
        configs = {endpoint_id: lane.destination.circuit}
        async with self._database.read() as connection:
            breakers = await connection.run_sync(partial(load_breakers, configs=configs, lock=False))
        lane.observe(breakers[endpoint_id])
        self._lanes.consider(lane, self._clock.now())
        self._waker.wake()

    # --- the loop --------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read the circuits of all endpoints, before anything is accepted or sent."""
        known = self._directory.all()
        configs = {destination.id: destination.circuit for destination in known}
        async with self._database.read() as connection:
            breakers = await connection.run_sync(partial(load_breakers, configs=configs, lock=False))
        for destination in known:
            self._lanes.open(destination, breakers[destination.id])

    async def run(self) -> None:
        """Look at every lane when its time comes, for ever."""
        looked_round_at = float("-inf")
        while True:
            now = self._clock.now()
            if now - looked_round_at >= LOOK_ROUND_SECONDS:
                await self._look_round(now)
                looked_round_at = now
            self._lanes.consider_due(now)
            timer = self._lanes.next_timer()
            until = looked_round_at + LOOK_ROUND_SECONDS
            await self._waker.wait(until if timer is None else min(timer, until))

    async def _look_round(self, now: float) -> None:
        async with self._database.read() as connection:
            oldest = await next_due_by_endpoint(connection)
        for endpoint_id, due in oldest.items():
            self._lanes.expect(endpoint_id, due, now)

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
            lost = RescueLost(self._clock.now(), self._ids.make, claims=claims)
            await self._database.writer.submit(lost)
        except StoreUnavailable as problem:
            log.warning("drain.not_recorded", reason=str(problem))

    # --- claims ----------------------------------------------------------------------------------------

    def _begin_claim(self, lane: Lane, limit: int) -> None:
        lane.begin_claim()
        self._spawn(self._claim(lane, limit))

    async def _claim(self, lane: Lane, limit: int) -> None:
        command = ClaimDue(
            endpoint_id=lane.destination.id,
            config=lane.destination.circuit,
            limit=limit,
            now=self._clock.now(),
            worker=self._worker,
            token=self._ids.make("clm"),
            lease_seconds=self.lease_for(lane.destination),
            make_id=self._ids.make,
        )
        try:
            claimed = await self._database.writer.submit(command)
        except StoreUnavailable as problem:
            log.warning("claim.postponed", endpoint_id=lane.destination.id, reason=str(problem))
            lane.end_claim(self._clock.now() + _STORE_PAUSE)
        else:
            lane.end_claim(claimed.next_due)
            self._observe(lane, claimed.breaker)
            await self._take_up(lane, claimed.work)
        self._lanes.consider(lane, self._clock.now())
        self._waker.wake()

    async def _take_up(self, lane: Lane, claimed: Sequence[Work]) -> None:
        if self._lanes.closed:
            await self._give_back(claimed)
            return
        self._lanes.begin(lane, len(claimed))
        for work in claimed:
            self._spawn(self._deliver(lane, work))

    async def _give_back(self, claimed: Sequence[Work]) -> None:
        now = self._clock.now()
        await asyncio.gather(*(self._database.writer.submit(ReleaseClaim(work, now)) for work in claimed))

    # --- attempts --------------------------------------------------------------------------------------

    async def _deliver(self, lane: Lane, work: Work) -> None:
        self._under_way[work.delivery_id] = work.token
        try:
            ended = await attempt(
                lane.destination,
                webhook_id=work.message_id,
                body=work.payload,
                sender=self._sender,
                clock=self._clock,
            )
            await self._record(lane, work, ended)
        finally:
            self._under_way.pop(work.delivery_id, None)
            self._lanes.end(lane, self._clock.now())
            self._waker.wake()

    async def _record(self, lane: Lane, work: Work, ended: Ended) -> None:
        command = judged(
            lane.destination, work, ended, clock=self._clock, draw=self._draw, make_id=self._ids.make
        )
        match await self._submit_patiently(command):
            case Superseded():
                log.warning("delivery.superseded", delivery_id=work.delivery_id, attempt=work.number)
            case Recorded() as recorded:
                self._settle(lane, command, recorded)

    async def _submit_patiently(self, command: RecordAttempt) -> Recorded | Superseded:
        """Write the result, however long the database is away: it is known here and nowhere else."""
        pause = _STORE_PAUSE
        while True:
            try:
                return await self._database.writer.submit(command)
            except StoreUnavailable as problem:
                log.warning("record.postponed", delivery_id=command.work.delivery_id, reason=str(problem))
                await self._clock.sleep(pause)
                pause = min(_LONGEST_STORE_PAUSE, pause * 2)

    def _settle(self, lane: Lane, command: RecordAttempt, recorded: Recorded) -> None:
        work = command.work
        current = work.generation == recorded.breaker.generation
        self._observe(lane, recorded.breaker, success=current and command.failure is None)
        match command.verdict:
            case RetryAt(lane_until=float(until)) | Failed(lane_until=float(until)):
                lane.throttle(until)
            case _:
                pass
        if isinstance(command.verdict, RetryAt):
            lane.expect(command.verdict.at)
        if recorded.endpoint_disabled:
            self._spawn(self._directory.reload([work.endpoint_id]))
            self._hints.publish("endpoints", work.endpoint_id)
        self._hints.publish("deliveries", work.delivery_id)
        log_attempt(command)

    def _observe(self, lane: Lane, breaker: CircuitBreaker, *, success: bool = False) -> None:
        if breaker.generation != lane.breaker.generation:
            self._hints.publish("circuits", lane.destination.id)
        lane.observe(breaker, success=success)

    def _redirect(self, endpoint_id: str, destination: Destination | None) -> None:
        self._lanes.redirect(endpoint_id, destination, self._clock.now())
        self._waker.wake()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatcher.task_failed", exc_info=error)
