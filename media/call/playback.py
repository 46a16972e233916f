"""Plays the agent's audio as a source of the output mixer, and tracks what the caller has heard.

Pure: times are parameters, in ms on the call's clock. The carrier buffers and plays in real time, and marks show what
was played. Between two marks the position is extrapolated. Marks count only if the carrier returns them in time: some
arrive seconds late, or never, although the audio plays at once; in that case only the clock counts. A mark that comes
back after a `clear` proves nothing (Twilio and Telnyx return every pending mark then), so each mark carries the
generation of its buffer, and marks of an older generation are ignored. Audio is sent in whole 20 ms frames, because
Telnyx rejects or drops shorter pieces (docs: media-streaming), and a voice's pieces have any length.
"""

from collections import deque
from collections.abc import Callable

from media.audio.framer import FRAME, fill_frames
from media.audio.mulaw import BYTES_PER_MS, lower, lower_early
from media.call.heard_times import HeardTimes
from media.call.media_stream import MediaStream
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk
from shared.events import MOST_TIMED_WORDS, AgentSaid

# The maximum distance between marks, so that the position is never extrapolated for long.
MARK_EVERY_MS = 200
# A carrier whose mark is overdue by more than this has stalled: the extrapolation stops at that mark.
OVERDUE_MS = 400.0
# If no mark has come back in time and the first one is overdue by more than this, the carrier plays the audio, and only
# its marks are late.
LATE_MARK_MS = 1_000.0
# If the last mark has not come back this long after the audio's end, the audio counts as played.
LOST_MARK_MS = 2_000.0
# How long the agent stays lowered under a backchannel: 500 ms of speech, 250 ms of silence and the time of the final
# text.
LOWERED_MS = 1_000.0
# If at least this much of LOWERED_MS is left, the reason for the lowering is the same sound, which is now known to be
# speech.
LEAST_LOWERED_MS = 700.0
# How long the agent is lowered further for a sound over its first words. After 200 ms it is known whether it is speech.
LOWERED_EARLY_MS = 240.0


# Called with audio (mu-law, 8 kHz) and the time of its beginning, in ms on the call's clock.
AudioReader = Callable[[bytes, float], None]


