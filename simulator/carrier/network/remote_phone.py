"""A phone whose handset is at the other end of a WebSocket."""

import asyncio
import json
from base64 import b64encode
from collections import deque

from aiohttp import WSMsgType, web

from simulator.carrier.media_stream import Party, PartyOutput, StreamEnd
from simulator.carrier.mulaw import FRAME, SILENT_FRAME
from simulator.carrier.network.line import Line
from simulator.carrier.network.line_endpoints import EndedBy
from simulator.carrier.network.phone_network import CallEvent, NotAnswered, Ring, Subscriber

# 10 s of frames that the handset did not read. The handset then counts as disconnected.
_MAX_UNSENT = 500
# 1 s of frames that arrived early. Older frames are dropped.
_MAX_EARLY = 50


class RemoteParty:
    """The party at the handset.

    The first frame is silence, because each frame of the handset answers the previous one. Late frames are replaced by
    silence, too.

    Attributes:
        outgoing: Messages for the handset.
    """

    def __init__(self) -> None:
        self.outgoing: asyncio.Queue[bytes | str] = asyncio.Queue()
        self.off_hook = False
        self._frames: deque[PartyOutput] = deque(maxlen=_MAX_EARLY)
        self._digits = ""
        self._hold = False
        self._hung_up = False

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Queue the heard frame for the handset. Returns the handset's oldest frame."""
        self.off_hook = True
        if self.outgoing.qsize() > _MAX_UNSENT:
            self._hung_up = True
        self.outgoing.put_nowait(heard)
        output = self._frames.popleft() if self._frames else PartyOutput(SILENT_FRAME)
        digits, self._digits = self._digits, ""
        return PartyOutput(output.frame, digits, output.hold, hang_up=self._hung_up)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Send the event to the handset."""
        self.send(event="arrived", at_ms=at_ms, begins_ms=begins_ms, payload=b64encode(payload).decode("ascii"))

    def cleared(self, at_ms: float) -> None:
        """Send the event to the handset."""
        self.send(event="cleared", at_ms=at_ms)

    def send(self, **message: object) -> None:
        """Queue a text message."""
        self.outgoing.put_nowait(json.dumps(message, separators=(",", ":")))

    def frame(self, payload: bytes) -> None:
        """Store the handset's next 20 ms. A frame with another length is cut or padded."""
        whole = payload[:FRAME].ljust(FRAME, b"\xff")
        self._frames.append(PartyOutput(whole, hold=self._hold))
        self._hold = False

    def press(self, digits: str) -> None:
        """Store keys, which are sent with the next frame."""
        self._digits += digits

    def hold(self) -> None:
        """Delay the next frame."""
        self._hold = True

    def hang_up(self) -> None:
        """Hang up at the next frame."""
        self._hung_up = True


class HandsetConnection:
    """A handset on its socket.

    Attributes:
        hung_up: Set if the handset hung up or disconnected before the answer.
        decided: While the handset rings: whether its owner answers.
    """

    def __init__(self, socket: web.WebSocketResponse, party: RemoteParty) -> None:
        self.hung_up = asyncio.Event()
        self.decided: asyncio.Future[bool] | None = None
        self._socket, self._party = socket, party

    async def read(self) -> None:
        """Handle the handset's messages until the socket closes, then hang up."""
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                self._party.frame(message.data)
            elif message.type is WSMsgType.TEXT:
                self._handle(_object(message.data))
        self.hang_up()

    async def write(self) -> None:
        """Send the party's messages endlessly."""
        while True:
            item = await self._party.outgoing.get()
            await self._send(item)

    async def flush(self) -> None:
        """Send the remaining messages."""
        while not self._party.outgoing.empty():
            await self._send(self._party.outgoing.get_nowait())

    async def _send(self, item: bytes | str) -> None:
        try:
            if isinstance(item, str):
                await self._socket.send_str(item)
            else:
                await self._socket.send_bytes(item)
        except (ConnectionError, RuntimeError):
            self.hang_up()

    def _handle(self, message: dict[str, object]) -> None:
        match message.get("event"):
            case "digits":
                self._party.press("".join(key for key in str(message.get("digits", "")) if key in "0123456789*#ABCD"))
            case "hold":
                self._party.hold()
            case "hang_up":
                self.hang_up()
            case "answer":
                self._decide(True)
            case "reject":
                self._decide(False)

    def hang_up(self) -> None:
        """Hang up at the next frame. Idempotent."""
        self._party.hang_up()
        if not self._party.off_hook:
            self.hung_up.set()
        self._decide(False)

    def _decide(self, answer: bool) -> None:
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(answer)


class RemotePhone:
    """A phone of the network that rings at a handset, one call at a time.

    Attributes:
        line: The line of the answered call.
        replaces: The previous subscriber of the number, which returns after this phone has gone.
    """

    def __init__(self, handset: HandsetConnection, party: RemoteParty, replaces: Subscriber | None) -> None:
        self.replaces = replaces
        self.line: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._handset, self._party = handset, party

    @property
    def is_waiting(self) -> bool:
        """Whether the handset is connected and has not answered a call."""
        return not self.line.done() and not self._handset.hung_up.is_set()

    async def ring(self, ring: Ring) -> Party:
        """Ring until the handset's owner decides. Raises NotAnswered."""
        if self._handset.decided is not None or self._handset.hung_up.is_set():
            raise NotAnswered("busy")
        self._handset.decided = asyncio.get_running_loop().create_future()
        fields = {"carrier": ring.carrier, "call_id": ring.call_id, "from": ring.caller, "to": ring.called}
        self._party.send(event="ringing", **fields)
        try:
            if not await self._handset.decided:
                raise NotAnswered("rejected")
        except BaseException:
            self._handset.decided = None
            raise
        return self._party

    def answered(self, line: Line) -> None:
        """Notify the handset of the answer."""
        self._party.send(event="answered")
        if not self.line.done():
            self.line.set_result(line)


def send_call_event(party: RemoteParty, event: CallEvent, caller: str, called: str) -> None:
    """Send a call's progress to the handset of the caller."""
    match event.event:
        case "ringing":
            fields = {"carrier": event.carrier, "call_id": event.call_id, "from": caller, "to": called}
            party.send(event="ringing", **fields)
        case "answered":
            party.send(event="answered")
        case "refused":
            party.send(event="refused", reason=event.reason)


def ended_by(by: EndedBy | None, last: StreamEnd | None) -> str:
    """Return who ended a call. If the network ended it after the agent's side closed its stream, the agent's side ended
    it.
    """
    if by != "network" or last is None:
        return by or "network"
    return last.by if last.by in ("agent", "broken") else "network"


def _object(text: str) -> dict[str, object]:
    """Return the message; empty if it is not a JSON object."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
