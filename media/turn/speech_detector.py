"""Converts the model's probabilities to speech with a start and an end."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from media.turn.speech_suspicion import SpeechSuspicion

WINDOW_MS = 32
BLOCK_MS = 8
# Levels are in dB of full scale. Lower levels are raised to this value.
SILENCE_DB = -90.0


@dataclass(frozen=True, slots=True)
class VadTuning:
    """Thresholds of speech, measured on phone-band speech in silence and noise.

    Attributes:
        gate_mode: webrtcvad's aggressiveness, 0-3.
        gate_hang_ms: How long the model continues after the gate shut.
        preroll_frames: The number of 20 ms frames from before the gate opened that the model gets first.
        threshold: Probabilities over this add up. Noise stays below it.
        most: The maximum that one window adds.
        enough: The sum that begins speech: two windows of clear speech, or more windows of a hesitant start.
        end: Speech ends after `end_windows` windows below this probability or without a loud sound. Ending too soon is
            harmless, because a turn's silence counts from `last_voice_ms` and speech continues with the next window.
        end_windows: See `end`.
        below_speech_db: How far below the speech level sound still counts as voice.
        above_noise_db: How far above the noise sound must be to count as voice.
        model_lag_ms: How long the model reports speech after its end; twice as long if it is uncertain. In noise that
            is not distinct from the speech, the end of speech is the model's end minus this, because the levels do not
            show it.
        clean_db: Levels can be trusted if the caller's usual level is this far above the softest sound.
        distinct_db: If the caller's usual level is this far above the sound right after speech, the speech ends where
            its sound ends, whatever the model reports.
        distinct_windows: This many consecutive windows of such sound end speech, because the model reports speech for
            another 0.3 s. Fewer windows would cut off soft endings.
        tail_db: Sound that continues after the model's end of speech is a long vowel or a last consonant if it is at
            most this far below the usual level, with dips of at most `tail_dip_ms`, for at most `tail_windows`.
        tail_dip_ms: See `tail_db`.
        tail_windows: See `tail_db`.
        quiet_db: If the caller's usual level is this far above the softest sound, it is quiet between words.
        fading_db: If it is quiet between words, a window at most this far below the usual level counts a third, because
            callers' voices fade.
        least_db: Softer sound does not begin speech.
        far_db: Speech whose loudest sound is this far below the caller's usual level comes from somebody further away
            and does not begin speech. People have peaks of 5 to 10 dB over their mean, and vary by 3 dB from turn to
            turn.
        below_usual_db: Speech this far below the usual level, for `chatter_windows` windows, is chatter of others.
        chatter_windows: See `below_usual_db`.
        near_db: After chatter in a place that is not clean, speech begins at most this far below the usual level.
        far_windows: This many windows of chatter end the caller's speech.
        far_back: A window near the usual level subtracts this many windows of chatter.
    """

    gate_mode: int = 3
    gate_hang_ms: int = 200
    preroll_frames: int = 5
    threshold: float = 0.15
    most: float = 0.45
    enough: float = 0.7
    end: float = 0.35
    end_windows: int = 2
    below_speech_db: float = 28.0
    above_noise_db: float = 6.0
    model_lag_ms: int = 96
    clean_db: float = 40.0
    distinct_db: float = 25.0
    distinct_windows: int = 5
    tail_db: float = 20.0
    tail_dip_ms: int = 64
    tail_windows: int = 16
    quiet_db: float = 28.0
    fading_db: float = 16.0
    least_db: float = -55.0
    far_db: float = 14.0
    below_usual_db: float = 10.0
    chatter_windows: int = 15
    near_db: float = 8.0
    far_windows: int = 8
    far_back: int = 2


# How fast levels adapt: as a share of the difference per window (32 ms), or as dB per window.
_SPEECH_UP, _SPEECH_DOWN = 0.5, 0.05
_NOISE_UP, _NOISE_DOWN = 0.2, 0.5
_USUAL_UP, _USUAL_DOWN, _USUAL_LEAK_DB = 0.25, 0.001, 0.01
_LOW_UP_DB = 0.3
# The number of windows for which chatter is expected after it was noticed.
_CHATTER_LASTS = 600
# Speech that resumes within this time belongs to the same stretch of speech.
_SAME_MS = 250
# This many windows after speech show the noise level. After that, the end is searched in the last _RECENT_WINDOWS,
# which cover the longest tail.
_QUIET_WINDOWS, _RECENT_WINDOWS = 2, 16
_SURE, _NO_SPEECH = 0.5, 0.2
# Windows in which others may speak are counted in thirds.
_WHOLE = 3


class SpeechDetector:
    """Detects one caller's speech from windows of 32 ms. Times are in ms of the caller's audio.

    Attributes:
        speaking: The caller speaks now.
        last_voice_ms: The end of the latest sound that was clearly speech (0 before the first).
        onset_ms: When the current or last speech began.
        voiced_ms: How much of the current or last speech was voice so far.
        suspicion: Whether a sound may be speech.
    """

    __slots__ = (
        "_before",
        "_begin",
        "_begun",
        "_chatter",
        "_distinct",
        "_end",
        "_evidence",
        "_far",
        "_is_new",
        "_just_ended",
        "_low",
        "_misses",
        "_model_end",
        "_near_end",
        "_noise",
        "_quiet",
        "_recent",
        "_soft",
        "_speech",
        "_tail",
        "_tuning",
        "_usual",
        "_voiced",
        "last_voice_ms",
        "onset_ms",
        "speaking",
        "suspicion",
        "voiced_ms",
    )

    def __init__(self, tuning: VadTuning) -> None:
        self._tuning = tuning
        self.speaking = False
        self.suspicion = SpeechSuspicion()
        self.last_voice_ms = self.onset_ms = self.voiced_ms = 0
        self._evidence = 0.0
        self._chatter = self._soft = self._distinct = 0
        self._misses = self._far = 0
        self._begin = self._begun = self._end = self._near_end = self._voiced = 0
        self._speech = self._noise = self._low = self._usual = SILENCE_DB
        self._before: Sequence[float] = ()
        self._recent: deque[tuple[int, Sequence[float]]] = deque(maxlen=_RECENT_WINDOWS)
        self._model_end = 0
        self._quiet = 0
        self._just_ended = False
        self._tail = 0  # number of further windows in which sound after speech may belong to it
        self._is_new = True

    @property
    def is_undecided(self) -> bool:
        """Whether the latest windows contained some evidence of speech, but not enough to begin it."""
        return self._evidence > 0 and not self.speaking

    @property
    def has_quiet_pauses(self) -> bool:
        """Whether it is quiet between the caller's words, so that few others can talk behind them."""
        return self._usual - self._low >= self._tuning.quiet_db

    def on_gate_open(self) -> None:
        """Measure the noise level again from the next window on, because sound follows silence."""
        self._before = ()
        self._is_new = True
        self.suspicion.begin()

    def on_gate_shut(self) -> None:
        """End the speech, because silence begins. Speech that was too short does not count."""
        if (self.speaking or self._just_ended) and self._is_distinct(self._level_after()):
            self._correct_end()
        self._stop()
        self.suspicion.end()
        self._tail = 0

    def add_window(self, start_ms: int, probability: float, levels: Sequence[float]) -> None:
        """Add a window: its start, the model's probability of speech, and the levels of its 8 ms blocks."""
        top = max(levels)
        self._recent.append((start_ms, levels))
        self._learn(probability, top, min(levels))
        if self.speaking:
            self._continue(start_ms, probability, levels)
            self._watch_distance(top)
        else:
            near = 0.0 if self._is_far(top) else probability
            self.suspicion.add_window(near, top - self._low)
            self._gather(start_ms, near, levels)
        self._quiet = self._quiet + 1 if probability < _NO_SPEECH else 0
        if self._just_ended and self._quiet >= _QUIET_WINDOWS:
            self._correct_end()
        self._watch_tail()
        self._before = levels

    # --- beginning ---

    def _gather(self, start_ms: int, probability: float, levels: Sequence[float]) -> None:
        """Before speech, add up evidence until there is enough, and drop it if there is none."""
        tuning = self._tuning
        evidence = self._evidence + min(tuning.most, probability - tuning.threshold)
        if evidence <= 0:
            self._evidence = 0.0
            return
        if not self._evidence:
            self._begin = self._find_begin(start_ms, levels)
            self._voiced = 0
        self._evidence = evidence
        self._voiced += WINDOW_MS
        if not self._find_end(start_ms, levels):
            self._end = start_ms + WINDOW_MS
        if evidence >= tuning.enough:
            self._start()

    def _start(self) -> None:
        if self._begin - self.last_voice_ms > _SAME_MS or not self.last_voice_ms:
            self.onset_ms = self._begin
            self.voiced_ms = 0
        self.voiced_ms += self._voiced
        self._begun = self._begin
        self.speaking = True
        self._misses = self._far = self._distinct = 0
        self._near_end = self.last_voice_ms = self._end
        self._model_end = 0
        self._just_ended = False
        self._tail = 0
        self.suspicion.end()

    def _find_begin(self, start_ms: int, levels: Sequence[float]) -> int:
        """Return the start of the loud run that leads up to the end of this window, searched from the previous window
        on."""
        loud = self._loud()
        both = [*self._before, *levels]
        at = len(both)
        while at > 0 and both[at - 1] >= loud:
            at -= 1
        return start_ms + (min(at, len(both) - 1) - len(self._before)) * BLOCK_MS

    # --- ending ---

    def _stop(self) -> None:
        self.speaking = False
        self._evidence = 0.0
        self._misses = 0

    def _continue(self, start_ms: int, probability: float, levels: Sequence[float]) -> None:
        """During speech, end it if the model or the level shows no speech for some windows."""
        tuning = self._tuning
        is_loud = self._find_end(start_ms, levels)
        is_distinct = not is_loud and self._is_distinct(sum(levels) / len(levels))
        self._distinct = self._distinct + 1 if is_distinct else 0
        is_quiet = self._distinct >= tuning.distinct_windows
        goes_on = probability >= tuning.end and (is_loud or not self._is_clean())
        if goes_on or probability >= _SURE:
            lag_ms = tuning.model_lag_ms if probability >= _SURE else 2 * tuning.model_lag_ms
            self._model_end = max(self._model_end, start_ms + WINDOW_MS - lag_ms)
        self._end = max(self._end, self._model_end)
        self.last_voice_ms = self._end
        if goes_on and not is_quiet:
            self._misses = 0
            self.voiced_ms += WINDOW_MS
            return
        self._misses += 1
        if is_quiet or self._misses >= tuning.end_windows:
            self._stop()
            self._just_ended = True
            self._tail = 0 if self._chatter else self._tuning.tail_windows
            if is_quiet:
                self._correct_end()

    def _correct_end(self) -> None:
        """Correct the end of speech. The first windows after it show the noise level, and thereby which of the last
        sounds were voice."""
        self._just_ended = False
        noise, tuning = self._level_after(), self._tuning
        is_distinct = self._is_distinct(noise)
        # The model reports speech in soft noise for up to 0.3 s. A sound that it reported as noise before may be the
        # end of a word.
        before = self._speech - tuning.below_speech_db if is_distinct else self._loud()
        loud = max(before, noise + tuning.above_noise_db)
        found = (_last_loud(start_ms, levels, loud) for start_ms, levels in self._recent)
        ends = [end for end in found if end is not None and end > self._begun]
        # Babble may be as loud as the last words. Then the levels show nothing, and only the model's end can be used.
        if not ends or not is_distinct:
            ends.append(self._model_end or self.last_voice_ms)
        self.last_voice_ms = max(self._begun, min(self.last_voice_ms, max(ends)))

    def _watch_tail(self) -> None:
        """After speech, when it is quiet, treat the sound that continued until then as the end of the speech.

        The model does not report vowels that are held for 0.2 s as speech. If others chatter, the sound is attributed
        to them.
        """
        if self._tail:
            self._tail -= 1
            if self._is_distinct(max(self._blocks_after())):
                self._tail = 0
                self.last_voice_ms = self._tail_end()

    def _tail_end(self) -> int:
        """Return where the sound that continues from the end of the voice ends."""
        end, usual, tuning = self.last_voice_ms, self._usual, self._tuning
        for start_ms, levels in self._recent:
            for at, level in enumerate(levels, 1):
                block_end = start_ms + at * BLOCK_MS
                is_like_voice = usual - tuning.tail_db <= level < usual
                if is_like_voice and end < block_end <= end + tuning.tail_dip_ms + BLOCK_MS:
                    end = block_end
        return end

    def _level_after(self) -> float:
        """Return the level of the latest windows in dB of full scale."""
        after = self._blocks_after()
        return sum(after) / len(after)

    def _blocks_after(self) -> list[float]:
        return [level for _, levels in list(self._recent)[-_QUIET_WINDOWS:] for level in levels]

    def _is_distinct(self, noise: float) -> bool:
        return self._usual - noise >= self._tuning.distinct_db

    def _watch_distance(self, top: float) -> None:
        """End speech where the caller was last near, if only other people still speak."""
        weight = self._weigh_soft(top)
        if not weight:
            self._far = max(0, self._far - _WHOLE * self._tuning.far_back)
            if not self._far:
                self._near_end = self._end
            return
        self._far += weight
        if self._chatter and self._far >= _WHOLE * self._tuning.far_windows:
            self.last_voice_ms = self._near_end
            self._stop()

    def _find_end(self, start_ms: int, levels: Sequence[float]) -> bool:
        """Move the end of the voice to the last loud block. Return False if there is none."""
        end = _last_loud(start_ms, levels, self._loud())
        if end is not None:
            self._end = end
        return end is not None

    # --- levels ---

    def _loud(self) -> float:
        return max(self._speech - self._tuning.below_speech_db, self._noise + self._tuning.above_noise_db)

    def _is_clean(self) -> bool:
        """Whether there is so little other sound that the level shows the end of speech."""
        return self._usual - self._low >= self._tuning.clean_db

    def _is_far(self, top: float) -> bool:
        """Return whether a sound is too soft to come from the caller. The model cannot distinguish other people."""
        tuning = self._tuning
        limit = tuning.near_db if self._chatter and not self._is_clean() else tuning.far_db
        return top < max(tuning.least_db, self._usual - limit)

    def _is_soft(self, top: float) -> bool:
        tuning = self._tuning
        return top < self._usual - (tuning.far_db if self._is_clean() else tuning.below_usual_db)

    def _weigh_soft(self, top: float) -> int:
        """Return the weight, in thirds, with which a window counts as another person's speech."""
        if not self._is_soft(top):
            return 0
        may_fade = self.has_quiet_pauses and top >= self._usual - self._tuning.fading_db
        return 1 if may_fade else _WHOLE

    def _learn(self, probability: float, top: float, bottom: float) -> None:
        if self._is_new:
            self._is_new = False
            self._low = bottom
            self._noise = bottom if probability < _SURE else SILENCE_DB
        self._low = min(self._low + _LOW_UP_DB, bottom)
        weight = self._weigh_soft(top)
        self._detect_chatter(weight, is_speech=probability >= self._tuning.end)
        if probability < _NO_SPEECH:
            self._noise += (top - self._noise) * (_NOISE_UP if top > self._noise else _NOISE_DOWN)
        elif probability >= _SURE:
            self._speech += (top - self._speech) * (_SPEECH_UP if top > self._speech else _SPEECH_DOWN)
            self._learn_usual(top, weight > 0)

    def _learn_usual(self, top: float, is_soft: bool) -> None:
        """Adapt the caller's usual level to the peaks, and slowly to speech that is always soft."""
        if is_soft:
            self._usual -= _USUAL_LEAK_DB
        else:
            self._usual += (top - self._usual) * (_USUAL_UP if top > self._usual else _USUAL_DOWN)

    def _detect_chatter(self, weight: int, *, is_speech: bool) -> None:
        """Detect chatter, which is much soft speech from other people. After it was detected, chatter is expected for a
        while.

        Silence between the words of others does not show who speaks; only the caller's own speech does.

        Args:
            weight: The weight of this window.
        """
        most = _WHOLE * self._tuning.chatter_windows
        if is_speech and weight:
            self._soft = min(self._soft + weight, most)
            if self._soft == most:
                self._chatter = _CHATTER_LASTS
            return
        self._chatter = max(0, self._chatter - 1)
        if is_speech:
            self._soft = max(0, self._soft - _WHOLE * self._tuning.far_back)


def _last_loud(start_ms: int, levels: Sequence[float], loud: float) -> int | None:
    """Return the end of the last block of a window that is at least as loud as `loud`, or None."""
    for at in range(len(levels), 0, -1):
        if levels[at - 1] >= loud:
            return start_ms + at * BLOCK_MS
    return None
