from breakwater.web.pages import bodies


def test_json_is_indented_with_its_keys_in_their_order() -> None:
    assert bodies.pretty(b'{"b":1,"a":{"\xc3\xa4":[]}}') == '{\n  "b": 1,\n  "a": {\n    "ä": []\n  }\n}'


def test_a_body_that_is_not_json_is_not_indented() -> None:
    for body in (b"<html>", b"\xff\xfe", b"", b"[" * 100_000):
        assert bodies.pretty(body) is None


def test_text_is_shown_unchanged_and_bytes_as_hex() -> None:
    assert bodies.raw(b'{"a": 1}') == '{"a": 1}'
    assert bodies.raw(b"\xff\x00\x10") == "0000  ff 00 10"
    assert bodies.raw(b"\xff" * 2_000).endswith("… 976 more bytes not shown")


def test_a_long_text_is_truncated_with_a_note() -> None:
    text = bodies.raw(b"x" * (bodies.MAX_SHOWN + 1_234))
    assert text.endswith("… 1,234 more bytes not shown")


def test_a_character_at_the_end_of_the_shown_text_is_whole() -> None:
    assert bodies.raw(b"a" + "\U0001f6a2".encode() * bodies.MAX_SHOWN).endswith(
        "\U0001f6a2\n… 4 more bytes not shown"
    )


def test_a_curl_command_reads_a_large_payload_from_a_file() -> None:
    line = bodies.as_curl("https://example.com/", (), b"[" + b"1," * bodies.MAX_CURL + b"1]")
    assert line.endswith("--data-binary @payload.json")


def test_a_curl_command_repeats_the_request_without_its_secrets() -> None:
    headers = (
        ("content-type", "application/json"),
        ("webhook-id", "msg_1"),
        ("webhook-signature", "v1,abc"),
        ("Authorization", "Bearer secret"),
        ("content-length", "8"),
    )
    line = bodies.as_curl("https://example.com/a?b='c", headers, b"it's {}")
    assert line == (
        "curl -X POST 'https://example.com/a?b='\"'\"'c' \\\n"
        "  -H 'content-type: application/json' \\\n"
        "  -H 'webhook-id: msg_1' \\\n"
        "  -H 'webhook-signature: <webhook-signature>' \\\n"
        "  -H 'Authorization: <authorization>' \\\n"
        "  --data-binary 'it'\"'\"'s {}'"
    )
