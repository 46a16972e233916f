"""The keys of a call: those that the caller presses, and those that the agent presses."""

import asyncio
from collections.abc import Callable

from media.call.call_language import CallLanguage
from media.call.digits import DigitCollector
from media.call.sent_keys import SentKeys
from media.call.utterance import Utterance
from media.tools.collected_digits import CollectedDigits, DigitRequest
from shared.events import DigitPressed, DigitsCollected, Event
from shared.refcycles import break_cycle


class Keypad:
    """The keys of a call.

    While a tool collects digits, or the agent's keys sound, nothing is recorded, because the tones would reveal the
    keys, which may be a card number or a PIN.

    Attributes:
        received: The caller's digits.
        sent: The agent's keys.
    """

    def __init__(
        self,
        sent: SentKeys,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        set_collecting: Callable[[bool], None],
        language: CallLanguage,
    ) -> None:
        """Create the keypad.

        Args:
            now: Returns the time on the call's clock in ms.
            set_collecting: Called when a tool begins and ends to collect digits.
            language: The language of prompts.
        """
        self._now, self._emit = now, emit
        self.received = DigitCollector(set_collecting, lambda: language.phrases)
        self.sent = sent

    async def collect(self, request: DigitRequest) -> CollectedDigits:
        """Wait for digits of the caller, and report the outcome without them."""
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

    def press(self, digit: str, *, in_question: bool) -> bool:
        """Process a key of the caller. Return whether no tool collects it.

        A collected key is left out of the event, because it may belong to a PIN. A key that is the echo of the agent's
        own tones is ignored.

        Args:
            in_question: The caller speaks, or waits for the answer.
        """
        if self.sent.is_echo(digit):
            return False
        now, is_collecting = self._now(), self.received.is_collecting
        self._emit(DigitPressed(round(now), "" if is_collecting else digit))
        self.received.press(digit, now, in_question=in_question)
        return not is_collecting

    def time_question(self, utterance: Utterance, left_ms: float) -> None:
        """Set when the agent's words have been heard, in `left_ms`. They may ask whether digits are right."""
        if utterance.is_secret:
            self.received.question_ends(self._now() + left_ms)

    def tick(self, now: float, agent_silent: bool, *, is_quiet: bool, may_interrupt: bool) -> str:
        """Return the keys of `DigitCollector.tick`. `is_quiet` means that neither side speaks."""
        self.sent.tick(now, agent_silent)
        return self.received.tick(now, is_quiet, may_interrupt=may_interrupt)

    def close(self) -> None:
        """End both. Called once, at the end of the call."""
        break_cycle(self, "received", "sent")
