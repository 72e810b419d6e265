"""A URL has one meaning, or is refused with the reason."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target import Target, parse_target, safe_url
from tests.domain.refusals import LOOPBACK, refusal


def test_a_url_is_parsed_into_the_parts_of_a_request() -> None:
    assert parse_target("https://hooks.example.com:8443/in?x=1&y=2") == Target(
        url="https://hooks.example.com:8443/in?x=1&y=2",
        scheme="https",
        host="hooks.example.com",
        port=8443,
        path="/in?x=1&y=2",
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://Hooks.EXAMPLE.com", "https://hooks.example.com/"),
        ("HTTPS://hooks.example.com/In", "https://hooks.example.com/In"),
        ("https://hooks.example.com:443/", "https://hooks.example.com/"),
        ("http://hooks.example.com:80/", "http://hooks.example.com/"),
        ("https://hooks.example.com:08443/", "https://hooks.example.com:8443/"),
        ("https://hooks.example.com?x", "https://hooks.example.com/?x"),
        ("https://hooks.example.com./", "https://hooks.example.com/"),
        ("https://exämple.com/", "https://xn--exmple-cua.com/"),
        ("https://EXÄMPLE.com/", "https://xn--exmple-cua.com/"),
        ("https://XN--EXMPLE-CUA.com/", "https://xn--exmple-cua.com/"),
        ("https://a_b.example.com/", "https://a_b.example.com/"),
        ("https://example.com/a{b}|c?q='x'", "https://example.com/a%7Bb%7D%7Cc?q=%27x%27"),
        ("https://example.com//a;b=1/%C3%A4?u=http://x/@", "https://example.com//a;b=1/%C3%A4?u=http://x/@"),
        ("http://1.1.1.1", "http://1.1.1.1/"),
        ("http://[2606:4700:4700:0:0:0:0:1111]/", "http://[2606:4700:4700::1111]/"),
        ("http://[2606:4700:4700::1111]:8080/", "http://[2606:4700:4700::1111]:8080/"),
    ],
)
def test_a_url_has_one_canonical_form(written: str, expected: str) -> None:
    assert parse_target(written).url == expected
    assert parse_target(expected).url == expected


def test_a_target_names_its_origin() -> None:
    assert parse_target("https://hooks.example.com/x").origin == "https://hooks.example.com"
    assert parse_target("http://hooks.example.com:443/x").origin == "http://hooks.example.com:443"
    assert parse_target("http://[::1]:9000/x", LOOPBACK).origin == "http://[::1]:9000"


def test_a_target_knows_whether_it_names_an_address_or_a_host() -> None:
    assert parse_target("http://1.1.1.1/").literal == ip_address("1.1.1.1")
    assert parse_target("http://[2606:4700::1]/").literal == ip_address("2606:4700::1")
    assert parse_target("http://example.com/").literal is None
    assert parse_target("http://example.c0/").literal is None


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "a.example/", "", "//a.example/"]
)
def test_only_http_and_https_are_allowed(url: str) -> None:
    assert "not a valid http or https URL" in refusal(url)


@pytest.mark.parametrize(
    "url", ["http:a.example", "http:/a.example", "http:///a.example", "http://", "http://?x"]
)
def test_missing_and_surplus_slashes_are_not_guessed_at(url: str) -> None:
    assert "not a valid http or https URL" in refusal(url)


@pytest.mark.parametrize(
    "url",
    ["http://u@a.example/", "http://u:p@a.example/", "http://@a.example/", "http://a.example:80@b.example/"],
)
def test_a_url_carries_no_user_or_password(url: str) -> None:
    assert "custom header" in refusal(url)


@pytest.mark.parametrize("port", [0, 21, 22, 25, 81, 1023])
def test_a_forbidden_port_is_refused_while_the_name_is_still_unresolved(port: int) -> None:
    assert "not allowed" in refusal(f"http://a.example.com:{port}/")


@pytest.mark.parametrize(
    "authority",
    [
        "a.example:",
        "a.example:x",
        "a.example:-1",
        "a.example:123456",
        "a.example:80:80",
        "a.example:\u0668\u0660",
    ],
)
def test_a_port_that_is_not_a_number_is_refused(authority: str) -> None:
    assert "no valid host and port" in refusal(f"http://{authority}/")


def test_port_65536_is_refused() -> None:
    assert "not allowed" in refusal("http://a.example:65536/")


def test_a_url_is_at_most_2048_characters_long() -> None:
    url = "https://a.example/"
    assert parse_target(url.ljust(2048, "x")).url == url.ljust(2048, "x")
    assert "2049 characters" in refusal(url.ljust(2049, "x"))


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example /",
        " http://a.example/",
        "http://a.example/ ",
        "http://a.exam\nple/",
        "http://a.exam\tple/",
        "http://a.example/\r\nHost: b.example",
        "http://a.example/\x00",
        "http://a.example/\x7f",
        "http://a.exam\u00a0ple/",
        "http://a.exam\u200bple/",
        "http://a.example/\u2028",
        "http://a.example/\u202e",
        "http://a.example\u3000/",
        "\ufeffhttp://a.example/",
    ],
)
def test_spaces_controls_and_invisible_characters_are_refused_rather_than_stripped(url: str) -> None:
    assert "invisible character" in refusal(url)


@pytest.mark.parametrize(
    "url", ["http://a.example\\@b.example/", "http:\\\\a.example/", "http://a.example/\\b"]
)
def test_a_backslash_is_refused(url: str) -> None:
    assert "backslash" in refusal(url)


@pytest.mark.parametrize(
    "url", ["http://a.example#@b.example/", "http://a.example/#x", "http://a.example/?x#"]
)
def test_a_fragment_is_refused(url: str) -> None:
    assert "fragment" in refusal(url)


@pytest.mark.parametrize("url", ["http://a.example/%", "http://a.example/%4", "http://a.example/?x=%zz"])
def test_a_percent_sign_that_escapes_nothing_is_refused(url: str) -> None:
    assert "%25" in refusal(url)


@pytest.mark.parametrize("path", ["/../x", "/x/..", "/./x", "/x/.", "/x/%2e%2E/y", "/.%2e"])
def test_a_path_with_dot_segments_is_refused(path: str) -> None:
    assert "'..'" in refusal(f"http://a.example{path}")


@pytest.mark.parametrize("url", ["http://a.example/ä", "http://a.example/?ä", "http://a.example/\U0001f600"])
def test_an_unescaped_path_beyond_ascii_is_refused(url: str) -> None:
    assert "percent-encode" in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0.0.0.0/",
        "http://255.255.255.255/",
    ],
)
def test_an_address_that_is_not_public_is_refused_immediately(url: str) -> None:
    assert "is not a public address" in refusal(url)


def test_an_address_that_the_operator_allows_is_accepted() -> None:
    assert parse_target("http://127.0.0.1:9000/hook", LOOPBACK).port == 9000
    assert parse_target("http://[::1]:9000/hook", LOOPBACK).host == "::1"


@given(st.text(max_size=60))
@example("http://[::1%1]/")
@example("http://\ud800.example/")
@example("https://a.example:٣")
def test_any_text_is_accepted_or_refused_without_another_error(text: str) -> None:
    for url in (text, f"http://{text}/", f"https://a.example/{text}", f"http://a.example:{text}"):
        try:
            target = parse_target(url)
        except TargetRefused:
            continue
        assert parse_target(target.url) == target
        assert target.url.isascii()


URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(
        [
            "a.example",
            "b-c.example.com",
            "1.1.1.1",
            "[2606:4700::1]",
            "exämple.de",
            "a_b.example",
            "xn--strae-oqa.de",
        ]
    ),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.text(st.sampled_from("abz09-._~%41/?&=;:@!$'()*+,{}|^`\"<>[]"), max_size=20).map("/{}".format),
)


@given(URLS)
def test_other_parsers_read_the_same_host_and_port_of_accepted_urls(url: str) -> None:
    try:
        target = parse_target(url)
    except TargetRefused:
        return
    for host, port in (
        (urlsplit(target.url).hostname, urlsplit(target.url).port),
        (httpx.URL(target.url).raw_host.decode(), httpx.URL(target.url).port),
    ):
        assert host == target.host
        assert port in {target.port, None}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/in?token=s3cret&x=1", "https://a.example/in?token=***&x=***"),
        ("https://a.example/in?s3cret", "https://a.example/in?***"),
        ("https://ada:s3cret@a.example/in", "https://***@a.example/in"),
        ("https://a.example/in#s3cret", "https://a.example/in"),
        ("ada:s3cret@a.example/in?x=s3cret", "***@a.example/in?x=***"),
        ("https://ada:s3cret@a.example/in://", "https://***@a.example/in://"),
        ("https://a.example/in?u=https://ada:s3cret@b.example/", "https://a.example/in?u=***"),
        ("https://a.example/in", "https://a.example/in"),
        ("", ""),
    ],
)
def test_a_logged_url_shows_no_secret(url: str, expected: str) -> None:
    assert safe_url(url) == expected


@given(st.text())
def test_any_text_at_all_can_be_logged(text: str) -> None:
    safe_url(text)
