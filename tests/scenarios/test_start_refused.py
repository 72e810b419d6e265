"""The start is refused with one line of reason and remedy, and exit code 2."""

import socket
import sqlite3
from pathlib import Path

import pytest

from tests.processes import Service, running_service, start


def refusal(folder: Path, **settings: object) -> str:
    """Start the service, and return the one line that it prints."""
    chosen = {
        "port": 0,
        "database_url": f"sqlite+aiosqlite:///{folder / 'breakwater.db'}",
        "example_endpoint": False,
        **settings,
    }
    variables = {f"BREAKWATER_{name.upper()}": str(value) for name, value in chosen.items()}
    process = start(["serve"], folder, variables)
    assert process.wait() == 2, process.printed
    lines = process.printed.strip().splitlines()
    assert len(lines) == 1, process.printed
    assert lines[0].startswith("breakwater: ")
    return lines[0]


def test_a_start_with_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = refusal(tmp_path, port=port)
    assert f"127.0.0.1 port {port}" in message
    assert "--port" in message
    assert not (tmp_path / "breakwater.db").exists()


def test_a_start_on_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    assert "192.0.2.1" in refusal(tmp_path, host="192.0.2.1", bootstrap_key=f"bw_{'k' * 32}")


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path, service: Service) -> None:
    message = refusal(tmp_path)
    assert "breakwater.db" in message
    assert service.api.get("/circuits").status_code == 200


def test_a_start_with_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with running_service(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "breakwater.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffff'")
    assert "newer" in refusal(tmp_path)


def test_a_start_with_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "breakwater.db").write_bytes(b"this is no database, and never was one" * 100)
    message = refusal(tmp_path)
    assert "breakwater.db" in message


def test_a_start_with_a_damaged_database_is_refused(tmp_path: Path) -> None:
    with running_service(tmp_path):
        pass
    path = tmp_path / "breakwater.db"
    content = bytearray(path.read_bytes())
    content[4096 : 8 * 4096] = b"\xa5" * (7 * 4096)
    path.write_bytes(content)
    assert "breakwater.db" in refusal(tmp_path)


def test_a_start_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'breakwater.db'}"
    assert "missing" in refusal(tmp_path, database_url=url)


def test_a_start_on_a_network_address_without_an_administrator_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, host="0.0.0.0")
    assert "0.0.0.0" in message
    assert "BREAKWATER_BOOTSTRAP_KEY" in message


def test_a_start_on_a_network_address_with_a_credential_succeeds(tmp_path: Path) -> None:
    with running_service(tmp_path, host="0.0.0.0") as service:
        assert service.api.get("/circuits").status_code == 200


@pytest.mark.parametrize("name", ["PORT", "DRAIN_SECONDS"])
def test_a_start_with_an_invalid_setting_is_refused(tmp_path: Path, name: str) -> None:
    process = start(["serve"], tmp_path, {f"BREAKWATER_{name}": "many"})
    assert process.wait() == 2
    assert f"BREAKWATER_{name}" in process.printed
    assert "Traceback" not in process.printed
