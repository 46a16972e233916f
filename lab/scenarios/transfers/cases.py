"""What the targets of these transfers do, and what must become of the calls."""

from dataclasses import dataclass
from typing import Final

from shared.events import EndReason, TransferFailure
from simulator.carrier.network.phone_network import Behavior

# What is said, by the local voice.
BRIEF: Final = "Jane Doe asks about an invoice"
CALLING: Final = "One moment please, I will call a colleague."
INSTEAD: Final = "I am sorry, nobody is free right now. May I take a message instead?"
PERSON: Final = "Good morning, this is Robert from accounting."
# The caller's words, of a human recording.
CALLER: Final = "and so my fellow americans"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCase:
    """behaviour: of the target's phone. key, words: the target's decision; both empty: none. leaves: the caller hangs
    up while the target is being asked. failure: of the transfer; None for one that is accepted. is_slow: it takes
    longer than 20 s."""

    name: str
    behavior: Behavior = "answer"
    key: str = ""
    words: str = ""
    leaves: bool = False
    failure: TransferFailure | None
    is_slow: bool = False

    @property
    def end_reason(self) -> EndReason:
        """Of the call."""
        return "transferred" if self.failure is None else "caller_hangup"


CASES: Final = (
    TransferCase(name="accepted by a word", words="Yes, put them through.", failure=None),
    TransferCase(name="accepted by a key", key="1", failure=None),
    TransferCase(name="declined by a word", words="Not now, sorry.", failure="refused"),
    TransferCase(name="declined by a key", key="2", failure="refused"),
    TransferCase(name="busy", behavior="busy", failure="busy"),
    TransferCase(name="caller gone meanwhile", leaves=True, failure="failed"),
    TransferCase(name="taken by a mailbox", behavior="machine", failure="no_answer", is_slow=True),
    TransferCase(name="no answer", behavior="no_answer", failure="no_answer", is_slow=True),
)
