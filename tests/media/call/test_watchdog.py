"""Limits on silence and length of a call: each alarm comes once; silence counts from played audio."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.call.watchdog import Alarm, Watchdog
from shared.plan import LimitsPlan


def watchdog(max_duration_s: int = 0, idle_nudge_s: int = 0, silence_s: int = 0, reply_s: float = 0) -> Watchdog:
    return Watchdog(
        LimitsPlan(max_duration_s=max_duration_s, idle_nudge_s=idle_nudge_s, silence_s=silence_s, reply_s=reply_s)
    )


def alarms(dog: Watchdog, start: int, end: int) -> list[tuple[int, Alarm]]:
    """Returns the alarms in [start, end) with a tick every 250 ms."""
    return [(now, alarm) for now in range(start, end, 250) if (alarm := dog.tick(now))]


def test_nudge_comes_once_and_then_the_silence_limit() -> None:
    dog = watchdog(idle_nudge_s=10, silence_s=30)
    assert alarms(dog, 0, 60_000) == [(10_000, Alarm.NUDGE), (30_000, Alarm.SILENCE)]


def test_silence_counts_from_the_agents_last_audible_sound() -> None:
    dog = watchdog(idle_nudge_s=10, silence_s=30)
    assert alarms(dog, 0, 9_000) == []
    dog.agent_heard(9_000)
    assert alarms(dog, 9_000, 60_000) == [(19_000, Alarm.NUDGE), (39_000, Alarm.SILENCE)]


def test_nudge_is_not_followed_by_another_one() -> None:
    dog = watchdog(idle_nudge_s=10, silence_s=30)
    assert alarms(dog, 0, 10_250) == [(10_000, Alarm.NUDGE)]
    dog.agent_heard(11_000)
    assert alarms(dog, 11_000, 60_000) == [(41_000, Alarm.SILENCE)]


def test_a_caller_who_spoke_may_be_nudged_again() -> None:
    dog = watchdog(idle_nudge_s=10)
    assert alarms(dog, 0, 12_000) == [(10_000, Alarm.NUDGE)]
    dog.caller_spoke(12_000)
    assert alarms(dog, 12_000, 60_000) == [(22_000, Alarm.NUDGE)]


def test_duration_limit_is_reported_once_while_the_caller_speaks() -> None:
    dog = watchdog(max_duration_s=60, idle_nudge_s=10, silence_s=30)
    for now in range(0, 60_000, 250):
        dog.caller_spoke(now)
        assert dog.tick(now) is None
    assert alarms(dog, 60_000, 200_000) == [(60_000, Alarm.TOO_LONG)]


def test_missing_answer_is_reported_before_the_limit_and_at_it() -> None:
    dog = watchdog(idle_nudge_s=10, silence_s=30, reply_s=8)
    dog.caller_spoke(1_000)
    dog.reply_asked(2_000)
    assert alarms(dog, 2_000, 10_750) == [(8_000, Alarm.NO_REPLY), (10_000, Alarm.NO_SOUND)]


def test_what_is_due_stays_due_while_an_apology_is_made() -> None:
    dog = watchdog(reply_s=8)
    dog.reply_asked(0)
    assert alarms(dog, 0, 6_250) == [(6_000, Alarm.NO_REPLY)]
    dog.answer_owed(6_000)
    assert alarms(dog, 6_250, 20_000) == [(8_000, Alarm.NO_SOUND)]


def test_filler_before_a_late_answer_does_not_extend_its_limit() -> None:
    dog = watchdog(idle_nudge_s=4, reply_s=8)
    dog.reply_asked(0)
    dog.late_filler_heard(2_000)
    assert alarms(dog, 2_000, 20_000)[:2] == [(6_000, Alarm.NO_REPLY), (8_000, Alarm.NO_SOUND)]


def test_silence_in_the_middle_of_an_answer_is_limited() -> None:
    dog = watchdog(reply_s=8, idle_nudge_s=3)
    dog.agent_busy(1_000, is_silent=False, is_waiting=False, owes_answer=False)
    for now in range(1_250, 7_000, 250):
        dog.agent_busy(now, is_silent=True, is_waiting=False, owes_answer=False)
        assert dog.tick(now) is None
    assert dog.tick(7_000) is Alarm.NO_REPLY


def test_no_nudge_while_an_answer_is_due() -> None:
    dog = watchdog(idle_nudge_s=5, silence_s=7, reply_s=20)
    dog.reply_asked(0)
    assert alarms(dog, 0, 14_750) == []


def test_heard_or_cancelled_answer_is_not_reported_missing() -> None:
    heard, cancelled = watchdog(reply_s=8), watchdog(reply_s=8)
    heard.reply_asked(0)
    heard.agent_heard(3_000)
    cancelled.reply_asked(0)
    cancelled.reply_over()
    assert alarms(heard, 3_000, 60_000) == alarms(cancelled, 3_000, 60_000) == []


def test_answer_is_still_due_after_a_filler() -> None:
    dog = watchdog(idle_nudge_s=10, silence_s=30, reply_s=8)
    dog.reply_asked(0)
    dog.filler_heard(5_000)
    assert alarms(dog, 5_000, 20_000) == [(11_000, Alarm.NO_REPLY), (13_000, Alarm.NO_SOUND), (15_000, Alarm.NUDGE)]


def test_filler_makes_no_answer_due() -> None:
    dog = watchdog(idle_nudge_s=10, reply_s=8)
    dog.filler_heard(5_000)
    assert alarms(dog, 5_000, 20_000) == [(15_000, Alarm.NUDGE)]


def test_silence_limit_applies_without_an_answer_limit() -> None:
    dog = watchdog(silence_s=30)
    dog.reply_asked(0)
    assert alarms(dog, 0, 60_000) == [(30_000, Alarm.SILENCE)]


def test_zero_turns_every_limit_off() -> None:
    dog = watchdog()
    dog.reply_asked(0)
    assert alarms(dog, 0, 200_000) == []


@pytest.mark.parametrize("what", ["max_duration_s", "silence_s"])
def test_nothing_comes_after_the_alarm_that_ends_the_call(what: str) -> None:
    dog = watchdog(**{what: 10}, reply_s=5, idle_nudge_s=12)
    assert len(alarms(dog, 0, 11_000)) == 1
    dog.agent_heard(11_000)
    dog.reply_asked(11_000)
    assert alarms(dog, 11_000, 200_000) == []


def test_duration_limit_is_final_when_the_caller_speaks() -> None:
    dog = watchdog(max_duration_s=10, silence_s=20, reply_s=5, idle_nudge_s=12)
    assert alarms(dog, 0, 11_000) == [(10_000, Alarm.TOO_LONG)]
    dog.caller_spoke(11_000)
    dog.reply_asked(11_000)
    assert alarms(dog, 11_000, 200_000) == []


def test_limits_start_again_when_the_caller_speaks_after_the_silence() -> None:
    dog = watchdog(silence_s=10, reply_s=5)
    assert alarms(dog, 0, 11_000) == [(10_000, Alarm.SILENCE)]
    dog.caller_spoke(11_000)
    dog.reply_asked(12_000)
    assert alarms(dog, 12_000, 20_000) == [(15_750, Alarm.NO_REPLY), (17_000, Alarm.NO_SOUND)]
    assert alarms(dog, 20_000, 200_000) == [(21_000, Alarm.SILENCE)]


_actions = st.sampled_from(["caller", "heard", "asked", "over", "nothing"])


@given(st.lists(st.tuples(st.integers(50, 4_000), _actions), max_size=80))
def test_silence_never_exceeds_the_limits(steps: list[tuple[int, str]]) -> None:
    """An alarm comes at the first tick after 6 and 8 s without the answer, or after 30 s of silence, never before."""
    dog = watchdog(idle_nudge_s=10, silence_s=30, reply_s=8)
    now, last, asked, warned, ended = 0, 0, None, False, False
    for pause, action in steps:
        now += pause
        match action:
            case "caller":
                dog.caller_spoke(now)
                last, ended = now, False
            case "heard":
                dog.agent_heard(now)
                last, asked = now, None
            case "asked":
                dog.reply_asked(now)
                asked, warned = now, False
            case "over":
                dog.reply_over()
                asked = None
        alarm = dog.tick(now)
        if ended:
            assert alarm is None
        elif asked is not None:
            assert (alarm is Alarm.NO_REPLY) == (not warned and now - asked >= 6_000)
            assert (alarm is Alarm.NO_SOUND) == (warned and now - asked >= 8_000)
            warned = warned or alarm is not None
            asked = None if alarm is Alarm.NO_SOUND else asked
        else:
            assert (alarm is Alarm.SILENCE) == (now - last >= 30_000)
            ended = alarm is Alarm.SILENCE


def test_answer_to_a_tool_is_due_early_enough_to_apologize_within_the_limit() -> None:
    dog = watchdog(reply_s=8)
    dog.tool_ended(10_000, silent_since=9_000)
    assert alarms(dog, 10_000, 40_000)[0] == (15_000, Alarm.NO_REPLY)
    dog.tool_ended(60_000, silent_since=10_000)  # a tool without a filler: the model still has some time
    assert alarms(dog, 60_000, 90_000)[0] == (62_000, Alarm.NO_REPLY)


def test_answer_to_a_tool_is_still_due_after_words_that_outlast_the_tool() -> None:
    dog = watchdog(reply_s=8)
    dog.tool_ended(1_000, silent_since=1_000)
    dog.filler_heard(3_000)
    assert alarms(dog, 3_000, 20_000)[0] == (9_000, Alarm.NO_REPLY)
