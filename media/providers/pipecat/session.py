"""The media server's side of one session in the engine process."""

import asyncio
from typing import Final

from media.providers.engine_process.messages import EngineProtocolError, encode_frame, receive_message
from media.providers.pipecat.process import PipecatProcess
from media.providers.pipecat.wire import (
    OpenService,
    ServiceFailed,
    ServiceOpened,
    SessionInput,
    SessionOutput,
    make_output_decoder,
)
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow

# The maximum number of unread messages. Beyond it, the engine waits, and so does a vendor's audio.
MAX_UNREAD: Final = 64
# The maximum number of bytes that the engine has not read: 8 s of a caller's audio.
MAX_UNSENT_BYTES: Final = 64 * 1024


class PipecatSession:
    """An open session. It can be kept as a reusable connection; `is_open` is false after the service failed."""

    def __init__(self, provider: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.provider = provider
        self._writer = writer
        self._unread: asyncio.Queue[SessionOutput | ProviderError] = asyncio.Queue(MAX_UNREAD)
        self._listener = asyncio.get_running_loop().create_task(self._listen(reader))

    @classmethod
    async def open(
        cls, process: PipecatProcess, provider: str, wanted: OpenService, timeout_s: float
    ) -> "PipecatSession":
        """Open a session with the service. Raises ProviderError."""
        session: PipecatSession | None = None
        try:
            async with asyncio.timeout(timeout_s):
                session = cls(provider, *await process.connect(provider))
                session._write(encode_frame(wanted))
                if not isinstance(await session.receive(), ServiceOpened):
                    raise ProviderError(provider, "unexpected answer of the pipecat engine")
        except TimeoutError as error:
            await _close(session)
            raise ProviderSlow(provider, f"no service within {timeout_s:g} s", may_bill=False) from error
        except (ProviderError, asyncio.CancelledError):
            await _close(session)
            raise
        return session

    @property
    def is_open(self) -> bool:
        """Whether the service works and all its messages were read."""
        return not self._listener.done() and self._unread.empty() and not self._writer.is_closing()

    def send(self, message: SessionInput) -> None:
        """Send a message. Never blocks. Raises ProviderError if the session is over or the engine does not read."""
        if self._writer.is_closing():
            raise ProviderError(self.provider, "the session is over")
        if self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise ProviderError(self.provider, "the pipecat engine does not read its input")
        self._write(_encode(self.provider, message))

    async def receive(self) -> SessionOutput:
        """Return the next message. Raises ProviderError if the service or its process failed."""
        message = await self._unread.get()
        if isinstance(message, ServiceFailed):
            raise make_error(self.provider, message)
        if isinstance(message, ProviderError):
            raise message
        return message

    async def close(self) -> None:
        """End the session. Repeated calls change nothing."""
        self._listener.cancel()
        self._writer.close()
        await asyncio.wait({self._listener})

    def _write(self, data: bytes) -> None:
        self._writer.write(data)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        decoder, reason = make_output_decoder(), "the pipecat engine ended"
        try:
            while (message := await receive_message(reader, decoder)) is not None:
                await self._unread.put(message)
        except (EngineProtocolError, OSError) as error:
            reason = f"the connection to the pipecat engine broke: {type(error).__name__}"
        finally:
            self._writer.close()
        await self._unread.put(ProviderError(self.provider, reason))


def make_error(provider: str, failed: ServiceFailed) -> ProviderError:
    """Convert a failure in the engine to a ProviderError."""
    match failed.cause:
        case "busy":
            return ProviderBusy(provider, failed.reason)
        case "slow":
            return ProviderSlow(provider, failed.reason)
        case "refused":
            return ProviderError(provider, failed.reason, retryable=False)
        case "failed":
            return ProviderError(provider, failed.reason)


def _encode(provider: str, message: SessionInput) -> bytes:
    try:
        return encode_frame(message)
    except EngineProtocolError as error:
        raise ProviderError(provider, str(error), retryable=False) from error


async def _close(session: PipecatSession | None) -> None:
    if session is not None:
        await session.close()
