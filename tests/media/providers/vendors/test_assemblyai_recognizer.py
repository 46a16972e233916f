"""AssemblyAI's recognizers through the chain of a call, against two simulated vendors over TLS, with each fault."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from media.providers.ports import ProviderError, SpeechToTextEvent, TurnSignal
from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, Caller, RecognizerHarness
from tests.simulator.vendors.assemblyai_callers import make_assemblyai
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from vendors.assemblyai.simulator import SimulatedAssemblyAi

ENGLISH = "universal-streaming-english"
UNIVERSAL_3 = "universal-3-6-pro"


@dataclass
class Harness(RecognizerHarness[SimulatedAssemblyAi]):
    model: str

    async def converse(self, burst: int = 8) -> tuple[Caller, list[str]]:
        caller, texts = await super().converse(burst)
        return caller, [plain(text) for text in texts]


def plain(text: str) -> str:
    """Without capitals and marks, which Universal-3 sets."""
    return text.lower().replace(".", "")


@asynccontextmanager
async def running(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Harness]:
    a, b = make_assemblyai(TEXT, NEXT, key="key-a"), make_assemblyai(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    chosen = {"model": ENGLISH, "answer_s": 0.2, **options}
    async with running_call("stt", servers, folder, monkeypatch, vendor="assemblyai", **chosen) as call:
        yield Harness(a, b, call, str(chosen["model"]))


@pytest.fixture(params=[ENGLISH, UNIVERSAL_3])
async def harness(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Harness]:
    async with running(tmp_path, monkeypatch, model=request.param) as made:
        yield made


async def test_turns_are_recognized_over_one_session_that_is_terminated(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    server = harness.a
    await wait_for(lambda: bool(server.heard_ms))
    assert (server.state.opened["stt"], server.unterminated) == (1, 0)
    unsent_ms = caller.pushed / 8 - server.heard_ms[0]
    assert 0 <= unsent_ms < 50
    assert harness.call.sums("a")["ms"] == caller.pushed / 8
    assert server.state.total("stt", "ms") > 0
    assert {(event.vendor, event.model) for event in harness.call.used} == {("assemblyai", harness.model)}
    assert not harness.call.failed
    query = server.queries[0]
    assert {"encoding": "pcm_mulaw", "sample_rate": "8000", "speech_model": harness.model}.items() <= query.items()
    assert query.get("language_codes") == ('["en"]' if harness.model == UNIVERSAL_3 else None)


async def test_words_are_timed_in_the_callers_audio(harness: Harness) -> None:
    caller, _ = await harness.converse()
    answer = next(event for event in caller.events if getattr(event, "token", None) == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [
        (word_time.text, before_ms + word_time.start_ms, before_ms + word_time.end_ms) for word_time in word_times(NEXT)
    ]
    told = answer.words  # type: ignore[union-attr]
    assert [plain(one.text) for one in told] == [text for text, _, _ in truth]
    for one, (_, start_ms, end_ms) in zip(told, truth, strict=True):
        assert abs(one.start_ms - start_ms) <= 100 and abs(one.end_ms - end_ms) <= 100


@pytest.mark.parametrize(
    ("kind", "units", "model"),
    [
        ("deaf", 0, ENGLISH),
        ("stall", 1, ENGLISH),
        ("stall", 1, UNIVERSAL_3),
        ("cut", 1, ENGLISH),
        ("garbage", 1, UNIVERSAL_3),
        ("error", 1, ENGLISH),
    ],
)
async def test_no_word_is_lost_when_a_session_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, units: int, model: str
) -> None:
    async with running(tmp_path, monkeypatch, model=model) as harness:
        harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
        _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
        assert texts == [TEXT, NEXT]
        assert harness.call.failed[0].provider == "a"
        await wait_for(lambda: bool(harness.b.heard_ms))
        assert harness.b.unterminated == 0
        if kind in ("garbage", "deaf", "stall"):  # the others end the connection, or read nothing
            await wait_for(lambda: bool(harness.a.heard_ms))
            assert harness.a.unterminated == 0


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_ends_out_of_order_and_repeated_ones_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    async with running(tmp_path, monkeypatch, format_turns=True) as harness:
        harness.a.state.faults.queue("stt", Fault(kind))
        _, texts = await harness.converse()
        assert texts == [TEXT, NEXT]
        assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "cause", "by_http"),
    [
        ("unauthorized", "unauthorized", False),
        ("unauthorized", "unauthorized", True),
        ("no_credit", "quota", False),
        ("rate_limited", "rate_limited", False),
    ],
)
async def test_refused_account_is_replaced_and_not_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, cause: str, by_http: bool
) -> None:
    async with running(tmp_path, monkeypatch) as harness:
        harness.a.refuses_by_http = by_http
        harness.a.state.faults.keep("stt", Fault(kind))
        _, texts = await harness.converse()
        assert texts == [TEXT, NEXT]
        assert (harness.call.failed[0].provider, harness.call.failed[0].cause) == ("a", cause)
        assert not harness.call.sums("a")
        assert not harness.a.state.billed


async def test_formatted_turns_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, monkeypatch, format_turns=True) as harness:
        caller, texts = await harness.converse()
        assert texts == [TEXT, NEXT]
        answers = [event for event in caller.events if getattr(event, "token", None)]
        assert [answer.text for answer in answers] == [  # type: ignore[union-attr]
            "I would like to book a table for seven.",
            "Good bye.",
        ]


async def test_the_vendors_own_end_is_signaled_and_then_the_answer(harness: Harness) -> None:
    """A second of silence, after which both families end a turn by themselves."""
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en", events.append)
    for frame in [*caller_frames(NEXT, 0), *[SILENCE * FRAME] * 52]:
        session.push(frame)
    await wait_for(lambda: any(isinstance(event, TurnSignal) for event in events))
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    await session.close()
    signals = [event for event in events if isinstance(event, TurnSignal)]
    assert plain(signals[-1].text) == NEXT
    assert signals[-1].finished is not None and signals[-1].finished >= 0.7
    assert not harness.call.failed


async def test_noise_is_not_a_failure(harness: Harness) -> None:
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(b"\x10\x90" * 9_600)  # 2.4 s at once: more than one message may hold
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    await session.close()
    await wait_for(lambda: bool(harness.a.heard_ms))
    assert harness.a.heard_ms == [2_400]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("options", "language", "reason"),
    [
        ({}, "de-DE", f"{ENGLISH} does not support 'de'"),
        ({"model": "universal-streaming-multilingual"}, "ja", "does not support 'ja'"),
        ({"model": "universal-4"}, "en", "error 3006"),
    ],
)
async def test_a_refused_setting_is_an_error_of_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], language: str, reason: str
) -> None:
    async with running(tmp_path, monkeypatch, **options) as harness:
        with pytest.raises(ProviderError, match=reason):
            await harness.call.build().stt.open(language, lambda event: None)


async def test_options_are_sent_as_the_vendor_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: dict[str, Any] = {
        "model": UNIVERSAL_3,
        "keyterm": ["Müller & Co", "Kelly"],
        "agent_context": "Which day?",
        "mode": "min_latency",
        "min_turn_silence_ms": 200,
        "max_turn_silence_ms": 900,
    }
    async with running(tmp_path, monkeypatch, **chosen) as harness:
        session = await harness.call.build().stt.open("pt-BR", lambda event: None)
        await session.close()
        assert harness.a.queries == [
            {
                "speech_model": UNIVERSAL_3,
                "encoding": "pcm_mulaw",
                "sample_rate": "8000",
                "keyterms_prompt": '["Müller & Co", "Kelly"]',
                "min_turn_silence": "200",
                "max_turn_silence": "900",
                "language_codes": '["pt"]',
                "agent_context": "Which day?",
                "mode": "min_latency",
            }
        ]
