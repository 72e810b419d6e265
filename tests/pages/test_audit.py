"""The audit page's filters, and the same entries as a file."""

import csv
import io

import httpx
import pytest

from breakwater.web.pages import audit
from breakwater.web.pages.downloads import cell, csv_of
from tests.web.running_app import RunningApp


def entries(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_entries_are_filtered_by_who_what_and_which(service: RunningApp) -> None:
    ada, eve = await service.endpoint(), await service.endpoint("eve.example")
    await service.post(f"/circuits/{eve}/hold", {"reason": "migration"})
    for query, shown, hidden in (
        ("actor=person%3Aada", "Endpoint eve.example created", "migration"),
        ("action=circuit.hold", "migration", "created"),
        (f"subject={eve}", "Endpoint eve.example created", "billing.example"),
    ):
        page = (await service.api.get(f"/audit?{query}")).text
        assert shown in page
        assert hidden not in page
        assert f'href="/audit.csv?{query}"' in page
        file = (await service.api.get(f"/audit.csv?{query}")).text
        assert shown in file
        assert hidden not in file
    assert 'value="circuit.hold" selected' in (await service.api.get("/audit?action=circuit.hold")).text
    assert "No entry matches" in (await service.api.get(f"/audit?actor=person:eve&subject={ada}")).text


async def test_the_file_holds_all_that_is_known_of_each_entry_newest_first(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    await service.post(f"/circuits/{endpoint}/hold", {"reason": 'a, b; "c"  d'})
    first, *_ = entries(await service.api.get("/audit.csv"))
    assert first["action"] == "circuit.hold"
    assert first["subject"] == endpoint
    assert first["reason"] == 'a, b; "c"  d'
    assert first["at"].endswith("Z")


async def test_the_file_is_saved_and_never_shown(service: RunningApp) -> None:
    answer = await service.api.get("/audit.csv")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_file_needs_a_credential(service: RunningApp) -> None:
    assert (await service.anonymous.get("/audit.csv")).status_code in {303, 401}
    sender = await service.key("send")
    assert (await sender.get("/audit.csv")).status_code == 403


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
async def test_no_cell_is_worked_out_by_a_spreadsheet(service: RunningApp, begin: str) -> None:
    endpoint = await service.endpoint()
    hostile = f'{begin}HYPERLINK("https://evil.example";"x")'
    assert cell(hostile).startswith(f"'{begin}" if begin != "\r" else "'\\u000d")
    if begin not in "\t\r":  # whitespace at the ends of a reason is not kept
        await service.post(f"/circuits/{endpoint}/hold", {"reason": hostile})
        first, *_ = entries(await service.api.get("/audit.csv"))
        assert first["reason"] == f"'{hostile}"


def test_separators_quotes_and_unseen_characters_stay_in_their_cell() -> None:
    written = csv_of([('a";=1', "b\n=2", "c\u202e\x1b[31m", 3)])
    assert written == '"a"";=1","b\n=2","c\\u202e\\u001b[31m","3"\r\n'


async def test_a_file_that_is_not_all_says_so(service: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_EXPORTED", 200)
    actor = "person:ada"
    for number in range(201):
        await service.runtime.access.people.invite(f"viewer{number}", "viewer", actor=actor)
    *found, last = entries(await service.api.get("/audit.csv"))
    assert len(found) == 200
    assert last["at"] == "Not all: only the newest 200 that match are in this file. Filter for fewer."
    newest = entries(await service.api.get("/audit.csv?action=endpoint.create"))
    assert not any(row["at"].startswith("Not all") for row in newest)


async def test_a_filter_that_nothing_can_match_is_shown_with_what_is_wrong(service: RunningApp) -> None:
    page = await service.api.get("/audit?actor=a%00b")
    assert page.status_code == 200
    assert "<b>actor</b> has a character that no name and no id has" in page.text
    assert (await service.api.get("/audit.csv?actor=a%00b")).status_code == 422
