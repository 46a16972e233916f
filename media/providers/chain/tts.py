"""Fallback between voices: the next one continues at the first word whose audio was not delivered."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from media.providers.chain.audio_deadline import AudioDeadline
from media.providers.chain.candidates import Attempts, Candidates, OnProviderFailed
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.speech_timeline import SpeechTimeline
from media.providers.chain.text_buffer import TextBuffer
from media.providers.cleanup import close_stream
from media.providers.health import ChainHealth
from media.providers.ports import ProviderError, SpeechChunk, TextToSpeech
from media.providers.usage import UsageMeter, discarding_meters
from media.providers.word_timing import TYPICAL_MS_PER_CHARACTER


class TextToSpeechChain:
    """TextToSpeech over a list of voices in order of preference; it needs its text as the most demanding voice does.

    meters: one for each voice.
    """

    def __init__(
        self,
        voices: Sequence[TextToSpeech],
        on_failed: OnProviderFailed,
        deadlines: Deadlines | None = None,
        *,
        meters: Sequence[UsageMeter] = (),
        health: ChainHealth | None = None,
    ) -> None:
        self._deadlines = deadlines or Deadlines()
        self._candidates: Candidates[TextToSpeech] = Candidates(
            "tts", voices, on_failed, self._deadlines.demotion_s, health
        )
        self._meters = meters or discarding_meters("tts", (voice.name for voice in voices))
        self._paces = [TYPICAL_MS_PER_CHARACTER] * len(voices)
        self.name = voices[0].name
        self.streams_text = all(voice.streams_text for voice in voices)
        self.times_words = all(voice.times_words for voice in voices)

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speaks the text, by as many voices as it takes. Raises the last ProviderError when all failed.

        The text is read as fast as it comes; an error of its source is raised after the text before it was spoken.
        """
        buffer = TextBuffer(text)
        speech = SpeechTimeline(buffer, language)
        attempts: Attempts[TextToSpeech] | None = None
        try:
            while await buffer.wait_for_speakable(speech.next_character):
                attempts = attempts or self._candidates.new_attempts()  # only now: the text may take long
                pieces = speech.speak_with(
                    attempts.current,
                    self._paces[attempts.index],
                    self._audio_deadline(attempts),
                    self._meters[attempts.index],
                )
                is_useful = False
                try:
                    async for chunk in pieces:
                        if chunk.audio and not is_useful:
                            is_useful = True
                            attempts.mark_useful()
                        yield chunk
                    attempts.succeed()
                    self._paces[attempts.index] = speech.pace
                    break
                except ProviderError as error:
                    self._handle_failure(attempts, buffer, speech, error)
                finally:
                    await close_stream(pieces)
            buffer.raise_source_error()
        finally:
            if attempts is not None:
                attempts.release()
            await buffer.close()

    def _audio_deadline(self, attempts: Attempts[TextToSpeech]) -> AudioDeadline:
        """The deadline of the voice in use, whose wait begins when its first audio is due."""
        limit_s = self._deadlines.for_attempt(last=not attempts.has_other).audio_s
        return AudioDeadline(
            asyncio.get_running_loop().time,
            limit_s,
            whole_clauses=not self.streams_text,
            on_due=attempts.start_wait,
        )

    def _handle_failure(
        self, attempts: Attempts[TextToSpeech], buffer: TextBuffer, speech: SpeechTimeline, error: ProviderError
    ) -> None:
        if buffer.ended and speech.next_character >= len(buffer.text.rstrip()):
            attempts.give_up(error)  # everything was spoken
        else:
            attempts.fail_over(error)
