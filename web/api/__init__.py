"""The JSON API under `/api/v1`."""

from typing import Final

from web.api.circuits import CIRCUITS
from web.api.deliveries import DELIVERIES
from web.api.endpoints import ENDPOINTS
from web.api.keys import KEYS
from web.api.messages import MESSAGES
from web.api.replays import REPLAYS
from web.api.reports import REPORTS

API: Final = [*MESSAGES, *DELIVERIES, *ENDPOINTS, *CIRCUITS, *REPLAYS, *REPORTS, *KEYS]
"""Every route handler of the API."""
