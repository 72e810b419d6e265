"""What intake, operations and the background loops work with."""

from dataclasses import dataclass

from core.engine.audit import Journal
from core.engine.directory import Directory
from core.engine.dispatcher import Dispatcher
from core.engine.hints import Hints
from core.ids import Ids
from core.ports import Clock
from core.sql.engine import Database


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
