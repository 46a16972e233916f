"""The judge judged: whole calls in virtual time, whose outcome follows from the plan alone (no adaptive silence)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from lab.listening.clips import JFK, Clip, ClipAudio
from lab.listening.hesitations import AFTER_MS, BEFORE_MS, run_hesitations
from lab.listening.overlaps import OverlapCall, run_overlaps
from lab.listening.pauses import first_words, place_of, response_ms, run_pauses
from lab.listening.rooms import made_noise
from lab.listening.sound import Samples, at_level, to_frames
from lab.listening.timeline import LEAD_MS, speak
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call
from lab.listening.word_boundaries import WordBoundary
from media.providers.local.speech import Recognition
from shared.plan import BargeIn, TurnPlan
from tests.media.turn.floor_harness import ScriptedJudge

TEXT = "And so my fellow Americans ask not"
# The recording's first phrase; its boundary lies before the speaker's own pause.
KENNEDY = Clip(
    "jfk", "development", "kennedy", "jfk", (JFK.name,), TEXT, end_ms=2_200, boundaries=(WordBoundary(700, 2, 0),)
)


class FixedText:
    """A recognizer that hears the same in everything."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition(TEXT, 1.0)


@cache
def engines() -> ListeningEngines:
    return ListeningEngines(FixedText())


class TimedSecondJudge:
    """Answers 1 after so many ms, or never."""

    def __init__(self, after_ms: int | None) -> None:
        self._after_ms = after_ms
        self.asked: list[str] = []

    def request(self, text: str, on_probability: Callable[[float], None]) -> None:
        self.asked.append(text)
        if self._after_ms is not None:
            asyncio.get_running_loop().call_later(self._after_ms / 1_000, on_probability, 1.0)


@pytest.fixture
def audio() -> ClipAudio:
    return ClipAudio(JFK.parent)


def setup(silence_ms: int, barge_in: bool | BargeIn = True) -> CallSetup:
    return CallSetup(turn=TurnPlan(silence_ms=silence_ms, adaptive=False, barge_in=barge_in))


def phrase(audio: ClipAudio) -> Samples:
    return at_level(audio.samples(KENNEDY), -26.0)


def test_a_short_silence_cuts_long_pauses_and_a_long_one_none(audio: ClipAudio) -> None:
    short = {case.pause_ms: case for case in run_pauses([KENNEDY], audio, setup(300), engines())}
    assert [pause for pause, case in short.items() if case.was_cut] == [700, 900, 1_200]
    assert 0 <= short[1_200].early_ms[0] - (300 + 200 + 80) <= 80
    patient = list(run_pauses([KENNEDY], audio, setup(1_500), engines()))
    assert [case.was_cut for case in patient] == [False] * 5


