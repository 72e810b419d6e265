"""One list defines credentials for storing, showing, logging and copying."""

import pytest

from breakwater.core.logs import clean_value
from breakwater.core.text.credentials import MASK, is_credential, mask_request_headers
from breakwater.web.pages.bodies import as_curl
from breakwater.web.security.preserved_form import PreservedForm

CREDENTIALS = [
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
    "X-Api-Key",
    "api_key",
    "apikey",
    "X-Auth-Token",
    "X-CSRF",
    "X-Session-Id",
    "X-Passwd",
    "client_secret",
    "X-Credentials",
]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_is_masked_wherever_it_is_shown(name: str) -> None:
    assert mask_request_headers([(name, "hunter2")], public=()) == ((name, MASK),)
    assert clean_value({name: "hunter2"}) == {name: "***"}
    assert "hunter2" not in as_curl("https://a.example", ((name, "hunter2"),), b"{}")


@pytest.mark.parametrize("name", ["secret", "password", "code", "api_key"])
def test_a_credential_is_not_preserved_with_its_form(name: str) -> None:
    form = PreservedForm.read("/x", f"name=a&{name}=hunter2&_csrf=t")
    assert form is not None
    assert form.fields == (("name", "a"),)
    assert form.missing == (name,)
    assert form.had_token


@pytest.mark.parametrize("name", ["webhook-id", "content-type", "x-shop", "retry-after", "user-agent"])
def test_an_ordinary_header_is_shown(name: str) -> None:
    assert not is_credential(name)
