"""Voice activity detection with a cheap gate for every frame, and one batched model for all callers.

The gate (`media/turn/sound_gate.py`) takes about 2 us per frame and lets noise through. The model (Silero) is accurate
but costs many times as much. Therefore, silence costs only the gate, and the windows with sound of all callers share
one run of the model.
"""

from collections import deque
from pathlib import Path

import numpy as np
import numpy.typing as npt

from media.audio.framer import FRAME_MS
from media.audio.mulaw import RATE
from media.turn.onnx_models import open_session
from media.turn.sound_gate import SoundGate
from media.turn.speech_detector import BLOCK_MS, WINDOW_MS, SpeechDetector, VadTuning

WINDOW = WINDOW_MS * RATE // 1_000
WINDOW_BYTES = 2 * WINDOW
BLOCKS = WINDOW_MS // BLOCK_MS
# The model receives each window together with the end of the previous one, and keeps a state between them.
CONTEXT = 32
STATE = 128
FULL_SCALE = 32_768.0
# A caller who was not loud recently, and whose sound has stayed below this level since the gate opened, is amplified
# for the model by 18 dB. At -53 dB the model then detects 81 % of the speech instead of 67 %, and its end is found 190
# ms nearer to the true end.
SOFT_DB = -36.0
SOFT_GAIN = 8.0
# The model may not report the first consonant of a word as speech within this time of the gate's opening.
ONSET_MS = 100
# While the agent speaks, windows in this first part of a sound do not wait for the next run.
FIRST_MS = 160
# If more windows of one caller wait, they run at once. The opening of the gate adds three windows, and a period at most
# two.
MAX_WAITING = 6
# The maximum number of early windows. Alone, each window costs four times as much as in a batch. If all callers are
# behind because the event loop was blocked, early runs would keep it behind.
MAX_EARLY = 256

Floats = npt.NDArray[np.float32]


class VoiceTrack:
    """The voice activity of one caller, created by `VadEngine.track`. Times are in ms of the audio pushed so far.

    Windows wait for the engine's next run. A burst (after a delay of the loop or the carrier) is an exception: if more
    than MAX_WAITING windows wait, these and each later window until the next run are run at once, because speech that
    begins and ends within the burst must be detected at its frames. No window is dropped.
    """

    __slots__ = (
        "_buffer",
        "_engine",
        "_gate",
        "_hang",
        "_is_open",
        "_opened_ms",
        "_preroll",
        "_shut",
        "_watched_ms",
        "is_waiting",
        "max_waiting",
        "now_ms",
        "slot",
        "speech",
        "window_ms",
        "windows",
    )

    def __init__(self, engine: "VadEngine", slot: int, tuning: VadTuning) -> None:
        self._engine = engine
        self._gate = SoundGate(tuning.gate_mode)
        self._hang = tuning.gate_hang_ms
        self._preroll: deque[bytes] = deque(maxlen=tuning.preroll_frames)
        self._buffer = bytearray()
        self._is_open = False
        self._shut = self._opened_ms = 0
        self._watched_ms = -FRAME_MS
        self.now_ms = 0
        self.slot = slot
        self.speech = SpeechDetector(tuning)
        self.windows: deque[bytes] = deque()
        self.window_ms = 0
        self.is_waiting = False
        self.max_waiting = MAX_WAITING

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking now."""
        return self.speech.speaking

    @property
    def last_voice_ms(self) -> int:
        """The true end of the latest voiced sound, without hangover; 0 before the first."""
        return self.speech.last_voice_ms

    @property
    def onset_ms(self) -> int:
        """The true start of the current or last speech."""
        return self.speech.onset_ms

    @property
    def voiced_ms(self) -> int:
        """How much of the current or last speech was voice."""
        return self.speech.voiced_ms

    def may_begin(self) -> bool:
        """Return whether a sound has just begun that may be speech.

        Returns False if it is never quiet behind the caller, because sounds begin all the time there.
        """
        is_fresh = self._is_open and self.window_ms - self._opened_ms < ONSET_MS  # age of the latest processed sound
        return self.speech.has_quiet_pauses and (is_fresh or self.speech.is_undecided)

    def others_may_talk(self) -> bool:
        """Return whether it is never quiet between the caller's words, so that others may talk behind them."""
        return not self.speech.has_quiet_pauses

    def may_be_speech(self) -> bool:
        """Return whether the caller's latest sound may be speech, long before this is certain.

        The method is called for each frame while the agent speaks. As long as it is called, the model processes the
        first windows of a sound at once.
        """
        self._watched_ms = self.now_ms
        return self.speech.suspicion.is_raised

    def push(self, pcm: bytes) -> None:
        """Add one 20 ms frame: 320 bytes, 16-bit little-endian, 8 kHz. Raises ValueError for other lengths."""
        self.now_ms += FRAME_MS
        if self._gate.has_sound(pcm):
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
        self._opened_ms = self.now_ms
        self.window_ms = self.now_ms - FRAME_MS - FRAME_MS * len(self._preroll)
        self._preroll.clear()
        self.speech.on_gate_open()
        self._engine.reset_state(self.slot, 1.0 if self._gate.is_loud else SOFT_GAIN)

    def _close(self) -> None:
        self._is_open = False
        self._buffer.clear()  # less than a window, which the gate classified as silence
        if self.windows:
            self._engine.run_track(self)
        self.speech.on_gate_shut()

    def _cut(self) -> None:
        """Queue every whole window of the buffer for the model."""
        whole = len(self._buffer) - len(self._buffer) % WINDOW_BYTES
        if not self.is_waiting:
            self.is_waiting = True
            self._engine.waiting.append(self)
        for start in range(0, whole, WINDOW_BYTES):
            self.windows.append(bytes(self._buffer[start : start + WINDOW_BYTES]))
        del self._buffer[:whole]
        if len(self.windows) > self.max_waiting:
            self.max_waiting = 0
            self._engine.run_early(self)
        elif self._is_watched():
            self._engine.run_early(self)

    def _is_watched(self) -> bool:
        """Return whether the agent speaks, and the windows are the first of a sound or may begin speech."""
        if self.now_ms - self._watched_ms > FRAME_MS:
            return False
        return self.window_ms - self._opened_ms < FIRST_MS or self.speech.is_undecided


