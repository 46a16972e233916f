"""Lists, page by page: nothing is asked for before it is iterated."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from .operation import Cursor, Operation
from .transport import AsyncTransport, Transport

Answer = TypeVar("Answer")
Row = TypeVar("Row")


class Pager(Generic[Answer, Row]):
    """Iterates all rows of a list; each iteration begins anew. No row comes twice or is left out while others are
    added."""

    def __init__(self, transport: Transport, operation: Operation, kind: type[Answer], cursor: Cursor) -> None:
        self._transport, self._operation, self._kind, self._cursor = transport, operation, kind, cursor

    def __iter__(self) -> Iterator[Row]:
        for page in self.pages():
            yield from getattr(page, self._cursor.rows)

    def pages(self) -> Iterator[Answer]:
        """The answers one after the other. `total` stands in the first one, if no row was named to begin after."""
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
    added."""

    def __init__(self, transport: AsyncTransport, operation: Operation, kind: type[Answer], cursor: Cursor) -> None:
        self._transport, self._operation, self._kind, self._cursor = transport, operation, kind, cursor

    async def __aiter__(self) -> AsyncIterator[Row]:
        async for page in self.pages():
            for row in getattr(page, self._cursor.rows):
                yield row

    async def pages(self) -> AsyncIterator[Answer]:
        """The answers one after the other. `total` stands in the first one, if no row was named to begin after."""
        operation: Operation | None = self._operation
        while operation is not None:
            page = await self._transport.send(operation, self._kind)
            yield page
            operation = _next(operation, page, self._cursor)

    async def first(self) -> Answer:
        """The first page alone."""
        return await self._transport.send(self._operation, self._kind)


def _next(operation: Operation, page: Any, cursor: Cursor) -> Operation | None:
    """The request for the next page; None after the last one."""
    rows = getattr(page, cursor.rows)
    return operation.after(cursor.parameter, getattr(rows[-1], cursor.field)) if page.has_more and rows else None
