"""A ledger of play-out on the bench: joined to a model carrier, fed with audio that can be found again."""

import random
from dataclasses import dataclass, field

from media.call.playback import HeardAudio, Playback
from media.call.utterance import Utterance
from media.providers.ports import Spoken, TimedWord
from tests.media.call.carrier import BYTES_PER_MS, Carrier

STEP_MS = 2  # rounding to whole ms, on both sides
WORD_MS = 300

_SOUND = random.Random(20).randbytes(20_000 * BYTES_PER_MS)


def sound(ms: int) -> bytes:
    """Audio of which every millisecond can be told from all others."""
    return _SOUND[: ms * BYTES_PER_MS]


@dataclass
class Bench:
    """A ledger, its carrier, and an utterance whose words are 300 ms long, one after the other."""

    carrier: Carrier
    ledger: Playback = field(init=False)
    utterance: Utterance = field(init=False)
    samples: list[tuple[int, float]] = field(default_factory=list)
    kept: list[HeardAudio] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Playback(self.carrier, keep_heard=True)
        self.begin()

    def begin(self) -> None:
        self.utterance = Utterance(1)
        self.ledger.begin(self.utterance, self.carrier.now)

    def say(self, ms: int) -> None:
        """The voice delivers more audio, and the words that begin in it."""
        start = round(self.utterance.audio_ms)
        words = []
        for number in range(-(-start // WORD_MS), -(-(start + ms) // WORD_MS)):
            words.append(TimedWord(f"w{number}", number * WORD_MS, (number + 1) * WORD_MS))
            self.utterance.plan(f"w{number} ")
        audio = sound(start + ms)[start * BYTES_PER_MS :]
        self.ledger.receive(Spoken(audio, tuple(words)), self.carrier.now)

    def complete(self) -> None:
        self.ledger.complete(self.carrier.now)

    def hold(self) -> None:
        clears = self.carrier.clears
        self.ledger.hold(self.carrier.now)
        if self.carrier.clears == clears:  # proven to have been played to its end
            self.carrier.split()

    def resume(self) -> None:
        self.ledger.resume(self.carrier.now)

    def wait(self, ms: int) -> None:
        for _ in range(ms):
            for name in self.carrier.step():
                self.ledger.marked(name, self.carrier.now)
            if self.carrier.now % 10 == 0:
                self.samples.append((self.carrier.now, self.heard))

    def wait_until_finished(self, most_ms: int = 30_000) -> None:
        while not self.ledger.finished(self.carrier.now):
            self.wait(1)
            most_ms -= 1
            assert most_ms, "never finished"

    @property
    def heard(self) -> float:
        return self.ledger.heard_ms(self.carrier.now)

    @property
    def audio(self) -> bytes:
        return bytes(self.utterance.audio)

    def take(self) -> bytes:
        self.kept += self.ledger.take_heard(self.carrier.now)
        return b"".join(piece.audio for piece in self.kept)
