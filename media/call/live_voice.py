"""A source of the output mixer for a voice that is sent as it is spoken, by a person or a duplex model.

Pure: times are parameters, in ms on the call's clock. The carrier plays live audio as it arrives, so the clock alone
shows what was heard, and no mark is needed.
"""

from collections import deque
from typing import Final

from media.audio.framer import Framer
from media.audio.mulaw import BYTES_PER_MS
from media.call.media_stream import MediaStream
from media.call.playback import AudioReader

# The maximum length of audio in the carrier's buffer. The rest of a longer burst is dropped, because otherwise the
# caller would hear the voice later and later.
LONGEST_AHEAD_MS: Final = 400.0


class LiveVoice:
    """One voice. Mu-law, 8 kHz. Pieces of any length are sent in whole 20 ms frames.

    Attributes:
        heard_readers: Called with each piece that the caller has heard, and the time of its beginning.
        dropped_ms: The audio that arrived too early.
        sent_ms: All audio that was sent.
        on_sent: Called with audio that is sent, in whole frames, and the time at which it begins to sound.
    """

    __slots__ = ("_framer", "_free_at", "_stream", "_unheard", "dropped_ms", "heard_readers", "on_sent", "sent_ms")

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream
        self._framer = Framer()
        self._free_at = 0.0
        self._unheard: deque[tuple[bytes, float]] = deque()
        self.heard_readers: tuple[AudioReader, ...] = ()
        self.on_sent: AudioReader | None = None
        self.dropped_ms = self.sent_ms = 0.0

    def push(self, ulaw: bytes, now: float) -> float | None:
        """Send the next audio, and return when it begins to sound, which is after the audio that was sent before.

        Returns None if nothing was sent, because the audio arrived too early or fills no frame yet.
        """
        return self._send(b"".join(self._framer.push(ulaw)), now)

    def end(self, now: float) -> None:
        """Send the rest of an incomplete frame."""
        self._send(b"".join(self._framer.flush()), now)

    def cut(self, now: float) -> None:
        """Silence the voice at once. Audio that the carrier has not played is dropped."""
        self.settle(now)
        if self._unheard:
            audio, start = self._unheard[0]
            self._unheard.clear()
            self._stream.clear()
            self._hand_out(audio[: max(0, round((now - start) * BYTES_PER_MS))], start)
        self._framer.clear()
        self._free_at = now

    def settle(self, now: float) -> None:
        """Give the readers what was heard up to now."""
        while self._unheard:
            audio, start = self._unheard[0]
            if start + len(audio) / BYTES_PER_MS > now:
                return
            self._unheard.popleft()
            self._hand_out(audio, start)

    def silent(self, now: float) -> bool:
        """Return whether the carrier plays none of the voice."""
        return now >= self._free_at

    def _hand_out(self, audio: bytes, start: float) -> None:
        if audio:
            for read in self.heard_readers:
                read(audio, start)

    def _send(self, audio: bytes, now: float) -> float | None:
        if not audio:
            return None
        self.settle(now)
        length_ms = len(audio) / BYTES_PER_MS
        start = max(now, self._free_at)
        if start + length_ms - now > LONGEST_AHEAD_MS:
            self.dropped_ms += length_ms
            return None
        self._stream.play(audio)
        self._unheard.append((audio, start))
        self._free_at = start + length_ms
        self.sent_ms += length_ms
        if self.on_sent is not None:
            self.on_sent(audio, start)
        return start
