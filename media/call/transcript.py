"""The conversation as the caller heard it: the source of the model's messages and of checkpoints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from media.providers.ports import Message, ToolCall

# The result that the model gets while a tool still runs. It is replaced when the run ends.
RUNNING_RESULT: Final = (
    "Still running. Don't call it again: you will get its result when it is done. Until then go on with the caller."
)
# The result of a secret tool for the model of a resumed call, because digits may be a card number or a PIN.
SECRET_RESULT: Final = "The result was not kept, because it is secret. If you still need it, ask the caller again."


# What a person said in the agent's place is a separate line. The model reads it on the caller's side; in a checkpoint
# it is on the agent's side. A node of the previous version treats it as the agent's words.
_PERSON_SAID: Final = "[A supervisor said to the caller: "
_PERSON_SPOKE: Final = "[A supervisor spoke with the caller here.]"
# Whispers and words of a supervisor that one turn keeps: they are in each of the model's requests.
MOST_ASIDE_CHARACTERS: Final = 4_000
# A supervisor's text must not end the line that marks it.
_BRACKETS: Final = str.maketrans("[]", "()")


@dataclass(slots=True, eq=False)
class ToolResult:
    """The place of a tool's result in the transcript, directly after the answer that called the tool.

    Attributes:
        number: The number of the call among all calls of the conversation, from 1.
        text: None until the run has ended.
        is_secret: The text is only for the model of this stream, and part of no checkpoint.
        needs_answer: The caller waits for the agent's reply to it.
    """

    call: ToolCall
    number: int
    text: str | None = None
    is_secret: bool = False
    needs_answer: bool = True


@dataclass(slots=True, eq=False)
class TranscriptEntry:
    """One entry of the transcript.

    Attributes:
        is_open: Its utterance is not over yet.
        results: The results of the tools called at its end, one for each call.
        aside: A supervisor's notes to the agent, which only the model reads.
        began: When the words of a caller or a supervisor began, in ms on the call's clock, if known.
        is_person: A supervisor said it to the caller.
    """

    message: Message
    is_open: bool = False
    results: tuple[ToolResult, ...] = ()
    aside: str = ""
    began: float | None = None
    is_person: bool = False

    def set_text(self, text: str) -> None:
        """Replace the text, because more was said or planned, or only this much was heard."""
        self.message = replace(self.message, text=text)

    def close(self) -> None:
        """Mark the utterance as ended."""
        self.is_open = False


class Transcript:
    """Grows by caller turns, agent utterances and tool calls.

    An agent's entry has the planned words while the utterance sounds, and is cut to the heard words when it ends. Each
    tool call has its result directly after it, as model vendors require, whenever the run ends.
    """

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        """Create the transcript from the messages of a checkpoint. A tool call without a result was running."""
        self._entries: list[TranscriptEntry] = []
        self._call_ids: set[str] = set()
        self._call_count = 0
        self._note = ""  # the latest note
        self._aside = ""  # for the caller's first turn
        places: list[tuple[str, ToolResult]] = []  # each with the id of its call in `messages`
        for message in messages:
            if message.role == "tool":
                _set_result(places, message)
            elif message.role == "assistant" and message.text.startswith((_PERSON_SAID, _PERSON_SPOKE)):
                self._add(_person_entry(message.text, None))
            else:
                entry = self._add(TranscriptEntry(message))
                results = self.add_tool_calls(entry, message.tool_calls)
                places = list(zip((call.id for call in message.tool_calls), results, strict=True))

    def add_caller(self, text: str, began: float | None = None) -> TranscriptEntry:
        """Add a turn of the caller. Return its entry, which is corrected if the caller continues.

        Args:
            began: When the turn began, in ms on the call's clock.
        """
        entry = self._insert(TranscriptEntry(Message("user", text), aside=self._aside, began=began))
        self._aside = ""
        return entry

    def add_person(self, text: str, began: float) -> None:
        """Add what a supervisor said to the caller in the agent's place, ordered by its beginning among the caller's
        turns.

        Args:
            text: Empty if the words are unknown.
        """
        line = f"{_PERSON_SAID}{_one_line(text)}]" if text else _PERSON_SPOKE
        self._insert(_person_entry(line, began))

    def add_agent(self, text: str) -> TranscriptEntry:
        """Add an agent's utterance. Return its entry, which is cut to what was heard."""
        return self._add(TranscriptEntry(Message("assistant", text), is_open=True))

    def add_note(self, note: str) -> None:
        """Add a note for the model before the caller's latest turn, unless its latest note is the same.

        Earlier notes stay: what the model has read does not change, so that the provider's cache stays valid.
        """
        turns = (
            entry for entry in reversed(self._entries) if entry.message.role == "user" and entry.message.text.strip()
        )
        entry = next(turns, None)
        if entry is not None and note != self._note:
            self._note = note
            entry.message = replace(entry.message, note=note)

    def add_aside(self, text: str) -> None:
        """Add what a supervisor wants or does to the caller's latest turn, or to the first turn if there is none yet.

        Only the model reads it. It is part of no checkpoint. The latest `MOST_ASIDE_CHARACTERS` are kept for a turn.
        """
        line = f"[{_one_line(text)}]"
        entry = next((entry for entry in reversed(self._entries) if entry.message.role == "user"), None)
        if entry is None:
            self._aside = _join(self._aside, line)[-MOST_ASIDE_CHARACTERS:]
        else:
            entry.aside = _join(entry.aside, line)[-MOST_ASIDE_CHARACTERS:]

    def add_tool_calls(self, entry: TranscriptEntry, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...]:
        """Add the tools that the model called at the end of this utterance. Return the places of their results."""
        entry.results = tuple(map(self._make_result, calls))
        tool_calls = tuple(result.call for result in entry.results)
        entry.message = replace(entry.message, tool_calls=tool_calls)
        return entry.results

    @staticmethod
    def detached_entry() -> TranscriptEntry:
        """Return an agent's entry outside of the transcript, so that the model does not see its words."""
        return TranscriptEntry(Message("assistant", ""))

    def messages(self) -> list[Message]:
        """Return the messages for the model, without entries that were not heard at all and called no tool.

        The result of a tool that still runs is RUNNING_RESULT.
        """
        return [message for entry in self._entries for message in _for_model(entry)]

    def messages_with_turn(self, text: str, note: str, entry: TranscriptEntry | None) -> list[Message]:
        """Return the messages for the model as they will be if a turn of the caller ends with this text. Changes
        nothing.

        Args:
            note: As in `add_note`.
            entry: The entry of the turn if it is in the transcript already.
        """
        turn = replace(entry.message, text=text) if entry is not None else Message("user", text)
        if note != self._note:
            turn = replace(turn, note=note)
        turn = _with_aside(turn, self._aside if entry is None else entry.aside)
        others = (other for other in self._entries if other is not entry)
        return [*(message for other in others for message in _for_model(other)), turn]

    def settled(self) -> list[Message]:
        """Return the messages for a checkpoint.

        The words of the current utterance are left out, because it is unknown how much of them will be heard. Its tool
        calls are kept, so that none of them is run twice. A tool that still runs has no result, and the result of a
        secret tool is SECRET_RESULT.
        """
        return [message for entry in self._entries for message in _for_checkpoint(entry)]

    def unfinished_results(self) -> list[ToolResult]:
        """Return the places of results that are not known yet, in order."""
        return [result for entry in self._entries for result in entry.results if result.text is None]

    def last_results(self) -> tuple[ToolResult, ...]:
        """Return the results at the end of the conversation, which have no answer yet."""
        return self._entries[-1].results if self._entries else ()

    def _add(self, entry: TranscriptEntry) -> TranscriptEntry:
        self._entries.append(entry)
        return entry

    def _insert(self, entry: TranscriptEntry) -> TranscriptEntry:
        """Insert words before later known words, because the recognizer of a caller or a supervisor may be slower.

        What the agent has said stays after what it answered.
        """
        place = len(self._entries)
        while place and _sounded_before(entry, self._entries[place - 1]):
            place -= 1
        self._entries.insert(place, entry)
        return entry

    def _make_result(self, call: ToolCall) -> ToolResult:
        """Make the place of a result. The call gets another id if the model has reused one, as models that count from 0
        do."""
        self._call_count += 1
        if not call.id or call.id in self._call_ids:
            call = replace(call, id=f"call_{self._call_count}_{call.id}"[:40])
        self._call_ids.add(call.id)
        return ToolResult(call, self._call_count)


