"""The script in the README runs unchanged."""

import re
import subprocess
import sys
from pathlib import Path

import breakwater
from tests.processes import ROOT, ReceiverProcess, clean_environment

SPEC = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = (
    "CircuitState",
    "CircuitBreakerConfig",
    "CircuitBreaker",
    "WebhookDeliveryAttempt",
    "WebhookDelivery",
    "WebhookAdapter",
    "can_execute",
    "record_failure",
    "to_dict",
    "connect",
    "disconnect",
    "send",
    "send_batch",
    "get_status",
    "get_delivery_details",
    "get_circuit_breaker_status",
)


def readme_script() -> str:
    (script,) = re.findall(r"```python\n(.*?)```", SPEC, re.DOTALL)
    return str(script)


def test_every_name_of_the_adapters_contract_is_public() -> None:
    classes = (breakwater.CircuitBreaker, breakwater.WebhookAdapter, breakwater.WebhookDelivery)
    public = {*breakwater.__all__, *(name for kind in classes for name in dir(kind))}
    assert set(NAMES) - public == set()


def test_the_script_delivers_and_prints_it(tmp_path: Path, receiver: ReceiverProcess) -> None:
    path = tmp_path / "script.py"
    path.write_text(readme_script().replace("http://127.0.0.1:8421", receiver.url))
    allowed = f"127.0.0.1/32:{receiver.url.rpartition(':')[2]}"
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, path],
        cwd=tmp_path,
        env=clean_environment(BREAKWATER_ALLOWED_NETWORKS=allowed),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "delivered True" in done.stdout
    assert '"final_status"' in done.stdout.replace("'", '"')
    requests = receiver.received("/flaky")
    assert len(requests) == 6
    assert len({request["webhook_id"] for request in requests}) == 3
    assert all("x-webhook-signature" in request["headers"] for request in requests)
