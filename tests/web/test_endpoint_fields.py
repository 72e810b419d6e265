"""Each field of an endpoint is declared once: columns, validation, API, form and documents follow the declaration."""

import html
import json
import math
import re
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, assert_never

import pytest

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.circuit import CircuitBreakerConfig
from breakwater.core.domain.endpoint_fields import (
    ENDPOINT_FIELDS,
    GROUPS,
    REQUEST,
    Choice,
    Delays,
    EndpointField,
    EventTypes,
    FromSetting,
    HeaderNames,
    Headers,
    Kind,
    Required,
    Secret,
    Text,
    Url,
)
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.target import AllowedNetworks
from breakwater.core.endpoints import fields as validation
from breakwater.core.endpoints.fields import Rules, default_columns, parse_fields
from breakwater.core.queries.endpoints.model import EndpointView
from breakwater.core.store.schema import ENDPOINTS
from breakwater.web.api.schema.endpoint_bodies import request_members, response_members
from breakwater.web.cli.options import variable_of
from breakwater.web.pages.endpoint_form import form_sections
from tests.web.running_app import RunningApp, problems

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "endpoint-fields.md"
URL = "https://hooks.example/in"
NAMES = list(dict.fromkeys(field.group or field.name for field in ENDPOINT_FIELDS))
"""As in a body of the API: groups instead of their fields."""
READ_ONLY = {
    "id",
    "state",
    "state_reason",
    "adhoc",
    "throttled_until",
    "secret_rotated_until",
    "created_at",
    "updated_at",
}
INTERNAL_COLUMNS = {
    *READ_ONLY - {"adhoc", "secret_rotated_until"},
    "adhoc_key",
    "adhoc_owner",
    "deleted_at",
    "mask_attempts_after",
    "secret",
    "previous_secret",
    "previous_secret_until",
    "secret_headers",
}
STORED_OTHERWISE = {
    "retry": {"retry_delays", "retry_jitter"},
    "secret": set(),
    "public_headers": set(),
}
"""Columns of fields that have no column of their own name."""


# --- the document


def endpoint_fields_table(fields: tuple[EndpointField, ...]) -> str:
    """Return the table of the document."""
    rows = ["| field | values | default | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{field.name}` | {describe_values(field)} | {describe_default(field)} | {field.description} |"
        for field in fields
    ]
    return "\n".join(rows)


def describe_values(field: EndpointField) -> str:
    return f"{describe_kind(field.kind)}{', or null' if field.nullable else ''}"


def describe_kind(kind: Kind) -> str:  # noqa: PLR0911, C901 - one branch per kind
    match kind:
        case WholeNumber(low, high):
            return f"whole number, {low:,} to {high:,}"
        case Number(low, high, above):
            return f"number, {'above ' if above else ''}{low:,g} to {high:,g}"
        case Text(max_length, multiline):
            return f"{'text' if multiline else 'one line'}, at most {max_length:,} characters"
        case Secret(max_length):
            return f"text, 1 to {max_length} characters; never shown again"
        case Url():
            return "URL"
        case Choice(values):
            return ", ".join(f"`{value}`" for value in values)
        case EventTypes(max_items):
            return f"list of event types, at most {max_items}"
        case Delays():
            return "list of seconds"
        case Headers():
            return "object of names and values"
        case HeaderNames():
            return "list of header names"
        case _:
            assert_never(kind)


def describe_default(field: EndpointField) -> str:
    if field.default is Required.REQUIRED:
        return "required"
    if isinstance(field.default, FromSetting):
        return f"`{variable_of(field.default.name)}`"
    return "generated" if field.is_write_only else f"`{json.dumps(field.default)}`"


