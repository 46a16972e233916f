"""A response of server-sent events that is created while it is sent.

The caller is authorized again for each transaction.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from aiohttp import web

from control.db.transaction import Transact
from control.http.responses.streamed_file import StreamedFile, make_streamed_response

T = TypeVar("T")


class Reauthorized(Protocol):
    """Runs `work` in a new transaction with a new context of the same caller.

    Raises Unauthorized, Forbidden or NotFound once the caller has lost the right to the route.
    """

    async def __call__(self, work: Callable[[Any], Awaitable[T]]) -> T: ...


@dataclass(frozen=True, slots=True)
class LiveResponse:
    """Server-sent events as a handler's result.

    Attributes:
        open: Yields messages. Closed early if the client disconnects.
        stall_s: See StreamedFile.
        longest_s: See StreamedFile.
    """

    open: Callable[[Reauthorized], AsyncGenerator[bytes]]
    stall_s: float
    longest_s: float


def make_live_response(
    request: web.Request, live: LiveResponse, reauthorized: Reauthorized, transact: Transact
) -> web.Response:
    """Return the response. Caches and proxies must not buffer it."""
    file = StreamedFile("", "text/event-stream", lambda _: live.open(reauthorized), live.stall_s, live.longest_s)
    response = make_streamed_response(request, file, transact)
    del response.headers["Content-Disposition"]
    response.headers["Cache-Control"] = "no-store"
    return response
