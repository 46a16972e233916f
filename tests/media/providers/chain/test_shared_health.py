"""Chains of several calls on one board: what each learns from the others, and what counts as a sign of life."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.cleanup import close_stream
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    ProviderError,
    ProviderKind,
    RecognizedText,
    SpeechChunk,
    SpeechToTextFailed,
    TextDelta,
    TokenUsage,
    ToolCall,
)
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech, Step
from tests.media.providers.virtual import now, run

REQUEST = ChatRequest("", [Message("user", "Are you open?")])
DOWN = ProviderError("a", "HTTP 502")
TURN_S = 3.0


class Calls:
    """Calls whose chains share a board. failed: what they reported."""

    def __init__(self) -> None:
        self.board = HealthBoard(lambda: asyncio.get_running_loop().time(), chance=lambda: 0.0)
        self.failed: list[ProviderFailed] = []

    def health(self, kind: ProviderKind, names: str) -> ChainHealth:
        return ChainHealth(self.board, [HealthKey(kind, name) for name in names])

    def llm(self, *models: FakeLanguageModel) -> LanguageModelChain:
        names = "".join(model.name for model in models)
        return LanguageModelChain(models, self.failed.append, health=self.health("llm", names))

    def tts(self, *voices: FakeTextToSpeech) -> TextToSpeechChain:
        names = "".join(voice.name for voice in voices)
        return TextToSpeechChain(voices, self.failed.append, health=self.health("tts", names))

    def stt(self, *recognizers: FakeSpeechToText) -> SpeechToTextChain:
        names = "".join(recognizer.name for recognizer in recognizers)
        return SpeechToTextChain(recognizers, self.failed.append, health=self.health("stt", names))

    def eject(self, kind: ProviderKind, name: str = "a") -> None:
        for _ in range(3):
            self.board.start(HealthKey(kind, name)).fail(DOWN)

    def is_usable(self, kind: ProviderKind, name: str = "a") -> bool:
        return self.board.is_usable(HealthKey(kind, name))


async def reply(chain: LanguageModelChain) -> str:
    return "".join([event.text async for event in chain.stream(REQUEST) if isinstance(event, TextDelta)])


async def speak(chain: TextToSpeechChain, text: str = "We are open.") -> list[SpeechChunk]:
    async def source() -> AsyncIterator[str]:
        yield text

    return [chunk async for chunk in chain.stream(source(), "en")]


def dead() -> FakeLanguageModel:
    return FakeLanguageModel("a", [None])


def working(name: str = "b") -> FakeLanguageModel:
    return FakeLanguageModel(name, [0.2, TextDelta("Yes.")])


def test_only_the_first_of_100_calls_wait_for_a_dead_model() -> None:
    """5 new calls a second with 3 turns each: alone, each call meets it once."""

    async def call(calls: Calls, waits: list[float], *, alone: bool) -> None:
        own = Calls() if alone else calls
        own.failed = calls.failed
        chain = own.llm(dead(), working())
        for _ in range(3):
            begun = now()
            await reply(chain)
            waits.append(now() - begun)
            await asyncio.sleep(TURN_S)

    async def main(*, alone: bool) -> tuple[int, int]:
        calls, waits = Calls(), list[float]()
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(call(calls, waits, alone=alone))
                await asyncio.sleep(0.2)
        assert all(wait in (pytest.approx(0.2), pytest.approx(1.4)) for wait in waits)
        return len(calls.failed), sum(wait > 1 for wait in waits)

    assert run(main(alone=True)) == (100, 100)
    met, waited = run(main(alone=False))
    assert met == waited <= 12


def test_a_model_that_dies_under_load_is_left_by_the_calls_that_run() -> None:
    """20 requests a second; it answers for 10 s, then hangs."""

    class Dying(FakeLanguageModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
            await asyncio.sleep(0.2 if now() < 10 else 60)
            yield TextDelta("Yes.")

    async def main() -> int:
        calls = Calls()
        async with asyncio.TaskGroup() as group:
            for _ in range(400):
                group.create_task(reply(calls.llm(Dying("a"), working())))
                await asyncio.sleep(0.05)
        return len(calls.failed)

    assert run(main()) <= 30


def test_an_ejected_model_is_tried_last_but_never_dropped() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("llm")
        a, b = working("a"), FakeLanguageModel("b", [DOWN])
        assert await reply(calls.llm(a, b)) == "Yes."
        assert (len(a.requests), len(b.requests)) == (1, 1)
        assert calls.is_usable("llm"), "its useful unit heals it"

    run(main())


def test_when_all_are_ejected_the_order_of_the_list_holds() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("llm", "a")
        calls.eject("llm", "b")
        a, b = working("a"), working("b")
        await reply(calls.llm(a, b))
        assert (len(a.requests), len(b.requests)) == (1, 0)

    run(main())


def test_one_call_probes_and_the_others_take_the_next_model() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("llm")
        await asyncio.sleep(15.0)
        chains = [calls.llm(dead(), working()) for _ in range(5)]
        assert await asyncio.gather(*map(reply, chains)) == ["Yes."] * 5
        assert now() == pytest.approx(16.4)
        assert len(calls.failed) == 1

    run(main())


@pytest.mark.parametrize(
    ("steps", "healed"),
    [
        ([TextDelta("Yes.")], True),
        ([ToolCall("1", "end_call", "{}")], True),
        ([TextDelta(""), None], False),
        ([TokenUsage(1, 1), None], False),
        ([TextDelta("Yes"), None], True),
    ],
)
def test_the_first_word_or_tool_call_of_a_model_heals_and_nothing_before_it(
    steps: Sequence[Step], healed: bool
) -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("llm")
        task = asyncio.create_task(reply(calls.llm(FakeLanguageModel("a", steps))))
        await asyncio.sleep(1.0)
        assert calls.is_usable("llm") is healed
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())


@pytest.mark.parametrize("closing", ["cancel", "close"])
def test_an_interrupted_probe_lets_the_next_request_probe(closing: str) -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("llm")
        await asyncio.sleep(15.0)
        chain = calls.llm(FakeLanguageModel("a", [TextDelta(" "), None]))
        stream = chain.stream(REQUEST)
        if closing == "cancel":
            task = asyncio.create_task(reply(chain))
            await asyncio.sleep(1.0)
            assert not calls.is_usable("llm")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            await anext(stream)
            assert not calls.is_usable("llm")
            await close_stream(stream)
        assert calls.is_usable("llm")
        assert calls.failed == []

    run(main())


def test_the_first_audio_of_a_voice_heals() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("tts")
        voice = FakeTextToSpeech("a", 0.5, SpeechChunk(b""), 0.5, SpeechChunk(b"\x00" * 800), 0.5)
        task = asyncio.create_task(speak(calls.tts(voice)))
        await asyncio.sleep(0.9)
        assert not calls.is_usable("tts")
        await asyncio.sleep(0.2)
        assert calls.is_usable("tts")
        await task

    run(main())


def test_an_interrupted_speech_ends_the_probe_of_a_voice() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("tts")
        await asyncio.sleep(15.0)
        task = asyncio.create_task(speak(calls.tts(FakeTextToSpeech("a", None), FakeTextToSpeech("b"))))
        await asyncio.sleep(1.0)
        assert not calls.is_usable("tts")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert calls.is_usable("tts")

    run(main())


def test_a_dead_voice_is_found_out_by_three_calls() -> None:
    async def main() -> None:
        calls = Calls()
        for _ in range(5):
            await speak(calls.tts(FakeTextToSpeech("a", DOWN), FakeTextToSpeech("b", SpeechChunk(b"\x00" * 800))))
        assert len(calls.failed) == 3

    run(main())


def test_words_during_speech_heal_a_recognizer_and_a_connection_or_silence_does_not() -> None:
    async def main() -> None:
        calls, a = Calls(), FakeSpeechToText("a")
        calls.eject("stt")
        session = await calls.stt(a).open("en", lambda event: None)
        assert not calls.is_usable("stt"), "it was only opened"
        recognizer = a.sessions[0]
        recognizer.sink(RecognizedText("hm", final=False))
        assert not calls.is_usable("stt"), "nobody speaks"
        session.finalize(1)
        recognizer.sink(RecognizedText("", final=True, token=1))
        assert not calls.is_usable("stt"), "an empty text of silence"
        session.started()
        recognizer.sink(RecognizedText(" ", final=False))
        assert not calls.is_usable("stt")
        recognizer.sink(RecognizedText("hello", final=False))
        assert calls.is_usable("stt")
        await session.close()

    run(main())


def test_a_recognizer_that_opens_and_fails_is_found_out_by_three_calls() -> None:
    async def main() -> None:
        calls, opened = Calls(), []
        for _ in range(5):
            a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
            session = await calls.stt(a, b).open("en", lambda event: None)
            session.started()
            for recognizer in a.sessions:
                recognizer.sink(SpeechToTextFailed(DOWN))
            await asyncio.sleep(1.0)
            opened.append((a.opened, b.opened))
            await session.close()
        assert opened == [(1, 1)] * 3 + [(0, 1)] * 2

    run(main())


def test_a_call_that_ends_before_its_recognizer_spoke_ends_the_probe() -> None:
    async def main() -> None:
        calls = Calls()
        calls.eject("stt")
        await asyncio.sleep(15.0)
        session = await calls.stt(FakeSpeechToText("a"), FakeSpeechToText("b")).open("en", lambda event: None)
        assert not calls.is_usable("stt"), "the probe is under way"
        await session.close()
        assert calls.is_usable("stt")

    run(main())


def test_an_open_recognizer_that_is_taken_out_of_service_is_left_within_the_turn_without_losing_words() -> None:
    async def main() -> None:
        calls, a, b = Calls(), FakeSpeechToText("a"), FakeSpeechToText("b")
        heard: list[object] = []
        session = await calls.stt(a, b).open("en", heard.append)
        session.started()
        session.push(b"first words")
        session.finalize(1)
        calls.board.set_out_of_service(frozenset({"a"}))
        session.push(b" and more")
        await asyncio.sleep(0.01)
        assert b.sessions[0].audio == b"first words and more" and b.sessions[0].log[-1] == 1
        b.sessions[0].sink(RecognizedText("first words and more", final=True, token=1))
        assert heard == [RecognizedText("first words and more", True, 1)]
        assert [(one.provider, one.reason, one.next) for one in calls.failed] == [("a", "taken out of service", "b")]
        assert a.sessions[0].closed
        await session.close()
        calls.board.set_out_of_service(frozenset({"b"}))  # nobody is left to be told

    run(main())


def test_a_recognizer_is_left_for_one_that_is_in_service() -> None:
    async def main() -> None:
        calls, a, b, c = Calls(), FakeSpeechToText("a"), FakeSpeechToText("b"), FakeSpeechToText("c")
        session = await calls.stt(a, b, c).open("en", lambda event: None)
        calls.board.set_out_of_service(frozenset({"a", "b"}))
        await asyncio.sleep(0.01)
        assert (len(b.sessions), len(c.sessions)) == (0, 1)
        assert [(one.provider, one.next) for one in calls.failed] == [("a", "c")]
        await session.close()

    run(main())


def test_the_last_recognizer_is_not_left_and_one_is_left_once_another_may_be_tried() -> None:
    async def main() -> None:
        calls, a, b = Calls(), FakeSpeechToText("a"), FakeSpeechToText("b")
        lone = await calls.stt(FakeSpeechToText("c")).open("en", lambda event: None)
        session = await calls.stt(a, b).open("en", lambda event: None)
        calls.board.set_out_of_service(frozenset({"a", "b", "c"}))
        await asyncio.sleep(0.01)
        assert not calls.failed and not b.sessions
        calls.board.set_out_of_service(frozenset({"a"}))
        session.finalize(1)
        a.sessions[0].sink(RecognizedText("hello", final=True, token=1))  # the end of a turn is the next occasion
        await asyncio.sleep(0.01)
        assert b.sessions and a.sessions[0].closed
        await lone.close()
        await session.close()

    run(main())
