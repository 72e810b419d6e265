"""Hands that do the daily jobs and count what they do: a mouse, and a keyboard that sees where its focus is.

A click counts, and so does a key that acts: Enter on what has the focus, or a shortcut. Moving does not: neither the
mouse, nor Tab, nor `j` and `k` along a table; nor does typing into a field.
"""

from typing import Protocol

from playwright.sync_api import Locator, Page

_FARTHEST = 150
"""Stops of the Tab key: more would be no way for a person."""
_HAS_FOCUS = "element => element === document.activeElement"
_SHOWS_FOCUS = """() => {
  const at = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(at)
  const box = at.getBoundingClientRect()
  const inView = box.width > 0 && box.bottom > 0 && box.top < innerHeight
  return at.matches(':focus-visible') && outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 && inView
}"""


class Hand(Protocol):
    """What a person works with."""

    page: Page
    done: int
    """Clicks, or keys that acted."""

    def activate(self, target: Locator) -> None:
        """Click it, or press Enter on it."""


class Mouse:
    """Clicks."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.done = 0

    def activate(self, target: Locator) -> None:
        """Click it."""
        target.click()
        self.done += 1


class Keyboard:
    """Tab, Enter and shortcuts, and nothing else."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.done = 0

    def activate(self, target: Locator) -> None:
        """Go there by Tab, see the focus there, and press Enter."""
        target.wait_for()
        for _ in range(_FARTHEST):
            if target.evaluate(_HAS_FOCUS):
                break
            self.page.keyboard.press("Tab")
        self.act("Enter")

    def move(self, key: str) -> None:
        """Press a key that only moves."""
        self.page.keyboard.press(key)

    def act(self, *keys: str) -> None:
        """Press a shortcut, one or two keys; Enter acts on what has the focus, which must be seen."""
        if keys == ("Enter",):
            assert self.page.evaluate(_SHOWS_FOCUS), "the focus cannot be seen"
        for key in keys:
            self.page.keyboard.press(key)
        self.done += 1
