"""The owner of the line to the caller, and the sources that may use it.

Only one source sounds at a time, because a `clear` empties the carrier's buffer whoever filled it. By priority:

1. a person who speaks in the agent's place (`LiveVoice`), whoever sounds;
2. the agent: utterances (`Playback`), which continue where the person has interrupted them, or an endless voice
   (`LiveVoice`), of which the caller misses what comes meanwhile;
3. the tones of keys (`SentKeys`), which wait until the line is silent.

Pure: times are parameters, in ms on the call's clock.
"""

from media.call.live_voice import LiveVoice
from media.call.media_stream import MediaStream
from media.call.playback import AudioReader, Playback


class OutputMixer:
    """The sources of one call. agent, live, person: see above; a call's agent uses one of the first two. stream: for
    tones, and for the end of the call."""

    __slots__ = ("_has_person", "_is_ending", "agent", "live", "person", "stream")

    def __init__(self, stream: MediaStream) -> None:
        self.stream = stream
        self.agent = Playback(stream)
        self.live, self.person = LiveVoice(stream), LiveVoice(stream)
        self._has_person = self._is_ending = False

    @property
    def has_person(self) -> bool:
        """Whether a person has the line."""
        return self._has_person

    def begin_person(self, now: float) -> None:
        """A person takes the line: the agent is silent until it is free again. Repeated, it changes nothing."""
        self._is_ending = False
        if not self._has_person:
            self._has_person = True
            self.agent.preempt(now)
            self.live.cut(now)

    def push_live(self, ulaw: bytes, now: float) -> float | None:
        """Take the next audio of an agent that speaks without turns, and return when it begins to sound. None if it was
        not sent: a person has the line, it came too early, or it fills no frame yet."""
        return None if self._has_person else self.live.push(ulaw, now)

    def push_person(self, ulaw: bytes, now: float) -> None:
        """The person's next audio (mu-law, 8 kHz); ignored while no person has the line."""
        if self._has_person and not self._is_ending:
            self.person.push(ulaw, now)

    def end_person(self, now: float) -> None:
        """The person has spoken: the line is free once the last word was heard."""
        if self._has_person and not self._is_ending:
            self._is_ending = True
            self.person.end(now)

    def tick(self, now: float) -> bool:
        """Called with each tick of the call. Returns whether the line has become free: the agent goes on."""
        if not (self._is_ending and self.person.silent(now)):
            return False
        self.person.settle(now)
        self._has_person = self._is_ending = False
        self.agent.release(now)
        return True

    def silent(self, now: float) -> bool:
        """Whether neither the agent nor a person sounds, as far as is known."""
        return self.agent.silent(now) and self.live.silent(now) and self.person.silent(now)

    def settle(self, now: float) -> None:
        """Accounts for what the caller has heard up to now."""
        self.agent.settle(now)
        self.live.settle(now)
        self.person.settle(now)

    def set_heard_readers(self, readers: tuple[AudioReader, ...]) -> None:
        """Called with all that the caller has heard of this side, each moment once."""
        self.agent.heard_readers = self.live.heard_readers = self.person.heard_readers = readers
