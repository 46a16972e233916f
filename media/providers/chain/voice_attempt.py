"""One voice's part of a speech: its audio, its deadlines and its characters."""

import asyncio
from collections.abc import AsyncIterator

from media.audio.mulaw import BYTES_PER_MS, gain_table
from media.providers.chain.audio_deadline import AudioDeadline
from media.providers.chain.text_buffer import TextBuffer
from media.providers.chain.timed_stream import TimedStream
from media.providers.chain.voice_levels import VoiceLevel
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.normalization.normalizer import TextNormalizer
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow, SpeechChunk
from media.providers.usage import UsageMeter


class VoiceAttempt:
    """One attempt at a voice.

    text, segment: what it speaks. times_all: all words come with a timing, also where the voice reports none.
    normalizer: makes what the voice is given of the text. level: the voice's loudness; gain_db: what its audio gets.
    longest_gap_s: time for which audio was due after the first; None before the second. has_begun: a voice gives no
    sign of life before its audio.
    """

    has_begun = False

    def __init__(
        self,
        text: TextBuffer,
        segment: VoiceSegment,
        *,
        language: str,
        deadline: AudioDeadline,
        meter: UsageMeter,
        times_all: bool,
        normalizer: TextNormalizer,
        level: VoiceLevel,
        gain_db: float,
    ) -> None:
        self.segment = segment
        self.longest_gap_s: float | None = None
        self.silent_s = 0.0
        self._text = text
        self._language = language
        self._deadline = deadline
        self._meter = meter
        self._times_all = times_all
        self._level = level
        self._gain = gain_table(gain_db) if gain_db else b""
        self._spoken = normalizer.open(segment.reader, language)

    async def stream(self) -> AsyncIterator[SpeechChunk]:
        """Streams what this voice adds to the speech, its words timed from its first audio. Raises ProviderError."""
        self._text.attach(self._deadline, self.segment.start)
        spoken = self._spoken
        voice, text = self.segment.voice, self.segment.reader if spoken is None else spoken
        source = TimedStream(voice.stream(text, self._language), voice.name)
        accepted_nothing = False
        try:
            while (chunk := await self._next(source)) is not None:
                chunk = self._adapt(chunk)
                words = self.segment.add(chunk)
                yield SpeechChunk(chunk.audio, tuple(words)) if self._times_all else chunk
                if chunk.audio:  # a voice may send the words apart
                    self._deadline.audio_received()
            if spoken is not None and (begun := spoken.finish()):
                yield SpeechChunk(b"", tuple(self.segment.add(SpeechChunk(b"", tuple(begun)))))
            last = self.segment.finish()
            if self._times_all and last:
                yield SpeechChunk(b"", tuple(last))
        except ProviderError as error:
            # A full account and a refused key may be told behind the text (ElevenLabs); it bills nothing.
            accepted_nothing = isinstance(error, ProviderBusy | KeyRefused) and not self.segment.audio_ms
            self.silent_s = self._deadline.overdue_s
            raise
        finally:
            self._text.detach(self._deadline)
            try:
                await source.close()
            finally:  # until it is closed, a voice may still read text
                sent = self.segment.reader.read_characters if spoken is None else spoken.sent_characters
                self._meter.record(0 if accepted_nothing else sent, "characters")

    def _adapt(self, chunk: SpeechChunk) -> SpeechChunk:
        """The chunk with the written words, as loud as the chain's first choice."""
        self._level.add(chunk.audio)
        if self._gain and chunk.audio:
            chunk = SpeechChunk(chunk.audio.translate(self._gain), chunk.words)
        return chunk if self._spoken is None else self._spoken.to_written(chunk)

    def is_unit(self, event: SpeechChunk) -> bool:
        """Whether it is audio: words alone decide no race."""
        return bool(event.audio)

    def is_useful(self, event: SpeechChunk) -> bool:
        """Whether the voice did its work."""
        return bool(event.audio)

    def felt_since(self, due_at: float) -> float:
        """When its first audio was due, or what an earlier voice had sent was played."""
        return max(due_at, self._deadline.played_until)

    async def _next(self, source: TimedStream[SpeechChunk]) -> SpeechChunk | None:
        """Returns the next audio, None at the end. Raises ProviderSlow when it comes after the deadline, or all of it
        comes slower than it is spoken."""
        clock, deadline = asyncio.get_running_loop().time, self._deadline
        began = clock()

        def left_s() -> float | None:
            expires_at = deadline.expires_at(began)
            return None if expires_at is None else expires_at - clock()

        deadline.on_start = lambda: source.set_limit(left_s())
        try:
            chunk = await source.next(left_s())
            if chunk is not None and chunk.audio:
                deadline.add_audio(len(chunk.audio) / BYTES_PER_MS / 1_000, began)
            return chunk
        except ProviderSlow:
            if deadline.is_torn:
                raise ProviderSlow(self.segment.voice.name, "slower than real time") from None
            raise
        finally:
            deadline.on_start = None
            if self.segment.audio_ms and deadline.started_at is not None:
                self.longest_gap_s = max(self.longest_gap_s or 0.0, deadline.waited_s(began))
