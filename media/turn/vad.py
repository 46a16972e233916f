"""Voice activity: a cheap gate for every frame, and one batched judge, for all callers, of what the gate lets through.

The gate (webrtcvad) takes about 2 us a frame and lets noise through; the judge (Silero) is right and costs many times
that. So silence costs the gate only, and where there is sound the windows of all callers share one run of the model.
"""

from collections import deque
from pathlib import Path

import numpy as np
import numpy.typing as npt
import webrtcvad  # type: ignore[import-untyped]  # ships no types

from media.turn.model import open_session
from media.turn.voice import BLOCK_MS, WINDOW_MS, Tuning, Voice

RATE = 8_000
FRAME_MS = 20
WINDOW = WINDOW_MS * RATE // 1_000
WINDOW_BYTES = 2 * WINDOW
BLOCKS = WINDOW_MS // BLOCK_MS
# The model sees each window together with the end of the one before, and keeps a state between them.
CONTEXT = 32
STATE = 128
FULL_SCALE = 32_768.0
# More windows of one caller do not wait for the next run. The gate's opening brings three, a beat at most two.
MOST_BEHIND = 6
# So many may be judged ahead of a run: alone, each costs four times what it does in a batch, and where all callers are
# behind, because the loop was, that would keep the loop behind.
MOST_AHEAD = 256

Floats = npt.NDArray[np.float32]


class VoiceTrack:
    """One caller's voice activity; made by `VadEngine.track`. Times in ms of the audio pushed so far.

    Windows wait for the engine's next run, but those of a burst do not (the loop or the carrier was held up): once more
    than MOST_BEHIND wait they are judged at once, and so is each one after them until that run, because whoever looks
    at every frame must see speech that begins and ends within the burst. Nothing is dropped unjudged.
    """

    __slots__ = (
        "_buffer",
        "_engine",
        "_gate",
        "_hang",
        "_is_open",
        "_preroll",
        "_shut",
        "is_waiting",
        "most_behind",
        "now_ms",
        "slot",
        "voice",
        "window_ms",
        "windows",
    )

    def __init__(self, engine: "VadEngine", slot: int, tuning: Tuning) -> None:
        self._engine = engine
        self._gate = webrtcvad.Vad(tuning.gate_mode).is_speech
        self._hang = tuning.gate_hang_ms
        self._preroll: deque[bytes] = deque(maxlen=tuning.preroll_frames)
        self._buffer = bytearray()
        self._is_open = False
        self._shut = 0
        self.now_ms = 0
        self.slot = slot
        self.voice = Voice(tuning)
        self.windows: deque[bytes] = deque()
        self.window_ms = 0
        self.is_waiting = False
        self.most_behind = MOST_BEHIND

    @property
    def speaking(self) -> bool:
        """The caller is speaking now."""
        return self.voice.speaking

    @property
    def last_voice_ms(self) -> int:
        """The true end of the latest voiced sound, hangover taken off; 0 before any."""
        return self.voice.last_voice_ms

    @property
    def onset_ms(self) -> int:
        """The true start of the current or last speech."""
        return self.voice.onset_ms

    @property
    def voiced_ms(self) -> int:
        """How much of the current or last speech was voice."""
        return self.voice.voiced_ms

    def push(self, pcm: bytes) -> None:
        """Takes one 20 ms frame: 320 bytes, 16-bit little-endian, 8 kHz. Other lengths raise the gate's own Error."""
        self.now_ms += FRAME_MS
        if self._gate(pcm, RATE):
            self._shut = 0
            if not self._is_open:
                self._open()
        elif self._is_open:
            self._shut += FRAME_MS
            if self._shut > self._hang:
                self._close()
        if not self._is_open:
            self._preroll.append(pcm)
            return
        self._buffer += pcm
        if len(self._buffer) >= WINDOW_BYTES:
            self._cut()

    def _open(self) -> None:
        self._is_open = True
        self._buffer += b"".join(self._preroll)
        self.window_ms = self.now_ms - FRAME_MS - FRAME_MS * len(self._preroll)
        self._preroll.clear()
        self.voice.opened()
        self._engine.forget(self.slot)

    def _close(self) -> None:
        self._is_open = False
        self._buffer.clear()  # less than a window, of what the gate took for silence
        if self.windows:
            self._engine.catch_up(self)
        self.voice.shut()

    def _cut(self) -> None:
        """Hands every whole window in the buffer to the judge."""
        whole = len(self._buffer) - len(self._buffer) % WINDOW_BYTES
        if not self.is_waiting:
            self.is_waiting = True
            self._engine.waiting.append(self)
        for start in range(0, whole, WINDOW_BYTES):
            self.windows.append(bytes(self._buffer[start : start + WINDOW_BYTES]))
        del self._buffer[:whole]
        if len(self.windows) > self.most_behind:
            self.most_behind = 0
            self._engine.hurry(self)


