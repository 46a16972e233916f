"""Soniox's voice: its streams without a socket, and through the chain of a call, against two simulated vendors."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.cleanup import close_stream
from media.providers.factory import Providers
from media.providers.ports import ProviderError, SpeechChunk
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault
from simulator.vendors.server import VendorState
from simulator.vendors.voice import find_words, words
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from vendors.soniox.simulator import SonioxSpeech, VoiceTiming
from vendors.soniox.wire import SonioxStreams, find_ended, read_output

SENTENCES = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT = "".join(SENTENCES)
TIMING = VoiceTiming(first_audio_ms=10, chunk_ms=200, speed=100)


# --- streams ---


def make_streams() -> SonioxStreams:
    ids = itertools.count(1)
    return SonioxStreams("v", {"model": "tts-rt-v2", "voice": "Adrian", "speed": None}, lambda: f"s{next(ids)}")


def take(streams: SonioxStreams, **fields: Any) -> SpeechChunk | None:
    if "audio" in fields:
        fields["audio"] = base64.b64encode(fields["audio"]).decode()
    return streams.read(read_output("v", msgspec.json.encode(fields)))


def times(text: str, start_s: float) -> dict[str, Any]:
    starts = [start_s + index / 10 for index in range(len(text))]
    return {
        "characters": list(text),
        "character_start_times_seconds": starts,
        "character_end_times_seconds": [start + 0.1 for start in starts],
    }


def test_a_stream_begins_with_its_settings_and_ends_with_its_text() -> None:
    streams = make_streams()
    assert streams.add_text("  ") == ()
    settings, text = map(msgspec.json.decode, streams.add_text("Hello "))
    assert settings == {
        "stream_id": "s1",
        "model": "tts-rt-v2",
        "voice": "Adrian",
        "audio_format": "pcm_mulaw",
        "sample_rate": 8_000,
        "return_timestamps": True,
    }
    assert text == {"stream_id": "s1", "text": "  Hello ", "text_end": False}
    (more,) = streams.add_text("there.")
    assert msgspec.json.decode(more)["text"] == "there."
    assert msgspec.json.decode(streams.finish()) == {"stream_id": "s1", "text": "", "text_end": True}
    assert streams.finish() == b""
    assert not streams.is_done
    assert take(streams, stream_id="s1", terminated=True) is None
    assert streams.is_done and streams.cancel() == b""


def test_times_count_from_the_streams_audio_on() -> None:
    streams = make_streams()
    streams.add_text("Hi all. ")
    first = take(streams, stream_id="s1", audio=bytes(8_000), timestamps=times("Hi al", 0))
    assert first is not None
    assert [(word.text, word.start_ms) for word in first.words] == [("Hi", 0)]
    last = take(streams, stream_id="s1", terminated=True, timestamps=times("l.", 0.5))
    assert last is not None
    assert [(word.text, round(word.start_ms), round(word.end_ms)) for word in last.words] == [("all.", 300, 700)]
    streams.add_text("Bye.")
    later = take(streams, stream_id="s2", audio=bytes(800), timestamps=times("Bye.", 0))
    assert later is not None
    assert [word.start_ms for word in later.words] == [1_000]


def test_what_an_earlier_stream_still_sends_is_dropped() -> None:
    streams = make_streams()
    streams.add_text("One.")
    assert streams.unfinished_id == "s1"
    assert msgspec.json.decode(streams.cancel()) == {"stream_id": "s1", "cancel": True}
    assert take(streams, stream_id="s1", audio=bytes(160)) is None
    assert take(streams, stream_id="s1", error_code=500) is None
    streams.add_text("Two.")
    assert take(streams, stream_id="s1", terminated=True) is None
    assert not streams.is_done
    assert find_ended(read_output("v", b'{"stream_id":"s1","terminated":true}')) == "s1"
    assert find_ended(read_output("v", b'{"stream_id":"s1"}')) == ""


@pytest.mark.parametrize("stream_id", ["s1", "", None])
def test_an_error_of_the_stream_or_the_connection_is_one(stream_id: str | None) -> None:
    streams = make_streams()
    streams.add_text("One.")
    with pytest.raises(ProviderError, match="error 429 limit_exceeded"):
        take(streams, stream_id=stream_id, error_code=429, error_type="limit_exceeded", error_message="x")


def test_times_of_unequal_number_and_other_messages_are_unreadable() -> None:
    streams = make_streams()
    streams.add_text("One.")
    with pytest.raises(ProviderError, match="times of unequal number"):
        take(streams, stream_id="s1", timestamps={**times("One", 0), "character_end_times_seconds": [1]})
    with pytest.raises(ProviderError, match="an unreadable message"):
        read_output("v", b'{"audio":7}')


# --- calls ---


@dataclass
class Harness:
    a: SonioxSpeech
    b: SonioxSpeech
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = SonioxSpeech(VendorState(key="key-a"), TIMING), SonioxSpeech(VendorState(key="key-b"), TIMING)
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("tts", servers, tmp_path, monkeypatch, vendor="soniox") as call:
        yield Harness(a, b, call)


async def say(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def speak(providers: Providers, text: AsyncIterator[str], language: str = "en-GB") -> list[SpeechChunk]:
    async with asyncio.timeout(30):
        return [chunk async for chunk in providers.tts.stream(text, language)]


def heard(chunks: list[SpeechChunk], text: str = TEXT) -> list[str]:
    """The words in the audio. A word that was cut and is said again counts once."""
    samples = decode(b"".join(chunk.audio for chunk in chunks))
    found = [word.text for word in find_words(samples, words(text))]
    assert len(found) <= len(words(text)) + 1
    return [word for word, _ in itertools.groupby(found)]


async def test_words_are_spoken_and_timed_over_one_connection(harness: Harness) -> None:
    call, server = harness.call, harness.a
    for _ in range(2):
        chunks = await speak(call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        assert [word.text for word in timed] == TEXT.split()
        real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
        assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=6)
    assert [setting["language"] for setting in server.settings] == ["en", "en"]
    assert server.state.opened["tts"] == 2  # one is spare
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == 2 * len(TEXT)
    assert {(event.vendor, event.model) for event in call.used} == {("soniox", "tts-rt-v2")}
    assert not call.failed


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("refuse", ""), ("unauthorized", "error 401"), ("no_credit", "error 402"), ("rate_limited", "error 429")],
)
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any, reason: str) -> None:
    harness.a.state.faults.keep("tts", Fault(kind))
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not harness.a.state.total("tts", "characters")
    assert reason in harness.call.failed[0].reason
    assert not harness.call.sums("a")


async def test_text_after_a_pause_goes_into_a_new_stream(harness: Harness) -> None:
    chunks = await speak(harness.call.build(), say("One moment please. ", "", "Thank you."))
    whole = "One moment please. Thank you."
    assert heard(chunks, whole) == words(whole)
    assert len(harness.a.settings) == 2
    starts = [word.start_ms for chunk in chunks for word in chunk.words]
    assert starts == sorted(starts)
    assert not harness.call.failed


async def test_a_barge_in_cancels_the_stream_and_keeps_the_connection(harness: Harness) -> None:
    harness.a.timing = replace(TIMING, speed=1)
    providers = harness.call.build()
    for _ in range(7):  # more than a connection may have at once
        speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
        await anext(speech)
        await close_stream(speech)
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? sentence caller") == ["yes"]
    assert len(harness.a.cancelled) == 7
    assert harness.a.most_streams <= 5
    assert harness.a.state.opened["tts"] < 8  # most utterances took one that was there
    assert not harness.call.failed


async def test_a_language_that_the_vendor_does_not_speak_is_refused(harness: Harness) -> None:
    with pytest.raises(ProviderError, match="tts-rt-v2 does not support 'tlh'"):
        await speak(harness.call.build(), say("nuqneH"), "tlh")
    assert not harness.a.state.opened["tts"]