class VadEngine:
    """The model for all callers of one worker. Not thread-safe. The constructor raises ModelError if the model cannot
    be opened."""

    def __init__(
        self, model_path: Path, *, max_batch: int = 256, threads: int = 1, tuning: VadTuning | None = None
    ) -> None:
        self._session = open_session(model_path, {"input", "state"}, threads)
        self._tuning = tuning or VadTuning()
        self._max_batch = max_batch
        self._input = np.zeros((max_batch, CONTEXT + WINDOW), dtype=np.float32)
        self._states = np.zeros((2, 0, STATE), dtype=np.float32)
        self._contexts = np.zeros((0, CONTEXT), dtype=np.float32)
        self._gains = np.ones(0, dtype=np.float32)
        self._free: list[int] = []
        self._early = 0
        self.waiting: deque[VoiceTrack] = deque()

    @property
    def pending(self) -> int:
        """The number of windows that wait for `run`."""
        return sum(len(track.windows) for track in self.waiting)

    def track(self) -> VoiceTrack:
        """Return the track of a new caller."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        return VoiceTrack(self, slot, self._tuning)

    def release(self, track: VoiceTrack) -> None:
        """Free the track of a caller who has left. The track must not be used afterwards."""
        track.windows.clear()
        self._free.append(track.slot)

    def run(self) -> int:
        """Run every waiting window, in batches of at most one window per caller. Return the number of windows."""
        count = self._early = 0
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), self._max_batch))]
            busy = [track for track in batch if track.windows]
            if busy:
                self._run_batch(busy)
                count += len(busy)
            for track in batch:
                track.is_waiting = bool(track.windows)
                track.max_waiting = MAX_WAITING
            self.waiting.extend(track for track in busy if track.windows)
        return count

    def run_early(self, track: VoiceTrack) -> None:
        """Run the waiting windows of one caller before the next run, unless too many ran early already."""
        if self._early < MAX_EARLY:
            self._early += len(track.windows)
            self.run_track(track)

    def run_track(self, track: VoiceTrack) -> None:
        """Run the waiting windows of one caller."""
        while track.windows:
            self._run_batch([track])

    def reset_state(self, slot: int, gain: float) -> None:
        """Reset the model's state for a caller, because it detects speech slowly after long silence.

        Args:
            gain: The amplification for the model until a loud window arrives.
        """
        self._states[:, slot] = 0
        self._contexts[slot] = 0
        self._gains[slot] = gain

    def _run_batch(self, batch: list[VoiceTrack]) -> None:
        count = len(batch)
        slots = [track.slot for track in batch]
        samples = self._input[:count]
        raw = np.frombuffer(b"".join([track.windows.popleft() for track in batch]), dtype="<i2")
        sound = samples[:, CONTEXT:]
        np.divide(raw.reshape(count, WINDOW), FULL_SCALE, out=sound, casting="unsafe")
        levels = _levels(sound)
        samples[:, :CONTEXT] = self._contexts[slots]
        self._contexts[slots] = samples[:, -CONTEXT:]
        self._amplify(samples, levels, slots)
        probabilities, states = self._session.run(None, {"input": samples, "state": self._states[:, slots]})
        self._states[:, slots] = states
        for track, probability, blocks in zip(batch, probabilities[:, 0].tolist(), levels.tolist(), strict=True):
            track.speech.add_window(track.window_ms, probability, blocks)
            track.window_ms += WINDOW_MS

    def _amplify(self, samples: Floats, levels: Floats, slots: list[int]) -> None:
        """Amplify the samples, with shape (callers, CONTEXT + WINDOW), of callers who were soft since their gate
        opened."""
        gains = self._gains[slots]
        gains[levels.max(axis=1) > SOFT_DB] = 1
        self._gains[slots] = gains
        samples *= gains[:, np.newaxis]

    def _grow(self) -> None:
        size = len(self._contexts)
        more = max(self._max_batch, size)
        self._states = np.concatenate([self._states, np.zeros((2, more, STATE), dtype=np.float32)], axis=1)
        self._contexts = np.concatenate([self._contexts, np.zeros((more, CONTEXT), dtype=np.float32)])
        self._gains = np.concatenate([self._gains, np.ones(more, dtype=np.float32)])
        self._free = list(range(size + more - 1, size - 1, -1))


def _levels(windows: Floats) -> Floats:
    """Return the level of each 8 ms block in dB of full scale, one row per window."""
    blocks = windows.reshape(len(windows), BLOCKS, -1)
    power = np.einsum("wbs,wbs->wb", blocks, blocks) / blocks.shape[2]
    levels: Floats = 10 * np.log10(power + np.float32(1e-9))
    return levels
