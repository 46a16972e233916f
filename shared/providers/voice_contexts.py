"""The state of an utterance's contexts, shared by the vendors of voices; pure.

A context is a stretch of speech with one prosody. The first words open it, it takes more words, and then it is ended.
Only one context is open at a time.
"""

from collections.abc import Callable

from shared.g711 import BYTES_PER_MS
from shared.providers.speech import TimedWord
from shared.providers.word_timing import LOOK_AHEAD, spread_words, timing_length


class SpeechContext:
    """The latest context of an utterance. `make_id` returns a new id for each context.

    Attributes:
        is_open: The context accepts more text.
        is_done: The vendor has sent all of the context.
        has_audio: Audio arrived since the last text was sent.
        heard: Any message arrived since the last text was sent.
    """

    def __init__(self, make_id: Callable[[], str]) -> None:
        self.is_open = False
        self.is_done = True
        self.has_audio = False
        self.heard = True
        self._make_id = make_id
        self._id = ""
        self._blanks = ""
        self._began_ms = 0.0  # the length of the audio of earlier contexts
        self._audio_ms = 0.0

    @property
    def unfinished_id(self) -> str:
        """The context that the vendor still considers open; empty for none."""
        return "" if self.is_done else self._id

    def _take_text(self, text: str) -> str:
        """Return what must be sent now. Blanks are held back and sent with the next words."""
        text = self._blanks + text
        self._blanks = "" if text.strip() else text
        if self._blanks:
            return ""
        self.has_audio = self.heard = False
        return text

    def _begin(self) -> bool:
        """Open a context, unless a closed one is not done. Return whether none was open."""
        if self.is_open:
            return False
        self._id, self.is_open, self.is_done = self._make_id(), True, False
        self._began_ms = self._audio_ms
        return True

    def _close(self) -> bool:
        """Close the context for text. Return whether it was open."""
        was_open, self.is_open = self.is_open, False
        return was_open

    def _end(self) -> None:
        """Mark the context as closed and done."""
        self.is_open, self.is_done = False, True

    def _add_audio(self, ulaw: bytes) -> None:
        self._audio_ms += len(ulaw) / BYTES_PER_MS
        self.has_audio = self.has_audio or bool(ulaw)


class CharacterWords:
    """Combines timed characters into words.

    A word is complete at a blank, or when it equals a word that was sent, because no blank may follow the last word of
    a clause.
    """

    def __init__(self) -> None:
        self._sent: list[str] = []  # words that are not spoken yet
        self._has_times = False
        self._letters = ""
        self._start_ms = 0.0
        self._end_ms = 0.0

    def expect(self, text: str) -> None:
        """Add words that are sent."""
        self._sent.extend(text.split())

    def add(self, rows: list[tuple[str, float, float]], began_ms: float) -> list[TimedWord]:
        """Add timed characters, and return the words that they complete. `began_ms` is the start of their message's
        audio."""
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
        """Return the word so far, if there is one."""
        if not self._letters:
            return []
        word, self._letters = TimedWord(self._letters, self._start_ms, self._end_ms), ""
        if word.text in self._sent[:LOOK_AHEAD]:  # otherwise it has the vendor's own spelling
            del self._sent[: self._sent.index(word.text) + 1]
        return [word]

    def finish(self, audio_ms: float) -> list[TimedWord]:
        """Return the words that are left after everything was spoken.

        If the vendor reported no times at all, the words are spread over the audio. Otherwise none of the utterance
        would count as heard.
        """
        if self._has_times or audio_ms <= self._end_ms or not self._sent:
            return self.end()
        sent, self._sent, began_ms, self._end_ms = self._sent, [], self._end_ms, audio_ms
        return spread_words(sent, began_ms, (audio_ms - began_ms) / timing_length(sent))
