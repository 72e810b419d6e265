"""Which headers an endpoint may add."""

import pytest

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.target.headers import check_custom_headers


def problem(headers: dict[str, object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        check_custom_headers(headers)
    return str(caught.value)


def test_ordinary_headers_are_accepted() -> None:
    check_custom_headers(
        {
            "Authorization": "Bearer s3cret",
            "X-Tenant": "acme",
            "X-Webhook-Source": "billing",
            "Empty": "",
            "Content-Type": "application/cloudevents+json; charset=utf-8",
        }
    )
    check_custom_headers({})


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "Upgrade",
        "TE",
        "Proxy-Authorization",
        "Proxy-Connection",
        "webhook-id",
        "Webhook-Signature",
        "webhook-anything",
        "Keep-Alive",
        "Trailer",
        "X-Hub-Signature-256",
        "X-Webhook-Signature",
    ],
)
def test_a_header_of_the_connection_or_of_the_signature_is_refused_in_any_case(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert problem({written: "x"}).startswith(f"headers.{written}: is set by Breakwater")


@pytest.mark.parametrize(
    "name", ["Content-Encoding", "Content-Range", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"]
)
def test_a_header_that_would_describe_the_body_wrongly_is_refused_with_the_reason(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert problem({written: "gzip"}) == (
            f"headers.{written}: describes the body, which is sent unchanged; remove it"
        )


@pytest.mark.parametrize(
    "name", ["", "X Tenant", "X:Tenant", "X-Tenant\r\n", "X\x00", "Ä", "X-Tenant ", "x" * 129]
)
def test_an_invalid_header_name_is_refused(name: str) -> None:
    assert "is not a valid header name" in problem({name: "x"})


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nHost: b",
        "a\nb",
        "a\rb",
        "a\n",
        "a\x00b",
        "a\x1bb",
        "a\x7fb",
        " a",
        "a ",
        "\ta",
        "a\t",
        "ä",
        "\u2028",
    ],
)
def test_a_value_with_line_breaks_controls_or_letters_beyond_ascii_is_refused(value: str) -> None:
    assert "must be visible ASCII" in problem({"X-Tenant": value})


@pytest.mark.parametrize("value", [None, 5, True, ["a"], b"a"])
def test_a_value_that_is_not_text_is_refused(value: object) -> None:
    assert problem({"X-Tenant": value}) == "headers.X-Tenant: must be text"


def test_a_tab_or_spaces_within_a_value_are_fine() -> None:
    check_custom_headers({"X-Tenant": "a\tb  c"})


def test_a_value_has_at_most_4096_characters() -> None:
    check_custom_headers({"X-Tenant": "x" * 4096})
    assert "has 4097 characters; at most 4096" in problem({"X-Tenant": "x" * 4097})


def test_a_header_in_two_cases_is_refused() -> None:
    assert problem({"X-Tenant": "a", "x-tenant": "b"}) == (
        "headers.x-tenant: appears more than once in different case; keep one"
    )


def test_at_most_fifty_headers_are_sent() -> None:
    check_custom_headers({f"X-{number}": "" for number in range(50)})
    assert "has 51 entries" in problem({f"X-{number}": "" for number in range(51)})


def test_every_problem_of_headers_is_reported_together() -> None:
    assert problem({"Host": "a", "X": "\n"}).count("headers.") == 2
