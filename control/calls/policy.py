"""Bounds of calls, and the settings about them."""

from dataclasses import dataclass
from typing import Final, Literal

# Longest call in seconds, whatever an agent's own limit is.
LONGEST_S: Final = 14_400
# Longest transfer in seconds.
TRANSFER_S: Final = 3_600
# A call continues in another media stream at most this often.
MOST_LEGS: Final = 5
# After so many transfers that were not answered the agent offers no more of them, and takes a message instead.
MOST_RETURNS: Final = 3


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """recordings: who makes them: media (ours), the carrier or both. apology: an English-speaking agent's first words
    after a media stream was lost."""

    recordings: Literal["ours", "carrier", "both"] = "ours"
    apology: str = "Sorry, we were cut off for a moment."
