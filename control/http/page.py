"""Lists: `page` and `limit` in the query, `total`, `page` and `limit` in the answer."""

from pydantic import BaseModel, ConfigDict, Field

MOST = 200
USUAL = 50
# OFFSET reads what it passes over: deeper pages are asked for by filters.
DEEPEST = 10_000


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
