"""The owner of the line to the caller, and the sources that may use it.

Only one source sounds at a time, because a `clear` empties the carrier's buffer whichever source filled it. By
priority:

1. a person who speaks in the agent's place (`LiveVoice`), whatever else sounds;
2. the agent: utterances (`Playback`), which continue where the person interrupted them, or an endless voice
   (`LiveVoice`), of which the caller misses what comes meanwhile;
3. the tones of keys (`SentKeys`), which wait until the line is silent.

Pure: times are parameters, in ms on the call's clock.
"""

from media.call.live_voice import LiveVoice
from media.call.media_stream import MediaStream
from media.call.playback import AudioReader, Playback


class OutputMixer:
    """The sources of one call.

    Attributes:
        agent: See above. The agent uses either this or `live`.
        live: See above.
        person: See above.
        stream: For tones, and for the end of the call.
    """

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
        """Give the line to a person: silence the agent until the line is free again. Repeated calls change nothing."""
        self._is_ending = False
        if not self._has_person:
            self._has_person = True
            self.agent.preempt(now)
            self.live.cut(now)

    def push_live(self, ulaw: bytes, now: float) -> float | None:
        """Send the next audio of an agent that speaks without turns, and return when it begins to sound.

        Returns None if it was not sent, because a person has the line, it arrived too early, or it fills no frame yet.
        """
        return None if self._has_person else self.live.push(ulaw, now)

    def push_person(self, ulaw: bytes, now: float) -> None:
        """Send the person's next audio (mu-law, 8 kHz). Ignored while no person has the line."""
        if self._has_person and not self._is_ending:
            self.person.push(ulaw, now)

    def end_person(self, now: float) -> None:
        """End the person's speech, and free the line once the last word was heard."""
        if self._has_person and not self._is_ending:
            self._is_ending = True
            self.person.end(now)

    def tick(self, now: float) -> bool:
        """Check the time. Called with each tick of the call. Return whether the line has become free for the agent."""
        if not (self._is_ending and self.person.silent(now)):
            return False
        self.person.settle(now)
        self._has_person = self._is_ending = False
        self.agent.release(now)
        return True

    def silent(self, now: float) -> bool:
        """Return whether neither the agent nor a person sounds, as far as is known."""
        return self.agent.silent(now) and self.live.silent(now) and self.person.silent(now)

    def settle(self, now: float) -> None:
        """Account for what the caller has heard up to now."""
        self.agent.settle(now)
        self.live.settle(now)
        self.person.settle(now)

    def set_heard_readers(self, readers: tuple[AudioReader, ...]) -> None:
        """Call the readers with everything that the caller has heard of this side, each moment once."""
        self.agent.heard_readers = self.live.heard_readers = self.person.heard_readers = readers
