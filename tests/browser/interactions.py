"""Simulated people who count their actions: one with a mouse, one with a keyboard and a visible focus.

A click counts, and a key that acts: Enter on the focused element, or a shortcut. Moving the mouse, Tab, `j` and `k`
along a table, and typing into a field do not count.
"""

from typing import Protocol

from playwright.sync_api import Locator, Page

_MAX_TAB_STOPS = 150
"""Tab stops after which the target counts as unreachable by keyboard."""
_HAS_FOCUS = "element => element === document.activeElement"
_SHOWS_FOCUS = """() => {
  const at = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(at)
  const box = at.getBoundingClientRect()
  const inView = box.width > 0 && box.bottom > 0 && box.top < innerHeight
  return at.matches(':focus-visible') && outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 && inView
}"""


class Person(Protocol):
    """A person in front of a page."""

    page: Page
    action_count: int
    """Clicks, or keys that act."""

    def activate(self, target: Locator) -> None:
        """Click the target, or press Enter on it."""


class Mouse:
    """Uses only the mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.action_count = 0

    def activate(self, target: Locator) -> None:
        """Click the target."""
        target.click()
        self.action_count += 1


class Keyboard:
    """Uses only Tab, Enter and shortcuts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.action_count = 0

    def activate(self, target: Locator) -> None:
        """Move to the target by Tab, check that the focus is visible, and press Enter."""
        target.wait_for()
        for _ in range(_MAX_TAB_STOPS):
            if target.evaluate(_HAS_FOCUS):
                break
            self.page.keyboard.press("Tab")
        self.act("Enter")

    def move(self, key: str) -> None:
        """Press a key that only moves the focus."""
        self.page.keyboard.press(key)

    def act(self, *keys: str) -> None:
        """Press a shortcut of one or two keys; Enter requires a visible focus."""
        if keys == ("Enter",):
            assert self.page.evaluate(_SHOWS_FOCUS), "the focus cannot be seen"
        for key in keys:
            self.page.keyboard.press(key)
        self.action_count += 1
