"""A handler's response that is computed after the request's transaction is committed.

For a response that comes from a carrier, a media node or storage: a slow peer then holds no database connection, and
the request's changes stay committed whatever the peer answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from control.http.context import Context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AfterCommit(Generic[T]):
    """Returned by a handler instead of a T.

    Attributes:
        work: Called once, after the commit and without a connection: it must not use the request's `db`. It may raise
            Problems, like a handler.
        complete: Takes what `work` returned and returns the response; its context has a transaction of its own, without
            a scope. None: `work` returns the response.
    """

    work: Callable[[], Awaitable[Any]]
    complete: Callable[[Context, Any], Awaitable[T]] | None = None


@dataclass(frozen=True, slots=True)
class IdempotentAfterCommit(Generic[T]):
    """Like AfterCommit, for a route that honors Idempotency-Key. work: takes an operation id, and must take effect at
    most once for each id, however often it is called.

    The id is that of the first request under the key, so it is the same for its repeats; without a key it is the
    request's own. The transaction stores the key with this id and without a response: the key is open. Once `work` has
    returned, its response is stored in a second transaction. A repeat finds one of these:

    - a response: it is returned, and `work` is not called.
    - an open key, because the process ended, the connection was lost, or `work` raised an error at any point after the
      commit. `work` is called again with the same id: it does what was not done yet, or finds out what became of it.
      So nothing is lost, and nothing happens twice. Errors are not stored, as on other routes.
    - an open key whose first request is still working: the same, at the same time. Both get one outcome.
    """

    work: Callable[[str], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class CheckedChange(Generic[T]):
    """Returned by a handler that has to ask someone outside before it may change anything, such as a vendor about a
    key.

    Attributes:
        check: Called after the commit of a transaction that changed nothing, without a connection; it raises Problems;
            None: there is no one to ask. It counts for the route's `check_limit` before it is called.
        save: Called in a second transaction with a new context, for which the caller was authorized again. What it
            relies on may have changed in between, so it reads it again.
    """

    check: Callable[[], Awaitable[None]] | None
    save: Callable[[Any], Awaitable[T]]
