"""What we write to people who are invited."""

from datetime import datetime

from control.accounts.mail import Mail


def invitation_letter(to: str, inviter: str, workspace: str, role: str, link: str, until: datetime) -> Mail:
    """The same for those who have an account and those who haven't: only the link's page asks."""
    return Mail(
        to,
        "You are invited to a workspace on Vocalized",
        f"""Hello,

{inviter} invites you to the workspace "{workspace}" on Vocalized, as {role}.

Open this link by {until:%d %B %Y, %H:%M} UTC to accept:

{link}

The link works once. If you do not know who this is, you need do nothing.
""",
    )
