"""The receptionist as a LanguageModel: stateless, streaming, deterministic, never empty."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chain.model_attempt import continuation_request
from media.providers.ports import (
    NOT_ENDED_RESULT,
    TOOL_ENDED_PROMPT,
    ChatRequest,
    LastResort,
    Message,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from media.providers.receptionist import phrases
from media.providers.receptionist.dialogue_state import ReceptionistReply
from media.providers.receptionist.llm import MAX_PROMPTS, ReceptionistLanguageModel
from tests.media.providers.receptionist.conversation import END_CALL, PLAN, TRANSFER, Conversation

RECEPTIONIST = ReceptionistLanguageModel()
# What callers say in random conversations.
LINES = [
    *("yes", "no", "um", "", "goodbye", "that's all thank you", "can you repeat that", "wait a moment", "thank you"),
    *("are you a robot", "who is this", "how are you", "hello", "can I talk to a person", "never mind"),
    *("what are your opening hours", "and on saturday", "where is it", "how much is a filling", "what's the weather"),
    *(
        "can I leave a message",
        "tell the doctor I am late",
        "I need an appointment",
        "on tuesday",
        "at three",
        "at 4 pm",
    ),
    *(
        "I can't make it tomorrow",
        "Anna Miller",
        "five five five one two three four",
        "no, I said four",
        "yes and also this",
    ),
    *("my fellow Americans ask not what your country can do for you", "banana", "ask not", "operator", "forget it"),
]
CALLER_TEXT = st.one_of(
    st.sampled_from(LINES), st.text(max_size=60), st.lists(st.sampled_from(LINES), max_size=4).map(" ".join)
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), CALLER_TEXT),
        st.builds(Message, st.just("assistant"), st.one_of(CALLER_TEXT, st.sampled_from(phrases.UNCLEAR))),
        st.builds(
            Message, st.just("assistant"), st.text(max_size=9), st.just((ToolCall("1", "transfer", "{}"),)), st.just("")
        ),
        st.builds(Message, st.just("tool"), st.text(max_size=20), st.just(()), st.sampled_from(["1", "2"])),
    ),
    max_size=12,
)


async def test_zero_usage_is_reported_then_words_are_streamed_then_the_tool_call() -> None:
    request = ChatRequest(PLAN.agent.prompt, [Message("user", "That's all, goodbye.")], [TRANSFER, END_CALL])
    events = [event async for event in ReceptionistLanguageModel().stream(request)]
    assert events == [
        TokenUsage(0, 0),
        *(TextDelta(word) for word in ("Thank ", "you ", "for ", "calling. ", "Goodbye.")),
        ToolCall("call_1", "end_call", '{"reason":"That\'s all, goodbye."}'),
    ]


def test_it_races_no_model() -> None:
    assert isinstance(RECEPTIONIST, LastResort)


def test_an_empty_conversation_is_greeted() -> None:
    greeting = RECEPTIONIST.reply(ChatRequest(PLAN.agent.prompt, [])).text
    assert greeting == "Hello. This is the automated receptionist of Bright Harbor Dental. How can I help you?"


def test_it_answers_without_a_prompt() -> None:
    said = RECEPTIONIST.reply(ChatRequest("", [Message("user", "When are you open?")])).text
    assert said == phrases.DONT_KNOW


@pytest.mark.parametrize(
    ("name", "result", "said"),
    [
        ("transfer", "transferred", phrases.TRANSFERRING),
        ("transfer", "the line is busy", phrases.NOBODY_ANSWERED),
        ("transfer", "No result: it was given up.", phrases.NOBODY_ANSWERED),
        ("weather", "sunny", f"Thank you. {phrases.ELSE}"),
    ],
)
def test_a_tool_result_is_answered(name: str, result: str, said: str) -> None:
    messages = [
        Message("user", "Can I talk to a person?"),
        Message("assistant", phrases.TRANSFER, (ToolCall("c1", name, "{}"),)),
        Message("tool", result, tool_call_id="c1"),
    ]
    assert RECEPTIONIST.reply(ChatRequest("", messages, [TRANSFER])).text == said


def test_a_turn_after_goodbye_is_answered() -> None:
    """The call corrects the caller's turn in place, so the tool call of the interrupted reply comes after it."""
    messages = [
        Message("user", "That's all, thank you. Oh, when are you open?"),
        Message("assistant", "", (ToolCall("c1", "end_call", "{}"),)),
        Message("tool", "The call ends.", tool_call_id="c1"),
    ]
    assert RECEPTIONIST.reply(ChatRequest(PLAN.agent.prompt, messages)).text.startswith("We are open")
    goodbye = [Message("user", "That's all, thank you. Goodbye."), *messages[1:]]
    assert RECEPTIONIST.reply(ChatRequest("", goodbye, [END_CALL])) == ReceptionistReply(
        phrases.GOODBYE, tool="end_call"
    )


