"""When a chain's request probes or waits, and which of its failures say something about the provider."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.providers.cleanup import close_stream
from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, SpeechChunk, TokenUsage
from tests.media.providers.chain.test_shared_health import DOWN, Calls, reply, speak, working
from tests.media.providers.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from tests.media.providers.virtual import run


def test_a_call_that_ends_while_its_recognizer_opens_ends_the_probe() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("stt")
        await asyncio.sleep(15.0)
        chain = calls.stt(FakeSpeechToText("a", delay=2.0), FakeSpeechToText("b"))
        task = asyncio.create_task(chain.open("en", lambda event: None))
        await asyncio.sleep(1.0)
        assert not calls.is_usable("stt"), "the probe is under way"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert calls.is_usable("stt")

    run(main())


class CrashingLanguageModel(FakeLanguageModel):
    """Has a defect that shows after a while."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        async for event in super().stream(request):
            yield event
        raise ZeroDivisionError


def test_a_request_that_crashes_ends_the_probe_and_waits_for_nothing() -> None:
    async def main() -> None:
        calls = Calls()
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await reply(calls.llm(CrashingLanguageModel("a", [0.1]), working()))
        await asyncio.sleep(5.0)
        assert calls.is_usable("llm"), "no request waits"
        calls.eject("llm")
        await asyncio.sleep(15.0)
        with pytest.raises(ZeroDivisionError):
            await reply(calls.llm(CrashingLanguageModel("a", [0.1]), working()))
        assert calls.is_usable("llm"), "nobody probes"

    run(main())


def test_a_voice_is_not_probed_before_there_is_text_for_it() -> None:
    """The model, or a tool, may take long: the voice can do nothing for its health meanwhile."""

    async def main() -> None:
        calls = Calls()
        calls.eject("tts")
        await asyncio.sleep(15.0)
        model = asyncio.Event()

        async def text() -> AsyncIterator[str]:
            await model.wait()
            yield "We are open."

        voice = FakeTextToSpeech("a", SpeechChunk(b"\x00" * 800))
        stream = calls.tts(voice, FakeTextToSpeech("b")).stream(text(), "en")
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(1.0)
        assert calls.is_usable("tts"), "another call may probe it"
        model.set()
        await task
        assert voice.texts == ["We are open."]
        await close_stream(stream)

    run(main())


def test_a_voice_that_waits_for_the_model_s_words_is_not_slow() -> None:
    """It got a word and waits for the rest of the clause, as a voice may."""

    async def main() -> None:
        calls = Calls()
        streams = list[tuple[AsyncIterator[SpeechChunk], asyncio.Future[SpeechChunk]]]()

        async def text() -> AsyncIterator[str]:
            yield "We "
            await asyncio.sleep(30.0)

        for _ in range(3):
            stream = calls.tts(FakeTextToSpeech("a"), FakeTextToSpeech("b")).stream(text(), "en")
            streams.append((stream, asyncio.ensure_future(anext(stream))))
        await asyncio.sleep(5.0)
        assert calls.is_usable("tts")
        for stream, waiting in streams:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await close_stream(stream)
        await asyncio.sleep(5.0)
        assert calls.is_usable("tts"), "an interrupted one does not wait"

    run(main())


def test_a_voice_that_gives_no_audio_for_a_clause_is_slow() -> None:
    async def main() -> None:
        calls = Calls()
        tasks = [
            asyncio.create_task(speak(calls.tts(FakeTextToSpeech("a", None), FakeTextToSpeech("b", None))))
            for _ in range(3)
        ]
        await asyncio.sleep(1.2)
        assert not calls.is_usable("tts")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


def test_one_request_is_one_failure_however_often_it_tries_a_provider() -> None:
    """A lone provider is tried twice at once. So one conversation that a provider cannot answer does not eject it."""

    async def main() -> None:
        calls = Calls()
        for _ in range(2):
            with pytest.raises(ProviderError):
                await reply(calls.llm(FakeLanguageModel("a", [1.0, DOWN])))
        assert len(calls.failed) == 4
        assert calls.is_usable("llm")
        with pytest.raises(ProviderError):
            await reply(calls.llm(FakeLanguageModel("a", [1.0, DOWN])))
        assert not calls.is_usable("llm")

    run(main())


def test_empty_replies_concern_their_call_alone() -> None:
    """They come from a prompt or a limit of tokens as easily as from a fault, and cost no wait for a deadline."""

    async def main() -> None:
        calls = Calls()
        for _ in range(30):
            await reply(calls.llm(FakeLanguageModel("a", [TokenUsage(9, 1)]), working()))
            await asyncio.sleep(1.0)
        assert calls.is_usable("llm")

    run(main())