class VadEngine:
    """The judge of all callers of one worker; not thread-safe. Raises ModelError when the model cannot be opened."""

    def __init__(
        self, model_path: Path, *, max_batch: int = 256, threads: int = 1, tuning: Tuning | None = None
    ) -> None:
        self._session = open_session(model_path, {"input", "state"}, threads)
        self._tuning = tuning or Tuning()
        self._max_batch = max_batch
        self._input = np.zeros((max_batch, CONTEXT + WINDOW), dtype=np.float32)
        self._states = np.zeros((2, 0, STATE), dtype=np.float32)
        self._contexts = np.zeros((0, CONTEXT), dtype=np.float32)
        self._free: list[int] = []
        self._ahead = 0
        self.waiting: deque[VoiceTrack] = deque()

    @property
    def pending(self) -> int:
        """Windows that wait for `run`."""
        return sum(len(track.windows) for track in self.waiting)

    def track(self) -> VoiceTrack:
        """A new caller."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        return VoiceTrack(self, slot, self._tuning)

    def release(self, track: VoiceTrack) -> None:
        """The caller is gone; the track must not be pushed to any more."""
        track.windows.clear()
        self._free.append(track.slot)

    def run(self) -> int:
        """Judges every window pending, in batches of at most one window per caller, and returns how many there were."""
        judged = self._ahead = 0
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), self._max_batch))]
            busy = [track for track in batch if track.windows]
            if busy:
                self._judge(busy)
                judged += len(busy)
            for track in batch:
                track.is_waiting = bool(track.windows)
                track.most_behind = MOST_BEHIND
            self.waiting.extend(track for track in busy if track.windows)
        return judged

    def hurry(self, track: VoiceTrack) -> None:
        """Judges what one caller has pending ahead of the next run, unless that was done for too many already."""
        if self._ahead < MOST_AHEAD:
            self._ahead += len(track.windows)
            self.catch_up(track)

    def catch_up(self, track: VoiceTrack) -> None:
        """Judges what one caller has pending."""
        while track.windows:
            self._judge([track])

    def forget(self, slot: int) -> None:
        """Begins afresh with this caller: a state that has seen long silence is slow to believe in speech."""
        self._states[:, slot] = 0
        self._contexts[slot] = 0

    def _judge(self, batch: list[VoiceTrack]) -> None:
        count = len(batch)
        slots = [track.slot for track in batch]
        samples = self._input[:count]
        raw = np.frombuffer(b"".join([track.windows.popleft() for track in batch]), dtype="<i2")
        np.divide(raw.reshape(count, WINDOW), FULL_SCALE, out=samples[:, CONTEXT:], casting="unsafe")
        samples[:, :CONTEXT] = self._contexts[slots]
        probabilities, states = self._session.run(None, {"input": samples, "state": self._states[:, slots]})
        self._states[:, slots] = states
        self._contexts[slots] = samples[:, -CONTEXT:]
        levels = _levels(samples[:, CONTEXT:])
        for track, probability, blocks in zip(batch, probabilities[:, 0].tolist(), levels, strict=True):
            track.voice.judged(track.window_ms, probability, blocks)
            track.window_ms += WINDOW_MS

    def _grow(self) -> None:
        size = len(self._contexts)
        more = max(self._max_batch, size)
        self._states = np.concatenate([self._states, np.zeros((2, more, STATE), dtype=np.float32)], axis=1)
        self._contexts = np.concatenate([self._contexts, np.zeros((more, CONTEXT), dtype=np.float32)])
        self._free = list(range(size + more - 1, size - 1, -1))


def _levels(windows: Floats) -> list[list[float]]:
    """The level of each 8 ms block in dB of full scale: one row per window."""
    blocks = windows.reshape(len(windows), BLOCKS, -1)
    power = np.einsum("wbs,wbs->wb", blocks, blocks) / blocks.shape[2]
    levels: list[list[float]] = (10 * np.log10(power + 1e-9)).tolist()
    return levels
