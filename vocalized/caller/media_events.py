"""Reads a call's events from a stand-alone media server: NDJSON, one event a line, until the call has ended."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec
from aiohttp.http_exceptions import LineTooLong

from shared.events import CallEnded, EventEnvelope, decode_event
from vocalized.caller.finished_call import EventsUnavailable

_SOCKETS = ("/media/twilio", "/media/telnyx", "/media/browser")
_SCHEMES = {"ws": "http", "wss": "https"}


def events_url(media_url: str, stream_id: str) -> str:
    """The address of a call's events, beside the media socket that carries it."""
    parts = urlsplit(media_url)
    prefix = next((parts.path[: -len(path)] for path in _SOCKETS if parts.path.endswith(path)), "")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, f"{prefix}/calls/{stream_id}/events", "", ""))


async def media_events(
    session: aiohttp.ClientSession, url: str, *, patience_s: float = 5.0, retry_s: float = 0.2
) -> AsyncIterator[EventEnvelope]:
    """Yields the call's events up to `call.ended`. A 404 is retried for `patience_s`, because the server knows the
    stream only after its start message. Raises EventsUnavailable."""
    try:
        async with await _open(session, url, patience_s, retry_s) as response:
            async for line in response.content:
                envelope = decode_event(line)
                yield envelope
                if isinstance(envelope.event, CallEnded):
                    return
    except msgspec.DecodeError as error:
        raise EventsUnavailable(f"{url} answers something else than a call's events: {error}") from error
    except LineTooLong as error:
        raise EventsUnavailable(f"{url} answers something else than a call's events: a line without an end") from error
    except aiohttp.ClientError as error:
        raise EventsUnavailable(f"{url}: {str(error) or type(error).__name__}") from error
    raise EventsUnavailable(f"{url} ended before the call")


async def _open(session: aiohttp.ClientSession, url: str, patience_s: float, retry_s: float) -> aiohttp.ClientResponse:
    """The response with status 200. Raises EventsUnavailable."""
    for _ in range(max(1, round(patience_s / retry_s))):
        response = await session.get(url, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5))
        if response.status == 200:
            return response
        response.release()
        if response.status != 404:
            raise EventsUnavailable(f"{url} answers {response.status}")
        await asyncio.sleep(retry_s)
    raise EventsUnavailable(f"{url} does not know the call (404): no words and no latency split from this server")
