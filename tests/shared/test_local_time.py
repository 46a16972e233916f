"""Local times in words."""

from datetime import UTC, datetime

import pytest

from shared.local_time import find_zone, format_date, format_moment, format_utc_offset, to_local, zone_name

WINTER = datetime(2026, 1, 5, 8, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "moment", "offset"),
    [
        ("Europe/Berlin", "Monday, 5 January 2026, 09:03", "UTC+01:00"),
        ("America/New_York", "Monday, 5 January 2026, 03:03", "UTC-05:00"),
        ("Asia/Kathmandu", "Monday, 5 January 2026, 13:48", "UTC+05:45"),
        ("Pacific/Kiritimati", "Monday, 5 January 2026, 22:03", "UTC+14:00"),
    ],
)
def test_moment_is_formatted_in_the_time_zone(timezone: str, moment: str, offset: str) -> None:
    local = to_local(WINTER, timezone)
    assert (format_moment(local), format_utc_offset(local), zone_name(local)) == (moment, offset, timezone)


def test_summer_time_changes_within_a_minute() -> None:
    before, after = (to_local(datetime(2026, 3, 29, *at, tzinfo=UTC), "Europe/Berlin") for at in ((0, 59), (1, 0)))
    assert (f"{before:%H:%M}", format_utc_offset(before)) == ("01:59", "UTC+01:00")
    assert (f"{after:%H:%M}", format_utc_offset(after)) == ("03:00", "UTC+02:00")


def test_leap_day() -> None:
    assert format_date(to_local(datetime(2028, 2, 29, 12, tzinfo=UTC), "UTC")) == "29 February 2028"


@pytest.mark.parametrize("name", ["Nowhere/City", "Europe", "../../etc/passwd", "", "x" * 300, "a\0b"])
def test_unknown_zones_count_as_utc(name: str) -> None:
    assert find_zone(name).key == "UTC"
    assert zone_name(to_local(WINTER, name)) == "UTC"
