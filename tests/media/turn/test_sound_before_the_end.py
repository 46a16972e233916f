"""A sound that begins when a turn is about to end may be the caller's next word: the turn stays open for it."""

import pytest

from media.turn.decisions import CallerDone, CallerStarted
from media.turn.endpoint import TurnRules
from media.turn.floor import Floor
from tests.media.turn.floor_harness import FloorHarness, ScriptedJudge

WORDS = "can I have a table"
# The silence that ends these words.
SILENCE_MS = 360


class SoundScript:
    """Asked as a voice track is: whether a sound has begun that may be speech."""

    def __init__(self) -> None:
        self.is_on = False

    def may_begin(self) -> bool:
        return self.is_on

    def last(self, call: FloorHarness, ms: int) -> FloorHarness:
        """The sound begins, and ends after so long; the detector never calls it speech."""
        self.is_on = True
        call.silence(ms)
        self.is_on = False
        return call


def make_call(sound: SoundScript, *, adaptive: bool = True) -> FloorHarness:
    """A caller who said WORDS and is silent, 20 ms before that ends the turn."""
    rules = TurnRules(silence_ms=600 if adaptive else SILENCE_MS, adaptive=adaptive, prepare_ms=0)
    floor = Floor(rules, judge=ScriptedJudge({WORDS: 0.95}), may_begin=sound.may_begin)
    return FloorHarness(floor).speech(400).silence(200).text(WORDS).silence(SILENCE_MS - 220)


def test_a_turn_stays_open_for_a_word_that_begins() -> None:
    sound = SoundScript()
    call = sound.last(make_call(sound), 80)
    assert "CallerDone" not in call.speech(200).kinds()
    assert call.log[-1] == CallerStarted(840, True)


def test_a_turn_ends_once_the_sound_is_none() -> None:
    sound = SoundScript()
    call = sound.last(make_call(sound), 60)
    assert "CallerDone" not in call.kinds()
    assert call.silence(20).log[-1] == CallerDone(820, 400, WORDS, 800)


def test_no_sound_keeps_a_turn_open_longer_than_the_limit() -> None:
    sound = SoundScript()
    call = make_call(sound)
    sound.is_on = True
    limit_ms = TurnRules().onset_wait_ms
    call.silence(limit_ms)
    assert "CallerDone" not in call.kinds()
    assert call.silence(20).log[-1] == CallerDone(760 + limit_ms, 400, WORDS, 740 + limit_ms)


@pytest.mark.parametrize("sound_before_ms", [0, 20])
def test_each_pause_restarts_the_wait(sound_before_ms: int) -> None:
    sound = SoundScript()
    call = sound.last(make_call(sound), sound_before_ms)
    call.speech(200).silence(200).text(WORDS).silence(SILENCE_MS - 220)
    sound.is_on = True
    assert "CallerDone" not in call.silence(TurnRules().onset_wait_ms).kinds()


def test_a_turn_that_needs_more_silence_after_a_sound_waits_anew_at_its_end() -> None:
    sound = SoundScript()
    call = sound.last(make_call(sound), 100)
    call.text(f"{WORDS} and").silence(1_720 - 100 - SILENCE_MS)  # words that go on
    sound.is_on = True
    assert "CallerDone" not in call.silence(TurnRules().onset_wait_ms).kinds()
    assert isinstance(call.silence(40).log[-1], CallerDone)


def test_plain_silence_waits_for_no_sound() -> None:
    sound = SoundScript()
    call = make_call(sound, adaptive=False)
    sound.is_on = True
    assert call.silence(20).log[-1] == CallerDone(760, 400, WORDS, 760)
