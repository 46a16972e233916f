"""Azure's recognizer through the chain of a call, against two simulated vendors over TLS, with each fault."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.ports import ProviderError, RecognizedText, SpeechToTextEvent, SpeechToTextFailed
from media.providers.vendor import ProviderSetup
from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, Caller, RecognizerHarness
from tests.simulator.vendors.azure_callers import QUICK, make_azure
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from vendors.azure_speech.facts import AzureSpeechToTextOptions
from vendors.azure_speech.media import MOST_KEPT_BYTES, VENDOR, AzureListener, AzureSpeechToText
from vendors.azure_speech.simulator import ListenTiming, SimulatedAzure, VendorLimits, find_phrases

# As the vendor writes them.
WRITTEN = "I would like to book a table for seven."
WRITTEN_NEXT = "Good bye."


@dataclass
class Harness(RecognizerHarness[SimulatedAzure]):
    def recognizer(self, renew_s: float) -> AzureSpeechToText:
        """The first one without its chain, whose connections live so long."""
        assert VENDOR.stt is not None
        options = msgspec.convert(self.call.plan["stt"][0]["options"], AzureSpeechToTextOptions)
        made = VENDOR.stt.make(ProviderSetup("a", options, self.call.factory._resources))
        assert isinstance(made, AzureSpeechToText)
        known = made._listener
        made._listener = AzureListener(known.make_settings, known.make_target, known.make_id, renew_s)
        return made


@asynccontextmanager
async def running(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    timing: ListenTiming = QUICK,
    limits: VendorLimits | None = None,
    **options: Any,
) -> AsyncIterator[Harness]:
    a = make_azure(TEXT, NEXT, key="key-a", timing=timing, limits=limits)
    b = make_azure(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("stt", servers, folder, monkeypatch, vendor="azure-speech", **options) as call:
        yield Harness(a, b, call)


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    async with running(tmp_path, monkeypatch, keyterm=["Kelly", "Müller & Co"]) as made:
        yield made


def answers(events: list[SpeechToTextEvent], token: int) -> list[str]:
    return [event.text for event in events if isinstance(event, RecognizedText) and event.token == token]


async def test_turns_are_recognized_with_times_over_one_connection(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [WRITTEN, WRITTEN_NEXT]
    query = {"language": "en-US", "format": "detailed", "wordLevelTimestamps": "true", "profanity": "raw"}
    assert harness.a.recognizer.queries == [query]
    contexts = harness.a.recognizer.contexts
    assert len(contexts) == len(harness.a.recognizer.requests) == 2
    assert find_phrases(contexts[0]) == ["Kelly", "Müller & Co"]
    await wait_for(lambda: bool(harness.a.state.billed))
    assert harness.call.sums("a")["ms"] == harness.a.state.total("stt", "ms") == caller.pushed / 8
    assert {(one.vendor, one.model) for one in harness.call.used} == {("azure-speech", "realtime")}
    assert not harness.call.failed
    answer = next(event for event in caller.events if getattr(event, "token", None) == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [(word_time.text, before_ms + word_time.start_ms) for word_time in word_times(NEXT)]
    told = answer.words  # type: ignore[union-attr]
    assert [one.text for one in told] == [text for text, _ in truth]
    assert all(abs(one.start_ms - start_ms) <= 100 for one, (_, start_ms) in zip(told, truth, strict=True))


@pytest.mark.parametrize(("kind", "units"), [("deaf", 0), ("stall", 1), ("cut", 1), ("garbage", 1), ("error", 1)])
async def test_no_word_is_lost_when_a_session_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
    assert texts == [WRITTEN, WRITTEN_NEXT]
    assert harness.call.failed[0].provider == "a"


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_phrases_out_of_order_and_repeated_ones_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [WRITTEN, WRITTEN_NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "cause", "reason"),
    [
        ("unauthorized", "unauthorized", "HTTP 401"),
        ("no_credit", "quota", "HTTP 403, quota"),
        ("rate_limited", "rate_limited", "closed with 4429"),
    ],
)
async def test_refused_account_is_replaced_and_not_billed(harness: Harness, kind: Any, cause: str, reason: str) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [WRITTEN, WRITTEN_NEXT]
    assert (harness.call.failed[0].cause, harness.call.failed[0].reason) == (cause, reason)
    assert not harness.a.state.billed


async def test_handshake_may_report_an_exhausted_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, monkeypatch, limits=VendorLimits(throttles_by_http=True)) as harness:
        harness.a.state.faults.keep("stt", Fault("rate_limited"))
        _, texts = await harness.converse()
        assert texts == [WRITTEN, WRITTEN_NEXT]
        assert (harness.call.failed[0].cause, harness.call.failed[0].reason) == ("rate_limited", "HTTP 429")


async def test_a_vendor_that_ends_no_turn_fails_before_much_audio_waits(harness: Harness) -> None:
    harness.a.state.faults.queue("stt", Fault("stall"))
    events: list[SpeechToTextEvent] = []
    session = await harness.recognizer(renew_s=600).open("en", events.append)
    session.push(SILENCE * FRAME * 5)
    session.finalize(1)
    session.push(SILENCE * MOST_KEPT_BYTES)
    assert not events
    session.push(SILENCE * FRAME)
    session.push(SILENCE * FRAME)
    assert [event.error.reason for event in events if isinstance(event, SpeechToTextFailed)] == ["it ends no request"]


async def test_noise_is_not_a_failure(harness: Harness) -> None:
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(b"\x10\x90" * 9_600)
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    await session.close()
    assert [event.text for event in events if isinstance(event, RecognizedText) and event.final] == [""]
    assert not harness.call.failed


async def test_who_goes_on_speaking_is_understood_as_one_turn(harness: Harness) -> None:
    """Audio that comes while the vendor owes a text waits, and belongs to the same turn."""
    events: list[SpeechToTextEvent] = []
    session = await harness.recognizer(renew_s=600).open("en", events.append)
    for token, text in ((1, TEXT), (2, NEXT)):
        for frame in caller_frames(text):
            session.push(frame)
        session.finalize(token)
    session.finalize(3)  # nothing came since
    await wait_for(lambda: any(getattr(event, "token", None) == 3 for event in events))
    assert answers(events, 3) == [f"{WRITTEN} {WRITTEN_NEXT}"]
    session.next_turn()
    session.finalize(4)  # all is answered
    await wait_for(lambda: any(getattr(event, "token", None) == 4 for event in events))
    assert events[-1] == RecognizedText("", final=True, token=4)
    await session.close()
    assert not [event for event in events if isinstance(event, SpeechToTextFailed)]


async def test_a_turn_that_the_vendor_ends_by_itself_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timing = ListenTiming(result_s=0.001, silence_ms=2_000)
    async with running(tmp_path, monkeypatch, timing=timing) as harness:
        events: list[SpeechToTextEvent] = []
        session = await harness.recognizer(renew_s=600).open("en", events.append)
        for frame in [*[SILENCE * FRAME] * 140, *caller_frames(TEXT)]:
            session.push(frame)
        await wait_for(lambda: len(harness.a.recognizer.requests) == 2)
        session.finalize(1)
        await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
        await session.close()
        assert answers(events, 1) == [WRITTEN]


async def test_a_vendor_that_ends_each_turn_at_once_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, monkeypatch, timing=ListenTiming(result_s=0.001, silence_ms=1)) as harness:
        events: list[SpeechToTextEvent] = []
        session = await harness.recognizer(renew_s=600).open("en", events.append)
        session.push(SILENCE * FRAME * 10)
        await wait_for(lambda: any(isinstance(event, SpeechToTextFailed) for event in events))
        failed = events[-1]
        assert isinstance(failed, SpeechToTextFailed)
        assert failed.error.reason == "requests are ended at once"
        await session.close()
        assert len(harness.a.recognizer.requests) == 2


async def test_a_connection_is_replaced_before_the_vendor_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pause, without a word lost or doubled; a handshake that is refused meanwhile is tried again."""
    monkeypatch.setattr("vendors.azure_speech.media.RETRY_S", 0.05)
    async with running(tmp_path, monkeypatch) as harness:
        caller = Caller(burst=1)
        caller.session = await harness.recognizer(renew_s=0.05).open("en", caller.sink)
        harness.a.state.faults.queue("stt", Fault("no_credit"))
        texts = [await caller.say(TEXT, 1)]
        await wait_for(lambda: harness.a.state.opened["stt"] >= 3)
        texts += [await caller.say(NEXT, 2), await caller.say(TEXT, 3)]
        await caller.session.close()
        assert texts == [WRITTEN, WRITTEN_NEXT, WRITTEN]
        answered = [event for event in caller.events if getattr(event, "token", None) == 3]
        before_ms = 20 * (len(caller_frames(TEXT)) + len(caller_frames(NEXT)))
        assert abs(answered[0].words[0].start_ms - before_ms) <= 100  # type: ignore[union-attr]
        assert not [event for event in caller.events if isinstance(event, SpeechToTextFailed)]


