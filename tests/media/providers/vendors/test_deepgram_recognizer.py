"""Nova and Flux in a chain, against the simulated vendor over TLS: nothing lost or doubled, whatever fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.stt import SpeechToTextChain
from media.providers.ports import (
    KeyRefused,
    ProviderBusy,
    ProviderError,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    TurnSignal,
)
from media.providers.usage import UsageMeter
from media.providers.vendor import ProviderSetup, VendorResources
from shared.events import ProviderFailed, UsageRecorded
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.voice import word_times
from tests.simulator.vendors.deepgram_clients import frames, make_deepgram, running_deepgram, wait_until
from vendors.deepgram import media as deepgram_media
from vendors.deepgram.facts import DEEPGRAM_URL, DeepgramSpeechToTextOptions
from vendors.deepgram.media import VENDOR
from vendors.deepgram.simulator import ListenTiming, SimulatedDeepgram
from vendors.deepgram.wire import EAGER_EOT_THRESHOLD

FIRST, SECOND = "tuesday morning would suit me", "and please bring the invoice"
DEADLINES = Deadlines(open_s=1.0, transcript_s=0.4)
MODELS = ("nova-3", "flux-general-en")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@dataclass
class Platform:
    """Two simulated vendors, `a` and `b`, and what media needs to reach them."""

    vendors: dict[str, SimulatedDeepgram]
    addresses: dict[str, str]
    resources: VendorResources
    events: list[SpeechToTextEvent] = field(default_factory=list)
    failed: list[ProviderFailed] = field(default_factory=list)
    used: list[UsageRecorded] = field(default_factory=list)

    def make(self, name: str, model: str, **options: object) -> SpeechToText:
        """A recognizer of one of the vendors."""
        key = self.vendors[name].state.key
        base = {"model": model, "api_key": key, "base_url": f"https://{self.addresses[name]}", **options}
        assert VENDOR.stt is not None
        return VENDOR.stt.make(ProviderSetup(name, DeepgramSpeechToTextOptions(**base), self.resources))  # type: ignore[arg-type]

    async def open(self, *recognizers: SpeechToText) -> SpeechToTextSession:
        """A session of a chain over these."""
        meters = [UsageMeter("stt", recognizer.name, self.used.append) for recognizer in recognizers]
        chain = SpeechToTextChain(recognizers, self.failed.append, DEADLINES, meters=meters)
        return await chain.open("en", self.events.append)

    async def answer(self, token: int) -> str:
        """Waits for a final text."""
        await wait_until(lambda: any(getattr(event, "token", None) == token for event in self.events))
        (found,) = [one for one in self.events if isinstance(one, RecognizedText) and one.token == token]
        return found.text

    @property
    def signals(self) -> list[TurnSignal]:
        return [event for event in self.events if isinstance(event, TurnSignal)]

    def metered(self, name: str) -> int:
        """The ms that were metered for a provider."""
        return sum(one.quantity for one in self.used if one.provider == name)

    def billed(self, name: str) -> float:
        """The ms that the vendor bills."""
        return self.vendors[name].state.total("stt", "ms")


@pytest.fixture
async def platform(certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    vendors = {name: make_deepgram(FIRST, SECOND) for name in "ab"}
    async with AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(running_deepgram(vendor, certificate, monkeypatch))
            for name, vendor in vendors.items()
        }
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Platform(vendors, addresses, VendorResources(http))


async def say(session: SpeechToTextSession, text: str) -> None:
    """The caller says the text, 40 times faster than real time, and is silent for 200 ms."""
    session.started()
    for number, frame in enumerate(frames(text, silence_ms=200)):
        session.push(frame)
        await asyncio.sleep(0.001 * (number % 2))


@pytest.mark.parametrize("model", MODELS)
async def test_turns_of_one_session(platform: Platform, model: str) -> None:
    session = await platform.open(platform.make("a", model))
    await say(session, FIRST)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    await say(session, SECOND)  # the caller goes on in the same turn
    session.finalize(2)
    assert await platform.answer(2) == f"{FIRST} {SECOND}"
    session.next_turn()
    await say(session, SECOND)
    session.finalize(3)
    assert await platform.answer(3) == SECOND
    await session.close()
    texts = [event.text for event in platform.events if isinstance(event, RecognizedText) and not event.final]
    assert FIRST.split()[0] in texts  # interim results come
    assert platform.failed == []
    await wait_until(lambda: platform.billed("a") > 0)
    assert platform.metered("a") == platform.billed("a")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fails", [False, True])
async def test_words_are_timed_in_the_callers_audio(platform: Platform, model: str, fails: bool) -> None:
    """Of the second turn, so that another vendor that takes over hears the audio from the middle of the call on."""
    session = await platform.open(platform.make("a", model), platform.make("b", model))
    await say(session, FIRST)
    session.finalize(1)
    await platform.answer(1)
    session.next_turn()
    if fails:
        platform.vendors["a"].state.faults.queue("stt", Fault("cut", 3))
    await say(session, SECOND)
    session.finalize(2)
    await platform.answer(2)
    await session.close()
    answer = next(event for event in platform.events if isinstance(event, RecognizedText) and event.token == 2)
    before_ms = 20 * len(frames(FIRST, silence_ms=200))
    assert [word.text for word in answer.words] == SECOND.split()
    for told, true in zip(answer.words, word_times(SECOND), strict=True):
        assert abs(told.start_ms - before_ms - true.start_ms) <= 100
        assert abs(told.end_ms - before_ms - true.end_ms) <= 100


async def test_flux_gets_all_audio_before_its_turn_is_ended_and_before_the_session_is(platform: Platform) -> None:
    """Also the frames that fill no message of four."""
    silence, said = bytes([0xFF]) * 160, frames(FIRST, silence_ms=0)
    session = await platform.open(platform.make("a", "flux-general-en"))
    for frame in [silence] * ((3 - len(said)) % 4) + said:
        session.push(frame)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    session.push(silence)
    await session.close()
    await wait_until(lambda: platform.billed("a") > 0)
    assert platform.metered("a") == platform.billed("a")


# Fault, units before it, models with which it is tried.
FAULTS: list[tuple[FaultKind, int, tuple[str, ...]]] = [
    ("refuse", 0, MODELS),
    ("unauthorized", 0, MODELS[:1]),
    ("no_credit", 0, MODELS[:1]),
    ("rate_limited", 0, MODELS[:1]),
    ("stall", 0, MODELS[:1]),
    ("stall", 3, MODELS),
    ("slow", 0, MODELS),
    ("cut", 0, MODELS[:1]),
    ("cut", 3, MODELS),
    ("garbage", 3, MODELS),
    ("half_open", 3, MODELS[:1]),
    ("reorder", 0, MODELS),
    ("repeat", 0, MODELS),
]


@pytest.mark.parametrize(("kind", "units", "model"), [(*fault[:2], model) for fault in FAULTS for model in fault[2]])
async def test_no_word_is_lost_or_doubled(platform: Platform, kind: FaultKind, units: int, model: str) -> None:
    platform.vendors["a"].state.faults.queue("stt", Fault(kind, units, factor=100))
    session = await platform.open(platform.make("a", model), platform.make("b", model))
    await say(session, FIRST)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    session.next_turn()
    await say(session, SECOND)
    session.finalize(2)
    assert await platform.answer(2) == SECOND
    await session.close()
    has_failed = kind not in ("reorder", "repeat")
    assert [one.provider for one in platform.failed] == ["a"] * has_failed
    last = "b" if has_failed else "a"
    await wait_until(lambda: platform.billed(last) > 0)
    assert platform.metered(last) == platform.billed(last)
    assert platform.metered("a") >= platform.billed("a")  # what was under way when the connection broke is not billed


async def test_without_another_recognizer_the_same_one_is_tried_again(platform: Platform) -> None:
    platform.vendors["a"].state.faults.queue("stt", Fault("cut", 3))
    session = await platform.open(platform.make("a", "nova-3"))
    await say(session, FIRST)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    await session.close()


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [("unauthorized", KeyRefused, False), ("no_credit", ProviderBusy, False), ("rate_limited", ProviderBusy, True)],
)
async def test_a_refusal_says_whether_the_key_is_wrong_empty_or_busy(
    platform: Platform, kind: FaultKind, error: type[ProviderError], retryable: bool
) -> None:
    platform.vendors["a"].state.faults.queue("stt", Fault(kind))
    with pytest.raises(error) as caught:
        await platform.make("a", "nova-3").open("en", platform.events.append)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("unanswered_ms", [0.0, 60_000.0])
async def test_too_little_audio_for_an_answer_is_answered_by_the_last_text(
    platform: Platform, unanswered_ms: float
) -> None:
    """Nova need not answer Finalize: the last text is the answer once it covers the audio."""
    platform.vendors["a"].listen_timing = ListenTiming(100, 0.005, unanswered_ms=unanswered_ms)
    session = await platform.open(platform.make("a", "nova-3", endpointing_ms=100, answer_s=0.05))
    await say(session, FIRST)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    await session.close()


async def test_keep_alive_only_while_no_audio_goes(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_media, "KEEP_ALIVE_S", 0.02)
    platform.vendors["a"].listen_timing = ListenTiming(100, 0.005, idle_s=0.3)
    session = await platform.make("a", "nova-3").open("en", platform.events.append)
    await asyncio.sleep(0.7)
    assert platform.events == []
    await session.close()
    assert platform.billed("a") == 0


async def test_without_keep_alive_the_vendor_ends_the_session(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepgram_media, "KEEP_ALIVE_S", 60.0)
    platform.vendors["a"].listen_timing = ListenTiming(100, 0.005, idle_s=0.05)
    session = await platform.make("a", "nova-3").open("en", platform.events.append)
    await wait_until(lambda: bool(platform.events))
    (failed,) = platform.events
    assert isinstance(failed, SpeechToTextFailed)
    assert failed.error.reason == "closed with 1011 NET-0001"
    session.push(bytes(160))
    session.finalize(1)
    await session.close()


async def test_flux_refuses_a_language_that_its_model_does_not_know(platform: Platform) -> None:
    with pytest.raises(ProviderError, match="does not support 'es'"):
        await platform.make("a", "flux-general-en").open("es-MX", platform.events.append)
    session = await platform.make("a", "flux-general-multi").open("es-MX", platform.events.append)
    await session.close()
    assert DEEPGRAM_URL == "wss://api.deepgram.com"


async def hear_silence(session: SpeechToTextSession, ms: int) -> None:
    """The caller is silent, 40 times faster than real time."""
    for number, frame in enumerate(frames("", silence_ms=ms)):
        session.push(frame)
        await asyncio.sleep(0.001 * (number % 2))


async def test_flux_is_not_forced_where_it_believes_itself_that_the_turn_is_over(platform: Platform) -> None:
    """It answers at once and thinks on; its turn ends when ours does, so that no word is in two."""
    vendor = platform.vendors["a"]
    session = await platform.open(platform.make("a", "flux-general-en", answer_s=5.0))
    await say(session, FIRST)
    await hear_silence(session, 240)
    await wait_until(lambda: bool(platform.signals))
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    before = [signal.finished for signal in platform.signals]
    await hear_silence(session, 300)
    await wait_until(lambda: len(platform.signals) > len(before))
    assert vendor.forced_ends == 0
    assert (platform.signals[-1].finished or 0) > (before[-1] or 0), "it became surer"
    session.next_turn()
    await wait_until(lambda: vendor.forced_ends == 1)
    await say(session, SECOND)
    session.finalize(2)
    assert await platform.answer(2) == SECOND
    assert vendor.forced_ends == 2
    await session.close()
    assert platform.failed == []


async def test_flux_is_not_forced_after_it_has_ended_the_turn(platform: Platform) -> None:
    """A minute of silence ends a turn of the vendor's: after a signal in each of its seconds."""
    vendor = platform.vendors["a"]
    session = await platform.open(platform.make("a", "flux-general-en", answer_s=5.0))
    await say(session, FIRST)
    for _ in range(60):
        session.push(bytes([0xFF]) * 8_000)
    await wait_until(lambda: len(platform.signals) == 60)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    session.next_turn()
    await say(session, SECOND)
    session.finalize(2)
    assert await platform.answer(2) == SECOND
    assert vendor.forced_ends == 1
    await session.close()


async def test_flux_signals_the_end_of_a_turn_and_takes_it_back(platform: Platform) -> None:
    """Also in a turn of the caller's that has several of the vendor's; the signals come before an end is forced."""
    session = await platform.open(platform.make("a", "flux-general-en"))
    await say(session, FIRST)
    session.finalize(1)
    assert await platform.answer(1) == FIRST
    assert platform.signals == []  # 200 ms of silence are no end to this vendor
    await say(session, SECOND)
    for frame in frames("", silence_ms=500):
        session.push(frame)
    whole = f"{FIRST} {SECOND}"
    await wait_until(lambda: bool(platform.signals))
    assert {signal.text for signal in platform.signals} == {whole}
    assert all(
        signal.finished is not None and EAGER_EOT_THRESHOLD <= signal.finished <= 1 for signal in platform.signals
    )
    await say(session, SECOND)
    await wait_until(lambda: platform.signals[-1].resumed)
    await session.close()
    assert platform.failed == []
