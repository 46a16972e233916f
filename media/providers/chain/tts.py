"""Fallback between voices: the next voice continues at the first word whose audio was not delivered completely."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from media.providers.chain.audio_deadline import AudioDeadline, AudioLimits
from media.providers.chain.candidates import Attempts, Candidates, OnProviderFailed
from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.hedged_requests import HedgedRequests
from media.providers.chain.speech_timeline import SpeechTimeline
from media.providers.chain.text_buffer import TextBuffer
from media.providers.chain.voice_attempt import VoiceAttempt
from media.providers.chain.voice_levels import VoiceLevel, gain_db
from media.providers.chain.voice_segment import VoiceSegment
from media.providers.chain.whole_words import WholeWords
from media.providers.normalization.normalizer import TextNormalizer
from media.providers.ports import ProviderError, ProviderSlow, SpeechChunk, TextToSpeech
from media.providers.usage import UsageMeter, discarding_meters


class TextToSpeechChain:
    """A TextToSpeech that tries a list of voices in order of preference. If any voice needs whole clauses, the chain
    needs them, too.

    A backup whose loudness was measured is made as loud as the first choice.

    Args:
        meters: The usage meters, one for each voice.
        normalizers: The text normalizers, one for each voice. By default, every voice receives the text as it is
            written.
        levels: The loudness of each voice, which outlives the chain.
    """

    def __init__(
        self,
        voices: Sequence[TextToSpeech],
        on_failed: OnProviderFailed,
        deadlines: Deadlines | None = None,
        *,
        meters: Sequence[UsageMeter] = (),
        health: ChainHealth | None = None,
        normalizers: Sequence[TextNormalizer] = (),
        levels: Sequence[VoiceLevel] = (),
    ) -> None:
        self._deadlines = deadlines or Deadlines()
        self._candidates: Candidates[TextToSpeech] = Candidates(
            "tts", voices, on_failed, self._deadlines.demotion_s, health
        )
        self._meters = meters or discarding_meters("tts", (voice.name for voice in voices))
        self._paces: list[float | None] = [None] * len(voices)
        self._normalizers = normalizers or [TextNormalizer(reads_figures=True)] * len(voices)
        self._levels = levels or [VoiceLevel(voice.name) for voice in voices]
        self.name = voices[0].name
        self.streams_text = all(voice.streams_text for voice in voices)
        self.times_words = all(voice.times_words for voice in voices)

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speak the text with as many voices as it takes. Raises the last ProviderError if all voices fail.

        The text is read as fast as it arrives. An error of its source is raised after the text before it was spoken.
        """
        clock = asyncio.get_running_loop().time
        buffer, speech = TextBuffer(text), SpeechTimeline(clock)
        attempts: Attempts[TextToSpeech] | None = None
        requests = HedgedRequests[TextToSpeech, VoiceAttempt, SpeechChunk](self._deadlines)
        start = partial(self._start, buffer, speech, language)
        try:
            while await buffer.wait_for_speakable(speech.next_character):
                attempts = attempts or self._candidates.new_attempts()  # not earlier, because the text may take long
                running = await requests.first_unit(attempts, start)
                attempts, attempt = running.attempts, running.attempt
                words = WholeWords(
                    attempt.segment,
                    running.next_event,
                    can_be_replaced=attempts.has_other,
                    played_until=lambda: speech.played_until,
                    on_audio=attempts.mark_useful,
                )
                try:
                    while (chunk := await words.next()) is not None:
                        yield speech.place(chunk)
                    self._succeed(attempts, attempt)
                    break
                except ProviderError as error:
                    if self._is_all_spoken(buffer, attempt) and (rest := words.release()):
                        yield speech.place(rest)
                    speech.stop(attempt.segment, words.held_ms)
                    self._handle_failure(attempts, buffer, speech, attempt, error)
                finally:
                    try:
                        await words.close()
                    finally:
                        await running.close()
            buffer.raise_source_error()
        finally:
            if attempts is not None:
                attempts.release()
            try:
                await requests.close()
            finally:  # a second cancellation must not leave the source being read
                await buffer.close()

    def _start(
        self,
        buffer: TextBuffer,
        speech: SpeechTimeline,
        language: str,
        attempts: Attempts[TextToSpeech],
        on_due: Callable[[], None],
    ) -> VoiceAttempt:
        segment = VoiceSegment(buffer, speech.next_character, attempts.current, self._paces[attempts.index])
        return VoiceAttempt(
            buffer,
            segment,
            language=language,
            deadline=self._make_deadline(speech, attempts, on_due),
            meter=self._meters[attempts.index],
            times_all=speech.is_continued,
            normalizer=self._normalizers[attempts.index],
            level=self._levels[attempts.index],
            gain_db=gain_db(self._levels[0], self._levels[attempts.index]),
        )

    def _make_deadline(
        self, speech: SpeechTimeline, attempts: Attempts[TextToSpeech], on_due: Callable[[], None]
    ) -> AudioDeadline:
        """Return the deadline of the voice in use. The voice's wait begins when its first audio is due."""
        deadlines = self._deadlines
        limits = deadlines.voice_limits(
            attempts.usual_wait, attempts.usual_gap, has_rival=attempts.has_rival, last=not attempts.has_other
        )
        lead_s = deadlines.late_after(attempts.usual_wait_of_next) or deadlines.bound_s
        return AudioDeadline(
            asyncio.get_running_loop().time,
            AudioLimits(limits.first_s, limits.next_s, lead_s, deadlines.torn_s if attempts.has_rival else math.inf),
            whole_clauses=not self.streams_text,
            on_due=on_due,
            played_until=lambda: speech.played_until,
        )

    def _succeed(self, attempts: Attempts[TextToSpeech], attempt: VoiceAttempt) -> None:
        _learn_gap(attempts, attempt)
        attempts.succeed()
        self._paces[attempts.index] = attempt.segment.measured_pace()

    def _handle_failure(
        self,
        attempts: Attempts[TextToSpeech],
        buffer: TextBuffer,
        speech: SpeechTimeline,
        attempt: VoiceAttempt,
        error: ProviderError,
    ) -> None:
        _learn_gap(attempts, attempt, error)
        if self._is_all_spoken(buffer, attempt):
            attempts.give_up(error)  # all text was spoken
        else:
            attempts.fail_over(error, stage="stream", cost_s=attempt.silent_s)

    @staticmethod
    def _is_all_spoken(buffer: TextBuffer, attempt: VoiceAttempt) -> bool:
        return buffer.ended and attempt.segment.next_character() >= len(buffer.text.rstrip())


def _learn_gap(attempts: Attempts[TextToSpeech], attempt: VoiceAttempt, error: ProviderError | None = None) -> None:
    if attempt.longest_gap_s is not None and (error is None or isinstance(error, ProviderSlow)):
        attempts.add_gap(attempt.longest_gap_s, stalled=error is not None)
