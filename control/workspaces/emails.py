"""Texts of the e-mails to invited people."""

from datetime import datetime

from control.accounts.email_delivery import Email
from control.accounts.letter_names import letter_name


def invitation_email(to: str, inviter: str, workspace: str, role: str, link: str, until: datetime) -> Email:
    """The text does not depend on whether the address has an account; the page behind the link asks."""
    return Email(
        to,
        "You are invited to a workspace on Vocalized",
        f"""Hello,

{letter_name(inviter)} invites you to the workspace "{letter_name(workspace)}" on Vocalized, as {role}.

Open this link by {until:%d %B %Y, %H:%M} UTC to accept:

{link}

The link works once. If you do not know who this is, you need do nothing.
""",
    )
