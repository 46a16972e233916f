"""One reply with a scripted model and voice, in virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.call.phrases import phrases_in
from media.providers.ports import Message, ProviderError, SpeechChunk, TextDelta, TokenUsage
from tests.media.call.fakes import MS_PER_CHARACTER, FakeModel, FakeVoice, ReplyFakes, Step, words
from tests.media.call.reply_helpers import LOOK_UP, look_up, run_reply, with_and_without_chain
from tests.virtual_time import clock_ms


@with_and_without_chain
def test_fixed_text_is_spoken_unchanged_without_a_model_request(chained: bool) -> None:
    fakes = ReplyFakes(chained=chained)
    reply = run_reply(fakes, "Hello. This is Anna, how can I help?")
    assert fakes.voice.pieces == ["Hello. This is Anna, how can I help?"]
    assert fakes.said() == [reply.utterance.text] == ["Hello. This is Anna, how can I help?"]
    assert fakes.model.requests == []
    assert reply.utterance.complete


def test_empty_fixed_text_makes_no_model_request() -> None:
    fakes = ReplyFakes()
    reply = run_reply(fakes, "")
    assert fakes.model.requests == []
    assert (reply.utterance.text, reply.utterance.audio_ms, reply.utterance.complete) == ("", 0, True)


@with_and_without_chain
def test_the_first_clause_is_spoken_while_the_model_still_writes(chained: bool) -> None:
    text = "Let me see what we have, " + "there is a long list of things that take time to say, " * 5 + "thank you."
    fakes = ReplyFakes(FakeModel(words(text)), chained=chained)
    reply = run_reply(fakes)
    assert fakes.voice.pieces[0] == "Let me see what we have, "
    assert "".join(fakes.voice.pieces) == text == reply.utterance.text
    assert fakes.said() == [text]
    assert reply.times.first_word == pytest.approx(10)
    assert reply.times.first_audio == pytest.approx(70 + 100, abs=10)  # the seventh word closes the clause


def test_voice_that_streams_text_gets_each_delta() -> None:
    fakes = ReplyFakes(
        FakeModel([TextDelta(""), TextDelta("Yes"), TextDelta(", of"), TextDelta(""), TextDelta(" course.")])
    )
    fakes.voice = FakeVoice(streams_text=True)
    run_reply(fakes)
    assert fakes.voice.pieces == ["Yes", ", of", " course."]


def test_empty_delta_is_not_the_first_word() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta(""), 0.5, TextDelta("Hi there.")]))
    assert run_reply(fakes).times.first_word == 500


def test_request_contains_the_conversation_and_the_tools() -> None:
    fakes = ReplyFakes(FakeModel("Yes."), tools=look_up())
    fakes.transcript.add_caller("Are you open?")
    run_reply(fakes)
    (request,) = fakes.model.requests
    assert request.system == "Be kind."
    assert request.language == "en"
    assert [tool.name for tool in request.tools] == ["look_up"]
    assert request.messages == [Message("user", "Are you open?")]


@pytest.mark.parametrize("answer", [[], [0.5], [TextDelta("")], [TextDelta(" \n")], [TokenUsage(5, 0)]])
def test_fallback_is_spoken_when_the_model_returns_no_answer(answer: list[Step]) -> None:
    fakes = ReplyFakes(FakeModel(answer))
    run_reply(fakes)
    assert [said.strip() for said in fakes.said()] == [phrases_in("en").say_again]


def test_empty_audio_is_not_the_first_audio() -> None:
    heard: list[float] = []

    class SlowVoice(FakeVoice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
            async for _ in text:
                yield SpeechChunk(b"")
                await asyncio.sleep(1)
                yield SpeechChunk(bytes(800))

    fakes = ReplyFakes(voice=SlowVoice())
    fakes.on_audio_sent = lambda: heard.append(clock_ms())
    assert run_reply(fakes, "Hello.").times.first_audio == 1_000
    assert heard == [1_000]


# --- usage ---


def test_requests_and_speech_are_counted() -> None:
    fakes = ReplyFakes(FakeModel([TextDelta("One moment."), LOOK_UP], [TextDelta("Done.")]), tools=look_up())
    run_reply(fakes)
    usage = fakes.usage.total(0)
    assert usage.llm_requests == 2
    assert usage.tts_ms == (4 + 8 + 6) * MS_PER_CHARACTER


def test_refused_request_is_counted() -> None:
    fakes = ReplyFakes(FakeModel([ProviderError("model", "busy")]))
    with pytest.raises(ProviderError):
        run_reply(fakes)
    assert fakes.usage.total(0).llm_requests == 1
