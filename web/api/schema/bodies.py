"""The request bodies of the API, and how they are read: once, strictly, with the place and remedy of each problem."""

import codecs
import functools
import re
import unicodedata
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from litestar import Request
from msgspec import Meta, Raw

from breakwater.core.accounts.keys import KEY_NAME, KEY_SENDER
from breakwater.core.accounts.model import Scope
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.operations.deliveries import MAX_BULK_RESEND
from breakwater.core.text.timestamps import TimestampError, parse_timestamp
from breakwater.web.api.schema.doubled_keys import envelope, find_doubled_key, is_doubled_list, may_double
from breakwater.web.api.schema.endpoint_bodies import DelayList, EventType
from breakwater.web.api.schema.surrogates import find_lone_surrogate
from breakwater.web.problems import BadRequest, UnsupportedEncoding

T = TypeVar("T")

DELIVERY_ID: Final = r"^dlv_[0-9a-z]{1,40}$"
REASON_MAX: Final = 500
BATCH_MAX: Final = 1_000
ENDPOINTS_MAX: Final = 1_000
Reason = Annotated[str, Meta(max_length=REASON_MAX, description="Reason, recorded in the audit log.")]


_OneScope = Annotated[str, Meta(extra_json_schema={"enum": list(Scope)})]


class RetryOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A retry schedule for this message only."""

    delays: DelayList
    """Seconds to wait after each failed attempt, the first one first."""


class NewMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message to the endpoints in `endpoint_ids`, to `url`, or to every endpoint that subscribes to its type."""

    event_type: EventType
    payload: Raw
    """Any JSON. It is sent unchanged, byte for byte."""
    endpoint_ids: (
        Annotated[list[str], Meta(extra_json_schema={"minItems": 1, "maxItems": ENDPOINTS_MAX})] | None
    ) = None
    """Each endpoint gets one delivery, also if it is named twice. Cannot be combined with `url`."""
    url: str | None = None
    """The first message to a URL creates an endpoint. Each sender can create a limited number; more get 429."""
    retry: RetryOverride | None = None


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages as for `POST /messages`. Each is accepted or refused by itself."""

    messages: Annotated[list[Raw], Meta(extra_json_schema={"minItems": 1, "maxItems": BATCH_MAX})]


class Resend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a resend."""

    reason: Reason | None = None
    now: bool = False
    """Send as a probe even if the circuit is open."""


class ResendSeveral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Deliveries to resend in one transaction."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=DELIVERY_ID)]],
        Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_BULK_RESEND}),
    ]
    reason: Reason | None = None


class WithReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason for an operation."""

    reason: Reason | None = None


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hold on a circuit."""

    reason: Reason
    until: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | None = None
    """Time at which the hold expires (ISO 8601); null holds until it is released."""


class KeyFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An API key to create."""

    name: Annotated[str, Meta(extra_json_schema={"pattern": KEY_NAME})]
    scopes: Annotated[list[_OneScope], Meta(extra_json_schema={"minItems": 1})]
    sender: Annotated[str, Meta(extra_json_schema={"pattern": KEY_SENDER})] | None = None
    """The service account of the key. Keys of one sender share its idempotency keys. Null creates a new sender."""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new signing secret. It is optional."""

    secret: str | None = None
    """The new signing secret; null generates one."""


