"""axe-core checks every page in every colour scheme and at both widths.

Its source is evaluated in the page: the Content-Security-Policy refuses a script tag, as it should.
"""

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.browser.all_pages import PHONE, every_page, hostile_endpoint, responses_to_forms
from tests.browser.conftest import NewContext, Watch, signed_in
from tests.browser.scenarios import ScriptedEndpoint
from tests.processes import ReceiverProcess, Service

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
GRAVE = {"serious", "critical"}
SCHEMES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
}
WIDE = {"width": 1280, "height": 900}
_OPEN_ALL = "for (const fold of document.querySelectorAll('details')) fold.open = true"
_BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def busy(service: Service, receiver: ReceiverProcess) -> ScriptedEndpoint:
    return hostile_endpoint(service, receiver)


def grave_findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical on what is shown, in any scheme, one line a place.

    The page is repainted for each scheme, not reloaded, which is faster.
    """
    page.evaluate(AXE)
    return [f"{name}: {line}" for name in SCHEMES for line in _grave_findings_in(page, name)]


def _grave_findings_in(page: Page, scheme: str) -> list[str]:
    page.emulate_media(**SCHEMES[scheme])
    violations: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in violations["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def look_at(page: Page, path: str) -> list[str]:
    """Return the serious violations of a page, collapsed and expanded, on a desktop and a phone."""
    page.set_viewport_size(WIDE)
    page.goto(path)
    wide = grave_findings(page)
    page.set_viewport_size(PHONE)
    beyond = page.evaluate(_BEYOND)
    too_wide = [f"scrolls {beyond} px sideways at 390 px"] if beyond > 0 else []
    page.evaluate(_OPEN_ALL)
    return [f"{path}: {finding}" for finding in wide + too_wide + grave_findings(page)]


def test_axe_finds_no_serious_violation_on_any_page(
    service: Service, busy: ScriptedEndpoint, new_context: NewContext, administrator: str
) -> None:
    page = signed_in(new_context(), administrator)
    violations = [line for path in every_page(service, busy, 2) for line in look_at(page, path)]
    assert not violations, "\n".join(violations)


def test_axe_finds_no_serious_violation_on_responses_to_forms(
    busy: ScriptedEndpoint, new_context: NewContext, administrator: str, watch: Watch
) -> None:
    watch.expect("422")
    watch.expect("401|409")
    page = signed_in(new_context(), administrator)
    violations = []
    for name in responses_to_forms(page, busy):
        page.set_viewport_size(PHONE)
        if (beyond := page.evaluate(_BEYOND)) > 0:
            violations.append(f"{name}: scrolls {beyond} px sideways at 390 px")
        violations += [f"{name}: {finding}" for finding in grave_findings(page)]
        page.set_viewport_size(WIDE)
    assert not violations, "\n".join(violations)


def test_axe_finds_no_serious_violation_on_the_sign_in_pages(new_context: NewContext) -> None:
    page = new_context().new_page()
    violations = [line for path in ("/sign-in", "/welcome") for line in look_at(page, path)]
    assert not violations, "\n".join(violations)


def test_axe_finds_an_injected_violation(visitor: Page) -> None:
    visitor.goto("/sign-in")
    visitor.evaluate("document.querySelector('main').innerHTML = '<img src=\"data:,\"><input>'")
    assert any("image-alt" in finding for finding in grave_findings(visitor))


def test_axe_finds_a_violation_in_a_single_colour_scheme(visitor: Page) -> None:
    visitor.goto("/sign-in")
    visitor.evaluate(
        """() => {
            const pale = new CSSStyleSheet();
            pale.replaceSync("@media (prefers-color-scheme: dark) { label { color: #222 !important } }");
            document.adoptedStyleSheets = [pale];
        }"""
    )
    findings = grave_findings(visitor)
    assert findings
    assert all(finding.startswith("dark: color-contrast") for finding in findings)
