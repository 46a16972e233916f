"""The conversation as it was heard, from which the model's messages and checkpoints are made."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from media.providers.ports import Message, ToolCall

# The result that the model gets for a tool that was cancelled before it answered.
CANCELLED_RESULT = "No result: it was given up before it was done."


@dataclass(slots=True)
class TranscriptEntry:
    """One entry of the transcript. is_open: its utterance is still under way."""

    message: Message
    is_open: bool = False

    def set_text(self, text: str) -> None:
        """Replaces the text: more was said or planned, or only so much was heard."""
        self.message = replace(self.message, text=text)

    def set_tool_calls(self, tool_calls: tuple[ToolCall, ...]) -> None:
        """The model called tools at the end of this utterance."""
        self.message = replace(self.message, tool_calls=tool_calls)

    def close(self) -> None:
        """Marks the utterance as ended."""
        self.is_open = False


class Transcript:
    """Grows by caller turns, agent utterances and tool results.

    An agent's entry holds the planned words while the utterance sounds and is cut to the heard words when it ends.
    """

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self._entries = [TranscriptEntry(message) for message in messages]

    def add_caller(self, text: str) -> TranscriptEntry:
        """Adds a caller's turn; returns its entry, which is corrected if the caller continues."""
        return self._add(TranscriptEntry(Message("user", text)))

    def add_agent(self, text: str) -> TranscriptEntry:
        """Adds an agent's utterance; returns its entry, which is cut to what was heard."""
        return self._add(TranscriptEntry(Message("assistant", text), is_open=True))

    def add_tool_result(self, call: ToolCall, result: str) -> None:
        """Adds a tool's answer."""
        self._add(TranscriptEntry(Message("tool", result, tool_call_id=call.id)))

    @staticmethod
    def detached_entry() -> TranscriptEntry:
        """Returns an agent's entry that is no part of the transcript: the model will not know of these words."""
        return TranscriptEntry(Message("assistant", ""))

    def messages(self) -> list[Message]:
        """Returns the messages for the model, without entries of which nothing was heard (and that called no tool).

        Every tool call is followed by its result, as model vendors demand, also one that was cancelled."""
        return _for_model(self._entries)

    def settled(self) -> list[Message]:
        """Returns `messages` up to the utterance under way, because what will be heard of that is not known yet."""
        return _for_model(takewhile(lambda entry: not entry.is_open, self._entries))

    def _add(self, entry: TranscriptEntry) -> TranscriptEntry:
        self._entries.append(entry)
        return entry


def _for_model(entries: Iterable[TranscriptEntry]) -> list[Message]:
    messages = (entry.message for entry in entries)
    return list(_with_tool_results(m for m in messages if m.text.strip() or m.tool_calls or m.role == "tool"))


def _with_tool_results(messages: Iterable[Message]) -> Iterator[Message]:
    open_calls: list[str] = []
    for message in messages:
        if message.role != "tool":
            yield from _cancelled(open_calls)
            open_calls = [call.id for call in message.tool_calls]
        elif message.tool_call_id in open_calls:
            open_calls.remove(message.tool_call_id)
        yield message
    yield from _cancelled(open_calls)


def _cancelled(call_ids: Iterable[str]) -> Iterator[Message]:
    return (Message("tool", CANCELLED_RESULT, tool_call_id=call_id) for call_id in call_ids)
