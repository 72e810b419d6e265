"""What a person may do to deliveries, circuits and lanes: each leaves an audit entry, and says what follows."""

from core.engine.audit import Journal
from core.engine.directory import Directory
from core.engine.dispatcher import Dispatcher
from core.engine.hints import Hints
from core.engine.operations.circuits import CircuitOperations
from core.engine.operations.deliveries import DeliveryOperations
from core.engine.operations.done import Done
from core.engine.operations.lanes import LaneOperations
from core.engine.operations.parts import Parts
from core.ids import Ids
from core.ports import Clock
from core.sql.engine import Database

__all__ = ["Done", "Operations"]


class Operations:
    """Every operation, under one name. `actor` is `person:<name>` or `key:<name>`.

    Each raises NotFound for an id that is not there, Conflict where the state does not allow it, and StoreUnavailable.
    """

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        dispatcher: Dispatcher,
        clock: Clock,
        ids: Ids,
        hints: Hints,
    ) -> None:
        journal = Journal(ids, clock)
        parts = Parts(database, directory, dispatcher, clock, ids, hints, journal)
        deliveries = DeliveryOperations(parts)
        circuits = CircuitOperations(parts)
        lanes = LaneOperations(parts)
        self.resend = deliveries.resend
        self.cancel = deliveries.cancel
        self.reset = circuits.reset
        self.probe = circuits.probe
        self.hold = circuits.hold
        self.release = circuits.release
        self.pause = lanes.pause
        self.resume = lanes.resume
