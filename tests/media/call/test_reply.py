"""One utterance in the making, with a scripted model and voice, in virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.call.reply import NOTHING_SAID
from media.providers.ports import Message, ProviderError, Spoken, TokenUsage, Words
from tests.media.call.fakes import MS_PER_CHARACTER, Model, Stage, Step, Voice, words
from tests.media.call.replies import LOOK_UP, each_way, look_up, make, start, stop
from tests.virtual_time import clock_ms, run_virtual


@each_way
def test_a_fixed_text_is_spoken_as_it_is_and_no_model_is_asked(chained: bool) -> None:
    stage = Stage(chained=chained)
    reply = make(stage, "Hello. This is Anna, how can I help?")
    assert stage.voice.pieces == ["Hello. This is Anna, how can I help?"]
    assert stage.said() == [reply.utterance.text] == ["Hello. This is Anna, how can I help?"]
    assert stage.model.asks == []
    assert reply.utterance.complete


def test_an_empty_fixed_text_is_no_question_to_the_model() -> None:
    stage = Stage()
    reply = make(stage, "")
    assert stage.model.asks == []
    assert (reply.utterance.text, reply.utterance.audio_ms, reply.utterance.complete) == ("", 0, True)


@each_way
def test_the_first_clause_is_spoken_while_the_model_still_writes(chained: bool) -> None:
    text = "Let me see what we have, " + "there is a long list of things that take time to say, " * 5 + "thank you."
    stage = Stage(Model(words(text)), chained=chained)
    reply = make(stage)
    assert stage.voice.pieces[0] == "Let me see what we have, "
    assert "".join(stage.voice.pieces) == text == reply.utterance.text
    assert stage.said() == [text]
    assert reply.stages.first_word == pytest.approx(10)
    assert reply.stages.first_audio == pytest.approx(70 + 100, abs=10)  # the seventh word closes the clause


def test_a_voice_that_takes_words_gets_them_as_they_come() -> None:
    stage = Stage(Model([Words(""), Words("Yes"), Words(", of"), Words(""), Words(" course.")]))
    stage.voice = Voice(streams_text=True)
    make(stage)
    assert stage.voice.pieces == ["Yes", ", of", " course."]


def test_a_sign_of_life_is_no_word() -> None:
    stage = Stage(Model([Words(""), 0.5, Words("Hi there.")]))
    assert make(stage).stages.first_word == 500


def test_asks_with_the_conversation_so_far() -> None:
    stage = Stage(Model("Yes."), tools=look_up())
    stage.transcript.caller("Are you open?")
    make(stage)
    (ask,) = stage.model.asks
    assert ask.system == "Be kind."
    assert ask.language == "en"
    assert [tool.name for tool in ask.tools] == ["look_up"]
    assert ask.messages == [Message("user", "Are you open?")]


@pytest.mark.parametrize("answer", [[], [0.5], [Words("")], [Words(" \n")], [TokenUsage(5, 0)]])
def test_a_model_that_answers_with_nothing_is_spoken_for(answer: list[Step]) -> None:
    stage = Stage(Model(answer))
    make(stage)
    assert [said.strip() for said in stage.said()] == [NOTHING_SAID]


def test_audio_without_sound_is_not_audible() -> None:
    heard: list[float] = []

    class Slow(Voice):
        async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
            async for _ in text:
                yield Spoken(b"")
                await asyncio.sleep(1)
                yield Spoken(bytes(800))

    stage = Stage(voice=Slow())
    stage.audible = lambda: heard.append(clock_ms())
    assert make(stage, "Hello.").stages.first_audio == 1_000
    assert heard == [1_000]


# --- usage ---


def test_counts_what_was_asked_and_spoken() -> None:
    stage = Stage(
        Model([Words("One moment."), LOOK_UP, TokenUsage(100, 9)], [Words("Done."), TokenUsage(120, 2)]),
        tools=look_up(),
    )
    make(stage)
    usage = stage.usage.total(0, 0)
    assert usage.llm_requests == 2
    assert (usage.llm_prompt_tokens, usage.llm_completion_tokens) == (220, 11)
    assert usage.tts_characters == len("One moment. Done.")
    assert usage.tts_ms == (4 + 8 + 6) * MS_PER_CHARACTER


@each_way
def test_a_request_that_is_given_up_is_paid_for_by_estimate(chained: bool) -> None:
    stage = Stage(Model([Words("x" * 40 + " "), 0.5, None]), chained=chained)
    stage.transcript.caller("y" * 400)

    async def scenario() -> None:
        task = asyncio.create_task(start(stage).run())
        await asyncio.sleep(2)
        await stop(task)

    run_virtual(scenario())
    usage = stage.usage.total(0, 0)
    assert 100 <= usage.llm_prompt_tokens <= 120
    assert 10 <= usage.llm_completion_tokens <= 12


def test_a_request_that_was_refused_costs_nothing() -> None:
    stage = Stage(Model([ProviderError("model", "busy")]))
    with pytest.raises(ProviderError):
        make(stage)
    assert stage.usage.total(0, 0).llm_prompt_tokens == 0
    assert stage.usage.total(0, 0).llm_requests == 1
