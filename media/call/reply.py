"""Makes one agent utterance: text from the model, clauses to the voice, audio to the playback, tools in between."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from media.audio.mulaw import BYTES_PER_MS
from media.call.playback import Playback
from media.call.sentences import SentenceSplitter
from media.call.tools import ToolError, Tools
from media.call.transcript import Transcript, TranscriptEntry
from media.call.usage import UsageTotals
from media.call.utterance import Utterance
from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    LanguageModel,
    ProviderError,
    SpeechChunk,
    TextDelta,
    TextToSpeech,
    ToolCall,
)
from shared.events import Event, ToolRan
from shared.refcycles import without_traceback

# The model may call tools this often before it has to answer.
MOST_ROUNDS = 5
TOOL_TIMEOUT_S = 60.0
# Said when a model answers with nothing at all, so that the caller never waits for an answer that isn't coming.
NOTHING_SAID = "I'm sorry, could you say that again?"
# Said when the model transfers the caller without a word.
ONE_MOMENT = "One moment, please."
# After these tools the stream is closed, so the model gets no further request.
LAST_TOOLS = frozenset({"end_call", "transfer"})


@dataclass(frozen=True, slots=True)
class ReplyServices:
    """What every reply of a call uses. clock: ms on the call's clock. on_audio_sent: called whenever audio was sent."""

    llm: LanguageModel
    tts: TextToSpeech
    playback: Playback
    transcript: Transcript
    tools: Tools
    usage: UsageTotals
    system: str
    language: str
    goodbye: str
    clock: Callable[[], float]
    emit: Callable[[Event], None]
    on_audio_sent: Callable[[], None]


@dataclass(slots=True)
class ReplyTimes:
    """When the stages of a reply were reached, in ms on the call's clock; 0 = not yet."""

    first_word: float = 0.0
    first_audio: float = 0.0


@dataclass(slots=True)
class _Part:
    """The words of one request to the model, as a transcript entry."""

    entry: TranscriptEntry
    text: str = ""


@dataclass(slots=True)
class Reply:
    """One utterance of the agent.

    fixed: spoken as it is (greeting, nudge); None = the model is asked. in_transcript: the model will know the words.
    """

    services: ReplyServices
    utterance: Utterance
    fixed: str | None = None
    in_transcript: bool = True
    times: ReplyTimes = field(default_factory=ReplyTimes)
    _parts: list[_Part] = field(default_factory=list)
    _concluded: bool = False

    async def run(self) -> None:
        """Speaks until all audio was given to the playback. Raises ProviderError; cancelling stops everything."""
        services = self.services
        text = self._text()
        speech = services.tts.stream(text, services.language)
        try:
            async for chunk in speech:
                self._play(chunk)
        except (asyncio.CancelledError, ProviderError) as error:
            raise without_traceback(error) from error.__cause__
        finally:
            await close_stream(speech)
            await close_stream(text)
        services.playback.complete(services.clock())

    def cut(self, heard: str) -> None:
        """Cuts the transcript, part by part, to what was heard once the utterance is over. Nothing of this reply gets
        into the transcript any more, although its last words and tools may still be on their way."""
        self._concluded = True
        for part in self._parts:
            part.entry.close()
        if heard == self.utterance.text.strip():
            return
        words = heard.split()
        for part in self._parts:
            count = len(part.text.split())
            part.entry.set_text(" ".join(words[:count]))
            words = words[count:]

    def _play(self, chunk: SpeechChunk) -> None:
        """Gives audio from the voice to the playback."""
        services = self.services
        now = services.clock()
        services.playback.receive(chunk, now)
        if not chunk.audio:
            return
        self.times.first_audio = self.times.first_audio or now
        services.usage.tts_ms += len(chunk.audio) / BYTES_PER_MS
        services.on_audio_sent()

    async def _text(self) -> AsyncIterator[str]:
        """Yields everything that is to be spoken; an empty piece asks the voice to speak what it has."""
        if self.fixed is not None:
            yield self._add_words(self._new_part(), self.fixed)
            return
        for _ in range(MOST_ROUNDS):
            calls: list[ToolCall] = []
            part = self._new_part()
            async with aclosing(self._request(part, calls)) as pieces:
                async for piece in pieces:
                    yield piece
            if not calls or self._concluded:
                break
            yield ""
            part.entry.set_tool_calls(tuple(calls))
            done = [await self._run_tool(call) for call in calls]
            if all(done) and all(call.name in LAST_TOOLS for call in calls):
                if not self.utterance.text.strip():
                    yield self._add_words(self._new_part(), self._last_words(calls))
                return
        if not part.text.strip() and not self._concluded:
            yield self._add_words(self._new_part(), NOTHING_SAID)

    async def _request(self, part: _Part, calls: list[ToolCall]) -> AsyncGenerator[str, None]:
        """Makes one request to the model: yields its words in speakable pieces, appends its tool calls to `calls`."""
        services = self.services
        splitter = SentenceSplitter()
        services.usage.llm_requests += 1
        request = ChatRequest(services.system, services.transcript.messages(), services.tools.specs, services.language)
        events = services.llm.stream(request)
        try:
            async for event in events:
                if self._concluded:
                    return
                if isinstance(event, TextDelta) and event.text:
                    self.times.first_word = self.times.first_word or services.clock()
                    for piece in [event.text] if services.tts.streams_text else splitter.feed(event.text):
                        yield self._add_words(part, piece)
                elif isinstance(event, ToolCall):
                    calls.append(event)
        finally:
            await close_stream(events)
        for piece in splitter.flush():
            yield self._add_words(part, piece)

    def _last_words(self, calls: Sequence[ToolCall]) -> str:
        return ONE_MOMENT if any(call.name == "transfer" for call in calls) else self.services.goodbye

    def _new_part(self) -> _Part:
        transcript = self.services.transcript
        part = _Part(transcript.add_agent("") if self.in_transcript else transcript.detached_entry())
        self._parts.append(part)
        return part

    def _add_words(self, part: _Part, piece: str) -> str:
        """Plans words to be spoken; returns them, with a space between two parts."""
        joins = piece[:1].strip() and not part.text and self.utterance.text[-1:].strip()
        if joins:
            piece = " " + piece
        part.text += piece
        part.entry.set_text(part.text)
        self.utterance.plan(piece)
        return piece

    async def _run_tool(self, call: ToolCall) -> bool:
        """Runs a tool and puts its answer into the transcript; returns False if it could not be run."""
        services = self.services
        began = services.clock()
        ok = True
        try:
            async with asyncio.timeout(TOOL_TIMEOUT_S):
                result = await services.tools.run(call)
        except ToolError as error:
            ok, result = False, str(error)
        except TimeoutError:
            ok, result = False, f"{call.name} took too long"
        services.transcript.add_tool_result(call, result)
        public_result = "" if services.tools.is_secret(call.name) else result
        took_ms = round(services.clock() - began)
        services.emit(ToolRan(self.utterance.turn, call.name, ok, public_result, took_ms))
        return ok
