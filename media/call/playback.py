"""The play-out ledger: what was sent to the carrier, and how much of it the caller has heard.

Pure: times are handed in, in ms of the call's wall clock. The carrier buffers and plays at real time; marks tell what
was played. Between two marks the position is extrapolated. A mark that comes back after a `clear` proves nothing
(Twilio and Telnyx return every pending mark then), so each mark carries the generation of the buffer that it was put
into, and marks of an older generation are ignored.
"""

from collections import deque
from dataclasses import dataclass

from media.call.line import Line
from media.call.utterance import BYTES_PER_MS, Utterance
from media.providers.ports import Spoken

# A mark at least this often, so that the position is never extrapolated for long.
MARK_EVERY_MS = 200
# A carrier whose mark is overdue by more than this has stalled: the extrapolation stops at that mark.
OVERDUE_MS = 400.0
# When the last mark fails to return for this long after the audio's end, the audio counts as played.
LOST_MARK_MS = 2_000.0


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """A stretch of agent audio (mu-law 8 kHz) that the caller heard, from `at_ms` on the call's clock."""

    at_ms: float
    audio: bytes


class Playback:
    """The ledger of one call: one utterance at a time, positions in ms of that utterance's audio.

    `_base` pairs a position with the time at which it was, by a mark or by reckoning, played.
    """

    def __init__(self, line: Line, *, keep_heard: bool = False) -> None:
        self._line = line
        self._keep_heard = keep_heard
        self._kept: list[HeardAudio] = []
        self._marks: deque[tuple[str, float]] = deque()
        self._generation = 0
        self._mark_count = 0
        self.utterance: Utterance | None = None
        self.held = False
        self.silenced_at = 0.0  # when it was last held, on the call's clock
        self._dropped = False
        self._rewind(0.0, 0.0)
        self._heard = 0.0

    # --- towards the caller ---

    def begin(self, utterance: Utterance, now: float) -> None:
        """Another utterance takes the line; what is left of the one before is dropped."""
        self._settle(now)
        if not self.finished(now):
            self.drop(now)
        self._generation += 1
        self._marks.clear()
        self.utterance = utterance
        self.held = self._dropped = False
        self._heard = 0.0
        self._rewind(0.0, now)

    def receive(self, spoken: Spoken, now: float) -> None:
        """Sends the next audio of the utterance; keeps it back while the agent is held, for good once it is dropped."""
        assert self.utterance is not None, "begin() comes first"
        self.utterance.receive(spoken.audio, spoken.words)
        if not self.held and not self._dropped:
            self._send(now)

    def complete(self, now: float) -> None:
        """The utterance has all its audio; its end gets a mark, so that it is known exactly."""
        assert self.utterance is not None, "begin() comes first"
        self.utterance.complete = True
        if not self.held:
            self._put_last_mark()

    def hold(self, now: float) -> None:
        """Silences the agent at once; what the caller has not heard is kept."""
        if self.held:
            return
        self._settle(now)
        if self._sent > self._proven:
            self._line.clear()
        self._generation += 1
        self._marks.clear()
        # What was sent and not heard is gone: while held, time adds nothing to what the caller heard.
        self._rewind(self._taken, now)
        self.held = True
        self.silenced_at = now

    def resume(self, now: float) -> None:
        """Goes on after `hold`, from the start of the first word that was not fully heard."""
        if not self.held:
            return
        self.held = False
        utterance = self.utterance
        if utterance is None:
            return
        self._rewind(utterance.resume_point(self._taken), now)
        self._send(now)
        if utterance.complete:
            self._put_last_mark()

    def drop(self, now: float) -> None:
        """Silences the agent for good: an interruption. The ledger keeps how much was heard."""
        self.hold(now)
        self.held = False
        self._dropped = True

    # --- from the carrier ---

    def marked(self, name: str, now: float) -> None:
        """A mark came back; one of an older generation, or an unknown one, is ignored."""
        if not any(name == mark for mark, _ in self._marks):
            return
        mark = ""
        while mark != name:
            mark, position = self._marks.popleft()
        self._proven = position
        self._base = (position, now)
        self._settle(now)

    # --- questions ---

    def heard_ms(self, now: float) -> float:
        """How much of the utterance the caller has heard, in ms of its audio."""
        self._settle(now)
        return self._heard

    def heard_text(self, now: float) -> str:
        """The words of the utterance that the caller has heard."""
        return "" if self.utterance is None else self.utterance.heard_text(self.heard_ms(now))

    def left_ms(self, now: float) -> float:
        """Audio of the utterance received and not yet heard, in ms."""
        return 0.0 if self.utterance is None else self.utterance.audio_ms - self._position(now)

    def silent(self, now: float) -> bool:
        """Nothing is sounding at the carrier, as far as marks tell."""
        return not self._waiting(now) and self._position(now) >= self._sent

    def finished(self, now: float) -> bool:
        """The utterance is complete and was played to its end (or dropped)."""
        if self.utterance is None or self._dropped:
            return True
        return self.utterance.complete and not self.held and self.silent(now)

    def take_heard(self, now: float) -> list[HeardAudio]:
        """What was heard since the last asking (empty unless the ledger was made with `keep_heard`)."""
        self._settle(now)
        kept, self._kept = self._kept, []
        return kept

    # --- inside ---

    def _rewind(self, position: float, now: float) -> None:
        self._sent = self._marked = self._taken = self._proven = position
        self._base = (position, now)

    def _send(self, now: float) -> None:
        assert self.utterance is not None
        if self._position(now) >= self._sent:
            # The carrier has run dry, whether or not the last mark is back yet: this audio sounds from now on.
            self._settle(now)
            self._base = (self._sent, now)
        audio = self.utterance.audio
        start = round(self._sent * BYTES_PER_MS)
        while start < len(audio):
            room = max(1, round((self._marked + MARK_EVERY_MS) * BYTES_PER_MS) - start)
            part = bytes(audio[start : start + room])
            self._line.play(part)
            start += len(part)
            self._sent = start / BYTES_PER_MS
            if self._sent - self._marked >= MARK_EVERY_MS:
                self._put_mark()

    def _put_mark(self) -> None:
        self._mark_count += 1
        name = f"{self._generation}.{self._mark_count}"
        self._marks.append((name, self._sent))
        self._marked = self._sent
        self._line.mark(name)

    def _put_last_mark(self) -> None:
        if self._sent > self._marked:
            self._put_mark()

    def _position(self, now: float) -> float:
        at, time = self._base
        passed = max(0.0, now - time)
        position = min(self._sent, at + passed)
        if self._waiting(now) and passed > self._marks[0][1] - at + OVERDUE_MS:
            position = min(position, self._marks[0][1])
        return max(position, self._taken)

    def _waiting(self, now: float) -> bool:
        """The last mark is still out, and not for so long that it must be lost."""
        if not self._marks:
            return False
        at, time = self._base
        return now - time < self._marks[-1][1] - at + LOST_MARK_MS

    def _settle(self, now: float) -> None:
        position = self._position(now)
        if position <= self._taken:
            return
        if self._keep_heard:
            self._keep(self._taken, position)
        self._taken = position
        self._heard = max(self._heard, position)

    def _keep(self, start: float, end: float) -> None:
        assert self.utterance is not None
        at, time = self._base
        audio = bytes(self.utterance.audio[round(start * BYTES_PER_MS) : round(end * BYTES_PER_MS)])
        self._kept.append(HeardAudio(time + start - at, audio))
