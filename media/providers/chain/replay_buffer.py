"""A buffer of the caller's audio without a final text, for replay to the next recognizer. Bounded and pure."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from media.audio.mulaw import BYTES_PER_MS, RATE
from media.providers.chain.recognizer_session import SessionSink
from media.providers.ports import SpeechToTextSession

# The maximum number of seconds that are kept after speech was detected, and before (speech may be too quiet for the
# detector).
MAX_S: Final = 60
MAX_QUIET_S: Final = 5
# Audio is replayed in pieces of 100 ms.
PIECE: Final = RATE // 10
# The number of bytes that are kept and discarded together.
BLOCK: Final = RATE


class ReplayBuffer:
    """Mu-law audio that can be replayed. Positions count bytes (8 per ms) since the beginning of the call.

    The audio is stored in blocks of a second. A single bytearray would be moved as a whole every few frames, and with
    hundreds of calls it would not fit into a CPU cache.

    Attributes:
        beginning: The position of the first byte that is kept.
    """

    __slots__ = ("_block", "_filled", "_full", "_full_begin", "_limit", "_max", "_max_quiet", "_speech", "beginning")

    def __init__(self, max_s: float = MAX_S, max_quiet_s: float = MAX_QUIET_S) -> None:
        self._max = int(max_s * RATE)
        self._max_quiet = int(max_quiet_s * RATE)
        self._full: deque[bytearray] = deque()
        self._full_begin = 0  # position of the first full block, or of the current block
        self._block = bytearray(BLOCK)
        self._filled = 0  # number of bytes in the current block
        self._speech: int | None = None  # position at which speech was detected
        self._limit = self._max_quiet
        self.beginning = 0

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self._full_begin + len(self._full) * BLOCK + self._filled

    def push(self, ulaw: bytes) -> None:
        """Append audio. Runs on the frame path."""
        filled = self._filled
        end = filled + len(ulaw)
        if end <= BLOCK:
            self._block[filled:end] = ulaw
            self._filled = end
        else:
            room = BLOCK - filled
            self._block[filled:] = ulaw[:room]
            self._filled = BLOCK
            self._begin_block()
            self.push(ulaw[room:])

    def mark_speech_start(self) -> None:
        """Mark the current position as the start of the caller's speech."""
        if self._speech is None:
            self._speech, self._limit = self.end, self._max

    def discard_until(self, position: int) -> None:
        """Discard the audio before `position`, whose text is final."""
        self._drop_until(min(position, self.end))
        if self._speech is not None and self._speech < position:
            self._speech, self._limit = None, self._max_quiet

    def _begin_block(self) -> None:
        """Start a new block, and drop audio beyond the limit."""
        self._full.append(self._block)
        self._block = bytearray(BLOCK)
        self._filled = 0
        self._drop_until(self.end - self._limit)

    def _drop_until(self, position: int) -> None:
        self.beginning = max(self.beginning, position)
        while self._full and self._full_begin + BLOCK <= self.beginning:
            self._full.popleft()
            self._full_begin += BLOCK

    def replay(self) -> Iterator[bytes | None]:
        """Return the audio in pieces, with None where the caller's speech was detected."""
        speech = None if self._speech is None else max(0, self._speech - self.beginning)
        audio = b"".join((*self._full, self._block[: self._filled]))[self.beginning - self._full_begin :]
        yield from _pieces(audio[:speech])
        if speech is not None:
            yield None
            yield from _pieces(audio[speech:])


def replay_into(session: SpeechToTextSession, sink: SessionSink, buffer: ReplayBuffer) -> None:
    """Replay all buffered audio to a session, and set the offset of its word times."""
    sink.begins_ms = buffer.beginning / BYTES_PER_MS
    for piece in buffer.replay():
        if piece is None:
            session.started()
        else:
            session.push(piece)


def _pieces(audio: bytes) -> Iterator[bytes]:
    return (audio[at : at + PIECE] for at in range(0, len(audio), PIECE))
