"""No argument, option, variable or input makes a command end with a traceback."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from breakwater.core.settings import Settings
from breakwater.web.cli import main
from breakwater.web.cli.options import flag_of, variable_of

TRIED = ("send", "deliveries", "resend", "replays", "circuits", "keys", "people", "secrets")
"""Commands that end by themselves: they find no service and no database."""
VALUES = (
    "",
    " ",
    "NaN",
    "nan",
    "-1",
    "1e999",
    "9" * 400,
    "ü",
    "\udcff",
    "\ud83d",
    "a\x00b",
    "\x1b[31m",
    "-",
    "@",
    "@.",
    "@/no/such/file",
    "@a\x00b",
    "[" * 20_000,
    '{"t":"\\ud83d"}',
    '{},"url":"http://example.com"',
    "\ufeff{}",
    "../..",
    "dlv_",
)
IN_ENVIRONMENT = [value for value in VALUES if "\x00" not in value and value != "\ud83d"]
"""Those that the environment of a process can have."""
DATABASES = (
    "sqlite+aiosqlite:///",
    "sqlite+aiosqlite:////",
    "sqlite+aiosqlite:///folder/",
    "sqlite+aiosqlite:///breakwater.db?",
    "postgresql+asyncpg://127.0.0.1:1/",
    "postgresql+asyncpg://127.0.0.1:",
    "postgresql+asyncpg://user:word@[",
    "mysql://127.0.0.1/",
)
"""Beginnings of URLs; nothing listens at port 1."""


@pytest.fixture(scope="module")
def nobody() -> str:
    """A URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run commands in a folder without a database."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(arguments: list[str], service: str, key: str = "bw_key", stdin: bytes = b"") -> Result:
    variables = {"BREAKWATER_URL": service, "BREAKWATER_KEY": key}
    return CliRunner().invoke(main, arguments, env=variables, input=stdin)


def check(result: Result, what: object) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), (what, result.exception)
    assert "Traceback" not in result.output, what


def commands() -> Iterator[tuple[list[str], click.Command]]:
    context = click.Context(main)
    for name in TRIED:
        command = main.get_command(context, name)
        assert command is not None
        yield [name], command
        if isinstance(command, click.Group):
            for inner, subcommand in command.commands.items():
                yield [name, inner], subcommand


COMMANDS = [pytest.param(path, command, id=" ".join(path)) for path, command in commands()]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_no_argument_ends_in_a_traceback(path: list[str], command: click.Command, nobody: str) -> None:
    count = sum(isinstance(parameter, click.Argument) for parameter in command.params)
    for values in itertools.product(VALUES, repeat=min(count, 2)):
        arguments = [*path, "--", *values, *["x"] * (count - len(values))]
        check(run(arguments, nobody), arguments)


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_no_option_ends_in_a_traceback(path: list[str], command: click.Command, nobody: str) -> None:
    count = sum(isinstance(parameter, click.Argument) for parameter in command.params)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            for value in VALUES:
                arguments = [*path, f"{parameter.opts[0]}={value}", "--", *["x"] * count]
                check(run(arguments, nobody), arguments)


@pytest.mark.parametrize(
    "value", [value for value in VALUES if "\x00" not in value and value.isascii()] + ["ü"]
)
def test_no_variable_ends_in_a_traceback(value: str, nobody: str) -> None:
    check(run(["deliveries"], service=value), value)
    check(run(["deliveries"], service=f"http://{value}"), value)
    check(run(["deliveries"], service=nobody, key=value), value)
    check(run(["deliveries"], service=nobody, key=f"bw_{value}"), value)


