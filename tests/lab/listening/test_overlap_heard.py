"""Overlap heard by the caller: of made audio, and of whole calls with the real detector."""

import numpy as np
import pytest

from lab.listening.clips import JFK, ClipAudio
from lab.listening.overlap_heard import overlap_heard_ms
from lab.listening.sound import PER_MS, at_level, first_clear_ms, room_noise, to_frames, trim
from lab.listening.virtual_call import CallOutcome, CallSetup, run_call
from media.audio import mulaw
from media.audio.pcm import audioop
from shared.events import AgentSaid, CallerSaid
from shared.plan import TurnPlan
from tests.lab.listening.test_virtual_call import KENNEDY, TEXT, engines

TONE = mulaw.encode((8_000 * np.sin(np.arange(8_000) / 4)).astype("<i2").tobytes())  # 1 s
SILENCE = mulaw.SILENCE * len(TONE)


def test_only_audible_agent_audio_under_caller_speech_counts() -> None:
    agent = TONE + SILENCE + TONE
    assert overlap_heard_ms(agent, [(900, 1_200)]) == 100
    assert overlap_heard_ms(agent, [(1_000, 2_000)]) == 0
    assert overlap_heard_ms(agent, [(0, 500), (1_500, 2_250), (2_900, 9_000)]) == 500 + 250 + 100
    assert overlap_heard_ms(b"", [(0, 500)]) == overlap_heard_ms(SILENCE, []) == 0


@pytest.mark.parametrize(("db", "heard_ms"), [(-12.0, 1_000), (-21.0, 0)])
def test_an_agent_that_is_20_db_lower_is_not_heard(db: float, heard_ms: int) -> None:
    lowered = mulaw.encode(audioop.mul(mulaw.decode(TONE), 2, 10 ** (db / 20)))
    assert overlap_heard_ms(TONE + lowered, [(1_000, 2_000)]) == heard_ms
    assert overlap_heard_ms(lowered, [(0, 1_000)]) == 1_000, "by default its own level is the usual one"
    assert overlap_heard_ms(lowered, [(0, 1_000)], loudest_db=-12.0) == heard_ms


def phrase_twice(after_ms: float) -> tuple[CallOutcome, float, float]:
    """A caller says a phrase, and again so long after the answer began. Returns the second one's start and end."""
    phrase = at_level(trim(ClipAudio(JFK.parent).samples(KENNEDY)), -26.0)
    setup = CallSetup(turn=TurnPlan(silence_ms=600, adaptive=False), speech_ms=3_000)
    alone = [room_noise(phrase, 500, 1), phrase, room_noise(phrase, 5_000, 2)]
    answered_at = run_call(to_frames(np.concatenate(alone)), setup, engines()).spans[0].start
    before_ms = 500 + len(phrase) // PER_MS
    wait_ms = round(answered_at + after_ms) - before_ms
    pieces = [*alone[:2], room_noise(phrase, wait_ms, 2), phrase, room_noise(phrase, 6_000, 3)]
    at = float(before_ms + wait_ms)
    outcome = run_call(to_frames(np.concatenate(pieces)), setup, engines())
    return outcome, at + first_clear_ms(phrase), at + len(phrase) / PER_MS


@pytest.mark.parametrize("after_ms", [100, 300, 550])
def test_who_goes_on_hears_the_agent_for_less_than_120_ms(after_ms: int) -> None:
    """The recognizer hears the same words in everything, so that the voice alone withdraws the answer."""
    outcome, start, end = phrase_twice(after_ms)
    assert any(start <= clear <= start + 120 for clear in outcome.clears)
    assert overlap_heard_ms(outcome.agent, [(start, end)]) <= 120
    assert [event.text for event in outcome.events if isinstance(event, CallerSaid)] == [TEXT]
    (said,) = (event for event in outcome.events if isinstance(event, AgentSaid))
    assert not said.interrupted and outcome.spans[-1].start > end
