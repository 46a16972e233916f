"""A summary without a language model is of the call's own sentences."""

from hypothesis import given, settings
from hypothesis import strategies as st

from control.calls.analysis.rules import LONGEST_SENTENCE, MOST_SENTENCES, summarize


def said(*sentences: tuple[str, str]) -> list[dict[str, str]]:
    return [{"speaker": speaker, "text": text} for speaker, text in sentences]


def test_the_sentences_with_the_commonest_words_are_chosen_in_their_order() -> None:
    summary = summarize(
        said(
            ("agent", "Hello, thank you for calling."),
            ("caller", "Hi there. I would like to move my appointment on Friday. Is that possible?"),
            ("agent", "Your appointment on Friday can move to Monday."),
            ("caller", "Monday is fine for the appointment. Bye!"),
        )
    )
    assert summary == (
        "Caller: I would like to move my appointment on Friday. Caller: Is that possible? "
        "Caller: Monday is fine for the appointment."
    )


def test_without_words_there_is_none() -> None:
    assert summarize([]) is None
    assert summarize(said(("caller", "1 2 3"), ("agent", "…"))) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["caller", "agent"]), st.text(max_size=1_000)), max_size=8))
def test_it_is_bounded(sentences: list[tuple[str, str]]) -> None:
    summary = summarize(said(*sentences))
    assert summary is None or 0 < len(summary) <= MOST_SENTENCES * (LONGEST_SENTENCE + 11)
