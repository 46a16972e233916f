"""When a caller has gone over to another language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.turn.language_rule import (
    ENOUGH_AT_ONCE,
    ENOUGH_FOR_A_SIGN,
    LanguageRule,
    LanguageState,
    count_telling_words,
    hear_turn,
)

CODES = ("en", "es", "de")
SENTENCES = {
    "en": "I would like to book a table",
    "es": "quisiera reservar una mesa para dos",
    "de": "ich hätte gern einen Tisch für zwei",
}
SHORT = {"en": "this evening", "es": "esta noche", "de": "am Abend bitte"}
codes = st.sampled_from(CODES)
# Texts of each length, with what they tell.
texts = st.sampled_from(("", "no", "OK.", "esta noche", "Juan Carlos Hernández", *SENTENCES.values(), *SHORT.values()))
turns = st.lists(st.tuples(st.sampled_from((*CODES, "", "pt")), texts), max_size=12)


def run(turns: list[tuple[str, str]], begins: str = "en") -> LanguageState:
    state = LanguageState(begins)
    for spoken, text in turns:
        state = hear_turn(state, spoken, text, CODES)
    return state


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("quisiera reservar una mesa", 4),
        ("¿Habla español?", 2),
        ("Juan Carlos Hernández García", 1),  # a name: the first word of a sentence may be any
        ("Me llamo Juan Carlos", 2),
        ("Sí.", 0),
        ("Ja, genau.", 0),
        ("Ich möchte einen Termin", 3),
        ("HOLA BUENOS DIAS", 3),
        ("4 2 0 7", 0),
        ("予約をお願いします", 4),
        ("はい", 1),
        ("ฉันต้องการจองโต๊ะ", 8),
        ("मुझे एक मेज़ चाहिए", 4),
        ("bitte Frau Anna-Lena Smith", 1),
        ("½ hora más tarde", 3),
        ("salón ② por favor", 3),
        ("gracias. \u2013 Quisiera reservar", 3),
        ("gracias, Quisiera reservar", 2),
        ("", 0),
    ],
)
def test_words_tell_a_language_that_are_no_names_nods_or_figures(text: str, count: int) -> None:
    assert count_telling_words(text) == count


@given(st.text())
def test_no_text_of_a_recognizer_is_too_strange_to_be_counted(text: str) -> None:
    assert 0 <= count_telling_words(text) <= max(1, len(text))


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "." * 200_000 + " no", ". ! " * 50_000 + "no", "\u00bf" * 200_000 + "no"]
)
def test_texts_of_any_length_are_read_once(text: str) -> None:
    """A recognizer is a workspace's own at times, and others' calls run beside: in square time this never ends."""
    assert count_telling_words(text) <= 1


def test_a_sentence_changes_the_language_at_once() -> None:
    assert run([("es", SENTENCES["es"])]) == LanguageState("es")


def test_a_few_words_change_it_the_second_time() -> None:
    once = run([("es", SHORT["es"])])
    assert once == LanguageState("en", sign="es")
    assert run([("es", SHORT["es"]), ("es", SHORT["es"])]) == LanguageState("es")
    assert run([("es", SHORT["es"]), ("", "no"), ("es", SHORT["es"])]) == LanguageState("es")  # which says nothing


def test_the_way_back_is_the_same() -> None:
    assert run([("es", SENTENCES["es"]), ("en", SENTENCES["en"])]) == LanguageState("en")
    assert run([("en", SHORT["en"]), ("en", SHORT["en"])], begins="es") == LanguageState("en")


@pytest.mark.parametrize(
    "turns",
    [
        [("es", "Sí."), ("es", "Sí."), ("es", "No.")],
        [("es", "Juan Carlos Hernández García"), ("es", "García.")],
        [("es", SHORT["es"]), ("en", SHORT["en"]), ("es", SHORT["es"])],
        [("es", SHORT["es"]), ("de", SHORT["de"])],
        [("pt", SENTENCES["es"])] * 3,
        [("", SENTENCES["es"])] * 3,
    ],
    ids=["one word", "a name", "not in a row", "two others", "not the agent's", "not told"],
)
def test_what_is_no_change(turns: list[tuple[str, str]]) -> None:
    assert run(turns).current == "en"


def test_an_address_is_a_sign_at_most_where_it_was_asked_for() -> None:
    heard = hear_turn(LanguageState("en"), "es", "calle de la princesa", CODES, is_dictated=True)
    assert heard == LanguageState("en", sign="es")
    assert hear_turn(heard, "es", "calle de la princesa", CODES, is_dictated=True) == LanguageState("es")


@given(turns)
def test_only_a_language_of_the_agent_that_was_told_is_gone_over_to(turns: list[tuple[str, str]]) -> None:
    assert run(turns).current in {"en", *(spoken for spoken, _ in turns if spoken in CODES)}


@given(turns, st.sampled_from(("", "no", "OK.", "Sí.", "Juan Carlos Hernández")), st.sampled_from((*CODES, "", "pt")))
def test_what_says_too_little_changes_nothing(turns: list[tuple[str, str]], text: str, spoken: str) -> None:
    assert count_telling_words(text) < ENOUGH_FOR_A_SIGN
    assert run([*turns, (spoken, text)]) == run(turns)


@given(turns, codes)
def test_whoever_stays_in_a_language_is_followed_by_the_second_turn(turns: list[tuple[str, str]], spoken: str) -> None:
    assert run([*turns, (spoken, SHORT[spoken]), (spoken, SHORT[spoken])]) == LanguageState(spoken)
    assert run([*turns, (spoken, SENTENCES[spoken])]) == LanguageState(spoken)


@given(turns)
def test_a_change_needs_evidence_of_its_own(turns: list[tuple[str, str]]) -> None:
    state = LanguageState("en")
    for spoken, text in turns:
        after = hear_turn(state, spoken, text, CODES)
        if after.current != state.current:
            assert count_telling_words(text) >= ENOUGH_AT_ONCE or state.sign == spoken
        assert after.sign != after.current
        state = after


@given(turns, st.lists(st.sampled_from(tuple(SHORT.values())), min_size=1, max_size=3))
def test_a_continued_turn_counts_once(turns: list[tuple[str, str]], parts: list[str]) -> None:
    rule, whole = LanguageRule(CODES, "en"), LanguageRule(CODES, "en")
    for turn, (spoken, text) in enumerate(turns, 1):
        rule.take_turn(turn, spoken, text)
        whole.take_turn(turn, spoken, text)
    for count in range(1, len(parts) + 1):
        rule.take_turn(99, "es", " ".join(parts[:count]))
    whole.take_turn(99, "es", " ".join(parts))
    assert rule.current == whole.current
