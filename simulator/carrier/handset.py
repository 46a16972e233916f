"""A phone outside the network's process: the client of the handset socket.

`GET /network/handset?from=+1…&to=+1…` places a call; `?answer=+1…` waits for a call. The network sends JSON text
messages (ringing, answered, refused, arrived, cleared, ended) and binary frames of 160 bytes of mu-law (20 ms). The
phone answers each binary frame with its own next 20 ms. It may also send digits, hold (the line delays the next frame),
hang_up, answer and reject.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import aiohttp

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.media_call import CannotConnect, CompletedCall
from simulator.carrier.media_stream import Party, StreamEnd
from simulator.carrier.stream_messages import CallIdentity

OnRinging = Callable[[CallIdentity], None]

# The network's status if another handset already waits for a call to the number.
PHONE_TAKEN = 409

_CONNECT_S = 10.0
_CLOSE_S = 2.0
_GOODBYE_S = 10.0


class CallRefused(Exception):
    """The call was not answered.

    Attributes:
        reason: "busy", "rejected", "failed", "no_answer", "unknown_number", "not_called", "phone_taken"…
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def call_number(
    session: aiohttp.ClientSession,
    base_url: str,
    *,
    caller: str,
    called: str,
    party: Party,
    limit_s: float = 3_600.0,
    on_ringing: OnRinging | None = None,
) -> CompletedCall:
    """Call a number of the network at `base_url` (http://…) and return after the call has ended.

    In the result, identity.call is the carrier's call id, identity.account is the carrier's name, and audio is what
    this phone sent and heard.

    Args:
        on_ringing: Called with the call's identity as soon as it is known.

    Raises:
        CannotConnect: The network cannot be reached.
        CallRefused: The call was not answered.
    """
    socket = await _open(session, base_url, {"from": caller, "to": called})
    return await _Call(socket, party, CallIdentity("", "", "", caller, called), limit_s, on_ringing=on_ringing).run()


async def answer_call(
    session: aiohttp.ClientSession,
    base_url: str,
    number: str,
    party: Party,
    *,
    limit_s: float = 3_600.0,
    wait_s: float = 60.0,
    ready: asyncio.Event | None = None,
    reject: bool = False,
    on_ready: Callable[[], None] | None = None,
    on_ringing: OnRinging | None = None,
) -> CompletedCall:
    """Wait for a call to `number` and return after that call has ended.

    Args:
        ready: Set when the phone can be called. `on_ready` is called at the same time.
        on_ringing: Called with the call's identity.

    Raises:
        CannotConnect: The network cannot be reached.
        CallRefused: Nobody called within `wait_s` ("not_called"), another phone waits at this number ("phone_taken"),
            the caller gave up, or `reject` is set.
    """
    try:
        socket = await _open(session, base_url, {"answer": number})
    except CannotConnect as error:
        raise (CallRefused("phone_taken") if error.status == PHONE_TAKEN else error) from None
    if ready is not None:
        ready.set()
    if on_ready is not None:
        on_ready()
    identity, decision = CallIdentity("", "", "", "", number), "reject" if reject else "answer"
    return await _Call(socket, party, identity, limit_s, wait_s, decision, on_ringing).run()


class _Call:
    """A call over an open handset socket."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        party: Party,
        identity: CallIdentity,
        limit_s: float,
        wait_s: float | None = None,
        decision: str = "",
        on_ringing: OnRinging | None = None,
    ) -> None:
        self._socket, self._party, self._identity = socket, party, identity
        self._limit_ms = limit_s * 1_000
        self._wait_s, self._decision = wait_s, decision
        self._on_ringing = on_ringing
        self._audio = CallAudio()
        self._clears = 0
        self._hung_up = False
        self._limited = False
        self._end: StreamEnd | None = None

    async def run(self) -> CompletedCall:
        """Run the call and return after it has ended.

        Raises:
            CallRefused: The call was not answered.
            CannotConnect: The network closed the connection before the call began.
        """
        try:
            await self._exchange_messages()
        finally:
            await self._socket.close()
        if self._end is None and not self._audio.duration_ms:
            raise CannotConnect("the phone network closed the connection before the call began", "broken")
        code = self._socket.close_code or 1006
        end = self._end or StreamEnd("caller" if self._hung_up else "broken", code)
        if self._limited:
            end = StreamEnd("limit", 0, f"not ended after {self._limit_ms / 1_000:g} s")
        return CompletedCall(self._identity, end, self._audio, (), 0, self._clears)

    async def _exchange_messages(self) -> None:
        first_wait_s = self._wait_s
        while self._end is None:
            try:
                async with asyncio.timeout(_GOODBYE_S if self._hung_up else first_wait_s):
                    message = await self._socket.receive()
            except TimeoutError:
                if self._hung_up:
                    return
                raise CallRefused("not_called") from None
            first_wait_s = None
            try:
                if message.type is aiohttp.WSMsgType.BINARY:
                    await self._frame(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self._handle(json.loads(message.data))
                else:
                    return
            except (ConnectionError, aiohttp.ClientError):
                return

    async def _frame(self, heard: bytes) -> None:
        if self._hung_up:
            return
        at_ms = self._audio.duration_ms
        output = self._party.tick(at_ms, heard)
        self._audio.add(output.frame, heard)
        if output.hold:
            await self._send(event="hold")
        if output.digits:
            await self._send(event="digits", digits=output.digits)
        await self._socket.send_bytes(output.frame)
        self._limited = at_ms >= self._limit_ms
        if output.hang_up or self._limited:
            self._hung_up = True
            await self._send(event="hang_up")

    async def _handle(self, message: Mapping[str, object]) -> None:
        match message:
            case {"event": "ringing"}:
                await self._ringing(message)
            case {"event": "refused", "reason": str(reason)}:
                raise CallRefused(reason)
            case {"event": "arrived", "at_ms": int() | float() as at, "begins_ms": int() | float() as begins}:
                self._party.arrived(b64decode(str(message.get("payload", ""))), float(at), float(begins))
            case {"event": "cleared", "at_ms": int() | float() as at}:
                self._clears += 1
                self._party.cleared(float(at))
            case {"event": "ended", "by": "caller" | "agent" | "network" | "broken" | "limit" as by}:
                self._end = StreamEnd(by)

    async def _ringing(self, message: Mapping[str, object]) -> None:
        self._identity = CallIdentity(
            str(message.get("carrier", "")),
            str(message.get("call_id", "")),
            "",
            str(message.get("from", "")),
            str(message.get("to", "")),
        )
        if self._on_ringing is not None:
            self._on_ringing(self._identity)
        if self._decision:
            await self._send(event=self._decision)
        if self._decision == "reject":
            raise CallRefused("rejected")

    async def _send(self, **message: object) -> None:
        await self._socket.send_str(json.dumps(message))


async def _open(
    session: aiohttp.ClientSession, base_url: str, query: Mapping[str, str]
) -> aiohttp.ClientWebSocketResponse:
    url = f"{base_url.rstrip('/')}/network/handset?{urlencode(query)}"
    closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
    try:
        async with asyncio.timeout(_CONNECT_S):
            return await session.ws_connect(url, timeout=closing, max_msg_size=0)
    except TimeoutError as error:
        raise CannotConnect(f"the phone network at {base_url} did not answer", "timeout") from error
    except aiohttp.WSServerHandshakeError as error:
        text = f"the phone network at {base_url} answered {error.status}"
        raise CannotConnect(text, "handshake", error.status) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise CannotConnect(f"no phone network answers at {base_url}") from error
