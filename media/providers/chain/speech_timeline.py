"""One speech by one voice after another, on one timeline."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from media.providers.chain.audio_deadline import AudioDeadline
from media.providers.chain.text_buffer import TextBuffer
from media.providers.chain.timeouts import timed_out
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.cleanup import close_stream
from media.providers.ports import ProviderBusy, ProviderError, SpeechChunk, TextToSpeech, TimedWord
from media.providers.usage import UsageMeter


class SpeechTimeline:
    """What has been delivered of a speech. next_character: offset of the first character not spoken yet.

    Once a second voice speaks, every word comes with a timing, the first voice's words without timing included.
    """

    def __init__(self, text: TextBuffer, language: str) -> None:
        self._text = text
        self._language = language
        self._base_ms = 0.0  # audio of earlier voices
        self._untimed: list[TimedWord] = []  # words of the first voice, if it reports no timings
        self.next_character = 0
        self.pace = 0.0  # ms per character of the voice that finished

    async def speak_with(
        self, voice: TextToSpeech, pace: float, deadline: AudioDeadline, meter: UsageMeter
    ) -> AsyncIterator[SpeechChunk]:
        """Streams what is left, by this voice. Raises ProviderError; the next voice continues at `next_character`."""
        self._text.attach(deadline, self.next_character)
        segment = VoiceSegment(self._text, self.next_character, voice, pace)
        source = voice.stream(segment.reader, self._language)
        was_full = False
        try:
            while (chunk := await self._next(source, deadline, voice.name)) is not None:
                words = segment.add(chunk)
                yield self._on_timeline(chunk.audio, words) if self._base_ms else chunk
                if chunk.audio:  # a voice may send the words apart
                    deadline.audio_received()
            last = segment.finish()
            if self._base_ms and last:
                yield self._on_timeline(b"", last)
        except ProviderError as error:
            was_full = (
                isinstance(error, ProviderBusy) and not segment.audio_ms
            )  # it accepted nothing, and bills nothing
            self._stop_segment(segment, timed=voice.times_words)
            raise
        finally:
            self._text.detach()
            try:
                await close_stream(source)
            finally:  # until it is closed, a voice may still read text
                meter.record(0 if was_full else segment.reader.read_characters, "characters")
        self.pace = segment.measured_pace()

    async def _next(self, source: AsyncIterator[SpeechChunk], deadline: AudioDeadline, name: str) -> SpeechChunk | None:
        """Returns the next audio, None at the end. Raises ProviderSlow when it comes after the deadline."""
        began = asyncio.get_running_loop().time()

        def arm() -> None:
            scope.reschedule(deadline.expires_at(began))

        try:
            async with asyncio.timeout(None) as scope:
                arm()
                deadline.on_start = arm
                return await anext(source, None)
        except TimeoutError as error:
            raise timed_out(scope, deadline.limit_s, name) from error
        finally:
            deadline.on_start = None

    def _on_timeline(self, audio: bytes, words: Iterable[TimedWord]) -> SpeechChunk:
        """The audio with its words on the whole speech's timeline, after the first voice's words that had no timing."""
        base, untimed = self._base_ms, self._untimed
        self._untimed = []
        later = (TimedWord(word.text, word.start_ms + base, word.end_ms + base) for word in words)
        return SpeechChunk(audio, (*untimed, *later))

    def _stop_segment(self, segment: VoiceSegment, *, timed: bool) -> None:
        if not segment.audio_ms:
            return
        if not timed and not self._base_ms:
            self._untimed = segment.words
        self.next_character = segment.next_character()
        self._base_ms += segment.audio_ms
