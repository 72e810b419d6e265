"""The reason with which a URL is refused."""

import pytest

from breakwater.core.domain.errors import TargetRefused
from breakwater.core.domain.target import NONE, AllowedNetworks, parse_target

LOOPBACK = AllowedNetworks.parse("127.0.0.0/8, ::1")


def refusal(url: str, allowed: AllowedNetworks = NONE) -> str:
    with pytest.raises(TargetRefused) as caught:
        parse_target(url, allowed)
    assert caught.value.problems[0].field == "url"
    return caught.value.reason
