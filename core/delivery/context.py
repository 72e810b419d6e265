"""What intake, operations and the background loops work with."""

from dataclasses import dataclass

from breakwater.core.audit_log import Journal
from breakwater.core.delivery.change_feed import Hints
from breakwater.core.delivery.dispatcher import Dispatcher
from breakwater.core.delivery.endpoint_cache import Directory
from breakwater.core.ids import Ids
from breakwater.core.ports import Clock
from breakwater.core.store.engine import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a runtime that most of the engine needs."""

    database: Database
    directory: Directory
    dispatcher: Dispatcher
    clock: Clock
    ids: Ids
    hints: Hints
    journal: Journal
