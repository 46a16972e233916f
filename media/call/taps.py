"""Taps: readers of a call's audio on the call's clock, such as the recording or a person who listens."""

from collections.abc import Callable
from dataclasses import dataclass

from media.call.playback import AudioReader
from media.call.recording_consent import ConsentReader


@dataclass(frozen=True, slots=True)
class Tap:
    """A reader of a call's audio. Times are in ms on the call's clock.

    The callbacks run in the frame path: they must not block, and an exception ends the call.

    Attributes:
        caller: Called with each 20 ms frame of caller audio (160 bytes of mu-law, 8 kHz) and the time it was received.
        caller_ulaw: Called with the frame alone, and with silence while no audio arrives and the caller's turn must
            end. Late audio comes after that silence, so these readers cannot measure time by counting frames.
        caller_pcm: As `caller_ulaw`, with 320 bytes of 16-bit little-endian PCM, which is decoded once for all taps.
        agent: Called with audio of the agent, or of a person in its place (mu-law, any length), that the caller has
            heard, and the time at which it began to sound. It is called once a mark or the clock shows that the audio
            was played: about every 200 ms while the agent speaks.
        consent: Called with whether the audio may be kept, before any audio, and with each change.
        ended: Called once when the call is over, before its last event.
    """

    caller: AudioReader | None = None
    caller_ulaw: Callable[[bytes], None] | None = None
    caller_pcm: Callable[[bytes], None] | None = None
    agent: AudioReader | None = None
    consent: ConsentReader | None = None
    ended: Callable[[], None] | None = None
