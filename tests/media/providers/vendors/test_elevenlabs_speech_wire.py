"""Messages of ElevenLabs' multi-context WebSocket, in the form of the vendor's reference and in its SDK's spelling."""

import base64
from typing import Any

import msgspec
import pytest

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, SpeechChunk, TimedWord
from shared.providers.errors import is_error_code
from vendors.elevenlabs.wire import (
    ElevenLabsTone,
    FlushedContexts,
    base_language,
    make_closed,
    make_error,
    make_url,
    read_output,
    refine_refusal,
)


def make_contexts(**tone: Any) -> FlushedContexts:
    ids = iter(("one", "two", "three"))
    return FlushedContexts("v", ElevenLabsTone(**tone), lambda: next(ids))


def decode(message: bytes) -> dict[str, Any]:
    return dict(msgspec.json.decode(message))


def audio(text: str, context_id: str = "one", ms: int = 100, **more: Any) -> dict[str, Any]:
    """A message whose characters take 10 ms each."""
    times = {
        "chars": list(text),
        "charStartTimesMs": [10 * at for at in range(len(text))],
        "charDurationsMs": [10] * len(text),
    }
    ulaw = base64.b64encode(b"\x7f" * (8 * ms)).decode()
    return {"audio": ulaw, "alignment": times, "isFinal": None, "contextId": context_id, **more}


def take(contexts: FlushedContexts, message: dict[str, Any]) -> SpeechChunk | None:
    return contexts.read(read_output("v", msgspec.json.encode(message)))


def words(chunk: SpeechChunk | None) -> list[tuple[str, float, float]]:
    return [] if chunk is None else [(word.text, word.start_ms, word.end_ms) for word in chunk.words]


def test_a_context_opens_with_one_blank_and_each_clause_ends_with_one_and_is_flushed() -> None:
    """`InitializeConnectionMulti`, `SendTextMulti` of the SDK."""
    contexts = make_contexts(speed=1.1)
    opening, first = map(decode, contexts.add_text("Hello, "))
    (second,) = map(decode, contexts.add_text("Ann."))
    assert opening == {"text": " ", "context_id": "one", "voice_settings": {"speed": 1.1}}
    assert first == {"text": "Hello, ", "flush": True, "context_id": "one"}
    assert second == {"text": "Ann. ", "flush": True, "context_id": "one"}
    assert decode(contexts.finish()) == {"context_id": "one", "close_context": True}
    assert contexts.finish() == contexts.cancel() == b""


def test_a_voice_without_settings_of_ours_keeps_its_own() -> None:
    assert not any("voice_settings" in decode(message) for message in make_contexts().add_text("Hello."))


def test_blanks_are_sent_with_the_next_words() -> None:
    """A text of blanks alone would open a context, and an empty one closes nothing but is no speech."""
    contexts = make_contexts()
    assert contexts.add_text("  ") == contexts.add_text("") == ()
    assert decode(contexts.add_text("Hi.")[-1])["text"] == "  Hi. "


def test_times_count_from_the_audio_before_and_words_may_span_messages() -> None:
    contexts = make_contexts()
    contexts.add_text("Good morning, Ann. ")
    assert words(take(contexts, audio("Good mor"))) == [("Good", 0, 40)]
    assert words(take(contexts, audio("ning, Ann."))) == [("morning,", 50, 150), ("Ann.", 160, 200)]


def test_the_last_word_of_a_clause_needs_no_blank_behind_it() -> None:
    contexts = make_contexts()
    contexts.add_text("At 10.")
    assert words(take(contexts, audio("At 10."))) == [("At", 0, 20), ("10.", 30, 60)]


def test_words_that_the_vendor_writes_its_own_way_come_at_a_blank_or_at_the_end() -> None:
    contexts = make_contexts()
    contexts.add_text("In 2020 it was.")
    contexts.finish()
    assert [word for word, _, _ in words(take(contexts, audio("In twenty twenty it wa")))] == [
        "In",
        "twenty",
        "twenty",
        "it",
    ]
    final = take(contexts, {"isFinal": True, "contextId": "one"})
    assert [word for word, _, _ in words(final)] == ["wa"]
    assert contexts.is_done


def test_words_without_any_times_are_spread_over_the_audio() -> None:
    contexts = make_contexts()
    contexts.add_text("One two. ")
    contexts.finish()
    assert words(take(contexts, {**audio("", ms=900), "alignment": None})) == []
    final = take(contexts, {"isFinal": True, "contextId": "one"})
    assert words(final) == [("One", 0, 400), ("two.", 400, 900)]
    assert final is not None and all(word.is_estimated for word in final.words)
    contexts.add_text("Six.")
    last = take(contexts, {**audio("", context_id="two", ms=300), "alignment": None, "isFinal": True})
    assert words(last) == [("Six.", 900, 1200)]


def test_context_that_ends_without_audio_yields_no_speech() -> None:
    contexts = make_contexts()
    contexts.add_text("One two. ")
    assert take(contexts, {"isFinal": True, "contextId": "one"}) is None


def test_both_spellings_are_read() -> None:
    contexts = make_contexts()
    contexts.add_text("Hi.")
    snake = {"chars": list("Hi."), "char_start_times_ms": [0, 10, 20], "chars_durations_ms": None}
    snake["char_durations_ms"] = [10, 10, 10]
    message = {"audio": base64.b64encode(b"\x7f" * 80).decode(), "alignment": snake, "context_id": "one"}
    assert words(take(contexts, message)) == [("Hi.", 0, 30)]
    assert not contexts.is_done
    take(contexts, {"is_final": True, "context_id": "one"})
    assert contexts.is_done


