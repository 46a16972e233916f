"""A turn put together from segments: nothing lost, nothing doubled, whatever the order."""

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import RecognizedText, TimedWord
from shared.providers.segments import TranscribedResult, TranscribedSegment, TurnTranscript

WORD_MS = 100


def segment(number: int, *words: str, start: int, length: int = 0, timed: bool = True) -> TranscribedSegment:
    """A segment of words that take 100 ms each, from `start` on."""
    end = start + (length or WORD_MS * len(words))
    times = tuple(
        TimedWord(word, start + index * WORD_MS, start + (index + 1) * WORD_MS) for index, word in enumerate(words)
    )
    return TranscribedSegment(number, " ".join(words), start, end, times if timed else ())


def interim(of: TranscribedSegment) -> TranscribedResult:
    return TranscribedResult(of, is_final=False)


def final(of: TranscribedSegment, *, flushed: bool = False) -> TranscribedResult:
    return TranscribedResult(of, is_final=True, is_flushed=flushed)


def answer(text: str, token: int) -> RecognizedText:
    return RecognizedText(text, final=True, token=token)


def untimed(event: RecognizedText | None) -> RecognizedText | None:
    return None if event is None else replace(event, words=())


def test_finals_are_joined_and_the_interim_follows_them() -> None:
    turn = TurnTranscript()
    assert turn.add(interim(segment(0, "two", start=0))) == RecognizedText("two", final=False)
    assert turn.add(final(segment(0, "to", "be", start=0))) == RecognizedText("to be", final=False)
    assert turn.add(interim(segment(1, "or", start=200))) == RecognizedText("to be or", final=False)
    turn.finalize(7, 400)
    assert untimed(turn.add(final(segment(1, "or", "not", start=200), flushed=True))) == answer("to be or not", 7)
    assert turn.add(interim(segment(2, start=400, length=100))) == RecognizedText("to be or not", final=False)


def test_a_final_that_covers_the_audio_answers_even_if_it_was_not_flushed() -> None:
    turn = TurnTranscript()
    turn.finalize(1, 200)
    assert untimed(turn.add(final(segment(0, "yes", start=0, length=200)))) == answer("yes", 1)


def test_an_answer_has_the_times_of_the_turns_words_and_no_others() -> None:
    turn = TurnTranscript()
    turn.add(final(segment(0, "no", start=0)))
    turn.finalize(1, 100)
    turn.next_turn()
    turn.add(final(segment(1, "yes", start=100)))
    turn.finalize(2, 300)
    found = turn.add(final(segment(2, "please", "and", start=200), flushed=True))
    assert found == RecognizedText("yes please", True, 2, (TimedWord("yes", 100, 200), TimedWord("please", 200, 300)))


def test_an_answer_of_which_a_part_has_no_times_has_none() -> None:
    turn = TurnTranscript()
    turn.add(final(segment(0, "yes", start=0, timed=False)))
    turn.finalize(1, 200)
    assert turn.add(final(segment(1, "please", start=100), flushed=True)) == answer("yes please", 1)


def test_an_interim_result_after_its_final_is_passed_over() -> None:
    turn = TurnTranscript()
    turn.add(final(segment(0, "to", "be", start=0)))
    assert turn.add(interim(segment(0, "to", start=0))) is None


def test_a_flushed_result_answers_although_it_ends_before_the_question() -> None:
    turn = TurnTranscript()
    turn.finalize(1, 400)
    assert untimed(turn.add(final(segment(0, "yes", start=0, length=200), flushed=True))) == answer("yes", 1)


def test_a_final_without_audio_does_not_hide_the_segment_that_begins_there() -> None:
    """Finalize may be answered although nothing is left, and the next segment begins at the same time."""
    turn = TurnTranscript()
    turn.finalize(1, 300)
    turn.add(TranscribedResult(TranscribedSegment(300, "", 300, 300), is_final=True, is_flushed=True))
    assert turn.add(interim(segment(300, "to", start=300))) == RecognizedText("to", final=False)


@pytest.mark.parametrize("again", [0, 1])
def test_a_final_that_comes_twice_counts_once(again: int) -> None:
    turn = TurnTranscript()
    finals = [final(segment(0, "to", start=0)), final(segment(1, "be", start=100))]
    for result in (*finals, finals[again]):
        last = turn.add(result)
    assert last == RecognizedText("to be", final=False)


def test_only_the_latest_question_is_answered_and_only_once() -> None:
    turn = TurnTranscript()
    turn.finalize(1, 100)
    turn.finalize(2, 300)
    first = final(segment(0, "one", start=0, length=100), flushed=True)
    assert turn.add(first) == RecognizedText("one", final=False)
    second = final(segment(1, "two", start=100, length=200), flushed=True)
    assert untimed(turn.add(second)) == answer("one two", 2)
    assert turn.add(second) == RecognizedText("one two", final=False)