def _set_result(places: Iterable[tuple[str, ToolResult]], message: Message) -> None:
    place = next((place for call_id, place in places if call_id == message.tool_call_id and place.text is None), None)
    if place is not None:
        place.text = message.text


def _sounded_before(entry: TranscriptEntry, other: TranscriptEntry) -> bool:
    if entry.began is None or other.began is None or not (entry.is_person or other.is_person):
        return False
    return entry.began < other.began


def _one_line(text: str) -> str:
    return " ".join(text.translate(_BRACKETS).split())


def _person_entry(line: str, began: float | None) -> TranscriptEntry:
    return TranscriptEntry(Message("user", "", note=line), began=began, is_person=True)


def _with_aside(message: Message, aside: str) -> Message:
    return replace(message, note=_join(message.note, aside)) if aside else message


def _join(before: str, text: str) -> str:
    return f"{before}\n{text}" if before else text


def _for_model(entry: TranscriptEntry) -> Iterator[Message]:
    if entry.message.text.strip() or entry.results or entry.is_person:
        yield _with_aside(entry.message, entry.aside)
    for result in entry.results:
        yield Message("tool", RUNNING_RESULT if result.text is None else result.text, tool_call_id=result.call.id)


def _for_checkpoint(entry: TranscriptEntry) -> Iterator[Message]:
    message = replace(entry.message, text="") if entry.is_open else entry.message
    if entry.is_person:
        message = Message("assistant", message.note)
    if message.text.strip() or entry.results:
        yield message
    for result in entry.results:
        if result.text is not None:
            text = SECRET_RESULT if result.is_secret else result.text
            yield Message("tool", text, tool_call_id=result.call.id)
