"""A wheel contains everything that Breakwater needs outside a checkout."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.processes import ROOT, Process, clean_environment, end, url_printed_by

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "*.egg-info", "build", "dist", ".*_cache", "*.db*", "__pycache__"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=_LEFT_OUT)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)  # noqa: S603 - our own build
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl")
    return made


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_below(folder: str) -> set[str]:
    """Return the files of a checkout below `folder`, relative to the root."""
    paths = (
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {path.relative_to(ROOT).as_posix() for path in paths}


@pytest.mark.parametrize(
    ("folder", "installed"), [("templates", "breakwater/templates"), ("static", "breakwater/static")]
)
def test_the_wheel_contains_every_template_and_static_file(wheel: Path, folder: str, installed: str) -> None:
    expected = {name.replace(folder, installed, 1) for name in files_below(folder)}
    assert expected
    assert expected <= names_in(wheel)


def test_the_wheel_contains_every_module_and_migration(wheel: Path) -> None:
    modules = {
        name if name.startswith("breakwater/") else f"breakwater/{name}"
        for name in files_below("core") | files_below("web") | files_below("breakwater")
        if name.endswith((".py", ".mako", "py.typed"))
    }
    assert modules <= names_in(wheel)


def test_nothing_else_lands_in_site_packages(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"breakwater"}


def test_an_installed_breakwater_serves_its_pages(wheel: Path, tmp_path: Path) -> None:
    program = _installed(wheel, tmp_path)
    output = tmp_path / "serve.log"
    home = tmp_path / "home"
    home.mkdir()
    environment = clean_environment(BREAKWATER_PORT="0")
    del environment["PYTHONPATH"]
    with output.open("wb") as stream:
        popen = subprocess.Popen(  # noqa: S603 - our own program
            [program, "serve"], cwd=home, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    process = Process(popen, output)
    try:
        url = url_printed_by(process, "Breakwater is running.")
        assert httpx.get(f"{url}/health/ready").json()["status"]
        page = httpx.get(f"{url}/sign-in")
        assert page.status_code == 200
        assert "<form" in page.text
        for asset in _assets_of(page.text):
            assert httpx.get(f"{url}{asset}").status_code == 200, asset
    finally:
        end(process)
    assert popen.returncode == 0, process.printed


def _assets_of(page: str) -> list[str]:
    parts = page.replace('"', " ").split()
    assets = [part for part in parts if part.startswith("/static/")]
    assert assets
    return assets


def _installed(wheel: Path, folder: Path) -> Path:
    """Install only the wheel into a new environment that borrows the dependencies; return its program."""
    made = folder / "venv"
    venv.create(made, with_pip=False, symlinks=True)
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(made),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)  # noqa: S603 - our own wheel
    (site,) = made.glob("lib/python*/site-packages")
    lent = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "lent.pth").write_text(lent)
    return made / "bin" / "breakwater"
