"""Read models: frozen values that pages render, the API serialises and the command line prints.

Times are seconds since the epoch, durations are seconds unless the name says milliseconds.
"""

from breakwater.core.queries.audit import AuditView
from breakwater.core.queries.circuits.model import CircuitView, TransitionView
from breakwater.core.queries.deliveries.causes_model import FailureGroup, FailureGroups
from breakwater.core.queries.deliveries.histogram_model import Histogram, HistogramBar, ListOverTime
from breakwater.core.queries.deliveries.model import AttemptView, DeliveryDetail, DeliveryRow, MessageView
from breakwater.core.queries.endpoints.model import (
    DeletedEndpoint,
    EndpointOption,
    EndpointSummary,
    EndpointView,
)
from breakwater.core.queries.overview.model import Overview
from breakwater.core.queries.paging.model import BoundedCount, LanePage, Page, SearchBounds
from breakwater.core.queries.traffic.model import Latency, Traffic, TrafficPoint

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
    "MessageView",
    "Overview",
    "Page",
    "SearchBounds",
    "Traffic",
    "TrafficPoint",
    "TransitionView",
]
