"""The filters of the audit log, and its CSV file."""
# ruff: noqa: RUF001 -- full-width operators

import csv
import io
import unicodedata

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakwater.web.pages import audit
from breakwater.web.pages.downloads import cell, csv_of
from breakwater.web.pages.words import visible
from tests.web.running_app import RunningApp


def entries(response: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.text)))


async def test_entries_are_filtered_by_actor_action_and_subject(service: RunningApp) -> None:
    ada, eve = await service.endpoint(), await service.endpoint("eve.example")
    await service.post(f"/circuits/{eve}/hold", {"reason": "migration"})
    for query, listed, unlisted in (
        ("actor=person%3Aada", "Endpoint eve.example created", "migration"),
        ("action=circuit.hold", "migration", "created"),
        (f"subject={eve}", "Endpoint eve.example created", "billing.example"),
    ):
        page = (await service.api.get(f"/audit?{query}")).text
        assert listed in page
        assert unlisted not in page
        assert f'href="/audit.csv?{query}"' in page
        file = (await service.api.get(f"/audit.csv?{query}")).text
        assert listed in file
        assert unlisted not in file
    assert 'value="circuit.hold" selected' in (await service.api.get("/audit?action=circuit.hold")).text
    assert "No matching entries" in (await service.api.get(f"/audit?actor=person:eve&subject={ada}")).text


async def test_the_file_has_all_fields_of_each_entry_newest_first(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post(f"/circuits/{endpoint}/hold", {"reason": 'a, b; "c"  d'})
    first, *_ = entries(await service.api.get("/audit.csv"))
    assert first["action"] == "circuit.hold"
    assert first["subject"] == endpoint
    assert first["reason"] == 'a, b; "c"  d'
    assert first["at"].endswith("Z")


async def test_a_browser_saves_the_file_and_never_shows_it(service: RunningApp) -> None:
    response = await service.api.get("/audit.csv")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_the_file_needs_a_credential(service: RunningApp) -> None:
    assert (await service.anonymous.get("/audit.csv")).status_code in {303, 401}
    sender = await service.key("send")
    assert (await sender.get("/audit.csv")).status_code == 403


FORMULA_STARTS = ["=", "+", "-", "@", "\t", "\r"]
VARIANTS = [*"＝＋－＠﹢﹣﹦﹫⁺⁻₌−", " =", "\n=", "\u00a0+", "\u3000＝", "\v-"]
"""Full-width, small and raised operators, and operators behind white space of every kind."""


@pytest.mark.parametrize("start", [*FORMULA_STARTS, *VARIANTS])
async def test_no_spreadsheet_evaluates_a_cell(service: RunningApp, start: str) -> None:
    endpoint = await service.endpoint()
    hostile = f'{start}HYPERLINK("https://evil.example";"x")'
    assert cell(hostile) == f"'{visible(hostile)}"
    if not start[0].isspace():  # a reason is stripped
        await service.post(f"/circuits/{endpoint}/hold", {"reason": hostile})
        first, *_ = entries(await service.api.get("/audit.csv"))
        assert first["reason"] == f"'{hostile}"


@given(st.text(max_size=20) | st.text("=+-@＝＋－＠ \t\r\n\u3000\u200b0a", max_size=6))
def test_no_cell_of_any_text_starts_as_a_formula(text: str) -> None:
    ((read,),) = csv.reader(io.StringIO(csv_of([(text,)]), newline=""))
    assert unicodedata.normalize("NFKC", read).lstrip()[:1] not in set("=+-@−")
    assert not read[:1].isspace()


def test_separators_quotes_and_invisible_characters_stay_in_their_cell() -> None:
    written = csv_of([('a";=1', "b\n=2", "c\u202e\x1b[31m", 3)])
    assert written == '"a"";=1","b\n=2","c\\u202e\\u001b[31m","3"\r\n'


async def test_an_incomplete_export_has_a_note(service: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_EXPORTED", 200)
    actor = "person:ada"
    for number in range(201):
        await service.runtime.access.people.invite(f"viewer{number}", "viewer", actor=actor)
    *rows, last = entries(await service.api.get("/audit.csv"))
    assert len(rows) == 200
    assert last["at"] == "Incomplete: only the newest 200 matching entries. Narrow the filter."
    newest = entries(await service.api.get("/audit.csv?action=endpoint.create"))
    assert not any(row["at"].startswith("Incomplete") for row in newest)


async def test_a_filter_that_cannot_match_is_shown_with_its_problem(service: RunningApp) -> None:
    page = await service.api.get("/audit?actor=a%00b")
    assert page.status_code == 200
    assert "Actor contains a control character" in page.text
    assert (await service.api.get("/audit.csv?actor=a%00b")).status_code == 422
