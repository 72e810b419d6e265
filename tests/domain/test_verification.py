"""A receiver verifies signed requests, and refuses others with the check that failed."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from breakwater import InvalidInput, SignatureScheme, VerificationCheck, VerificationFailed, verify
from breakwater.core.crypto.ed25519 import sign_ed25519
from breakwater.core.domain.signing import sign
from breakwater.core.domain.signing_secrets import make_key_pair, make_secret

NOW = 1_800_000_000
BODY = b'{"total": 12.50}'
STANDARD_SECRET, OLD_SECRET = make_secret(lambda size: b"n" * size), make_secret(lambda size: b"o" * size)
_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PRIVATE, PUBLIC = make_key_pair(_KEY.private_bytes_raw(), _KEY.public_key().public_bytes_raw())


@dataclasses.dataclass(frozen=True)
class Case:
    """How one scheme signs, and what its receiver knows."""

    scheme: SignatureScheme
    signing: str
    verifying: str
    explicit: str | None

    def request(self, *, at: int = NOW, secrets: Sequence[str] = ()) -> dict[str, str]:
        """Return the headers of a request signed at `at`."""
        signed = sign(
            self.scheme,
            secrets or [self.signing],
            webhook_id="msg_1",
            timestamp=at,
            body=BODY,
            ed25519=sign_ed25519,
        )
        return dict(signed)


STANDARD = Case(SignatureScheme.STANDARD, STANDARD_SECRET, STANDARD_SECRET, None)
ED25519 = Case(SignatureScheme.ED25519, PRIVATE, PUBLIC, None)
GITHUB = Case(SignatureScheme.GITHUB, "whsec_any text", "whsec_any text", "github")
LEGACY = Case(SignatureScheme.LEGACY, "any text", "any text", "legacy")
ANY_TEXT = st.text(st.characters(), max_size=80)
ALL = pytest.mark.parametrize("case", [STANDARD, ED25519, GITHUB, LEGACY], ids=lambda case: case.scheme.value)
TIMED = pytest.mark.parametrize("case", [STANDARD, ED25519, LEGACY], ids=lambda case: case.scheme.value)


def failed_check(
    case: Case, headers: dict[str, str], *, body: bytes = BODY, secret: str = ""
) -> VerificationCheck:
    """Return the check that refuses the request."""
    with pytest.raises(VerificationFailed) as refusal:
        verify(body, headers, secret or case.verifying, scheme=case.explicit, now=NOW)
    return refusal.value.check


@ALL
def test_a_request_that_breakwater_signed_is_verified(case: Case) -> None:
    webhook = verify(BODY, case.request(), case.verifying, scheme=case.explicit, now=NOW)
    assert webhook.webhook_id == "msg_1"
    assert webhook.timestamp == (None if case is GITHUB else NOW)


@ALL
def test_header_names_may_have_any_case_and_headers_may_be_pairs(case: Case) -> None:
    pairs = [(name.upper(), value) for name, value in case.request().items()]
    assert verify(BODY, pairs, case.verifying, scheme=case.explicit, now=NOW).webhook_id == "msg_1"


@ALL
def test_another_body_is_a_signature_mismatch(case: Case) -> None:
    assert failed_check(case, case.request(), body=BODY + b" ") is VerificationCheck.SIGNATURE_MISMATCH


@ALL
def test_another_secret_is_a_signature_mismatch(case: Case) -> None:
    other = make_key_pair(
        b"x" * 32, Ed25519PrivateKey.from_private_bytes(b"x" * 32).public_key().public_bytes_raw()
    )
    secret = other[1] if case is ED25519 else OLD_SECRET
    assert failed_check(case, case.request(), secret=secret) is VerificationCheck.SIGNATURE_MISMATCH


@ALL
def test_one_of_several_secrets_is_enough_as_during_a_rotation(case: Case) -> None:
    older = PUBLIC if case is ED25519 else OLD_SECRET
    assert verify(BODY, case.request(), [older, case.verifying], scheme=case.explicit, now=NOW)


def test_a_receiver_with_the_old_secret_accepts_a_request_that_both_secrets_signed() -> None:
    headers = STANDARD.request(secrets=[STANDARD_SECRET, OLD_SECRET])
    for secret in (STANDARD_SECRET, OLD_SECRET):
        assert verify(BODY, headers, secret, now=NOW).webhook_id == "msg_1"


@TIMED
@pytest.mark.parametrize(
    ("age", "check"),
    [(301, VerificationCheck.TIMESTAMP_TOO_OLD), (-301, VerificationCheck.TIMESTAMP_TOO_NEW)],
)
def test_a_request_out_of_the_tolerance_is_refused(case: Case, age: int, check: VerificationCheck) -> None:
    assert failed_check(case, case.request(at=NOW - age)) is check
    assert verify(
        BODY, case.request(at=NOW - age), case.verifying, scheme=case.explicit, now=NOW, tolerance=301
    )


@TIMED
@pytest.mark.parametrize("text", ["now", "1.5", "-1", "\uff11\uff18\uff10\uff10", "9" * 400])
def test_a_timestamp_that_is_not_a_number_is_refused(case: Case, text: str) -> None:
    name = "X-Webhook-Timestamp" if case is LEGACY else "webhook-timestamp"
    headers = {**case.request(), name: text}
    assert failed_check(case, headers) is VerificationCheck.TIMESTAMP_INVALID


@ALL
def test_each_header_that_the_scheme_needs_is_named_when_it_is_missing(case: Case) -> None:
    unsigned = {"webhook-id", "webhook-timestamp"} if case in {GITHUB, LEGACY} else set()
    for name in case.request().keys() - unsigned:
        headers = case.request()
        del headers[name]
        with pytest.raises(VerificationFailed, match=name.lower()) as refusal:
            verify(BODY, headers, case.verifying, scheme=case.explicit, now=NOW)
        assert refusal.value.check is VerificationCheck.HEADER_MISSING


def test_a_request_cannot_choose_a_weaker_scheme() -> None:
    for weaker in (
        dataclasses.replace(GITHUB, signing=STANDARD_SECRET),
        dataclasses.replace(LEGACY, signing=STANDARD_SECRET),
    ):
        with pytest.raises(VerificationFailed):
            verify(BODY, weaker.request(), STANDARD_SECRET, now=NOW)


@pytest.mark.parametrize("signature", ["v1a,\u00e9", "v1a,=", "v1a,", "v1a", "\u00e9"])
def test_a_signature_that_is_no_base64_is_a_mismatch(signature: str) -> None:
    headers = {**ED25519.request(), "webhook-signature": signature}
    assert failed_check(ED25519, headers) is VerificationCheck.SIGNATURE_MISMATCH


def test_an_hmac_signature_made_with_the_public_key_is_refused() -> None:
    forged = sign(
        SignatureScheme.STANDARD,
        ["whsec_" + PUBLIC.removeprefix("whpk_")],
        webhook_id="msg_1",
        timestamp=NOW,
        body=BODY,
    )
    assert failed_check(ED25519, dict(forged)) is VerificationCheck.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ([], "at least one secret"),
        ("plain text", "scheme='github' or scheme='legacy'"),
        (PRIVATE, "public key"),
        ("whsec_short", "base64"),
    ],
)
def test_secrets_that_cannot_verify_are_refused_with_the_remedy(secrets: str | list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        verify(BODY, STANDARD.request(), secrets, now=NOW)
    assert PRIVATE.removeprefix("whsk_") not in str(refusal.value)


def test_text_is_refused_because_only_the_bytes_were_signed() -> None:
    with pytest.raises(TypeError, match="bytes of the request"):
        verify(BODY.decode(), STANDARD.request(), STANDARD_SECRET, now=NOW)  # type: ignore[arg-type]


def test_the_event_type_is_read_from_its_header() -> None:
    headers = {**STANDARD.request(), "webhook-event-type": "invoice.paid"}
    assert verify(BODY, headers, STANDARD_SECRET, now=NOW).event_type == "invoice.paid"
    assert verify(BODY, STANDARD.request(), STANDARD_SECRET, now=NOW).event_type is None


@given(st.binary(max_size=200), ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_request_ends_in_another_error(
    body: bytes, webhook_id: str, timestamp: str, signature: str
) -> None:
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    headers |= {"x-hub-signature-256": signature, "x-webhook-signature": signature}
    headers |= {"x-webhook-delivery-id": webhook_id, "x-webhook-timestamp": timestamp}
    for case in (STANDARD, ED25519, GITHUB, LEGACY):
        with pytest.raises(VerificationFailed):
            verify(body, headers, case.verifying, scheme=case.explicit, now=NOW)


def test_the_reference_implementation_accepts_and_makes_the_same_signatures() -> None:
    reference = Webhook(STANDARD_SECRET).sign("msg_1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    assert STANDARD.request()["webhook-signature"] == reference
    assert verify(BODY, {**STANDARD.request(), "webhook-signature": reference}, STANDARD_SECRET, now=NOW)
