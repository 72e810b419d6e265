"""The page of a delivery with an internal error: it names the cause and does not blame the receiver."""

import pytest

from tests.web.running_app import RunningApp


async def test_an_internal_error_is_shown_as_such_with_its_cause(
    service: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault of the service")

    monkeypatch.setattr(service.sender, "send", fail)
    await service.endpoint()
    delivery = await service.send_one()
    await service.attempted(delivery, 1)
    page = (await service.api.get(f"/deliveries/{delivery}")).text
    attempt = page.split('id="attempt-1"')[1].split("</li>")[0]
    assert (
        "Breakwater failed, not the receiver: internal error: ZeroDivisionError: a fault of the service"
        in attempt
    )
    assert "worker" not in attempt
