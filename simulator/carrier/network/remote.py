"""A phone whose owner is elsewhere: its handset is a WebSocket, on which frames go both ways and a person decides."""

import asyncio
import json
from base64 import b64encode
from collections import deque

from aiohttp import WSMsgType, web

from simulator.carrier.mulaw import FRAME, SILENT_FRAME
from simulator.carrier.network.line import Line
from simulator.carrier.network.outlets import By
from simulator.carrier.network.world import CallEvent, NotReached, Ring
from simulator.carrier.stream import Party, Step, StreamEnd

# Ten seconds that the handset did not take: its owner is gone.
_MOST_UNTAKEN = 500
# A second that came too early; more is lost, oldest first.
_MOST_AHEAD = 50


class RemoteParty:
    """Whoever is at the handset. `come` is what the handset sent; what it has to be told stands in `outgoing`.

    A frame answers the one before it: the first is silence, and what does not come in time is silence too.
    """

    def __init__(self) -> None:
        self.outgoing: asyncio.Queue[bytes | str] = asyncio.Queue()
        self.off_hook = False
        self._frames: deque[Step] = deque(maxlen=_MOST_AHEAD)
        self._digits = ""
        self._hold = False
        self._gone = False

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """Sends what is heard; says what came, oldest first."""
        self.off_hook = True
        if self.outgoing.qsize() > _MOST_UNTAKEN:
            self._gone = True
        self.outgoing.put_nowait(heard)
        step = self._frames.popleft() if self._frames else Step(SILENT_FRAME)
        digits, self._digits = self._digits, ""
        return Step(step.frame, digits, step.hold, hang_up=self._gone)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Tells it."""
        self.tell(event="arrived", at_ms=at_ms, begins_ms=begins_ms, payload=b64encode(payload).decode("ascii"))

    def cleared(self, at_ms: float) -> None:
        """Tells it."""
        self.tell(event="cleared", at_ms=at_ms)

    def tell(self, **message: object) -> None:
        """Puts a text message into the queue."""
        self.outgoing.put_nowait(json.dumps(message, separators=(",", ":")))

    def frame(self, payload: bytes) -> None:
        """The handset's next 20 ms; of another length it is cut or filled up."""
        whole = payload[:FRAME].ljust(FRAME, b"\xff")
        self._frames.append(Step(whole, hold=self._hold))
        self._hold = False

    def press(self, digits: str) -> None:
        """Keys, which go out with the next frame."""
        self._digits += digits

    def hold(self) -> None:
        """The next frame is held back by the network."""
        self._hold = True

    def hang_up(self) -> None:
        """The phone is put down at the next beat."""
        self._gone = True


class Handset:
    """One handset on its socket. hung_up: it was put down, or is gone, before it was off the hook. decided: while it
    rings, what its owner will do."""

    def __init__(self, socket: web.WebSocketResponse, party: RemoteParty) -> None:
        self.hung_up = asyncio.Event()
        self.decided: asyncio.Future[bool] | None = None
        self._socket, self._party = socket, party

    async def read(self) -> None:
        """Takes what the handset sends, to the socket's end, which puts the phone down."""
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                self._party.frame(message.data)
            elif message.type is WSMsgType.TEXT:
                self._take(_object(message.data))
        self.put_down()

    async def write(self) -> None:
        """Sends what the party has to tell, for ever."""
        while True:
            item = await self._party.outgoing.get()
            await self._send(item)

    async def flush(self) -> None:
        """Sends what is left."""
        while not self._party.outgoing.empty():
            await self._send(self._party.outgoing.get_nowait())

    async def _send(self, item: bytes | str) -> None:
        try:
            if isinstance(item, str):
                await self._socket.send_str(item)
            else:
                await self._socket.send_bytes(item)
        except (ConnectionError, RuntimeError):
            self.put_down()

    def _take(self, message: dict[str, object]) -> None:
        match message.get("event"):
            case "digits":
                self._party.press("".join(key for key in str(message.get("digits", "")) if key in "0123456789*#ABCD"))
            case "hold":
                self._party.hold()
            case "hang_up":
                self.put_down()
            case "answer":
                self._decide(True)
            case "reject":
                self._decide(False)

    def put_down(self) -> None:
        """The phone is on the hook, at the next beat; idempotent."""
        self._party.hang_up()
        if not self._party.off_hook:
            self.hung_up.set()
        self._decide(False)

    def _decide(self, taken: bool) -> None:
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(taken)


class RemotePhone:
    """A phone in the world that rings at a handset, for one call at a time. line: of the call that was taken."""

    def __init__(self, handset: Handset, party: RemoteParty) -> None:
        self.line: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._handset, self._party = handset, party

    async def ring(self, ring: Ring) -> Party:
        """Rings until the handset's owner decides. Raises NotReached."""
        if self._handset.decided is not None or self._handset.hung_up.is_set():
            raise NotReached("busy")
        self._handset.decided = asyncio.get_running_loop().create_future()
        told = {"carrier": ring.carrier, "call_id": ring.call_id, "from": ring.caller, "to": ring.called}
        self._party.tell(event="ringing", **told)
        try:
            if not await self._handset.decided:
                raise NotReached("rejected")
        except BaseException:
            self._handset.decided = None
            raise
        return self._party

    def answered(self, line: Line) -> None:
        """The call begins."""
        self._party.tell(event="answered")
        if not self.line.done():
            self.line.set_result(line)


def tell_event(party: RemoteParty, event: CallEvent, caller: str, called: str) -> None:
    """What a person who phones hears of the call's progress, as the handset's protocol has it."""
    match event.event:
        case "ringing":
            told = {"carrier": event.carrier, "call_id": event.call_id, "from": caller, "to": called}
            party.tell(event="ringing", **told)
        case "answered":
            party.tell(event="answered")
        case "refused":
            party.tell(event="refused", reason=event.reason)


def ended_by(by: By | None, last: StreamEnd | None) -> str:
    """Who ended a call: when the network did after the agent's side had left, it was that side."""
    if by != "network" or last is None:
        return by or "network"
    return last.by if last.by in ("agent", "broken") else "network"


def _object(text: str) -> dict[str, object]:
    """A message, or an empty one when it is no JSON object."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
