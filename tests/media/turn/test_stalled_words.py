"""Words that stop changing end the turn, although the detector hears speech without a pause."""

import pytest

from media.turn.decisions import CallerDone, CallerPaused
from media.turn.end_reason import EndReason
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import FloorHarness, make_judged_floor

WORDS = "can I have a table"


def babble(call: FloorHarness, ms: int, text: str) -> FloorHarness:
    """Speech without a pause, of which the recognizer tells this text every 600 ms."""
    for _ in range(ms // 600):
        call.speech(600).text(text, final=False)
    return call


def test_words_that_stop_changing_end_the_turn() -> None:
    call = babble(make_judged_floor({WORDS: 0.9}).speech(400), 600, WORDS)
    told_at = call.now
    babble(call, 2_400, WORDS)
    assert call.new_kinds() == ["CallerStarted"]
    call.speech(120)
    assert call.log == [CallerPaused(told_at + 2_520, 1)]
    call.text(f"{WORDS} please").speech(20)
    assert call.log[-1] == CallerDone(told_at + 2_520, told_at, f"{WORDS} please", told_at + 862, EndReason.WORDS)
    babble(babble(call.agent(), 600, f"{WORDS} please"), 1_200, "")
    assert call.floor.state is FloorState.SPEAKING, "the same voice goes on, and says nothing"
    over = call.agent_done()
    assert over.floor.state is FloorState.LISTENING


def test_new_words_keep_the_turn_open() -> None:
    call = make_judged_floor({}).speech(400)
    said = ""
    for number in range(12):
        said = f"{said} word{number}".strip()
        babble(call, 1_200, said)
    assert call.new_kinds() == ["CallerStarted"]


def test_new_words_after_the_request_are_heard() -> None:
    call = babble(make_judged_floor({WORDS: 0.05}).speech(400), 3_600, WORDS)
    assert call.new_kinds() == ["CallerStarted", "CallerPaused"]
    call.text(f"{WORDS} for two", final=False).speech(20)
    assert call.new_kinds() == ["CallerStarted"]
    assert call.floor.state is FloorState.CALLER


def test_a_recognizer_that_tells_nothing_while_the_caller_speaks_ends_no_turn() -> None:
    call = make_judged_floor({}).speech(400).text(WORDS, final=False).speech(9_000)
    assert call.new_kinds() == ["CallerStarted"]
    assert babble(make_judged_floor({}), 9_000, "").new_kinds() == ["CallerStarted"]


def test_after_a_pause_the_next_speech_is_heard() -> None:
    call = babble(make_judged_floor({WORDS: 0.9}).speech(400), 3_600, WORDS).text(WORDS).speech(20)
    assert isinstance(call.log[-1], CallerDone)
    call.agent().silence(2_000)
    call.log.clear()
    assert call.speech(20).new_kinds() == ["LowerAgent"]


def test_the_next_speech_is_heard_wherever_the_detector_sees_the_pause_begin() -> None:
    """In babble it may see it seconds ago, as it happens just where the words had changed last."""
    call = babble(make_judged_floor({WORDS: 0.9}).speech(400), 600, WORDS)
    changed_at = call.now
    babble(call, 3_000, WORDS).text(WORDS).speech(20)
    assert isinstance(call.log[-1], CallerDone)
    call.agent()
    call.voice = changed_at
    call.silence(2_000).log.clear()
    assert call.speech(20).new_kinds() == ["LowerAgent"]


def test_words_of_the_turn_before_are_not_stalled() -> None:
    call = babble(make_judged_floor({WORDS: 0.9}).speech(400), 600, WORDS).silence(400).text(WORDS).silence(1_000)
    call.agent().silence(3_000).agent_done().silence(1_000).log.clear()
    babble(call, 2_400, "")
    assert call.new_kinds() == ["CallerStarted"], "texts without words, as vendors send them, end no turn"


def test_the_answer_to_a_pause_does_not_stall_what_follows_it() -> None:
    call = babble(make_judged_floor({WORDS: 0.9, "well": 0.05}).speech(400), 600, WORDS)
    call.silence(400).text(WORDS).silence(1_000).agent().silence(3_000).agent_done().silence(1_000)
    call.speech(400).silence(400).text("well").log.clear()  # no text came while it was said
    call.speech(1_000)
    assert call.new_kinds() == ["CallerStarted"]


def pause_with_sound(call: FloorHarness, *, after_ms: int, text: str) -> int:
    """Words, and after so much silence a sound with which the recognizer tells this text; returns the sound's end."""
    call.speech(600).silence(300).text(WORDS)
    call.silence(after_ms - 300).speech(200).silence(260).text(text)
    return call.voice


def done_at(call: FloorHarness) -> CallerDone:
    while not isinstance(call.log[-1], CallerDone):
        call.silence(20)
    return call.log[-1]


@pytest.mark.parametrize("after_ms", [400, 700, 1_400])
@pytest.mark.parametrize(("finished", "silence"), [(0.0418, 1_760), (0.056, 1_600), (0.95, 640)])
def test_a_hesitation_without_words_begins_the_silence_anew(after_ms: int, finished: float, silence: int) -> None:
    """Recognisers write no "um": the caller who says it goes on."""
    call = make_judged_floor({WORDS: finished})
    sound_end = pause_with_sound(call, after_ms=min(after_ms, silence - 60), text=WORDS)
    reason = EndReason.TIMER if silence == 640 else EndReason.WORDS
    assert done_at(call) == CallerDone(sound_end + silence, sound_end, WORDS, sound_end + silence, reason)


def test_a_sound_between_the_groups_of_a_number_begins_the_silence_anew() -> None:
    call = make_judged_floor({})
    call.speech(600).silence(300).text("four two four two")
    call.silence(900).speech(200).silence(260).text("four two four two")
    assert done_at(call).t == call.voice + 1_400


def test_a_sound_without_words_in_a_turn_without_any_begins_it_anew() -> None:
    unheard = make_judged_floor({})
    unheard.speech(600).silence(300).text("").silence(400).speech(200).silence(260).text("")
    assert unheard.floor.state is FloorState.PAUSED, "without words nothing is known of the sound"
