"""The path of caller audio, from the carrier's payload to all of its readers.

A live listener, or any other new reader, is another `Tap`.
"""

from typing import Final

from media.audio import mulaw
from media.audio.framer import FRAME, FRAME_MS, Framer
from media.call.clock import CallClock
from media.call.components import CallComponents
from media.call.output_mixer import OutputMixer
from media.call.responder import Responder
from media.call.sent_keys import SentKeys
from media.call.stream_timeline import StreamTimeline
from media.call.taps import Tap

SILENT_FRAME: Final = mulaw.SILENCE * FRAME
SILENT_PCM: Final = mulaw.decode(SILENT_FRAME)
# Up to this many lost frames are not silence for the voice detector: it gets the previous frame again. The level of
# digital silence in the middle of speech would suggest a place without noise.
MOST_CONCEALED: Final = 3
# The call ticks every 240 ms. After a longer time without a tick the event loop was delayed, and waiting audio is read
# first.
HELD_UP_MS: Final = 400.0


class InboundPath:
    """Accepts caller audio in the stream's encoding, cuts it into frames, and gives each to the taps and the responder.

    Silence replaces missing audio: at once if timestamps show a gap, and by the clock if no audio arrives and the
    responder waits for the caller's silence.
    """

    __slots__ = (
        "__weakref__", "_clock", "_end_frame", "_frames", "_last_pcm", "_mixer", "_pcm_readers", "_responder",
        "_sent_keys", "_taps", "_ticked_at", "_timed_readers", "_timeline", "_to_ulaw",
        "_ulaw_readers",
    )  # fmt: skip

    def __init__(
        self,
        components: CallComponents,
        clock: CallClock,
        mixer: OutputMixer,
        sent_keys: SentKeys,
        responder: Responder,
    ) -> None:
        """Set up the path. A frame goes to all mu-law readers, then to all PCM readers, in this order."""
        self._to_ulaw = components.transcoder.to_ulaw
        self._frames = Framer().push
        self._clock = clock
        self._timeline = StreamTimeline(components.transcoder.bytes_per_ms, clock.now())
        self._last_pcm = SILENT_PCM
        self._ticked_at = clock.now()
        self._taps: tuple[Tap, ...] = ()
        self._mixer = mixer
        self._sent_keys = sent_keys
        self._responder = responder
        self._end_frame = responder.frame_heard
        for tap in responder.taps:
            self.add(tap)

    def add(self, tap: Tap) -> None:
        """Add a reader, even during the call. It starts with the next frame."""
        self._set_taps((*self._taps, tap))

    def remove(self, tap: Tap) -> None:
        """Remove a reader. Unknown readers are ignored. A tap may remove itself while it is being called."""
        self._set_taps(tuple(other for other in self._taps if other is not tap))

    def close(self) -> None:
        """Remove all readers at the end of the call."""
        taps = self._taps
        self._set_taps(())
        for tap in taps:
            if tap.ended is not None:
                tap.ended()

    def push(self, payload: bytes, at_ms: int) -> None:
        """Process caller audio of any length with the carrier's timestamp. Duplicate audio is dropped.

        This is the frame path. It allocates only frames and their PCM, and calls callable attributes through local
        names, which Python 3.11 looks up faster.
        """
        clock, end_frame, to_ulaw = self._clock, self._end_frame, self._to_ulaw
        read_clock, cut_frames = clock.now, self._frames
        clock.audio_at = now = read_clock()
        missing = self._timeline.take(payload, at_ms, now)
        if missing:
            if missing < 0:
                return
            self._fill_gap(missing, now)
        for ulaw in cut_frames(to_ulaw(payload)):  # like `_hand_out_silence`, but saves a call per frame
            clock.audio_ms = audio_ms = clock.audio_ms + FRAME_MS
            heard = self._sent_keys.without_echo(ulaw) if self._sent_keys.echoes else ulaw
            for read in self._ulaw_readers:
                read(heard)
            self._last_pcm = pcm = mulaw.decode(heard)
            for read in self._pcm_readers:
                read(pcm)
            for read_timed in self._timed_readers:
                read_timed(ulaw, now)
            end_frame(audio_ms)

    def tick(self, now: float) -> None:
        """Hand out silence for the time in which no audio came, if the responder waits for it. Called with each
        tick."""
        held_up = now - self._ticked_at > HELD_UP_MS
        self._ticked_at = now
        if held_up or not self._responder.waits_for_silence:
            return
        self._hand_out_silence(self._timeline.fill(now), SILENT_PCM, self._timeline.filled_until)

    def paused_ms(self, now: float) -> float:
        """Return how long no audio has arrived."""
        return now - self._timeline.heard_at

    def _fill_gap(self, missing: int, now: float) -> None:
        pcm = self._last_pcm if missing <= MOST_CONCEALED else SILENT_PCM
        for _ in range(missing):
            for read_timed in self._timed_readers:
                read_timed(SILENT_FRAME, now)
        self._hand_out_silence(missing, pcm, now)

    def _hand_out_silence(self, frames: int, pcm: bytes, until: float) -> None:
        """Hand out each frame with its own time, because a turn may end in any of them."""
        clock = self._clock
        for left in range(frames, 0, -1):
            clock.audio_at = until - (left - 1) * FRAME_MS
            clock.audio_ms += FRAME_MS
            for read in self._ulaw_readers:
                read(SILENT_FRAME)
            for read in self._pcm_readers:
                read(pcm)
            self._end_frame(clock.audio_ms)

    def _set_taps(self, taps: tuple[Tap, ...]) -> None:
        """Bind the callables once, so that the frame path only iterates over tuples."""
        self._taps = taps
        self._timed_readers = tuple(tap.caller for tap in taps if tap.caller is not None)
        self._ulaw_readers = tuple(tap.caller_ulaw for tap in taps if tap.caller_ulaw is not None)
        self._pcm_readers = tuple(tap.caller_pcm for tap in taps if tap.caller_pcm is not None)
        self._mixer.set_heard_readers(tuple(tap.agent for tap in taps if tap.agent is not None))
