"""The limits of outbound calls, and the checks against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class OutboundUsage:
    """Recent calls of a workspace.

    Attributes:
        open: Open calls now, including inbound calls.
        minute, hour: Outbound calls within the last minute and hour.
        hour_seconds: Connected seconds of outbound calls that began within the last hour.
        day: Outbound calls within 24 hours.
        same: Outbound calls to this number within 24 hours.
        seconds: Connected seconds within 24 hours, including calls in progress, and inbound calls since their callers
            were transferred.
    """

    open: int
    minute: int
    hour: int
    hour_seconds: int
    day: int
    same: int
    seconds: int


@dataclass(frozen=True, slots=True)
class PlatformCalls:
    """Outbound calls of all workspaces, including test calls and codes. Seconds are connected seconds and include calls
    in progress.

    Attributes:
        hour: Calls that began within an hour before the measurement.
        day: Calls that began within 24 hours before the measurement.
    """

    hour_calls: int = 0
    hour_seconds: int = 0
    day_calls: int = 0
    day_seconds: int = 0


@dataclass(frozen=True, slots=True)
class OriginNumber:
    """A number of the workspace to place calls from."""

    id: UUID
    phone_number: str
    carrier: str


MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


def require_within(usage: OutboundUsage, limits: Mapping[str, int]) -> None:
    """Raises TooManyRequests if a limit of the workspace is reached."""
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
    """Returns the setting whose limit all workspaces together have reached; empty if none."""
    figures = {
        "platform_calls_per_hour": used.hour_calls,
        "platform_calls_per_day": used.day_calls,
        "platform_minutes_per_hour": used.hour_seconds / MINUTE_S,
        "platform_minutes_per_day": used.day_seconds / MINUTE_S,
    }
    return next((name for name, figure in figures.items() if figure >= limits[name]), "")


def require_platform_within(used: PlatformCalls, limits: Mapping[str, int]) -> None:
    """Raises TooManyRequests if a platform limit is reached.

    The error has no figures, because they are not for customers.
    """
    if find_platform_limit(used, limits):
        text = "The platform places no more outbound calls at present: try again later."
        raise TooManyRequests(text, code="platform_limit", retry_after_s=HOUR_S)


def require_tests(tests: int, limits: Mapping[str, int], *, is_trial: bool) -> None:
    """Raises TooManyRequests if the person has reached the limit of test calls.

    Args:
        tests: The person's test calls within a day.
    """
    if is_trial and tests >= limits["trial_test_calls_per_day"]:
        raise too_many("trial_test_limit", "test calls a day while on trial", limits["trial_test_calls_per_day"])
    if not is_trial and tests >= limits["test_calls_per_day"]:
        raise too_many("test_limit", "test calls a day", limits["test_calls_per_day"])


def too_many(code: str, what: str, most: int, wait_s: int = DAY_S) -> TooManyRequests:
    """Returns the error of a limit that is reached."""
    return TooManyRequests(f"No more than {most} {what}.", code=code, retry_after_s=wait_s)
