"""Messages: send one, send a batch, and show one.

`POST /messages` is the hot path: it decodes the body once and never parses and rebuilds the payload.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
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
from breakwater.core.off_loop import run_off_loop
from breakwater.core.runtime import Runtime
from breakwater.web.api.parameters import ApiRequest, checked_id, runtime_of
from breakwater.web.api.schema import bodies, render, responses
from breakwater.web.api.schema.openapi import IDEMPOTENCY_KEY, documented
from breakwater.web.problems import BadRequest
from breakwater.web.security.guards import principal_of, requires
from breakwater.web.security.rate_limits import RateLimits

BODY_MAX: Final = 16 * 1024 * 1024
"""Maximum bytes of a batch."""
_MAX_ON_LOOP: Final = 512 * 1024
"""Bytes of a batch that are faster to read on the event loop than in a thread."""
_GROUP_BYTES: Final = 1024 * 1024
"""Bytes of payloads that are handed to the database together."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED: Final = {"Idempotent-Replayed": "true"}


@post(
    "/messages",
    guards=[requires("send")],
    status_code=202,
    opt=documented(
        body=bodies.NewMessage,
        responses={202: responses.Accepted},
        problems=(400, 409, 413, 415, 422, 503),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def accept_message(request: ApiRequest) -> Response[bytes]:
    """Send a message.

    202 means that the message is committed and will be delivered, even if the service restarts. Repeating the request
    with the same `Idempotency-Key` returns the first response again, with `Idempotent-Replayed: true`.
    """
    bodies.check_encoding(request.headers.get("content-encoding"))
    key = request.headers.get("idempotency-key")
    body = await request.body()
    content, headers = await accept_body(runtime_of(request), principal_of(request), key, body)
    return Response(content, status_code=202, media_type=MediaType.JSON, headers=headers)


async def accept_body(
    runtime: Runtime, caller: Principal, key: str | None, body: bytes
) -> tuple[bytes, dict[str, str]]:
    """Accept one message; return the body and headers of the response. Raises BreakwaterError."""
    _check_key(key)
    submission = _submission(bodies.decode_message(body), caller.sender, key)
    result = await runtime.intake.accept(submission)
    return render.encoded(render.accepted(result)), _REPLAYED if result.replayed else {}


@post(
    "/messages/batch",
    guards=[requires("send")],
    status_code=202,
    request_max_body_size=BODY_MAX,
    opt=documented(
        body=bodies.Batch,
        responses={202: responses.ListOf[responses.BatchItem]},
        problems=(400, 413, 415, 422, 503),
        parameters=(IDEMPOTENCY_KEY,),
    ),
)
async def accept_batch(request: ApiRequest) -> Response[bytes]:
    """Send 1 to 1,000 messages.

    Each message is accepted or refused by itself; the response lists the results in the same order. An
    `Idempotency-Key` applies to each message by its position in the batch. For the rate limit a batch counts as its
    messages.
    """
    key = request.headers.get("idempotency-key")
    _check_key(key)
    bodies.check_encoding(request.headers.get("content-encoding"))
    body = await request.body()
    if len(body) <= _MAX_ON_LOOP:
        return await _accept_batch(request, body, key)
    # One after the other: each takes time on the event loop and in the database that other requests wait for.
    async with request.app.state.large_batches:
        return await _accept_batch(request, body, key)


async def _accept_batch(request: ApiRequest, body: bytes, key: str | None) -> Response[bytes]:
    principal = principal_of(request)
    if len(body) <= _MAX_ON_LOOP:
        submissions = _read_batch(body, principal.sender, key)
    else:
        submissions = await run_off_loop(_read_batch, body, principal.sender, key)
    rate_limits: RateLimits = request.app.state.rate_limits
    rate_limits.messages.apply(
        request.scope, principal.id, len(submissions) - 1
    )  # the request counted as one
    results = await _accept_valid(runtime_of(request), submissions)
    unavailable = [result for result in results if isinstance(result, StoreUnavailable)]
    if len(unavailable) == len(results):
        raise unavailable[0]
    return render.list_of([render.batch_item(result) for result in results], status_code=202)


@get(
    "/messages/{message_id:str}",
    guards=[requires("read")],
    opt=documented(responses={200: responses.Message}, problems=(404,)),
)
async def one_message(request: ApiRequest, message_id: FromPath[str]) -> Response[bytes]:
    """Get a message and its deliveries."""
    view = await runtime_of(request).queries.messages.get(checked_id("message", message_id))
    return render.respond(render.message(view))


MESSAGES: Final = [accept_message, accept_batch, one_message]


def _read_batch(body: bytes, sender: str, key: str | None) -> list[Submission | BreakwaterError]:
    batch = bodies.decode_batch(body)
    if not 1 <= len(batch.messages) <= bodies.BATCH_MAX:
        raise InvalidInput.of(
            "messages", f"has {len(batch.messages):,} messages: send 1 to {bodies.BATCH_MAX:,} in a batch"
        )
    return [
        _read_item(raw, sender, f"{key}#{position}" if key else None)
        for position, raw in enumerate(batch.messages)
    ]


def _read_item(raw: Raw, sender: str, key: str | None) -> Submission | BreakwaterError:
    try:
        return _submission(bodies.decode_message(raw), sender, key, in_batch=True)
    except BreakwaterError as error:
        return error


async def _accept_valid(
    runtime: Runtime, submissions: Sequence[Submission | BreakwaterError]
) -> list[Accepted | BreakwaterError]:
    """Accept the valid submissions, and return results and errors in the order of `submissions`."""
    valid = [submission for submission in submissions if isinstance(submission, Submission)]
    results: list[Accepted | BreakwaterError] = []
    for group in _groups(valid):
        results += await runtime.intake.accept_many(group)
    accepted = iter(results)
    return [
        next(accepted) if isinstance(submission, Submission) else submission for submission in submissions
    ]


def _groups(submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
    """Return the submissions in groups whose payloads have about `_GROUP_BYTES`: each is written in one step."""
    group: list[Submission] = []
    size = 0
    for submission in submissions:
        group.append(submission)
        size += len(submission.payload)
        if size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _submission(
    body: bodies.NewMessage, sender: str, key: str | None, *, in_batch: bool = False
) -> Submission:
    """Return the message as intake accepts it. Raises InvalidInput with every problem."""
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
        scope=f"{sender}/batch" if in_batch else sender,
        sender=sender,
        fingerprint=_fingerprint(body, payload) if key else "",
        retry_delays=delays,
    )


def _destination_problems(body: bodies.NewMessage) -> list[FieldProblem]:
    if body.endpoint_ids is None:
        return []
    if body.url is not None:
        return [FieldProblem("url", "cannot be combined with endpoint_ids: send only one of them")]
    if not 1 <= len(body.endpoint_ids) <= bodies.ENDPOINTS_MAX:
        remedy = f"send 1 to {bodies.ENDPOINTS_MAX:,}, or leave it out to send to every subscribed endpoint"
        return [FieldProblem("endpoint_ids", f"has {len(body.endpoint_ids):,} ids: {remedy}")]
    return []


def _encoding_problems(payload: bytes) -> list[FieldProblem]:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        return [FieldProblem("payload", f"is not valid UTF-8 at byte {error.start}: encode it as UTF-8")]
    return []


def _check_key(key: str | None) -> None:
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequest.of(
            "Idempotency-Key",
            "is not a valid idempotency key: use 1 to 255 visible ASCII characters without spaces",
        )


def _fingerprint(body: bodies.NewMessage, payload: bytes) -> str:
    """Return a digest of the request that ignores the order of fields and the white space between them."""
    other_fields: Any = [body.event_type, body.endpoint_ids, body.url, body.retry]
    return hashlib.sha256(msgspec.json.encode(other_fields) + b"\n" + payload).hexdigest()
