"""The keys of a call: those that the caller presses, and those that the agent presses."""

from media.call.clock import CallClock
from media.call.components import CallComponents
from media.call.digits import DigitCollector
from media.call.recording_consent import RecordingConsent
from media.call.sent_keys import SentKeys


class Keypad:
    """received: keys of the caller. sent: keys of the agent.

    While a tool collects keys, or the agent's own sound, nothing is recorded: whoever has the tones can read the keys,
    which may be a card number or a PIN.
    """

    def __init__(self, components: CallComponents, clock: CallClock, consent: RecordingConsent) -> None:
        self._clock, self._consent = clock, consent
        self.received = DigitCollector(self._pause_recording)
        self.sent = SentKeys(components.stream, clock.now, components.emitter.emit, self._pause_recording)

    def tick(self, now: float, agent_silent: bool, *, may_interrupt: bool) -> str:
        """As `DigitCollector.tick`, whose keys it returns."""
        self.sent.tick(now, agent_silent)
        return self.received.tick(now, agent_silent, may_interrupt=may_interrupt)

    def _pause_recording(self, _: bool) -> None:
        self._consent.set_paused(self.received.is_collecting or self.sent.is_sounding, self._clock.now())
