"""A delivery that this process has claimed: everything an attempt needs, so that it asks the database nothing."""

from dataclasses import dataclass

from breakwater.core.domain.states import Trigger


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One claim. Whoever holds its `token` may record the result; nobody else can."""

    delivery_id: str
    message_id: str
    endpoint_id: str
    event_type: str
    payload: bytes
    token: str
    number: int
    """Of the attempt to be made, from 1; a resend continues it."""
    spent: int
    """Attempts of the retry budget used before this one."""
    trigger: Trigger
    generation: int
    """Of the circuit when it admitted this claim; a result of another generation does not step it."""
    retry_delays: tuple[float, ...] | None
    """The delivery's own schedule, when its caller gave one; else the endpoint's."""
