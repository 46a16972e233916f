"""Families of places: callers among other voices, callers who are hardly audible, and places where nobody calls."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec
import numpy as np

from lab.listening.clips import Clip, ClipAudio
from lab.listening.pauses import response_ms
from lab.listening.sound import PER_MS, RATE, USUAL_DB, Samples, at_level, to_frames
from lab.listening.timeline import LEAD_MS, TAIL_MS, speak
from lab.listening.virtual_call import CallOutcome, CallSetup, ListeningEngines, run_call
from media.turn.backchannels import split_words
from shared.events import CallerSaid

SNR_DB: Final = 10.0
BABBLE_VOICES: Final = 6
QUIET_DB: Final = (-40.0, -45.0, -48.0, -50.0, -53.0)
# An answer is heard whole if so many of its words come in one turn, and it is answered soon enough to be for it.
WHOLE_SHARE: Final = 0.7
LATEST_MS: Final = 3_000.0
NOISE_MINUTES: Final = 8
NOISE_DB: Final = -40.0
_BUMPS_A_MINUTE: Final = 12


class HeardCase(msgspec.Struct, frozen=True):
    """One caller in one place. level_db: the caller's. words: the share of the clip's words in the fullest turn.
    response_ms: from the true end to the answer; None: none came. turns: how many the call counted."""

    clip: str
    speaker: str
    level_db: float
    words: float
    response_ms: float | None
    turns: int

    @property
    def has_words(self) -> bool:
        """Whether one turn has most of the words, however late it was answered."""
        return self.words >= WHOLE_SHARE

    @property
    def is_whole(self) -> bool:
        """Whether the answer was heard whole, and answered."""
        return self.has_words and self.response_ms is not None and self.response_ms <= LATEST_MS


class NoiseCase(msgspec.Struct, frozen=True):
    """Noise in which nobody speaks. ghosts: turns that the call counted in it."""

    kind: str
    minutes: float
    ghosts: int


def run_babble(
    clips: Sequence[Clip], audio: ClipAudio, setup: CallSetup, engines: ListeningEngines
) -> Iterator[HeardCase]:
    """Each clip among six other speakers, who together are 10 dB softer. Raises SourceError."""
    for number, clip in enumerate(clips):
        samples = at_level(audio.samples(clip), USUAL_DB)
        length = len(samples) + (LEAD_MS + TAIL_MS) * PER_MS
        others = [one for one in (*clips[number + 1 :], *clips[:number]) if one.speaker != clip.speaker]
        room = babble(list(islice(others, BABBLE_VOICES)), audio, length)
        side = np.concatenate([np.zeros(LEAD_MS * PER_MS, np.float32), samples])
        mixed = room.copy()
        mixed[: len(side)] += side
        yield _heard(clip, mixed, LEAD_MS + len(samples) / PER_MS, USUAL_DB, setup, engines)


def run_quiet(
    clips: Sequence[Clip], audio: ClipAudio, setup: CallSetup, engines: ListeningEngines
) -> Iterator[HeardCase]:
    """Each clip at each of the low levels, in noise of -65 dB or the clip's own. Raises SourceError."""
    for clip in clips:
        samples = audio.samples(clip)
        for level_db in QUIET_DB:
            caller = speak(at_level(samples, level_db))
            outcome = run_call(caller.frames, setup, engines)
            yield _judge(clip, outcome, caller.end_ms, level_db)


def run_noise(setup: CallSetup, engines: ListeningEngines) -> Iterator[NoiseCase]:
    """Eight minutes of made noise: hiss, hum, and a hiss with bumps, by turns of a minute."""
    for minute in range(NOISE_MINUTES):
        kind = ("hiss", "hum", "bumps")[minute % 3]
        outcome = run_call(to_frames(made_noise(kind, minute)), setup, engines)
        yield NoiseCase(kind, 1.0, _turns(outcome))


def babble(clips: Sequence[Clip], audio: ClipAudio, length: int) -> Samples:
    """Several speakers at once, each from another place of a clip on, 10 dB under the usual level."""
    voices = [at_level(audio.samples(clip), USUAL_DB) for clip in clips]
    looped = [np.resize(np.roll(voice, -len(voice) * number // 7), length) for number, voice in enumerate(voices)]
    return at_level(np.sum(looped, axis=0).astype(np.float32), USUAL_DB - SNR_DB)


def made_noise(kind: str, seed: int) -> Samples:
    """A minute of "hiss" (pink), "hum" (100 Hz and its multiples) or "bumps" (hiss, and short knocks 20 dB over it)."""
    rng, count = np.random.default_rng(seed), 60 * RATE
    spectrum = np.fft.rfft(rng.standard_normal(count))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 20.0), count)
    noise = pink / np.sqrt(np.mean(pink**2))
    times = np.arange(count) / RATE
    if kind == "hum":
        noise = 0.3 * noise + sum(np.sin(2 * np.pi * 100 * part * times) / part for part in range(1, 9))
    if kind == "bumps":
        knock = np.exp(-np.arange(RATE // 10) / (RATE / 60)) * rng.standard_normal(RATE // 10) * 20
        for start in rng.integers(0, count - len(knock), _BUMPS_A_MINUTE):
            noise[start : start + len(knock)] += knock
    scaled: Samples = (noise * 10 ** (NOISE_DB / 20)).astype(np.float32)
    return scaled


def _heard(
    clip: Clip, samples: Samples, end_ms: float, level_db: float, setup: CallSetup, engines: ListeningEngines
) -> HeardCase:
    return _judge(clip, run_call(to_frames(samples), setup, engines), end_ms, level_db)


def _judge(clip: Clip, outcome: CallOutcome, end_ms: float, level_db: float) -> HeardCase:
    said = [split_words(event.text) for event in outcome.events if isinstance(event, CallerSaid)]
    words = max((_common(split_words(clip.text), heard) for heard in said), default=0.0)
    return HeardCase(clip.name, clip.speaker, level_db, round(words, 3), response_ms(outcome, end_ms), len(said))


def _common(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """The share of the wanted words that were heard, each as often as it was heard at most."""
    left = list(heard)
    found = 0
    for word in wanted:
        if word in left:
            left.remove(word)
            found += 1
    return found / len(wanted)


def _turns(outcome: CallOutcome) -> int:
    return sum(isinstance(event, CallerSaid) for event in outcome.events)
