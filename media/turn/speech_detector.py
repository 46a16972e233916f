"""Turns the model's probabilities into speech with a start and an end."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from media.turn.speech_suspicion import SpeechSuspicion

WINDOW_MS = 32
BLOCK_MS = 8
# Levels are dB of full scale; lower ones count as this.
SILENCE_DB = -90.0


@dataclass(frozen=True, slots=True)
class VadTuning:
    """Thresholds of speech, measured on phone-band speech in silence and noise.

    gate_mode: webrtcvad's aggressiveness 0-3. gate_hang_ms: the model still runs this long after the gate shut.
    preroll_frames: 20 ms frames from before the gate opened that the model gets first.
    threshold, most, enough: probabilities over `threshold` add up, no window for more than `most`, until they are
        `enough`: two windows of clear speech, or more of a hesitant start. Noise stays under `threshold`.
    end, end_windows: so many windows under this probability, or without a loud sound, end speech. Ending too soon is
        harmless, because a turn's silence counts from `last_voice_ms` and speech continues with the next window.
    below_speech_db, above_noise_db: how far under the speech level, and at least over the noise, sound is still voice.
    model_lag_ms: how long the model reports speech after its end, and twice as long if it is not sure. In noise that is
        not distinct from the speech, its end is taken from the model, less this, because the levels do not show it.
    clean_db: with so much between the caller's usual level and the softest sound, levels can be trusted.
    distinct_db: with so much between the caller's usual level and the sound right after speech, the end of the speech
        is where its sound ends, whatever the model says. distinct_windows: so many of such sound, one after the other,
        end speech, because the model goes on reporting it for 0.3 s. With fewer, soft endings are cut off.
    tail_db, tail_dip_ms, tail_windows: sound that goes on when the model calls it speech no more is a vowel held long
        or a last consonant if it is softer than the usual level, by no more than this, with dips of so many ms, and for
        so many windows at most.
    least_db: no softer sound begins speech.
    far_db: speech whose loudest sound is so far under the caller's usual level is somebody else's, further away: it
        begins nothing. People have peaks of 5 to 10 dB over their mean, and vary by 3 from turn to turn.
    below_usual_db, chatter_windows: speech so far under the usual level, for so many windows, is chatter of others.
    quiet_db, fading_db: with so much between the usual level and the softest sound it is quiet between words. There
        a window no further than `fading_db` under the usual level counts a third, because callers' voices fade.
    near_db: once there is chatter in a place that is not clean, speech begins no further under the usual level.
    far_windows, far_back: so many windows of chatter end the caller's speech; a window near the usual level takes
        `far_back` of them back.
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


# How fast levels are learned, as the share of the difference taken over per window (32 ms) or as dB per window.
_SPEECH_UP, _SPEECH_DOWN = 0.5, 0.05
_NOISE_UP, _NOISE_DOWN = 0.2, 0.5
_USUAL_UP, _USUAL_DOWN, _USUAL_LEAK_DB = 0.25, 0.001, 0.01
_LOW_UP_DB = 0.3
# Windows for which chatter in the room is expected after it was noticed.
_CHATTER_LASTS = 600
# Speech that begins again so soon is the same stretch of speech.
_SAME_MS = 250
# After speech, so many windows without any show the noise level; the end is then searched in the last so many, which
# are no fewer than a tail has.
_QUIET_WINDOWS, _RECENT_WINDOWS = 2, 16
_SURE, _NO_SPEECH = 0.5, 0.2
# Windows in which others may speak are counted in thirds.
_WHOLE = 3