class Playback:
    """Tracks one utterance at a time. Positions are in ms of its audio.

    `_base` pairs a position with the time at which it was played, known by a mark or extrapolated.

    Attributes:
        heard_readers: Called with each stretch of agent audio that the caller has heard, in order, each moment once.
            Without a reader nothing is copied.
        held: The agent is silenced and may be resumed, by itself or because another source has the line.
        silenced_at: The time of the last hold.
        sounded_at: When the utterance's first audible sample sounded at the carrier, as a mark shows. None before that.
    """

    __slots__ = (
        "__weakref__", "_base", "_cut_at", "_dropped", "_generation", "_heard", "_heard_times", "_is_lowered_early",
        "_is_preempted", "_lowered", "_mark_count", "_mark_lag", "_marked", "_marks", "_padding_ms", "_proven",
        "_resumes", "_returns_marks", "_sent", "_settled", "_sound_due", "_stream", "heard_readers", "held",
        "silenced_at", "sounded_at", "utterance",
    )  # fmt: skip

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream
        self.heard_readers: tuple[AudioReader, ...] = ()
        self._marks: deque[tuple[str, float]] = deque()
        self._generation = 0
        self._mark_count = 0
        self._returns_marks: bool | None = None  # whether marks come back in time; None: not known yet
        self._mark_lag = 0.0  # the lag of the latest late mark
        self.utterance: Utterance | None = None
        self.held = False
        self.silenced_at = 0.0
        self._is_preempted = False  # whether another source has the line
        self._resumes = False  # whether to resume once the line is free
        self._dropped = False
        self._lowered = (0.0, 0.0)  # the range of the audio that is sent more quietly
        self._is_lowered_early = False
        self._cut_at = 0.0  # where a hold has cut the words, or lowered them so far that they count as cut
        self._settled = self._heard = 0.0
        self._heard_times = HeardTimes()
        self.sounded_at: float | None = None
        self._sound_due: float | None = (
            None  # the same time, calculated at the sending for a carrier that plays at once
        )
        self._rewind(0.0, 0.0)

    # --- to the carrier ---

    def begin(self, utterance: Utterance, now: float) -> None:
        """Start an utterance. The rest of the previous one is dropped."""
        self.settle(now)
        if not self.finished(now):
            self.drop(now)
        self._drop_marks(now)
        self.utterance = utterance
        self.held = self._resumes = self._is_preempted
        self._dropped = self._is_lowered_early = False
        self._lowered = (0.0, 0.0)
        self._heard = self._cut_at = 0.0
        self._heard_times = HeardTimes()
        self.sounded_at = self._sound_due = None
        self._rewind(0.0, now)

    def receive(self, spoken: SpeechChunk, now: float) -> None:
        """Store the next audio of the utterance. Send it unless the agent is held or the utterance was dropped."""
        assert self.utterance is not None, "begin() comes first"
        self.utterance.receive(spoken.audio, spoken.words)
        if not self.held and not self._dropped:
            self._send(now)

    def insert(self, text: str, audio: bytes, now: float) -> None:
        """Put a filler after the audio received so far. Later audio sounds after it."""
        assert self.utterance is not None, "begin() comes first"
        self.utterance.insert(text, audio, now + max(0.0, self.left_ms(now)))
        if not self.held and not self._dropped:
            self._send(now)
            self._put_end_mark()

    def complete(self, now: float) -> None:
        """Finish the utterance, which has all its audio: send the rest, with a mark that shows its exact end."""
        assert self.utterance is not None, "begin() comes first"
        self.utterance.complete = True
        if not self.held and not self._dropped:
            self._send(now)
            self._put_end_mark()

    def hold(self, now: float) -> None:
        """Silence the agent at once. Audio that the caller has not heard stays for `resume`."""
        self._resumes = False
        if self.held:
            return
        self.settle(now)
        self._settle_sound()
        is_unheard = self._is_lowered_early and self._settled < self._lowered[1]
        self._cut_at = self._lowered[0] if is_unheard else self._settled
        self._lowered, self._is_lowered_early = (0.0, 0.0), False
        if self._sent > self._proven:
            self._stream.clear()
        self._drop_marks(now)
        # The carrier has dropped what was not heard, so while held, time adds nothing to what the caller heard.
        self._rewind(self._settled, now)
        self.held = True
        self.silenced_at = now

    def lower(self, now: float, *, is_early: bool = False) -> None:
        """Continue more quietly for `LOWERED_MS` from what was heard, then at the normal volume.

        Audio that the carrier has not played is replaced. Nothing is repeated except what the carrier plays until its
        buffer is cleared. If the agent was lowered only just now, nothing changes.

        Args:
            is_early: Lower the volume by 20 instead of 12 dB, for `LOWERED_EARLY_MS`. A hold within this time counts
                that audio as unheard.
        """
        if self.held or self._dropped or self.utterance is None:
            return
        self.settle(now)
        if self._lowered[1] - self._settled >= LEAST_LOWERED_MS:
            return
        self.hold(now)
        self.held = False
        self._is_lowered_early = is_early
        self._lowered = (self._settled, self._settled + (LOWERED_EARLY_MS if is_early else LOWERED_MS))
        self._send(now)
        if self.utterance.complete:
            self._put_end_mark()

    def resume(self, now: float) -> None:
        """Continue after `hold`, from the start of the first word that was not fully heard.

        If another source has the line, the agent continues once the line is free.
        """
        if not self.held:
            return
        if self._is_preempted:
            self._resumes = True
            return
        self.held = False
        utterance = self.utterance
        if utterance is None:
            return
        self._rewind(utterance.resume_point(self._cut_at), now)
        self._send(now)
        if utterance.complete:
            self._put_end_mark()

    def preempt(self, now: float) -> None:
        """Silence the agent until `release`, because another source takes the line."""
        if not self._is_preempted:
            resumes = not self.held
            self.hold(now)
            self._is_preempted, self._resumes = True, resumes

    def release(self, now: float) -> None:
        """Continue on the free line, unless the agent was also silenced for another reason."""
        if self._is_preempted:
            self._is_preempted = False
            if self._resumes:
                self._resumes = False
                self.resume(now)

    def drop(self, now: float) -> None:
        """Silence the agent for good on an interruption. What was heard can still be read."""
        self.hold(now)
        self.held = False
        self._dropped = True

    # --- from the carrier ---

    def on_mark(self, name: str, now: float) -> None:
        """Process a returned mark. Unknown marks and marks of an older generation are ignored."""
        if not any(name == mark for mark, _ in self._marks):
            return
        mark = ""
        while mark != name:
            mark, position = self._marks.popleft()
        self._proven = position
        # The mark at the end follows the silence that fills the last frame.
        played_at = now if self._marks else now - self._padding_ms
        if self._is_in_time(position, played_at):
            self._base = (position, played_at)
            self._prove_sound(position, played_at)
        self.settle(now)

    # --- position ---

    def heard_ms(self, now: float) -> float:
        """Return how much of the utterance the caller has heard, in ms of its audio."""
        self.settle(now)
        return self._heard

    def heard_text(self, now: float) -> str:
        """Return the words of the utterance that the caller has heard."""
        return "" if self.utterance is None else self.utterance.heard_text(self.heard_ms(now))

    def word_times(self, heard: str) -> tuple[int, ...]:
        """Return start and end of each word of the heard text on the call's clock, in one sequence.

        The times come from the voice's vendor. The result is empty if the vendor reports none.
        """
        words = [] if self.utterance is None else self.utterance.place_words(heard)
        times = [self._heard_times.find(word.start_ms, min(word.end_ms, self._heard)) for word in words]
        return tuple(round(at) for span in times if span is not None for at in span) if None not in times else ()

    def describe_words(self, began: float, now: float, *, is_interrupted: bool) -> AgentSaid | None:
        """Describe what the caller has heard of the utterance, for the record of the call.

        Args:
            began: When the utterance became audible.
            is_interrupted: It was cut (`silenced_at`); otherwise it ends now.

        Returns:
            The event; None if no word was heard.
        """
        utterance, heard = self.utterance, self.heard_text(now)
        if utterance is None or not heard:
            return None
        planned = utterance.text.strip()
        ended = self.silenced_at if is_interrupted else now
        times = self.word_times(heard)
        return AgentSaid(
            utterance.turn,
            utterance.public(heard),
            round(began),
            round(ended),
            is_interrupted,
            utterance.public(planned if heard != planned else ""),
            times if len(times) <= 2 * MOST_TIMED_WORDS else (),
        )

    def left_ms(self, now: float) -> float:
        """Return the length of the utterance's received audio that was not heard yet, in ms."""
        return 0.0 if self.utterance is None else self.utterance.audio_ms - self._position(now)

    def is_filler(self, now: float) -> bool:
        """Return whether a filler sounds, or sounded last."""
        return self.utterance is not None and self.utterance.is_filler_at(self._position(now))

    def silent(self, now: float) -> bool:
        """Return whether the carrier plays nothing, as far as marks show."""
        return not self._awaits_mark(now) and self._position(now) >= self._sent

    def finished(self, now: float) -> bool:
        """Return whether the utterance was dropped, or is complete and was played to its end."""
        if self.utterance is None or self._dropped:
            return True
        return self.utterance.complete and not self.held and self.silent(now)

    @property
    def is_proven(self) -> bool:
        """Whether a mark has shown that the whole utterance was played."""
        utterance = self.utterance
        return (
            utterance is not None
            and utterance.complete
            and bool(utterance.audio)
            and self._proven >= utterance.audio_ms
        )

    def settle_sound(self, now: float) -> float | None:
        """Return `sounded_at` at the end of the utterance. Without its mark, it is the time calculated at the
        sending."""
        self.settle(now)
        self._settle_sound()
        return self.sounded_at

    def settle(self, now: float) -> None:
        """Account for what was heard up to now, and give it to the readers."""
        position = self._position(now)
        if position <= self._settled:
            return
        at, time = self._base
        self._heard_times.add(self._settled, position, time + self._settled - at)
        if self.heard_readers:
            self._hand_out(self._settled, position)
        self._settled = position
        self._heard = max(self._heard, position)

    # --- inside ---

    def _rewind(self, position: float, now: float) -> None:
        self._sent = self._marked = self._settled = self._proven = position
        self._padding_ms = 0.0
        self._base = (position, now)

    def _send(self, now: float) -> None:
        """Send received audio as far as it fills whole frames. Silence fills up the last frame of a complete
        utterance."""
        assert self.utterance is not None
        if self._position(now) >= self._sent:
            # The carrier has nothing left to play, whether or not the last mark is back, so this audio sounds from now
            # on.
            self.settle(now)
            self._base = (self._sent, now)
        length = len(self.utterance.audio)
        start = round(self._sent * BYTES_PER_MS)
        end = length if self.utterance.complete else length - (length - start) % FRAME
        while start < end:
            frames = max(1, (round((self._marked + MARK_EVERY_MS) * BYTES_PER_MS) - start) // FRAME)
            part = self._audio(start, min(end, start + frames * FRAME))
            filled = fill_frames(part)
            self._stream.play(filled)
            self._padding_ms = (len(filled) - len(part)) / BYTES_PER_MS
            start += len(part)
            self._sent = start / BYTES_PER_MS
            if self._sent - self._marked >= MARK_EVERY_MS:
                self._put_mark()
        self._mark_sound()

    def _audio(self, start: int, end: int) -> bytes:
        """Return a stretch of the utterance, given in bytes, as the caller hears it."""
        assert self.utterance is not None
        audio = bytes(self.utterance.audio[start:end])
        low, high = (min(max(start, round(ms * BYTES_PER_MS)), end) - start for ms in self._lowered)
        if low >= high:
            return audio
        quieter = lower_early if self._is_lowered_early else lower
        return audio[:low] + quieter(audio[low:high]) + audio[high:]

    def _mark_sound(self) -> None:
        """Put a mark after the first audible sample, unless there is one. It shows when the caller hears the sample."""
        sound_ms = self.utterance.sound_ms if self.utterance is not None else None
        if sound_ms is None or self._sound_due is not None or sound_ms >= self._sent:
            return
        at, time = self._base
        self._sound_due = time + sound_ms - at
        if self._marked <= sound_ms:
            self._put_mark()

    def _prove_sound(self, position: float, now: float) -> None:
        sound_ms = self.utterance.sound_ms if self.utterance is not None else None
        if self.sounded_at is None and self._sound_due is not None and sound_ms is not None and position > sound_ms:
            self.sounded_at = max(self._sound_due, now - (position - sound_ms))

    def _settle_sound(self) -> None:
        """Set when the sound began without its mark, which will not come back.

        Audio that counts as heard sounded when it was due. The rest did not sound.
        """
        sound_ms = self.utterance.sound_ms if self.utterance is not None else None
        if self.sounded_at is None and sound_ms is not None and self._settled > sound_ms:
            self.sounded_at = self._sound_due
        self._sound_due = self.sounded_at

    def _put_mark(self) -> None:
        self._mark_count += 1
        name = f"{self._generation}.{self._mark_count}"
        self._marks.append((name, self._sent))
        self._marked = self._sent
        self._stream.mark(name)

    def _put_end_mark(self) -> None:
        if self._sent > self._marked:
            self._put_mark()

    def _position(self, now: float) -> float:
        at, time = self._base
        passed = max(0.0, now - time)
        position = min(self._sent, at + passed)
        if self._returns_marks and self._awaits_mark(now) and passed > self._marks[0][1] - at + OVERDUE_MS:
            position = min(position, self._marks[0][1])
        return max(position, self._settled)

    def _awaits_mark(self, now: float) -> bool:
        """Return whether the last mark is pending and not overdue for so long that it must be lost.

        A late mark is awaited if the end must be proven, because the caller may not interrupt the utterance.
        """
        if not self._marks:
            return False
        if self._returns_marks is False and (self.utterance is None or self.utterance.interruptible):
            return False
        return self._overdue_ms(self._marks[-1][1], now) < LOST_MARK_MS + self._mark_lag

    def _overdue_ms(self, position: float, now: float) -> float:
        """Return how long ago this position was due to be played."""
        at, time = self._base
        return now - time - (position - at)

    def _is_in_time(self, position: float, now: float) -> bool:
        """Return whether a mark shows when its position was played. A late mark does if others were in time: the
        carrier stalled."""
        overdue = self._overdue_ms(position, now)
        if not self._returns_marks and overdue > LATE_MARK_MS:
            self._returns_marks, self._mark_lag = False, overdue
            return False
        self._returns_marks, self._mark_lag = True, 0.0
        return True

    def _drop_marks(self, now: float) -> None:
        """Ignore all pending marks from now on. Overdue marks show how the carrier returns them."""
        if self._marks:
            oldest, newest = self._marks[0][1], self._marks[-1][1]
            is_late = not self._returns_marks and self._overdue_ms(oldest, now) > LATE_MARK_MS
            if is_late or self._overdue_ms(newest, now) > LOST_MARK_MS:
                self._returns_marks = False
        self._generation += 1
        self._marks.clear()

    def _hand_out(self, start: float, end: float) -> None:
        at, time = self._base
        audio = self._audio(round(start * BYTES_PER_MS), round(end * BYTES_PER_MS))
        for read in self.heard_readers:
            read(audio, time + start - at)
