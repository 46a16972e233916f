"""Google's voices through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.grpc_calls import GrpcServer
from media.providers.ports import ProviderError, TextToSpeech
from media.providers.vendor import Preparable, ProviderSetup
from simulator.vendors.faults import Fault
from simulator.vendors.voice import words
from tests.media.providers.vendors.cartesia_servers import CartesiaCall
from tests.media.providers.vendors.google_servers import FAST, make_google, running_call
from tests.media.providers.vendors.test_elevenlabs_speech import SENTENCES, TEXT, heard, say, speak
from tests.simulator.vendors.cartesia_callers import wait_for
from vendors.google_speech.facts import GoogleTextToSpeechOptions
from vendors.google_speech.media import MAX_TEXT_BYTES, VENDOR, split_text
from vendors.google_speech.simulator import SimulatedGoogleSpeech
from vendors.google_speech.wire import find_refused_phrases, strip_wave


@dataclass
class Harness:
    a: SimulatedGoogleSpeech
    b: SimulatedGoogleSpeech
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = make_google(key="a"), make_google(key="b")
    async with running_call("tts", {"a": a, "b": b}, tmp_path, monkeypatch) as call:
        yield Harness(a, b, call)


async def test_words_are_spoken_over_one_stream(harness: Harness) -> None:
    call, server = harness.call, harness.a
    assert heard(await speak(call.build(), say(*SENTENCES), "en")) == words(TEXT)
    assert server.voices.voices == ["en-US-Chirp3-HD-Kore"]
    assert server.voices.texts == list(SENTENCES)
    assert server.state.opened["tts"] == 1
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == len(TEXT)
    assert {(event.vendor, event.model) for event in call.used} == {("google-speech", "chirp3-hd")}
    assert not call.failed


async def test_sends_ipa_of_words_beside_the_text(harness: Harness) -> None:
    entries = [{"word": "Dentist", "ipa": "\u02c8d\u025bnt\u026ast"}, {"word": "help", "say": "assist"}]
    harness.call.plan["speech"] = {"pronunciations": entries}
    await speak(harness.call.build(), say(*SENTENCES), "en")
    await speak(harness.call.build(), say(*SENTENCES), "de")
    (english, german) = harness.a.voices.pronunciations
    assert (english, german) == ({"dentist": "\u02c8d\u025bnt\u026ast"}, {})
    spoken = "".join(harness.a.voices.texts[: len(harness.a.voices.texts) // 2])
    assert "the dentist" in spoken and "I assist?" in spoken


async def test_words_with_ipa_are_not_spelled_out_before(harness: Harness) -> None:
    """The vendor finds the word in the text: figures, signs and full stops stay."""
    entries = [
        {"word": "K9", "ipa": "\u02c8ke\u026ana\u026an"},
        {"word": "AT&T", "say": "a tee", "ipa": "\u02c8e\u026a"},
    ]
    harness.call.plan["speech"] = {"pronunciations": entries}
    await speak(harness.call.build(), say("The K9's bill of AT&T ", "is $5."), "en")
    assert "".join(harness.a.voices.texts).split() == ["The", "K9's", "bill", "of", "AT&T", "is", "five", "dollars."]


@pytest.mark.parametrize(("agent", "called"), [("zh", "zh"), ("no", "nb-NO"), ("zh-CN", "zh")])
async def test_words_with_ipa_are_told_whatever_the_vendor_calls_the_language(
    harness: Harness, agent: str, called: str
) -> None:
    harness.call.plan["agent"]["language"] = agent
    harness.call.plan["speech"] = {"pronunciations": [{"word": "Ada", "ipa": "\u02c8e\u026ad\u0259"}]}
    await speak(harness.call.build(), say("Ada."), called)
    assert harness.a.voices.pronunciations == [{"ada": "\u02c8e\u026ad\u0259"}]


async def test_a_sound_that_the_language_lacks_costs_its_word_and_no_voice(harness: Harness) -> None:
    """The vendor refuses the stream; from then on it is not told that word, and nothing else is lost."""
    server, call = harness.a, harness.call
    server.voices.unknown_sounds = "\u0250"
    entries = [{"word": "Dentist", "ipa": "\u02c8d\u0250nt"}, {"word": "help", "ipa": "h\u025blp"}]
    call.plan["speech"] = {"pronunciations": entries}
    voice = call.build()
    for _ in range(2):
        assert heard(await speak(voice, say(*SENTENCES), "en")) == words(TEXT)
    told = [sorted(pronunciation) for pronunciation in server.voices.pronunciations]
    assert told == [["dentist", "help"], ["help"], ["help"]]
    assert not call.failed and call.sums("a")["characters"] == server.state.total("tts", "characters")


@pytest.mark.parametrize(
    ("details", "refused"),
    [
        ("The following custom pronunciation phrases are invalid: Ada, C++. Please ensure the", {"ada", "c++"}),
        ("The following custom pronunciation phrases are invalid: ada", {"ada"}),
        ("The following custom pronunciation phrases are invalid: (2). Please ensure", {"ada", "c++", "bo"}),
        ("Voice 'ada' does not exist. Is it misspelled?", set()),
        ("", set()),
    ],
)
def test_the_vendor_names_what_it_refuses(details: str, refused: set[str]) -> None:
    error = ProviderError("a", "gRPC INVALID_ARGUMENT", retryable=False).with_answer(details.encode())
    assert find_refused_phrases(error, {"ada": "", "c++": "", "bo": ""}) == refused
    assert find_refused_phrases(error, {}) == frozenset()


async def test_a_voice_without_streams_is_asked_for_each_clause(harness: Harness) -> None:
    """Its samples come in a WAV file, whose header is no sound."""
    for provider in harness.call.plan["tts"]:
        provider["options"] |= {"model": "neural2", "voice_id": "F", "language": "en-GB", "speed": 1.1}
    assert heard(await speak(harness.call.build(), say(*SENTENCES), "en")) == words(TEXT)
    assert harness.a.voices.voices == ["en-GB-Neural2-F"] * len(SENTENCES)
    assert {event.model for event in harness.call.used} == {"neural2"}
    assert not harness.call.failed


@pytest.mark.parametrize("kind", ["cut", "garbage", "error"])
async def test_every_word_is_heard_when_a_request_fails(harness: Harness, kind: Any) -> None:
    for provider in harness.call.plan["tts"]:
        provider["options"] |= {"model": "wavenet", "voice_id": "F"}
    harness.a.state.faults.keep("tts", Fault(kind))
    assert heard(await speak(harness.call.build(), say(*SENTENCES))) == words(TEXT)
    assert harness.call.failed[0].provider == "a"


async def test_text_after_a_pause_goes_into_a_new_stream(harness: Harness) -> None:
    """Before the vendor ends one that gets no text."""
    harness.a.voices.timing = replace(FAST, idle_s=0.9)

    async def text() -> AsyncIterator[str]:
        yield "One moment please. "
        yield ""
        await asyncio.sleep(0)
        yield "Thank you. "
        await asyncio.sleep(1.0)
        yield "Good bye."

    whole = "One moment please. Thank you. Good bye."
    assert heard(await speak(harness.call.build(), text()), whole) == words(whole)
    assert harness.a.state.opened["tts"] == 3
    assert not harness.call.failed


async def test_a_connection_is_opened_ahead(harness: Harness) -> None:
    assert VENDOR.tts is not None
    options = msgspec.convert(harness.call.plan["tts"][0]["options"], GoogleTextToSpeechOptions)
    resources = harness.call.factory._resources
    voice = VENDOR.tts.make(ProviderSetup("a", options, resources))
    assert isinstance(voice, Preparable)
    voice.prepare()
    server = next(account.shared for account in resources._accounts.values() if isinstance(account.shared, GrpcServer))
    await wait_for(lambda: server.connection_count == 1)
    assert heard([one async for one in voice.stream(say(*SENTENCES), "en")]) == words(TEXT)
    assert server.connection_count == 1 and harness.a.state.opened["tts"] == 1


def bare_voice(harness: Harness) -> TextToSpeech:
    """The first one without its chain."""
    assert VENDOR.tts is not None
    options = msgspec.convert(harness.call.plan["tts"][0]["options"], GoogleTextToSpeechOptions)
    voice: TextToSpeech = VENDOR.tts.make(ProviderSetup("a", options, harness.call.factory._resources))
    return voice


@pytest.mark.parametrize("model", ["chirp3-hd", "neural2"])
async def test_blanks_are_not_asked_for(harness: Harness, model: str) -> None:
    """The vendor refuses a text without words."""
    harness.call.plan["tts"][0]["options"] |= {"model": model, "voice_id": "F"}
    assert [one async for one in bare_voice(harness).stream(say(" ", "\n\n"), "en")] == []
    assert harness.a.state.opened["tts"] == 0


async def test_a_voice_that_there_is_not_is_refused_for_good(harness: Harness) -> None:
    harness.call.plan["tts"].pop()
    harness.call.plan["tts"][0]["options"]["language"] = "english"
    with pytest.raises(ProviderError, match="INVALID_ARGUMENT") as refused:
        await speak(harness.call.build(), say(TEXT))
    assert not refused.value.retryable and refused.value.cause == "refused"


def test_long_texts_are_split_at_blanks() -> None:
    text = "äöü " * 2_000
    parts = split_text(text)
    assert "".join(parts) == text and len(parts) > 2
    assert all(len(part.encode()) <= MAX_TEXT_BYTES and part.endswith(" ") for part in parts)
    assert split_text("x" * (MAX_TEXT_BYTES + 1)) == ["x" * MAX_TEXT_BYTES, "x"]
    assert split_text("") == []


def test_a_wave_file_without_samples_cannot_be_read() -> None:
    assert strip_wave("p", b"\xff\xfe") == b"\xff\xfe"
    with pytest.raises(ProviderError, match="without samples"):
        strip_wave("p", b"RIFF\x04\x00\x00\x00WAVE")
