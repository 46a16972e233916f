"""The receptionist as a Think: stateless, streaming, deterministic, never silent, whatever it is given."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chain.think import go_on
from media.providers.ports import Ask, Message, TokenUsage, ToolCall, ToolSpec, Words
from media.providers.receptionist import phrases
from media.providers.receptionist.brain import MOST_PROMPTS, Receptionist
from media.providers.receptionist.state import Reply
from tests.media.providers.receptionist.conversation import END_CALL, PLAN, TRANSFER, Conversation

FRONT_DESK = Receptionist()
# What callers say, for walks through the conversation that no table would think of.
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
SAID = st.one_of(
    st.sampled_from(LINES), st.text(max_size=60), st.lists(st.sampled_from(LINES), max_size=4).map(" ".join)
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), SAID),
        st.builds(Message, st.just("assistant"), st.one_of(SAID, st.sampled_from(phrases.UNCLEAR))),
        st.builds(
            Message, st.just("assistant"), st.text(max_size=9), st.just((ToolCall("1", "transfer", "{}"),)), st.just("")
        ),
        st.builds(Message, st.just("tool"), st.text(max_size=20), st.just(()), st.sampled_from(["1", "2"])),
    ),
    max_size=12,
)


async def test_words_come_one_by_one_then_the_tool_then_no_tokens() -> None:
    ask = Ask(PLAN.agent.prompt, [Message("user", "That's all, goodbye.")], [TRANSFER, END_CALL])
    events = [event async for event in Receptionist().stream(ask)]
    assert events == [
        *(Words(word) for word in ("Thank ", "you ", "for ", "calling. ", "Goodbye.")),
        ToolCall("call_1", "end_call", '{"reason":"That\'s all, goodbye."}'),
        TokenUsage(0, 0),
    ]


def test_it_greets_when_nobody_has_said_anything() -> None:
    greeting = FRONT_DESK.reply(Ask(PLAN.agent.prompt, [])).text
    assert greeting == "Hello. This is the automated receptionist of Bright Harbor Dental. How can I help you?"


def test_it_answers_without_any_prompt() -> None:
    said = FRONT_DESK.reply(Ask("", [Message("user", "When are you open?")])).text
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
def test_after_a_tool(name: str, result: str, said: str) -> None:
    messages = [
        Message("user", "Can I talk to a person?"),
        Message("assistant", phrases.TRANSFER, (ToolCall("c1", name, "{}"),)),
        Message("tool", result, tool_call_id="c1"),
    ]
    assert FRONT_DESK.reply(Ask("", messages, [TRANSFER])).text == said


def test_a_caller_who_goes_on_after_goodbye_is_answered() -> None:
    """The call corrects the caller's turn in place: the tool of the answer that was cut comes behind it."""
    messages = [
        Message("user", "That's all, thank you. Oh, when are you open?"),
        Message("assistant", "", (ToolCall("c1", "end_call", "{}"),)),
        Message("tool", "The call ends.", tool_call_id="c1"),
    ]
    assert FRONT_DESK.reply(Ask(PLAN.agent.prompt, messages)).text.startswith("We are open")
    goodbye = [Message("user", "That's all, thank you. Goodbye."), *messages[1:]]
    assert FRONT_DESK.reply(Ask("", goodbye, [END_CALL])) == Reply(phrases.GOODBYE, tool="end_call")


def test_after_a_failed_transfer_the_message_is_taken() -> None:
    conversation = Conversation(tools=[TRANSFER])
    conversation.say("Can I talk to a person?")
    conversation.messages.append(Message("tool", "busy", tool_call_id="c1"))
    conversation.messages.append(Message("assistant", phrases.NOBODY_ANSWERED))
    assert conversation.say("When are you closed?").text.startswith("We are closed on Saturday")
    assert "I have: Please hurry" in conversation.say("Please hurry up with it").text


def test_it_takes_over_from_another_brain_in_mid_conversation() -> None:
    messages = [
        Message("user", "Hi there."),
        Message("assistant", "Hi! Sure thing. So what message should I give to the doctor?"),
        Message("user", "I broke my brace."),
    ]
    assert FRONT_DESK.reply(Ask("", messages)).text == "I have: I broke my brace. Is that right?"


def test_a_continuation_is_answered_from_the_beginning_and_joined_by_the_chain() -> None:
    ask = Ask(PLAN.agent.prompt, [Message("user", "What's your address?")])
    whole = FRONT_DESK.reply(ask)
    assert FRONT_DESK.reply(go_on(ask, "Our address is")) == whole


def test_an_interrupted_question_counts_as_not_asked() -> None:
    """The offer was cut before it was an offer, so "yes" takes up nothing."""
    conversation = Conversation()
    conversation.say("What's the weather like?", heard="I'm afraid I don't")
    assert conversation.say("yes").text == phrases.HELP


def test_prompts_are_kept_but_not_for_ever() -> None:
    desk = Receptionist()
    for number in range(MOST_PROMPTS + 10):
        desk.reply(Ask(f"The number of this prompt is {number}.", []))
    assert len(desk._prompts) == MOST_PROMPTS
    assert "64." in desk.reply(Ask("The number of this prompt is 64.", [Message("user", "what is the number")])).text


@settings(max_examples=150)
@given(MESSAGES, st.sampled_from(["", PLAN.agent.prompt]), st.sampled_from([(), (END_CALL,), (END_CALL, TRANSFER)]))
def test_whatever_the_conversation_there_is_an_answer(
    messages: list[Message], prompt: str, tools: tuple[ToolSpec, ...]
) -> None:
    ask = Ask(prompt, messages, tools)
    reply = FRONT_DESK.reply(ask)
    assert reply.text.strip()
    assert reply == Receptionist().reply(ask)
    assert reply.tool in {"", *(tool.name for tool in tools)}


@settings(max_examples=60)
@given(st.text())
def test_whatever_the_prompt_there_is_an_answer(prompt: str) -> None:
    for said in ("what are your opening hours", prompt, "goodbye"):
        assert FRONT_DESK.reply(Ask(prompt, [Message("user", said)])).text.strip()


@settings(max_examples=100)
@given(st.lists(SAID, min_size=1, max_size=8), st.randoms())
def test_streamed_words_are_the_reply_and_replies_are_short(said: list[str], chance: random.Random) -> None:
    """Beyond the caller's own words and a fact or two, a reply has no more than 40 words."""
    conversation = Conversation()
    for text in said:
        reply = conversation.say(text, heard=None if chance.random() < 0.7 else "")
        own = sum(len(message.text.split()) for message in conversation.messages if message.role == "user")
        assert len(reply.text.split()) <= 40 + own + 60
    conversation.messages.append(Message("user", "hello"))
    assert asyncio.run(_streamed(conversation.ask)) == FRONT_DESK.reply(conversation.ask).text


@given(
    st.lists(
        st.sampled_from(["my", "fellow", "Americans,", "ask", "not", "why?", "zebra", "Tuesday."]),
        min_size=7,
        max_size=40,
    )
)
def test_a_message_that_was_asked_for_is_read_back_verbatim(spoken: list[str]) -> None:
    said = " ".join(spoken)
    conversation = Conversation(greeting="Please leave your message after the tone.")
    reply = conversation.say(said).text
    if not reply.startswith("We are"):  # a question about Tuesday in between
        assert said.rstrip(" ,.;:") in reply
        assert reply.endswith("Is that right?")


async def _streamed(ask: Ask) -> str:
    return "".join([event.text async for event in Receptionist().stream(ask) if isinstance(event, Words)])
