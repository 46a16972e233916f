"""The keys of a call: those that the caller presses, and those that the agent presses."""

import asyncio
from collections.abc import Callable

from media.call.digits import DigitCollector
from media.call.media_stream import MediaStream
from media.call.phrases import phrases_in
from media.call.sent_keys import SentKeys
from media.tools.collected_digits import CollectedDigits, DigitKind, DigitRequest
from media.turn.expected_dictation import DictationKind
from media.turn.spoken_groups import speak_groups
from shared.events import DigitsCollected, Event
from shared.refcycles import break_cycle


class Keypad:
    """received: digits of the caller. sent: keys of the agent.

    While a tool collects digits, or the agent's keys sound, nothing is recorded: whoever has the tones can read the
    keys, which may be a card number or a PIN.
    """

    def __init__(
        self,
        stream: MediaStream,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        set_paused: Callable[[bool, float], None],
        language: str,
    ) -> None:
        """now: the call's clock in ms. set_paused: pauses the recording, or ends the pause. language: of prompts."""
        self._now, self._emit, self._set_paused = now, emit, set_paused
        phrases = phrases_in(language)
        self.received = DigitCollector(
            self._pause_recording, try_again=phrases.not_understood, keypad=phrases.use_keypad
        )
        self.sent = SentKeys(stream, now, emit, self._pause_recording)

    async def collect(self, request: DigitRequest) -> CollectedDigits:
        """Waits for digits of the caller, and reports the outcome without them."""
        try:
            collected = await self.received.collect(request, self._now())
        except asyncio.CancelledError:
            self._emit(DigitsCollected(round(self._now()), "abandoned", 0, 0))
            raise
        self._emit(
            DigitsCollected(
                round(self._now()),
                collected.outcome,
                len(collected.digits),
                collected.tries,
                collected.sources,
            )
        )
        return collected

    def tick(self, now: float, agent_silent: bool, *, is_quiet: bool, may_interrupt: bool) -> str:
        """As `DigitCollector.tick`, whose keys it returns. is_quiet: neither side speaks."""
        self.sent.tick(now, agent_silent)
        return self.received.tick(now, is_quiet, may_interrupt=may_interrupt)

    def close(self) -> None:
        """Ends both, which refer back to it; called once, at the end of the call."""
        break_cycle(self, "received", "sent")

    def _pause_recording(self, _: bool) -> None:
        self._set_paused(self.received.is_collecting or self.sent.is_sounding, self._now())


def speak_digits(digits: str, kind: DigitKind) -> str:
    """Digits in the groups in which they are read back."""
    return speak_groups(digits, DictationKind(kind) if kind else DictationKind.CODE)
