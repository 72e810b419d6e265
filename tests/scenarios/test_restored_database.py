"""A backup is copied over the database of a killed service."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.processes import running_service, service_variables, start


def back_up(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as destination:
        source.backup(destination)


def test_a_backup_beside_the_log_of_a_killed_service_is_refused_until_the_log_is_moved_away(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "breakwater.db", tmp_path / "backup.db"
    with running_service(tmp_path) as service:
        service.endpoint("https://before.example/")
        back_up(path, copy)
        service.endpoint("https://after.example/")
        service.kill()
    with running_service(tmp_path) as service:
        assert len(service.api.get("/endpoints").json()["items"]) == 2
        service.endpoint("https://later.example/")
        service.kill()
    shutil.copyfile(copy, path)
    process = start(["serve"], tmp_path, service_variables(tmp_path))
    assert process.wait() == 2
    assert process.printed.count("\n") == 1
    assert "move breakwater.db-wal and breakwater.db-shm away" in process.printed
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    with running_service(tmp_path) as service:
        urls = [item["url"] for item in service.api.get("/endpoints").json()["items"]]
    assert urls == ["https://before.example/"]
