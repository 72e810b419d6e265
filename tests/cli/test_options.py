"""Each setting is a flag of `breakwater serve`, listed in its help and validated with messages that name it."""

import pytest
from click.testing import CliRunner

from breakwater.core.domain.states import FailureClass
from breakwater.core.settings import Settings
from breakwater.web.cli import main
from breakwater.web.cli.options import flag_of, variable_of


def run(*arguments: str, **variables: str) -> tuple[int, str]:
    result = CliRunner(env={**variables, "NO_COLOR": "1"}).invoke(main, list(arguments))
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def serve_help() -> str:
    return run("serve", "--help")[1]


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_each_setting_is_a_flag_with_its_variable_and_description(name: str, serve_help: str) -> None:
    words = " ".join(serve_help.split())
    assert f" {flag_of(name)} " in words or f" {flag_of(name)} / " in words
    assert f"[{variable_of(name)}" in words.replace("[ ", "[")
    assert (Settings.model_fields[name].description or "").split(":")[0] in words


def test_an_invalid_flag_is_reported_with_flag_variable_and_remedy() -> None:
    code, output = run("serve", "--port", "http", "--drain-seconds", "-1")
    assert code == 2
    assert "BREAKWATER_PORT (--port) is 'http'. Use a whole number" in output
    assert "BREAKWATER_DRAIN_SECONDS (--drain-seconds) is '-1'. Use a number of at least 0" in output


def test_an_invalid_variable_is_reported_with_flag_variable_and_remedy() -> None:
    code, output = run("serve", BREAKWATER_PORT="http")
    assert code == 2
    assert "BREAKWATER_PORT (--port)" in output


def test_a_secret_of_the_wrong_form_is_not_repeated() -> None:
    _code, output = run("serve", BREAKWATER_BOOTSTRAP_KEY="hunter2")
    assert "hunter2" not in output
    assert "Use bw_" in output


def test_the_help_lists_every_command() -> None:
    code, output = run("--help")
    assert code == 0
    for command in main.entries:
        assert f"  {command} " in output


@pytest.mark.parametrize("command", [("deliveries",), ("replays", "start")])
def test_the_help_of_a_filter_lists_every_failure_class(command: tuple[str, ...]) -> None:
    code, output = run(*command, "--help")
    assert code == 0
    words = " ".join(output.split())
    for failure_class in FailureClass:
        assert failure_class.value in words


def test_the_version_is_printed() -> None:
    assert run("--version")[1].startswith("breakwater ")


@pytest.mark.parametrize(
    "arguments", [("circuits",), ("keys",), ("deliveries",), ("resend", "dlv_1"), ("send", "a.b")]
)
def test_a_command_reports_an_unreachable_service(arguments: tuple[str, ...]) -> None:
    code, output = run(*arguments, BREAKWATER_URL="http://127.0.0.1:9", BREAKWATER_KEY="bw_x")
    assert code == 1
    assert "No response from http://127.0.0.1:9" in output
    assert "Start `breakwater serve` there" in output
    assert "Traceback" not in output


def test_an_invalid_service_url_is_refused() -> None:
    code, output = run("circuits", BREAKWATER_URL="localhost:8420")
    assert code == 2
    assert "Set BREAKWATER_URL to a URL such as http" in output


def test_a_payload_that_is_not_json_is_refused_before_sending() -> None:
    code, output = run("send", "order.created", "{nonsense")
    assert code == 2
    assert "The payload is not valid JSON" in output


def test_a_missing_payload_file_is_reported() -> None:
    code, output = run("send", "order.created", "@missing.json")
    assert code == 1
    assert "Cannot read missing.json" in output
