"""The state of an utterance's contexts, which vendors of voices share whatever their messages; pure.

A context is a stretch of speech with one prosody: it is opened by the first words, takes more, and is ended. One is
open at a time.
"""

from collections.abc import Callable

from shared.g711 import BYTES_PER_MS
from shared.providers.speech import TimedWord
from shared.providers.word_timing import LOOK_AHEAD, spread_words, timing_length


class SpeechContext:
    """The latest context of an utterance. make_id: a new id at each call.

    is_open: it takes more text. is_done: the vendor has sent all of it. has_audio: audio came since the last text was
    sent. heard: any message came since then.
    """

    def __init__(self, make_id: Callable[[], str]) -> None:
        self.is_open = False
        self.is_done = True
        self.has_audio = False
        self.heard = True
        self._make_id = make_id
        self._id = ""
        self._blanks = ""
        self._began_ms = 0.0  # audio of earlier contexts
        self._audio_ms = 0.0

    @property
    def unfinished_id(self) -> str:
        """The context that counts as open at the vendor; empty for none."""
        return "" if self.is_done else self._id

    def _take_text(self, text: str) -> str:
        """What is to be sent now; empty for blanks, which are sent with the next words."""
        text = self._blanks + text
        self._blanks = "" if text.strip() else text
        if self._blanks:
            return ""
        self.has_audio = self.heard = False
        return text

    def _begin(self) -> bool:
        """Opens a context, and says whether none was open. Not while a finished one is not done."""
        if self.is_open:
            return False
        self._id, self.is_open, self.is_done = self._make_id(), True, False
        self._began_ms = self._audio_ms
        return True

    def _close(self) -> bool:
        """Takes no more text; says whether a context was open."""
        was_open, self.is_open = self.is_open, False
        return was_open

    def _end(self) -> None:
        """Nothing more comes of it."""
        self.is_open, self.is_done = False, True

    def _add_audio(self, ulaw: bytes) -> None:
        self._audio_ms += len(ulaw) / BYTES_PER_MS
        self.has_audio = self.has_audio or bool(ulaw)


class CharacterWords:
    """Puts timed characters together to words. A word is complete at a blank, or when it is one that was sent: after
    the last one of a clause no blank may come."""

    def __init__(self) -> None:
        self._sent: list[str] = []  # that are not spoken yet
        self._has_times = False
        self._letters = ""
        self._start_ms = 0.0
        self._end_ms = 0.0

    def expect(self, text: str) -> None:
        """Adds words that are sent."""
        self._sent.extend(text.split())

    def add(self, rows: list[tuple[str, float, float]], began_ms: float) -> list[TimedWord]:
        """Takes timed characters; returns the words that they complete. began_ms: of their message's audio."""
        found: list[TimedWord] = []
        self._has_times = self._has_times or bool(rows)
        for character, start, duration in rows:
            if not character.strip():
                found += self.end()
                continue
            if not self._letters:
                self._start_ms = began_ms + start
            self._letters += character
            self._end_ms = began_ms + start + duration
            if self._sent and self._letters == self._sent[0]:
                found += self.end()
        return found

    def end(self) -> list[TimedWord]:
        """The word so far, if there is one."""
        if not self._letters:
            return []
        word, self._letters = TimedWord(self._letters, self._start_ms, self._end_ms), ""
        if word.text in self._sent[:LOOK_AHEAD]:  # else it is written the vendor's way
            del self._sent[: self._sent.index(word.text) + 1]
        return [word]

    def finish(self, audio_ms: float) -> list[TimedWord]:
        """The words that are left when all was spoken. A vendor that told no times at all has spoken them within the
        audio: else nothing of the utterance would count as heard."""
        if self._has_times or audio_ms <= self._end_ms or not self._sent:
            return self.end()
        sent, self._sent, began_ms, self._end_ms = self._sent, [], self._end_ms, audio_ms
        return spread_words(sent, began_ms, (audio_ms - began_ms) / timing_length(sent))
