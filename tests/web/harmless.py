"""Reads a page as a browser would, and tells what on it could run, lead away, or deceive a reader or an update.

What stands in a field is whoever typed it's, and goes back as it came: that may be what cannot be seen.
"""

import re
from html.parser import HTMLParser

_OURS = re.compile(r"^/(?!/)|^#|^\?")
_GOES = {"href", "src", "action", "hx-get", "hx-post", "formaction"}
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Controls, terminal escapes, zero-width characters and bidirectional overrides."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.findings: list[str] = []
        self._ids: set[str] = set()
        self._in_script = self._in_field = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_script, self._in_field = tag == "script", tag == "textarea"
        if tag in {"img", "iframe", "object", "embed", "base", "style", "marquee"}:
            self.findings.append(f"<{tag}>")
        if tag == "script" and not given.get("src", "").startswith("/static/"):
            self.findings.append("an inline script")
        if (name := given.get("id")) is not None:
            if name in self._ids:
                self.findings.append(f"two are called {name!r}: an update takes one for the other")
            self._ids.add(name)
        for name, value in given.items():
            if name.startswith(("on", "hx-on", "style", "srcdoc")):
                self.findings.append(f"<{tag} {name}>")
            if name in _GOES and value and not _OURS.match(value):
                self.findings.append(f"<{tag} {name}={value[:60]!r}>")
            if name != "value" and _UNSEEN.search(value):
                self.findings.append(f"<{tag} {name}> has what cannot be seen: {value[:60]!r}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_field = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.findings.append("a script with text")
        if not self._in_field and (found := _UNSEEN.search(data)):
            self.findings.append(f"text that cannot be seen: {data[max(0, found.start() - 20) :][:60]!r}")


def harmful(page: str) -> list[str]:
    """Return everything on a page that is not harmless."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.findings
