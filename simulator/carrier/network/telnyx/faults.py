"""What a Telnyx account does that its customer would rather not meet, switched on and off while the network runs."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from simulator.carrier.network.telnyx.errors import forbidden, gateway_timeout, invalid


@dataclass(slots=True)
class TelnyxFaults:
    """refused: commands ("dial" too) that are refused, and the reason's tag (docs: sip-trunking/troubleshooting/
    response-codes). refused_once: the same, for the first such command of each call; not of "dial". lost: commands that
    are executed, but answered by 504 the first time. silent_closes: no event follows when the customer's side closes a
    stream; that it does is not documented (docs: voice/programmable-voice/media-streaming). underscores: events have
    names such as `call_initiated`. changes_ids: a call gets another call_control_id when it is answered; commands take
    both. Users of Telnyx have seen these two. refuses_repeats: a command whose command_id came before is refused,
    although it is ignored; how that is answered is not documented (docs: voice/programmable-voice/command-retries).
    by_phone: of the calls of a phone (E.164), in place of all of these.
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
        """Take over the values of others."""
        self.refused, self.refused_once, self.lost = faults.refused, faults.refused_once, faults.lost
        self.silent_closes = faults.silent_closes
        self.underscores, self.changes_ids = faults.underscores, faults.changes_ids
        self.refuses_repeats, self.by_phone = faults.refuses_repeats, faults.by_phone

    def of(self, phone: str) -> "TelnyxFaults":
        """The faults of a phone's calls."""
        return self.by_phone.get(phone, self)

    def check(self, command: str, refused_before: Container[str] = ()) -> None:
        """Raises TelnyxError for a command that is refused. refused_before: commands of the call that were."""
        tag = self.refused.get(command)
        if tag is None and command not in refused_before:
            tag = self.refused_once.get(command)
        if tag is not None:
            raise forbidden(tag)

    def check_repeat(self) -> None:
        """Raises TelnyxError for a repeated command that is refused."""
        if self.refuses_repeats:
            raise invalid("command_id", "This command was executed before.")

    def check_answer(self, command: str) -> None:
        """Raises TelnyxError for a command that was executed, but whose answer is lost."""
        if command in self.lost:
            raise gateway_timeout()
