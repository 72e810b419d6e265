"""The test harness detects errors on a page."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Watch

PAGES = ("/", "/deliveries", "/endpoints", "/circuits")


@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_a_console_message(page: Page, path: str) -> None:
    response = page.goto(path)
    assert response is not None
    assert response.status == 200


def test_a_console_error_is_detected(page: Page, watch: Watch) -> None:
    page.goto("/")
    page.evaluate("console.error('something broke')")
    page.evaluate("setTimeout(() => { throw new Error('thrown later') }, 0)")
    assert noticed(page, watch, "something broke")
    assert noticed(page, watch, "thrown later")


def test_a_violation_of_the_security_policy_is_detected(page: Page, watch: Watch) -> None:
    page.goto("/")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.body.appendChild(Object.assign(document.createElement('script'), {text: '1'}))")
    assert noticed(page, watch, "CSP refused style-src")
    assert noticed(page, watch, "CSP refused script-src")


def noticed(page: Page, watch: Watch, words: str) -> bool:
    """Return whether a problem was detected, and mark it as expected."""
    watch.expect(words)
    watch.expect("Content Security Policy")
    page.wait_for_timeout(200)
    return any(words in problem for problem in watch.problems)
