"""The caller's turns: counted once, corrected while they are pending, told when they are taken for good."""

from media.call.transcript import Transcript
from media.call.turns import Turns
from shared.events import CallerSaid, Event, Usage
from shared.plan import HeardMessage, Resume


def made(number: int = 0) -> tuple[Turns, Transcript, list[Event]]:
    transcript, told = Transcript(), list[Event]()
    return Turns(transcript, told.append, number), transcript, told


def words(transcript: Transcript) -> list[str]:
    return [message.text for message in transcript.messages()]


def test_a_turn_is_in_the_conversation_at_once_and_told_once_it_is_taken_for_good() -> None:
    turns, transcript, told = made()
    turns.began(100)
    turns.take("hello", 900)
    assert (turns.number, turns.told, turns.pending, words(transcript), told) == (1, 0, True, ["hello"], [])
    turns.commit()
    assert told == [CallerSaid(1, "hello", 100, 900)]
    assert (turns.number, turns.told, turns.pending) == (1, 1, False)
    turns.commit()
    assert len(told) == 1


def test_a_caller_who_goes_on_has_one_turn_with_its_first_beginning() -> None:
    turns, transcript, told = made(4)
    turns.began(100)
    turns.take("hello", 900)
    turns.began(1_200)
    turns.take("hello there", 2_000)
    turns.commit()
    assert (turns.number, words(transcript)) == (5, ["hello there"])
    assert told == [CallerSaid(5, "hello there", 100, 2_000)]


def test_the_next_turn_has_a_beginning_of_its_own() -> None:
    turns, _, told = made()
    for began in (100, 5_000):
        turns.began(began)
        turns.take("hello", began + 500)
        turns.commit()
    assert told == [CallerSaid(1, "hello", 100, 600), CallerSaid(2, "hello", 5_000, 5_500)]


def test_what_was_no_turn_leaves_no_beginning_behind() -> None:
    turns, _, told = made()
    turns.began(100)
    turns.nothing()
    turns.began(2_000)
    turns.resumed()
    turns.take("(pressed on the keypad: 2)", 3_000)
    turns.commit()
    assert told == [CallerSaid(1, "(pressed on the keypad: 2)", 3_000, 3_000)]


def test_a_sound_over_the_agent_moves_no_pending_turn() -> None:
    turns, _, told = made()
    turns.began(100)
    turns.take("hello", 900)
    turns.began(1_500)
    turns.resumed()
    turns.take("hello again", 2_500)
    turns.commit()
    assert told == [CallerSaid(1, "hello again", 100, 2_500)]


def test_an_interruption_begins_where_the_caller_was_first_heard_over_the_agent() -> None:
    turns, _, told = made()
    turns.began(5_000)
    turns.began_over(4_200)
    turns.take("wait", 5_600)
    turns.commit()
    assert told == [CallerSaid(1, "wait", 4_200, 5_600)]


def test_last_words_are_a_turn_of_their_own() -> None:
    turns, _, told = made(2)
    turns.last("hel", 1_000, 900)
    turns.began(500)
    turns.last("hello", 1_000, 900)
    assert told == [CallerSaid(3, "hel", 1_000, 900), CallerSaid(3, "hello", 500, 900)]


def lost(turn: int, *messages: HeardMessage) -> Resume:
    return Resume(list(messages), turn, Usage(), 1_000_000, 1_060_000)


def test_a_lost_call_is_picked_up_where_it_was() -> None:
    asked, answered = HeardMessage("user", "when do you open"), HeardMessage("assistant", "At nine.")
    for resume, number, owed, said in [
        (lost(0), 0, False, []),
        (lost(1, asked, answered), 1, False, []),
        (lost(1, asked), 1, True, []),
        (lost(0, asked), 1, True, [CallerSaid(1, "when do you open", 60_000, 60_000)]),
    ]:
        turns, _, told = made(resume.turn)
        assert (turns.pick_up(resume), turns.number, told) == (owed, number, said)
