"""The phones' log of a campaign: each rule that a call breaks is noticed."""

from datetime import UTC, datetime, timedelta

import pytest

from control.campaigns.calling_hours import CallingHours, next_allowed
from lab.scenarios.campaign.recipients import KINDS, LoggedRing, Reaction, make_recipients
from lab.scenarios.campaign.ring_log import (
    count_most_open,
    count_most_within,
    find_after_opt_out,
    find_during,
    find_early_retries,
    find_excess,
    find_outside_hours,
    find_overlaps,
)
from lab.scenarios.campaign.zone_windows import ZoneWindow, choose_windows, make_hours

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ANN, BOB = "+12122340001", "+14152340002"


def ring(number: str, at_s: float, length_s: float | None = 10, reaction: Reaction = "talk") -> LoggedRing:
    began = NOON + timedelta(seconds=at_s)
    ended = None if length_s is None else began + timedelta(seconds=length_s)
    return LoggedRing(number, "twilio", f"CA{at_s}", reaction, began, ended)


def test_numbers_called_too_often_or_not_of_the_campaign_are_found() -> None:
    rings = [ring(ANN, 0), ring(ANN, 60), ring(BOB, 0)]
    assert find_excess(rings, {ANN: 2, BOB: 1}) == []
    assert find_excess(rings, {ANN: 1}) == [f"{ANN}: 2 calls", f"{BOB}: 1 calls"]


def test_calls_to_one_number_at_once_are_found() -> None:
    assert find_overlaps([ring(ANN, 0), ring(ANN, 10), ring(BOB, 5)]) == []
    assert len(find_overlaps([ring(ANN, 9.9), ring(ANN, 0)])) == 1
    assert len(find_overlaps([ring(ANN, 0, None), ring(ANN, 500)])) == 1


def test_calls_outside_the_hours_are_found() -> None:
    window = ZoneWindow("212", "America/New_York", NOON, NOON + timedelta(minutes=1))
    closed = ZoneWindow("415", "America/Los_Angeles", None, None)
    windows, tolerance = {ANN: window, BOB: closed}, timedelta(seconds=2)
    assert find_outside_hours([ring(ANN, 0), ring(ANN, 61.9)], windows, tolerance) == []
    assert len(find_outside_hours([ring(ANN, -0.1), ring(ANN, 62), ring(BOB, 30)], windows, tolerance)) == 3


def test_retries_that_come_too_early_are_found() -> None:
    assert find_early_retries([ring(ANN, 0), ring(ANN, 70)], timedelta(minutes=1)) == []
    assert len(find_early_retries([ring(ANN, 0), ring(ANN, 69.9)], timedelta(minutes=1))) == 1


def test_calls_after_an_opt_out_are_found() -> None:
    assert find_after_opt_out([ring(ANN, 0, reaction="busy"), ring(ANN, 70, reaction="opt_out")]) == []
    assert len(find_after_opt_out([ring(ANN, 0, reaction="opt_out"), ring(ANN, 70)])) == 1


def test_calls_of_a_pause_are_found() -> None:
    rings = [ring(ANN, 0), ring(BOB, 30)]
    assert find_during(rings, NOON + timedelta(seconds=1), NOON + timedelta(seconds=30)) == []
    assert len(find_during(rings, NOON, NOON + timedelta(seconds=31))) == 2


def test_the_most_calls_of_a_minute_and_of_a_moment_are_counted() -> None:
    rings = [ring(ANN, at) for at in (0, 59, 60, 61, 200)]
    assert count_most_within(rings, timedelta(minutes=1)) == 3
    assert count_most_open(rings) == 3
    assert count_most_open([ring(ANN, 0), ring(BOB, 10)]) == 1


@pytest.mark.parametrize("month", [1, 7])
def test_hours_mean_the_same_windows_by_each_clock(month: int) -> None:
    """As the platform reads them, at any time of the day, also over midnight; in winter and in summer."""
    for hour in range(24):
        day = datetime(2026, month, 28, hour, 20, 31, tzinfo=UTC)
        windows = choose_windows(day, timedelta(minutes=2))
        hours = CallingHours.model_validate(make_hours(windows))
        for window in windows:
            for minutes in (0, 1, 3, 30):
                at = day + timedelta(minutes=minutes)
                assert (next_allowed(at, [window.zone], hours) == at) == window.holds(at), (window, at)


def test_recipients_are_of_all_kinds_in_all_zones() -> None:
    recipients = make_recipients(500, choose_windows(NOON, timedelta(minutes=2)))
    assert len({recipient.number for recipient in recipients}) == 500
    pairs = {(recipient.kind.name, recipient.window.area) for recipient in recipients}
    assert {name for name, _ in pairs} == {kind.name for kind in KINDS}
    assert len({area for _, area in pairs}) == 5
