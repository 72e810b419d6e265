"""Times are shown in the reader's zone, each with its name; without a reader in UTC."""

import asyncio
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.text.format import format_time_utc
from breakwater.core.text.zones import format_time, reading_in, zone_at, zone_key

BERLIN = ZoneInfo("Europe/Berlin")
WINTER = 1_795_317_127.0
"""2026-11-22 03:12:07 UTC."""
SUMMER = 1_782_097_927.0
"""2026-06-22 03:12:07 UTC."""
HOUR = 3_600


def test_the_default_zone_is_utc() -> None:
    assert zone_key() == "UTC"
    assert format_time(WINTER) == "2026-11-22 03:12:07 UTC"
    assert format_time(WINTER, WINTER + HOUR) == "03:12:07 UTC"


def test_a_reader_sees_the_time_of_their_zone_and_its_name() -> None:
    with reading_in(BERLIN):
        assert zone_key() == "Europe/Berlin"
        assert format_time(WINTER) == "2026-11-22 04:12:07 CET"
        assert format_time(SUMMER) == "2026-06-22 05:12:07 CEST"
        assert (zone_at(WINTER), zone_at(SUMMER)) == ("CET", "CEST")
    assert format_time(WINTER) == "2026-11-22 03:12:07 UTC"


def test_the_date_is_left_out_on_the_readers_own_day() -> None:
    later = WINTER + 20 * HOUR  # 23:12 in UTC, after midnight in Berlin
    assert format_time(later, WINTER) == "23:12:07 UTC"
    with reading_in(BERLIN):
        assert format_time(later, WINTER) == "2026-11-23 00:12:07 CET"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/Sao_Paulo", "2026-11-22 00:12:07 UTC-03"),
        ("Asia/Kathmandu", "2026-11-22 08:57:07 UTC+0545"),
        ("Asia/Tokyo", "2026-11-22 12:12:07 JST"),
    ],
)
def test_a_zone_without_letters_is_named_by_its_distance_from_utc(zone: str, expected: str) -> None:
    with reading_in(ZoneInfo(zone)):
        assert format_time(WINTER) == expected


def test_a_repeated_hour_is_distinguished_by_its_zone_name() -> None:
    first = 1_792_886_400.0  # 2026-10-25 00:00 UTC
    with reading_in(BERLIN):
        assert [format_time(first + hour * HOUR, first) for hour in (0, 1)] == [
            "02:00:00 CEST",
            "02:00:00 CET",
        ]


def test_stored_text_names_times_in_utc() -> None:
    filters = DeliveryFilter(since=WINTER)
    with reading_in(BERLIN):
        assert format_time_utc(WINTER) == "2026-11-22 03:12:07 UTC"
        assert filters.in_words() == "all deliveries accepted since 2026-11-22 03:12:07 UTC"
        assert filters.in_words(at=format_time) == "all deliveries accepted since 2026-11-22 04:12:07 CET"


async def test_two_concurrent_readers_have_their_own_zones() -> None:
    async def reads(zone: str) -> str:
        with reading_in(ZoneInfo(zone)):
            await asyncio.sleep(0)
            return await asyncio.create_task(format_soon())

    async def format_soon() -> str:
        await asyncio.sleep(0)
        return format_time(WINTER, WINTER)

    assert await asyncio.gather(reads("Europe/Berlin"), reads("Asia/Tokyo"), format_soon()) == [
        "04:12:07 CET",
        "12:12:07 JST",
        "03:12:07 UTC",
    ]


def test_utc_can_be_requested_in_addition_to_the_zone_of_the_reader() -> None:
    with reading_in(BERLIN):
        assert format_time(WINTER, WINTER, UTC) == "03:12:07 UTC"
