"""Makes one agent utterance: text from the model, clauses to the voice, audio to the playback, tools in between."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from media.audio.mulaw import BYTES_PER_MS
from media.call.call_tools import ToolSequence
from media.call.prepared_answer import PreparedAnswer
from media.call.reply_services import ReplyServices
from media.call.sentences import SentenceSplitter
from media.call.transcript import ToolResult, TranscriptEntry
from media.call.utterance import Utterance
from media.providers.cleanup import close_stream
from media.providers.ports import (
    LanguageModelEvent,
    ProviderError,
    SpeechChunk,
    TextDelta,
    ToolCall,
)
from shared.refcycles import without_traceback

# The maximum number of rounds of tools before the model must answer.
MOST_ROUNDS = 5


@dataclass(slots=True)
class ReplyTimes:
    """When the stages of a reply were reached, in ms on the call's clock; 0 means not yet."""

    first_word: float = 0.0
    first_audio: float = 0.0


@dataclass(slots=True)
class _Part:
    """The words of one request to the model, or a filler, as a transcript entry.

    Attributes:
        is_answer: The caller waits for these words, which are neither a filler nor the words before a tool.
    """

    entry: TranscriptEntry
    text: str = ""
    is_answer: bool = True


@dataclass(slots=True)
class Reply:
    """One utterance of the agent.

    Attributes:
        on_audio_sent: Called after each piece of audio was given to the playback.
        fixed: A text that is spoken as it is (greeting, nudge). None requests the text from the model.
        in_transcript: The model will see the words.
        prepared: A prepared request to the model and its answer.
    """

    services: ReplyServices
    utterance: Utterance
    on_audio_sent: Callable[[], None]
    fixed: str | None = None
    in_transcript: bool = True
    prepared: PreparedAnswer | None = None
    times: ReplyTimes = field(default_factory=ReplyTimes)
    _parts: list[_Part] = field(default_factory=list)
    _sequence: ToolSequence | None = None
    _unanswered: tuple[ToolResult, ...] = ()  # results that no request to the model contained yet
    _concluded: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether the reply waits for a tool."""
        return self._sequence is not None and not self._sequence.is_done

    @property
    def has_called_tools(self) -> bool:
        """Whether the reply has called tools."""
        return self._sequence is not None

    @property
    def owes_answer(self) -> bool:
        """Whether its latest words are a filler or precede a tool, so that the answer has not come yet."""
        if self._sequence is None:
            return False
        return next((not part.is_answer for part in reversed(self._parts) if part.text), False)

    def fill(self, words: str) -> None:
        """Say these words while the reply waits for a tool. The model does not see them."""
        if self._sequence is not None:
            self._sequence.fill(words)

    def drop_prepared(self) -> None:
        """End an unused prepared answer, because `run` may be cancelled before it begins."""
        if self.prepared is not None:
            self.prepared.drop()

    async def run(self) -> None:
        """Speak until all audio was given to the playback. Raises ProviderError. Cancelling stops everything."""
        services = self.services
        spoken = services.phrases.find(self.fixed)
        if self.fixed is not None and spoken is not None:
            self._add_words(self._new_part(), self.fixed)
            self._play(spoken)
            services.playback.complete(services.clock())
            return
        text, prepared = self._text(), self.prepared
        speech = prepared.speak(text) if prepared is not None else services.tts.stream(text, services.language)
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
        """Cut the transcript, part by part, to what was heard once the utterance is over.

        After that, nothing of this reply enters the transcript, although its last words may still be pending. Its tools
        continue.
        """
        self._concluded = True
        if self._sequence is not None and self.is_waiting:
            self._sequence.abandon()
        self.services.tools.add_new_results(self._unanswered)
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
        """Give audio from the voice to the playback."""
        services = self.services
        now = services.clock()
        services.playback.receive(chunk, now)
        if not chunk.audio:
            return
        self.times.first_audio = self.times.first_audio or now
        services.usage.tts_ms += len(chunk.audio) / BYTES_PER_MS
        self.on_audio_sent()

    async def _text(self) -> AsyncIterator[str]:
        """Yield everything that must be spoken. An empty piece makes the voice speak what it has."""
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
            if (
                self._concluded
            ):  # a voice that continues to read for a moment must not start tools for a reply that was cut
                return
            sequence = self._start_tools(part, calls)
            async with aclosing(self._fill(sequence)) as pieces:
                async for piece in pieces:
                    yield piece
            if sequence.can_end_reply:
                if sequence.ends_call and not self.utterance.text.strip():
                    words = self.services.tools.last_words(sequence.results, self.services.spoken.goodbye)
                    yield self._add_words(self._new_part(), words)
                self._unanswered = ()
                return
        self._unanswered = ()
        if not part.text.strip() and not self._concluded:
            # The caller must not wait for an answer that isn't coming.
            yield self._add_words(self._new_part(), self.services.spoken.phrases.say_again)

    async def _request(self, part: _Part, calls: list[ToolCall]) -> AsyncGenerator[str, None]:
        """Make one request to the model: yield its words in speakable pieces, append its tool calls to `calls`."""
        services = self.services
        splitter = SentenceSplitter()
        new_results = services.tools.new_results
        events = self._ask_model()
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
        self._unanswered = ()
        services.tools.clear_new_results(new_results)
        for piece in splitter.flush():
            yield self._add_words(part, piece)

    def _ask_model(self) -> AsyncIterator[LanguageModelEvent]:
        prepared, self.prepared = self.prepared, None
        if prepared is not None:
            return prepared.events()
        self.services.usage.llm_requests += 1
        return self.services.llm.stream(self.services.current_request())

    def _start_tools(self, part: _Part, calls: list[ToolCall]) -> ToolSequence:
        services = self.services
        part.is_answer = False
        results = services.transcript.add_tool_calls(part.entry, calls)
        self._unanswered = results
        self._sequence = services.tools.start(results, self.utterance.turn)
        return self._sequence

    async def _fill(self, sequence: ToolSequence) -> AsyncGenerator[str, None]:
        """Wait for the tools. Yields fillers, each followed by an empty piece, so that the voice speaks it at once."""
        while not sequence.is_done:
            for words in await sequence.wait():
                yield self._add_words(self._new_part(is_filler=True), words)
                yield ""

    def _new_part(self, *, is_filler: bool = False) -> _Part:
        transcript = self.services.transcript
        is_known = self.in_transcript and not is_filler
        part = _Part(transcript.add_agent("") if is_known else transcript.detached_entry(), is_answer=not is_filler)
        self._parts.append(part)
        return part

    def _add_words(self, part: _Part, piece: str) -> str:
        """Plan words to be spoken, and return them, with a space between two parts."""
        joins = piece[:1].strip() and not part.text and self.utterance.text[-1:].strip()
        if joins:
            piece = " " + piece
        part.text += piece
        part.entry.set_text(part.text)
        self.utterance.plan(piece)
        return piece
