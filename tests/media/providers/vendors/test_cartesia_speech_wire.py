"""Contexts of Cartesia's voice as messages, without a socket."""

import base64
from itertools import count
from typing import Any

import msgspec
import pytest

from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow, SpeechChunk, TimedWord
from vendors.cartesia.wire import ErrorEvent, SpokenContexts, VoiceSettings, make_error, make_url, read_message

SETTINGS = VoiceSettings(model="sonic-3.5", voice_id="v", speed=1.2)


def make_contexts() -> SpokenContexts:
    ids = count(1)
    return SpokenContexts("v", SETTINGS.fields("en"), lambda: f"c{next(ids)}")


def decode(message: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(message)
    return decoded


def take(contexts: SpokenContexts, **fields: Any) -> SpeechChunk | None:
    return contexts.read(read_message("v", msgspec.json.encode(fields)))


def audio(contexts: SpokenContexts, context_id: str, ulaw: bytes) -> SpeechChunk | None:
    return take(contexts, type="chunk", context_id=context_id, data=base64.b64encode(ulaw).decode(), done=False)


def test_inputs_of_a_context_differ_in_their_text_alone() -> None:
    contexts = make_contexts()
    first, second, last = (decode(contexts.add_text("Well, ")), decode(contexts.add_text("yes.")), None)
    last = decode(contexts.finish())
    assert [first["transcript"], second["transcript"], last["transcript"]] == ["Well, ", "yes.", ""]
    assert [first["continue"], second["continue"], last["continue"]] == [True, True, False]
    free = {"transcript", "continue"}
    assert {**first, **dict.fromkeys(free)} == {**second, **dict.fromkeys(free)} == {**last, **dict.fromkeys(free)}
    assert first["output_format"] == {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000}
    assert (first["max_buffer_delay_ms"], first["generation_config"]) == (0, {"speed": 1.2})
    assert not contexts.finish()


def test_blanks_are_sent_with_the_next_words() -> None:
    contexts = make_contexts()
    assert not contexts.add_text("\n")
    assert contexts.is_done
    assert decode(contexts.add_text("Yes. "))["transcript"] == "\nYes. "


def test_a_further_context_goes_on_where_the_audio_ended() -> None:
    contexts = make_contexts()
    contexts.add_text("One. ")
    assert audio(contexts, "c1", b"\xff" * 800) == SpeechChunk(b"\xff" * 800)
    contexts.finish()
    assert not contexts.is_done
    take(contexts, type="done", context_id="c1", done=True)
    assert contexts.is_done
    assert decode(contexts.add_text("Two."))["context_id"] == "c2"
    audio(contexts, "c2", b"\xff" * 80)
    words = {"words": ["Two."], "start": [0.05], "end": [0.25]}
    timed = take(contexts, type="timestamps", context_id="c2", word_timestamps=words)
    assert timed == SpeechChunk(b"", (TimedWord("Two.", 150, 350),))


def test_audio_of_a_cancelled_context_is_not_played() -> None:
    contexts = make_contexts()
    contexts.add_text("One. ")
    assert decode(contexts.cancel()) == {"context_id": "c1", "cancel": True}
    assert audio(contexts, "c1", b"\xff") is None
    assert not contexts.cancel()
    contexts.add_text("Two. ")
    assert audio(contexts, "c1", b"\xff") is None
    assert take(contexts, type="error", context_id="c1", status_code=500) is None
    assert not contexts.heard


def test_ignores_messages_without_audio() -> None:
    contexts = make_contexts()
    contexts.add_text("One. ")
    assert take(contexts, type="flush_done", context_id="c1", flush_id=1, flush_done=True) is None
    assert take(contexts, type="phoneme_timestamps", context_id="c1") is None
    assert take(contexts, type="brand_new", context_id="c1", data="") is None
    assert contexts.heard
    assert not contexts.is_done


def test_an_error_without_a_context_concerns_the_connection() -> None:
    contexts = make_contexts()
    contexts.add_text("One. ")
    secret = {"title": "Bad", "message": "One.", "error_code": "model_not_found", "status_code": 404}
    with pytest.raises(ProviderError, match=r"^v: error 404 model_not_found$"):
        take(contexts, type="error", **secret)


@pytest.mark.parametrize("message", [b"{", b'{"type": 1}', b'{"type": "chunk", "data": "%"}', b"[]"])
def test_what_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="unreadable"):
        read_message("v", message)


@pytest.mark.parametrize(
    ("event", "kind", "retryable"),
    [
        (ErrorEvent(429, "concurrency_limited"), ProviderBusy, True),
        (ErrorEvent(402, "quota_exceeded"), ProviderBusy, False),
        (ErrorEvent(400, "context_expired"), ProviderError, False),
        (ErrorEvent(504, None), ProviderSlow, True),
        (ErrorEvent(500, "Ask the caller!"), ProviderError, True),
        (ErrorEvent(), ProviderError, True),
    ],
)
def test_errors_say_what_the_chain_may_do(event: ErrorEvent, kind: type[ProviderError], retryable: bool) -> None:
    error = make_error("v", event)
    assert type(error) is kind
    assert error.retryable is retryable
    assert "caller" not in str(error)


def test_addresses() -> None:
    assert make_url("http://127.0.0.1:80/", "/tts/websocket", {}) == "ws://127.0.0.1:80/tts/websocket"
    url = make_url("wss://h", "/stt/websocket", {"model": "ink-2", "keyterm": ("a b", "c"), "language": None})
    assert url == "wss://h/stt/websocket?model=ink-2&keyterm=a%20b&keyterm=c"
