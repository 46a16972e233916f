"""Soniox's recognizer through the chain of a call, against two simulated vendors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.ports import (
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    SpeechToTextEvent,
    TurnSignal,
)
from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, RecognizerHarness
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from tests.simulator.vendors.soniox_callers import make_soniox
from vendors.soniox import media as soniox_media
from vendors.soniox import wire as soniox_wire
from vendors.soniox.facts import SonioxSpeechToTextOptions, find_soniox_language
from vendors.soniox.simulator import MAX_CONTEXT_CHARACTERS, SimulatedSoniox
from vendors.soniox.wire import SonioxTranscript, make_error, make_finalize, make_url


@pytest.mark.parametrize(
    ("code", "kind", "error", "cause", "retryable"),
    [
        (401, "unauthenticated", KeyRefused, "unauthorized", False),
        (403, "permission_denied", KeyRefused, "unauthorized", False),
        (402, "organization_balance_exhausted", ProviderBusy, "quota", False),
        (429, "limit_exceeded", ProviderBusy, "rate_limited", True),
        (400, "invalid_request", ProviderError, "refused", False),
        (408, "request_timeout", ProviderSlow, "late", True),
        (413, "max_duration_reached", ProviderError, "cut", True),
        (503, "service_unavailable", ProviderError, "error", True),
    ],
)
def test_errors_are_read_by_their_codes_and_sentences_are_not_told(
    code: int, kind: str, error: type, cause: str, retryable: bool
) -> None:
    message = {"tokens": [], "error_code": code, "error_type": kind, "error_message": "Incorrect API key: sk-12345"}
    with pytest.raises(ProviderError) as raised:
        SonioxTranscript("v", make_finalize()).read(msgspec.json.encode(message), 0)
    found = raised.value
    assert (type(found), found.cause, found.retryable) == (error, cause, retryable)
    assert found.reason == f"error {code} {kind}"


def test_a_kind_that_is_no_code_is_not_told() -> None:
    assert make_error("v", 503, "sk-1a2b3c4d5e").reason == "error 503"
    assert make_error("v", 503).reason == "error 503"


@pytest.mark.parametrize("message", [b"", b"[]", b'{"tokens":7}', b'{"tokens":[{"text":1}]}', b"\xff"])
def test_a_message_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        SonioxTranscript("v", make_finalize()).read(message, 0)


def test_languages_are_the_vendors() -> None:
    found = [find_soniox_language(one) for one in ("en-US", "nb-NO", "fil", "DE", "tlh")]
    assert found == ["en", "no", "tl", "de", None]


def test_settings_say_only_what_was_chosen() -> None:
    plain = soniox_wire.make_settings("v", SonioxSpeechToTextOptions(language="auto"), "en-US")
    always = {"model", "enable_endpoint_detection", "enable_language_identification"}
    assert {name for name, value in plain.items() if value is not None} == always
    chosen = SonioxSpeechToTextOptions(only_language=True, keyterm=("Okonkwo",), context="A dentist.")
    found = soniox_wire.make_settings("v", chosen, "de-DE")
    assert (found["language_hints"], found["language_hints_strict"]) == (["de"], True)
    assert found["context"] == {"text": "A dentist.", "terms": ("Okonkwo",)}
    several = soniox_wire.make_settings("v", SonioxSpeechToTextOptions(languages=("en", "es")), "de-DE")
    assert (several["language_hints"], several["language_hints_strict"]) == (["en", "es"], None)
    with pytest.raises(ProviderError, match="stt-rt-v5 does not support 'tlh'"):
        soniox_wire.make_settings("v", chosen, "tlh")


def test_no_more_keyterms_are_configured_than_the_vendor_takes() -> None:
    fitting = SonioxSpeechToTextOptions(keyterm=("Жук" * 25 + "12345",) * 62, context="я" * 4_000)
    context = soniox_wire.make_settings("v", fitting, "uk")["context"]
    assert len(msgspec.json.encode(context).decode()) < MAX_CONTEXT_CHARACTERS
    with pytest.raises(ValueError, match="keyterm: more than 5000 characters together"):
        SonioxSpeechToTextOptions(keyterm=("x" * 100,) * 51)


def test_an_address_may_hold_the_path() -> None:
    assert make_url("https://x.example/", "/a") == "wss://x.example/a"
    assert make_url("wss://x.example/a", "/a") == "wss://x.example/a"


# --- calls ---


Harness = RecognizerHarness[SimulatedSoniox]


@asynccontextmanager
async def running(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Harness]:
    a, b = make_soniox(TEXT, NEXT, key="key-a"), make_soniox(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("stt", servers, folder, monkeypatch, vendor="soniox", **options) as call:
        yield Harness(a, b, call)


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    async with running(tmp_path, monkeypatch, keyterm=["Kelly", "Müller & Co"]) as made:
        yield made


async def test_turns_are_recognized_with_times_over_one_session(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert harness.a.starts == [
        {
            "model": "stt-rt-v5",
            "audio_format": "mulaw",
            "sample_rate": 8_000,
            "num_channels": 1,
            "language_hints": ["en"],
            "context": {"terms": ["Kelly", "Müller & Co"]},
            "enable_endpoint_detection": True,
            "enable_language_identification": True,
        }
    ]
    await wait_for(lambda: bool(harness.a.state.billed))
    assert harness.call.sums("a")["ms"] == harness.a.state.total("stt", "ms") == caller.pushed / 8
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
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_tokens_out_of_order_and_repeated_ones_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "cause", "reason"),
    [
        ("unauthorized", "unauthorized", "error 401 unauthenticated"),
        ("no_credit", "quota", "error 402 organization_balance_exhausted"),
        ("rate_limited", "rate_limited", "error 429 limit_exceeded"),
    ],
)
async def test_refused_account_is_replaced_and_not_billed(harness: Harness, kind: Any, cause: str, reason: str) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert (harness.call.failed[0].cause, harness.call.failed[0].reason) == (cause, reason)
    assert not harness.a.state.billed
    assert harness.call.sums("a")["ms"] == 0  # what was sent until the vendor's answer bought nothing


async def test_one_that_takes_over_with_a_wrong_key_is_not_metered_for_what_it_was_sent_at_once(
    harness: Harness,
) -> None:
    harness.a.state.faults.queue("stt", Fault("cut", after_units=2))
    harness.b.state.faults.keep("stt", Fault("unauthorized"))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT], "the first one goes on"
    assert {one.provider for one in harness.call.failed} == {"a", "b"}
    assert harness.call.sums("b")["ms"] == 0 and not harness.b.state.billed


async def test_noise_is_not_a_failure_and_pauses_are_signaled(harness: Harness) -> None:
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(b"\x10\x90" * 9_600)
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    session.next_turn()
    session.started()
    for frame in [*caller_frames(NEXT, 0), *[SILENCE * FRAME] * 40]:
        session.push(frame)
    await wait_for(lambda: any(isinstance(event, TurnSignal) for event in events))
    session.finalize(2)  # is answered by the vendor's own end
    await wait_for(lambda: any(getattr(event, "token", None) == 2 for event in events))
    await session.close()
    assert {event.text for event in events if isinstance(event, TurnSignal)} == {NEXT}
    assert not harness.call.failed


async def test_a_session_without_audio_is_kept_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soniox_media, "RULES", replace(soniox_media.RULES, keep_alive_s=0.05))
    async with running(tmp_path, monkeypatch) as harness:
        harness.a.timing = replace(harness.a.timing, idle_s=0.3)
        events: list[SpeechToTextEvent] = []
        session = await harness.call.build().stt.open("en-US", events.append)
        with pytest.raises(TimeoutError):  # longer than the vendor waits
            await wait_for(lambda: bool(events), 0.7)
        await session.close()
        assert not harness.call.failed
