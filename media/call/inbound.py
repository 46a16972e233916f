"""The path of caller audio, from the carrier's payload to everything that reads it.

A live listener, or any other new reader, is one more `Tap`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from media.audio import mulaw
from media.audio.framer import FRAME_MS, Framer
from media.call.clock import CallClock
from media.call.components import CallComponents
from media.call.conversation import Conversation
from media.call.playback import AudioReader, Playback


@dataclass(frozen=True, slots=True)
class Tap:
    """A reader of a call's audio. Times are in ms on the call's clock.

    caller: called with each 20 ms frame of caller audio (160 bytes of mu-law, 8 kHz) and the time it was received.
    caller_ulaw: called with the frame alone. This saves reading the clock, which costs 0.15 us a frame.
    caller_pcm: called with the frame as 320 bytes of 16-bit little-endian PCM, which is decoded once for all taps.
    agent: called with agent audio (mu-law, any length) that the caller has heard, and the time at which it began to
        sound. It comes once a mark or the clock shows that it was played: about every 200 ms while the agent speaks.

    They run in the frame path: they must not block, and an exception ends the call.
    """

    caller: AudioReader | None = None
    caller_ulaw: Callable[[bytes], None] | None = None
    caller_pcm: Callable[[bytes], None] | None = None
    agent: AudioReader | None = None


class InboundPath:
    """Takes caller audio in the stream's encoding, cuts it into frames, and hands each to the taps and the floor."""

    def __init__(
        self, components: CallComponents, clock: CallClock, playback: Playback, conversation: Conversation
    ) -> None:
        """Puts the path together. A frame goes to all mu-law readers, then to all PCM readers, each in this order."""
        self._to_ulaw = components.transcoder.to_ulaw
        self._frames = Framer().push
        self._clock = clock
        self._taps: tuple[Tap, ...] = ()
        self._playback = playback
        self.add(Tap(caller_ulaw=conversation.recogniser.push))
        self.add(Tap(caller_pcm=components.track.push))
        if components.recorder is not None:
            self.add(Tap(caller=components.recorder.add_caller, agent=components.recorder.add_agent))
        if components.hints is not None:
            self.add(Tap(caller_pcm=components.hints.push))
        self._speech = components.track.speech
        self._floor = conversation.floor.frame
        self._apply = conversation.apply

    def add(self, tap: Tap) -> None:
        """Adds a reader, also during the call; it starts with the next frame."""
        self._set_taps((*self._taps, tap))

    def remove(self, tap: Tap) -> None:
        """Removes a reader; one that is not there is ignored. A tap may remove itself while it is being called."""
        self._set_taps(tuple(other for other in self._taps if other is not tap))

    def close(self) -> None:
        """Removes all readers, at the end of the call."""
        self._set_taps(())

    def push(self, payload: bytes) -> None:
        """Takes caller audio of any length. This is the frame path: it allocates nothing but frames and their PCM."""
        clock, speech = self._clock, self._speech
        for ulaw in self._frames(self._to_ulaw(payload)):
            clock.audio_ms = audio_ms = clock.audio_ms + FRAME_MS
            for read in self._ulaw_readers:
                read(ulaw)
            pcm = mulaw.decode(ulaw)
            for read in self._pcm_readers:
                read(pcm)
            if self._timed_readers:
                now = clock.now()
                for read_timed in self._timed_readers:
                    read_timed(ulaw, now)
            decisions = self._floor(audio_ms, speech.speaking, speech.last_voice_ms)
            if decisions:
                self._apply(decisions)

    def _set_taps(self, taps: tuple[Tap, ...]) -> None:
        """Binds the callables once, so that the frame path only walks tuples."""
        self._taps = taps
        self._timed_readers = tuple(tap.caller for tap in taps if tap.caller is not None)
        self._ulaw_readers = tuple(tap.caller_ulaw for tap in taps if tap.caller_ulaw is not None)
        self._pcm_readers = tuple(tap.caller_pcm for tap in taps if tap.caller_pcm is not None)
        self._playback.heard_readers = tuple(tap.agent for tap in taps if tap.agent is not None)
