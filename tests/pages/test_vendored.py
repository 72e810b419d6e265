"""The vendored files in `static/` are those that `VENDORED.md` lists."""

import base64
import hashlib
import re
from collections.abc import Iterator

import pytest

from breakwater.web.assets import STATIC, TEMPLATES
from breakwater.web.pages.fingerprint import asset

OUR_SCRIPTS = {"app.js", "forms.js", "steady.js", "stream.js", "stream-worker.js"}
OURS = {"app.css", "favicon.svg", "VENDORED.md", "fonts/OFL.txt", *OUR_SCRIPTS}
ROW = re.compile(
    r"^\| (?P<file>\S+) \| (?P<package>\S+) \| (?P<version>\S+) \| (?P<licence>.+) \| `(?P<sha384>\S+)` \|$"
)


def noted() -> dict[str, str]:
    lines = (STATIC / "VENDORED.md").read_text().splitlines()
    return {match["file"]: match["sha384"] for line in lines if (match := ROW.match(line))}


def test_every_vendored_file_is_listed_with_its_digest() -> None:
    there = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert noted().keys() == there - OURS
    for name, digest in noted().items():
        assert base64.b64encode(hashlib.sha384((STATIC / name).read_bytes()).digest()).decode() == digest, (
            name
        )


def test_the_url_of_an_asset_changes_with_its_content() -> None:
    assert re.fullmatch(r"/static/htmx\.min\.js\?v=[0-9a-f]{12}", asset("htmx.min.js"))
    with pytest.raises(FileNotFoundError):
        asset("missing.js")


FORBIDDEN = re.compile(
    r"\sstyle=|\son[a-z]+=|hx-on|hx-vars|js:|<style|<script(?! defer src=)|hx-trigger=\"[^\"]*\[",
    re.IGNORECASE,
)


def templates() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES.rglob("*.html"):
        yield path.relative_to(TEMPLATES).as_posix(), path.read_text()


def test_no_template_needs_an_exception_from_the_security_policy() -> None:
    matches = {name: match[0] for name, text in templates() if (match := FORBIDDEN.search(text))}
    assert matches == {}


def test_no_template_marks_text_as_safe() -> None:
    assert [name for name, text in templates() if "| safe" in text or "autoescape" in text] == []


def with_its_parts(text: str) -> str:
    """Return a template with what it includes in place."""
    return re.sub(
        r'{% include "([^"]+)"[^%]*%}', lambda part: with_its_parts((TEMPLATES / part[1]).read_text()), text
    )


AT_THE_DOOR = {"sign_in/sign_in.html", "sign_in/welcome.html"}
"""No session could have a token there, and one that is over must not keep its owner out."""


def test_every_form_that_posts_carries_its_token() -> None:
    for name, text in templates():
        if name in AT_THE_DOOR:
            assert "csrf_field()" not in text
            continue
        forms = re.findall(r'<form[^>]*method="post".*?</form>', with_its_parts(text), re.DOTALL)
        assert all("csrf_field()" in form for form in forms), name
