"""Take the screenshots of the documents: every page of a running demo, light and dark, desktop and phone.

`make screenshots` writes them to docs/screenshots/. PAGE=now takes those of one page only.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes import ROOT, Process, end, start, url_printed_by

FOLDER = ROOT / "docs" / "screenshots"
PASSWORD = "correct horse battery staple"
SECONDS_OF_TRAFFIC = 150
"""Enough for a circuit to open and to close, and for charts to have more than a bar or two."""
TALLEST = 900
"""Pixels: what is below says little, and a picture of it all is too large for a repository."""
DELETED = "Newsletter"
WIDTHS = {"": 1280, "-phone": 390}


def main() -> None:
    """Start the demo, wait, and take every screenshot."""
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
    visits = set_the_scene(browser, url, cookies)
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
            for name, path in visits.items():
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


def set_the_scene(browser: Browser, url: str, cookies: list) -> dict[str, str]:
    """Delete an endpoint, resend in bulk, and return the path of each page: every one has something to tell."""
    context = browser.new_context(base_url=url)
    context.add_cookies(cookies)
    page = context.new_page()
    deleted = delete_endpoint(page)
    dry_run = "/replays/new?status=failed&class=client_error"
    replay = start_replay(page, dry_run)
    delivery = first_link(page, "/deliveries?status=failed", "/deliveries/dlv_")
    endpoint = first_link(page, "/endpoints", "/endpoints/ep_")
    message = first_link(page, delivery, "/messages/msg_")
    context.close()
    return {
        "now": "/",
        "deliveries": "/deliveries",
        "deliveries-failed": "/deliveries?status=failed",
        "causes": "/deliveries/causes",
        "delivery": delivery,
        "message": message,
        "endpoints": "/endpoints",
        "endpoint": endpoint,
        "endpoint-new": "/endpoints/new",
        "endpoint-edit": f"{endpoint}/edit",
        "endpoint-deleted": deleted,
        "circuits": "/circuits",
        "replays": "/replays",
        "replay-new": "/replays/new?status=failed",
        "replay": replay,
        "audit": "/audit",
        "settings": "/settings",
        "sign-in": "/sign-in",
    }


def delete_endpoint(page: Page) -> str:
    """Delete one endpoint on its page, and return its path."""
    page.goto("/endpoints")
    page.get_by_role("link", name=DELETED, exact=True).click()
    page.locator("#delete summary").click()
    path = page.evaluate("location.pathname")
    page.locator("#delete-reason").fill("Moved to another list provider")
    page.get_by_role("button", name="Delete endpoint").click()
    page.wait_for_url("**/endpoints")
    return path


def start_replay(page: Page, dry_run: str) -> str:
    """Resend the deliveries of a dry run with its confirmation, and return the path of the replay."""
    page.goto(dry_run)
    page.locator("main form .main").first.click()
    confirm = page.locator("dialog[open] [name=confirmed]")
    if confirm.count():
        confirm.click()
    page.wait_for_url("**/replays/rpl_*")
    return page.evaluate("location.pathname")


def first_link(page: Page, path: str, beginning: str) -> str:
    """Return where the first such link of a page leads."""
    page.goto(path)
    return page.locator(f'a[href^="{beginning}"]').first.get_attribute("href") or path


if __name__ == "__main__":
    main()
