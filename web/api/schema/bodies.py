"""What the API takes: bodies read once, strictly, with every refusal naming place and remedy."""

import functools
import re
import unicodedata
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from litestar import Request
from msgspec import Meta, Raw

from breakwater.core.accounts.keys import KEY_NAME
from breakwater.core.accounts.model import Scope
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.operations.deliveries import MAX_BULK_RESEND
from breakwater.core.text.timestamps import TimestampError, parse_timestamp
from breakwater.web.api.schema.endpoint_bodies import Delays, EventType
from breakwater.web.problems import BadRequest

T = TypeVar("T")

DELIVERY_ID: Final = r"^dlv_[0-9a-z]{1,40}$"
REASON_MAX: Final = 500
BATCH_MAX: Final = 1_000
ENDPOINTS_MAX: Final = 1_000
Reason = Annotated[str, Meta(max_length=REASON_MAX, description="Why: kept with the audit entry.")]


_OneScope = Annotated[str, Meta(extra_json_schema={"enum": list(Scope)})]


class RetryOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule for this message alone."""

    delays: Delays
    """Seconds to wait after the first, the second, ... failed attempt."""


class NewMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message: to the named endpoints, to one URL, or to every endpoint that subscribes."""

    event_type: EventType
    payload: Raw
    """Any JSON; sent on byte for byte."""
    endpoint_ids: (
        Annotated[list[str], Meta(extra_json_schema={"minItems": 1, "maxItems": ENDPOINTS_MAX})] | None
    ) = None
    """Not beside `url`."""
    url: str | None = None
    retry: RetryOverride | None = None


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages, each as for `POST /messages`, accepted or refused each on its own."""

    messages: Annotated[list[Raw], Meta(extra_json_schema={"minItems": 1, "maxItems": BATCH_MAX})]


class Resend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to send again."""

    reason: Reason | None = None
    now: bool = False
    """Also past an open circuit: one probe."""


class ResendSeveral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which deliveries to send again, all in one transaction."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=DELIVERY_ID)]],
        Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_BULK_RESEND}),
    ]
    reason: Reason | None = None


class WithReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done."""

    reason: Reason | None = None


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold a circuit open."""

    reason: Reason
    until: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | None = None
    """A time in ISO 8601; null: until somebody releases it."""


class KeyFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An API key to be made."""

    name: Annotated[str, Meta(extra_json_schema={"pattern": KEY_NAME})]
    scopes: Annotated[list[_OneScope], Meta(extra_json_schema={"minItems": 1})]


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret of the caller's own; without one Breakwater makes it."""

    secret: str | None = None


async def read_body(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the body as `kind`. Raises BadRequest for what is no JSON, InvalidInput for what does not fit."""
    return decode(await request.body(), kind)


async def read_optional_body(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the body, or `kind` as it is by default when there is none."""
    return decode(await request.body() or b"{}", kind)


class GivesReason(Protocol):
    """A body that may say why."""

    @property
    def reason(self) -> str | None: ...


def reason_of(body: GivesReason) -> str | None:
    """Return the reason that a body gives. Raises InvalidInput for one that could not be stored or shown."""
    if body.reason is not None and any(unicodedata.category(letter) == "Cc" for letter in body.reason):
        raise InvalidInput.of("reason", "has a control character: write one line of text")
    return body.reason


def time_of(field: str, text: str, remedy: str) -> float:
    """Return the time that a field names. Raises InvalidInput; a body says no time relative to when it arrives."""
    try:
        moment = parse_timestamp(text)
    except TimestampError:
        moment = None
    if not isinstance(moment, float):
        raise InvalidInput.of(field, f"is no time: {remedy}")
    return moment


def decode(body: bytes | Raw, kind: type[T]) -> T:
    """Return `body` as `kind`; see `read_body`."""
    try:
        decoded: T = _decoder(kind).decode(body)  # type: ignore[arg-type]  # a type is hashable, and T is one
    except msgspec.ValidationError as invalid:
        raise _does_not_fit(str(invalid)) from None
    except msgspec.DecodeError as malformed:
        raise _malformed(bytes(body), str(malformed)) from None
    except UnicodeDecodeError as malformed:
        raise BadRequest.of("body", f"is not UTF-8: {malformed.reason}; encode the JSON as UTF-8") from None
    except RecursionError:
        raise BadRequest.of("body", "is nested too deeply: flatten it") from None
    return decoded


@functools.cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


_BYTE: Final = re.compile(r"^(?:JSON is malformed: )?(?P<what>.*) \(byte (?P<byte>\d+)\)$")
_PATH: Final = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)
_NAME_MAX: Final = 100


def _malformed(body: bytes, said: str) -> BadRequest:
    if not body.strip():
        return BadRequest.of("body", "is empty: send JSON")
    match = _BYTE.match(said)
    if match is None:
        return BadRequest.of("body", "is no JSON: it ends too early")
    before = body[: int(match["byte"])]
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    return BadRequest.of("body", f"is no JSON: {match['what']} in line {line}, column {column}")


def _does_not_fit(said: str) -> InvalidInput:
    placed = _PATH.match(said)
    what, path = (placed["what"], _dotted(placed["path"])) if placed else (said, "")
    if unknown := _UNKNOWN.match(what):
        return InvalidInput.of(
            _field(path, unknown["name"]), "is not a field here: remove it, or mend its name"
        )
    if missing := _MISSING.match(what):
        return InvalidInput.of(_field(path, missing["name"]), "is missing: it is required")
    return InvalidInput.of(
        path or "body", f"does not fit: {_KIND.sub(_in_words, what[:1].lower() + what[1:])}"
    )


_KIND: Final = re.compile(r"`(\w+)`")
_KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
"""The decoder's names of types, in words that the writer of any language knows."""


def _in_words(kind: re.Match[str]) -> str:
    return _KINDS.get(kind[1], kind[0])


def _dotted(path: str) -> str:
    """Return `endpoint_ids.1` for `endpoint_ids[1]`."""
    return re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path).removeprefix(".")


def _field(path: str, name: str) -> str:
    return f"{path}.{name[:_NAME_MAX]}" if path else name[:_NAME_MAX]
