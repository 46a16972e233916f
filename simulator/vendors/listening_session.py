"""Common parts of simulated recognizers' sessions.

Messages are read immediately and processed in order, audio is processed in frames, and the connection's faults apply.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiohttp import WSMessage, WSMsgType, web

from simulator.carrier.mulaw import FRAME, encode
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.faulty_socket import end_by_refusals
from simulator.vendors.script import FaultyEar, Hearing
from simulator.vendors.server import reset_connection, wait_until_gone
from simulator.vendors.silence import SilenceMeter


class ListeningSession:
    """A recognition session on one connection. A vendor's session implements audio and commands.

    Attributes:
        socket: The connection.
        is_linear: Whether the audio has 16-bit samples.
        step: Number of the audio's samples for each sample at 8 kHz.

    Args:
        garbage: An unreadable message.
    """

    def __init__(self, request: web.Request, ear: Hearing, faults: FaultInjector, garbage: str) -> None:
        self.socket = web.WebSocketResponse(compress=False)
        self.is_linear, self.step = False, 1
        self._request = request
        self._faults = faults
        self._garbage = garbage
        self._ear = FaultyEar(ear, faults)
        self._silence = SilenceMeter()
        self._work: asyncio.Queue[bytes | str] = asyncio.Queue()

    @property
    def heard_ms(self) -> float:
        """Length of the processed audio."""
        return self._ear.heard_ms

    # --- the vendor's ---

    async def _hear(self, audio: bytes) -> None:
        """Process a message of audio."""
        raise NotImplementedError

    async def _obey(self, command: str) -> None:
        """Process a text message."""
        raise NotImplementedError

    async def _fail(self) -> None:
        """Report an error of the vendor and end the session."""
        raise NotImplementedError

    async def _receive(self) -> WSMessage | None:
        """Return the next message; None at the end of the session."""
        return await self.socket.receive()

    # --- shared ---

    async def _accept(self) -> None:
        """Answer the handshake."""
        end_by_refusals(self._request, self._faults)
        await self.socket.prepare(self._request)

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """Process the messages that are read while the block runs."""
        worker = asyncio.create_task(self._work_off())
        worker.add_done_callback(self._end_crashed)
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    def _end_crashed(self, worker: asyncio.Task[None]) -> None:
        """End the connection after an internal error. Otherwise the vendor would appear to be deaf."""
        error = None if worker.cancelled() else worker.exception()
        if error is not None:
            worker.get_loop().call_exception_handler({"message": "a simulated vendor crashed", "exception": error})
            reset_connection(self._request)

    async def _read(self) -> bytes | str | None:
        """Read a message, queue it for processing and return it; None at the end."""
        if self._faults.reads_nothing:
            await wait_until_gone(self._request)
            return None
        message = await self._receive()
        if message is None or message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        data: bytes | str = message.data
        self._work.put_nowait(data)
        return data

    async def _work_off(self) -> None:
        try:
            while not self.socket.closed:
                item = await self._work.get()
                await (self._hear(item) if isinstance(item, bytes) else self._obey(item))
        except FaultCut:
            reset_connection(self._request)

    def _to_ulaw(self, audio: bytes) -> bytes:
        """Convert received audio to mu-law at 8 kHz."""
        return encode(np.frombuffer(audio, "<i2")[:: self.step]) if self.is_linear else audio[:: self.step]

    def _frames(self, ulaw: bytes) -> list[bytes]:
        """Split audio into pieces of 20 ms, in which silence is measured."""
        return [ulaw[at : at + FRAME] for at in range(0, len(ulaw), FRAME)]

    async def _send_unit(self, message: dict[str, Any], result_s: float) -> None:
        """Send a result, or the connection's fault in its place. `result_s` is the time from the audio to
        its result.
        """
        await self._faults.wait(result_s)
        if self._faults.reports_error:
            await self._fail()
        elif await self._faults.begin_unit():
            await self.socket.send_str(self._garbage)
        else:
            await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        if not self.socket.closed:
            await self.socket.send_json(message)
