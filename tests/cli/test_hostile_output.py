"""No stored text of a service controls the terminal on which the command line prints it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner

from breakwater.web.cli import main

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J",
    "\r\nbreakwater: all is well",
    "a\x00b\x08\x08\x7f\x9b31m",
    "\u202egnitirw\u2066 \u2028",
    "[red]markup[/red] {0} %s",
    "🦑 漢字 " + "W" * 3_000,
)
STEERING = set(map(chr, (*range(9), *range(11, 32), *range(127, 160)))) | set(
    "\u2028\u202a\u202e\u2066\u2067"
)


def everything(text: str) -> dict[str, Any]:
    """Return one thing with every field that any command shows, each of them hostile."""
    shown = (
        "id",
        "endpoint_id",
        "endpoint_name",
        "state",
        "status",
        "error",
        "failure_class",
        "why",
        "event_type",
    )
    more = ("webhook_url", "words", "sentence", "name", "preview", "created_by", "trigger", "detail", "note")
    times = ("created_at", "retry_at", "last_used_at", "revoked_at", "timestamp", "up_to", "frozen_at")
    counts = (
        "failure_count",
        "held",
        "attempt_count",
        "resent",
        "skipped",
        "total",
        "pace",
        "affected",
        "count",
    )
    item: dict[str, Any] = dict.fromkeys((*shown, *more, *times), text)
    item |= dict.fromkeys(counts, 3) | {"hold": None, "total_more": False, "scopes": [text], "sender": text}
    item |= {"attempt_number": 1, "status_code": None, "response_time_ms": 5, "title": text}
    return item


def hostile_response(text: str, path: str) -> dict[str, Any]:
    item = everything(text)
    inner = {**item, "attempts": [item], "outcomes": {text: 1}, "states": {}, "endpoints": [item]}
    listed = path.partition("?")[0].rsplit("/", 1)[1] in {"circuits", "keys", "deliveries", "replays"}
    return {**inner, "deliveries": [item], **({"items": [inner], "next_cursor": None} if listed else {})}


@pytest.fixture(params=[200, 409])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[str, int, list[str]]]:
    """A service that responds to every request with the text in the list, with status 200 or as a problem."""
    request_path: list[str] = [""]

    class ResponseHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.dumps(hostile_response(request_path[0], self.path)).encode()
            self.send_response(request.param)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ResponseHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", request.param, request_path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "command",
    [
        "circuits",
        "circuits reset ep_1 --reason x",
        "deliveries",
        "deliveries dlv_1",
        "resend dlv_1",
        "send a.b {}",
        "keys",
        "replays",
        "replays show rpl_1",
        "replays start --status failed --dry-run",
        "replays cancel rpl_1",
    ],
)
def test_no_command_prints_terminal_control_sequences(
    service: tuple[str, int, list[str]], command: str
) -> None:
    url, status, request_path = service
    runner = CliRunner(env={"BREAKWATER_URL": url, "BREAKWATER_KEY": "bw_x", "COLUMNS": "200"})
    for text in HOSTILE:
        request_path[0] = text
        done = runner.invoke(main, command.split())
        assert done.exit_code == (0 if status == 200 else 1), done.output
        assert not STEERING & set(done.output), (command, done.output)
        assert not any(line.startswith("breakwater: all is well") for line in done.output.splitlines())
        assert "markup" not in text or "[red]" in done.output
