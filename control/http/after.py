"""An answer that is had from elsewhere (a carrier, a media node, storage): after the request's transaction, so that
nobody's slowness holds a connection to the database, and what the request wrote stays, whatever the answer is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class After(Generic[T]):
    """What a handler returns instead of a T. work: called once, when the transaction is committed and its connection
    given back; the request's `db` is not to be used in it. Raises Problems, which are answered as a handler's."""

    work: Callable[[], Awaitable[T]]
