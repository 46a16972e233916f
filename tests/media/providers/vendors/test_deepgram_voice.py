"""Aura in a chain, against the simulated vendor over TLS: each word is heard once, whatever fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.tts import TextToSpeechChain
from media.providers.factory import ProviderFactory
from media.providers.health import HealthKey
from media.providers.health_keys import HealthKeys
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, TextToSpeech
from media.providers.usage import UsageMeter
from media.providers.vendor import ProviderSetup, VendorResources
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import AgentPlan, CallPlan, Pronunciation, ProviderPlan, SpeechPlan
from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.voice import find_words, words
from tests.simulator.vendors.deepgram_clients import make_deepgram, running_deepgram, wait_until
from vendors.deepgram import media as deepgram_media
from vendors.deepgram import wire as deepgram_wire
from vendors.deepgram.facts import DeepgramTextToSpeechOptions
from vendors.deepgram.media import VENDOR
from vendors.deepgram.simulator import SimulatedDeepgram, SpeakTiming
from vendors.deepgram.wire import MAX_FLUSHES
from vendors.standin.media import VENDOR as STANDIN

CLAUSES = ("The kitchen closes early, ", "so please arrive before seven. ", "Shall I hold your table?")
TEXT = "".join(CLAUSES)
DEADLINES = Deadlines(audio_s=0.4, last_s=1.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@dataclass
class Platform:
    """Two simulated vendors, `a` and `b`, and what media needs to reach them."""

    vendors: dict[str, SimulatedDeepgram]
    addresses: dict[str, str]
    resources: VendorResources
    failed: list[ProviderFailed] = field(default_factory=list)
    used: list[UsageRecorded] = field(default_factory=list)

    def make(self, name: str, **options: object) -> TextToSpeech:
        """A voice of one of the vendors."""
        base = {"api_key": self.vendors[name].state.key, "base_url": f"wss://{self.addresses[name]}", **options}
        assert VENDOR.tts is not None
        return VENDOR.tts.make(ProviderSetup(name, DeepgramTextToSpeechOptions(**base), self.resources))  # type: ignore[arg-type]

    def chain(self, *voices: TextToSpeech) -> TextToSpeechChain:
        """A chain over these."""
        meters = [UsageMeter("tts", voice.name, self.used.append) for voice in voices]
        return TextToSpeechChain(voices, self.failed.append, DEADLINES, meters=meters)

    def opened(self, name: str) -> int:
        """How many connections the vendor saw."""
        return self.vendors[name].state.opened["tts"]

    def billed(self, name: str) -> float:
        """The characters that the vendor bills."""
        return self.vendors[name].state.total("tts", "characters")

    def metered(self, name: str) -> int:
        """The characters that were metered for a provider."""
        return sum(one.quantity for one in self.used if one.provider == name)


@pytest.fixture
async def platform(certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(deepgram_media, "CLEAR_S", 0.2)
    vendors = {name: make_deepgram() for name in "ab"}
    async with AsyncExitStack() as stack:
        addresses = {}
        for name, vendor in vendors.items():
            vendor.speak_timing = SpeakTiming(first_s=0.005, speed=100)
            addresses[name] = await stack.enter_async_context(running_deepgram(vendor, certificate, monkeypatch))
        resources = VendorResources(await stack.enter_async_context(aiohttp.ClientSession()))
        stack.push_async_callback(resources.close)
        yield Platform(vendors, addresses, resources)


async def clauses() -> AsyncIterator[str]:
    for clause in CLAUSES:
        yield clause
        await asyncio.sleep(0.005)


async def speak(voice: TextToSpeech | TextToSpeechChain) -> list[str]:
    """Has the text spoken; returns the words that are heard."""
    audio = b"".join([chunk.audio async for chunk in voice.stream(clauses(), "en-GB")])
    return [spoken.text for spoken in find_words(decode(audio), words(TEXT))]


async def test_a_speech_and_the_next_one_on_the_same_connection(platform: Platform) -> None:
    chain = platform.chain(platform.make("a"))
    for _ in range(3):
        assert await speak(chain) == words(TEXT)
    assert platform.opened("a") == 1
    assert platform.metered("a") == platform.billed("a") == 3 * len(TEXT)


async def test_a_price_is_said_in_words_and_those_are_billed(platform: Platform) -> None:
    """As a call's chain is made: of the plan, with what the vendor's adapter declares of the voice."""
    factory = ProviderFactory((VENDOR, STANDIN), platform.resources.http)
    options = {"api_key": platform.vendors["a"].state.key, "base_url": f"wss://{platform.addresses['a']}"}
    standin = [ProviderPlan("standin")]
    plan = CallPlan(
        agent=AgentPlan(),
        stt=standin,
        llm=standin,
        tts=[ProviderPlan("deepgram", options)],
        speech=SpeechPlan(pronunciations=(Pronunciation("Nguyen", "win"),)),
    )
    voice = factory.build(plan, platform.failed.append, platform.used.append).tts
    spoken = "win owes forty two dollars and fifty cents now."

    async def text() -> AsyncIterator[str]:
        yield "Nguyen owes $42.50 now."

    audio = b"".join([chunk.audio async for chunk in voice.stream(text(), "en")])
    assert [word.text for word in find_words(decode(audio), words(spoken))] == words(spoken)
    assert platform.metered("deepgram") == platform.billed("a") == len(spoken)
    await factory.close()


FAULTS: list[tuple[FaultKind, int]] = [
    ("refuse", 0),
    ("unauthorized", 0),
    ("no_credit", 0),
    ("rate_limited", 0),
    ("stall", 0),
    ("stall", 5),
    ("slow", 0),
    ("cut", 0),
    ("cut", 5),
    ("garbage", 0),
    ("garbage", 5),
    ("half_open", 5),
    ("deaf", 0),
]


@pytest.mark.parametrize(("kind", "units"), FAULTS)
async def test_no_word_is_lost_or_doubled(platform: Platform, kind: FaultKind, units: int) -> None:
    """A word that was cut is spoken again by the next voice, so a cut may let it be heard twice: never more than that,
    and never out of order."""
    platform.vendors["a"].state.faults.queue("tts", Fault(kind, units, factor=100))
    heard = await speak(platform.chain(platform.make("a"), platform.make("b")))
    spoken = words(TEXT)
    assert [word for index, word in enumerate(heard) if heard[index - 1 : index] != [word]] == spoken
    assert len(heard) <= len(spoken) + (units > 0)
    assert [one.provider for one in platform.failed] == ["a"]
    assert platform.metered("b") == platform.billed("b")
    if kind in ("cut", "half_open"):  # what was under way when the connection broke is not billed
        assert platform.metered("a") >= platform.billed("a")
    else:
        assert platform.metered("a") == platform.billed("a")


async def test_a_speech_that_was_interrupted_leaves_nothing_behind(platform: Platform) -> None:
    platform.vendors["a"].speak_timing = SpeakTiming(first_s=0.005, speed=5)
    voice = platform.make("a")
    async with aclosing(voice.stream(clauses(), "en")) as stream:  # type: ignore[type-var]  # a generator
        await anext(stream)
    await wait_until(lambda: voice._connections.idle_count == 1)  # type: ignore[attr-defined]
    platform.vendors["a"].speak_timing = SpeakTiming(first_s=0.005, speed=100)
    assert await speak(voice) == words(TEXT)
    assert platform.opened("a") == 1


async def test_a_connection_on_which_clear_is_not_answered_is_not_used_again(platform: Platform) -> None:
    platform.vendors["a"].state.faults.queue("tts", Fault("stall", 1))
    voice = platform.make("a")
    async with aclosing(voice.stream(clauses(), "en")) as stream:  # type: ignore[type-var]  # a generator
        await anext(stream)
    assert await speak(voice) == words(TEXT)
    assert platform.opened("a") == 2


async def test_a_prepared_connection_serves_the_first_speech(platform: Platform) -> None:
    voice = platform.make("a")
    voice.prepare()  # type: ignore[attr-defined]
    assert await speak(voice) == words(TEXT)
    assert platform.opened("a") == 1


async def test_many_clauses_stay_within_the_vendors_flushes(platform: Platform) -> None:
    async def text() -> AsyncIterator[str]:
        for number in range(30):
            yield f"clause{number}. "

    audio = b"".join([chunk.audio async for chunk in platform.chain(platform.make("a")).stream(text(), "en")])
    expected = [f"clause{number}" for number in range(30)]
    assert [spoken.text for spoken in find_words(decode(audio), expected)] == expected
    assert platform.failed == []


async def test_a_speech_of_more_flushes_than_a_connection_has_goes_on_over_the_next_one(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepgram_wire, "FLUSH_RESERVE", 0)  # each clause is flushed, as when they come slowly
    expected = [f"clause{number}" for number in range(MAX_FLUSHES + 5)]

    async def text() -> AsyncIterator[str]:
        for word in expected:
            yield f"{word}. "

    chain = platform.chain(platform.make("a"))
    audio = b"".join([chunk.audio async for chunk in chain.stream(text(), "en")])
    assert [spoken.text for spoken in find_words(decode(audio), expected)] == expected
    assert platform.failed == []
    assert platform.opened("a") == 2
    assert platform.metered("a") == platform.billed("a")


async def test_a_connection_that_was_warned_while_it_was_idle_is_not_used_again(platform: Platform) -> None:
    voice = platform.make("a")
    assert await speak(voice) == words(TEXT)
    (idle,) = voice._connections._idle  # type: ignore[attr-defined]
    idle.connection.on_text(b'{"type":"Error","code":"NET-0000"}')
    assert await speak(voice) == words(TEXT)
    assert platform.opened("a") == 2


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [("unauthorized", KeyRefused, False), ("no_credit", ProviderBusy, False), ("rate_limited", ProviderBusy, True)],
)
async def test_a_refusal_says_why_and_reads_no_text(
    platform: Platform, kind: FaultKind, error: type[ProviderError], retryable: bool
) -> None:
    platform.vendors["a"].state.faults.queue("tts", Fault(kind))
    text = clauses()
    with pytest.raises(error) as caught:
        await anext(aiter(platform.make("a").stream(text, "en")))
    assert type(caught.value) is error
    assert caught.value.retryable is retryable
    assert await anext(text) == CLAUSES[0]


def test_health_is_kept_by_key_and_not_by_voice() -> None:
    def health_key(**options: str) -> HealthKey:
        assert VENDOR.tts is not None
        return HealthKeys(b"secret").make("tts", ProviderPlan("deepgram", options=options), VENDOR.tts.request_options)

    luna, thalia = "aura-2-luna-en", "aura-2-thalia-en"
    assert health_key(api_key="one", model=luna) == health_key(api_key="one", model=thalia)
    assert health_key(api_key="one", model=luna) != health_key(api_key="two", model=luna)


async def test_a_language_that_the_voice_does_not_speak_is_refused(platform: Platform) -> None:
    with pytest.raises(ProviderError, match="does not support 'es'"):
        await anext(aiter(platform.make("a").stream(clauses(), "es-MX")))
    assert platform.opened("a") == 0
