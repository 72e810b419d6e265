"""JSON columns are written and read by msgspec, which is much faster than the standard library."""

from typing import Any, Final

import msgspec

_encoder: Final = msgspec.json.Encoder()


def _dumps(value: Any) -> str:
    return _encoder.encode(value).decode()


ENGINE_JSON: Final[dict[str, Any]] = {"json_serializer": _dumps, "json_deserializer": msgspec.json.decode}
"""Arguments of `create_async_engine`."""
