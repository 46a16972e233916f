"""Rime's messages without a socket."""

import base64
import itertools
from typing import Any

import msgspec
import pytest

from shared.providers.errors import ProviderError
from shared.providers.speech import SpeechChunk
from vendors.registry import find_option_faults, speaks
from vendors.rime.facts import RimeTextToSpeechOptions
from vendors.rime.wire import (
    CLEAR,
    FLUSH,
    RimeContexts,
    find_ended,
    make_closed,
    make_error,
    make_url,
    read_message,
    refine_refusal,
)


def make_contexts() -> RimeContexts:
    ids = itertools.count(1)
    return RimeContexts("v", lambda: f"c{next(ids)}")


def take(contexts: RimeContexts, **fields: Any) -> SpeechChunk | None:
    if "data" in fields:
        fields["data"] = base64.b64encode(fields["data"]).decode()
    return contexts.read(read_message("v", msgspec.json.encode(fields)))


def times(*words: tuple[str, float, float]) -> dict[str, Any]:
    return {name: [word[at] for word in words] for at, name in enumerate(("words", "start", "end"))}


def test_the_address_says_how_the_voice_speaks() -> None:
    options = RimeTextToSpeechOptions(base_url="https://x.example/", voice_id="a b", time_scale=1.1)
    assert make_url(options, "eng") == (
        "wss://x.example/ws3?speaker=a+b&modelId=coda&lang=eng&audioFormat=mulaw&samplingRate=8000&segment=never"
        "&timeScaleFactor=1.1"
    )
    assert "timeScaleFactor" not in make_url(RimeTextToSpeechOptions(), "eng")


def test_each_text_is_a_context_that_takes_no_more() -> None:
    contexts = make_contexts()
    assert contexts.add_text("  ") == ()
    text, flush = contexts.add_text("Hello. ")
    assert msgspec.json.decode(text) == {"text": "  Hello. ", "contextId": "c1"}
    assert flush == FLUSH
    assert (contexts.is_open, contexts.is_done, contexts.finish()) == (False, False, b"")
    assert take(contexts, type="chunk", contextId="c1", data=bytes(800)) == SpeechChunk(bytes(800))
    take(contexts, type="timestamps", contextId="c1", word_timestamps=times(("Hello", 0, 0.1)))
    assert take(contexts, type="done", contextId="c1") is None
    assert contexts.is_done and contexts.cancel() == b"" and contexts.unfinished_id == ""


def test_times_count_from_the_contexts_audio_on_and_marks_are_left_out() -> None:
    contexts = make_contexts()
    contexts.add_text("One.")
    take(contexts, type="chunk", contextId="c1", data=bytes(8_000))
    take(contexts, type="timestamps", contextId="c1", word_timestamps=times(("One", 0, 1)))
    take(contexts, type="done", contextId="c1")
    contexts.add_text("Two, three.")
    told = times(("Two", 0, 0.2), (",", 0.2, 0.2), ("three", 0.3, 0.5))
    chunk = take(contexts, type="timestamps", contextId="c2", word_timestamps=told)
    assert chunk is not None
    assert [(word.text, word.start_ms, word.end_ms) for word in chunk.words] == [
        ("Two", 1_000, 1_200),
        ("three", 1_300, 1_500),
    ]


def test_words_without_times_are_spread_over_their_audio() -> None:
    contexts = make_contexts()
    contexts.add_text("One two")
    take(contexts, type="chunk", contextId="c1", data=bytes(6_400))
    chunk = take(contexts, type="done", contextId="c1")
    assert chunk is not None
    assert [(word.text, word.end_ms, word.is_estimated) for word in chunk.words] == [
        ("One", 400, True),
        ("two", 800, True),
    ]


def test_messages_of_a_cancelled_context_are_dropped() -> None:
    contexts = make_contexts()
    contexts.add_text("One.")
    assert contexts.unfinished_id == "c1"
    assert contexts.cancel() == CLEAR
    contexts.add_text("Two.")
    assert take(contexts, type="chunk", contextId="c1", data=bytes(160)) is None
    assert take(contexts, type="done", contextId="c1") is None
    assert not contexts.is_done
    assert find_ended(read_message("v", b'{"type":"done","contextId":"c1"}')) == "c1"
    assert find_ended(read_message("v", b'{"type":"chunk","contextId":"c1"}')) == ""


@pytest.mark.parametrize("context", ["c1", "", None])
def test_an_error_of_the_context_or_the_connection_is_one(context: str | None) -> None:
    contexts = make_contexts()
    contexts.add_text("One.")
    with pytest.raises(ProviderError, match="error 429"):
        take(contexts, type="error", contextId=context, message="429 too many requests of sk-1")


def test_times_of_unequal_number_and_other_messages_are_unreadable() -> None:
    contexts = make_contexts()
    contexts.add_text("One.")
    with pytest.raises(ProviderError, match="times of unequal number"):
        take(contexts, type="timestamps", contextId="c1", word_timestamps={**times(("One", 0, 1)), "end": []})
    with pytest.raises(ProviderError, match="an unreadable message"):
        read_message("v", b'{"type":7}')


@pytest.mark.parametrize(
    ("sentence", "cause", "reason"),
    [
        ("401 invalid apikey sk-1", "unauthorized", "error 401"),
        ("401 invalid subscription", "quota", "error 402"),
        ("429 slow down", "rate_limited", "error 429"),
        ("400 speaker x is not found", "refused", "error 400"),
        ("503 try again", "error", "error 503"),
        ("something else", "error", "error"),
    ],
)
def test_error_sentences_are_classified_by_status(sentence: str, cause: str, reason: str) -> None:
    error = make_error("v", sentence)
    assert (error.cause, error.reason) == (cause, reason)
    assert make_closed("v", 1011, sentence).cause == ("cut" if reason == "error" else cause)
    assert make_closed("v", 1006, sentence).cause == "cut"


def test_expired_subscription_is_not_a_wrong_key() -> None:
    refused = ProviderError("v", "HTTP 401", cause="unauthorized")
    assert refine_refusal(refused.with_answer(b"invalid apikey")) is refused
    assert refine_refusal(refused.with_answer(b"invalid subscription")).cause == "quota"


def test_models_have_their_languages_and_options() -> None:
    assert speaks("rime", {}, "ja-JP") and not speaks("rime", {"model": "mistv3"}, "ja-JP")
    faults = find_option_faults("rime", "tts", {"model": "mistv3", "time_scale": 1.1})
    assert [fault.option for fault in faults] == ["time_scale"]
