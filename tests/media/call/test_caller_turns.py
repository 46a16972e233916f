"""The caller's turns: counted once, corrected while they are pending, reported when they are committed."""

import pytest

from media.call.caller_turns import CallerTurns
from media.call.transcript import Transcript
from media.providers.ports import TimedWord
from shared.events import MOST_TIMED_WORDS, CallerSaid, CallUsage, Event
from shared.plan import HeardMessage, ResumePoint


def make(number: int = 0) -> tuple[CallerTurns, Transcript, list[Event]]:
    transcript, events = Transcript(), list[Event]()
    return CallerTurns(transcript, events.append, resume_point(number)), transcript, events


def words(transcript: Transcript) -> list[str]:
    return [message.text for message in transcript.messages()]


def test_turn_is_in_the_transcript_at_once_and_reported_on_commit() -> None:
    turns, transcript, events = make()
    turns.began(100)
    turns.take("hello", 900)
    assert (turns.number, turns.reported, turns.is_pending, words(transcript), events) == (1, 0, True, ["hello"], [])
    turns.commit()
    assert events == [CallerSaid(1, "hello", 100, 900)]
    assert (turns.number, turns.reported, turns.is_pending) == (1, 1, False)
    turns.commit()
    assert len(events) == 1


def test_continued_turn_keeps_its_first_start_time() -> None:
    turns, transcript, events = make(4)
    turns.began(100)
    turns.take("hello", 900)
    turns.began(1_200)
    turns.take("hello there", 2_000)
    turns.commit()
    assert (turns.number, words(transcript)) == (5, ["hello there"])
    assert events == [CallerSaid(5, "hello there", 100, 2_000)]


def timed(*texts: str) -> list[TimedWord]:
    """Words of 200 ms each, from the audio clock's 1,000 ms on."""
    return [TimedWord(text, 1_000 + 200 * at, 1_200 + 200 * at) for at, text in enumerate(texts)]


def test_words_are_timed_on_the_calls_clock_also_after_words_that_were_settled() -> None:
    turns, _, events = make()
    turns.began(1_050, 1_000)
    turns.take("book a", 1_450, lambda ms: ms + 60, timed("Book", "a"))
    turns.settle()
    turns.began(1_450, 1_400)
    turns.take("book a table", 2_000, lambda ms: ms + 60, timed("old", "Book", "a", "table"))
    turns.commit()
    assert [event.word_ms for event in events if isinstance(event, CallerSaid)] == [
        (1_060, 1_260, 1_260, 1_460),
        (1_660, 1_860),
    ]


@pytest.mark.parametrize(
    ("text", "onset_ms", "lead_ms"),
    [("book a table", 1_000, 60), ("look a", 1_000, 60), ("book a", None, 60), ("book a", 1_000, 400)],
    ids=["other words", "another word", "start unknown", "audio held up within the turn"],
)
def test_words_whose_times_are_not_certain_have_none(text: str, onset_ms: int | None, lead_ms: int) -> None:
    turns, _, events = make()
    turns.began(1_050, onset_ms)
    turns.take(text, 2_000, lambda ms: ms + lead_ms, timed("Book", "a"))
    turns.commit()
    assert isinstance(events[0], CallerSaid) and events[0].word_ms == ()


def test_too_many_words_for_an_event_have_no_times() -> None:
    turns, _, events = make()
    words = ["a"] * (MOST_TIMED_WORDS + 1)
    turns.began(1_000, 1_000)
    turns.take(" ".join(words), 2_000, lambda ms: ms, timed(*words))
    turns.commit()
    assert isinstance(events[0], CallerSaid) and events[0].word_ms == ()


def test_last_words_are_timed_too() -> None:
    turns, _, events = make()
    turns.began(1_000, 1_000)
    turns.report_last_words("good bye", 2_000, 1_900, lambda ms: ms, timed("good", "bye"))
    assert events == [CallerSaid(1, "good bye", 1_000, 1_900, (1_000, 1_200, 1_200, 1_400))]


def test_words_after_a_tool_call_are_a_turn_of_their_own() -> None:
    """The floor's turn goes on until the agent is audible, and its text begins with the words before the tool call."""
    turns, transcript, events = make()
    turns.began(100)
    turns.take("book a table", 900)
    turns.settle()
    assert events == [CallerSaid(1, "book a table", 100, 900)] and not turns.is_pending
    turns.settle()
    turns.began(1_500)
    turns.take("book a table for four", 2_000)
    turns.settle()
    turns.began(3_000)
    turns.take("book a table for four tonight", 4_000)
    turns.commit()
    assert words(transcript) == ["book a table", "for four", "tonight"]
    assert events[1:] == [CallerSaid(2, "for four", 1_500, 2_000), CallerSaid(3, "tonight", 3_000, 4_000)]