@pytest.mark.parametrize("name", ["DATABASE_URL", "KEY_FILE", "SECRET_KEY"])
@pytest.mark.parametrize("value", IN_ENVIRONMENT)
def test_no_setting_of_a_reset_ends_in_a_traceback_or_writes(
    name: str, value: str, empty_folder: Path
) -> None:
    (empty_folder / "breakwater.db").touch()
    before = sorted(empty_folder.iterdir())
    result = CliRunner().invoke(main, ["secrets", "reset", "--yes"], env={f"BREAKWATER_{name}": value})
    check(result, value)
    assert result.exit_code in {0, 2}
    lock = empty_folder / "breakwater.db.lock"
    assert [path for path in sorted(empty_folder.iterdir()) if path != lock] == before


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_no_setting_and_no_flag_of_the_service_ends_in_a_traceback(name: str, nobody: str) -> None:
    """Another setting is wrong in any case, so that no service starts."""
    other = "drain_seconds" if name != "drain_seconds" else "port"
    for value in VALUES:
        if value in IN_ENVIRONMENT:
            variables = {variable_of(name): value, variable_of(other): "many"}
            check_refused(CliRunner().invoke(main, ["serve"], env=variables), value)
        flags = [f"{flag_of(name)}={value}", f"{flag_of(other)}=many"]
        check_refused(CliRunner().invoke(main, ["serve", *flags]), value)


def check_refused(result: Result, what: object) -> None:
    check(result, what)
    assert result.exit_code == 2, what


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_no_setting_ends_the_doctor_in_a_traceback(name: str, nobody: str) -> None:
    for value in IN_ENVIRONMENT:
        variables = {variable_of(name): value, "BREAKWATER_URL": nobody, "BREAKWATER_KEY": "bw_key"}
        check(CliRunner().invoke(main, ["doctor"], env=variables), value)


@pytest.mark.parametrize(
    "command", [["doctor"], ["secrets", "reset", "--yes"], ["people", "invite", "ada"]], ids=" ".join
)
@pytest.mark.parametrize("database", DATABASES)
def test_no_database_url_ends_in_a_traceback(
    command: list[str], database: str, nobody: str, empty_folder: Path
) -> None:
    (empty_folder / "folder").mkdir()
    for value in IN_ENVIRONMENT:
        variables = {"BREAKWATER_DATABASE_URL": database + value, "BREAKWATER_URL": nobody}
        check(CliRunner().invoke(main, command, env=variables), value)
    assert [path.name for path in empty_folder.iterdir()] == ["folder"]
    assert not list((empty_folder / "folder").iterdir())


@pytest.mark.parametrize("value", IN_ENVIRONMENT)
def test_no_variable_ends_the_doctor_in_a_traceback(value: str, nobody: str) -> None:
    for variables in (
        {"BREAKWATER_URL": value},
        {"BREAKWATER_URL": f"http://{value}"},
        {"BREAKWATER_URL": nobody, "BREAKWATER_KEY": value},
    ):
        check(CliRunner().invoke(main, ["doctor"], env=variables), variables)


@pytest.mark.parametrize(
    ("command", "wrong"), [("demo", "--log-level=loud"), ("receiver", "--port=-1")], ids=["demo", "receiver"]
)
def test_no_option_of_a_command_that_runs_ends_in_a_traceback(command: str, wrong: str) -> None:
    """A wrong option is given in any case, so that nothing starts."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    for parameter in found.params:
        for value in VALUES:
            if isinstance(parameter, click.Option) and not parameter.is_flag:
                check_refused(
                    CliRunner().invoke(main, [command, wrong, f"{parameter.opts[0]}={value}", wrong]), value
                )


@pytest.mark.parametrize("value", VALUES)
def test_a_receiver_listens_at_no_wrong_address(value: str) -> None:
    result = CliRunner().invoke(main, ["receiver", f"--host={value}", "--port=0"])
    check_refused(result, value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"[" * 20_000, b"\x00"])
def test_no_standard_input_ends_in_a_traceback(content: bytes, nobody: str) -> None:
    result = run(["send", "a.b", "-"], nobody, stdin=content)
    check(result, content)
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "key", "text"),
    [
        (["send", "t.raw", "NaN"], "bw_key", "NaN is not a JSON value"),
        (["send", "t.raw", '{},"url":"http://a.example"'], "bw_key", "not valid JSON"),
        (["deliveries"], "bw_ü", "BREAKWATER_KEY"),
    ],
)
def test_wrong_input_is_one_line_with_exit_code_2(
    arguments: list[str], key: str, text: str, nobody: str
) -> None:
    result = run(arguments, nobody, key=key)
    assert result.exit_code == 2
    assert text in result.output
