"""What a call is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from media.audio.transcode import Transcoder
from media.call.hints import Hints
from media.call.journal import Journal
from media.call.line import Line
from media.call.recording import Archive, OnDisk, Recorder
from media.providers.ports import Hear, Speak, Think
from media.turn.vad import VoiceTrack
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class Parts:
    """What a call is made of; assembled once by the server.

    clock: ms since the call's first stream began, never going back. track: this caller's voice activity. recorder:
    None = not recorded. archive: where the recording goes. heard: called when a turn of the
    caller's was taken and is about to be answered.
    """

    plan: CallPlan
    line: Line
    hear: Hear
    think: Think
    speak: Speak
    track: VoiceTrack
    journal: Journal
    clock: Callable[[], float]
    transcoder: Transcoder
    recorder: Recorder | None = None
    hints: Hints | None = None
    archive: Archive = field(default_factory=OnDisk)
    heard: Callable[[], None] = lambda: None
