"""What the lists of calls and of events take, for customers and for the staff."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from control.calls.records.rules import CallFilter, Direction
from control.carriers.rules import E164
from control.http.pagination import ListQuery, Query, UtcDatetime
from shared.events import CallStatus

MAX_EVENTS: Final = 5_000

CarrierCallId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000]*$")]
# Words in the syntax of web searches; anything can be typed, nothing is an error.
SearchText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\u0000]*$")
]


def _with_plus(text: str) -> str:
    """In a query, "+" stands for a space unless it is written as %2B."""
    return f"+{text[1:]}" if text.startswith(" ") else text


NumberFilter = Annotated[str, StringConstraints(pattern=E164), BeforeValidator(_with_plus)]


class EventsQuery(Query):
    """Filters of the list."""

    after_seq: int = Field(-1, ge=-1, le=2**31 - 1, description="Only events with a higher sequence number.")
    limit: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS, description="The most that are returned.")


class CallListQuery(ListQuery):
    """Filters of both lists of calls."""

    agent_id: UUID | None = Field(None, description="Only calls of this agent.")
    status: CallStatus | None = Field(None, description="Only those with this status.")
    direction: Direction | None = Field(None, description="Only inbound or only outbound calls.")
    caller_number: NumberFilter | None = Field(
        None, description="Only calls from this number (E.164; its + is written as %2B).", examples=["+12025550123"]
    )
    since: UtcDatetime | None = Field(None, alias="from", description="Only calls created at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Only calls created before this time.")
    carrier_call_id: CarrierCallId | None = Field(
        None, description="Only the call with this id at its carrier.", examples=["CA0123456789abcdef"]
    )
    q: SearchText | None = Field(
        None,
        description="Only calls that are over and whose transcript has these words, in any case: all of them; "
        '"in quotes" next to each other; `or` between two for one of them; `-` before one that it must not have.',
    )

    def to_filter(self, workspace_id: UUID | None) -> CallFilter:
        """workspace_id: None for all workspaces."""
        return CallFilter(
            workspace_id=workspace_id,
            agent_id=self.agent_id,
            status=self.status,
            direction=self.direction,
            caller_number=self.caller_number,
            carrier_call_id=self.carrier_call_id,
            since=self.since,
            until=self.until,
            text=self.q,
        )
