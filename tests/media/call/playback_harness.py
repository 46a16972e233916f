"""A `Playback` with a simulated carrier, fed with audio in which every millisecond can be identified."""

import random
from dataclasses import dataclass, field

from media.call.playback import Playback
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk, TimedWord
from tests.media.call.simulated_carrier import BYTES_PER_MS, SimulatedCarrier

STEP_MS = 2  # rounding to whole ms, by the playback and by the carrier
WORD_MS = 300

_SOUND = random.Random(20).randbytes(20_000 * BYTES_PER_MS)


def sound(ms: int) -> bytes:
    """Audio in which every millisecond is unique."""
    return _SOUND[: ms * BYTES_PER_MS]


@dataclass
class PlaybackHarness:
    """A playback, its carrier, and an utterance whose words are 300 ms long, without pauses.

    samples: (time, heard_ms) every 10 ms. heard_audio: what the playback reported to its reader.
    """

    carrier: SimulatedCarrier
    playback: Playback = field(init=False)
    utterance: Utterance = field(init=False)
    samples: list[tuple[int, float]] = field(default_factory=list)
    heard_audio: list[tuple[bytes, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playback = Playback(self.carrier)
        self.playback.heard_readers = (lambda audio, at_ms: self.heard_audio.append((audio, at_ms)),)
        self.begin()

    def begin(self) -> None:
        self.utterance = Utterance(1)
        self.playback.begin(self.utterance, self.carrier.now)

    def say(self, ms: int) -> None:
        """Receives `ms` of audio from the voice, with the words that begin in it."""
        start = round(self.utterance.audio_ms)
        words = []
        for number in range(-(-start // WORD_MS), -(-(start + ms) // WORD_MS)):
            words.append(TimedWord(f"w{number}", number * WORD_MS, (number + 1) * WORD_MS))
            self.utterance.plan(f"w{number} ")
        audio = sound(start + ms)[start * BYTES_PER_MS :]
        self.playback.receive(SpeechChunk(audio, tuple(words)), self.carrier.now)

    def complete(self) -> None:
        self.playback.complete(self.carrier.now)

    def hold(self) -> None:
        clears = self.carrier.clears
        self.playback.hold(self.carrier.now)
        if self.carrier.clears == clears:  # marks proved that all was played
            self.carrier.split()

    def resume(self) -> None:
        self.playback.resume(self.carrier.now)

    def wait(self, ms: int) -> None:
        for _ in range(ms):
            for name in self.carrier.step():
                self.playback.on_mark(name, self.carrier.now)
            if self.carrier.now % 10 == 0:
                self.samples.append((self.carrier.now, self.heard))

    def wait_until_finished(self, most_ms: int = 30_000) -> None:
        while not self.playback.finished(self.carrier.now):
            self.wait(1)
            most_ms -= 1
            assert most_ms, "never finished"

    @property
    def heard(self) -> float:
        return self.playback.heard_ms(self.carrier.now)

    @property
    def audio(self) -> bytes:
        return bytes(self.utterance.audio)

    def all_heard_audio(self) -> bytes:
        self.playback.settle(self.carrier.now)
        return b"".join(audio for audio, _ in self.heard_audio)
