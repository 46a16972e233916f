"""Unpleasant behavior of a Twilio account, which can be switched on and off while the network runs."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class TwilioFaults:
    """Faults of requests to call a number (E.164).

    Attributes:
        too_many: Number -> how many more requests are refused and not processed (docs: api/errors/20429).
        not_permitted: Numbers that the account may not call (docs: api/errors/21215).
    """

    too_many: dict[str, int] = field(default_factory=dict)
    not_permitted: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """End all faults."""
        self.too_many.clear()
        self.not_permitted.clear()

    def take_refusal(self, called: str) -> Literal["too_many", "not_permitted", ""]:
        """Return why this request is refused; empty if it is accepted."""
        if self.too_many.get(called, 0) > 0:
            self.too_many[called] -= 1
            return "too_many"
        return "not_permitted" if called in self.not_permitted else ""