def test_the_document_has_the_table_of_the_declaration() -> None:
    table = endpoint_fields_table(ENDPOINT_FIELDS)
    assert table in DOCUMENT.read_text(encoding="utf-8"), f"put this into {DOCUMENT.name}:\n\n{table}\n"
    rows = re.findall(r"^\| `([^`]+)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [field.name for field in ENDPOINT_FIELDS]


# --- the same fields everywhere


async def test_the_api_describes_and_returns_the_declared_fields_and_no_other(service: RunningApp) -> None:
    schemas = (await service.api.get("/schema")).json()["components"]["schemas"]
    for body in ("EndpointFields", "EndpointChanges"):
        assert list(schemas[body]["properties"]) == NAMES
    shown = {name for name in NAMES if name != "secret"}
    assert set(schemas["Endpoint"]["properties"]) == shown | READ_ONLY
    endpoint = await service.post("/endpoints", {"url": URL}, 201)
    assert set(endpoint) == shown | READ_ONLY | {"secret", "public_key"}
    for group in GROUPS:
        inner = {field.name.removeprefix(f"{group}.") for field in ENDPOINT_FIELDS if field.group == group}
        assert set(schemas[f"{group.capitalize()}Fields"]["properties"]) == inner
        assert set(endpoint[group]) == inner


async def test_the_schema_has_the_description_and_the_bounds_of_each_field(service: RunningApp) -> None:
    schemas = (await service.api.get("/schema")).json()["components"]["schemas"]
    for field in ENDPOINT_FIELDS:
        body = schemas[f"{field.group.capitalize()}Fields" if field.group else "EndpointFields"]
        property_ = body["properties"][field.name.removeprefix(f"{field.group}.")]
        variant = property_.get("anyOf", [property_])[0]
        assert variant["description"] == field.description
        match field.kind:
            case WholeNumber(low, high) | Number(low, high):
                assert (variant.get("minimum", variant.get("exclusiveMinimum")), variant["maximum"]) == (
                    low,
                    high,
                )
            case _:
                pass


async def test_the_form_has_an_input_for_each_declared_field_and_no_other(service: RunningApp) -> None:
    endpoint = await service.endpoint()
    for path in ("/endpoints/new", f"/endpoints/{endpoint}/edit"):
        page = (await service.api.get(path)).text.split('<form method="post" action="/endpoints')[1]
        names = re.findall(r'<(?:input|textarea|select) id="([^"]+)" name="\1"', page)
        assert names == [field.name for _section, fields in form_sections() for field in fields]
        assert sorted(names) == sorted(field.name for field in ENDPOINT_FIELDS)
        text = html.unescape(page)
        for field in ENDPOINT_FIELDS:
            assert f'<label for="{field.name}">{field.label}</label>' in text


def test_each_field_has_its_columns_and_every_other_column_is_internal() -> None:
    declared = {column for name in NAMES for column in STORED_OTHERWISE.get(name, {name})}
    columns = {column.name for column in ENDPOINTS.c}
    assert columns == declared | INTERNAL_COLUMNS, "declare the field, or list its column as internal"
    assert set(default_columns(RULES)) == declared - {"url"} | {"public_headers"}


def test_each_shown_field_is_an_attribute_of_the_view() -> None:
    shown = {name for name in NAMES if name not in {"retry", "secret"}} | STORED_OTHERWISE["retry"]
    assert {field.name for field in dataclass_fields(EndpointView)} == shown | READ_ONLY


def test_the_fields_of_the_circuit_are_those_of_its_configuration() -> None:
    declared = [field.name.removeprefix("circuit.") for field in ENDPOINT_FIELDS if field.group == "circuit"]
    assert sorted(declared) == sorted(field.name for field in dataclass_fields(CircuitBreakerConfig))


# --- validation


RULES = Rules(AllowedNetworks.parse([]), attempt_timeout_seconds=10.0, lane_max_in_flight=64)
NUMERIC = [field for field in ENDPOINT_FIELDS if isinstance(field.kind, WholeNumber | Number)]


def body_of(field: EndpointField, value: object) -> dict[str, Any]:
    """Return a body that sets one field. A longer maximum leaves room for every cooldown."""
    inner = field.name.removeprefix(f"{field.group}.")
    if field.name == "circuit.timeout_seconds":
        return {"circuit": {inner: value, "max_timeout_seconds": None}}
    if field.name == "circuit.max_timeout_seconds":
        return {"circuit": {inner: value, "timeout_seconds": 0}}
    return {field.group: {inner: value}} if field.group else {field.name: value}


@pytest.mark.parametrize("field", NUMERIC, ids=lambda field: field.name)
def test_a_number_is_accepted_within_its_bounds_and_refused_beyond_them(field: EndpointField) -> None:
    assert isinstance(field.kind, WholeNumber | Number)
    low, high = field.kind.low, field.kind.high
    excludes_low = isinstance(field.kind, Number) and field.kind.above
    for value in (high, math.nextafter(low, high) if excludes_low else low):
        parse_fields({"url": URL, **body_of(field, value)}, RULES)
    for value in (low if excludes_low else low - 1, high + 1, math.nan, math.inf, True, "1", [1]):
        with pytest.raises(InvalidInput) as refused:
            parse_fields({"url": URL, **body_of(field, value)}, RULES)
        assert field.name in {problem.field for problem in refused.value.problems}, value


async def test_null_resets_each_field_to_its_declared_default(service: RunningApp) -> None:
    fresh = await service.post("/endpoints", {"url": URL, "name": "x"}, 201)
    changed: dict[str, Any] = {
        "description": "x\ny",
        "event_types": ["a"],
        "timeout_seconds": 3,
        "max_in_flight": 3,
        "rate_limit_per_second": 3,
        "signature": "github",
        "headers": {"X-Env": "live"},
        "public_headers": ["X-Env"],
        "retry": {"delays": [3], "jitter": 0.3},
        "circuit": {"failure_threshold": 3, "failure_rate_threshold": None},
    }
    assert {"url", "name", "secret", *changed} == set(NAMES)
    path = f"/api/v1/endpoints/{fresh['id']}"
    view = (await service.api.patch(path, json=changed)).json()
    assert all(view[name] != fresh[name] for name in changed)
    reset = (await service.api.patch(path, json=dict.fromkeys(changed))).json()
    assert {name: reset[name] for name in changed} == {name: fresh[name] for name in changed}
    assert "url" in problems(await service.api.patch(path, json={"url": None}), 422)


async def test_a_note_of_several_lines_survives_the_form(service: RunningApp) -> None:
    created = await service.post("/endpoints", {"url": URL, "description": "one\ntwo"}, 201)
    page = (await service.api.get(f"/endpoints/{created['id']}/edit")).text
    assert re.search(r'<textarea id="description"[^>]*>\none\ntwo</textarea>', page)


# --- a new field


def test_a_new_field_needs_only_its_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its column with the migration, and the attribute of the view."""
    field = EndpointField(
        name="max_redirects",
        kind=WholeNumber(0, 5),
        section=REQUEST,
        label="Max redirects",
        description="Redirects to follow.",
        default=0,
    )
    fields = (*ENDPOINT_FIELDS, field)
    assert request_members(fields, complete=True)[-1][0] == "max_redirects"
    assert response_members(fields)[-1][0] == "max_redirects"
    assert field in dict(form_sections(fields))[REQUEST]
    assert "| `max_redirects` | whole number, 0 to 5 | `0` | Redirects to follow. |" in endpoint_fields_table(
        fields
    )
    monkeypatch.setitem(validation._PLAIN, field.name, field)
    assert parse_fields({"url": URL}, RULES)["max_redirects"] == 0
    assert parse_fields({"url": URL, "max_redirects": 5}, RULES)["max_redirects"] == 5
    with pytest.raises(InvalidInput, match="from 0 to 5"):
        parse_fields({"url": URL, "max_redirects": 6}, RULES)
