"""A name that is special by definition is refused when an endpoint is saved; every other name is accepted."""

import pytest

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target import NONE, parse_endpoint_url, parse_target
from tests.domain.refusals import LOOPBACK


def refusal(url: str) -> str:
    with pytest.raises(TargetRefused) as caught:
        parse_endpoint_url(url, LOOPBACK)
    assert caught.value.problems[0].field == "url"
    return caught.value.reason


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("foo.localhost", "this machine itself (RFC 6761)"),
        ("a.b.LOCALHOST.", "this machine itself (RFC 6761)"),
        ("nobody.invalid", "never resolve (RFC 6761)"),
        ("printer.local", "one link (RFC 6762)"),
        ("example.onion", "Tor only (RFC 7686)"),
        ("name.alt", "outside the DNS (RFC 9476)"),
        ("metadata.google.internal", "metadata service of a cloud provider"),
        ("Metadata.Google.Internal.", "metadata service of a cloud provider"),
        ("metadata.goog", "metadata service of a cloud provider"),
        ("instance-data.ec2.internal", "metadata service of a cloud provider"),
        ("metadata.tencentyun.com", "metadata service of a cloud provider"),
    ],
)
def test_a_special_name_is_refused_with_its_rule_and_the_remedy(host: str, rule: str) -> None:
    reason = refusal(f"http://{host}/hook")
    assert rule in reason
    assert "use the public name of the receiver" in reason


@pytest.mark.parametrize(
    "host",
    [
        "hooks.example",
        "hooks.test",
        "localhost.example.com",
        "notlocalhost.com",
        "local.example.com",
        "billing.default.svc.cluster.local",
        "hooks.corp.internal",
        "hooks.home.arpa",
        "metadata.example.com",
        "hooks.lan",
    ],
)
def test_a_name_that_resolves_like_any_other_is_accepted(host: str) -> None:
    assert parse_endpoint_url(f"https://{host}/hook").host == host


def test_an_address_that_the_operator_allows_is_still_accepted() -> None:
    assert parse_endpoint_url("http://127.0.0.1:9000/hook", LOOPBACK).port == 9000


def test_a_special_name_that_was_saved_earlier_is_still_read() -> None:
    assert parse_target("http://foo.localhost/hook").host == "foo.localhost"


def test_an_operator_can_allow_single_labels_and_domains_but_no_metadata_service() -> None:
    allowed = LOOPBACK.with_host_names(["Billing", ".corp.local", "*.dev.localhost", "metadata"])
    for host in ("billing", "a.corp.local", "b.a.dev.localhost"):
        assert parse_endpoint_url(f"http://{host}:8080/hook", allowed).host == host
    for host in ("billing2", "corp.local", "foo.localhost", "metadata"):
        with pytest.raises(TargetRefused):
            parse_endpoint_url(f"http://{host}:8080/hook", allowed)


def test_a_single_label_is_refused_with_the_setting_that_allows_it() -> None:
    assert "BREAKWATER_ALLOWED_HOST_NAMES" in refusal("http://billing:8080/hook")


@pytest.mark.parametrize("name", ["", ".", "a b", "http://a", "-a", "a,b", "ä"])
def test_an_allowed_host_name_that_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        LOOPBACK.with_host_names([name])


@pytest.mark.parametrize(
    ("label", "ascii_form"), [("ab--ü", "xn--ab---3ra"), ("ab--☃", "xn--ab---8g3b"), ("ü-", "xn----dha")]
)
def test_a_label_with_hyphens_that_http_clients_accept_is_accepted(label: str, ascii_form: str) -> None:
    url = f"https://{label}.example/hook"
    assert parse_target(url, NONE).host == f"{ascii_form}.example"
    assert parse_target(f"https://{ascii_form}.example/hook", NONE).host == f"{ascii_form}.example"