@pytest.mark.parametrize("text", ["cook a table for four", "book a tablet", "book", "book a table"])
def test_words_that_are_recognized_differently_later_are_kept(text: str) -> None:
    turns, transcript, _ = make()
    turns.take("book a table", 900)
    turns.settle()
    turns.take(text, 2_000)
    assert words(transcript) == ["book a table", text]


@pytest.mark.parametrize("end", ["commit", "discard"])
def test_a_new_turn_of_the_floor_is_taken_as_it_is(end: str) -> None:
    turns, transcript, _ = make()
    turns.take("book a table", 900)
    turns.settle()
    getattr(turns, end)()
    turns.take("book a table for four", 5_000)
    assert words(transcript) == ["book a table", "book a table for four"]


def test_next_turn_has_its_own_start_time() -> None:
    turns, _, events = make()
    for began in (100, 5_000):
        turns.began(began)
        turns.take("hello", began + 500)
        turns.commit()
    assert events == [CallerSaid(1, "hello", 100, 600), CallerSaid(2, "hello", 5_000, 5_500)]


def test_discarded_sound_sets_no_start_time() -> None:
    turns, _, events = make()
    turns.began(100)
    turns.discard()
    turns.began(2_000)
    turns.discard_overlap()
    turns.take("(pressed on the keypad: 2)", 3_000)
    turns.commit()
    assert events == [CallerSaid(1, "(pressed on the keypad: 2)", 3_000, 3_000)]


def test_discarded_overlap_keeps_the_start_time_of_a_pending_turn() -> None:
    turns, _, events = make()
    turns.began(100)
    turns.take("hello", 900)
    turns.began(1_500)
    turns.discard_overlap()
    turns.take("hello again", 2_500)
    turns.commit()
    assert events == [CallerSaid(1, "hello again", 100, 2_500)]


def test_interrupting_turn_starts_with_the_first_speech_over_the_agent() -> None:
    turns, _, events = make()
    turns.began(5_000)
    turns.began_over_agent(4_200)
    turns.take("wait", 5_600)
    turns.commit()
    assert events == [CallerSaid(1, "wait", 4_200, 5_600)]


def test_last_words_are_a_separate_turn() -> None:
    turns, _, events = make(2)
    turns.report_last_words("hel", 1_000, 900)
    turns.began(500)
    turns.report_last_words("hello", 1_000, 900)
    assert events == [CallerSaid(3, "hel", 1_000, 900), CallerSaid(3, "hello", 500, 900)]


def test_last_words_do_not_repeat_a_turn_that_was_reported_when_the_stream_ended() -> None:
    turns, _, events = make()
    turns.began(100)
    turns.take("book a table", 900)
    turns.settle()
    assert turns.reported == 1
    turns.report_last_words("book a table", 2_000, 1_500)
    turns.report_last_words("book a table for four", 2_000, 1_500)
    assert [event.text for event in events if isinstance(event, CallerSaid)] == ["book a table", "for four"]


def resume_point(turn: int, *messages: HeardMessage) -> ResumePoint:
    return ResumePoint(list(messages), turn, CallUsage(), 1_000_000, 1_060_000)


def test_resume_continues_numbers_and_reports_an_unreported_turn() -> None:
    asked, answered = HeardMessage("user", "when do you open"), HeardMessage("assistant", "At nine.")
    for resume, number, answer_due, said in [
        (resume_point(0), 0, False, []),
        (resume_point(1, asked, answered), 1, False, []),
        (resume_point(1, asked), 1, True, []),
        (resume_point(0, asked), 1, True, [CallerSaid(1, "when do you open", 60_000, 60_000)]),
    ]:
        turns, _, events = make(resume.turn)
        assert (turns.resume(resume), turns.number, events) == (answer_due, number, said)


def test_no_turn_begins_before_the_call() -> None:
    """The true start of speech is reckoned back from its detection."""
    turns, _, events = make()
    turns.began(-10.4)
    turns.take("hello", 900)
    turns.commit()
    assert events == [CallerSaid(1, "hello", 0, 900)]
