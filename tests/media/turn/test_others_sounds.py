"""Where it is never quiet behind the caller, a sound that adds no words is others', and begins no silence anew."""

import pytest

from media.turn.decisions import CallerDone
from media.turn.end_reason import EndReason
from media.turn.endpoint import TurnRules
from media.turn.floor import Floor
from tests.media.turn.floor_harness import FloorHarness, ScriptedJudge

WORDS = "can I have a table"
MORE = f"{WORDS} for two"
# The probability that these words are the end, and the silence that ends them.
OPEN, SILENCE_MS = 0.056, 1_600


def make_call(*, others_may_talk: bool = True, answer: str | None = WORDS) -> FloorHarness:
    """A caller who said WORDS, and has paused for 300 ms. answer: what the recognizer told; None: nothing yet."""
    floor = Floor(TurnRules(), judge=ScriptedJudge(default=OPEN), others_may_talk=lambda: others_may_talk)
    call = FloorHarness(floor).speech(600).silence(300)
    return call if answer is None else call.text(answer)


def finish(call: FloorHarness) -> CallerDone:
    while not isinstance(call.log[-1], CallerDone):
        call.silence(20)
    return call.log[-1]


def sound(call: FloorHarness, text: str | None) -> FloorHarness:
    """A sound of 200 ms, and what the recognizer answers to the pause after it; None: nothing yet."""
    call.silence(400).speech(200).silence(260)
    return call if text is None else call.text(text)


@pytest.mark.parametrize("heard", [WORDS, "can I have the table", "can I have table"])
@pytest.mark.parametrize("sounds", [1, 2])
def test_silence_counts_from_the_words(sounds: int, heard: str) -> None:
    """Heard again with more sound after them, some may be others, or fewer."""
    call = make_call()
    for _ in range(sounds):
        sound(call, heard)
    due = max(600 + SILENCE_MS, call.now)
    assert finish(call) == CallerDone(due, 600, heard, 600 + SILENCE_MS, EndReason.WORDS)


def test_sound_that_is_long_enough_ends_the_turn_with_its_answer() -> None:
    call = sound(make_call(), WORDS).silence(200).speech(400).silence(260)
    now = call.now
    call.text(WORDS)
    assert call.log[-1] == CallerDone(now, 600, WORDS, 600 + SILENCE_MS, EndReason.WORDS)


def test_an_answer_within_another_sound_tells_of_the_pause_before() -> None:
    call = make_call(answer=None).speech(100).text(WORDS).speech(100).silence(260).text(WORDS)
    assert finish(call) == CallerDone(600 + SILENCE_MS, 600, WORDS, 600 + SILENCE_MS, EndReason.WORDS)


def test_an_answer_tells_nothing_of_a_sound_after_it_was_asked_for() -> None:
    call = sound(make_call(), None)
    call.speech(100).silence(100).text(WORDS)
    assert not isinstance(call.silence(900).log[-1], CallerDone)
    assert finish(call).end_ms == call.voice


def test_new_words_begin_it_anew() -> None:
    call = sound(sound(make_call(), WORDS), MORE)
    assert finish(call).end_ms == call.voice


def test_words_that_were_told_before_the_answer_begin_it_anew() -> None:
    call = make_call().silence(400).speech(100).text(MORE, final=False).speech(100).silence(260).text(MORE)
    assert finish(call).end_ms == call.voice


def test_sound_after_that_is_the_callers_until_it_is_answered() -> None:
    call = sound(sound(make_call(), WORDS), None)
    assert not isinstance(call.silence(600).log[-1], CallerDone)
    assert finish(call).end_ms == call.voice, "no answer came"


def test_where_it_is_quiet_between_words_it_is_the_caller_who_hesitates() -> None:
    call = sound(make_call(others_may_talk=False), WORDS)
    assert finish(call).end_ms == call.voice


def test_next_turn_begins_without_what_was_known() -> None:
    call = sound(make_call(), WORDS)
    finish(call)
    call.agent().silence(2_000).agent_done().silence(1_000)
    call.speech(400).silence(300).text("for two")
    assert finish(call).end_ms == call.voice


def test_late_answer_of_the_turn_before_tells_nothing_of_the_next() -> None:
    call = sound(make_call(), WORDS)
    finish(call)
    call.agent().silence(2_000).agent_done().silence(1_000)
    call.speech(200).text(MORE).speech(200).silence(300).text("for two")
    assert finish(call).end_ms == call.voice
