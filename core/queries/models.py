"""Read models: frozen values that pages render, the API serialises and the command line prints.

Times are seconds since the epoch, durations are seconds unless the name says milliseconds.
"""

from core.engine.insights.models.audit import AuditView
from core.engine.insights.models.circuits import CircuitView, TransitionView
from core.engine.insights.models.deliveries import AttemptView, DeliveryDetail, DeliveryRow, MessageView
from core.engine.insights.models.endpoints import (
    DeletedEndpoint,
    EndpointOption,
    EndpointSummary,
    EndpointView,
)
from core.engine.insights.models.failures import FailureGroup, FailureGroups
from core.engine.insights.models.histogram import Histogram, HistogramBar, ListOverTime
from core.engine.insights.models.lists import BoundedCount, LanePage, Page, SearchBounds
from core.engine.insights.models.overview import LoopHealth, Overview
from core.engine.insights.models.traffic import Latency, Traffic, TrafficPoint

__all__ = [
    "AttemptView",
    "AuditView",
    "BoundedCount",
    "CircuitView",
    "DeletedEndpoint",
    "DeliveryDetail",
    "DeliveryRow",
    "EndpointOption",
    "EndpointSummary",
    "EndpointView",
    "FailureGroup",
    "FailureGroups",
    "Histogram",
    "HistogramBar",
    "LanePage",
    "Latency",
    "ListOverTime",
    "LoopHealth",
    "MessageView",
    "Overview",
    "Page",
    "SearchBounds",
    "Traffic",
    "TrafficPoint",
    "TransitionView",
]
