"""Every setting is described with its unit, validated, and reported with a remedy."""

from pathlib import Path

import pytest

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.settings import Settings, load_settings, service_links, unknown_variables


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BREAKWATER_{name.upper()}", raising=False)


def problems_of(**settings: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        load_settings(settings)
    return {problem.field: problem.message for problem in raised.value.problems}


def test_a_service_starts_with_no_setting_at_all() -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite+aiosqlite:///breakwater.db"
    assert settings.public_url == "http://127.0.0.1:8420"
    assert settings.loopback_only
    assert settings.example_port == 9420


def test_every_setting_is_described_in_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_DRAIN_SECONDS", "7.5")
    monkeypatch.setenv("BREAKWATER_ALLOWED_NETWORKS", "127.0.0.1/32:9000, 10.2.0.0/16")
    settings = load_settings()
    assert settings.drain_seconds == 7.5
    assert settings.allowed_networks == ("127.0.0.1/32:9000", "10.2.0.0/16")


def test_a_flag_overrides_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_PORT", "9000")
    assert load_settings({"port": 9001}).port == 9001


@pytest.mark.parametrize("end", ["\r", "\n", " ", "\t\r\n"])
def test_white_space_at_the_end_of_a_variable_is_not_part_of_its_value(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    clean = load_settings({"database_url": "sqlite+aiosqlite:///a.db", "user_agent": "Tester/1"})
    monkeypatch.setenv("BREAKWATER_DATABASE_URL", f"sqlite+aiosqlite:///a.db{end}")
    monkeypatch.setenv("BREAKWATER_PORT", f"8420{end}")
    monkeypatch.setenv("BREAKWATER_USER_AGENT", f"Tester/1{end}")
    monkeypatch.setenv("BREAKWATER_LOG_FORMAT", f"json{end}")
    monkeypatch.setenv("BREAKWATER_EXAMPLE_ENDPOINT", f"on{end}")
    assert load_settings() == clean.model_copy(update={"log_format": "json", "example_endpoint": True})


def test_a_secret_key_is_taken_exactly_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_SECRET_KEY", "k" * 40 + "\n")
    key = load_settings().secret_key
    assert key is not None
    assert key.get_secret_value() == "k" * 40 + "\n"


def test_the_key_file_is_beside_a_database_whose_url_has_white_space() -> None:
    settings = load_settings({"database_url": " sqlite+aiosqlite:////data/bw.db\r"})
    assert settings.database_url == "sqlite+aiosqlite:////data/bw.db"
    assert settings.key_file == Path("/data/breakwater.key")


def test_a_database_that_was_created_under_a_name_with_a_line_end_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "bw.db\r").touch()
    problem = problems_of(database_url=f"sqlite+aiosqlite:///{tmp_path}/bw.db\r")["database_url"]
    assert "rename" in problem


def test_variables_of_a_service_link_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {
        "BREAKWATER_PORT": "tcp://10.96.0.12:8420",
        "BREAKWATER_PORT_8420_TCP": "tcp://10.96.0.12:8420",
        "BREAKWATER_PORT_8420_TCP_ADDR": "10.96.0.12",
        "BREAKWATER_PORT_8420_TCP_PROTO": "tcp",
        "BREAKWATER_SERVICE_HOST": "10.96.0.12",
        "BREAKWATER_SERVICE_PORT": "8420",
        "BREAKWATER_SERVICE_PORT_HTTP": "8420",
    }
    for name, value in links.items():
        monkeypatch.setenv(name, value)
    assert load_settings().port == 8420
    assert unknown_variables(links) == ()
    assert service_links({**links, "BREAKWATER_HOST": "0.0.0.0"}) == tuple(sorted(links))


def test_a_port_flag_that_is_an_address_is_still_refused_as_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_PORT", "http://10.96.0.12:8420")
    assert "whole number" in problems_of()["port"]


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_BASE_URL", "")
    assert load_settings().base_url is None


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("database_url", "breakwater.db", "Use sqlite+aiosqlite:///"),
        ("database_url", "mysql://localhost/x", "Use sqlite+aiosqlite:///"),
        ("host", "example.com", "write an IP address"),
        ("port", "http", "Use a whole number"),
        ("port", "70000", "at most 65535"),
        ("port", "-1", "at least 0"),
        ("base_url", "hooks.example.com", "write http:// or https://"),
        ("base_url", "https://example.com/breakwater", "no path"),
        ("base_url", "https://user@example.com", "write http:// or https://"),
        ("trusted_proxies", "10.0.0.5, proxy", "'proxy' is not a valid address"),
        ("allowed_networks", "everything", "everything"),
        ("secret_key", "short", "at least 32 characters"),
        ("bootstrap_key", "short", "Use bw_"),
        ("attempt_timeout_seconds", "0", "above 0"),
        ("attempt_timeout_seconds", "nan", "Use a number"),
        ("drain_seconds", "soon", "Use a number"),
        ("payload_cap", "0", "at least 1"),
        ("retention_days", "inf", "Use a number"),
        ("example_endpoint", "perhaps", "Use true or false"),
        ("log_format", "xml", "Use 'console' or 'json'"),
        ("user_agent", "two\nlines", "without line breaks"),
        ("colour", "blue", "is not a setting"),
    ],
)
def test_an_invalid_value_is_refused_with_its_name_and_the_remedy(name: str, value: str, remedy: str) -> None:
    assert remedy in problems_of(**{name: value})[name]


def test_every_problem_of_the_settings_is_reported_together() -> None:
    assert set(problems_of(port="x", host="y", drain_seconds=-1)) == {"port", "host", "drain_seconds"}


def test_a_secret_is_never_quoted_in_a_problem() -> None:
    output = problems_of(secret_key="hunter2", bootstrap_key="hunter2")
    assert "hunter2" not in str(output)


def test_a_secret_is_not_shown_with_the_settings() -> None:
    settings = load_settings({"secret_key": "s" * 40, "bootstrap_key": f"bw_{'k' * 32}"})
    assert "ssss" not in repr(settings)
    assert "kkkk" not in repr(settings)


def test_the_limit_of_a_lane_cannot_exceed_that_of_the_process() -> None:
    output = problems_of(max_in_flight=8, lane_max_in_flight=9)
    assert "more than max_in_flight (8)" in output["lane_max_in_flight"]


def test_the_example_receiver_cannot_have_the_port_of_the_service() -> None:
    problems = problems_of(port=9000, example_endpoint=True, example_receiver_port=9000)
    assert "choose another" in problems["example_receiver_port"]


def test_the_key_is_kept_beside_the_database() -> None:
    assert load_settings({"database_url": "sqlite+aiosqlite:////var/lib/b/b.db"}).key_file == Path(
        "/var/lib/b/breakwater.key"
    )
    assert load_settings().key_file == Path("breakwater.key")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("localhost", "http://127.0.0.1:80")],
)
def test_the_public_url_can_be_opened_in_a_browser(host: str, url: str) -> None:
    assert load_settings({"host": host, "port": 80}).public_url == url


def test_the_base_url_is_the_public_url() -> None:
    assert load_settings({"base_url": "https://Hooks.Example.com/"}).public_url == "https://hooks.example.com"


def test_a_misspelt_variable_is_reported() -> None:
    unknown = unknown_variables(
        {"BREAKWATER_PROT": "1", "BREAKWATER_PORT": "2", "BREAKWATER_URL": "x", "PATH": "y"}
    )
    assert unknown == ("BREAKWATER_PROT",)
