"""What settings say about calls."""

from dataclasses import dataclass
from typing import Final, Literal

# Nothing stays open longer than this, whatever an agent's own limit is.
LONGEST_S: Final = 14_400
# Nobody stays put through for longer, whoever pays for it.
TRANSFER_S: Final = 3_600
# A call is led to another media stream so often at most.
MOST_LEGS: Final = 5


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """recordings: who makes them. apology: an English-speaking agent's first words after a loss."""

    recordings: Literal["ours", "carrier", "both"] = "ours"
    apology: str = "Sorry, we were cut off for a moment."
