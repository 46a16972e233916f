"""Places a call: opens an agent's media socket and puts a party on the line."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import aiohttp

from simulator.carrier.legs import Legs
from simulator.carrier.pace import Pace, RealTime
from simulator.carrier.stream import Fault, MediaStream, Party, SocketClosed, StreamEnd
from simulator.carrier.telnyx import TelnyxShape
from simulator.carrier.twilio import TwilioShape
from simulator.carrier.wire import Identity, Shape

Carrier = Literal["twilio", "telnyx"]
NoSocket = Literal["timeout", "refused", "handshake", "broken"]

_CONNECT_S = 10.0
_CLOSE_S = 2.0


class BadUrl(ValueError):
    """The media URL cannot be dialled; the message says why."""


class CannotConnect(ConnectionError):
    """No media socket was opened; the message says why, `kind` how: nothing came in time, nobody was there, the answer
    was no WebSocket (its status in `status`), or the connection broke."""

    def __init__(self, message: str, kind: NoSocket = "refused", status: int = 0) -> None:
        super().__init__(message)
        self.kind: NoSocket = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that took place. What the party noted stands in the party itself."""

    identity: Identity
    end: StreamEnd
    legs: Legs
    faults: tuple[Fault, ...]
    marks: int
    clears: int


def check_url(url: str) -> str:
    """Returns the URL. Raises BadUrl unless it is a ws or wss URL that a carrier would dial.

    Twilio drops a query string or fails with error 31920, so none is allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in ("ws", "wss"):
        raise BadUrl(f"{url!r} must begin with ws:// or wss://")
    if not parts.hostname or port == 0:
        raise BadUrl(f"{url!r} names no host")
    if parts.query or parts.fragment:
        raise BadUrl(f"{url!r} has a query string or fragment, which the carrier drops")
    return url


async def dial(
    session: aiohttp.ClientSession,
    url: str,
    party: Party,
    identity: Identity,
    *,
    carrier: Carrier = "twilio",
    pace: Pace | None = None,
    headers: Mapping[str, str] | None = None,
    limit_s: float = 3_600.0,
) -> CallRecord:
    """Carries one call to its end. Raises BadUrl and CannotConnect."""
    socket = await connect(session, check_url(url), headers)
    shape: Shape = TelnyxShape(identity) if carrier == "telnyx" else TwilioShape(identity)
    stream = MediaStream(socket, shape, party, pace or RealTime(), limit_s=limit_s)
    end = await stream.run()
    return CallRecord(identity, end, stream.legs, tuple(stream.faults), stream.marks, stream.clears)


async def connect(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None
) -> "AiohttpSocket":
    """Opens the WebSocket. Raises CannotConnect with a sentence that names the cause."""
    closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
    try:
        async with asyncio.timeout(_CONNECT_S):
            return AiohttpSocket(await session.ws_connect(url, headers=headers, timeout=closing, max_msg_size=0))
    except TimeoutError as error:
        raise CannotConnect(f"{url} did not answer within {_CONNECT_S:g} s", "timeout") from error
    except aiohttp.WSServerHandshakeError as error:
        text = f"{url} answered {error.status} {error.message} instead of a WebSocket"
        raise CannotConnect(text, "handshake", error.status) from error
    except aiohttp.ClientConnectorDNSError as error:
        raise CannotConnect(f"there is no host by the name in {url}") from error
    except aiohttp.ClientConnectorError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotConnect(f"nothing answers at {url}: {reason.lower()}") from error
    except aiohttp.InvalidURL as error:
        raise BadUrl(f"{url!r} is not a URL") from error
    except (aiohttp.ClientError, OSError) as error:
        raise CannotConnect(f"{url}: {str(error) or type(error).__name__}", "broken") from error


class AiohttpSocket:
    """aiohttp's WebSocket behind the stream's own few words."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @property
    def close_code(self) -> int | None:
        """The code of the close frame, 1006 when the connection just broke."""
        code = self._socket.close_code
        return 1005 if code == 0 else code

    async def send(self, text: str) -> None:
        """Raises SocketClosed."""
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise SocketClosed(str(error)) from error

    async def receive(self) -> str | bytes | None:
        """Text as str, binary as bytes, None at the end."""
        message = await self._socket.receive()
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            content: str | bytes = message.data
            return content
        return None

    async def close(self) -> None:
        """Says goodbye in order and waits at most two seconds for the answer."""
        await self._socket.close()
