"""Messages: handed in, one or many, and looked at.

`POST /messages` is the hot path: one decode, no model, no query. The payload is never parsed and built again.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import MediaType, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Raw

from breakwater.core.accounts import Principal
from breakwater.core.delivery.intake import Accepted
from breakwater.core.delivery.intake import NewMessage as Submission
from breakwater.core.domain.errors import BreakwaterError, FieldProblem, InvalidInput, StoreUnavailable
from breakwater.core.domain.event_type import event_type_problems
from breakwater.core.domain.retry import RetryPolicy
from breakwater.core.runtime import Runtime
from breakwater.web.api.parameters import ApiRequest, identified, runtime_of
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import IDEMPOTENCY_KEY, documented
from breakwater.web.problems import BadRequest
from breakwater.web.security.guards import principal_of, requires

BODY_MAX: Final = 16 * 1024 * 1024
"""Bytes of a whole batch."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED: Final = {"Idempotent-Replayed": "true"}


@post(
    "/messages",
    guards=[requires("send")],
    status_code=202,
    opt=documented(
        body=bodies.NewMessage,
        answers={202: responses.Accepted},
        problems=(400, 409, 413, 422, 503),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def accept_message(request: ApiRequest) -> Response[bytes]:
    """Hand in a message. 202 means that it is committed and will be delivered, whatever happens to this process.

    The same `Idempotency-Key` with the same message answers as the first time, marked `Idempotent-Replayed: true`.
    """
    key = request.headers.get("idempotency-key")
    body = await request.body()
    content, headers = await hand_in(runtime_of(request), principal_of(request), key, body)
    return Response(content, status_code=202, media_type=MediaType.JSON, headers=headers)


async def hand_in(
    runtime: Runtime, caller: Principal, key: str | None, body: bytes
) -> tuple[bytes, dict[str, str]]:
    """Take one message as its caller sent it; return the answer's body and headers. Raises BreakwaterError."""
    _check_key(key)
    submission = _submission(bodies.decode(body, bodies.NewMessage), caller.id, key)
    result = await runtime.intake.accept(submission)
    return render.encoded(render.accepted(result)), _REPLAYED if result.replayed else {}


@post(
    "/messages/batch",
    guards=[requires("send")],
    status_code=202,
    request_max_body_size=BODY_MAX,
    opt=documented(
        body=bodies.Batch,
        answers={202: responses.ListOf[responses.BatchItem]},
        problems=(400, 413, 422, 503),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def accept_batch(request: ApiRequest) -> Response[bytes]:
    """Hand in 1 to 1,000 messages. Each is accepted or refused on its own; the answers come in the same order.

    An `Idempotency-Key` holds for each message by its place in the batch.
    """
    key = request.headers.get("idempotency-key")
    _check_key(key)
    batch = await bodies.read_body(request, bodies.Batch)
    if not 1 <= len(batch.messages) <= bodies.BATCH_MAX:
        raise InvalidInput.of(
            "messages", f"has {len(batch.messages):,} messages: send 1 to {bodies.BATCH_MAX:,} at once"
        )
    scope = f"{principal_of(request).id}/batch"
    read = [
        _read_one(raw, scope, f"{key}#{place}" if key else None) for place, raw in enumerate(batch.messages)
    ]
    results = await _accept_readable(runtime_of(request), read)
    failed = [result for result in results if isinstance(result, StoreUnavailable)]
    if len(failed) == len(results):
        raise failed[0]
    return render.list_of([render.batch_item(result) for result in results], status_code=202)


@get(
    "/messages/{message_id:str}",
    guards=[requires("read")],
    opt=documented(answers={200: responses.Message}, problems=(404,)),
)
async def one_message(request: ApiRequest, message_id: FromPath[str]) -> Response[bytes]:
    """Look at a message and its deliveries."""
    view = await runtime_of(request).queries.messages.get(identified("message", message_id))
    return render.answer(render.message(view))


MESSAGES: Final = [accept_message, accept_batch, one_message]


def _read_one(raw: Raw, scope: str, key: str | None) -> Submission | BreakwaterError:
    try:
        return _submission(bodies.decode(raw, bodies.NewMessage), scope, key)
    except BreakwaterError as refused:
        return refused


async def _accept_readable(
    runtime: Runtime, read: Sequence[Submission | BreakwaterError]
) -> list[Accepted | BreakwaterError]:
    accepted = iter(await runtime.intake.accept_many([each for each in read if isinstance(each, Submission)]))
    return [next(accepted) if isinstance(each, Submission) else each for each in read]


def _submission(body: bodies.NewMessage, scope: str, key: str | None) -> Submission:
    """Return what intake takes. Raises InvalidInput with every problem."""
    payload = bytes(body.payload)
    problems = [*event_type_problems("event_type", body.event_type), *_destination_problems(body)]
    if not payload.isascii():
        problems += _encoding_problems(payload)
    delays = None
    try:
        delays = None if body.retry is None else RetryPolicy.of(body.retry.delays).delays
    except InvalidInput as invalid:
        problems += invalid.under("retry").problems
    if problems:
        raise InvalidInput(problems)
    return Submission(
        event_type=body.event_type,
        payload=payload,
        endpoint_ids=None if body.endpoint_ids is None else tuple(body.endpoint_ids),
        url=body.url,
        idempotency_key=key,
        scope=scope,
        fingerprint=_fingerprint(body, payload) if key else "",
        retry_delays=delays,
    )


def _destination_problems(body: bodies.NewMessage) -> list[FieldProblem]:
    if body.endpoint_ids is None:
        return []
    if body.url is not None:
        return [FieldProblem("url", "stands beside endpoint_ids: give one of the two")]
    if not 1 <= len(body.endpoint_ids) <= bodies.ENDPOINTS_MAX:
        remedy = (
            f"name 1 to {bodies.ENDPOINTS_MAX:,}, or leave it out to send to every endpoint that subscribes"
        )
        return [FieldProblem("endpoint_ids", f"names {len(body.endpoint_ids):,} endpoints: {remedy}")]
    return []


def _encoding_problems(payload: bytes) -> list[FieldProblem]:
    try:
        payload.decode()
    except UnicodeDecodeError as malformed:
        return [FieldProblem("payload", f"is not UTF-8 at its byte {malformed.start}: encode it as UTF-8")]
    return []


def _check_key(key: str | None) -> None:
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequest.of(
            "Idempotency-Key", "is no key: send 1 to 255 visible ASCII characters without spaces"
        )


def _fingerprint(body: bodies.NewMessage, payload: bytes) -> str:
    """Tell requests apart by what they mean: the order of fields and the space between them does not matter."""
    beside: Any = [body.event_type, body.endpoint_ids, body.url, body.retry]
    return hashlib.sha256(msgspec.json.encode(beside) + b"\n" + payload).hexdigest()
