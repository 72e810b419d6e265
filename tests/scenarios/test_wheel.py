"""The wheel and the sdist are complete, and nothing in them collides with an application."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.processes import ROOT, Process, clean_environment, end, url_printed_by

_IGNORED = shutil.ignore_patterns(
    ".git", ".venv", "*.egg-info", "build", "dist", ".*_cache", "*.db*", "__pycache__"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    return build("wheel", checkout_in(folder), folder)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of a copy of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    return build("sdist", checkout_in(folder), folder)


def checkout_in(folder: Path) -> Path:
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=_IGNORED, symlinks=True)
    return source


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist of `source` in `folder`, without the network."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


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


def test_the_wheel_installs_the_package_breakwater_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"breakwater"}
    (top_level,) = (name for name in names_in(wheel) if name.endswith(".dist-info/top_level.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(top_level).decode().split() == ["breakwater"]


def test_the_sdist_builds_a_wheel_with_the_same_files(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    rebuilt = build("wheel", source, tmp_path)
    assert contents_of(rebuilt) == contents_of(wheel)


def contents_of(wheel: Path) -> dict[str, bytes]:
    """Return the content of each file, without the hashes in RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_an_application_with_its_own_core_and_web_packages_works_beside_it(
    wheel: Path, tmp_path: Path
) -> None:
    interpreter = _installed(wheel, tmp_path).with_name("python")
    application = tmp_path / "application"
    for name in ("core", "web"):
        (application / name).mkdir(parents=True)
        (application / name / "__init__.py").write_text(f"OWNER = 'the application: {name}'\n")
    (application / "main.py").write_text(
        "import core, web, sys\n"
        "from breakwater import *\n"
        "import breakwater.core, breakwater.web\n"
        "CircuitBreaker(CircuitBreakerConfig()); WebhookDeliveryService\n"
        "assert breakwater.core is not core and breakwater.web is not web\n"
        "assert sys.modules['core'] is core and sys.modules['web'] is web\n"
        "print(core.OWNER, web.OWNER, sep='\\n')\n"
    )
    environment = clean_environment()
    del environment["PYTHONPATH"]
    done = subprocess.run(  # noqa: S603 - our own program
        [interpreter, "main.py"],
        cwd=application,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the application: core", "the application: web"]


def test_without_an_application_the_names_core_and_web_are_free(wheel: Path, tmp_path: Path) -> None:
    interpreter = _installed(wheel, tmp_path).with_name("python")
    environment = clean_environment()
    del environment["PYTHONPATH"]
    find = "import breakwater, importlib.util as u; print([n for n in ('core', 'web') if u.find_spec(n)])"
    done = subprocess.run(  # noqa: S603 - our own program
        [interpreter, "-c", find], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


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


def test_the_base_installation_has_breaker_and_verification_and_names_the_extra_for_the_rest(
    wheel: Path, tmp_path: Path
) -> None:
    program = _installed(wheel, tmp_path, lend=False)
    environment = clean_environment()
    del environment["PYTHONPATH"]

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    use = (
        "from breakwater import CircuitBreaker, RetryPolicy, VerificationFailed, verify\n"
        "CircuitBreaker(); RetryPolicy\n"
        "try: verify(b'', {}, 'whsec_' + 'A' * 32)\n"
        "except VerificationFailed as failure: print(failure.check)\n"
        "try: from breakwater import WebhookAdapter\n"
        "except ImportError as error: print(error)\n"
    )
    done = run(program.with_name("python"), "-c", use)
    assert done.returncode == 0, done.stderr
    check, hint = done.stdout.splitlines()
    assert check == "header_missing"
    assert hint.startswith("WebhookAdapter needs the package ")
    assert hint.endswith("pip install 'breakwater-webhooks[server]'")
    command = run(program, "serve")
    assert command.returncode == 1
    assert command.stderr == (
        "The command breakwater needs the package click: pip install 'breakwater-webhooks[server]'\n"
    )


def _assets_of(page: str) -> list[str]:
    parts = page.replace('"', " ").split()
    assets = [part for part in parts if part.startswith("/static/")]
    assert assets
    return assets


def _installed(wheel: Path, folder: Path, *, lend: bool = True) -> Path:
    """Install only the wheel into a new environment that borrows the dependencies, or not; return its program."""
    created = folder / "venv"
    venv.create(created, with_pip=False, symlinks=True)
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(created),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)  # noqa: S603 - our own wheel
    if not lend:
        return created / "bin" / "breakwater"
    (site,) = created.glob("lib/python*/site-packages")
    lent = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "lent.pth").write_text(lent)
    return created / "bin" / "breakwater"
