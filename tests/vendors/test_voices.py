"""What every voice does, over all vendors of the registry: a new vendor's own tests hold its wire format only."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.providers.cleanup import close_stream
from media.providers.ports import ProviderError
from media.providers.vendor import Preparable
from shared.providers.facts import VoiceFacts, find_facts
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.voice import find_words, words
from tests.vendors.voice_call import SENTENCES, TEXT, VOICES, VoiceCall, heard, running_voice_call, say, speak
from vendors.registry import VENDORS, speaks

UNSPOKEN = "tlh"
ALL = pytest.mark.parametrize("name", VOICES)
CAUSES: dict[FaultKind, str] = {
    "refuse": "refused",
    "unauthorized": "unauthorized",
    "no_credit": "quota",
    "rate_limited": "rate_limited",
}


# Faults after which we meter more characters than the vendor bills; `half_open` for all other vendors. A gRPC stream
# takes text before the server has accepted the stream, and `refuse` ends the stream there. Deepgram does not bill text
# that is on its way when the connection ends.
LOSES_TEXT: dict[str, set[FaultKind]] = {
    "deepgram": {"half_open", "cut"},
    "google-speech": {"half_open", "stall", "slow", "cut", "garbage", "error", "refuse"},
}


@pytest.fixture
async def voice(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VoiceCall]:
    async with running_voice_call(name, tmp_path, monkeypatch) as running:
        yield running


def test_each_vendor_that_speaks_has_a_voice_here() -> None:
    speaking = {name for name, facts in VENDORS.items() if facts.takes_key and "tts" in facts.kinds}
    assert speaking == {vendor for vendor, _ in VOICES.values()}


@ALL
async def test_speaks_each_word_and_times_it_if_the_facts_say_so(voice: VoiceCall) -> None:
    facts = find_facts(VENDORS[voice.vendor].services["tts"], voice.options["model"])
    assert isinstance(facts, VoiceFacts)
    for _ in range(2):
        chunks = await speak(voice.call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        if facts.word_times:
            assert [word.text.rstrip(".,?") for word in timed] == [word.rstrip(".,?") for word in TEXT.split()]
            real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
            assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=6)
            assert not any(word.is_estimated for word in timed)
        else:
            assert not timed
    assert voice.a.state.opened["tts"] <= 2
    assert voice.call.sums("a")["characters"] == voice.billed("a")
    assert 0 <= voice.billed("a") - 2 * len(TEXT) <= 2  # a vendor may want a space at the end
    (used,) = {(event.vendor, event.model) for event in voice.call.used}
    assert used[0] == voice.vendor and voice.options["model"].startswith(used[1])
    assert not voice.call.failed


@pytest.mark.parametrize(
    ("kind", "units"),
    [("stall", 0), ("stall", 3), ("cut", 0), ("cut", 3), ("garbage", 3), ("error", 3), ("slow", 0), ("half_open", 3)],
)
@ALL
async def test_every_word_is_heard_when_a_connection_breaks(voice: VoiceCall, kind: FaultKind, units: int) -> None:
    voice.a.state.faults.queue("tts", Fault(kind, after_units=units, factor=100))
    chunks = await speak(voice.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert [failed.provider for failed in voice.call.failed][:1] == ["a"]
    assert voice.billed("b") == voice.call.sums("b")["characters"]
    billed, metered = voice.billed("a"), voice.call.sums("a")["characters"]
    assert metered >= billed if kind in LOSES_TEXT.get(voice.vendor, {"half_open"}) else metered == billed
    assert heard(await speak(voice.call.build(), say(*SENTENCES))) == words(TEXT)


@pytest.mark.parametrize("kind", CAUSES)
@ALL
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(voice: VoiceCall, kind: FaultKind) -> None:
    voice.a.state.faults.keep("tts", Fault(kind))
    chunks = await speak(voice.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not voice.billed("a")
    assert not voice.call.sums("a") or kind in LOSES_TEXT.get(voice.vendor, ())
    over_grpc = voice.vendor == "google-speech"  # a refused connection is a broken stream there
    assert voice.call.failed[0].cause == ("cut" if over_grpc and kind == "refuse" else CAUSES[kind])


@ALL
async def test_a_vendor_that_cannot_be_reached_is_replaced_and_meters_nothing(voice: VoiceCall) -> None:
    options = voice.call.plan["tts"][0]["options"]
    with socket.socket() as closed:  # bound and not listening: its port refuses connections
        closed.bind(("127.0.0.1", 0))
        options["base_url"] = re.sub(r":\d+", f":{closed.getsockname()[1]}", options["base_url"])
        chunks = await speak(voice.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not voice.call.sums("a")
    assert voice.call.sums("b")["characters"] == voice.billed("b")


@ALL
async def test_speaks_on_after_a_flush(voice: VoiceCall) -> None:
    async def text() -> AsyncIterator[str]:
        yield "One moment please. "
        yield ""
        await asyncio.sleep(0.05)
        yield " "
        yield "Thank you."

    chunks = await speak(voice.call.build(), text())
    whole = "One moment please. Thank you."
    assert heard(chunks, whole) == words(whole)
    starts = [word.start_ms for chunk in chunks for word in chunk.words]
    assert starts == sorted(starts)
    assert not voice.call.failed


@ALL
async def test_nothing_of_a_cancelled_text_is_heard_in_the_next_one(voice: VoiceCall) -> None:
    voice.a.state.faults.queue("tts", Fault("slow", factor=20))
    providers = voice.call.build()
    for _ in range(7):  # more than an account may speak at once
        speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
        await anext(speech)
        await close_stream(speech)
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? sentence caller") == ["yes"]
    assert voice.call.sums("a")["characters"] == voice.billed("a")
    assert not voice.call.failed


@ALL
async def test_a_connection_that_may_be_dead_is_not_used_again(voice: VoiceCall) -> None:
    voice.a.state.faults.queue("tts", Fault("half_open"))
    providers = voice.call.build()
    speech = providers.tts.stream(say("Hello there. "), "en")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await anext(speech)
    await close_stream(speech)
    assert heard(await speak(providers, say("Yes?")), "Yes?") == ["yes"]
    assert not voice.call.failed


@ALL
async def test_connects_before_the_first_word(voice: VoiceCall) -> None:
    bare = voice.make_bare_voice()
    assert isinstance(bare, Preparable)
    bare.prepare()
    assert heard([chunk async for chunk in bare.stream(say(*SENTENCES), "en")]) == words(TEXT)


@ALL
async def test_a_language_that_the_voice_does_not_speak_is_refused(voice: VoiceCall) -> None:
    if speaks(voice.vendor, voice.options, UNSPOKEN):
        return
    with pytest.raises(ProviderError) as refused:
        await speak(voice.call.build(), say("nuqneH"), UNSPOKEN)
    assert not refused.value.retryable
    assert not voice.a.state.opened["tts"]


@ALL
async def test_a_text_that_breaks_ends_the_speech(voice: VoiceCall) -> None:
    async def text() -> AsyncIterator[str]:
        yield "One moment please. "
        raise LookupError("the text broke")

    async with asyncio.timeout(30):
        with pytest.raises(LookupError, match="the text broke"):
            async for _ in voice.make_bare_voice().stream(text(), "en"):
                pass


@ALL
async def test_a_text_without_words_is_not_sent(voice: VoiceCall) -> None:
    chunks = [chunk async for chunk in voice.make_bare_voice().stream(say(" ", "\n\n"), "en")]
    assert not b"".join(chunk.audio for chunk in chunks)
    assert not voice.billed("a")


@ALL
async def test_errors_hold_neither_the_key_nor_the_words(voice: VoiceCall) -> None:
    for server in (voice.a, voice.b):
        server.state.faults.keep("tts", Fault("garbage"))
    with pytest.raises(ProviderError) as caught:
        await speak(voice.call.build(), say("My secret."))
    text = f"{caught.value!r} {voice.call.failed}"
    assert "secret" not in text
    assert voice.a.state.key not in text and voice.b.state.key not in text
