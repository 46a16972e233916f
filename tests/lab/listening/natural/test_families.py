"""Natural turns in virtual calls, with made recordings and a recognizer that hears the same words in everything."""

from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lab.listening.natural import recordings
from lab.listening.natural.cases import (
    answers_between,
    count_lost_words,
    final_answer,
    judge_turn,
    texts_between,
)
from lab.listening.natural.families import (
    LONGEST_GAP_MS,
    MOST_OF_SPEAKER,
    MOST_TURNS,
    QuestionCalls,
    call_sound,
    choose,
)
from lab.listening.natural.importer import import_natural
from lab.listening.natural.recordings import NaturalTurn, read_all_turns, read_turns, turn_sound
from lab.listening.sound import PER_MS, RATE, to_frames
from lab.listening.timeline import LEAD_MS
from lab.listening.virtual_call import CallOutcome, CallSetup, ListeningEngines
from lab.listening.virtual_carrier import SoundSpan
from media.providers.local.speech import Recognition
from shared.events import CallerSaid, TurnResumed
from shared.plan import TurnPlan
from tests.lab.listening.natural.example import write_example

TURN = NaturalTurn("getgoing/a/0", "getgoing", "a", "ann", ((1_000, 1_500), (2_100, 2_600)), 0, "end")


class FixedText:
    """A recognizer that hears the same in everything."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition("By bus.", 1.0)


@cache
def engines() -> ListeningEngines:
    return ListeningEngines(FixedText())


def setup(silence_ms: int) -> CallSetup:
    return CallSetup(turn=TurnPlan(silence_ms=silence_ms, adaptive=False))


def agent_audio(*spans: SoundSpan) -> bytes:
    """Return ten seconds of what the carrier played, with a tone in each span."""
    at_ms = np.arange(10 * RATE) / PER_MS
    is_audible = np.any([(span.start <= at_ms) & (at_ms < span.end) for span in spans], axis=0)
    tone = 0.1 * np.sin(2 * np.pi * 0.3 * at_ms) * is_audible
    return b"".join(to_frames(tone.astype(np.float32)))


def said(text: str, start_ms: int) -> CallerSaid:
    return CallerSaid(1, text, start_ms, start_ms + 100)


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import_natural(write_example(tmp_path), tmp_path / "out")
    monkeypatch.setattr(recordings, "DATA", tmp_path / "out")
    return tmp_path / "out"


def test_response_counts_from_the_true_end_of_the_final_answer() -> None:
    spans = [SoundSpan(4_000, 4_300), SoundSpan(5_800, 8_000)]
    outcome = CallOutcome(spans, [said("By bus.", 3_000)], agent_audio(*spans), clears=[4_300])
    case = judge_turn(TURN, outcome, 3_000, 9_000, {("getgoing/a/0", 500): "finished"})
    assert (case.was_cut, case.has_withdrawn_start, case.response_ms) == (True, True, 1_200)
    assert (case.starts_ms, case.overlap_ms) == ([-600, 1_200], 200)
    assert [(pause.phrase, pause.was_cut) for pause in case.pauses] == [("finished", True)]
    assert (case.heard, case.turns, case.is_merged) == ("By bus.", 1, True)


def test_turn_without_answer_has_no_response() -> None:
    case = judge_turn(TURN, CallOutcome([], []), 3_000, 9_000, {})
    assert (case.was_cut, case.has_withdrawn_start, case.response_ms, case.turns) == (False, False, None, 0)
    assert case.pauses[0].phrase is None


def test_answer_that_began_before_the_end_and_went_on_is_the_final_one() -> None:
    case = judge_turn(TURN, CallOutcome([SoundSpan(4_000, 8_000)], []), 3_000, 9_000, {})
    assert (case.was_cut, case.has_withdrawn_start, case.response_ms) == (True, False, -600)


def test_answer_to_a_later_noise_is_not_the_final_one() -> None:
    answers = [[SoundSpan(5_000, 6_000)], [SoundSpan(7_000, 8_000)]]
    assert final_answer(answers, [], 4_600) == answers[0]
    assert final_answer(answers, [6_000], 4_600) == answers[1]
    assert final_answer(answers, [6_000, 8_000], 4_600) == answers[1]


def test_answer_that_goes_on_after_a_sound_is_one_answer() -> None:
    spans = [SoundSpan(5_000, 5_500), SoundSpan(6_000, 8_000), SoundSpan(9_000, 9_500)]
    outcome = CallOutcome(spans, [TurnResumed(1, 6_000)])
    assert answers_between(outcome, 4_000, 10_000) == [spans[:2], spans[2:]]
    assert answers_between(outcome, 8_500, 9_000) == []


def test_only_words_of_the_turn_count() -> None:
    outcome = CallOutcome([], [said("before", 2_000), said("now", 2_450), said("later", 9_000)])
    assert texts_between(outcome, 2_500, 8_000) == ["now"]


@pytest.mark.parametrize(
    ("heard", "lost"),
    [
        ("I want to go by bus.", 0),
        ("I want to go by boat.", 0),
        ("I want to", 3),
        ("", 6),
        ("Um, I want to go by bus", 0),
    ],
)
def test_lost_words_are_missing_words(heard: str, lost: int) -> None:
    assert count_lost_words("Uh, I want to go by bus", heard) == lost


def test_silence_shorter_than_the_pause_cuts_the_caller(imported: Path) -> None:
    turn = read_turns(folder=imported)[0]
    sound = turn_sound(turn, folder=imported)
    cut, patient = (QuestionCalls(setup(ms), engines()).run(turn, sound) for ms in (200, 900))
    assert (cut.was_cut, patient.was_cut) == (True, False)
    assert patient.response_ms == pytest.approx(900 + 200 + 80, abs=80)
    assert (patient.turns, patient.lost_words, patient.is_merged) == (1, 0, True)


def test_caller_speaks_after_the_question(imported: Path) -> None:
    turn = read_turns(folder=imported)[0]
    calls = QuestionCalls(setup(600), engines())
    case = calls.run(turn, turn_sound(turn, folder=imported))
    assert case.prompt == "How would you like to travel today?"
    assert (case.turns, case.was_cut, case.overlap_ms) == (1, False, 0)


def test_gaps_of_a_streamed_call_are_shortened() -> None:
    turns = [turn for turn in read_all_turns() if turn.is_whole][:12]
    samples, starts = call_sound([turn for turn in turns if turn.call == turns[0].call])
    gaps = [after - before for before, after in pairwise(starts)]
    assert starts[0] == LEAD_MS
    assert max(gaps) <= LONGEST_GAP_MS + max(turn.end_ms - turn.start_ms for turn in turns)
    assert len(samples) / 8 > starts[-1]


def test_chosen_turns_are_of_many_speakers() -> None:
    turns = read_turns("development")
    chosen = choose(turns)
    of_speaker = Counter(turn.speaker for turn in turns if turn.case in chosen and turn.source == "getgoing")
    assert (sum(of_speaker.values()), max(of_speaker.values())) == (MOST_TURNS, MOST_OF_SPEAKER)
    assert len(of_speaker) > 45
