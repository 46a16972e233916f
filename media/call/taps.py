"""Taps: readers of a call's audio, on the call's clock. The recording is one; a person who listens is another."""

from collections.abc import Callable
from dataclasses import dataclass

from media.call.playback import AudioReader
from media.call.recording_consent import ConsentReader


@dataclass(frozen=True, slots=True)
class Tap:
    """A reader of a call's audio. Times are in ms on the call's clock.

    caller: called with each 20 ms frame of caller audio (160 bytes of mu-law, 8 kHz) and the time it was received.
    caller_ulaw: called with the frame alone; also with silence while no audio comes and the caller's turn is to end.
        What of it was late comes after that silence, so these readers cannot tell time by counting frames.
    caller_pcm: as `caller_ulaw`, with 320 bytes of 16-bit little-endian PCM, which is decoded once for all taps.
    agent: called with audio of the agent, or of a person in its place (mu-law, any length), that the caller has heard,
        and the time at which it began to sound. It comes once a mark or the clock shows that it was played: about every
        200 ms while the agent speaks.
    consent: called with whether the audio may be kept, before any audio, and with each change.
    ended: called once when the call is over, before its last event.

    They run in the frame path: they must not block, and an exception ends the call.
    """

    caller: AudioReader | None = None
    caller_ulaw: Callable[[bytes], None] | None = None
    caller_pcm: Callable[[bytes], None] | None = None
    agent: AudioReader | None = None
    consent: ConsentReader | None = None
    ended: Callable[[], None] | None = None
