"""The fields of an endpoint in the OpenAPI document, derived from their declaration.

`core.endpoints` validates them.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, assert_never

import msgspec
from msgspec import Meta

from breakwater.core.domain.bounds import Number, WholeNumber
from breakwater.core.domain.endpoint_fields import (
    ENDPOINT_FIELDS,
    GROUPS,
    Choice,
    Delays,
    EndpointField,
    EventTypes,
    HeaderNames,
    Headers,
    Kind,
    Required,
    Secret,
    Text,
    Url,
)
from breakwater.core.domain.event_type import PATTERN
from breakwater.core.domain.retry import MAX_DELAY, MAX_DELAYS
from breakwater.core.domain.target.headers import MAX_HEADERS

Delay = Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": MAX_DELAY})]
DelayList = Annotated[list[Delay], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_DELAYS})]
EventType = Annotated[str, Meta(extra_json_schema={"pattern": PATTERN})]

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
_HEADER_NAME: Final = r"^[A-Za-z0-9-]{1,128}$"
_STRICT: Final[Any] = {
    "frozen": True,
    "kw_only": True,
    "forbid_unknown_fields": True,
    "module": __name__,
}

Member = tuple[str, Any] | tuple[str, Any, Any]
"""A member of a struct: its name, its type, and its default if it has one."""


def request_members(fields: Iterable[EndpointField], *, complete: bool) -> list[Member]:
    """Return the members of a body with these fields. `complete`: fields without a default must be present."""
    members: dict[str, Member] = {}
    for field in fields:
        if field.group:
            members[field.group] = (field.group, _GROUPS[field.group] | None, None)
            continue
        type_ = _described(api_type(field.kind), field.description)
        if field.default is not Required.REQUIRED:
            members[field.name] = (field.name, type_ | None, None)
        else:
            members[field.name] = (field.name, type_) if complete else (field.name, type_, "")
    return list(members.values())


def response_members(fields: Iterable[EndpointField]) -> list[Member]:
    """Return the members of a response with these fields. Groups have types of their own there."""
    return [
        (field.name, _described(_response_type(field), field.description))
        for field in fields
        if not field.group and not field.is_write_only
    ]


def _response_type(field: EndpointField) -> Any:
    """Return the type without bounds, which are those of requests."""
    type_ = api_type(field.kind)
    type_ = type_.__origin__ if hasattr(type_, "__metadata__") else type_
    return type_ | None if field.nullable else type_


def _described(type_: Any, description: str) -> Any:
    return Annotated[type_, Meta(description=description)]


def api_type(kind: Kind) -> Any:  # noqa: C901, PLR0911 - one branch per kind
    """Return the type of a kind in JSON, with its bounds in the schema."""
    match kind:
        case WholeNumber(low, high):
            return _bounded(int, minimum=low, maximum=high)
        case Number(low, high, above):
            return _bounded(float, **{"exclusiveMinimum" if above else "minimum": low}, maximum=high)
        case Text(max_length, multiline):
            pattern = {} if multiline else {"pattern": _ONE_LINE}
            return _bounded(str, maxLength=max_length, **pattern)
        case Url():
            return str
        case Secret(max_length):
            return _bounded(str, minLength=1, maxLength=max_length)
        case Choice(values):
            return values
        case EventTypes(max_items):
            return Annotated[list[EventType], Meta(extra_json_schema={"maxItems": max_items})]
        case Delays():
            return DelayList
        case Headers():
            return _bounded(dict[str, str], propertyNames={"pattern": _HEADER_NAME})
        case HeaderNames():
            return _bounded(list[str], maxItems=MAX_HEADERS)
        case _:
            assert_never(kind)


def _bounded(type_: Any, **schema: Any) -> Any:
    return Annotated[type_, Meta(extra_json_schema=schema)]


_GROUPS: Final = {
    group: msgspec.defstruct(
        f"{group.capitalize()}Fields",
        [
            (
                field.name.removeprefix(f"{group}."),
                _described(api_type(field.kind), field.description) | None,
                None,
            )
            for field in ENDPOINT_FIELDS
            if field.group == group
        ],
        namespace={"__doc__": description},
        **_STRICT,
    )
    for group, description in GROUPS.items()
}
EndpointChanges: Final = msgspec.defstruct(
    "EndpointChanges",
    request_members(ENDPOINT_FIELDS, complete=False),
    namespace={"__doc__": "Fields of an endpoint to update; null resets a field to its default."},
    **_STRICT,
)
EndpointFields: Final = msgspec.defstruct(
    "EndpointFields",
    request_members(ENDPOINT_FIELDS, complete=True),
    namespace={"__doc__": "An endpoint to create. Fields that are left out have their defaults."},
    **_STRICT,
)
