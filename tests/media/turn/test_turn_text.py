"""Which of the caller's words are new."""

from media.turn.turn_text import TurnText


def test_new_words_are_those_not_handled() -> None:
    turn_text = TurnText()
    turn_text.update("Book a table")
    turn_text.mark_handled()
    assert turn_text.update("book a table, for two")
    assert turn_text.new_words == ["for", "two"]
    assert turn_text.text == "book a table, for two"


def test_other_punctuation_is_no_change() -> None:
    turn_text = TurnText()
    assert turn_text.update("book a table")
    assert not turn_text.update("Book a table.")


def test_reopening_makes_everything_new() -> None:
    turn_text = TurnText()
    turn_text.update("one two")
    turn_text.mark_handled()
    turn_text.reopen()
    assert turn_text.new_words == ["one", "two"]


def test_a_commit_carries_unanswered_words_but_no_backchannels() -> None:
    turn_text = TurnText()
    turn_text.update("one two")
    turn_text.mark_handled()
    turn_text.update("one two and three okay")
    turn_text.commit()
    turn_text.update("four")
    assert turn_text.text == "and three okay four"
    turn_text.mark_handled()
    turn_text.update("four uh-huh")
    turn_text.commit()
    assert turn_text.text == "" and turn_text.new_words == []


def test_new_words_interrupt_if_they_are_enough() -> None:
    turn_text = TurnText()
    turn_text.update("uh-huh yeah")
    assert not turn_text.interrupts(1) and not turn_text.needs_answer
    turn_text.update("uh-huh yeah but")
    assert turn_text.interrupts(1) and not turn_text.interrupts(2) and turn_text.needs_answer
    turn_text.update("uh-huh wait")
    assert turn_text.interrupts(5)


def test_a_question_interrupts_once() -> None:
    turn_text = TurnText()
    turn_text.update("why?")
    assert turn_text.interrupts(3)
    turn_text.mark_handled()
    assert not turn_text.interrupts(3)
    turn_text.update("why? okay")
    assert not turn_text.interrupts(3)


def test_a_backchannel_with_a_question_mark_is_no_question() -> None:
    turn_text = TurnText()
    turn_text.update("Right?")
    assert not turn_text.interrupts(1) and turn_text.is_backchannel


def test_text_with_fewer_words_is_older() -> None:
    turn_text = TurnText()
    turn_text.update("one two three")
    assert turn_text.is_older("one two")
    assert not turn_text.is_older("one two three")


def test_a_backchannel_whose_answer_was_cancelled_needs_one_until_it_has_it() -> None:
    turn_text = TurnText()
    turn_text.update("uh-huh")
    assert not turn_text.needs_answer
    turn_text.mark_answered()
    turn_text.reopen()
    assert turn_text.needs_answer and not turn_text.is_backchannel
    turn_text.commit()
    turn_text.update("okay")
    assert turn_text.needs_answer and turn_text.text == "uh huh okay"
    turn_text.mark_answered()
    assert not turn_text.needs_answer
    turn_text.update("okay yeah")
    turn_text.mark_handled()
    turn_text.commit()
    assert not turn_text.needs_answer and turn_text.text == ""


def test_a_backchannel_over_the_agent_needs_no_answer_after_an_interruption() -> None:
    turn_text = TurnText()
    turn_text.update("uh-huh")
    turn_text.mark_handled()
    turn_text.reopen()
    assert not turn_text.needs_answer
