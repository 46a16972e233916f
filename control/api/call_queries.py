"""What the lists of calls and of events take, for customers and for the staff."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from control.http.pagination import Query

MAX_EVENTS: Final = 5_000

CarrierCallId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000]*$")]


class EventsQuery(Query):
    """Filters of the list."""

    after_seq: int = Field(-1, ge=-1, le=2**31 - 1, description="Only events with a higher sequence number.")
    limit: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS, description="The most that are returned.")
