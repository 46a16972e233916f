"""Unpleasant behavior of a Telnyx account, which can be switched on and off while the network runs."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from simulator.carrier.network.telnyx.errors import forbidden, gateway_timeout, invalid


@dataclass(slots=True)
class TelnyxFaults:
    """Faults of an account.

    Attributes:
        refused: Refused command ("dial" included) -> tag of the reason (docs:
            sip-trunking/troubleshooting/response-codes).
        refused_once: Like `refused`, for the first such command of each call. Does not apply to "dial".
        lost: Commands that are executed, but answered with 504 the first time.
        silent_closes: No event follows if the customer's side closes a stream. It is undocumented whether an event
            follows (docs: voice/programmable-voice/media-streaming).
        underscores: Events have names such as `call_initiated`. Users of Telnyx have observed this.
        changes_ids: A call gets another call_control_id when it is answered; commands accept both. Users of Telnyx have
            observed this.
        refuses_repeats: A command with a repeated command_id is refused in addition to being ignored. The answer is
            undocumented (docs: voice/programmable-voice/command-retries).
        by_phone: Faults of the calls of a phone (E.164), which replace all others.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    refused_once: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    silent_closes: bool = False
    underscores: bool = False
    changes_ids: bool = False
    refuses_repeats: bool = False
    by_phone: dict[str, "TelnyxFaults"] = field(default_factory=dict)

    def set(self, faults: "TelnyxFaults") -> None:
        """Copy the values of other faults."""
        self.refused, self.refused_once, self.lost = faults.refused, faults.refused_once, faults.lost
        self.silent_closes = faults.silent_closes
        self.underscores, self.changes_ids = faults.underscores, faults.changes_ids
        self.refuses_repeats, self.by_phone = faults.refuses_repeats, faults.by_phone

    def of(self, phone: str) -> "TelnyxFaults":
        """Return the faults of a phone's calls."""
        return self.by_phone.get(phone, self)

    def check(self, command: str, refused_before: Container[str] = ()) -> None:
        """Raise TelnyxError if the command is refused. `refused_before` contains the call's commands refused so far."""
        tag = self.refused.get(command)
        if tag is None and command not in refused_before:
            tag = self.refused_once.get(command)
        if tag is not None:
            raise forbidden(tag)

    def check_repeat(self) -> None:
        """Raise TelnyxError if repeated commands are refused."""
        if self.refuses_repeats:
            raise invalid("command_id", "This command was executed before.")

    def check_answer(self, command: str) -> None:
        """Raise TelnyxError if the answer to an executed command is lost."""
        if command in self.lost:
            raise gateway_timeout()
