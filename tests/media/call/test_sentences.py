"""The splitter: no text lost, the first clause early, no cut in an abbreviation, a limit on buffered text."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.call.sentences import FIRST_LONGEST, LONGEST, UNBROKEN, SentenceSplitter


def split(text: str, size: int = 3) -> list[str]:
    """Returns the pieces of a text that is fed in chunks of `size` characters."""
    sentences = SentenceSplitter()
    pieces = [piece for at in range(0, len(text), size) for piece in sentences.feed(text[at : at + size])]
    return pieces + sentences.flush()


def test_first_clause_is_returned_as_soon_as_it_is_complete() -> None:
    sentences = SentenceSplitter()
    assert sentences.feed("Thanks for calling,") == []
    assert sentences.feed(" how") == ["Thanks for calling, "]


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_later_pieces_are_whole_sentences(size: int) -> None:
    text = "Thanks for calling, this is Anna. We are open today, tomorrow, and on Friday. Which day suits you?"
    assert split(text, size) == [
        "Thanks for calling, ",
        "this is Anna. ",
        "We are open today, tomorrow, and on Friday. ",
        "Which day suits you?",
    ]


def test_very_short_first_clause_is_joined_with_the_next() -> None:
    assert split("Well, yes, of course, we can.")[0] == "Well, yes, of course, "
    assert split("Ok. We can do that.") == ["Ok. We can do that."]


def test_short_question_or_exclamation_is_a_piece() -> None:
    assert split("Sure! Let me look that up.") == ["Sure! ", "Let me look that up."]
    assert split("Who? I can't find that name.") == ["Who? ", "I can't find that name."]


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    clause = "and then there is another thing that I would like to tell you about the weather of today, "
    pieces = split("Good morning to you. " + clause * 4 + "the end")
    assert all(piece.endswith(", ") for piece in pieces[1:-1])
    assert max(map(len, pieces)) <= LONGEST + len(clause)


@pytest.mark.parametrize(
    "sentence",
    [
        "Your doctor is Dr. Smith from the second floor.",
        "That makes $3.50 for the large one today.",
        "We are open from 9 a.m. to 5 p.m. on every weekday.",
        "Please turn left into St. James Ave. at the corner.",
        "The office of J. R. Miller is on the 2. floor.",
        "She lives in the U.S. and works for Acme Inc. as a clerk.",
        "Take e.g. the bus, or i.e. line No. 5 from here to there.",
        "It is on Jan. 5 or about approx. ten days later.",
        "Version 2.0.1 costs 1,299.99 a year for each of you.",
        "(Mr. Brown, that is) will call you back within the hour.",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 50, 1_000])
def test_does_not_cut_inside_abbreviations_numbers_and_ordinals(sentence: str, size: int) -> None:
    first = "Let me see that for you. "
    assert split(first + sentence, size)[0] == first
    assert split(first + sentence, size)[1:] == [sentence]


def test_list_numbers_stay_with_their_items() -> None:
    assert split("1. Open the app.\n2. Tap the green button\n3. Wait.") == [
        "1. Open the app.\n",
        "2. Tap the green button\n",
        "3. Wait.",
    ]


def test_long_number_may_end_a_sentence() -> None:
    assert split("Your code is 4417. Please write it down.") == ["Your code is 4417. ", "Please write it down."]


def test_quotes_and_brackets_belong_to_the_sentence_before() -> None:
    assert split('She said "we are closed." Then she left.') == ['She said "we are closed." ', "Then she left."]
    assert split("It is late (very late!) Call tomorrow then.")[0] == "It is late (very late!) "


def test_sentence_ends_of_other_scripts_are_known() -> None:
    japanese = "はい、承知しました。確認いたしますので、少々お待ちください。それではまた。"
    assert len(split(japanese)) > 1
    assert len(split("आपका स्वागत है हमारे यहाँ। मैं आपकी मदद करूँगी।")) == 2
    assert len(split("هل يمكنني مساعدتك اليوم؟ نحن هنا من أجلك.")) == 2


def test_words_without_punctuation_are_cut() -> None:
    sentences = SentenceSplitter()
    waiting, longest_wait = "", 0
    for index in range(200):
        word = f"word{index} "
        waiting += word
        for piece in sentences.feed(word):
            assert waiting.startswith(piece)
            assert piece.endswith(" ")
            waiting = waiting[len(piece) :]
        longest_wait = max(longest_wait, len(waiting))
        if index < 12:
            assert len(waiting) <= FIRST_LONGEST
    assert longest_wait <= LONGEST


def test_text_without_spaces_is_cut() -> None:
    assert [len(piece) for piece in split("x" * 1_000)] == [UNBROKEN] * 3 + [1_000 - 3 * UNBROKEN]


def test_empty_text_makes_no_piece() -> None:
    assert split("") == []
    assert split(" \n ") == []


_words = st.sampled_from(
    [
        "Hello",
        "Dr.",
        "9 a.m.",
        "3.50",
        "well,",
        "so;",
        "no!",
        "what?",
        "…",
        "\n",
        "yes. ",
        "x" * 90,
        "—",
        "(it)",
        '"hm."',
        "。",
    ]
)


@given(words=st.lists(st.one_of(_words, st.text(max_size=8)), max_size=60), seed=st.integers(0, 2**16))
def test_pieces_joined_are_the_text_however_it_is_chunked(words: list[str], seed: int) -> None:
    text, chance = " ".join(words), random.Random(seed)
    sentences, pieces, at = SentenceSplitter(), [], 0
    while at < len(text):
        size = chance.choice((1, 2, 5, 30, 400))
        pieces += sentences.feed(text[at : at + size])
        at += size
        held = min(at, len(text)) - sum(map(len, pieces))
        assert held <= UNBROKEN
    pieces += sentences.flush()
    assert "".join(pieces).rstrip() == text.rstrip()
    assert all(piece.strip() for piece in pieces)
