"""`breakwater.verify`: the receiver's side of a signature, for applications that receive webhooks."""

import time
from collections.abc import Iterable, Mapping, Sequence

from breakwater.core.distribution import install_hint
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.signing_secrets import PRIVATE_PREFIX, PUBLIC_PREFIX, SECRET_PREFIX
from breakwater.core.domain.states import SignatureScheme
from breakwater.core.domain.verification import TOLERANCE, VerifiedWebhook, VerifyEd25519
from breakwater.core.domain.verification import verify as verify_signed

RequestHeaders = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as frameworks give them: a mapping, or pairs of name and value. Case does not matter."""


def verify(
    body: bytes,
    headers: RequestHeaders,
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    scheme: SignatureScheme | str | None = None,
    now: float | None = None,
) -> VerifiedWebhook:
    """Return what a webhook says about itself, after checking who sent it and when.

    Args:
        body: the exact bytes of the request's body, before anything parses them.
        headers: the headers of the request.
        secrets: the endpoint's secret, or several during a rotation: `whsec_...`, for ed25519 the public key
            `whpk_...`, for the schemes `github` and `legacy` any text.
        tolerance: seconds between the time of the request and this machine's clock. Does not apply to `github`.
        scheme: needed for `github` and `legacy`; the others follow from the form of the secret. A request cannot choose
            its scheme.
        now: seconds since 1970, for tests; the system's clock by default.

    Raises:
        VerificationFailed: its `check` says which check failed. Respond with 401.
        InvalidInput: a secret does not fit the scheme.
        TypeError: the body is text: a parsed or decoded body may differ from the bytes that were signed.
        ImportError: an ed25519 key without the package `cryptography`.

    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(
            "body must be the bytes of the request, as they arrived; text or parsed JSON may differ"
        )
    texts = [secrets] if isinstance(secrets, str) else list(secrets)
    if not texts:
        raise InvalidInput.of("secrets", "must have at least one secret; without one nothing can be verified")
    chosen = SignatureScheme(scheme) if scheme is not None else _scheme_of(texts)
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return verify_signed(
        chosen,
        texts,
        headers={name.lower(): value for name, value in pairs},
        body=bytes(body),
        now=time.time() if now is None else now,
        tolerance=tolerance,
        ed25519=_verify_ed25519() if any(text.startswith(PUBLIC_PREFIX) for text in texts) else None,
    )


def _scheme_of(secrets: Sequence[str]) -> SignatureScheme:
    for secret in secrets:
        if secret.startswith(PRIVATE_PREFIX):
            raise InvalidInput.of(
                "secrets",
                f"has a private key ({PRIVATE_PREFIX}...); verify with the public key ({PUBLIC_PREFIX}...)",
            )
        if not secret.startswith((SECRET_PREFIX, PUBLIC_PREFIX)):
            raise InvalidInput.of(
                "secrets",
                f"has a secret that is neither {SECRET_PREFIX}... nor {PUBLIC_PREFIX}...; "
                "pass scheme='github' or scheme='legacy' if the endpoint uses one of them",
            )
    return SignatureScheme.STANDARD


def _verify_ed25519() -> VerifyEd25519:
    try:
        from breakwater.core.crypto.ed25519 import verify_ed25519  # noqa: PLC0415  # HMAC needs no library
    except ModuleNotFoundError as error:
        raise ImportError(install_hint("ed25519", error), name=error.name) from error
    return verify_ed25519
