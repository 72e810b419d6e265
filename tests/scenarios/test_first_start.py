"""The first start prints its URL, a sign-in link, a key and an example command that works."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.processes import Service, eventually, running_service


def first_start(folder: Path, **settings: object) -> "object":
    """Start with an empty database as `make run` does, on free ports."""
    return running_service(
        folder,
        **{
            "bootstrap_key": None,
            "allowed_networks": None,
            "example_endpoint": True,
            "log_format": None,
            **settings,
        },
    )


def pasted_line(service: Service) -> str:
    """Return the example command of the banner."""
    (line,) = (row.strip() for row in service.printed.splitlines() if row.strip().startswith("curl "))
    return line


def paste(line: str) -> dict[str, object]:
    """Send the request of the example command; not every machine has curl."""
    words = shlex.split(line)
    url, headers, body = words[1], words[3:-1:2], words[-1]
    pairs = dict(header.split(": ", 1) for header in headers if ": " in header)
    response = httpx.post(url, headers=pairs, content=body, trust_env=False)
    assert response.status_code == 202, response.text
    accepted: dict[str, object] = response.json()
    return accepted


def test_the_printed_command_is_delivered_to_the_example_receiver(tmp_path: Path) -> None:
    with first_start(tmp_path) as service:
        accepted = paste(pasted_line(service))
        key = re.search(r"bw_\S{30,}", service.printed)
        assert key
        api = httpx.Client(
            base_url=f"{service.url}/api/v1", headers={"authorization": f"Bearer {key[0].strip(chr(39))}"}
        )
        (delivery,) = accepted["deliveries"]

        def delivered() -> bool:
            detail = api.get(f"/deliveries/{delivery['id']}").json()
            return detail["status"] == "delivered" and len(detail["attempts"]) == 1

        eventually(delivered)
        api.close()


def test_the_printed_command_runs_with_curl(tmp_path: Path) -> None:
    with first_start(tmp_path) as service:
        done = subprocess.run(pasted_line(service), shell=True, capture_output=True, check=False)  # noqa: S602 - as pasted
    assert done.returncode == 0, done.stderr
    assert b'"deliveries"' in done.stdout


def test_the_sign_in_link_works_once(tmp_path: Path) -> None:
    with first_start(tmp_path) as service:
        code = service.sign_in_link.partition("#")[2]

        def use() -> int:
            form = {"code": code, "password": "correct horse battery staple"}
            return httpx.post(
                f"{service.url}/welcome", data=form, headers={"origin": service.url}
            ).status_code

        assert use() < 400
        assert use() >= 400


def test_the_next_start_prints_no_secret_and_creates_no_second_example(tmp_path: Path) -> None:
    with first_start(tmp_path, bootstrap_key=None) as service:
        code = service.sign_in_link.partition("#")[2]
        form = {"code": code, "password": "correct horse battery staple"}
        httpx.post(f"{service.url}/welcome", data=form, headers={"origin": service.url})
    with first_start(tmp_path, bootstrap_key="bw_" + "k" * 40) as service:
        assert "bw_" not in service.printed
        assert "/welcome#" not in service.printed
        api = httpx.Client(
            base_url=f"{service.url}/api/v1", headers={"authorization": f"Bearer bw_{'k' * 40}"}
        )
        endpoints = api.get("/endpoints").json()["items"]
        assert [endpoint["name"] for endpoint in endpoints] == ["Example receiver"]
        response = api.post("/messages", json={"event_type": "example.hello", "payload": {}})
        delivery_id = response.json()["deliveries"][0]["id"]
        eventually(lambda: api.get(f"/deliveries/{delivery_id}").json()["status"] == "delivered")
        api.close()


def test_a_plain_start_has_no_example_endpoint_and_no_receiver(tmp_path: Path) -> None:
    with running_service(tmp_path, example_endpoint=None, log_format=None) as service:
        assert service.api.get("/endpoints").json()["items"] == []
        assert "curl" not in service.printed


def test_with_json_logs_every_line_is_json_and_the_secrets_are_in_a_private_file(tmp_path: Path) -> None:
    with first_start(tmp_path, log_format="json") as service:
        file = tmp_path / "breakwater-first-start.txt"
        code = service.sign_in_link.partition("#")[2]
        assert code in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in service.printed.splitlines()]
    (started,) = (line for line in lines if line["event"] == "service.started")
    assert started["url"] == service.url
    assert started["first_start_file"] == str(file)
    assert code not in service.printed
    assert "bw_" not in service.printed


def test_a_first_start_file_of_another_user_is_replaced_and_not_written_to(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("mine")
    (tmp_path / "breakwater-first-start.txt").symlink_to(other)
    with first_start(tmp_path, log_format="json") as service:
        assert service.sign_in_link
    assert other.read_text() == "mine"
    assert not (tmp_path / "breakwater-first-start.txt").is_symlink()


def test_a_start_with_json_logs_and_no_secret_writes_no_file(tmp_path: Path) -> None:
    with first_start(tmp_path, log_format="json") as service:
        code = service.sign_in_link.partition("#")[2]
        form = {"code": code, "password": "correct horse battery staple"}
        httpx.post(f"{service.url}/welcome", data=form, headers={"origin": service.url})
    (tmp_path / "breakwater-first-start.txt").unlink()
    with first_start(tmp_path, log_format="json"):
        assert not (tmp_path / "breakwater-first-start.txt").exists()


def test_endpoints_at_other_loopback_ports_are_refused(tmp_path: Path) -> None:
    with first_start(tmp_path, bootstrap_key="bw_" + "k" * 40) as service:
        headers = {"authorization": f"Bearer bw_{'k' * 40}"}
        body = {"url": f"{service.url}/health/ready"}
        response = httpx.post(f"{service.url}/api/v1/endpoints", headers=headers, json=body)
    assert response.status_code == 422
    assert "127.0.0.1" in response.text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_key(tmp_path: Path, path: str) -> None:
    with first_start(tmp_path) as service:
        assert httpx.get(f"{service.url}{path}").status_code == 200
