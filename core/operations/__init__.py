"""What a person may do to deliveries, circuits and lanes: each leaves an audit entry, and says what follows."""

from breakwater.core.delivery.context import EngineContext
from breakwater.core.operations.circuits import CircuitOperations
from breakwater.core.operations.deliveries import DeliveryOperations
from breakwater.core.operations.endpoints import EndpointOperations
from breakwater.core.operations.result import OperationResult

__all__ = ["OperationResult", "Operations"]


class Operations:
    """Every operation, under one name. `actor` is `person:<name>` or `key:<name>`.

    Each raises NotFound for an id that is not there, Conflict where the state does not allow it, and StoreUnavailable.
    """

    def __init__(self, context: EngineContext) -> None:
        self.deliveries = DeliveryOperations(context)
        self.circuits = CircuitOperations(context)
        self.endpoints = EndpointOperations(context)
