"""Audio sent to a recognizer, as it is reported."""

import asyncio

import pytest

from media.providers.chain.stt import SpeechToTextChain
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, RecognizedText, SpeechToTextFailed
from media.providers.usage import UsageMeter
from shared.events import UsageRecorded
from tests.media.providers.fakes import FakeSpeechToText
from tests.media.providers.virtual import run

SECOND = bytes(8_000)


def reported(events: list[UsageRecorded]) -> list[tuple[str, int]]:
    return [(event.provider, event.quantity) for event in events]


def chain_of(events: list[UsageRecorded], *recognizers: FakeSpeechToText) -> SpeechToTextChain:
    meters = [UsageMeter("stt", recognizer.name, events.append, vendor="v", model="m") for recognizer in recognizers]
    return SpeechToTextChain(recognizers, lambda failed: None, meters=meters)


def test_audio_is_reported_every_ten_seconds_and_at_the_end() -> None:
    async def main() -> None:
        events: list[UsageRecorded] = []
        session = await chain_of(events, FakeSpeechToText("a")).open("en", lambda event: None)
        for _ in range(25):
            await asyncio.sleep(0.999)
            session.push(SECOND)
        assert reported(events) == [("a", 10_000), ("a", 10_000)]
        await session.close()
        assert reported(events)[2:] == [("a", 5_000)]
        assert events[0] == UsageRecorded("stt", "a", "v", "m", 10_000, "ms")
        await asyncio.sleep(60)
        assert len(events) == 3

    run(main())


def test_replayed_audio_is_reported_again_for_the_next_recognizer() -> None:
    async def main() -> None:
        events: list[UsageRecorded] = []
        a, b = FakeSpeechToText("a"), FakeSpeechToText("b", delay=1.0)
        session = await chain_of(events, a, b).open("en", lambda event: None)
        session.started()
        session.push(SECOND)
        a.sessions[0].sink(SpeechToTextFailed(ProviderError("a", "socket closed")))
        assert reported(events) == [("a", 1_000)]
        session.push(SECOND)  # while the next one is opened
        await asyncio.sleep(2)
        session.push(SECOND)
        await session.close()
        assert reported(events) == [("a", 1_000), ("b", 3_000)]

    run(main())


@pytest.mark.parametrize("refusal", [KeyRefused, ProviderBusy])
def test_a_session_that_was_refused_before_any_text_is_not_reported(refusal: type[ProviderError]) -> None:
    """Some vendors take audio before they say that they know no such key."""

    async def main() -> None:
        for text in ("", "hello"):
            events: list[UsageRecorded] = []
            a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
            session = await chain_of(events, a, b).open("en", lambda event: None)
            session.push(SECOND)
            if text:
                a.sessions[0].sink(RecognizedText(text, final=False))
            a.sessions[0].sink(SpeechToTextFailed(refusal("a", "HTTP 401")))
            await asyncio.sleep(1)
            await session.close()
            assert reported(events)[:-1] == ([("a", 1_000)] if text else [])
            assert reported(events)[-1][0] == "b"

    run(main())


def test_audio_without_a_recognizer_is_not_reported() -> None:
    async def main() -> None:
        events: list[UsageRecorded] = []
        a = FakeSpeechToText("a")
        session = await chain_of(events, a).open("en", lambda event: None)
        for opened in range(2):
            a.sessions[opened].sink(SpeechToTextFailed(ProviderError("a", "gone")))
            await asyncio.sleep(0.1)
        session.push(SECOND)
        await asyncio.sleep(30)
        await session.close()
        assert events == []

    run(main())


def test_less_than_a_millisecond_waits_for_the_next_report() -> None:
    async def main() -> None:
        events: list[UsageRecorded] = []
        session = await chain_of(events, FakeSpeechToText("a")).open("en", lambda event: None)
        session.push(bytes(15))
        await asyncio.sleep(10.5)
        session.push(bytes(3))
        await session.close()
        assert reported(events) == [("a", 1), ("a", 1)]

    run(main())
