"""Requests to language models, and the parts of their replies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool offered to the model; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool; `arguments` is the raw JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation. The assistant's text is what the caller *heard*.

    Attributes:
        text: With role "tool", the result of a tool call.
        tool_call_id: With role "tool", the call that the result answers.
        note: With role "user", one line from the phone system that precedes the message. Nobody said it.
    """

    role: Literal["user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request for a reply.

    Attributes:
        call_note: Facts about the call that follow `system`. They are the same in all requests of the call, and may be
            empty.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    language: str = "en"
    call_note: str = ""


# The last user message of a ChatRequest whose reply another provider began (fallback in mid-reply). The assistant
# message before it is what the caller heard so far, and the reply must continue from there.
CONTINUE_PROMPT: Final = (
    "[The line broke in the middle of your last message. Continue it from exactly where it stops, "
    "without repeating or commenting on any of it.]"
)

# The first user message for vendors whose conversations begin with the user, if the agent spoke first.
CALL_BEGAN_PROMPT: Final = "[The call has begun.]"

# The last user message of a ChatRequest that answers no caller: a tool has ended that continued while the caller
# talked.
TOOL_ENDED_PROMPT: Final = (
    "[A tool that you called earlier has ended; its result is above, where you called it. "
    "Tell the caller what it means for them, in one or two sentences.]"
)

# The result of `end_call` or `transfer` if it was not carried out, because the line broke during the last words.
NOT_ENDED_RESULT: Final = (
    "Interrupted: the line broke before this was carried out, and the call goes on. Call it again if it is wanted."
)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply's text, spaces included, exactly as streamed.

    An empty text only shows that the model is at work (for instance on a tool call); it is not spoken.
    """

    text: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one request, counted by the provider or (`estimated`) estimated by us.

    Attributes:
        prompt: Prompt tokens that the provider did not have in its cache and does not cache now.
        cached: Prompt tokens that the provider had cached.
        cache_write: Prompt tokens that the provider caches now, if it bills them separately.
    """

    prompt: int
    completion: int
    estimated: bool = False
    cached: int = 0
    cache_write: int = 0


LanguageModelEvent = TextDelta | ToolCall | TokenUsage


# The result of a tool call whose reply was interrupted before the tool answered, because every call needs a result.
NO_RESULT: Final = "No result: the call was interrupted."


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The result of a tool call, which follows the turn that made it."""

    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """Everything that one side says until the other side speaks.

    Attributes:
        parts: Texts, which are never blank. The model's turns also have tool calls after the text. The user's turns
            also have tool results before it.
    """

    role: Literal["user", "assistant"]
    parts: tuple[str | ToolCall | ToolAnswer, ...]


def make_turns(request: ChatRequest) -> list[SpeakerTurn]:
    """Return the conversation as turns. It begins with the user, and every tool call has its result in the next
    turn."""
    turns: list[SpeakerTurn] = []
    for turn in _each(request.messages):
        if turns and turns[-1].role == turn.role:
            turns[-1] = SpeakerTurn(turn.role, turns[-1].parts + turn.parts)
        else:
            turns.append(turn)
    if not turns or turns[0].role == "assistant":
        turns.insert(0, SpeakerTurn("user", (CALL_BEGAN_PROMPT,)))
    return turns


def parse_arguments(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as an object. Invalid ones, which were answered as an error already, are empty."""
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def join_texts(*texts: str) -> str:
    """Join the texts that are not empty; each becomes a paragraph."""
    return "\n\n".join(text for text in texts if text)


def _each(messages: Sequence[Message]) -> Iterator[SpeakerTurn]:
    results = {message.tool_call_id: message.text for message in messages if message.role == "tool"}
    for message in messages:
        text = join_texts(message.note, message.text)
        texts = (text,) if text.strip() else ()
        if message.role == "assistant" and message.tool_calls:
            answers = (ToolAnswer(call, results.get(call.id, NO_RESULT)) for call in message.tool_calls)
            yield SpeakerTurn("assistant", (*texts, *message.tool_calls))
            yield SpeakerTurn("user", tuple(answers))
        elif message.role != "tool" and texts:
            yield SpeakerTurn(message.role, texts)


# English text averages about four characters per token; each message needs a few more for its role.
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def estimate_tokens(request: ChatRequest, reply: str) -> TokenUsage:
    """Estimate the tokens of the request and of the part of the reply that was received."""
    texts = [_text(message) for message in request.messages]
    tools = sum(len(tool.name) + len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
    characters = len(request.system) + len(request.call_note) + tools + sum(map(len, texts))
    prompt = _tokens(characters) + TOKENS_PER_MESSAGE * (len(texts) + bool(request.system))
    return TokenUsage(prompt, _tokens(len(reply)), estimated=True)


def _text(message: Message) -> str:
    return message.note + message.text + "".join(call.arguments for call in message.tool_calls)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
