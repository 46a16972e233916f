"""Sends a simulated model's reply as server-sent events with the request's faults, and bills the reply."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.server import VendorState, reset_connection


class StreamableReply(Protocol):
    """The events of a reply in a vendor's format. A token counts when its event is taken.

    Attributes:
        cached: Prompt tokens that were read from the cache.
        written: Prompt tokens that are written to the cache.
        reasoning: Additional billed tokens.
        garbage: Unreadable bytes.
    """

    model: str
    prompt_tokens: int
    cached: int
    written: int
    completion_tokens: int
    reasoning: int
    garbage: bytes

    def head(self) -> Iterator[bytes]:
        """Yield what the vendor sends before the first token."""

    def tokens(self) -> Iterator[bytes]:
        """Yield one event per token."""

    def end(self) -> Iterator[bytes]:
        """Yield the finish reason and the usage."""

    def error(self) -> Iterator[bytes]:
        """Yield an error that occurs after the stream began."""


@dataclass(slots=True)
class ReplySender:
    """Sends and bills replies.

    Attributes:
        first_token_s: Delay before the first token.
        token_s: Delay before each further token.
        is_free: Whether replies that failed or have no token are not billed.
    """

    state: VendorState
    first_token_s: float = 0.0
    token_s: float = 0.0
    is_free: bool = False

    async def send(self, request: web.Request, reply: StreamableReply, faults: FaultInjector) -> web.StreamResponse:
        """Stream the reply. A client that disconnects pays for computed tokens."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        is_failed = False
        try:
            await response.prepare(request)
            for event in reply.head():
                await response.write(event)
            await faults.wait(self.first_token_s)
            await self._send_tokens(response, reply, faults)
            is_failed = faults.has("error")
            for event in reply.error() if is_failed else reply.end():
                await response.write(event)
            await response.write_eof()
        except FaultCut:
            reset_connection(request)
        except ConnectionError:
            pass  # the client has disconnected
        finally:
            if not (self.is_free and (is_failed or not reply.completion_tokens)):
                self.bill(reply)
        return response

    def bill(self, reply: StreamableReply) -> None:
        """Bill the usage of the reply so far."""
        self.state.bill("llm", reply.model, "prompt_tokens", reply.prompt_tokens - reply.cached - reply.written)
        self.state.bill("llm", reply.model, "cached_tokens", reply.cached)
        self.state.bill("llm", reply.model, "cache_write_tokens", reply.written)
        self.state.bill("llm", reply.model, "completion_tokens", reply.completion_tokens + reply.reasoning)

    async def _send_tokens(self, response: web.StreamResponse, reply: StreamableReply, faults: FaultInjector) -> None:
        tokens = reply.tokens()
        while not (faults.has("error") and faults.is_due):
            is_garbage = await faults.begin_unit()
            event = next(tokens, None)
            if event is None:
                return
            await response.write(reply.garbage if is_garbage else event)
            await faults.wait(self.token_s)


async def drop_request(request: web.Request, faults: FaultInjector) -> web.StreamResponse:
    """Reset the connection, or keep it open silently if the fault is `half_open`."""
    if faults.has("half_open"):
        await faults.begin_unit()
    reset_connection(request)
    return web.Response()


def is_dropped(faults: FaultInjector) -> bool:
    """Return whether a request that arrives now gets no answer."""
    return faults.has("refuse") or (faults.has("half_open") and faults.is_due)
