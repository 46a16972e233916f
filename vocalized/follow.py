"""Follows a call's events as a lone media server tells them: NDJSON, one event a line, until the call has ended."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec
from aiohttp.http_exceptions import LineTooLong

from shared.events import CallEnded, Envelope, decode_event

_SOCKETS = ("/media/twilio", "/media/telnyx", "/media/browser")
_SCHEMES = {"ws": "http", "wss": "https"}


class NoEvents(Exception):
    """The server tells nothing about this call (any more); the message says why."""


def events_url(media_url: str, stream_id: str) -> str:
    """The address of a call's events, beside the media socket that carries it."""
    parts = urlsplit(media_url)
    prefix = next((parts.path[: -len(path)] for path in _SOCKETS if parts.path.endswith(path)), "")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, f"{prefix}/calls/{stream_id}/events", "", ""))


async def follow(
    session: aiohttp.ClientSession, url: str, *, patience_s: float = 5.0, retry_s: float = 0.2
) -> AsyncIterator[Envelope]:
    """Yields the call's events up to `call.ended`. A 404 is asked again for `patience_s`, for the stream becomes known
    only when it has started. Raises NoEvents."""
    try:
        async with await _opened(session, url, patience_s, retry_s) as response:
            async for line in response.content:
                envelope = decode_event(line)
                yield envelope
                if isinstance(envelope.event, CallEnded):
                    return
    except msgspec.DecodeError as error:
        raise NoEvents(f"{url} tells something else than a call's events: {error}") from error
    except LineTooLong as error:
        raise NoEvents(f"{url} tells something else than a call's events: a line without an end") from error
    except aiohttp.ClientError as error:
        raise NoEvents(f"{url}: {str(error) or type(error).__name__}") from error
    raise NoEvents(f"{url} ended before the call")


async def _opened(
    session: aiohttp.ClientSession, url: str, patience_s: float, retry_s: float
) -> aiohttp.ClientResponse:
    """A response with status 200."""
    for _ in range(max(1, round(patience_s / retry_s))):
        response = await session.get(url, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5))
        if response.status == 200:
            return response
        response.release()
        if response.status != 404:
            raise NoEvents(f"{url} answers {response.status}")
        await asyncio.sleep(retry_s)
    raise NoEvents(f"{url} does not know the call (404): no words and no latency split from this server")
