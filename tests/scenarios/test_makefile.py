"""The targets of the Makefile on a checkout that was used before."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.processes import ROOT


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--no-print-directory", "-C", str(ROOT), *arguments],  # noqa: S607 - the one on the path
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def site_packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("make") / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    return folder


def install_former_distribution(environment: Path) -> None:
    """Install the distribution `breakwater`, as a checkout before its renaming did."""
    site = site_packages(environment)
    files = {
        "core/__init__.py": "",
        "web/__init__.py": "",
        "breakwater-0.1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: breakwater\nVersion: 0.1.0\n",
        "breakwater-0.1.0.dist-info/INSTALLER": "pip\n",
    }
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    record = "".join(f"{name},,\n" for name in (*files, "breakwater-0.1.0.dist-info/RECORD"))
    (site / "breakwater-0.1.0.dist-info/RECORD").write_text(record)


def test_the_former_distribution_is_removed_with_its_packages(environment: Path) -> None:
    install_former_distribution(environment)
    done = make("remove-former", f"VENV={environment}", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stdout + done.stderr
    names = {path.name for path in site_packages(environment).iterdir()}
    assert not {"core", "web", "breakwater-0.1.0.dist-info"} & names


def test_without_the_former_distribution_nothing_is_removed_and_nothing_is_printed(environment: Path) -> None:
    names = {path.name for path in site_packages(environment).iterdir()}
    done = make("remove-former", f"VENV={environment}", f"PYTHON={sys.executable}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in site_packages(environment).iterdir()} == names


@pytest.mark.parametrize("target", ["run", "demo", "test"])
def test_every_target_that_installs_removes_the_former_distribution_first(
    target: str, tmp_path: Path
) -> None:
    done = make("--dry-run", target, f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stderr
    assert 0 < done.stdout.index("uninstall") < done.stdout.index("--editable")


def test_make_test_lints_before_it_runs_the_tests(tmp_path: Path) -> None:
    done = make("--dry-run", "test", f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stderr
    positions = [
        done.stdout.index(command) for command in ("ruff check", "mypy", "lint-imports", "-m pytest")
    ]
    assert positions == sorted(positions)