def test_words_after_the_question_belong_to_the_next_turn_of_the_same_segment() -> None:
    turn = TurnTranscript()
    turn.finalize(1, 200)
    assert untimed(turn.add(final(segment(0, "yes", "please", "and", start=0), flushed=True))) == answer(
        "yes please", 1
    )
    turn.next_turn()
    assert turn.add(interim(segment(1, "also", start=300))) == RecognizedText("and also", final=False)


@pytest.mark.parametrize("timed", [True, False])
def test_a_final_that_comes_after_its_turn_was_taken_adds_only_what_is_new(timed: bool) -> None:
    turn = TurnTranscript()
    turn.finalize(1, 200)
    turn.next_turn()
    stale = final(segment(0, "yes", "please", "and", start=0, timed=timed), flushed=True)
    assert turn.add(stale) == RecognizedText("and", final=False)


def test_a_question_without_an_answer_is_answered_by_what_covers_its_audio() -> None:
    turn = TurnTranscript()
    turn.add(final(segment(0, "yes", start=0, length=1_000)))
    turn.finalize(1, 1_150)
    assert untimed(turn.expire()) == answer("yes", 1)


def over(of: TranscribedSegment, *, ended: bool = False) -> TranscribedResult:
    """The recognizer believes that the turn is over, or has ended it."""
    return TranscribedResult(of, is_final=ended, is_over=True)


@pytest.mark.parametrize("ended", [True, False])
def test_a_turn_that_the_recognizer_has_ended_is_answered_without_asking(ended: bool) -> None:
    turn = TurnTranscript()
    said = segment(0, "yes", "please", start=0, length=500)
    turn.add(over(said, ended=ended))
    assert not turn.finalize(1, 650)
    assert untimed(turn.expire()) == answer("yes please", 1)
    assert turn.end_segment(900) is not ended, "a turn that runs on is ended once its text is taken"
    turn.next_turn()
    assert not turn.end_segment(900)
    turn.add(final(replace(said, end_ms=900), flushed=not ended))
    assert turn.finalize(2, 1_500)
    late = turn.add(final(segment(1, "thanks", start=900, length=600), flushed=True))
    assert untimed(late) == answer("thanks", 2), "the end of the turn before is no answer"


@pytest.mark.parametrize(
    "after",
    [
        interim(segment(0, "yes", "please", start=0, length=500)),
        TranscribedResult(segment(0, "yes", start=0, length=500), is_final=False, has_resumed=True),
        final(segment(0, "yes", start=0, length=500), flushed=True),
        interim(segment(1, "please", start=500)),
    ],
)
def test_a_turn_that_goes_on_has_to_be_asked_for(after: TranscribedResult) -> None:
    turn = TurnTranscript()
    turn.add(over(segment(0, "yes", start=0, length=300)))
    turn.add(after)
    assert turn.finalize(1, 600) and not turn.end_segment(600)


def test_an_end_without_times_or_of_audio_before_has_to_be_asked_for() -> None:
    turn = TurnTranscript()
    turn.add(over(segment(0, "yes", start=0, length=300, timed=False)))
    assert turn.finalize(1, 400)
    turn.add(over(segment(0, "yes", start=0, length=300)))
    assert turn.finalize(2, 600)


def test_an_update_without_news_leaves_the_end_as_it_is() -> None:
    turn = TurnTranscript()
    turn.add(over(segment(0, "yes", start=0, length=300)))
    turn.add(interim(segment(0, "yes", start=0, length=540)))
    assert not turn.finalize(1, 700)


def test_a_recognizer_that_stopped_working_never_answers() -> None:
    turn = TurnTranscript()
    turn.add(interim(segment(0, "yes", start=0, length=100)))
    turn.finalize(1, 1_000)
    assert turn.expire() is None
    assert untimed(turn.add(interim(segment(0, "yes", "please", start=0, length=900)))) == answer("yes please", 1)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_each_word_is_in_exactly_one_turn(turns: list[int], data: st.DataObject) -> None:
    """Segments are cut anywhere, so that some reach over the end of a turn, or over whole turns."""
    words = [f"w{number}" for number in range(sum(turns))]
    cuts = iter(sorted(data.draw(st.sets(st.integers(1, len(words)))) | {len(words)}))
    transcript, taken, begun, number = TurnTranscript(), list[str](), 0, 0
    for token, end in enumerate(accumulate(turns)):
        transcript.finalize(token, end * WORD_MS)
        is_answered = False
        while not is_answered:
            cut = next(cuts) if begun < end else begun  # nothing is left: an empty answer
            piece = segment(number, *words[begun:cut], start=begun * WORD_MS)
            found = transcript.add(final(piece, flushed=cut >= end))
            begun, number = cut, number + 1
            is_answered = found is not None and found.token == token
        assert found is not None
        taken += found.text.split()
        transcript.next_turn()
    assert taken == words
