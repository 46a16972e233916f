"""Pages of lists: counted from the beginning of the list, or next to a given row (keyset pagination).

A counted page reads all rows before it and shifts when a row is inserted before it. A page next to a row does neither:
the query looks up the row's values and enters the index there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from control.db.pool import Connection
from shared.errors import Invalid

T = TypeVar("T")
_AFTER: Final = "starting_after"
_BEFORE: Final = "ending_before"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The requested part of a list. At most one of `starting_after` and `ending_before` is set.

    Attributes:
        offset: Number of rows to skip.
        starting_after: The row that the page follows, by its id or version number; replaces the offset.
        ending_before: The row that the page precedes, by its id or version number; replaces the offset.
    """

    limit: int
    offset: int = 0
    starting_after: UUID | int | None = None
    ending_before: UUID | int | None = None

    @property
    def cursor(self) -> UUID | int | None:
        """The row that the page is next to; None for a counted page."""
        return self.starting_after if self.ending_before is None else self.ending_before

    @property
    def is_backwards(self) -> bool:
        """Whether rows are read backwards, from the cursor to the beginning of the list."""
        return self.ending_before is not None

    @property
    def param(self) -> str:
        """The name of the request parameter that holds the cursor."""
        return _BEFORE if self.is_backwards else _AFTER


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """A page of rows, in the order of the list.

    Attributes:
        has_more: Whether the list has more rows in the direction of reading.
        total: Number of rows in the whole list; None on a page next to a row, because counting takes longer than
            reading.
    """

    rows: list[T]
    has_more: bool
    total: int | None = None

    def with_total(self, total: int | None) -> "ListPage[T]":
        """Return a copy of the page with this total."""
        return replace(self, total=total)


@dataclass(frozen=True, slots=True)
class PageClause:
    """The SQL that ends a query for one page.

    Attributes:
        tail: The SQL after the query's conditions: "AND … ORDER BY … LIMIT …".
        order: The columns of ORDER BY, for an outer query.
        values: All parameters of the query.
    """

    tail: str
    order: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Keyset:
    """The sort order of a list.

    Attributes:
        columns: Sort columns as the query names them. The last column must be unique.
        find: A query that returns the values of these columns for the row $1 within the scope $2, …
    """

    columns: tuple[str, ...]
    find: str
    descending: bool = True

    async def make_clause(
        self, db: Connection, page: PageRequest, values: Sequence[Any], scope: Sequence[Any] = ()
    ) -> PageClause:
        """Return the SQL that reads a page. Raises Invalid (code cursor_unknown) if the scope has no cursor row.

        Args:
            values: Parameters of the query's conditions.
            scope: The parameters of `find` after the first parameter.
        """
        if page.cursor is None:
            places = f"LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}"
            return self._clause("", places, page, (*values, page.limit + 1, page.offset))
        row = await db.fetchrow(self.find, page.cursor, *scope)
        if row is None:
            raise unknown_cursor(page)
        key = tuple(row.values())
        after = self._after(len(values) + 1, page)
        return self._clause(after, f"LIMIT ${len(values) + len(key) + 1}", page, (*values, *key, page.limit + 1))

    def _clause(self, after: str, limit: str, page: PageRequest, values: tuple[Any, ...]) -> PageClause:
        direction = " DESC" if self.descending != page.is_backwards else ""
        order = ", ".join(f"{column}{direction}" for column in self.columns)
        return PageClause(f"{after} ORDER BY {order} {limit}", order, values)

    def _after(self, first: int, page: PageRequest) -> str:
        """Return the row comparison that selects rows behind the cursor. An index on the columns can answer it."""
        sign = "<" if self.descending != page.is_backwards else ">"
        places = ", ".join(f"${first + index}" for index in range(len(self.columns)))
        return f"AND ({', '.join(self.columns)}) {sign} ({places})"


def cut_page(rows: Sequence[T], page: PageRequest) -> ListPage[T]:
    """Return the page and whether the list has more rows.

    Args:
        rows: Rows read with a PageClause. If the list has more rows, there is one row more than the page's limit.
    """
    kept = list(rows[: page.limit])
    return ListPage(kept[::-1] if page.is_backwards else kept, len(rows) > page.limit)


def unknown_cursor(page: PageRequest) -> Invalid:
    """Return the error for a cursor row that is not in the list."""
    return Invalid(f"{page.param}: no row of this list has this id.", param=page.param, code="cursor_unknown")