def test_the_example_of_the_reference_is_read() -> None:
    """AudioOutputMulti of the vendor's AsyncAPI document (MIT License), which spells `charsDurationsMs`."""
    example = {
        "audio": "Y3VyaW91cyBtaW5kcyB0aGluayBhbGlrZSA6KQ==",
        "is_final": False,
        "alignment": {
            "charStartTimesMs": [0, 3, 7, 9, 11, 12, 13, 15, 17, 19, 21],
            "charsDurationsMs": [3, 4, 2, 2, 1, 1, 2, 2, 2, 2, 3],
            "chars": list("Hello world"),
        },
        "contextId": "one",
    }
    contexts = make_contexts()
    contexts.add_text("Hello world")
    chunk = take(contexts, example)
    assert chunk == SpeechChunk(
        b"curious minds think alike :)", (TimedWord("Hello", 0, 12), TimedWord("world", 13, 24))
    )


def test_messages_of_a_cancelled_context_are_dropped() -> None:
    contexts = make_contexts()
    contexts.add_text("Hello there.")
    assert contexts.unfinished_id == "one"
    assert decode(contexts.cancel()) == {"context_id": "one", "close_context": True}
    assert take(contexts, audio("Hello there.")) is None
    other = make_contexts()
    other.add_text("Yes?")
    assert take(other, audio("Hello", context_id="zero")) is None


def test_a_further_context_is_timed_after_the_first() -> None:
    contexts = make_contexts()
    contexts.add_text("One. ")
    contexts.finish()
    take(contexts, audio("One. ", ms=300, isFinal=True))
    contexts.add_text("Two.")
    assert words(take(contexts, audio("Two.", context_id="two"))) == [("Two.", 300, 340)]


@pytest.mark.parametrize("message", [b"{", b"[]", b'{"audio": "?"}', b'{"contextId": 7}'])
def test_what_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="unreadable"):
        read_output("v", message)


def test_times_of_unequal_number_are_an_error() -> None:
    contexts = make_contexts()
    contexts.add_text("Hi.")
    with pytest.raises(ProviderError, match="unequal"):
        take(
            contexts,
            {"alignment": {"chars": ["H"], "charStartTimesMs": [], "charDurationsMs": [1]}, "contextId": "one"},
        )


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("quota_exceeded", ProviderBusy, "quota"),
        ("too_many_concurrent_requests", ProviderBusy, "rate_limited"),
        ("system_busy", ProviderBusy, "rate_limited"),
        ("max_active_conversations", ProviderBusy, "rate_limited"),
        ("invalid_api_key", KeyRefused, "unauthorized"),
        ("voice_id_does_not_exist", ProviderError, "refused"),
        ("input_timeout_exceeded", ProviderError, "cut"),
        ("something_new", ProviderError, "error"),
    ],
)
def test_errors_of_the_socket_have_their_cause(code: str, kind: type[ProviderError], cause: str) -> None:
    contexts = make_contexts()
    contexts.add_text("Hi.")
    with pytest.raises(kind) as caught:
        take(contexts, {"message": "You said: my secret", "error": code, "code": 1008})
    assert caught.value.cause == cause
    assert "secret" not in str(caught.value)


def test_a_code_that_is_none_is_not_repeated() -> None:
    assert "sk_" not in str(make_error("v", "key sk_12345 is wrong"))


def test_exhausted_quota_is_not_reported_as_a_wrong_key() -> None:
    """ElevenLabs answers HTTP 401 for both."""
    body = b'{"detail": {"status": "quota_exceeded", "message": "You have 0 credits remaining."}}'
    refined = refine_refusal(KeyRefused("v", "HTTP 401").with_answer(body))
    assert isinstance(refined, ProviderBusy) and not refined.retryable
    for answer in (b'{"detail": {"status": "invalid_api_key"}}', b"<html>", b'{"detail": "no"}', b"[1]"):
        assert isinstance(refine_refusal(KeyRefused("v", "HTTP 401").with_answer(answer)), KeyRefused)


def test_languages_have_no_region() -> None:
    assert [base_language(code) for code in ("en-GB", "de", "nb-NO")] == ["en", "de", "no"]


def test_addresses() -> None:
    url = make_url(
        "https://api.elevenlabs.io/", "/x", {"auto_mode": True, "n": 3, "keyterms": ("a b", "c"), "no": None}
    )
    assert url == "wss://api.elevenlabs.io/x?auto_mode=true&n=3&keyterms=a%20b&keyterms=c"


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        (1008, "This request exceeds your quota of 10000. You have 3 credits remaining, while 9 credits are", "quota"),
        (1008, "Invalid API key", "unauthorized"),
        (1008, "Unusual activity detected. Free Tier usage disabled.", "unauthorized"),
        (1008, "Too many concurrent requests. Your current subscription is", "rate_limited"),
        (1008, "Maximum simultaneous contexts per WebSocket connection exceeded (5).", "rate_limited"),
        (1008, "A voice with voice_id x does not exist.", "refused"),
        (1008, "We are sorry, something went wrong. You are not charged for this request.", "cut"),
        (1008, "Have not received a new text input within the timeout of 20 seconds.", "cut"),
        (1000, "quota_exceeded", "quota"),
        (1011, "the model was not found", "cut"),
        (1006, "", "cut"),
    ],
)
def test_the_reason_of_a_close_frame_tells_why(code: int, reason: str, cause: str) -> None:
    error = make_closed("v", code, reason)
    assert error.cause == cause
    assert not reason or is_error_code(reason) or reason not in str(error)
