"""The lock files name every dependency with a version and hashes, and the Makefile installs nothing else."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
OWN_NAME = canonicalize_name(PROJECT["project"]["name"])
FILES = {"requirements.txt": "server", "constraints.txt": "dev"}
"""The extra that each lock file is for."""


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes of each package in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    packages = {}
    for line in text.splitlines():
        requirement, *hashes = line.split("--hash=sha256:")
        parsed = Requirement(requirement)
        (specifier,) = parsed.specifier
        assert specifier.operator == "==", line
        assert hashes, f"{parsed.name} has no hash in {name}"
        assert all(re.fullmatch(r"[0-9a-f]{64}", value.strip()) for value in hashes), line
        packages[canonicalize_name(parsed.name)] = (specifier.version, frozenset(map(str.strip, hashes)))
    return packages


def declared(extra: str) -> list[Requirement]:
    """Return the requirements of an extra and of those that it includes."""
    requirements = []
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == OWN_NAME:
            requirements += [included for name in requirement.extras for included in declared(name)]
        else:
            requirements.append(requirement)
    return requirements


@pytest.mark.parametrize(("name", "extra"), FILES.items())
def test_every_declared_dependency_is_locked_with_hashes(name: str, extra: str) -> None:
    packages = locked(name)
    for requirement in [*declared(extra), *map(Requirement, PROJECT["build-system"]["requires"])]:
        version, _hashes = packages[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: run make lock"


def test_the_service_runs_with_the_versions_that_the_tests_use() -> None:
    development = locked("constraints.txt")
    for package, version_and_hashes in locked("requirements.txt").items():
        assert development[package] == version_and_hashes


@pytest.mark.parametrize(("target", "name"), [("run", "requirements.txt"), ("install", "constraints.txt")])
def test_make_installs_only_locked_files_and_the_project_itself(
    target: str, name: str, tmp_path: Path
) -> None:
    done = subprocess.run(  # noqa: S603 - our own Makefile
        [  # noqa: S607 - the one on the path
            "make",
            "--no-print-directory",
            "--dry-run",
            "-C",
            str(ROOT),
            target,
            f"VENV={tmp_path / 'venv'}",
            f"PYTHON={sys.executable}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    installs = [line.partition(" install ")[2] for line in done.stdout.splitlines() if "pip install" in line]
    assert installs == [
        f"--quiet --require-hashes --requirement {name}",
        "--quiet --no-deps --no-build-isolation --editable .",
    ]
