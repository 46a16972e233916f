"""What is sent for a speech: whole texts in messages of a bounded size, and no more flushes than the vendor takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import ProviderBusy, ProviderError
from vendors.deepgram.wire import (
    FLUSH,
    FLUSH_RESERVE,
    FLUSH_WINDOW_S,
    MAX_CHARACTERS,
    MAX_FLUSHES,
    AuraSpeech,
    FlushBudget,
    read_aura,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def speech(clock: Clock | None = None) -> AuraSpeech:
    return AuraSpeech("d", FlushBudget(clock or Clock()))


def sent(messages: list[str]) -> str:
    """The text of the Speak messages."""
    return "".join(json.loads(message)["text"] for message in messages if message != FLUSH)


def test_each_clause_is_flushed_and_the_speech_ends_with_the_last() -> None:
    one = speech()
    assert one.add("Hello, ") == ['{"type":"Speak","text":"Hello, "}', FLUSH]
    assert one.add("") == []
    assert one.add("there.")[-1] == FLUSH
    assert one.end() == []
    assert not one.is_complete
    assert one.acknowledge_flush() == []
    assert one.acknowledge_flush() == []
    assert one.is_complete


def test_a_text_without_words_needs_no_audio() -> None:
    one = speech()
    assert one.add("  ") == []
    assert one.end() == []
    assert one.is_complete


@given(st.lists(st.text(st.sampled_from("ab \n")).map(lambda text: text * 900), max_size=4))
def test_texts_are_sent_whole(texts: list[str]) -> None:
    one, messages = speech(), list[str]()
    for text in texts:
        messages += one.add(text)
    whole, spoken = "".join(texts), sent(messages)
    assert whole.startswith(spoken)
    assert not whole[len(spoken) :].strip()
    assert all(len(json.loads(message).get("text", "")) <= MAX_CHARACTERS for message in messages)


def test_with_few_flushes_left_text_is_gathered_while_the_vendor_speaks() -> None:
    one = speech()
    free = MAX_FLUSHES - FLUSH_RESERVE
    assert [FLUSH in one.add("word ") for _ in range(free + 3)] == [True] * free + [False] * 3
    for _ in range(free - 1):
        assert one.acknowledge_flush() == []
    assert one.acknowledge_flush() == [FLUSH]


def test_no_flush_is_sent_that_the_vendor_would_not_take() -> None:
    clock = Clock()
    one = speech(clock)
    for _ in range(MAX_FLUSHES):
        one.add("word ")
        one.acknowledge_flush()
    with pytest.raises(ProviderBusy):
        one.add("word ")
    clock.now += FLUSH_WINDOW_S
    assert one.end() == [FLUSH]


def test_the_last_flush_is_kept_for_what_was_sent() -> None:
    one = speech()
    for _ in range(MAX_FLUSHES - 1):
        assert one.has_room
        one.add("word ")
        one.acknowledge_flush()
    assert not one.has_room
    one.end()


def test_messages_of_the_vendor() -> None:
    assert read_aura("d", b'{"type":"Flushed","sequence_id":3}').type == "Flushed"
    assert read_aura("d", b'{"type":"Warning","code":"X-1","description":"text"}').code == "X-1"
    with pytest.raises(ProviderError, match="unreadable"):
        read_aura("d", b"{")
