"""Lists, page by page: nothing is asked for before it is iterated."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from .errors import AnswerInvalid
from .operation import Cursor, Operation
from .transport import AsyncTransport, Transport

Answer = TypeVar("Answer")
Row = TypeVar("Row")


class Pager(Generic[Answer, Row]):
    """Iterates all rows of a list; each iteration begins anew. No row comes twice or is left out while others are
    added, or while each is deleted when it comes."""

    def __init__(self, transport: Transport, operation: Operation, kind: type[Answer], cursor: Cursor) -> None:
        self._transport, self._operation, self._kind, self._cursor = transport, operation, kind, cursor

    def __iter__(self) -> Iterator[Row]:
        pages = self.pages()
        page = next(pages, None)
        while page is not None:
            rows = getattr(page, self._cursor.rows)
            yield from rows[:-1]
            # Before the last row is handed out: nothing can be asked for after a row that was deleted.
            page = next(pages, None)
            yield from rows[-1:]

    def pages(self) -> Iterator[Answer]:
        """The answers one after the other. `total` stands in the first one, if no row was named to begin after. The
        last row of a page must not be deleted before the next page has come; RequestInvalid otherwise."""
        operation: Operation | None = self._operation
        while operation is not None:
            page = self._transport.send(operation, self._kind)
            yield page
            operation = _next(operation, page, self._cursor)

    def first(self) -> Answer:
        """The first page alone."""
        return self._transport.send(self._operation, self._kind)


class AsyncPager(Generic[Answer, Row]):
    """Iterates all rows of a list; each iteration begins anew. No row comes twice or is left out while others are
    added, or while each is deleted when it comes."""

    def __init__(self, transport: AsyncTransport, operation: Operation, kind: type[Answer], cursor: Cursor) -> None:
        self._transport, self._operation, self._kind, self._cursor = transport, operation, kind, cursor

    async def __aiter__(self) -> AsyncIterator[Row]:
        pages = self.pages()
        page = await anext(pages, None)
        while page is not None:
            rows = getattr(page, self._cursor.rows)
            for row in rows[:-1]:
                yield row
            # Before the last row is handed out: nothing can be asked for after a row that was deleted.
            page = await anext(pages, None)
            for row in rows[-1:]:
                yield row

    async def pages(self) -> AsyncIterator[Answer]:
        """The answers one after the other. `total` stands in the first one, if no row was named to begin after. The
        last row of a page must not be deleted before the next page has come; RequestInvalid otherwise."""
        operation: Operation | None = self._operation
        while operation is not None:
            page = await self._transport.send(operation, self._kind)
            yield page
            operation = _next(operation, page, self._cursor)

    async def first(self) -> Answer:
        """The first page alone."""
        return await self._transport.send(self._operation, self._kind)


def _next(operation: Operation, page: Any, cursor: Cursor) -> Operation | None:
    """The request for the next page; None after the last one. Raises AnswerInvalid for a page that ends with the row
    that it was to begin after, which would be asked for without an end."""
    rows = getattr(page, cursor.rows)
    if not (page.has_more and rows):
        return None
    last = getattr(rows[-1], cursor.field)
    if str(last) == str(operation.query.get(cursor.parameter)):
        raise AnswerInvalid(f"the list does not go on after {last}")
    return operation.after(cursor.parameter, last)
