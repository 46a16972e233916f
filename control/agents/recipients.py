"""Who may get callers' messages by e-mail: members of the workspace who have confirmed their address.

Anybody else has not agreed to get them, and could be flooded by whoever has an agent call itself."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from control.platform.validation_errors import make_invalid
from shared.errors import ErrorDetail

NOT_MEMBER: Final = "recipient_not_member"


def stored_recipients(config: Mapping[str, Any]) -> Sequence[str]:
    """The recipients in a stored config."""
    recipients: Sequence[str] = config.get("messages", {}).get("email_to", ())
    return recipients


def require_members(recipients: Sequence[str], allowed: Collection[str]) -> None:
    """Raises Invalid (code recipient_not_member) that names each one who is not allowed."""
    faults = [
        ErrorDetail(
            f"config.messages.email_to.{index}",
            NOT_MEMBER,
            "is no confirmed address of a member of this workspace; invite it first, as a viewer for instance",
        )
        for index, address in enumerate(recipients)
        if address not in allowed
    ]
    if faults:
        raise make_invalid(faults, NOT_MEMBER)
