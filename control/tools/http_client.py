"""Sends the HTTP request of a tool to an address that a customer gave, and reads a bounded part of the answer."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import httpx

from control.tools.http_request import ToolHttpRequest
from control.voice.guarded_http import GuardedTransport
from shared.egress import EgressGuard

# Bytes of an answer that are read; what comes after them is not.
MOST_BYTES: Final = 262_144
# Chunks of an answer that are read. Each takes 6 us: a byte in each chunk would take 1.6 s of the event loop.
MOST_CHUNKS: Final = 16_384
CONNECT_S: Final = 3.0
LONGEST_TYPE: Final = 200


class RequestNotSent(Exception):
    """There was no connection, so nothing was done. The message says why, without addresses of ours."""


class AnswerLost(Exception):
    """The request may have arrived, and there is no whole answer."""


@dataclass(frozen=True, slots=True)
class ToolHttpAnswer:
    """An answer. body: its first MOST_BYTES, or MOST_CHUNKS. is_cut: it has more. content_type: without parameters,
    lower case."""

    status: int
    content_type: str
    body: bytes
    is_cut: bool


class ToolHttpClient:
    """guard: of the addresses; each connection passes it, so a name that leads elsewhere a moment later is refused."""

    def __init__(self, guard: EgressGuard) -> None:
        self.guard = guard
        self._tls: ssl.SSLContext | None = None

    async def send(self, request: ToolHttpRequest, timeout_s: float, owner: str) -> ToolHttpAnswer:
        """Sends it once, within `timeout_s` in all, however slowly the answer comes. A redirect is an answer like any
        other. owner: the workspace, whose name servers may be slow. Raises RequestNotSent, AnswerLost."""
        is_sent = False
        try:
            async with asyncio.timeout(timeout_s):
                transport = GuardedTransport(self.guard.of(owner), await self._make_tls())
                limits = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
                async with httpx.AsyncClient(
                    transport=transport, timeout=limits, follow_redirects=False, trust_env=False
                ) as client:
                    sent = client.build_request(
                        request.method, request.url, headers=dict(request.headers), content=request.body
                    )
                    is_sent = True
                    answer = await client.send(sent, stream=True)
                    try:
                        return await _read(answer)
                    finally:
                        await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise RequestNotSent(_why(error)) from None
        except TimeoutError:
            raise AnswerLost(f"there was no whole answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            if not is_sent:
                raise RequestNotSent("the request cannot be made") from None
            raise AnswerLost(f"the connection broke ({type(error).__name__})") from None

    async def _make_tls(self) -> ssl.SSLContext:
        """One for all requests, made in a thread, because it reads some hundred certificates."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        return self._tls


async def _read(answer: httpx.Response) -> ToolHttpAnswer:
    parts, size = [], 0
    async for part in answer.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES or len(parts) > MOST_CHUNKS:
            break
    is_cut = size > MOST_BYTES or len(parts) > MOST_CHUNKS
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()[:LONGEST_TYPE]
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        kind = "application/octet-stream"  # it was asked not to compress
    return ToolHttpAnswer(answer.status_code, kind, b"".join(parts)[:MOST_BYTES], is_cut)


def _why(error: httpx.HTTPError) -> str:
    """The guard's words; those of other failures may hold an address."""
    return str(error) if "public internet" in str(error) else "there is no connection"
