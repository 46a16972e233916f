"""Lists: pages by `page` and `limit`, or relative to a row by `starting_after` or `ending_before` and `limit`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from control.db.keyset import ListPage, PageRequest
from shared.errors import Invalid

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
# OFFSET reads the rows that it skips, so deep pages are slow. Use cursors and filters to reach these rows.
MAX_PAGE = 10_000
# The highest number of an agent's version.
MAX_VERSION = 2**31 - 1


def _in_utc(value: datetime) -> datetime:
    """Return the datetime in UTC. A datetime without a time zone counts as UTC.

    The year is bounded, because datetimes near the limits of the range overflow in UTC.
    """
    if not 1900 <= value.year <= 9000:
        raise ValueError("must be between the years 1900 and 9000")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A filter by time.
UtcDatetime = Annotated[datetime, AfterValidator(_in_utc)]
HasMore = Annotated[
    bool, Field(description="Whether there are more rows in the direction that was read.", examples=[True])
]


class Query(BaseModel):
    """Base of all queries. Unknown parameters are rejected by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """The page of a list."""

    page: int = Field(1, ge=1, le=MAX_PAGE, description="The page, counted from 1.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Rows per page.")

    @property
    def offset(self) -> int:
        """Number of rows before this page."""
        return (self.page - 1) * self.limit

    @property
    def cursors(self) -> dict[str, Any]:
        """The cursor parameters by name. Subclasses declare them."""
        names = ("starting_after", "ending_before")
        return {name: value for name in names if (value := getattr(self, name, None)) is not None}

    def request(self) -> PageRequest:
        """Return the requested rows. Raises Invalid for contradicting parameters (codes page_and_cursor,
        two_cursors)."""
        cursors = self.cursors
        if len(cursors) > 1:
            raise Invalid(
                "starting_after and ending_before exclude each other.", param="ending_before", code="two_cursors"
            )
        if cursors and "page" in self.model_fields_set:
            (name,) = cursors
            raise Invalid(f"page and {name} exclude each other.", param=name, code="page_and_cursor")
        return PageRequest(self.limit, 0 if cursors else self.offset, **cursors)


class ListQuery(PageQuery):
    """A page of a list whose rows have ids."""

    starting_after: UUID | None = Field(
        None, description="The id of the last row that you have: the page begins behind it. Not together with page."
    )
    ending_before: UUID | None = Field(
        None, description="The id of the first row that you have: the page ends before it. Not together with page."
    )


class VersionsQuery(PageQuery):
    """A page of an agent's versions."""

    starting_after: int | None = Field(
        None, ge=1, le=MAX_VERSION, description="A version: the page begins with the one before it. Not with page."
    )
    ending_before: int | None = Field(
        None, ge=1, le=MAX_VERSION, description="A version: the page ends with the one after it. Not with page."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnswer:
    """Base of answers with a page of a list."""

    total: Annotated[
        int | None,
        Field(description="Rows on all pages; null with starting_after or ending_before.", examples=[120]),
    ]
    page: Annotated[
        int | None, Field(description="As requested; null with starting_after or ending_before.", examples=[1])
    ]
    limit: Annotated[int, Field(description="The most rows on a page.", examples=[DEFAULT_LIMIT])]
    has_more: HasMore


class PageFields(TypedDict):
    """The field values of ListAnswer."""

    total: int | None
    page: int | None
    limit: int
    has_more: bool


def page_fields(query: PageQuery, found: ListPage[Any]) -> PageFields:
    """Return the page fields of an answer."""
    page = None if query.cursors else query.page
    return PageFields(total=found.total, page=page, limit=query.limit, has_more=found.has_more)
