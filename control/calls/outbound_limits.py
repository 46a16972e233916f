"""The settings that limit outbound calls, and the checks of what was called against them."""

from collections.abc import Mapping
from typing import Any, Final

from control.calls.store_outbound import OutboundUsage
from control.calls.store_platform_calls import PlatformCalls
from control.db.pool import Connection
from control.platform.service import Platform
from shared.errors import TooManyRequests

# The platform's settings that limit calls.
LIMITS: Final = (
    "outbound_calls_per_minute", "outbound_calls_per_hour", "outbound_calls_per_day", "outbound_repeats_per_day",
    "outbound_minutes_per_hour", "outbound_minutes_per_day", "platform_calls_per_hour", "platform_calls_per_day",
    "platform_minutes_per_hour", "platform_minutes_per_day",
    "trial_test_calls_per_day", "test_calls_per_day", "test_call_minutes", "outbound_ring_s", "phone_codes_per_day",
    "phone_codes_per_number", "alarm_short_calls_per_hour", "alarm_short_call_s", "alarm_test_calls_per_hour",
    "alarm_new_countries_per_day",
)  # fmt: skip
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


async def load_limits(db: Connection, platform: Platform) -> dict[str, int]:
    """By name, as the staff set them."""
    stored: dict[str, Any] = {one.key: one.value for one in await platform.settings(db)}
    return {name: int(stored[name]) for name in LIMITS}


def require_within(usage: OutboundUsage, limits: Mapping[str, int]) -> None:
    """Raises TooManyRequests."""
    if usage.minute >= limits["outbound_calls_per_minute"]:
        most = limits["outbound_calls_per_minute"]
        raise too_many("outbound_rate", "outbound calls a minute", most, MINUTE_S)
    if usage.day >= limits["outbound_calls_per_day"]:
        raise too_many("outbound_daily_limit", "outbound calls a day", limits["outbound_calls_per_day"])
    if usage.same >= limits["outbound_repeats_per_day"]:
        raise too_many("outbound_repeat_limit", "calls a day to one number", limits["outbound_repeats_per_day"])
    if usage.seconds >= MINUTE_S * limits["outbound_minutes_per_day"]:
        raise too_many("outbound_minutes_limit", "connected minutes a day", limits["outbound_minutes_per_day"])
    if usage.hour >= limits["outbound_calls_per_hour"]:
        raise too_many("outbound_hourly_limit", "outbound calls an hour", limits["outbound_calls_per_hour"], HOUR_S)
    if usage.hour_seconds >= MINUTE_S * limits["outbound_minutes_per_hour"]:
        most = limits["outbound_minutes_per_hour"]
        raise too_many("outbound_hourly_limit", "connected minutes an hour", most, HOUR_S)


def find_platform_limit(used: PlatformCalls, limits: Mapping[str, int]) -> str:
    """The setting whose limit all workspaces together have reached; empty without one."""
    figures = {
        "platform_calls_per_hour": used.hour_calls,
        "platform_calls_per_day": used.day_calls,
        "platform_minutes_per_hour": used.hour_seconds / MINUTE_S,
        "platform_minutes_per_day": used.day_seconds / MINUTE_S,
    }
    return next((name for name, figure in figures.items() if figure >= limits[name]), "")


def require_platform_within(used: PlatformCalls, limits: Mapping[str, int]) -> None:
    """Says nothing of the figures, which are not for customers. Raises TooManyRequests."""
    if find_platform_limit(used, limits):
        text = "The platform places no more outbound calls at present: try again later."
        raise TooManyRequests(text, code="platform_limit", retry_after_s=HOUR_S)


def require_tests(tests: int, limits: Mapping[str, int], *, is_trial: bool) -> None:
    """tests: of the person, within a day. Raises TooManyRequests."""
    if is_trial and tests >= limits["trial_test_calls_per_day"]:
        raise too_many("trial_test_limit", "test calls a day while on trial", limits["trial_test_calls_per_day"])
    if not is_trial and tests >= limits["test_calls_per_day"]:
        raise too_many("test_limit", "test calls a day", limits["test_calls_per_day"])


def too_many(code: str, what: str, most: int, wait_s: int = DAY_S) -> TooManyRequests:
    """The error of a limit that is reached."""
    return TooManyRequests(f"No more than {most} {what}.", code=code, retry_after_s=wait_s)
