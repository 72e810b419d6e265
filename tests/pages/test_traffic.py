"""Charts on the pages: the range in the URL, the marks of circuit changes, and the table."""

import re

import pytest

from breakwater.core.domain.outcome import Response
from tests.web.running_app import RunningApp


async def opened(service: RunningApp) -> str:
    """An endpoint whose circuit opened at its first failure."""
    endpoint = await service.endpoint(circuit={"failure_threshold": 1})
    service.sender.script("billing.example", Response(503, (), b""))
    accepted = await service.post("/messages", {"event_type": "a", "payload": 1}, 202)
    await service.attempted(accepted["deliveries"][0]["id"], 1)
    await service.quiet()
    return endpoint


@pytest.mark.parametrize("span", ["1h", "24h", "7d"])
async def test_pages_chart_the_range_in_the_url(service: RunningApp, span: str) -> None:
    endpoint = await opened(service)
    for path in ("/", f"/endpoints/{endpoint}"):
        page = (await service.api.get(f"{path}?range={span}")).text
        assert page.count('<svg class="chart') == 3
        assert f'href="{path}?range={span}#traffic" aria-current="true"' in page
        assert page.count('class="mark to-open"') == 3
        table = page.split('id="traffic-table"')[1].split("</details>")[0]
        assert re.search(r'<tr><th scope="row">.*became open: 1 consecutive failure', table)
        assert " style=" not in page


async def test_a_range_without_attempts_is_reported_and_an_unknown_range_lists_the_valid_ones(
    service: RunningApp,
) -> None:
    endpoint = await opened(service)
    service.later(2 * 3600)
    for path in ("/", f"/endpoints/{endpoint}"):
        page = (await service.api.get(f"{path}?range=yesterday")).text
        assert "Unknown range &#34;yesterday&#34;. Use 1h, 24h or 7d." in page
        assert "No attempts in the last hour" in page
        assert '<svg class="chart' not in page
        assert (await service.api.get(f"{path}?range=24h")).text.count('<svg class="chart') == 3


async def test_the_live_fragment_has_the_same_range(service: RunningApp) -> None:
    await opened(service)
    whole = (await service.api.get("/?range=24h")).text
    assert 'hx-get="/?range=24h"' in whole
    fragment = (await service.api.get("/?range=24h", headers={"HX-Request": "true"})).text
    assert 'href="/?range=24h#traffic" aria-current="true"' in fragment
