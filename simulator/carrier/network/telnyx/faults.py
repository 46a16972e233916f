"""What a Telnyx account does that its customer would rather not meet, switched on and off while the network runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.carrier.network.telnyx.errors import forbidden, invalid


@dataclass(slots=True)
class TelnyxFaults:
    """refused: commands ("dial" too) that are refused, and the reason's tag. The tags: docs, sip-trunking/
    troubleshooting/response-codes. silent_closes: no event follows when the customer's side closes a stream; that it
    does is not documented (docs: voice/programmable-voice/media-streaming).
    underscores: events have names such as `call_initiated`. changes_ids: a call gets another call_control_id when it is
    answered; commands take both. Users of Telnyx have seen these two. refuses_repeats: a command whose command_id came
    before is refused, although it is ignored; how that is answered is not documented (docs:
    voice/programmable-voice/command-retries).
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    silent_closes: bool = False
    underscores: bool = False
    changes_ids: bool = False
    refuses_repeats: bool = False

    def set(self, faults: "TelnyxFaults") -> None:
        """Takes over the values of others."""
        self.refused, self.silent_closes = faults.refused, faults.silent_closes
        self.underscores, self.changes_ids = faults.underscores, faults.changes_ids
        self.refuses_repeats = faults.refuses_repeats

    def check(self, command: str) -> None:
        """Raises TelnyxError for a command that is refused."""
        if command in self.refused:
            raise forbidden(self.refused[command])

    def check_repeat(self) -> None:
        """Raises TelnyxError for a repeated command that is refused."""
        if self.refuses_repeats:
            raise invalid("command_id", "This command was executed before.")
