"""Every page, on a service whose names, messages and responses are hostile text."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

from playwright.sync_api import Page, expect

from tests.browser.scenarios import NEVER_AGAIN, ScriptedEndpoint, scripted_endpoint
from tests.processes import ReceiverProcess, Service

PASSWORD = "correct horse battery staple"
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "'-alert(1)-' {{ 7 * 7 }} ${7 * 7}",
    "\u202edetaert si siht\u202c",
    "🦑 zero\u200bwidth 漢字",
    "W" * 100,
    "\x1b[31mred\x1b[2J \x00 nul",
)
LINE = "W" * 1_000_000
LONGEST = 200_000
"""Characters of a line in a payload: the service takes 256 KiB."""
PHONE = {"width": 390, "height": 844}


class _HostileReceiver(BaseHTTPRequestHandler):
    """Responds to each webhook with hostile headers, and a body that is one line of a megabyte."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = f"{' '.join(HOSTILE)} {LINE}".encode()
        self.send_response(422, "<script>window.hacked = 1</script>")
        self.send_header("X-Hostile", HOSTILE[1])
        self.send_header("Location", "javascript:window.hacked=1")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def hostile_response(service: Service) -> str:
    """Return a delivery with hostile headers and a hostile body in its response."""
    receiver = HTTPServer(("127.0.0.1", 0), _HostileReceiver)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{receiver.server_port}/?q={HOSTILE[0]}".replace(" ", "%20")
    endpoint = service.endpoint(url, name=HOSTILE[2], retry=NEVER_AGAIN, event_types=["hostile.answered"])
    sent = service.send({"line": "W" * LONGEST}, event_type="hostile.answered", endpoint_ids=[endpoint])
    delivery: str = sent["deliveries"][0]["id"]
    service.delivery_once(delivery, "failed")
    receiver.shutdown()
    thread.join()
    receiver.server_close()
    return delivery


def hostile_endpoint(service: Service, receiver: ReceiverProcess) -> ScriptedEndpoint:
    """An endpoint whose name, description, headers, messages and failures are all hostile text."""
    endpoint = scripted_endpoint(
        service,
        receiver,
        name=HOSTILE[1],
        description=" ".join(HOSTILE[:2]),
        headers={"X-Hostile": HOSTILE[0]},
        public_headers=["X-Hostile"],
        circuit={"failure_threshold": 3, "timeout_seconds": 3600.0, "max_timeout_seconds": 3600.0},
    )
    endpoint.respond_with("status=422")
    for text in HOSTILE:
        sent = service.send({text: text}, event_type="hostile.sent", endpoint_ids=[endpoint.endpoint_id])
        service.delivery_once(sent["deliveries"][0]["id"], "failed")
    reason = {"reason": HOSTILE[1]}
    service.api.post(f"/circuits/{endpoint.endpoint_id}/hold", json=reason).raise_for_status()
    service.send({"held": HOSTILE}, event_type="hostile.sent", endpoint_ids=[endpoint.endpoint_id])
    hostile_response(service)
    hostile_actions(service, endpoint)
    replay = {"filter": {"event_type": "hostile.sent", "status": "failed"}, "pace": 0.001, **reason}
    service.api.post("/replays", json=replay).raise_for_status()
    deleted_id = service.endpoint(f"{receiver.url}/failing/gone", name=HOSTILE[0], event_types=["gone.sent"])
    service.api.delete(f"/endpoints/{deleted_id}").raise_for_status()
    return endpoint


def hostile_actions(service: Service, endpoint: ScriptedEndpoint) -> None:
    """Put hostile text into every other field: idempotency key, reasons, states, and content that is deep or long."""
    for payload in (
        b"[" * 849 + b"1," * 100_000 + b"1" + b"]" * 849,
        json.dumps("'\"<&>\u202e" * 9_000).encode(),
    ):
        service.api.post(
            "/messages",
            content=b'{"event_type":"hostile.sent","payload":' + payload + b"}",
            headers={"Idempotency-Key": f"{HOSTILE[1].replace(' ', '/')}{len(payload)}"},
        ).raise_for_status()
    held = service.api.get("/deliveries", params={"status": "held"}).json()["items"]
    cancelled = f"/deliveries/{held[0]['id']}"
    service.api.post(f"{cancelled}/cancel", json={"reason": HOSTILE[2]}).raise_for_status()
    service.api.post(f"{cancelled}/resend", json={"reason": HOSTILE[0]}).raise_for_status()
    paused = service.endpoint(
        f"{endpoint.receiver.url}/{'w' * 1_900}", name="W" * 120, description=f"{'W' * 1_900} {HOSTILE[1]}"
    )
    service.api.post(
        f"/endpoints/{paused}/pause", json={"reason": f"{HOSTILE[1]}{'W' * 400}"}
    ).raise_for_status()
    service.api.post("/keys", json={"name": "w" * 60, "scopes": ["read"]})


