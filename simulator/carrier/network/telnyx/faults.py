"""What a Telnyx account does that its customer would rather not meet, switched on and off while the network runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.carrier.network.telnyx.errors import forbidden


@dataclass(slots=True)
class TelnyxFaults:
    """refused: commands ("dial" too) that are refused, and the reason's tag. The tags: docs, sip-trunking/
    troubleshooting/response-codes.
    """

    refused: Mapping[str, str] = field(default_factory=dict)

    def check(self, command: str) -> None:
        """Raises TelnyxError for a command that is refused."""
        if command in self.refused:
            raise forbidden(self.refused[command])
