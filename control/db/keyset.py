"""Pages of lists: counted from the list's beginning, or next to a row that the caller names (keyset pagination).

A counted page reads all rows before it, and shifts when a row is inserted before it. A page next to a row does neither:
the row's values are looked up, and the index is entered there.
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
    """Which rows of a list.

    Attributes:
        offset: Rows before them.
        starting_after, ending_before: The row that the page follows or precedes, in place of an offset; at most one of
            them. It is named by its id, a version by its number.
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
        """Whether the rows are read from the cursor to the list's beginning."""
        return self.ending_before is not None

    @property
    def param(self) -> str:
        """The parameter that names the cursor."""
        return _BEFORE if self.is_backwards else _AFTER


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """Rows in the list's order.

    Attributes:
        has_more: Whether there are more in the direction that was read.
        total: Rows of the whole list; None on a page next to a row, because counting takes longer than reading it.
    """

    rows: list[T]
    has_more: bool
    total: int | None = None

    def with_total(self, total: int | None) -> "ListPage[T]":
        """Return the same rows."""
        return replace(self, total=total)


@dataclass(frozen=True, slots=True)
class PageClause:
    """The end of a query that reads a page.

    Attributes:
        tail: What follows its conditions: "AND … ORDER BY … LIMIT …".
        order: The columns of ORDER BY, for an outer query.
        values: All parameters of the query.
    """

    tail: str
    order: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list.

    Attributes:
        columns: As its query names them, the last one unique.
        find: A query that returns the values of these columns for the row $1 of the scope $2, …
    """

    columns: tuple[str, ...]
    find: str
    descending: bool = True

    async def make_clause(
        self, db: Connection, page: PageRequest, values: Sequence[Any], scope: Sequence[Any] = ()
    ) -> PageClause:
        """Raise Invalid (code cursor_unknown) when there is no such row within the scope.

        Args:
            values: Parameters of the query's conditions.
            scope: Those of `find` after the first.
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
        """Return a comparison of rows, which an index on the columns answers."""
        sign = "<" if self.descending != page.is_backwards else ">"
        places = ", ".join(f"${first + index}" for index in range(len(self.columns)))
        return f"AND ({', '.join(self.columns)}) {sign} ({places})"


def cut_page(rows: Sequence[T], page: PageRequest) -> ListPage[T]:
    """Return the page, and whether there are more rows.

    Args:
        rows: Rows read with a PageClause: one more than the page's limit if there are more.
    """
    kept = list(rows[: page.limit])
    return ListPage(kept[::-1] if page.is_backwards else kept, len(rows) > page.limit)


def unknown_cursor(page: PageRequest) -> Invalid:
    """Return the row that the page should be next to is not in the list."""
    return Invalid(f"{page.param}: no row of this list has this id.", param=page.param, code="cursor_unknown")
