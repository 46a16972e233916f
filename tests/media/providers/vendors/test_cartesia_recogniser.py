"""Cartesia's recognisers through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from media.providers.ports import ProviderError, RecognisedText, SpeechToTextEvent, SpeechToTextSession, TurnSignal
from simulator.vendors.cartesia_recogniser import CartesiaRecognisers
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from tests.simulator.vendors.cartesia_callers import caller_frames, make_recognisers, wait_for

TEXT = "i would like to book a table for seven"
NEXT = "good bye"


@dataclass
class Caller:
    """One caller. events: of the recognisers. burst: frames in a millisecond."""

    burst: int = 8

    session: SpeechToTextSession | None = None
    events: list[SpeechToTextEvent] = field(default_factory=list)
    pushed: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def sink(self, event: SpeechToTextEvent) -> None:
        self.events.append(event)
        self.changed.set()

    async def say(self, text: str, token: int) -> str:
        """Says a text; returns what was recognised."""
        assert self.session is not None
        for index, frame in enumerate(caller_frames(text)):
            self.session.push(frame)
            self.pushed += len(frame)
            if index == 5:
                self.session.started()
            if index % self.burst == 0:
                await asyncio.sleep(0.001)
        self.session.finalise(token)
        async with asyncio.timeout(8):
            while not (found := [event for event in self.events if self._answers(event, token)]):
                self.changed.clear()
                await self.changed.wait()
        self.session.next_turn()
        assert isinstance(found[0], RecognisedText)
        return found[0].text

    @staticmethod
    def _answers(event: SpeechToTextEvent, token: int) -> bool:
        return isinstance(event, RecognisedText) and event.token == token


@dataclass
class Harness:
    a: CartesiaRecognisers
    b: CartesiaRecognisers
    call: CartesiaCall
    has_turns: bool


@pytest.fixture(params=["finalize", "turns"])
async def harness(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Harness]:
    a, b = make_recognisers(TEXT, NEXT, key="key-a"), make_recognisers(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    options: dict[str, Any] = {"turns": request.param == "turns", "answer_s": 0.2}
    async with running_call("stt", servers, tmp_path, monkeypatch, **options) as call:
        yield Harness(a, b, call, request.param == "turns")


async def converse(harness: Harness, burst: int = 8) -> tuple[Caller, list[str]]:
    """Two turns of a caller."""
    caller = Caller(burst)
    caller.session = await harness.call.build().stt.open("en-US", caller.sink)
    texts = [await caller.say(TEXT, 1), await caller.say(NEXT, 2)]
    await caller.session.close()
    return caller, texts


async def test_turns_are_recognised_over_one_connection(harness: Harness) -> None:
    caller, texts = await converse(harness)
    assert texts == [TEXT, NEXT]
    server = harness.a
    assert server.state.opened["stt"] == 1
    await wait_for(lambda: bool(server.state.billed))
    assert harness.call.sums("a")["ms"] == server.state.total("stt", "ms") == caller.pushed / 8
    assert {(event.vendor, event.model) for event in harness.call.used} == {("cartesia", "ink-2")}
    assert any(isinstance(event, RecognisedText) and not event.final and event.text for event in caller.events)
    assert not harness.call.failed
    assert {"encoding": ["pcm_mulaw"], "sample_rate": ["8000"]}.items() <= server.queries[0].items()


async def test_words_are_timed_in_the_callers_audio_where_the_vendor_times_them(harness: Harness) -> None:
    """Its protocol of turns tells no times."""
    caller, _ = await converse(harness)
    answer = next(event for event in caller.events if isinstance(event, RecognisedText) and event.token == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [(one.text, before_ms + one.start_ms, before_ms + one.end_ms) for one in word_times(NEXT)]
    wanted = [] if harness.has_turns else truth
    assert [one.text for one in answer.words] == [text for text, _, _ in wanted]
    for told, (_, start_ms, end_ms) in zip(answer.words, wanted, strict=True):
        assert abs(told.start_ms - start_ms) <= 100 and abs(told.end_ms - end_ms) <= 100


@pytest.mark.parametrize(
    ("kind", "units"), [("deaf", 0), ("stall", 0), ("stall", 4), ("cut", 4), ("garbage", 4), ("half_open", 4)]
)
async def test_no_word_is_lost_when_a_connection_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await converse(harness, burst=1)  # the first words are known before the last ones are said
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"
    await wait_for(lambda: bool(harness.b.state.billed))
    assert harness.b.state.total("stt", "ms") == harness.call.sums("b")["ms"]
    assert harness.call.sums("a")["ms"] >= harness.a.state.total("stt", "ms")


async def test_noise_is_no_failure(harness: Harness) -> None:
    """Seconds of it, which voice detection takes for speech."""
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    noise = random.Random(1).randbytes(2_400 * 8)
    for token in (1, 2, 3):
        session.started()
        session.push(noise)
        session.finalise(token)
        await wait_for(lambda wanted=token: any(getattr(one, "token", None) == wanted for one in events))  # type: ignore[misc]
        session.next_turn()
    await session.close()
    assert {one.text for one in events if isinstance(one, RecognisedText)} == {""}
    assert not harness.call.failed


@pytest.mark.parametrize("kind", ["refuse", "unauthorized", "no_credit", "rate_limited"])
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await converse(harness)
    assert texts == [TEXT, NEXT]
    assert not harness.call.sums("a")
    assert not harness.a.state.billed
    statuses = {"unauthorized": "HTTP 401", "no_credit": "HTTP 402", "rate_limited": "HTTP 429", "refuse": ""}
    assert statuses[kind] in harness.call.failed[0].reason


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_finals_out_of_order_and_repeated_ones_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await converse(harness)
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


async def test_a_language_that_the_model_does_not_know_is_refused(harness: Harness) -> None:
    with pytest.raises(ProviderError, match="ink-2 knows no 'de'"):
        await harness.call.build().stt.open("de-DE", lambda event: None)
    assert not harness.a.state.opened["stt"]


async def test_a_refused_setting_is_an_error_of_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {name: make_recognisers(TEXT, key=name) for name in ("a", "b")}
    routes = {name: (one.state, one.routes()) for name, one in servers.items()}
    chosen: dict[str, Any] = {"turns": True, "turn_end_threshold": 0.5, "turn_eager_end_threshold": 0.4}
    async with running_call("stt", routes, tmp_path, monkeypatch, **chosen) as call:
        with pytest.raises(ProviderError, match="error 400 invalid_threshold"):
            await call.build().stt.open("en", lambda event: None)


async def test_the_protocol_of_turns_signals_their_ends(harness: Harness) -> None:
    caller, _ = await converse(harness)
    signals = [event for event in caller.events if isinstance(event, TurnSignal)]
    if not harness.has_turns:
        assert signals == []
        return
    ends = {event.text: event.finished for event in signals if not event.resumed}
    assert ends[TEXT] in (0.6, 0.8)
    assert set(ends) <= {TEXT, NEXT}
    assert not harness.call.failed


async def test_the_account_s_thresholds_are_the_signals_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {name: make_recognisers(TEXT, NEXT, key=name) for name in ("a", "b")}
    routes = {name: (one.state, one.routes()) for name, one in servers.items()}
    chosen: dict[str, Any] = {"turns": True, "turn_end_threshold": 0.1, "turn_eager_end_threshold": 0.5}
    async with running_call("stt", routes, tmp_path, monkeypatch, **chosen) as call:
        caller = Caller()
        session = await call.build().stt.open("en", caller.sink)
        for frame in [*caller_frames(TEXT), *[b"\xff" * 160] * 200]:
            session.push(frame)

        def finished() -> set[float | None]:
            return {event.finished for event in caller.events if isinstance(event, TurnSignal)}

        await wait_for(lambda: finished() == {0.5, 0.9})
        await session.close()