def test_a_transfer_that_the_line_broke_is_begun_again() -> None:
    asked = Message("user", "I want to speak to a person please")
    first = ReceptionistLanguageModel().reply(ChatRequest("", [asked], (TRANSFER,)))
    call = Message("assistant", first.text, tool_calls=(ToolCall("t1", "transfer", "{}"),))
    lost = Message("tool", NOT_ENDED_RESULT, tool_call_id="t1")
    again = ReceptionistLanguageModel().reply(ChatRequest("", [asked, call, lost], (TRANSFER,)))
    assert first.tool == again.tool == "transfer"


def test_after_a_failed_transfer_the_message_is_taken() -> None:
    conversation = Conversation(tools=[TRANSFER])
    conversation.say("Can I talk to a person?")
    conversation.messages.append(Message("tool", "busy", tool_call_id="c1"))
    conversation.messages.append(Message("assistant", phrases.NOBODY_ANSWERED))
    assert conversation.say("When are you closed?").text.startswith("We are closed on Saturday")
    assert "I have: Please hurry" in conversation.say("Please hurry up with it").text


def test_it_continues_a_conversation_of_another_model() -> None:
    messages = [
        Message("user", "Hi there."),
        Message("assistant", "Hi! Sure thing. So what message should I give to the doctor?"),
        Message("user", "I broke my brace."),
    ]
    assert RECEPTIONIST.reply(ChatRequest("", messages)).text == "I have: I broke my brace. Is that right?"


def test_a_continuation_is_answered_from_the_beginning_and_joined_by_the_chain() -> None:
    request = ChatRequest(PLAN.agent.prompt, [Message("user", "What's your address?")])
    whole = RECEPTIONIST.reply(request)
    assert RECEPTIONIST.reply(continuation_request(request, "Our address is")) == whole


def test_an_interrupted_question_counts_as_not_asked() -> None:
    """The reply was cut before its offer, so "yes" accepts nothing."""
    conversation = Conversation()
    conversation.say("What's the weather like?", heard="I'm afraid I don't")
    assert conversation.say("yes").text == phrases.HELP


def test_the_prompt_cache_is_bounded() -> None:
    receptionist = ReceptionistLanguageModel()
    for number in range(MAX_PROMPTS + 10):
        receptionist.reply(ChatRequest(f"The number of this prompt is {number}.", []))
    assert len(receptionist._prompts) == MAX_PROMPTS
    assert (
        "64."
        in receptionist.reply(
            ChatRequest("The number of this prompt is 64.", [Message("user", "what is the number")])
        ).text
    )


@settings(max_examples=150)
@given(MESSAGES, st.sampled_from(["", PLAN.agent.prompt]), st.sampled_from([(), (END_CALL,), (END_CALL, TRANSFER)]))
def test_any_conversation_gets_a_reply(messages: list[Message], prompt: str, tools: tuple[ToolSpec, ...]) -> None:
    request = ChatRequest(prompt, messages, tools)
    reply = RECEPTIONIST.reply(request)
    assert reply.text.strip()
    assert reply == ReceptionistLanguageModel().reply(request)
    assert reply.tool in {"", *(tool.name for tool in tools)}


@settings(max_examples=60)
@given(st.text())
def test_any_prompt_gets_a_reply(prompt: str) -> None:
    for said in ("what are your opening hours", prompt, "goodbye"):
        assert RECEPTIONIST.reply(ChatRequest(prompt, [Message("user", said)])).text.strip()


@settings(max_examples=100)
@given(st.lists(CALLER_TEXT, min_size=1, max_size=8), st.randoms())
def test_streamed_words_are_the_reply_and_replies_are_short(said: list[str], rng: random.Random) -> None:
    """Beyond the caller's own words and a fact or two, a reply has no more than 40 words."""
    conversation = Conversation()
    for text in said:
        reply = conversation.say(text, heard=None if rng.random() < 0.7 else "")
        caller_words = sum(len(message.text.split()) for message in conversation.messages if message.role == "user")
        assert len(reply.text.split()) <= 40 + caller_words + 60
    conversation.messages.append(Message("user", "hello"))
    assert asyncio.run(_streamed(conversation.request)) == RECEPTIONIST.reply(conversation.request).text


@given(
    st.lists(
        st.sampled_from(["my", "fellow", "Americans,", "ask", "not", "why?", "zebra", "Tuesday."]),
        min_size=7,
        max_size=40,
    )
)
def test_a_requested_message_is_read_back_verbatim(spoken: list[str]) -> None:
    said = " ".join(spoken)
    conversation = Conversation(greeting="Please leave your message after the tone.")
    reply = conversation.say(said).text
    if not reply.startswith("We are"):  # a question about Tuesday in between
        assert said.rstrip(" ,.;:") in reply
        assert reply.endswith("Is that right?")


async def _streamed(request: ChatRequest) -> str:
    return "".join(
        [event.text async for event in ReceptionistLanguageModel().stream(request) if isinstance(event, TextDelta)]
    )


def test_request_to_tell_a_result_is_no_turn_of_the_caller() -> None:
    """Another model of the chain has called the tool; this one knows no such result."""
    said = [Message("user", "what are your opening hours"), Message("assistant", "From nine to five.")]
    reply = RECEPTIONIST.reply(ChatRequest(PLAN.agent.prompt, [*said, Message("user", TOOL_ENDED_PROMPT)]))
    assert reply == ReceptionistReply(phrases.HELP)
