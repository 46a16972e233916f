"""Joining the texts of two models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.chain.continuation import ContinuationJoiner


def join(said: str, *pieces: str) -> str:
    joiner = ContinuationJoiner(said)
    return said + "".join(map(joiner.feed, pieces)) + joiner.end()


@pytest.mark.parametrize(
    ("said", "pieces", "whole"),
    [
        ("", ["Hello ", "there."], "Hello there."),
        ("We are open from ", ["nine ", "to five."], "We are open from nine to five."),
        ("We are open from", ["nine to five."], "We are open from nine to five."),
        ("We are open from", [" nine"], "We are open from nine"),
        ("We are open ", ["We are open ", "from nine."], "We are open from nine."),  # starts over
        ("We are open ", ["we ", "are", " OPEN, ", "from nine."], "We are open from nine."),
        ("We are open from ", ["open from nine."], "We are open from nine."),  # repeats the last words first
        ("We are open ", ["We are closed."], "We are open We are closed."),  # not a repetition
        ("Thank you for call", ["calling ", "us."], "Thank you for calling us."),  # the word was cut
        ("Thank you for call", ["Thank you for calling us."], "Thank you for calling us."),
        ("I can help", ["help, ", "and gladly."], "I can help, and gladly."),
        ("Yes.", ["Yes, we do."], "Yes. we do."),
        ("We have a", ["a garden."], "We have a garden."),
        ("We have a", ["an orchard."], "We have a an orchard."),  # too short to be a fragment
        ("We open at ", ["... nine."], "We open at nine."),
        ("We open at ", ["\u2026nine."], "We open at nine."),
        ("We open at nine", [", and close at five."], "We open at nine, and close at five."),
        ("We are open from ", ["We are"], "We are open from "),  # ends within a repetition
        ("We are open.", [], "We are open."),
        ("We are open.", ["We are open."], "We are open."),
    ],
)
def test_continuation_is_joined(said: str, pieces: list[str], whole: str) -> None:
    assert join(said, *pieces) == whole


SENTENCE = st.lists(st.sampled_from(["we", "are", "open", "from", "nine", "to", "five"]), min_size=1, max_size=9)


@given(SENTENCE, st.data())
def test_a_model_that_starts_over_repeats_nothing(sentence: list[str], data: st.DataObject) -> None:
    reply = " ".join(sentence)
    cut = data.draw(st.integers(0, len(sentence)))
    said = "".join(word + " " for word in sentence[:cut])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=4)))
    pieces = [reply[start:end] for start, end in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    assert join(said, *pieces).split() == sentence


@given(SENTENCE, st.lists(st.text(max_size=12), max_size=6))
def test_only_the_beginning_is_held_back_or_dropped(said: list[str], pieces: list[str]) -> None:
    joiner = ContinuationJoiner(" ".join(said) + " ")
    assert joiner.feed("zebras ") == "zebras "
    assert [joiner.feed(piece) for piece in pieces] == pieces
    assert joiner.end() == ""


@given(st.text(), st.lists(st.text()))
def test_any_text_is_accepted(said: str, pieces: list[str]) -> None:
    assert join(said, *pieces).startswith(said)
