"""Read a page as a browser does, and list everything that could run, lead away, or deceive a reader or an update.

The value of a form field is exempt: it goes back exactly as it was typed, including invisible characters.
"""

import re
from html.parser import HTMLParser

_LOCAL = re.compile(r"^/(?!/)|^#|^\?")
_LINK_ATTRIBUTES = {"href", "src", "action", "hx-get", "hx-post", "formaction"}
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Controls, terminal escapes, zero-width characters and bidirectional overrides."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.findings: list[str] = []
        self._ids: set[str] = set()
        self._in_script = self._in_field = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._in_script, self._in_field = tag == "script", tag == "textarea"
        if tag in {"img", "iframe", "object", "embed", "base", "style", "marquee"}:
            self.findings.append(f"<{tag}>")
        if tag == "script" and not attributes.get("src", "").startswith("/static/"):
            self.findings.append("an inline script")
        if (element_id := attributes.get("id")) is not None:
            if element_id in self._ids:
                self.findings.append(
                    f"the id {element_id!r} occurs twice, so an update can hit the wrong element"
                )
            self._ids.add(element_id)
        for name, value in attributes.items():
            if name.startswith(("on", "hx-on", "style", "srcdoc")):
                self.findings.append(f"<{tag} {name}>")
            if name in _LINK_ATTRIBUTES and value and not _LOCAL.match(value):
                self.findings.append(f"<{tag} {name}={value[:60]!r}>")
            if name != "value" and _INVISIBLE.search(value):
                self.findings.append(f"<{tag} {name}> has invisible characters: {value[:60]!r}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_field = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.findings.append("a script with text")
        if not self._in_field and (match := _INVISIBLE.search(data)):
            self.findings.append(f"invisible characters in text: {data[max(0, match.start() - 20) :][:60]!r}")


def hostile_markup(page: str) -> list[str]:
    """Return everything on a page that could run, lead away, or deceive."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.findings
