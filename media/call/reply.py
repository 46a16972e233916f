"""One agent utterance in the making: words from the model, clauses to the voice, audio to the ledger, tools between."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from media.call.playback import Playback
from media.call.sentences import Sentences
from media.call.tools import ToolError, Tools
from media.call.transcript import Handle, Transcript
from media.call.usage import Counter
from media.call.utterance import BYTES_PER_MS, Utterance
from media.providers import tokens
from media.providers.closing import close_stream
from media.providers.ports import Ask, ProviderError, Speak, Spoken, Think, ThinkEvent, TokenUsage, ToolCall, Words
from shared.events import Event, ToolRan

# The model may call tools this often before it has to answer.
MOST_ROUNDS = 5
TOOL_TIMEOUT_S = 60.0
# Said when a model answers with nothing at all, so that the caller never waits for an answer that isn't coming.
NOTHING_SAID = "I'm sorry, could you say that again?"
# Said when the model puts the caller through without a word.
ONE_MOMENT = "One moment, please."
# After these the line closes: the model is not asked for more.
LAST_TOOLS = frozenset({"end_call", "transfer"})


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a reply needs to be thought and spoken; made once per call."""

    think: Think
    speak: Speak
    playback: Playback
    transcript: Transcript
    tools: Tools
    usage: Counter
    system: str
    language: str
    goodbye: str
    clock: Callable[[], float]
    emit: Callable[[Event], None]
    audible: Callable[[], None]


@dataclass(slots=True)
class Stages:
    """When the stages of a reply were reached, in ms of the call's clock; 0 = not yet."""

    first_word: float = 0.0
    first_audio: float = 0.0


@dataclass(slots=True)
class _Part:
    entry: Handle
    text: str = ""


@dataclass(slots=True)
class Reply:
    """One utterance of the agent. `fixed` text is spoken as it is (greeting, nudge); None = the model is asked.

    aside: the words are no part of the conversation.
    """

    speaker: Speaker
    utterance: Utterance
    fixed: str | None = None
    aside: bool = False
    stages: Stages = field(default_factory=Stages)
    _parts: list[_Part] = field(default_factory=list)
    _over: bool = False

    async def run(self) -> None:
        """Speaks until all audio has been handed to the ledger. Raises ProviderError; cancelling stops everything."""
        speaker = self.speaker
        text = self._text()
        spoken = speaker.speak.stream(text, speaker.language)
        try:
            async for piece in spoken:
                self._take(piece)
        except (asyncio.CancelledError, ProviderError) as error:
            # A time-out's frame holds the task, which holds the error: the call must go without the collector.
            raise error.with_traceback(None) from error.__cause__
        finally:
            await close_stream(spoken)
            await close_stream(text)
        speaker.playback.complete(speaker.clock())

    def cut(self, heard: str) -> None:
        """The utterance is over and so much of it was heard: the transcript is cut to it, part by part, and nothing of
        this reply is written down any more, although its last words and tools may still be on their way."""
        self._over = True
        for part in self._parts:
            part.entry.settle()
        if heard == self.utterance.text.strip():
            return
        words = heard.split()
        for part in self._parts:
            mine = len(part.text.split())
            part.entry.now(" ".join(words[:mine]))
            words = words[mine:]

    def _take(self, spoken: Spoken) -> None:
        """Audio from the voice goes to the caller."""
        speaker = self.speaker
        now = speaker.clock()
        speaker.playback.receive(spoken, now)
        if not spoken.audio:
            return
        self.stages.first_audio = self.stages.first_audio or now
        speaker.usage.tts_ms += len(spoken.audio) / BYTES_PER_MS
        speaker.audible()

    async def _text(self) -> AsyncIterator[str]:
        """Everything that is to be spoken, piece by piece; an empty piece asks the voice to speak what it has."""
        if self.fixed is not None:
            yield self._say(self._part(), self.fixed)
            return
        for _ in range(MOST_ROUNDS):
            calls: list[ToolCall] = []
            part = self._part()
            async with aclosing(self._round(part, calls)) as pieces:
                async for piece in pieces:
                    yield piece
            if not calls or self._over:
                break
            yield ""
            part.entry.called(tuple(calls))
            done = [await self._run_tool(call) for call in calls]
            if all(done) and all(call.name in LAST_TOOLS for call in calls):
                if not self.utterance.text.strip():
                    yield self._say(self._part(), self._last_words(calls))
                return
        if not part.text.strip() and not self._over:
            yield self._say(self._part(), NOTHING_SAID)

    async def _round(self, part: _Part, calls: list[ToolCall]) -> AsyncGenerator[str, None]:
        """One request to the model."""
        speaker = self.speaker
        splitter = Sentences()
        speaker.usage.llm_requests += 1
        ask = Ask(speaker.system, speaker.transcript.messages(), speaker.tools.specs, speaker.language)
        written, counted = "", False
        events = speaker.think.stream(ask)
        try:
            async for event in events:
                if self._over:
                    return
                written += _written(event)
                if isinstance(event, Words) and event.text:
                    self.stages.first_word = self.stages.first_word or speaker.clock()
                    for piece in [event.text] if speaker.speak.streams_text else splitter.feed(event.text):
                        yield self._say(part, piece)
                elif isinstance(event, ToolCall):
                    calls.append(event)
                elif isinstance(event, TokenUsage):
                    speaker.usage.tokens(event)
                    counted = True
        except ProviderError:
            counted = counted or not written  # a request that brought nothing is not paid for
            raise
        finally:
            await close_stream(events)
            if not counted:
                speaker.usage.tokens(tokens.estimate(ask, written))
        for piece in splitter.flush():
            yield self._say(part, piece)

    def _last_words(self, calls: Sequence[ToolCall]) -> str:
        return ONE_MOMENT if any(call.name == "transfer" for call in calls) else self.speaker.goodbye

    def _part(self) -> _Part:
        transcript = self.speaker.transcript
        part = _Part(transcript.aside() if self.aside else transcript.agent(""))
        self._parts.append(part)
        return part

    def _say(self, part: _Part, piece: str) -> str:
        joins = piece[:1].strip() and not part.text and self.utterance.text[-1:].strip()
        if joins:
            piece = " " + piece
        part.text += piece
        part.entry.now(part.text)
        self.utterance.plan(piece)
        self.speaker.usage.tts_characters += len(piece)
        return piece

    async def _run_tool(self, call: ToolCall) -> bool:
        """Runs a tool and writes its answer down; False when it could not be run."""
        speaker = self.speaker
        began = speaker.clock()
        ok = True
        try:
            async with asyncio.timeout(TOOL_TIMEOUT_S):
                result = await speaker.tools.run(call)
        except ToolError as error:
            ok, result = False, str(error)
        except TimeoutError:
            ok, result = False, f"{call.name} took too long"
        speaker.transcript.tool(call, result)
        told = "" if speaker.tools.is_secret(call.name) else result
        took = round(speaker.clock() - began)
        speaker.emit(ToolRan(self.utterance.turn, call.name, ok, told, took))
        return ok


def _written(event: ThinkEvent) -> str:
    """What the model wrote, for an estimate of its tokens."""
    match event:
        case Words(text=text):
            return text
        case ToolCall(name=name, arguments=arguments):
            return name + arguments
        case _:
            return ""
