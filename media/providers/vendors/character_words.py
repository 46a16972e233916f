"""Words of a voice that tells when each character sounds; pure."""

from media.providers.ports import TimedWord
from media.providers.word_timing import LOOK_AHEAD, spread_words, timing_length


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
