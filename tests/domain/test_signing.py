"""Signatures, verified by the published vectors and by independent implementations."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from random import Random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.domain.signing import sign
from breakwater.core.domain.signing_secrets import (
    check_secret,
    make_key_pair,
    make_secret,
    parse_private_key,
    parse_secret,
)
from breakwater.core.domain.states import SignatureScheme

STANDARD, ED25519 = SignatureScheme.STANDARD, SignatureScheme.ED25519
GITHUB, LEGACY = SignatureScheme.GITHUB, SignatureScheme.LEGACY

ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = make_secret(bytes)


def sign_ed25519(private: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def verifier_of(public: str) -> Ed25519PublicKey:
    encoded = public.removeprefix("whpk_")
    assert encoded != public
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded, validate=True))


def key_pair(seed: int = 7) -> tuple[str, str]:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return make_key_pair(key.private_bytes_raw(), key.public_key().public_bytes_raw())


def headers(scheme: SignatureScheme, *secrets: str, body: bytes = BODY, at: int = AT) -> dict[str, str]:
    signed = sign(scheme, secrets, webhook_id=ID, timestamp=at, body=body, ed25519=sign_ed25519)
    assert len({name.lower() for name, _ in signed}) == len(signed)
    return dict(signed)


class TestStandardWebhooks:
    def test_the_published_test_vector_is_reproduced(self) -> None:
        assert headers(STANDARD, SECRET) == {
            "webhook-id": ID,
            "webhook-timestamp": str(AT),
            "webhook-signature": SIGNATURE,
        }

    def test_during_a_rotation_both_secrets_sign_with_exactly_one_space_between(self) -> None:
        signature = headers(STANDARD, OTHER, SECRET)["webhook-signature"]
        assert signature == f"{headers(STANDARD, OTHER)['webhook-signature']} {SIGNATURE}"

    def test_without_a_secret_the_request_has_an_id_and_no_signature(self) -> None:
        assert headers(STANDARD) == {"webhook-id": ID, "webhook-timestamp": str(AT)}

    def test_an_id_with_a_dot_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="webhook_id: must not contain a dot"):
            sign(STANDARD, [SECRET], webhook_id="a.b", timestamp=AT, body=BODY)

    def test_an_invalid_secret_is_refused_and_not_quoted(self) -> None:
        with pytest.raises(InvalidInput, match="secret") as caught:
            sign(STANDARD, ["hunter2"], webhook_id=ID, timestamp=AT, body=BODY)
        assert "hunter2" not in str(caught.value)

    def test_the_old_secret_of_another_scheme_is_left_out(self) -> None:
        assert headers(STANDARD, SECRET, "It's a Secret to Everybody")["webhook-signature"] == SIGNATURE

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=2000), st.binary(min_size=32, max_size=32))
    def test_an_independent_implementation_verifies_any_body(self, body: bytes, key: bytes) -> None:
        secret = make_secret(lambda length: key[:length])
        now = int(datetime.now(UTC).timestamp())
        signed = headers(STANDARD, secret, body=body, at=now)
        try:
            text = body.decode()
        except UnicodeDecodeError:  # that implementation only takes text; then its formula by hand
            expected = hmac.digest(key, f"{ID}.{now}.".encode() + body, hashlib.sha256)
            assert signed["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
        else:
            assert (
                Webhook(secret).sign(ID, datetime.fromtimestamp(now, UTC), text)
                == signed["webhook-signature"]
            )

    def test_ten_thousand_random_bodies_are_verified_by_an_independent_implementation(self) -> None:
        random = Random(1614265330)
        now = int(datetime.now(UTC).timestamp())
        for number in range(10_000):
            secret = make_secret(random.randbytes)
            payload = {"number": number, "text": random.randbytes(random.randrange(200)).decode("latin-1")}
            body = json.dumps(payload, ensure_ascii=bool(number % 2)).encode()
            assert Webhook(secret).verify(body, headers(STANDARD, secret, body=body, at=now)) == payload

    @settings(deadline=None)
    @given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
    def test_during_a_rotation_a_receiver_with_either_secret_verifies(
        self, payload: dict[str, object]
    ) -> None:
        body = json.dumps(payload).encode()
        signed = headers(STANDARD, OTHER, SECRET, body=body, at=int(datetime.now(UTC).timestamp()))
        for secret in (OTHER, SECRET):
            assert Webhook(secret).verify(body, signed) == payload
        with pytest.raises(WebhookVerificationError):
            Webhook(make_secret(lambda length: b"x" * length)).verify(body, signed)


class TestEd25519:
    def test_the_signature_is_verified_by_an_independent_implementation(self) -> None:
        private, public = key_pair()
        version, _, encoded = headers(ED25519, private)["webhook-signature"].partition(",")
        assert version == "v1a"
        verifier = verifier_of(public)
        verifier.verify(base64.b64decode(encoded), f"{ID}.{AT}.".encode() + BODY)
        with pytest.raises(InvalidSignature):
            verifier.verify(base64.b64decode(encoded), f"{ID}.{AT}.".encode() + BODY + b" ")

    @settings(deadline=None)
    @given(st.binary())
    def test_during_a_rotation_a_receiver_with_either_key_verifies_any_body(self, body: bytes) -> None:
        pairs = [key_pair(1), key_pair(2)]
        signatures = headers(ED25519, *(private for private, _ in pairs), body=body)[
            "webhook-signature"
        ].split(" ")
        for (_, public), signature in zip(pairs, signatures, strict=True):
            verifier_of(public).verify(
                base64.b64decode(signature.removeprefix("v1a,")), f"{ID}.{AT}.".encode() + body
            )

    def test_changing_from_hmac_both_kinds_sign_during_the_overlap(self) -> None:
        new, old = headers(ED25519, key_pair()[0], SECRET)["webhook-signature"].split(" ")
        assert new.startswith("v1a,")
        assert old == SIGNATURE

    def test_a_private_key_is_read_with_and_without_its_public_half(self) -> None:
        assert parse_private_key(key_pair()[0]) == b"\x07" * 32
        assert parse_private_key(f"whsk_{base64.b64encode(bytes(32)).decode()}") == bytes(32)

    def test_the_key_pair_of_another_implementation_is_read(self) -> None:
        private = (
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
        )
        public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
        derived = Ed25519PrivateKey.from_private_bytes(parse_private_key(private)).public_key()
        assert derived.public_bytes_raw() == verifier_of(public).public_bytes_raw()

    def test_signing_without_its_library_is_an_error(self) -> None:
        with pytest.raises(InvalidInput, match="ed25519 is not available"):
            sign(ED25519, [key_pair()[0]], webhook_id=ID, timestamp=AT, body=BODY)


class TestOtherSchemes:
    def test_the_test_vector_of_github_is_reproduced(self) -> None:
        assert headers(GITHUB, "It's a Secret to Everybody", body=b"Hello, World!") == {
            "webhook-id": ID,
            "webhook-timestamp": str(AT),
            "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        }

    def test_the_adapters_form_signs_timestamp_and_body_with_any_text(self) -> None:
        expected = hmac.new("schlüssel".encode(), f"{AT}.".encode() + BODY, hashlib.sha256).hexdigest()
        assert headers(LEGACY, "schlüssel") == {
            "webhook-id": ID,
            "webhook-timestamp": str(AT),
            "X-Webhook-Timestamp": str(AT),
            "X-Webhook-Delivery-ID": ID,
            "X-Webhook-Signature": f"v1={expected}",
        }

    @pytest.mark.parametrize("scheme", [GITHUB, LEGACY])
    def test_a_scheme_of_one_signature_uses_the_newest_secret(self, scheme: SignatureScheme) -> None:
        assert headers(scheme, "new", "old") == headers(scheme, "new")

    def test_without_a_secret_the_adapters_form_goes_unsigned(self) -> None:
        assert "X-Webhook-Signature" not in headers(LEGACY)

    @pytest.mark.parametrize("scheme", list(SignatureScheme))
    def test_every_scheme_names_the_webhook_and_its_second(self, scheme: SignatureScheme) -> None:
        secret = key_pair()[0] if scheme == ED25519 else SECRET
        assert headers(scheme, secret).items() >= {"webhook-id": ID, "webhook-timestamp": str(AT)}.items()


class TestSecrets:
    def test_a_new_secret_has_32_bytes_and_is_read_back(self) -> None:
        assert parse_secret(make_secret(lambda length: bytes(range(length)))) == bytes(range(32))

    @pytest.mark.parametrize("length", [24, 32, 64])
    def test_a_secret_has_24_to_64_bytes(self, length: int) -> None:
        assert parse_secret(f"whsec_{base64.b64encode(bytes(length)).decode()}") == bytes(length)

    @pytest.mark.parametrize("length", [0, 16, 23, 65, 128])
    def test_a_secret_of_another_length_is_refused(self, length: int) -> None:
        with pytest.raises(InvalidInput, match="24 to 64 random bytes"):
            parse_secret(f"whsec_{base64.b64encode(bytes(length)).decode()}")

    @pytest.mark.parametrize("form", ["{}", "WHSEC_{}", "whsec_{}\n", "whsec_{}-", "whsec_{}ä", "whsec_ {}"])
    def test_a_malformed_secret_is_refused_and_not_quoted(self, form: str) -> None:
        encoded = SECRET.removeprefix("whsec_")
        with pytest.raises(InvalidInput) as caught:
            parse_secret(form.format(encoded))
        assert encoded[4:20] not in str(caught.value)

    @pytest.mark.parametrize(("length", "padding"), [(25, "=="), (26, "="), (32, "=")])
    def test_base64_without_its_padding_is_refused_with_what_to_append(
        self, length: int, padding: str
    ) -> None:
        encoded = base64.b64encode(bytes(length)).decode()
        for text in (f"whsec_{encoded.rstrip('=')}", f"whsk_{encoded.rstrip('=')}"):
            parse = parse_secret if text.startswith("whsec_") else parse_private_key
            with pytest.raises(InvalidInput, match=f'is base64 without its padding; append "{padding}"$'):
                parse(text)

    @pytest.mark.parametrize("encoded", ["_" * 32, "-" * 43, "A" * 42 + "-="])
    def test_base64_in_the_alphabet_for_urls_is_refused_with_what_to_replace(self, encoded: str) -> None:
        for text, parse in ((f"whsec_{encoded}", parse_secret), (f"whsk_{encoded}", parse_private_key)):
            with pytest.raises(InvalidInput, match='replace "-" with "\\+" and "_" with "/"'):
                parse(text)

    @pytest.mark.parametrize(
        "text", ["whsk_", SECRET, "whsk_AAAA", f"whsk_{base64.b64encode(bytes(33)).decode()}"]
    )
    def test_a_private_key_of_another_form_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="ed25519 private key"):
            parse_private_key(text)

    @pytest.mark.parametrize(
        ("scheme", "secret"),
        [(STANDARD, SECRET), (ED25519, key_pair()[0]), (GITHUB, "x"), (LEGACY, "any text"), (LEGACY, SECRET)],
    )
    def test_a_secret_that_a_scheme_can_sign_with_is_accepted(
        self, scheme: SignatureScheme, secret: str
    ) -> None:
        check_secret(scheme, secret)

    @pytest.mark.parametrize(
        ("scheme", "secret"),
        [
            (STANDARD, "any text"),
            (STANDARD, key_pair()[0]),
            (ED25519, SECRET),
            (GITHUB, ""),
            (LEGACY, "x" * 257),
        ],
    )
    def test_a_secret_that_a_scheme_cannot_sign_with_is_refused(
        self, scheme: SignatureScheme, secret: str
    ) -> None:
        with pytest.raises(InvalidInput, match="secret"):
            check_secret(scheme, secret)
