"""Take the pictures of the documents: every page of a running demo, light and dark, wide and on a phone.

`make screenshots` writes them to docs/screenshots/. PAGE=now takes those of one page only.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes import ROOT, Process, end, start, url_printed_by

FOLDER = ROOT / "docs" / "screenshots"
PASSWORD = "correct horse battery staple"
SECONDS_OF_TRAFFIC = 75
TALLEST = 1_600
WIDTHS = {"": 1280, "-phone": 390}


def main() -> None:
    """Start the demo, let it run for a while, and take every picture."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("page", nargs="?", help="only this one: now, deliveries, ...")
    options.add_argument("--seconds", type=float, default=SECONDS_OF_TRAFFIC, help="traffic before the first")
    chosen = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        demo = start(["demo", "--port", "0"], Path(name))
        try:
            url = url_printed_by(demo, "Breakwater is running.")
            time.sleep(chosen.seconds)
            assert demo.popen.poll() is None, demo.printed
            with sync_playwright() as playwright:
                path = shutil.which("chromium") or shutil.which("google-chrome")
                arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = playwright.chromium.launch(executable_path=path, args=arguments)
                take_all(browser, demo, url, chosen.page)
                browser.close()
        finally:
            end(demo)


def take_all(browser: Browser, demo: Process, url: str, only: str | None) -> None:
    """Take one page after the other, in both themes and both widths."""
    cookies = signed_in_cookies(browser, demo, url)
    for theme in ("light", "dark"):
        for suffix, width in WIDTHS.items():
            context = browser.new_context(
                base_url=url,
                color_scheme=theme,
                viewport={"width": width, "height": 800},
                device_scale_factor=1,
            )
            context.add_cookies(cookies)
            page = context.new_page()
            for name, path in paths(page):
                if only in {None, name}:
                    page.set_viewport_size({"width": width, "height": 800})
                    page.goto(path)
                    page.wait_for_timeout(500)
                    height = page.evaluate("document.documentElement.scrollHeight")
                    page.set_viewport_size({"width": width, "height": min(height, TALLEST)})
                    page.screenshot(path=FOLDER / f"{name}-{theme}{suffix}.png")
                    print(f"{name}-{theme}{suffix}.png")
            context.close()


def signed_in_cookies(browser: Browser, demo: Process, url: str) -> list:
    """Become the administrator by the link that the demo printed."""
    link = next(word for word in demo.printed.split() if "/welcome#" in word)
    context = browser.new_context(base_url=url)
    form = {"code": link.partition("#")[2], "password": PASSWORD}
    context.request.post("/welcome", form=form, headers={"origin": url})
    cookies = context.cookies()
    context.close()
    return cookies


def paths(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each page, with a delivery and an endpoint that have something to tell."""
    yield "now", "/"
    yield "deliveries", "/deliveries"
    yield "delivery", first_link(page, "/deliveries?status=failed", "/deliveries/dlv_")
    yield "endpoints", "/endpoints"
    yield "endpoint", first_link(page, "/endpoints", "/endpoints/ep_")
    yield "circuits", "/circuits"
    yield "audit", "/audit"
    yield "settings", "/settings"


def first_link(page: Page, path: str, beginning: str) -> str:
    """Return where the first such link of a page leads."""
    page.goto(path)
    return page.locator(f'a[href^="{beginning}"]').first.get_attribute("href") or path


if __name__ == "__main__":
    main()
