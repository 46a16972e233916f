"""The words of a person who speaks to the caller in the agent's place, from a recognizer session of their own.

A session is opened when the person takes the line, and closed after the last words when the person gives it back. It
uses the call's recognizers, so it fails over and is metered like the caller's session. An utterance ends with a pause,
after LONGEST_MS, or with the speech. A fault here loses words but never affects the call: an utterance whose words are
unknown is reported without text.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.audio import mulaw
from media.audio.framer import FRAME, FRAME_MS
from media.call.live_voice import LiveVoice
from media.call.recognizer import LAST_WORDS_S, CallRecognizer
from media.providers.ports import RecognizedText, SpeechToText, SpeechToTextEvent, SpeechToTextFailed
from media.turn.vad import VoiceTrack
from shared.events import MOST_TIMED_WORDS, PersonSaid
from shared.providers.word_timing import align_words, words_at_end
from shared.refcycles import break_cycle

# This much silence ends an utterance. It decides no turn, so it may be long.
PAUSE_MS: Final = 700.0
# Longer utterances are reported in parts.
LONGEST_MS: Final = 30_000.0
# The number of sessions that may wait for their last words at once. Beyond it, a person who takes the line again has no
# words.
MOST_OPEN: Final = 3
_SILENT_FRAME: Final = mulaw.SILENCE * FRAME
_SILENT_PCM: Final = mulaw.decode(_SILENT_FRAME)


@dataclass(frozen=True, slots=True)
class PersonEar:
    """Recognizes a person's words. `make_track` and `release_track` belong to the voice detector."""

    stt: SpeechToText
    make_track: Callable[[], VoiceTrack]
    release_track: Callable[[VoiceTrack], None]


