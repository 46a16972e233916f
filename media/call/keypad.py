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
    """received: digits of the caller. sent: keys of the agent.

    While a tool collects digits, or the agent's keys sound, nothing is recorded: whoever has the tones can read the
    keys, which may be a card number or a PIN.
    """

    def __init__(
        self,
        sent: SentKeys,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        set_collecting: Callable[[bool], None],
        language: CallLanguage,
    ) -> None:
        """now: the call's clock in ms. set_collecting: told when a tool begins and ends to collect. language: of
        prompts."""
        self._now, self._emit = now, emit
        self.received = DigitCollector(set_collecting, lambda: language.phrases)
        self.sent = sent

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

    def press(self, digit: str, *, in_question: bool) -> bool:
        """A key of the caller's; returns whether no tool collects it. Those that one does are not in the event: they
        may be a PIN. A carrier may report the echo of the agent's own tones: that is no key. in_question: the caller
        speaks, or waits for the answer."""
        if self.sent.is_echo(digit):
            return False
        now, is_collecting = self._now(), self.received.is_collecting
        self._emit(DigitPressed(round(now), "" if is_collecting else digit))
        self.received.press(digit, now, in_question=in_question)
        return not is_collecting

    def time_question(self, utterance: Utterance, left_ms: float) -> None:
        """Words of the agent will have been heard in left_ms: those that ask whether digits are right, or others."""
        if utterance.is_secret:
            self.received.question_ends(self._now() + left_ms)

    def tick(self, now: float, agent_silent: bool, *, is_quiet: bool, may_interrupt: bool) -> str:
        """As `DigitCollector.tick`, whose keys it returns. is_quiet: neither side speaks."""
        self.sent.tick(now, agent_silent)
        return self.received.tick(now, is_quiet, may_interrupt=may_interrupt)

    def close(self) -> None:
        """Ends both; called once, at the end of the call."""
        break_cycle(self, "received", "sent")
