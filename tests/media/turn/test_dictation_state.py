"""How far a dictation has come, by what was asked: properties over spoken forms, and the families of issue calls."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn.card_lengths import passes_luhn
from media.turn.dictation import DictationState, Progress, dictation_state
from media.turn.expected_dictation import DictationKind, ExpectedDictation, expected_dictation
from media.turn.spoken_digits import read_digits

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
PHONE, CARD, EMAIL = (
    ExpectedDictation(kind) for kind in (DictationKind.PHONE, DictationKind.CARD, DictationKind.EMAIL)
)
CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904"]
FEW = settings(max_examples=60, deadline=None)


def spoken(digits: str, seed: int) -> list[str]:
    """The digits as a person may say them, one piece a group of words, of which none can be taken apart."""
    chance, pieces, at = random.Random(seed), [], 0
    while at < len(digits):
        rest = digits[at:]
        if len(rest) > 2 and rest[0] == rest[1] == rest[2] and chance.random() < 0.5:
            pieces.append(f"triple {WORDS[int(rest[0])]}")
        elif len(rest) > 1 and rest[0] == rest[1] and chance.random() < 0.5:
            pieces.append(f"double {WORDS[int(rest[0])]}")
        elif len(rest) > 1 and rest[0] in "23456789" and rest[1] in "123456789" and chance.random() < 0.3:
            pieces.append(f"{TENS[int(rest[0])]} {WORDS[int(rest[1])]}")
        elif chance.random() < 0.2:
            pieces.append(rest[: chance.randint(1, 4)])
        else:
            pieces.append("oh" if rest[0] == "0" and chance.random() < 0.5 else WORDS[int(rest[0])])
        at += len(read_digits(pieces[-1]))
    return pieces


def said(pieces: list[str]) -> str:
    return " ".join(pieces).capitalize()


@FEW
@given(st.text("0123456789", min_size=1, max_size=16), st.integers(0, 999))
def test_whatever_the_form_the_digits_are_read(digits: str, seed: int) -> None:
    assert read_digits(said(spoken(digits, seed))) == digits


@FEW
@given(st.text("0123456789", min_size=9, max_size=9), st.integers(2, 9), st.integers(0, 999))
def test_phone_number_is_whole_at_its_end_and_never_before(rest: str, first: int, seed: int) -> None:
    pieces = spoken(f"{first}{rest}", seed)
    states = [dictation_state(said(pieces[: count + 1]), PHONE) for count in range(len(pieces))]
    assert [state.progress for state in states[:-1]] == [Progress.PARTIAL] * (len(states) - 1)
    assert states[-1] == DictationState(Progress.WHOLE, f"{first}{rest}", is_clear=True)
    assert all(state.missing == 10 - len(state.digits) for state in states)
    assert dictation_state(f"{said(pieces)} five", PHONE).progress is Progress.OVERLONG


@FEW
@given(st.sampled_from(CARDS), st.integers(0, 999))
def test_card_is_whole_at_its_brands_length_and_ten_digits_are_none(card: str, seed: int) -> None:
    pieces = spoken(card, seed)
    for count in range(1, len(pieces)):
        state = dictation_state(said(pieces[:count]), CARD)
        assert state.progress is Progress.PARTIAL and state.missing > 0
    assert dictation_state(said(pieces), CARD) == DictationState(Progress.WHOLE, card, is_clear=True)


def test_card_with_a_misheard_digit_lacks_none() -> None:
    state = dictation_state("4111 1111 1111 1112", CARD)
    assert (state.progress, state.is_clear) == (Progress.WHOLE, True)


def test_card_of_several_lengths_goes_on_where_its_check_digit_is_wrong() -> None:
    state = dictation_state("6212 3456 7890 1234", CARD)
    assert (state.progress, state.missing) == (Progress.PARTIAL, 1)


@FEW
@given(st.text("23456789", min_size=10, max_size=10), st.integers(2, 7))
def test_one_word_that_was_not_understood_costs_no_patience(digits: str, place: int) -> None:
    words = [WORDS[int(digit)] for digit in digits]
    words[place] = "fox"
    state = dictation_state(" ".join(words), PHONE)
    assert (state.progress, state.digits[place], state.is_clear) == (Progress.WHOLE, "?", False)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one five for five five oh one too three", "4154550123"),
        ("for one five", "415"),
        ("four one five to", "4152"),
        ("fifteen fifty", "1550"),
        ("eight hundred five five five", "800555"),
        ("double oh seven", "007"),
        ("call four one five to talk", "415"),
        ("four one six, no, four one five", "415"),
        ("four one five six, sorry, seven", "4157"),
        ("for two people at the door", "2"),
        ("", ""),
        ("no", ""),
    ],
)
def test_words_that_sound_like_digits_and_corrections(text: str, digits: str) -> None:
    assert read_digits(text) == digits


@pytest.mark.parametrize(
    ("question", "text", "progress", "missing"),
    [
        ("Can I have your phone number?", "", Progress.EMPTY, 0),
        ("Can I have your phone number?", "yes of course", Progress.EMPTY, 0),
        ("Can I have your phone number?", "it's four one five, five five five", Progress.PARTIAL, 4),
        ("Can I have your phone number?", "415 555 0123", Progress.WHOLE, 0),
        ("Can I have your phone number?", "plus 44 20 7946 0958", Progress.WHOLE, 0),
        ("What is the card number?", "4111 1111 11", Progress.PARTIAL, 6),
        ("What is your eight digit reference?", "1234567", Progress.PARTIAL, 1),
        ("What is your eight digit reference?", "12345678", Progress.WHOLE, 0),
        ("What is your 8-character booking reference?", "bravo romeo 7 4 double two one one", Progress.WHOLE, 0),
        ("What is your 4 digit PIN?", "one two three", Progress.PARTIAL, 1),
        ("The last four of your card?", "one two three four", Progress.WHOLE, 0),
        ("The last four of your card?", "one two three double", Progress.PARTIAL, 1),
        ("What is your date of birth?", "the fifth of June", Progress.PARTIAL, 0),
        ("What is your date of birth?", "June 1980", Progress.PARTIAL, 0),
        ("What is your date of birth?", "June 5, 1980", Progress.WHOLE, 0),
        ("What is your date of birth?", "five six eighty", Progress.WHOLE, 0),
        ("What is your date of birth?", "nineteen eighty", Progress.PARTIAL, 0),
        ("Which day suits you?", "next Tuesday", Progress.WHOLE, 0),
        ("What is the long number on your credit card?", "four one one one", Progress.PARTIAL, 12),
        ("What is your e-mail address?", "john at example", Progress.PARTIAL, 0),
        ("What is your e-mail address?", "john at example dot com", Progress.WHOLE, 0),
        ("What is your e-mail address?", "let me see", Progress.EMPTY, 0),
    ],
)
def test_by_what_was_asked(question: str, text: str, progress: Progress, missing: int) -> None:
    expected = expected_dictation(question)
    assert expected is not None
    state = dictation_state(text, expected)
    assert state.progress is progress
    assert state.missing == missing or progress is Progress.EMPTY


@pytest.mark.parametrize(
    ("text", "progress"),
    [
        ("my number is four one five", Progress.PARTIAL),
        ("my number is four one five, five five five", Progress.PARTIAL),
        ("my number is 415 555 0123", Progress.WHOLE),
        ("at five thirty", Progress.EMPTY),
        ("john at example dot com", Progress.WHOLE),
    ],
)
def test_unasked(text: str, progress: Progress) -> None:
    assert dictation_state(text, None).progress is progress


def test_no_dictation_is_asked_by_other_questions() -> None:
    for question in ("How are you?", "Would you like to speak to a person?", ""):
        assert expected_dictation(question) is None


@FEW
@given(st.text(max_size=60), st.sampled_from(DictationKind))
def test_any_text_has_a_state(text: str, kind: DictationKind) -> None:
    state = dictation_state(text, ExpectedDictation(kind))
    assert state.missing >= 0 and not (state.is_clear and state.progress is not Progress.WHOLE)


@given(st.text("0123456789", min_size=2, max_size=19))
def test_one_wrong_digit_fails_the_check(digits: str) -> None:
    right = next(f"{digits}{check}" for check in range(10) if passes_luhn(f"{digits}{check}"))
    wrong = f"{(int(right[0]) + 1) % 10}{right[1:]}"
    assert not passes_luhn(wrong)
