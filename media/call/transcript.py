"""The conversation as it was heard: what the model remembers and what the record shows, from one source."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from media.providers.ports import Message, ToolCall

# What the model is told of a tool that was given up before it answered.
GIVEN_UP = "No result: it was given up before it was done."


@dataclass(slots=True)
class _Entry:
    message: Message
    open: bool = False  # of an utterance that is still under way


class Transcript:
    """Grows by caller turns, agent utterances and tool results.

    An agent's entry holds the planned words while the utterance sounds and is cut to the heard words when it ends.
    """

    def __init__(self, entries: Sequence[Message] = ()) -> None:
        self._entries = [_Entry(message) for message in entries]

    def caller(self, text: str) -> "Handle":
        """The caller's turn was taken; returns the handle that corrects it when the caller goes on after all."""
        return self._add(Message("user", text))

    def agent(self, text: str) -> "Handle":
        """The agent speaks; returns the handle that cuts it to what was heard."""
        return self._add(Message("assistant", text), open=True)

    def aside(self) -> "Handle":
        """The agent speaks words that are no part of the conversation and that the model is not to know of."""
        return Handle(_Entry(Message("assistant", "")))

    def tool(self, call: ToolCall, result: str) -> None:
        """A tool answered."""
        self._entries.append(_Entry(Message("tool", result, tool_call_id=call.id)))

    def messages(self) -> list[Message]:
        """For the model: entries of which nothing was heard (and that called no tool) are left out.

        Every tool call has its result right behind it, as model vendors demand, also one that was cut short."""
        return _told(self._entries)

    def settled(self) -> list[Message]:
        """As `messages`, up to the utterance that is under way: of that nobody knows yet what will be heard."""
        return _told(takewhile(lambda entry: not entry.open, self._entries))

    def _add(self, message: Message, *, open: bool = False) -> "Handle":
        entry = _Entry(message, open)
        self._entries.append(entry)
        return Handle(entry)


def _told(entries: Iterable[_Entry]) -> list[Message]:
    messages = (entry.message for entry in entries)
    return list(_answered(m for m in messages if m.text.strip() or m.tool_calls or m.role == "tool"))


def _answered(messages: Iterable[Message]) -> Iterator[Message]:
    open_calls: list[str] = []
    for message in messages:
        if message.role != "tool":
            yield from _given_up(open_calls)
            open_calls = [call.id for call in message.tool_calls]
        elif message.tool_call_id in open_calls:
            open_calls.remove(message.tool_call_id)
        yield message
    yield from _given_up(open_calls)


def _given_up(call_ids: Iterable[str]) -> Iterator[Message]:
    return (Message("tool", GIVEN_UP, tool_call_id=call_id) for call_id in call_ids)


class Handle:
    """One entry of the transcript that may still change."""

    def __init__(self, entry: _Entry) -> None:
        self._entry = entry

    def now(self, text: str) -> None:
        """Replaces the text: more was said or planned, or only so much was heard."""
        self._entry.message = replace(self._entry.message, text=text)

    def settle(self) -> None:
        """Its utterance is over: the text stands."""
        self._entry.open = False

    def called(self, tool_calls: tuple[ToolCall, ...]) -> None:
        """The model called tools at the end of this utterance."""
        self._entry.message = replace(self._entry.message, tool_calls=tool_calls)
