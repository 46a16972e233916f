"""A handler's response that is computed after the request's transaction is committed.

For a response that comes from a carrier, a media node or storage: a slow peer then holds no database connection, and
the request's changes stay committed whatever the peer answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from control.db.pool import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AfterCommit(Generic[T]):
    """Returned by a handler instead of a T. work: called once, after the commit and without a connection: it must not
    use the request's `db`. It may raise Problems, like a handler. complete: takes what `work` returned and returns the
    response, in a transaction of its own, without a scope."""

    work: Callable[[], Awaitable[T]]
    complete: Callable[[Connection, T], Awaitable[T]] | None = None
