"""Days and times in the caller's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.receptionist.slots import AppointmentSlots, find_slots
from media.providers.receptionist.word_forms import split_words


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
def test_day_and_time_are_found(said: str, day: str, time: str) -> None:
    assert find_slots(" ".join(split_words(said))) == AppointmentSlots(day, time)


def test_a_number_alone_is_a_time_only_when_a_time_was_asked_for() -> None:
    assert find_slots("four") == AppointmentSlots()
    assert find_slots("um four please", time_asked=True) == AppointmentSlots("", "at four")
    assert find_slots("ten thirty", time_asked=True) == AppointmentSlots("", "at ten thirty")


def test_later_slots_replace_earlier_ones() -> None:
    assert AppointmentSlots("on Monday", "at nine").updated_with(AppointmentSlots("", "at ten")) == AppointmentSlots(
        "on Monday", "at ten"
    )


@given(st.text(max_size=80))
def test_any_line_is_accepted(line: str) -> None:
    find_slots(line, time_asked=True)
