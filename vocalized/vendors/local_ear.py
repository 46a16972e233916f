"""The local recognizer as what simulated vendors hear with: any speech, not only recordings that are known."""

from collections.abc import Callable
from typing import Final

from simulator.carrier.mulaw import FRAME, RATE, decode
from simulator.vendors.known_speech import HeardWord, spread_words
from simulator.vendors.silence import SilenceMeter

# 16-bit little-endian mono samples at 8 kHz in, text out.
Recognize = Callable[[bytes], str]

# Silence that ends a piece of speech: less than after which an agent asks for the text (200 ms), more than between the
# two parts of a stop consonant.
END_MS: Final = 140.0
# Soft sounds before the first loud frame belong to the speech.
LEAD_MS: Final = 200.0
# A shorter sound is no speech; a longer piece is recognized as far as it goes.
SHORTEST_MS: Final = 80.0
LONGEST_MS: Final = 15_000.0
_PER_MS: Final = RATE // 1_000


class LocalEar:
    """One session's hearing. A piece of speech is recognized at its end, within `feed`, so that a text which is asked
    for next has its words; that blocks for as long as the recognizer takes."""

    def __init__(self, recognize: Recognize) -> None:
        self._recognize = recognize
        self._silence = SilenceMeter()
        self._recent = bytearray()  # the piece of speech, or what may be its lead
        self._loud_ms: float | None = None  # how much of the piece's end was loud last; None before it begins
        self._begins_ms = 0.0  # of _recent
        self._heard = 0

    @property
    def heard_ms(self) -> float:
        """How much audio came."""
        return self._heard / _PER_MS

    def feed(self, ulaw: bytes) -> list[HeardWord]:
        """Takes the next audio; returns the words of the pieces of speech that ended in it."""
        return [word for at in range(0, len(ulaw), FRAME) for word in self._hear(ulaw[at : at + FRAME])]

    def _hear(self, frame: bytes) -> list[HeardWord]:
        self._silence.feed(frame)
        self._recent += frame
        self._heard += len(frame)
        if not self._silence.quiet_ms:
            self._loud_ms = self.heard_ms
        if self._loud_ms is None:
            self._trim()
            return []
        is_over = self._silence.quiet_ms >= END_MS or len(self._recent) / _PER_MS >= LONGEST_MS
        return self._recognize_piece(self._loud_ms) if is_over else []

    def _trim(self) -> None:
        """Keeps what may be the lead of the next piece."""
        surplus = len(self._recent) - int(LEAD_MS * _PER_MS)
        if surplus > 0:
            del self._recent[:surplus]
            self._begins_ms += surplus / _PER_MS

    def _recognize_piece(self, ended_ms: float) -> list[HeardWord]:
        piece, begins_ms = bytes(self._recent), self._begins_ms
        self._recent.clear()
        self._begins_ms, self._loud_ms = self.heard_ms, None
        if ended_ms - begins_ms < LEAD_MS + SHORTEST_MS and begins_ms:
            return []
        text = self._recognize(decode(piece).astype("<i2").tobytes())
        words = spread_words(piece, text, begins_ms, ended_ms).words
        return [HeardWord(word.text, word.start_ms, word.end_ms) for word in words]
