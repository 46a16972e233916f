"""Detects phones that screen calls and ask who is calling and why, such as iPhones.

Carriers report such a phone as an answering machine. The phone's words reveal the screening, so the agent answers who
is calling, and the person may take the call afterwards. Sources of the words: Apple's and Google's support pages on
call screening, as quoted in Twilio's "Detecting iOS 26 Call Screening and Leaving Voicemail" (2025). iOS screens calls
in more languages than those below. There the words are not recognized, and the report of a machine ends the call.
"""

import re
from collections.abc import Callable
from typing import Final

from media.call.pending_speech import FixedText
from shared.events import CallScreened, Event
from shared.plan import CallPlan

# Words of the other side that ask for a name and a reason, or that name the service.
_PROMPTS: Final = tuple(
    re.compile(one)
    for one in (
        r"\b(record|say|state|leave|give)\b.{0,40}\bname\b.{0,40}\b(reason|why)\b",
        r"\bname and (the |your )?reason\b",
        r"\bsee if (this|the|that) person is available\b",
        r"\b(call|google) assist\b.{0,60}\bcall(ing)? about\b|\bcall assist by google\b",
        r"\b(call )?screening (service|assistant)\b",
        r"\bnamen\b.{0,60}\bgrund\b",
        r"\bnom\b.{0,60}\b(raison|motif)\b",
        r"\bnombre\b.{0,60}\b(motivo|raz[oó]n)\b",
    )
)
# This many words without a prompt come from a mailbox or a person.
_DECIDING_WORDS: Final = 12
# How long the report of a machine waits for words, in ms, because it arrives before the prompt has ended.
LONGEST_WAIT_MS: Final = 6_000.0


class CallScreening:
    """Decides for one call whether the phone screens it, and whether the carrier's report of an answering machine
    applies.

    Only outbound calls whose agent answers call screening are checked. Times are in ms on the call's clock.
    """

    def __init__(self, plan: CallPlan, now: Callable[[], float], emit: Callable[[Event], None]) -> None:
        is_outbound = plan.context is not None and plan.context.direction == "outbound"
        self._is_active = is_outbound and plan.screening == "answer"
        self._message, self._now, self._emit = plan.screening_message, now, emit
        self._is_screened = plan.resume is not None
        self._words = ""
        self._due: float | None = None

    def heard(self, text: str) -> None:
        """Store what the other side has said so far in its turn."""
        if not self._is_active or self._is_screened:
            return
        self._words = text if len(text) > len(self._words) else self._words
        if is_prompt(text):
            self._is_screened = True
            self._emit(CallScreened(round(self._now())))

    def reply_to(self, text: str) -> FixedText | None:
        """Return what the agent says to a turn of the screening, or None if the model answers."""
        if not self._is_active or not self._message or not is_prompt(text):
            return None
        return FixedText(self._message, interruptible=False)

    def defers_verdict(self) -> bool:
        """Return whether the call continues although the carrier reports a machine, for good or until
        `verdict_is_due`.
        """
        if not self._is_active or (self._due is None and self._is_machine):
            return False
        self._due = self._due if self._due is not None else self._now() + LONGEST_WAIT_MS
        return True

    def verdict_is_due(self) -> bool:
        """Return whether a deferred report of a machine ends the call now. True only once."""
        if self._due is None or self._is_screened or not (self._is_machine or self._now() >= self._due):
            return False
        self._is_active = False
        return True

    @property
    def _is_machine(self) -> bool:
        return not self._is_screened and len(self._words.split()) >= _DECIDING_WORDS


def is_prompt(text: str) -> bool:
    """Return whether these words ask who is calling and why, as call screening does."""
    plain = " ".join(text.lower().replace("\u2019", "'").split())
    return any(pattern.search(plain) for pattern in _PROMPTS)
