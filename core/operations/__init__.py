"""Operations of people on deliveries, circuits and endpoints. Each one writes an audit entry and says what follows."""

from breakwater.core.delivery.context import EngineContext
from breakwater.core.operations.circuits import CircuitOperations
from breakwater.core.operations.deliveries import DeliveryOperations
from breakwater.core.operations.endpoints import EndpointOperations
from breakwater.core.operations.result import OperationResult

__all__ = ["OperationResult", "Operations"]


class Operations:
    """Every operation, one attribute for each subject. An `actor` is `person:<name>` or `key:<name>`.

    Operations raise NotFound for an unknown id, Conflict where the state does not allow them, and StoreUnavailable.
    """

    def __init__(self, context: EngineContext) -> None:
        self.deliveries = DeliveryOperations(context)
        self.circuits = CircuitOperations(context)
        self.endpoints = EndpointOperations(context)
