"""What a person may do to deliveries, circuits and lanes: each leaves an audit entry, and says what follows."""

from core.engine.operations.circuits import CircuitOperations
from core.engine.operations.deliveries import DeliveryOperations
from core.engine.operations.done import Done
from core.engine.operations.lanes import LaneOperations
from core.engine.parts import Parts

__all__ = ["Done", "Operations"]


class Operations:
    """Every operation, under one name. `actor` is `person:<name>` or `key:<name>`.

    Each raises NotFound for an id that is not there, Conflict where the state does not allow it, and StoreUnavailable.
    """

    def __init__(self, parts: Parts) -> None:
        deliveries = DeliveryOperations(parts)
        circuits = CircuitOperations(parts)
        lanes = LaneOperations(parts)
        self.resend = deliveries.resend
        self.resend_many = deliveries.resend_many
        self.cancel = deliveries.cancel
        self.reset = circuits.reset
        self.probe = circuits.probe
        self.hold = circuits.hold
        self.release = circuits.release
        self.pause = lanes.pause
        self.resume = lanes.resume
