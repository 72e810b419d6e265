"""No path makes the service fail: hostile parameters are 4xx, with and without a credential."""

import pytest

from tests.web.running_app import OURS, RunningApp
from tests.web.test_every_route import ENDLESS, routes

VALUES = (
    "%00",
    "a%00b",
    "%FF",
    "%F0%9F",
    "..",
    "%2e%2e%2fapp.css",
    "./app.css/..",
    "app.css/",
    "x" * 5_000,
    "%F0%9F%92%A9",
    "'%20or%201=1--",
    "%0d%0aSet-Cookie:%20a=b",
)


@pytest.mark.parametrize("value", VALUES)
async def test_a_hostile_path_parameter_is_a_4xx(service: RunningApp, value: str) -> None:
    for method, path in routes(service.app):
        if "{" not in path or path in ENDLESS:
            continue
        filled = path.partition("{")[0] + value + path.partition("}")[2]
        for client in (service.anonymous, service.api):
            response = await client.request(method, filled, headers=OURS)
            assert response.status_code < 500, (method, filled[:100], response.text[:300])
