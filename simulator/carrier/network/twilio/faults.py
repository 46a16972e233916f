"""What a Twilio account does that its customer would rather not meet, switched on and off while the network runs."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class TwilioFaults:
    """Of requests to call a number (E.164). too_many: how many more of them are refused and not processed (docs:
    api/errors/20429). not_permitted: numbers that the account may not call (docs: api/errors/21215)."""

    too_many: dict[str, int] = field(default_factory=dict)
    not_permitted: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """End all of them."""
        self.too_many.clear()
        self.not_permitted.clear()

    def take_refusal(self, called: str) -> Literal["too_many", "not_permitted", ""]:
        """Why this request is refused; empty if it is not."""
        if self.too_many.get(called, 0) > 0:
            self.too_many[called] -= 1
            return "too_many"
        return "not_permitted" if called in self.not_permitted else ""
