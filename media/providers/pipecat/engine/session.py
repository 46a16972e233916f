"""A session in the engine: a connection, a service and its pipeline."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import ClientSession
from pipecat.frames.frames import Frame

from media.providers.engine_process.messages import EngineProtocolError, encode_frame, receive_message
from media.providers.pipecat.engine.construction import import_service, make_service
from media.providers.pipecat.engine.failures import ServiceRefused
from media.providers.pipecat.engine.pipeline import ServicePipeline
from media.providers.pipecat.wire import (
    EngineCheck,
    EngineServes,
    OpenService,
    ServiceFailed,
    ServiceOpened,
    SessionInput,
    SessionOutput,
    make_request_decoder,
)

_log = logging.getLogger(__name__)
# The maximum number of bytes that a client has not read: two minutes of speech.
MAX_UNREAD_BYTES: Final = 1_000_000
Send = Callable[[SessionOutput], None]


class ServiceSession(Protocol):
    """The part of a session that depends on the kind of service."""

    async def prepare(self) -> None:
        """Called after the service has started. Raises ValueError."""

    def make_frames(self, message: SessionInput) -> list[Frame]:
        """Return the frames for a message."""

    def on_frame(self, frame: Frame) -> None:
        """Report the content of a frame from the service. Raises ValueError."""

    def close(self) -> None:
        """Stop reporting."""


MakeSession = Callable[[Any, Send], ServiceSession]


class EngineSession:
    """Serves one connection.

    Args:
        makers: The constructors of the sessions, by kind of service.
    """

    def __init__(self, makers: dict[str, MakeSession], http: ClientSession, writer: asyncio.StreamWriter) -> None:
        self._makers = makers
        self._http = http
        self._writer = writer
        self._pipeline: ServicePipeline | None = None
        self._session: ServiceSession | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the client closes the connection or violates the protocol, or the service fails."""
        decoder = make_request_decoder()
        try:
            wanted = await receive_message(reader, decoder)
            if isinstance(wanted, EngineCheck):
                self._send(EngineServes())
            if not isinstance(wanted, OpenService):
                return
            await self._open(wanted)
            while (message := await receive_message(reader, decoder)) is not None:
                if isinstance(message, EngineCheck | OpenService):
                    return
                await self._handle(message)
        except ServiceRefused as refused:
            _log.warning("pipecat_service.refused reason=%s", refused)
            self._fail(refused.failure)
        except (EngineProtocolError, OSError) as error:
            _log.warning("pipecat_client.dropped error=%s", type(error).__name__)
        finally:
            await self._close()

    async def _open(self, wanted: OpenService) -> None:
        """Open the service. Raises ServiceRefused."""
        await asyncio.to_thread(import_service, wanted.service)  # other sessions continue meanwhile
        service = make_service(wanted, self._http)
        session = self._session = self._makers[wanted.kind](service, self._send)
        self._pipeline = ServicePipeline(service, self._on_frame, self._fail)
        await self._pipeline.start()
        try:
            await session.prepare()
        except ValueError as error:
            raise ServiceRefused(ServiceFailed("refused", f"settings.sample_rate: {error}")) from error
        self._send(ServiceOpened())

    async def _handle(self, message: SessionInput) -> None:
        assert self._session is not None and self._pipeline is not None
        for frame in self._session.make_frames(message):
            await self._pipeline.queue(frame)
        await self._writer.drain()

    def _on_frame(self, frame: Frame) -> None:
        assert self._session is not None
        try:
            self._session.on_frame(frame)
        except ValueError as error:
            self._fail(ServiceFailed("refused", str(error)))

    def _send(self, message: SessionOutput) -> None:
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            _log.warning("pipecat_client.dropped error=unread")
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(encode_frame(message))

    def _fail(self, failure: ServiceFailed) -> None:
        """Send the failure to the client and close the connection, which ends `run`."""
        if self._session is not None:
            self._session.close()
        self._send(failure)
        self._writer.close()

    async def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._writer.close()
        if self._pipeline is not None:
            await self._pipeline.close()
