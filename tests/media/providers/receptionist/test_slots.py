"""Days and times in the caller's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.receptionist.slots import Slots, slots_in
from media.providers.receptionist.text import words


@pytest.mark.parametrize(
    ("said", "day", "time"),
    [
        ("Tuesday at three p.m.", "on Tuesday", "at three pm"),
        ("next Friday morning", "next Friday", "in the morning"),
        ("tomorrow at half past nine", "tomorrow", "at half past nine"),
        ("March 5th around noon", "on March 5th", "around noon"),
        ("the fifth of March in the afternoon", "on the fifth of March", "in the afternoon"),
        ("on the twenty first at a quarter to four", "on the twenty first", "at a quarter to four"),
        ("today any time", "today", "any time"),
        ("at 10:30", "", "at 10 30"),
        ("ten thirty am", "", "at ten thirty am"),
        ("next week", "next week", ""),
        ("the first available", "", ""),
        ("I have two kids and four cats", "", ""),
    ],
)
def test_found(said: str, day: str, time: str) -> None:
    assert slots_in(" ".join(words(said))) == Slots(day, time)


def test_a_number_alone_is_a_time_only_when_a_time_was_asked_for() -> None:
    assert slots_in("four") == Slots()
    assert slots_in("um four please", time_asked=True) == Slots("", "at four")
    assert slots_in("ten thirty", time_asked=True) == Slots("", "at ten thirty")


def test_what_was_heard_last_counts() -> None:
    assert Slots("on Monday", "at nine").with_more(Slots("", "at ten")) == Slots("on Monday", "at ten")


@given(st.text(max_size=80))
def test_any_line_is_taken(line: str) -> None:
    slots_in(line, time_asked=True)
