"""The caller's audio that no final text covers yet, kept for replay to the next recogniser; bounded, pure."""

from collections.abc import Iterator
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, RATE
from media.providers.chain.recogniser_session import SessionSink
from media.providers.ports import SpeechToTextSession

# Most seconds kept once the caller speaks, and while no speech was detected (it may be too quiet for the detector).
MAX_S: Final = 60
MAX_QUIET_S: Final = 5
# Replayed audio comes in pieces of 100 ms.
PIECE: Final = RATE // 10


class ReplayBuffer:
    """Mu-law audio; positions count its bytes (8 per ms) since the beginning of the call. beginning: of the first byte
    that is kept."""

    def __init__(self, max_s: float = MAX_S, max_quiet_s: float = MAX_QUIET_S) -> None:
        self._max = int(max_s * RATE)
        self._max_quiet = int(max_quiet_s * RATE)
        self._audio = bytearray()
        self._speech: int | None = None  # position at which speech was detected
        self._limit = self._max_quiet
        self.beginning = 0

    @property
    def end(self) -> int:
        """Position behind the last byte."""
        return self.beginning + len(self._audio)

    def push(self, ulaw: bytes) -> None:
        """Appends the next audio, on the frame path."""
        self._audio += ulaw
        if len(self._audio) > self._limit + RATE:  # cut once a second, not with every frame
            self._drop(len(self._audio) - self._limit)

    def mark_speech_start(self) -> None:
        """Marks the present position as the one at which the caller's speech was detected."""
        if self._speech is None:
            self._speech, self._limit = self.end, self._max

    def discard_until(self, position: int) -> None:
        """Discards the audio before `position`, whose text is final."""
        if position > self.beginning:
            self._drop(min(position - self.beginning, len(self._audio)))
        if self._speech is not None and self._speech < position:
            self._speech, self._limit = None, self._max_quiet

    def _drop(self, size: int) -> None:
        del self._audio[:size]
        self.beginning += size

    def replay(self) -> Iterator[bytes | None]:
        """The audio in pieces, with None where the caller's speech was detected."""
        speech = None if self._speech is None else max(0, self._speech - self.beginning)
        audio = bytes(self._audio)
        yield from _pieces(audio[:speech])
        if speech is not None:
            yield None
            yield from _pieces(audio[speech:])


def replay_into(session: SpeechToTextSession, sink: SessionSink, buffer: ReplayBuffer) -> None:
    """Gives a session all that is kept; its times of words are reckoned from there."""
    sink.begins_ms = buffer.beginning / BYTES_PER_MS
    for piece in buffer.replay():
        if piece is None:
            session.started()
        else:
            session.push(piece)


def _pieces(audio: bytes) -> Iterator[bytes]:
    return (audio[at : at + PIECE] for at in range(0, len(audio), PIECE))
