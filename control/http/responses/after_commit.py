"""Handler results that are computed after the request's transaction is committed.

Used for responses that come from a carrier, a media node or storage. A slow peer then holds no database connection, and
the request's changes stay committed whatever the peer answers.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from control.http.context import Context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AfterCommit(Generic[T]):
    """Returned by a handler instead of a T.

    Attributes:
        work: Called once, after the commit and without a connection, so it must not use the request's `db`. It may
            raise Problems, like a handler.
        complete: Takes the result of `work` and returns the response. Its context has a separate transaction without a
            scope. None: `work` returns the response.
    """

    work: Callable[[], Awaitable[Any]]
    complete: Callable[[Context, Any], Awaitable[T]] | None = None


@dataclass(frozen=True, slots=True)
class IdempotentAfterCommit(Generic[T]):
    """Like AfterCommit, for a route that supports Idempotency-Key.

    `work` takes an operation id and must take effect at most once per id, however often it is called. The id is that of
    the first request with the key, so all repeats share it. Without a key, it is the request's own id. The transaction
    stores the key with this id and without a response: the key is open. Once `work` has returned, its response is
    stored in a second transaction. A repeat finds one of these states:

    - A stored response: it is returned, and `work` is not called.
    - An open key, because the process ended, the connection was lost, or `work` raised an error after the commit.
      `work` is called again with the same id. It completes what was not done, or looks up the outcome. Nothing is lost,
      and nothing happens twice. Errors are not stored, as on other routes.
    - An open key whose first request is still running: `work` is called concurrently, and both requests get the same
      outcome.
    """

    work: Callable[[str], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class CheckedChange(Generic[T]):
    """Returned by a handler that must query an outside service before a change, such as a vendor about a key.

    Attributes:
        check: Called without a connection, after the commit of a transaction that changed nothing. It raises Problems.
            None: no check is needed. The check counts for the route's `check_limit` before it is called.
        save: Called in a second transaction with a new context, for which the caller was authorized again. It must read
            its data again, because the data may have changed meanwhile.
    """

    check: Callable[[], Awaitable[None]] | None
    save: Callable[[Any], Awaitable[T]]
