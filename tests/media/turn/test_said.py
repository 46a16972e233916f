"""Which of the caller's words are new."""

from media.turn.said import Said


def test_new_words_are_those_beyond_what_was_dealt_with() -> None:
    said = Said()
    said.hear("Book a table")
    said.deal()
    assert said.hear("book a table, for two")
    assert said.new == ["for", "two"]
    assert said.text == "book a table, for two"


def test_other_punctuation_is_no_change() -> None:
    said = Said()
    assert said.hear("book a table")
    assert not said.hear("Book a table.")


def test_reopening_makes_everything_new() -> None:
    said = Said()
    said.hear("one two")
    said.deal()
    said.reopen()
    assert said.new == ["one", "two"]


def test_a_commit_carries_unanswered_words_but_no_backchannels() -> None:
    said = Said()
    said.hear("one two")
    said.deal()
    said.hear("one two and three okay")
    said.commit()
    said.hear("four")
    assert said.text == "and three okay four"
    said.deal()
    said.hear("four uh-huh")
    said.commit()
    assert said.text == "" and said.new == []


def test_interruptions() -> None:
    said = Said()
    said.hear("uh-huh yeah")
    assert not said.interrupts(1) and not said.matters
    said.hear("uh-huh yeah but")
    assert said.interrupts(1) and not said.interrupts(2) and said.matters
    said.hear("uh-huh wait")
    assert said.interrupts(5)


def test_a_question_interrupts_once() -> None:
    said = Said()
    said.hear("really?")
    assert said.interrupts(3)
    said.deal()
    assert not said.interrupts(3)
    said.hear("really? okay")
    assert not said.interrupts(3)


def test_age() -> None:
    said = Said()
    said.hear("one two three")
    assert said.is_older("one two")
    assert not said.is_older("one two three")
