"""Ed25519 signatures verify with the library's own verifier."""

import os

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from breakwater.core.crypto.ed25519 import generate, public_key, sign_ed25519

# RFC 8032, section 7.1, test 3.
PRIVATE = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
MESSAGE = bytes.fromhex("af82")
SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


def test_the_test_vector_of_the_rfc_is_reproduced() -> None:
    assert sign_ed25519(PRIVATE, MESSAGE) == SIGNATURE
    assert public_key(PRIVATE) == PUBLIC


def test_the_long_form_of_a_key_signs_the_same() -> None:
    assert sign_ed25519(PRIVATE + PUBLIC, MESSAGE) == SIGNATURE


def test_a_signature_verifies_only_with_the_public_key_of_its_key() -> None:
    private, public = generate()
    assert (len(private), len(public)) == (32, 32)
    message = os.urandom(500)
    verifier = Ed25519PublicKey.from_public_bytes(public)
    verifier.verify(sign_ed25519(private, message), message)
    with pytest.raises(InvalidSignature):
        verifier.verify(sign_ed25519(private, message), message + b" ")
    with pytest.raises(InvalidSignature):
        verifier.verify(sign_ed25519(generate()[0], message), message)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 or 64 bytes"):
        sign_ed25519(bytes(length), b"")