async def test_a_connection_that_the_vendor_ends_fails_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, limits=VendorLimits(lifetime_s=0.05)) as harness:
        events: list[SpeechToTextEvent] = []
        await harness.recognizer(renew_s=600).open("en", events.append)
        await wait_for(lambda: bool(events))
        assert isinstance(events[0], SpeechToTextFailed)
        assert (events[0].error.cause, events[0].error.reason) == ("cut", "closed with 1000")


async def test_languages_are_told_apart_by_the_universal_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch, languages=["en-US", "de", "es-MX"], segmentation="semantic") as harness:
        _, texts = await harness.converse()
        assert texts == [WRITTEN, WRITTEN_NEXT]
        assert harness.a.recognizer.queries[0]["lidEnabled"] == "true"
        assert "language" not in harness.a.recognizer.queries[0]
        context = harness.a.recognizer.contexts[0]
        assert context["languageId"]["languages"] == ["en-US", "de-DE", "es-MX"]
        assert context["phraseDetection"]["conversation"] == {"segmentation": {"mode": "Semantic"}}


async def test_what_the_vendor_does_not_take_is_refused_for_good(harness: Harness) -> None:
    recognizer = harness.recognizer(renew_s=600)
    with pytest.raises(ProviderError, match="Azure does not support 'xx'") as raised:
        await recognizer.open("xx", lambda event: None)
    assert not raised.value.retryable
    events: list[SpeechToTextEvent] = []
    session = await recognizer.open("xxxx-US", events.append)
    session.push(SILENCE * FRAME * 10)
    await wait_for(lambda: bool(events))
    assert isinstance(events[0], SpeechToTextFailed)
    assert (events[0].error.cause, events[0].error.retryable) == ("refused", False)
