"""Every page there is, and a service on which each of them has something to show: hostile text above all."""

from tests.browser.scenes import Scene, scene
from tests.processes import ReceiverProcess, Service

HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "'-alert(1)-' {{ 7 * 7 }} ${7 * 7}",
    "\u202edetaert si siht\u202c",
    "🦑 zero\u200bwidth 漢字",
    "W" * 100,
)
PHONE = {"width": 390, "height": 844}


def hostile_scene(service: Service, receiver: ReceiverProcess) -> Scene:
    """An endpoint whose name, description, headers, messages and failures are all hostile text."""
    made = scene(
        service,
        receiver,
        name=HOSTILE[1],
        description=" ".join(HOSTILE[:2]),
        headers={"X-Hostile": HOSTILE[0]},
        circuit={"failure_threshold": 3, "timeout_seconds": 3600.0, "max_timeout_seconds": 3600.0},
    )
    made.answers("status=422")
    for text in HOSTILE:
        sent = service.send({text: text}, event_type="hostile.sent", endpoint_ids=[made.endpoint_id])
        service.delivery_once(sent["deliveries"][0]["id"], "failed")
    reason = {"reason": HOSTILE[1]}
    service.api.post(f"/circuits/{made.endpoint_id}/hold", json=reason).raise_for_status()
    service.send({"held": HOSTILE}, event_type="hostile.sent", endpoint_ids=[made.endpoint_id])
    gone = service.endpoint(f"{receiver.url}/failing/gone", name=HOSTILE[0], event_types=["gone.sent"])
    service.api.delete(f"/endpoints/{gone}").raise_for_status()
    return made


def every_page(service: Service, busy: Scene) -> list[str]:
    """Return the path of every page that somebody who is signed in can open, with something on each."""
    failed = service.api.get("/deliveries", params={"status": "failed", "limit": 6}).json()["items"]
    held = service.api.get("/deliveries", params={"status": "held", "limit": 1}).json()["items"]
    gone = service.api.get("/audit", params={"action": "endpoint.delete", "limit": 1}).json()["items"][0][
        "subject"
    ]
    return [
        "/",
        "/?range=7d",
        "/deliveries",
        "/deliveries?status=failed",
        f"/deliveries?q={HOSTILE[0]}",
        "/deliveries?since=<b>never</b>",
        "/deliveries/causes",
        "/circuits",
        "/endpoints",
        "/endpoints/new",
        f"/endpoints/{busy.endpoint_id}",
        f"/endpoints/{busy.endpoint_id}?range=24h",
        f"/endpoints/{busy.endpoint_id}/edit",
        f"/endpoints/{gone}",
        *(f"/deliveries/{delivery['id']}" for delivery in failed + held),
        f"/messages/{failed[0]['message_id']}",
        "/replays",
        "/replays/new?status=failed",
        "/audit",
        f"/audit?actor={HOSTILE[1]}",
        "/settings",
    ]