class PersonWords:
    """One stretch of speech, from the taking of the line to its return.

    Audio is put on the call's clock with silence between its pieces, so a place in it shows when it sounded.
    """

    def __init__(
        self,
        ear: PersonEar | None,
        session_id: str,
        language: str,
        now: float,
        report: Callable[[PersonSaid], None],
    ) -> None:
        """Begin the session.

        Args:
            ear: None if there is no recognizer.
            language: The language of the call (BCP 47).
            now: The audio's zero, in ms on the call's clock.
            report: Called with each utterance.
        """
        self._ear, self._session_id, self._base, self._report = ear, session_id, now, report
        self._track = ear.make_track() if ear is not None else None
        self._recognizer = CallRecognizer(ear.stt, language, self._on_event) if ear is not None else None
        self._has_failed = ear is None
        self._ms = 0  # the length of the audio so far
        self._heard_ms: float | None = None  # where the first audio since the last report begins
        self._heard_end_ms = 0.0  # where the latest audio ends
        self._began_ms: float | None = None  # the start of the utterance
        self._told_ms = 0.0  # the end of what was reported
        self._token, self._asked_ms = 0, 0.0  # the latest request for a text, and the end of its utterance
        self._is_asked = False
        self._text = ""  # the text of the utterance, as far as it is known
        self._text_ms = 0.0  # when the text last changed
        if self._recognizer is not None:
            self._recognizer.open()

    def push(self, ulaw: bytes, start: float) -> None:
        """Process audio that was sent to the caller: whole frames of mu-law, and when they begin to sound."""
        try:
            self._fill(start)
            if self._heard_ms is None:
                self._heard_ms = self._ms
            for at in range(0, len(ulaw), FRAME):
                self._hear(frame := ulaw[at : at + FRAME], mulaw.decode(frame))
            self._heard_end_ms = self._ms
            self._look()
        except Exception as error:  # noqa: BLE001  # a fault costs words, and not the call
            self._break(error)

    def tick(self, now: float) -> None:
        """Notice pauses; called about four times a second."""
        try:
            self._fill(now)
            self._look()
        except Exception as error:  # noqa: BLE001  # as above
            self._break(error)

    async def finish(self) -> None:
        """Wait at most LAST_WORDS_S for the last words, and report them."""
        self._look()
        if self._heard_ms is None and self._began_ms is None and not self._is_asked:
            return
        if self._recognizer is None or self._has_failed:
            if self._began_ms is not None or self._track is None:
                self._tell(self._text, self._last_voice_ms, is_known=False)
            return
        text = await self._recognizer.last_words(LAST_WORDS_S)
        is_known = not (self._recognizer.is_unanswered or self._has_failed) or self._began_ms is None
        self._tell(text, self._last_voice_ms, is_known=is_known)

    async def close(self) -> None:
        """Free everything."""
        try:
            if self._recognizer is not None:
                await self._recognizer.close()
        finally:
            if self._ear is not None and self._track is not None:
                self._ear.release_track(self._track)
                self._track = None
            break_cycle(self, "_report", "_recognizer")

    @property
    def _last_voice_ms(self) -> float:
        return self._track.speech.last_voice_ms if self._track is not None else self._heard_end_ms

    def _fill(self, until: float) -> None:
        for _ in range(int((until - self._base - self._ms) // FRAME_MS)):
            self._hear(_SILENT_FRAME, _SILENT_PCM)

    def _hear(self, ulaw: bytes, pcm: bytes) -> None:
        self._ms += FRAME_MS
        if self._track is not None:
            self._track.push(pcm)
        if self._recognizer is not None and not self._has_failed:
            self._recognizer.push(ulaw)

    def _look(self) -> None:
        """Begin or end an utterance, as the detector sees it."""
        if self._track is None or self._is_asked:
            return
        speech = self._track.speech
        if self._began_ms is None and speech.last_voice_ms > self._told_ms:
            self._began_ms = max(float(speech.onset_ms), self._told_ms)
            if self._recognizer is not None:
                self._recognizer.started()
        if self._began_ms is None:
            return
        quiet_since = speech.last_voice_ms if speech.last_voice_ms > self._began_ms else self._text_ms
        is_pause = not speech.speaking and self._ms - quiet_since >= PAUSE_MS
        if is_pause or self._ms - self._began_ms >= LONGEST_MS:
            self._ask(quiet_since if is_pause else self._ms)

    def _ask(self, end_ms: float) -> None:
        if self._recognizer is None or self._has_failed:
            return self._tell(self._text, end_ms, is_known=False)
        self._token, self._asked_ms, self._is_asked = self._token + 1, end_ms, True
        self._recognizer.finalize(self._token)

    def _on_event(self, event: SpeechToTextEvent) -> None:
        if isinstance(event, SpeechToTextFailed):
            self._has_failed = True
            if self._is_asked:
                self._tell(self._text, self._asked_ms, is_known=False)
        elif isinstance(event, RecognizedText):
            if event.text != self._text:
                self._text, self._text_ms = event.text, self._ms
            if self._began_ms is None and event.text.strip():  # a voice that the detector does not detect
                self._began_ms = self._heard_ms if self._heard_ms is not None else self._told_ms
            if self._is_asked and event.final and event.token == self._token:
                self._tell(event.text, self._asked_ms, is_known=True)
                if self._recognizer is not None:
                    self._recognizer.next_turn()

    def _tell(self, text: str, end_ms: float, *, is_known: bool) -> None:
        """Report the utterance, unless it was only a sound. The next utterance begins after it."""
        began_ms = self._began_ms if self._began_ms is not None else self._heard_ms
        began_ms = self._told_ms if began_ms is None else began_ms
        end_ms = max(end_ms, began_ms)
        self._began_ms = self._heard_ms = None
        self._told_ms, self._text, self._is_asked = max(end_ms, self._told_ms), "", False
        text = text.strip()
        if text or not is_known:
            start, end = round(self._base + began_ms), round(self._base + end_ms)
            self._report(PersonSaid(self._session_id, text, start, end, self._time_words(text)))

    def _time_words(self, text: str) -> tuple[int, ...]:
        timed = self._recognizer.timed_words if text and self._recognizer is not None else ()
        words = align_words(text, words_at_end(text, timed)) if timed else ()
        if len(words) > MOST_TIMED_WORDS:
            return ()
        return tuple(max(0, round(self._base + ms)) for word in words for ms in (word.start_ms, word.end_ms))

    def _break(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            context = {"message": "the words of a person are lost", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


class PersonTranscript:
    """The words of all persons who speak in one call, in sequence."""

    def __init__(
        self,
        ear: PersonEar | None,
        voice: LiveVoice,
        report: Callable[[PersonSaid], None],
        on_known: Callable[[], None],
    ) -> None:
        """Create the transcript without a session.

        Args:
            voice: The person's voice, as it is sent to the caller.
            on_known: Called when the last words of a person who has given the line back are known.
        """
        self._ear, self._voice, self._report, self._on_known = ear, voice, report, on_known
        self._current: PersonWords | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._awaited = 0

    @property
    def is_awaited(self) -> bool:
        """Whether last words are still awaited."""
        return self._awaited > 0

    def begin(self, session_id: str, language: str, now: float) -> None:
        """Begin a session for a person who has taken the line."""
        ear = self._ear if len(self._ending) < MOST_OPEN else None
        self._current = PersonWords(ear, session_id, language, now, self._report)
        self._voice.on_sent = self._current.push

    def tick(self, now: float) -> None:
        """Notice pauses; called about four times a second."""
        if self._current is not None:
            self._current.tick(now)

    def end(self) -> None:
        """End the session of a person who has given the line back."""
        words, self._current, self._voice.on_sent = self._current, None, None
        if words is not None:
            self._awaited += 1
            task = asyncio.create_task(self._end(words))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Wait for last words after the call has ended, and free everything."""
        self.end()
        await asyncio.gather(*self._ending, return_exceptions=True)
        break_cycle(self, "_report", "_on_known")

    async def _end(self, words: PersonWords) -> None:
        try:
            await words.finish()
        finally:
            self._awaited -= 1
            try:
                self._on_known()
            finally:
                await words.close()
