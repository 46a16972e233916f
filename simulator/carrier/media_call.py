"""Calls an agent's media socket directly, without a phone network."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import aiohttp

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.clock import Clock, RealTimeClock
from simulator.carrier.media_stream import MediaStream, Party, SocketClosed, StreamEnd, StreamFault
from simulator.carrier.stream_messages import CallIdentity, StreamMessages
from simulator.carrier.telnyx_messages import TelnyxStreamMessages
from simulator.carrier.twilio_messages import TwilioStreamMessages

CarrierName = Literal["twilio", "telnyx"]
NoSocket = Literal["timeout", "refused", "handshake", "broken"]

_CONNECT_S = 10.0
_CLOSE_S = 2.0


class BadUrl(ValueError):
    """The media URL is invalid; the message says why."""


class CannotConnect(ConnectionError):
    """The media socket was not opened. The message gives the reason.

    Attributes:
        kind: No answer in time, connection refused, an HTTP response in place of a WebSocket, or a broken connection.
        status: The status of the HTTP response; 0 without one.
    """

    def __init__(self, message: str, kind: NoSocket = "refused", status: int = 0) -> None:
        super().__init__(message)
        self.kind: NoSocket = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class CompletedCall:
    """The result of a call. The party itself stores what it perceived."""

    identity: CallIdentity
    end: StreamEnd
    audio: CallAudio
    faults: tuple[StreamFault, ...]
    marks: int
    clears: int


def check_url(url: str) -> str:
    """Return the URL if it is a ws or wss URL that a carrier accepts. Raises BadUrl otherwise.

    Twilio drops a query string or fails with error 31920 (docs: api/errors/31920), so the URL must not contain one.
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
    identity: CallIdentity,
    *,
    carrier: CarrierName = "twilio",
    clock: Clock | None = None,
    headers: Mapping[str, str] | None = None,
    limit_s: float = 3_600.0,
) -> CompletedCall:
    """Run a call to its end. Raises BadUrl or CannotConnect."""
    socket = await connect(session, check_url(url), headers)
    messages: StreamMessages = TelnyxStreamMessages(identity) if carrier == "telnyx" else TwilioStreamMessages(identity)
    stream = MediaStream(socket, messages, party, clock or RealTimeClock(), limit_s=limit_s)
    end = await stream.run()
    return CompletedCall(identity, end, stream.audio, tuple(stream.faults), stream.marks, stream.clears)


async def connect(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None
) -> "AiohttpSocket":
    """Open the WebSocket. Raises BadUrl or CannotConnect, whose message names the cause."""
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
    """aiohttp's WebSocket as a media_stream.Socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @property
    def close_code(self) -> int | None:
        """The code of the close frame: 1005 if it had none, 1006 if the connection broke (RFC 6455 section 7.1.5)."""
        code = self._socket.close_code
        return 1005 if code == 0 else code

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosed."""
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise SocketClosed(str(error)) from error

    async def receive(self) -> str | bytes | None:
        """Return the next message: text as str, binary as bytes, None at the end."""
        message = await self._socket.receive()
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            content: str | bytes = message.data
            return content
        return None

    async def close(self) -> None:
        """Send a close frame and wait up to two seconds for the answer."""
        await self._socket.close()
