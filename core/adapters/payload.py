"""JSON payloads that programs pass as Python values."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Self

import msgspec

from breakwater.core.domain.errors import InvalidInput


class PayloadNotJson(InvalidInput, TypeError, ValueError):  # noqa: N818 -- named like the other errors of the domain
    """The payload has a value that JSON cannot represent. It is a TypeError and a ValueError as in `json.dumps`."""

    @classmethod
    def at(cls, path: str, reason: str) -> Self:
        """Return the error for the value at `path`, such as `payload.items.0.price`."""
        return cls.of(path, f"{reason}; use JSON values")


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """Return `payload` as JSON.

    Raises:
        PayloadNotJson: naming the value that is not JSON: NaN, infinity, a lone surrogate, or an object.

    """
    try:
        values = msgspec.to_builtins(payload, str_keys=True)
        for path, reason in _problems(values):
            raise PayloadNotJson.at(path, reason)
        return msgspec.json.encode(values)
    except RecursionError:
        raise PayloadNotJson.at("payload", "is nested too deeply or contains itself") from None
    except PayloadNotJson:
        raise
    except (TypeError, ValueError) as error:
        raise PayloadNotJson.at("payload", f"cannot be written as JSON ({error})") from error


def _problems(values: object) -> Iterator[tuple[str, str]]:
    remaining: list[tuple[str, object]] = [("payload", values)]
    while remaining:
        path, value = remaining.pop()
        match value:
            case float() if not isfinite(value):
                yield path, f"is {value}, which JSON does not have"
            case str() if not _is_unicode(value):
                yield path, "has a lone surrogate, which is half of a character"
            case dict():
                for key, item in value.items():
                    if not _is_unicode(key):
                        yield path, "has a key with a lone surrogate, which is half of a character"
                    remaining.append((f"{path}.{key}", item))
            case list():
                remaining.extend((f"{path}.{position}", item) for position, item in enumerate(value))
            case _:
                pass


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
