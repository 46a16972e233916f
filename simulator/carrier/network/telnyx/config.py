"""The configuration of the simulated Telnyx: one account with one Call Control App."""

from dataclasses import dataclass, field
from typing import Literal

from simulator.carrier.network.telnyx.faults import TelnyxFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class TelnyxConfig:
    """A Telnyx account. Times are seconds.

    Attributes:
        signing_key: Base64 of a 32-byte ed25519 seed. The account's public key is derived from it.
        connection_id: Id of the Call Control App.
        webhook_url: Webhook URL of the app.
        webhook_failover_url: Used if webhook_url fails.
        public_url: The simulator's public URL without a trailing slash. Recordings are fetched from there.
        codecs: Codecs that the other side of calls offers, separated by commas. A call uses the first codec unless
            `preferred_codecs` selects another.
        codecs_by_phone: Offered codecs of individual phones (E.164).
        webhook_timeout_s: Time limit of a webhook.
        order_s: How long a number order stays pending.
        park_s: How long a call to a number rings before the caller's network gives up.
        detect_s: How long answering machine detection listens.
        recording_link_s: How long a recording's URL is valid.
        broken_stream: The event that follows a broken media socket.
        cost_webhooks: Whether call.cost is sent.
        channel_limit: Maximum number of concurrent outgoing legs; 0 for no limit (docs:
            sip-trunking/configuration/concurrent-limits).
        countries: Prefixes of the numbers that may be called; empty for all numbers.
        documented: Prefixes of the numbers that need documents. Their orders stay pending until they are approved.
        required: Types of the required documents: address, document, textual or datetime.
        grouped: Prefixes of the numbers whose orders need a requirement group (docs:
            numbers/phone-numbers/requirement-groups, "Constraints").
        second_s: Real length of a second in `timeout_secs` and `time_limit_secs`.
        faults: May change while the network runs.
    """

    api_key: str
    signing_key: str
    connection_id: str
    webhook_url: str
    webhook_failover_url: str = ""
    public_url: str = ""
    codecs: str = "PCMU"
    codecs_by_phone: dict[str, str] = field(default_factory=dict)
    webhook_timeout_s: float = 2.0
    order_s: float = 0.2
    park_s: float = 60.0
    detect_s: float = 0.5
    recording_link_s: float = 600.0
    broken_stream: Literal["failed", "stopped"] = "failed"
    cost_webhooks: bool = True
    channel_limit: int = 0
    countries: tuple[str, ...] = ()
    documented: tuple[str, ...] = ()
    required: tuple[str, ...] = ("address", "document")
    grouped: tuple[str, ...] = ()
    second_s: float = 1.0
    faults: TelnyxFaults = field(default_factory=TelnyxFaults)

    def codecs_of(self, phone: str) -> str:
        """Return the codecs that a phone offers."""
        return self.codecs_by_phone.get(phone, self.codecs)
