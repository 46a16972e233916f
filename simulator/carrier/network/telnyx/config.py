"""The configuration of the simulated Telnyx: one account with one Call Control App."""

from dataclasses import dataclass, field
from typing import Literal

from simulator.carrier.network.telnyx.faults import TelnyxFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class TelnyxConfig:
    """One Telnyx account. Times are seconds.

    signing_key: base64 of a 32-byte ed25519 seed; the account's public key is derived from it.
    connection_id: the Call Control App. webhook_url: of the app. webhook_failover_url: used when webhook_url fails.
    public_url: where this simulator is reached, without a trailing slash; recordings are fetched from there.
    codecs: what the other side of calls offers, separated by commas; a call has the first one unless `preferred_codecs`
    asks for another of them. codecs_by_phone: the same, of single phones (E.164).
    webhook_timeout_s: time limit of a webhook. order_s: how long a number order stays pending.
    park_s: how long a call to a number rings before the caller's network gives up.
    detect_s: how long answering machine detection listens. recording_link_s: how long a recording's URL works.
    broken_stream: which event follows when a media socket breaks. cost_webhooks: whether call.cost is sent.
    channel_limit: most outgoing legs at once; 0 for no limit (docs: sip-trunking/configuration/concurrent-limits).
    countries: beginnings of the numbers that may be called; empty for all.
    documented: beginnings of the numbers that need documents: their orders stay pending until they are approved.
    required: the types of what those need: address, document, textual or datetime.
    grouped: beginnings of the numbers whose orders are refused without a requirement group (docs:
    numbers/phone-numbers/requirement-groups, "Constraints").
    second_s: how long a second of `timeout_secs` and `time_limit_secs` lasts here.
    faults: may change while the network runs.
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
        """The codecs that a phone offers."""
        return self.codecs_by_phone.get(phone, self.codecs)
