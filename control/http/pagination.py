"""Lists: `page` and `limit` in the query, `total`, `page` and `limit` in the answer."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
# OFFSET reads the rows that it skips, so that deep pages are slow; filters reach those rows.
MAX_PAGE = 10_000


def _in_utc(value: datetime) -> datetime:
    """A datetime without a zone counts as UTC. Bounded, because datetimes near the range's ends overflow in UTC."""
    if not 1900 <= value.year <= 9000:
        raise ValueError("must be between the years 1900 and 9000")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A filter by time.
UtcDatetime = Annotated[datetime, AfterValidator(_in_utc)]


class Query(BaseModel):
    """Base of every query; an unknown parameter is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """The page of a list."""

    page: int = Field(1, ge=1, le=MAX_PAGE, description="The page, counted from 1.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows per page.")

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.page - 1) * self.limit
