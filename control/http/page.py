"""Lists: `page` and `limit` in the query, `total`, `page` and `limit` in the answer."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST = 200
USUAL = 50
# OFFSET reads what it passes over: deeper pages are asked for by filters.
DEEPEST = 10_000


def _in_utc(moment: datetime) -> datetime:
    """Without a zone it is UTC. Bounded, for a moment near the end of a datetime's range has no UTC."""
    if not 1900 <= moment.year <= 9000:
        raise ValueError("must lie between the years 1900 and 9000")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# A moment that a list is narrowed by.
Moment = Annotated[datetime, AfterValidator(_in_utc)]


class Query(BaseModel):
    """Base of every query; an unknown parameter is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """The part of a list that is asked for."""

    page: int = Field(1, ge=1, le=DEEPEST, description="Which page, from 1.")
    limit: int = Field(USUAL, ge=1, le=MOST, description="Rows of a page.")

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.page - 1) * self.limit
