"""Types of alarms about unusual outbound calls, and the texts of their e-mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from control.accounts.emails.service import Email
from control.http.names import letter_name

AlarmKind = Literal["short_calls", "test_calls", "new_countries", "platform_limit"]


@dataclass(frozen=True, slots=True)
class UnusualCalls:
    """A figure that has reached its threshold.

    Attributes:
        workspace_id: None for all workspaces together.
    """

    workspace_id: UUID | None
    kind: AlarmKind
    figure: int
    threshold: int


_WHAT: Final[Mapping[AlarmKind, str]] = {
    "short_calls": "{figure} of its calls within an hour were answered and over within seconds",
    "test_calls": "it placed {figure} test calls within an hour",
    "new_countries": "within a day it called {figure} countries that it had never called before",
    "platform_limit": "all workspaces together have reached a limit of outbound calls, and no call is placed any more",
}


def alarm_email(to: str, workspace: str, found: UnusualCalls) -> Email:
    """Returns the e-mail about an alarm, with the figures of the moment.

    Args:
        workspace: Its name; empty for all workspaces together.
    """
    what = _WHAT[found.kind].format(figure=found.figure)
    about = f'The workspace "{letter_name(workspace)}" calls unusually: {what}.' if workspace else f"Attention: {what}."
    return Email(
        to,
        "Unusual calls on Vocalized",
        f"""Hello,

{about} The threshold is {found.threshold}.

If you do not know why, look at the list of calls, pause the agents concerned and change the passwords of the members.
This e-mail is sent once a day at most.
""",
    )
