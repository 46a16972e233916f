"""Cartesia's recognizers through the chain of a call, against two simulated vendors over TLS, with each fault."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from media.providers.ports import ProviderError, RecognizedText, SpeechToTextEvent, TurnSignal
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, Caller, RecognizerHarness
from tests.simulator.vendors.cartesia_callers import caller_frames, make_recognizers, wait_for
from vendors.cartesia.simulator import CartesiaRecognizers


@dataclass
class Harness(RecognizerHarness[CartesiaRecognizers]):
    has_turns: bool


@pytest.fixture(params=["finalize", "turns"])
async def harness(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Harness]:
    a, b = make_recognizers(TEXT, NEXT, key="key-a"), make_recognizers(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    options: dict[str, Any] = {"turns": request.param == "turns", "answer_s": 0.2}
    async with running_call("stt", servers, tmp_path, monkeypatch, **options) as call:
        yield Harness(a, b, call, request.param == "turns")


async def test_turns_are_recognized_over_one_connection(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    server = harness.a
    assert server.state.opened["stt"] == 1
    await wait_for(lambda: bool(server.state.billed))
    assert harness.call.sums("a")["ms"] == server.state.total("stt", "ms") == caller.pushed / 8
    assert {(event.vendor, event.model) for event in harness.call.used} == {("cartesia", "ink-2")}
    assert any(isinstance(event, RecognizedText) and not event.final and event.text for event in caller.events)
    assert not harness.call.failed
    assert {"encoding": ["pcm_mulaw"], "sample_rate": ["8000"]}.items() <= server.queries[0].items()


async def test_words_are_timed_in_the_callers_audio_where_the_vendor_times_them(harness: Harness) -> None:
    """Its protocol of turns tells no times."""
    caller, _ = await harness.converse()
    answer = next(event for event in caller.events if isinstance(event, RecognizedText) and event.token == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [
        (word_time.text, before_ms + word_time.start_ms, before_ms + word_time.end_ms) for word_time in word_times(NEXT)
    ]
    wanted = [] if harness.has_turns else truth
    assert [word.text for word in answer.words] == [text for text, _, _ in wanted]
    for told, (_, start_ms, end_ms) in zip(answer.words, wanted, strict=True):
        assert abs(told.start_ms - start_ms) <= 100 and abs(told.end_ms - end_ms) <= 100


@pytest.mark.parametrize(
    ("kind", "units"), [("deaf", 0), ("stall", 0), ("stall", 4), ("cut", 4), ("garbage", 4), ("half_open", 4)]
)
async def test_no_word_is_lost_when_a_connection_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"
    await wait_for(lambda: bool(harness.b.state.billed))
    assert harness.b.state.total("stt", "ms") == harness.call.sums("b")["ms"]
    assert harness.call.sums("a")["ms"] >= harness.a.state.total("stt", "ms")


async def test_noise_is_not_a_failure(harness: Harness) -> None:
    """Seconds of it, which voice detection takes for speech."""
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    noise = random.Random(1).randbytes(2_400 * 8)
    for token in (1, 2, 3):
        session.started()
        session.push(noise)
        session.finalize(token)
        await wait_for(lambda wanted=token: any(getattr(event, "token", None) == wanted for event in events))  # type: ignore[misc]
        session.next_turn()
    await session.close()
    assert {event.text for event in events if isinstance(event, RecognizedText)} == {""}
    assert not harness.call.failed


@pytest.mark.parametrize("kind", ["refuse", "unauthorized", "no_credit", "rate_limited"])
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.sums("a")
    assert not harness.a.state.billed
    statuses = {"unauthorized": "HTTP 401", "no_credit": "HTTP 402", "rate_limited": "HTTP 429", "refuse": ""}
    assert statuses[kind] in harness.call.failed[0].reason


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_unordered_and_repeated_finals_do_not_duplicate_text(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


async def test_a_language_that_the_model_does_not_know_is_refused(harness: Harness) -> None:
    with pytest.raises(ProviderError, match="ink-2 does not support 'de'"):
        await harness.call.build().stt.open("de-DE", lambda event: None)
    assert not harness.a.state.opened["stt"]


async def test_a_refused_setting_is_an_error_of_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {name: make_recognizers(TEXT, key=name) for name in ("a", "b")}
    routes = {name: (one.state, one.routes()) for name, one in servers.items()}
    chosen: dict[str, Any] = {"turns": True, "turn_end_threshold": 0.5, "turn_eager_end_threshold": 0.4}
    async with running_call("stt", routes, tmp_path, monkeypatch, **chosen) as call:
        with pytest.raises(ProviderError, match="error 400 invalid_threshold"):
            await call.build().stt.open("en", lambda event: None)


async def test_the_protocol_of_turns_signals_their_ends(harness: Harness) -> None:
    caller, _ = await harness.converse()
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
    servers = {name: make_recognizers(TEXT, NEXT, key=name) for name in ("a", "b")}
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
