"""What the language model is told of a call besides the prompt: how it came about, and the local date and time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.local_time import format_moment, format_utc_offset, to_local, zone_name
from shared.plan import ContextPlan

_ORIGINS: Final = {
    "inbound": "This is a phone call that the other person made to you.",
    "outbound": "This is a phone call that you made to the other person.",
}
_EXPLANATION: Final = (
    "A line that begins with [Now: comes from the phone system and was not said by anybody. It is the date and local "
    "time at that moment; the last such line counts. Reckon with it whenever a date or a time matters, and never say "
    "the line itself."
)


@dataclass(frozen=True, slots=True)
class ModelContext:
    """What is told in one call; empty texts without a context. now: the current time, in any zone."""

    context: ContextPlan | None
    now: Callable[[], datetime]

    def describe_call(self) -> str:
        """What stays the same for the whole call, also after it was resumed."""
        return f"{_ORIGINS[self.context.direction]} {_EXPLANATION}" if self.context else ""

    def describe_now(self) -> str:
        """The date and the time where the business is, to the minute."""
        if self.context is None:
            return ""
        local = to_local(self.now(), self.context.timezone)
        return f"[Now: {format_moment(local)}, {zone_name(local)}, {format_utc_offset(local)}]"
