"""The e-mail about an endpoint that was disabled."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from control.accounts.email_delivery import Email
from control.accounts.letter_names import letter_name
from control.outbound_webhooks.model import DisabledReason, WebhookOwner

_WHY: Final[Mapping[DisabledReason, str]] = {
    "failing": "It has accepted nothing for five days",
    "gone": "It answered 410 (Gone)",
}


def disabled_email(owner: WebhookOwner, url: str, reason: DisabledReason, link: str) -> Email:
    """Names the receiver's host only: the rest of an address may be secret."""
    host, name = urlsplit(url).hostname or "", letter_name(owner.workspace_name)
    return Email(
        owner.email,
        f"{name}: a webhook endpoint was disabled",
        f"""Hello,

the webhook endpoint of {name} at {host} was disabled. {_WHY[reason]}, so nothing is sent there any
more, and events that happen now are not kept for it.

When it works again, enable it, and have the deliveries that failed sent again:

{link}
""",
    )