async def read_body(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the body as `kind`. Raises BadRequest for invalid JSON, InvalidInput for JSON of another shape."""
    check_encoding(request.headers.get("content-encoding"))
    return decode_once(await request.body(), kind)


async def read_optional_body(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the body, or `kind` with its defaults when the body is empty."""
    check_encoding(request.headers.get("content-encoding"))
    return decode_once(await request.body() or b"{}", kind)


def check_encoding(value: str | None) -> None:
    """Raise UnsupportedEncoding unless the body is sent as it is."""
    if value is not None and value.strip().lower() not in {"", "identity"}:
        raise UnsupportedEncoding.of(
            "Content-Encoding", "is not supported: send the body without compression"
        )


class HasReason(Protocol):
    """A body with an optional reason."""

    @property
    def reason(self) -> str | None: ...


def reason_of(body: HasReason) -> str | None:
    """Return the reason in a body. Raises InvalidInput if it has control characters."""
    if body.reason is not None and any(unicodedata.category(letter) == "Cc" for letter in body.reason):
        raise InvalidInput.of("reason", "contains a control character: use one line of text")
    return body.reason


def time_of(field: str, text: str, remedy: str) -> float:
    """Return the time in a field. Raises InvalidInput, also for a relative time, which a body must not contain."""
    try:
        moment = parse_timestamp(text)
    except TimestampError:
        moment = None
    if not isinstance(moment, float):
        raise InvalidInput.of(field, f"is not a valid time: {remedy}")
    return moment


def decode_message(body: bytes | Raw) -> NewMessage:
    """Return a message. Raises as `read_body` does, also for a doubled key outside of the payload."""
    message = decode(body, NewMessage)
    content = bytes(body)
    outside = envelope(content, [bytes(message.payload)])
    if may_double(outside, _MESSAGE_KEYS):
        try:
            _refuse_doubled_key(outside)
        except ValueError:  # the payload is a text that also occurs as a key, and that one was replaced
            _refuse_doubled_key(content)
    return message


def decode_batch(body: bytes) -> Batch:
    """Return a batch, whose messages `decode_message` checks. Raises as `read_body` does."""
    batch = decode(body, Batch)
    outside = envelope(body, map(bytes, batch.messages))
    if is_doubled_list(outside, b"messages"):
        raise BadRequest.of("messages", _DOUBLED)
    return batch


def decode_once(body: bytes, kind: type[T]) -> T:
    """Return `body` as `kind`; see `read_body`. A doubled key is refused, and more values than any request has."""
    if sum(map(body.count, _SEPARATORS)) > _MAX_SEPARATORS:
        raise BadRequest.of("body", "has too many values: split the request")
    decoded = decode(body, kind)
    _refuse_doubled_key(body)
    return decoded


_SEPARATORS: Final = (b"[", b"{", b",")
_MAX_SEPARATORS: Final = 10_000
"""Of one body without a payload: a hundred thousand empty lists would block the event loop while they are read."""
_MESSAGE_KEYS: Final = tuple(
    f'"{field}"'.encode() for kind in (NewMessage, RetryOverride) for field in kind.__struct_fields__
)
_DOUBLED: Final = "occurs more than once in its object: send it once"


def _refuse_doubled_key(text: bytes) -> None:
    try:
        key = find_doubled_key(text)
    except RecursionError:
        raise BadRequest.of("body", _TOO_DEEP) from None
    if key is not None:
        raise BadRequest.of(key[:_NAME_MAX], _DOUBLED)


_TOO_DEEP: Final = "is nested too deeply: flatten it"


def decode(body: bytes | Raw, kind: type[T]) -> T:
    """Return `body` as `kind`; see `read_body`."""
    try:
        decoded: T = _decoder(kind).decode(body)  # type: ignore[arg-type]  # a type is hashable, and T is one
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error)) from None
    except msgspec.DecodeError as error:
        raise _invalid_json(bytes(body), str(error)) from None
    except UnicodeDecodeError as error:
        if mark := _byte_order_mark(bytes(body), 0):
            raise BadRequest.of("body", mark) from None
        raise BadRequest.of(
            "body", f"is not valid UTF-8 ({error.reason}): encode the JSON as UTF-8"
        ) from None
    except RecursionError:
        raise BadRequest.of("body", _TOO_DEEP) from None
    return decoded


@functools.cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


_BYTE: Final = re.compile(r"^(?:JSON is malformed: )?(?P<what>.*) \(byte (?P<byte>\d+)\)$")
_PATH: Final = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)
_NAME_MAX: Final = 100


def _invalid_json(body: bytes, message: str) -> BadRequest:
    if not body.strip():
        return BadRequest.of("body", "is empty: send JSON")
    match = _BYTE.match(message)
    if mark := _byte_order_mark(body, int(match["byte"]) if match else 0):
        return BadRequest.of("body", mark)
    surrogate = find_lone_surrogate(body)
    if surrogate and (match is None or surrogate[0] <= int(match["byte"])):
        position, escape = surrogate
        return BadRequest.of(
            "body",
            f"is not valid JSON: {escape.decode()} in {_place(body, position)} is a lone surrogate, "
            "half of a character: write both halves, or remove it",
        )
    if match is None:
        return BadRequest.of("body", "is not valid JSON: it ends too early")
    return BadRequest.of("body", f"is not valid JSON: {match['what']} in {_place(body, int(match['byte']))}")


def _byte_order_mark(body: bytes, position: int) -> str | None:
    """Return the problem when a byte order mark is where the decoder stopped."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "is not UTF-8: it begins with the byte order mark of UTF-16. Encode it as UTF-8"
    if not body.startswith(codecs.BOM_UTF8, position):
        return None
    place = _place(body, position)
    return f"is not valid JSON: a byte order mark (bytes EF BB BF) in {place}. Remove it"


def _place(body: bytes, position: int) -> str:
    before = body[:position]
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    return f"line {line}, column {column}"


def _wrong_shape(message: str) -> InvalidInput:
    match = _PATH.match(message)
    what, path = (match["what"], _dotted(match["path"])) if match else (message, "")
    if unknown := _UNKNOWN.match(what):
        return InvalidInput.of(
            _field(path, unknown["name"]), "is not a known field: remove it, or correct its name"
        )
    if missing := _MISSING.match(what):
        return InvalidInput.of(_field(path, missing["name"]), "is missing: it is required")
    return InvalidInput.of(
        path or "body", f"has the wrong type: {_TYPE.sub(_type_name, what[:1].lower() + what[1:])}"
    )


_TYPE: Final = re.compile(r"`(\w+)`")
_TYPE_NAMES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
"""The decoder's type names, in words that do not depend on a programming language."""


def _type_name(match: re.Match[str]) -> str:
    return _TYPE_NAMES.get(match[1], match[0])


def _dotted(path: str) -> str:
    """Return `endpoint_ids.1` for `endpoint_ids[1]`."""
    return re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path).removeprefix(".")


def _field(path: str, name: str) -> str:
    return f"{path}.{name[:_NAME_MAX]}" if path else name[:_NAME_MAX]
