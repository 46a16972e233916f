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

    Args:
        text: The text of the whole speech.
        segment: The part of the speech that this voice speaks.
        times_all: Give every word a time, even if the voice reports none.
        normalizer: Converts the text for the voice.
        level: The voice's loudness.
        gain_db: The gain of the voice's audio.

    Attributes:
        longest_gap_s: The longest time for which further audio was due; None before the second audio.
        has_begun: Always false, because a voice gives no sign of life before its audio.
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
        """Stream what this voice adds to the speech. Word times are relative to its first audio. Raises
        ProviderError."""
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
                if chunk.audio:  # a voice may send words separately
                    self._deadline.audio_received()
            if spoken is not None and (begun := spoken.finish()):
                yield SpeechChunk(b"", tuple(self.segment.add(SpeechChunk(b"", tuple(begun)))))
            last = self.segment.finish()
            if self._times_all and last:
                yield SpeechChunk(b"", tuple(last))
        except ProviderError as error:
            # A full account or a refused key may be reported after the text (ElevenLabs), and is not billed.
            accepted_nothing = isinstance(error, ProviderBusy | KeyRefused) and not self.segment.audio_ms
            self.silent_s = self._deadline.overdue_s
            raise
        finally:
            self._text.detach(self._deadline)
            try:
                await source.close()
            finally:  # a voice may read text until it is closed
                sent = self.segment.reader.read_characters if spoken is None else spoken.sent_characters
                self._meter.record(0 if accepted_nothing else sent, "characters")

    def _adapt(self, chunk: SpeechChunk) -> SpeechChunk:
        """Return the chunk with the words as written, and as loud as the chain's first choice."""
        self._level.add(chunk.audio)
        if self._gain and chunk.audio:
            chunk = SpeechChunk(chunk.audio.translate(self._gain), chunk.words)
        return chunk if self._spoken is None else self._spoken.to_written(chunk)

    def is_unit(self, event: SpeechChunk) -> bool:
        """Return whether the event has audio, because words alone do not decide a race."""
        return bool(event.audio)

    def is_useful(self, event: SpeechChunk) -> bool:
        """Return whether the event shows that the voice did its work."""
        return bool(event.audio)

    def felt_since(self, due_at: float) -> float:
        """Return when the first audio was due, or when the audio of an earlier voice had been played, whichever is
        later."""
        return max(due_at, self._deadline.played_until)

    async def _next(self, source: TimedStream[SpeechChunk]) -> SpeechChunk | None:
        """Return the next audio, or None at the end. Raises ProviderSlow if the audio misses the deadline, or all of it
        arrives slower than real time."""
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
