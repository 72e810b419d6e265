"""The JSON API under `/api/v1`.

One module per resource. `fast_intake` serves the hot path without the framework; `schema` has the request bodies, the
responses and the OpenAPI document. The names of route handlers are the operation ids of that document.
"""

from typing import Final

from breakwater.web.api.circuits import CIRCUITS
from breakwater.web.api.deliveries import DELIVERIES
from breakwater.web.api.endpoints import ENDPOINTS
from breakwater.web.api.keys import KEYS
from breakwater.web.api.messages import MESSAGES
from breakwater.web.api.replays import REPLAYS
from breakwater.web.api.reports import REPORTS

__all__ = ["API", "MESSAGES"]

API: Final = [*DELIVERIES, *ENDPOINTS, *CIRCUITS, *REPLAYS, *REPORTS, *KEYS]
"""Every route handler of the API but `MESSAGES`, whose requests may be as large as the payload cap allows."""