def test_a_hesitation_begins_the_silence_anew(audio: ClipAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.listening.hesitations.spoken", lambda text: phrase(audio)[:3_200])
    assert [case.was_cut for case in run_hesitations([KENNEDY], audio, setup(500), engines())] == [True]
    longer = setup(max(BEFORE_MS, AFTER_MS) + 300)
    (case,) = run_hesitations([KENNEDY, msgspec.structs.replace(KENNEDY, boundaries=())], audio, longer, engines())
    assert (case.place, case.was_cut) == ("open", False)
    assert case.response_ms is not None


def test_the_response_is_the_silence_and_the_delays(audio: ClipAudio) -> None:
    caller = speak(phrase(audio))
    quick = response_ms(run_call(caller.frames, setup(600), engines()), caller.end_ms)
    slow = CallSetup(300, 150, setup(600).turn)
    late = response_ms(run_call(caller.frames, slow, engines()), caller.end_ms)
    assert quick is not None and late is not None
    assert quick == pytest.approx(600 + 200 + 80, abs=80)
    assert late - quick == pytest.approx(170, abs=20)


def test_a_call_is_the_same_each_time(audio: ClipAudio) -> None:
    frames = speak(phrase(audio), KENNEDY.boundaries, 900).frames
    first, second = (run_call(frames, setup(400), engines()) for _ in range(2))
    assert first.spans == second.spans
    assert first.agent == second.agent


def test_the_pause_and_the_end_lie_where_they_are_told() -> None:
    sound = np.full(8_000, 0.1, np.float32)
    caller = speak(sound, [WordBoundary(400, 1, 100)], 500)
    assert caller.pauses == [(LEAD_MS + 350, LEAD_MS + 850)]
    assert caller.end_ms == LEAD_MS + 1_000 + 400


def test_what_cannot_interrupt_leaves_the_answer_whole(audio: ClipAudio) -> None:
    (case,) = run_overlaps([KENNEDY], audio, setup(600, barge_in=False), engines())
    assert (case.survived, case.gap_ms, case.cleared_ms) == (True, 0.0, None)


def test_a_clip_at_several_moments_is_a_call_each(audio: ClipAudio) -> None:
    calls: list[OverlapCall] = []
    cases = run_overlaps(
        [KENNEDY], audio, setup(600), engines(), moments=(0, 13), keep=lambda _, call: calls.append(call)
    )
    assert len(list(cases)) == 2
    assert calls[1].sound_ms - calls[0].sound_ms == 13


def test_words_over_the_agent_clear_its_audio(audio: ClipAudio) -> None:
    (case,) = run_overlaps([KENNEDY], audio, setup(600, barge_in="eager"), engines())
    assert not case.survived
    assert case.cleared_ms is not None and 0 < case.cleared_ms < 250


def test_words_over_the_agent_lower_it_before_they_silence_it(audio: ClipAudio) -> None:
    (case,) = run_overlaps([KENNEDY], audio, setup(600), engines())
    assert case.lowered_ms is not None and case.cleared_ms is not None
    assert case.lowered_ms + 300 <= case.cleared_ms < 900


class SlowAtFirst(FixedText):
    """It hears the first utterance seven times, and answers the later ones at once."""

    hearings = 7

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        self.hearings, hearings = 1, self.hearings
        return Recognition(TEXT, 1.0, hearings)


def test_an_answer_that_came_sooner_than_alone_is_none_that_stopped(audio: ClipAudio) -> None:
    other = msgspec.structs.replace(KENNEDY, speaker="other")
    case = next(run_overlaps([KENNEDY, other], audio, setup(600), ListeningEngines(SlowAtFirst()), below_db=40.0))
    assert (case.survived, case.gap_ms, case.cleared_ms) == (True, 0.0, None)


def test_noise_is_no_turn() -> None:
    outcome = run_call(to_frames(made_noise("bumps", 1)[:80_000]), setup(600), engines())
    assert outcome.spans == []


@pytest.mark.parametrize(
    ("count", "said", "place"),
    [(1, "Well,", "inside"), (3, "Well, it's a", "open"), (4, "Well, it's a dog.", "sentence")],
)
def test_places_are_told_by_the_last_word(count: int, said: str, place: str) -> None:
    assert first_words("Well, it's a dog. Yes.", count) == said
    assert place_of(said) == place


@pytest.mark.parametrize(
    ("after_ms", "expected_ms"),
    [(None, 1_316), (50, 660), (600, 1_000), (5_000, 1_316)],
    ids=["never", "soon", "before the answer is asked for", "late"],
)
def test_a_second_judges_answer_counts_only_while_the_floor_waits(
    audio: ClipAudio, after_ms: int | None, expected_ms: int
) -> None:
    caller, second = speak(phrase(audio)), TimedSecondJudge(after_ms)
    judge = ScriptedJudge(default=0.1)
    call = replace(engines(), completeness=judge, second_judge=second)
    response = response_ms(run_call(caller.frames, CallSetup(turn=TurnPlan(silence_ms=600)), call), caller.end_ms)
    assert response == pytest.approx(expected_ms, abs=120)
    assert second.asked == [TEXT]
