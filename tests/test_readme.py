"""Settings, flags, links and file names in the documents match the code."""

import re
from pathlib import Path

from breakwater.core.settings import Settings
from breakwater.web.cli.options import default_words, flag_of, variable_of

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """Return the table of settings, generated from the settings."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = default_words(field)
        rows.append(f"| `{variable_of(name)}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_table_is_current() -> None:
    section = re.search(r"<!-- settings:.*?-->\n\n?(.*?)\n?<!-- /settings -->", README, re.DOTALL)
    assert section
    table = settings_table()
    assert section[1].strip() == table, f"put this into the README:\n\n{table}\n"


def test_every_flag_that_the_readme_names_exists() -> None:
    flags = {flag_of(name) for name in Settings.model_fields}
    named = set(re.findall(r"`(--[a-z-]+)`", README))
    assert named <= flags


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_file_that_the_documents_link_to_exists() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


def test_every_file_that_the_documents_name_exists() -> None:
    named = re.compile(r"`(?:python )?((?:core|web|templates|static|tests|bench|docs)/[\w./-]*)`")
    for document in DOCUMENTS:
        for name in named.findall(document.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{document.name} names {name}"