def every_page(service: Service, busy: ScriptedEndpoint, deliveries: int = len(HOSTILE) + 1) -> list[str]:
    """Return the path of every page for a person who is signed in, none of them empty.

    `deliveries` of the failed deliveries are among them; all but the newest differ only in their text.
    """
    failed = service.api.get("/deliveries", params={"status": "failed"}).json()["items"][:deliveries]
    held = service.api.get("/deliveries", params={"status": "held", "limit": 1}).json()["items"]
    replay = service.api.get("/replays").json()["items"][0]
    deleted_id = service.api.get("/audit", params={"action": "endpoint.delete", "limit": 1}).json()["items"][
        0
    ]["subject"]
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
        f"/endpoints/{deleted_id}",
        f"/created/{busy.endpoint_id}",
        *(f"/endpoints/{endpoint['id']}" for endpoint in service.api.get("/endpoints").json()["items"]),
        *(f"/deliveries/{delivery['id']}" for delivery in failed + held),
        *(f"/messages/{delivery['message_id']}" for delivery in failed[:1] + held),
        "/replays",
        "/replays/new?status=failed",
        f"/replays/{replay['id']}",
        "/audit",
        f"/audit?actor={HOSTILE[1]}",
        "/settings",
    ]


def responses_to_forms(page: Page, busy: ScriptedEndpoint) -> Iterator[str]:
    """Open the pages, dialogs and lists of problems that have no URL; yield the name of each."""
    for name, show in _RESPONSES_TO_FORMS.items():
        show(page, busy)
        yield name


def _key(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/settings")
    page.get_by_label("New key").fill("shown once")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#token")).to_contain_text("bw_")


def _invitation(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/settings")
    page.get_by_label("Invite").fill("vera")
    page.get_by_role("button", name="Create invite link").click()
    expect(page.locator("#link")).to_contain_text("/welcome#")


def _refused_name(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/settings")
    page.get_by_label("Invite").fill(HOSTILE[1])
    page.get_by_role("button", name="Create invite link").click()
    expect(page.locator("#person-problem")).to_contain_text("Name")


def _secret(page: Page, busy: ScriptedEndpoint) -> None:
    page.goto(f"/endpoints/{busy.endpoint_id}")
    page.locator("#rotate summary").click()
    page.get_by_role("button", name="Rotate secret").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")


def _refused_endpoint(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill("http://10.0.0.1/")
    page.get_by_label("Name", exact=True).fill(HOSTILE[1])
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.get_by_role("alert")).to_be_visible()


def _ticked(page: Page) -> None:
    page.goto("/deliveries?event_type=hostile.sent&status=failed")
    for place in (1, 2):
        page.get_by_role("table", name="Deliveries").get_by_role("checkbox").nth(place).check()


def _dialog(page: Page, _busy: ScriptedEndpoint) -> None:
    _ticked(page)
    page.get_by_role("button", name="Resend selected").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _confirmation(page: Page, _busy: ScriptedEndpoint) -> None:
    _ticked(page)
    page.locator("#selection").evaluate("form => form.submit()")  # as without scripts
    expect(page.get_by_role("heading", name="Resend 2 deliveries?")).to_be_visible()


def _replay_confirmation(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/replays/new?event_type=hostile.sent&class=client_error")
    page.locator("form[data-confirm]").evaluate("form => form.submit()")
    expect(page.get_by_role("heading", level=1)).to_contain_text("deliveries?")


def _shortcuts(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def _hold(page: Page, busy: ScriptedEndpoint) -> None:
    page.goto(f"/endpoints/{busy.endpoint_id}")
    page.locator(f"#hold-{busy.endpoint_id} summary").click()
    expect(page.get_by_label("Reason (shown to others)")).to_be_visible()


def _deleted_while_edited(page: Page, busy: ScriptedEndpoint) -> None:
    deleted_id = busy.service.endpoint(
        f"{busy.receiver.url}/steady", name=HOSTILE[1], headers={"Cookie": "a=b"}
    )
    page.goto(f"/endpoints/{deleted_id}/edit")
    busy.service.api.request("DELETE", f"/endpoints/{deleted_id}")
    page.get_by_label("Description").fill(HOSTILE[0])
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("was deleted")


def _preserved_at_sign_in(page: Page, _busy: ScriptedEndpoint) -> None:
    page.goto("/settings")
    page.get_by_label("New key").fill(HOSTILE[1])
    end_session(page)
    page.locator("form[action='/settings/keys']").evaluate("form => form.submit()")  # as without scripts
    expect(page.get_by_role("region", name="Your input")).to_contain_text(HOSTILE[1])


def _preserved_until_sent(page: Page, _busy: ScriptedEndpoint) -> None:
    """Continue from the sign-in page: sign in again."""
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Send form")).to_be_visible()


def end_session(page: Page) -> None:
    """Leave the browser with the cookie of a session that another person has ended."""
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "breakwater"]
    page.context.add_cookies([{**cookie, "value": "x" * 43}])  # type: ignore[typeddict-item]


_RESPONSES_TO_FORMS: dict[str, Callable[[Page, ScriptedEndpoint], None]] = {
    "a new key": _key,
    "an invitation": _invitation,
    "a name that is refused": _refused_name,
    "a new secret": _secret,
    "an endpoint that is refused": _refused_endpoint,
    "the dialog of a selection": _dialog,
    "the confirmation of a selection": _confirmation,
    "the confirmation of a replay": _replay_confirmation,
    "the shortcuts": _shortcuts,
    "the form of a hold": _hold,
    "an endpoint that was deleted while it was edited": _deleted_while_edited,
    "a preserved form at sign-in": _preserved_at_sign_in,
    "a preserved form": _preserved_until_sent,
}
