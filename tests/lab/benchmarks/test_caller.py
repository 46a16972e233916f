"""The simulated caller, in virtual time."""

from dataclasses import replace

from lab.benchmarks.caller import Caller, CallerBehavior

FRAME = 0.020
MANNER = CallerBehavior(phrase_frames=5, cycle_s=4.0, rest_s=0.5, patience_s=2.0)
SECOND = 8000


def talk(caller: Caller, start: float, end: float) -> list[tuple[float, int]]:
    """Ticks from start to end; returns when each frame of speech was sent."""
    sent = []
    for tick in range(round((end - start) / FRAME)):
        now = round(start + tick * FRAME, 3)
        index = caller.tick(now)
        if index is not None:
            sent.append((now, index))
    return sent


def test_phrase_is_followed_by_silence() -> None:
    caller = Caller(MANNER, first_turn_at=1.0)
    assert talk(caller, 0.9, 2.0) == [(1.0, 0), (1.02, 1), (1.04, 2), (1.06, 3), (1.08, 4)]
    assert (caller.turns[0].began, caller.turns[0].ended) == (1.0, 1.08)


def test_next_turn_starts_after_the_cycle() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 1.0)
    caller.heard(1.0, SECOND)
    assert talk(caller, 1.0, 4.5)[0] == (4.0, 0)


def test_caller_waits_for_a_long_answer_and_the_rest_time() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 1.0)
    caller.heard(1.0, 5 * SECOND)
    assert talk(caller, 1.0, 7.0)[0] == (6.52, 0)


def test_caller_continues_without_an_answer() -> None:
    caller = Caller(CallerBehavior(phrase_frames=5, cycle_s=0.5, patience_s=2.0), first_turn_at=0.0)
    assert talk(caller, 0.0, 2.5)[5] == (2.1, 0)
    assert caller.turns[0].answered is None


def test_the_answer_is_the_first_audible_audio_after_the_speech() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 0.1)
    caller.heard(0.5, 160, audible=False)
    caller.heard(0.6, 160)
    caller.heard(0.7, 160)
    assert caller.turns[0].answered == 0.6


def test_audio_before_the_first_turn_is_a_greeting() -> None:
    caller = Caller(MANNER, first_turn_at=1.0)
    caller.heard(0.0, SECOND)
    talk(caller, 1.0, 2.0)
    assert caller.turns[0].answered is None
    assert not caller.turns[0].cut_in


def test_audio_during_the_callers_speech_is_a_cut_in() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 0.05)
    caller.heard(0.05, 160)
    talk(caller, 0.06, 0.1)
    assert caller.turns[0].cut_in
    assert caller.turns[0].answered is None


def test_empty_buffer_within_an_answer_is_an_underrun() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 0.1)
    caller.heard(1.0, 800)
    caller.heard(1.1, 800)
    caller.heard(1.204, 800)
    caller.heard(1.4, 800)
    assert [round(gap, 3) for gap in caller.turns[0].gaps] == [0.096]


def test_first_audio_of_an_answer_is_not_an_underrun() -> None:
    caller = Caller(MANNER, first_turn_at=0.0)
    talk(caller, 0.0, 0.1)
    caller.heard(1.0, 800)
    talk(caller, 4.0, 4.1)
    caller.heard(5.0, 800)
    assert [turn.gaps for turn in caller.turns] == [[], []]


def test_marks_are_echoed_when_played_or_cleared() -> None:
    caller = Caller(MANNER, first_turn_at=9.0)
    caller.heard(0.0, SECOND)
    caller.mark(0.0, "one")
    assert caller.played(0.9) == []
    assert caller.played(1.0) == ["one"]
    caller.heard(1.0, SECOND)
    caller.mark(1.0, "two")
    assert caller.clear(1.5) == ["two"]


class TestInterruptions:
    MANNER = CallerBehavior(phrase_frames=5, cycle_s=4.0, barge_after_s=1.0)

    def interrupting(self) -> Caller:
        """A caller that sent the first frame of an interruption at 2.0."""
        caller = Caller(self.MANNER, first_turn_at=0.0)
        talk(caller, 0.0, 1.0)
        caller.heard(1.0, 3 * SECOND)
        assert talk(caller, 1.0, 2.02) == [(2.0, 0)]
        return caller

    def test_the_first_clear_counts(self) -> None:
        caller = self.interrupting()
        caller.clear(2.01)
        caller.clear(2.05)
        assert (caller.turns[1].began, caller.turns[1].cleared) == (2.0, 2.01)

    def test_rest_of_the_interrupted_answer_does_not_count(self) -> None:
        caller = self.interrupting()
        talk(caller, 2.02, 2.2)
        caller.heard(2.2, SECOND)
        assert caller.turns[1].answered is None
        assert not caller.turns[1].cut_in
        caller.clear(2.3)
        caller.heard(3.0, SECOND)
        assert caller.turns[1].answered == 3.0

    def test_answer_to_an_interruption_is_not_interrupted(self) -> None:
        caller = self.interrupting()
        talk(caller, 2.02, 2.3)
        caller.clear(2.3)
        caller.heard(3.0, 2 * SECOND)
        assert talk(caller, 3.0, 5.98) == []
        assert talk(caller, 5.98, 6.02) == [(6.0, 0)]

    def test_finished_answer_is_not_interrupted(self) -> None:
        caller = Caller(self.MANNER, first_turn_at=0.0)
        talk(caller, 0.0, 1.0)
        caller.heard(1.0, SECOND // 2)
        assert talk(caller, 1.0, 3.9) == []


def test_a_greeted_caller_waits_for_the_end_of_the_greeting() -> None:
    caller = Caller(replace(MANNER, greeted=True), first_turn_at=0.0)
    assert talk(caller, 0.0, 0.5) == []
    caller.heard(0.5, SECOND, audible=False)
    caller.heard(0.6, SECOND)
    assert talk(caller, 0.6, 4.0)[0] == (3.02, 0)  # 2 s of audio and the rest time
    assert caller.first_heard == 0.6


def test_a_caller_who_is_not_greeted_speaks_in_the_end() -> None:
    caller = Caller(replace(MANNER, greeted=True), first_turn_at=0.0)
    assert talk(caller, 0.0, 2.5)[0] == (2.02, 0)
    assert caller.first_heard is None