class SpeechDetector:
    """One caller's speech, fed with 32 ms windows. Times in ms of the caller's audio.

    speaking: the caller speaks now. last_voice_ms: end of the latest sound that was clearly speech (0 before any).
    onset_ms: when the current or last speech began. voiced_ms: how much of it was voice so far. suspicion: that a sound
    may be speech.
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
        self._tail = 0  # for so many more windows the sound after speech may belong to it
        self._is_new = True

    @property
    def is_undecided(self) -> bool:
        """Whether the latest windows held some evidence of speech, but not enough to begin it."""
        return self._evidence > 0 and not self.speaking

    @property
    def has_quiet_pauses(self) -> bool:
        """Whether it is quiet between the caller's words, so that few others can talk behind them."""
        return self._usual - self._low >= self._tuning.quiet_db

    def on_gate_open(self) -> None:
        """Sound after silence: the level of the noise is learned again from the next window."""
        self._before = ()
        self._is_new = True
        self.suspicion.begin()

    def on_gate_shut(self) -> None:
        """Silence: speech is over, or what there was of it was too short to count."""
        if (self.speaking or self._just_ended) and self._is_distinct(self._level_after()):
            self._correct_end()
        self._stop()
        self.suspicion.end()
        self._tail = 0

    def add_window(self, start_ms: int, probability: float, levels: Sequence[float]) -> None:
        """Takes the next window: where it starts, the model's probability of speech, the levels of its 8 ms blocks."""
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
        """No speech yet: evidence adds up until there is enough of it, and is dropped where there is none."""
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
        """The first loud block of the run that leads up to the end of this window, from the window before on."""
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
        """During speech: ends it when the model or the level shows none for some windows."""
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
        """The first windows after speech show how loud the noise is, and so which of the last sounds were voice."""
        self._just_ended = False
        noise, tuning = self._level_after(), self._tuning
        is_distinct = self._is_distinct(noise)
        # The model calls soft noise speech for up to 0.3 s. What it took for noise before may have been a word's end.
        before = self._speech - tuning.below_speech_db if is_distinct else self._loud()
        loud = max(before, noise + tuning.above_noise_db)
        found = (_last_loud(start_ms, levels, loud) for start_ms, levels in self._recent)
        ends = [end for end in found if end is not None and end > self._begun]
        # Babble may be as loud as the last words: then the levels tell nothing, and the model's end is all there is.
        if not ends or not is_distinct:
            ends.append(self._model_end or self.last_voice_ms)
        self.last_voice_ms = max(self._begun, min(self.last_voice_ms, max(ends)))

    def _watch_tail(self) -> None:
        """After speech: once it is quiet, the sound that went on until then turns out to be the end of the speech. The
        model takes vowels held for 0.2 s for no speech. Where others chatter, such a sound is theirs."""
        if self._tail:
            self._tail -= 1
            if self._is_distinct(max(self._blocks_after())):
                self._tail = 0
                self.last_voice_ms = self._tail_end()

    def _tail_end(self) -> int:
        """Where the sound ends that goes on from the end of the voice."""
        end, usual, tuning = self.last_voice_ms, self._usual, self._tuning
        for start_ms, levels in self._recent:
            for at, level in enumerate(levels, 1):
                block_end = start_ms + at * BLOCK_MS
                is_like_voice = usual - tuning.tail_db <= level < usual
                if is_like_voice and end < block_end <= end + tuning.tail_dip_ms + BLOCK_MS:
                    end = block_end
        return end

    def _level_after(self) -> float:
        """The level of the latest windows, in dB of full scale."""
        after = self._blocks_after()
        return sum(after) / len(after)

    def _blocks_after(self) -> list[float]:
        return [level for _, levels in list(self._recent)[-_QUIET_WINDOWS:] for level in levels]

    def _is_distinct(self, noise: float) -> bool:
        return self._usual - noise >= self._tuning.distinct_db

    def _watch_distance(self, top: float) -> None:
        """Ends speech where the caller was last near, if only other people still speak."""
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
        """Moves the end of the voice to the last loud block; False when there is none."""
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
        """Whether a sound is too soft to be the caller's: it is somebody else, which the model cannot distinguish."""
        tuning = self._tuning
        limit = tuning.near_db if self._chatter and not self._is_clean() else tuning.far_db
        return top < max(tuning.least_db, self._usual - limit)

    def _is_soft(self, top: float) -> bool:
        tuning = self._tuning
        return top < self._usual - (tuning.far_db if self._is_clean() else tuning.below_usual_db)

    def _weigh_soft(self, top: float) -> int:
        """How much a window counts as somebody else's, in thirds."""
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
        """The caller's usual level follows the peaks, and gives way slowly to speech that is always soft."""
        if is_soft:
            self._usual -= _USUAL_LEAK_DB
        else:
            self._usual += (top - self._usual) * (_USUAL_UP if top > self._usual else _USUAL_DOWN)

    def _detect_chatter(self, weight: int, *, is_speech: bool) -> None:
        """Much soft speech is not the caller's; once noticed, it is expected for a while. weight: of this window's.
        Silence between the words of others says nothing of whose they are, only the caller's own speech does."""
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
    """Where the last block of a window ends that is as loud as that."""
    for at in range(len(levels), 0, -1):
        if levels[at - 1] >= loud:
            return start_ms + at * BLOCK_MS
    return None
