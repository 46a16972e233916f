"""One stream of Google's recogniser: audio out, responses in, in a task of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.providers.grpc_calls import GrpcServer, GrpcStream
from media.providers.vendors import google_speech_pb2 as pb
from media.providers.vendors.google_speech_wire import MESSAGE_BYTES, RECOGNISE, make_metadata
from shared.google_account import ServiceAccount
from shared.providers.errors import ProviderError

# More than this unsent means that the vendor reads nothing. A recogniser that takes over is sent up to 60 s of audio at
# once (480,000 bytes).
MAX_UNSENT_BYTES: Final = 1 << 20
CLOSE_S: Final = 1.0
# A refusal takes a round trip. Until then the audio waits, some 100 ms of it.
ACCEPTED_S: Final = 0.15

_RecogniseCall = GrpcStream[pb.StreamingRecognizeRequest, pb.StreamingRecognizeResponse]


@dataclass(frozen=True, slots=True)
class StreamOpener:
    """What streams of one session have in common. recogniser: the resource's name."""

    provider: str
    server: GrpcServer
    account: ServiceAccount
    recogniser: str
    config: pb.StreamingRecognitionConfig
    connect_s: float


class RecognitionStream:
    """start_ms, end_ms: of its audio in the session's. held: responses that are to be read later."""

    def __init__(self, opener: StreamOpener, start_ms: float) -> None:
        self.start_ms = start_ms
        self.end_ms = start_ms
        self.held: list[pb.StreamingRecognizeResponse] = []
        self.began_at = asyncio.get_running_loop().time()
        self.is_open = True  # takes audio
        self.has_ended = False
        self._opener = opener
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()  # an empty one is the end
        self._unsent_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = True
        self._finished_at: float | None = None
        self._accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(
        self,
        on_response: Callable[["RecognitionStream", pb.StreamingRecognizeResponse], None],
        on_ended: Callable[["RecognitionStream", ProviderError | None], None],
    ) -> None:
        """Opens it. on_ended: called once, unless it is cancelled."""

        async def run() -> None:
            error = await self._run(on_response)
            self.has_ended, self.is_open = True, False
            if not self._accepted.done():
                self._accepted.set_result(None)
            if self._is_wanted:
                on_ended(self, error)

        self._task = asyncio.get_running_loop().create_task(run())

    async def wait_until_accepted(self) -> None:
        """Waits until the vendor takes audio, or the stream has ended."""
        await self._accepted

    def send(self, audio: bytes) -> None:
        """Sends audio; never waits."""
        self._unsent_bytes += len(audio)
        for at in range(0, len(audio), MESSAGE_BYTES):
            self._outgoing.put_nowait(audio[at : at + MESSAGE_BYTES])

    @property
    def reads_nothing(self) -> bool:
        """Whether more is unsent than may be."""
        return self._unsent_bytes > MAX_UNSENT_BYTES

    def finish(self, end_ms: float) -> None:
        """The audio ends here: the vendor tells its last words, and ends the stream."""
        self.end_ms, self.is_open = end_ms, False
        self._finished_at = asyncio.get_running_loop().time()
        self._outgoing.put_nowait(b"")

    @property
    def waited_s(self) -> float:
        """Since the vendor was told of the end of the audio; 0 before."""
        return 0.0 if self._finished_at is None else asyncio.get_running_loop().time() - self._finished_at

    def cancel(self) -> None:
        """Ends it at once; no callback follows."""
        self._is_wanted = self.is_open = False
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Sends what is unsent and waits for the end, at most CLOSE_S; no callback follows."""
        self._is_wanted = False
        if self._task is None:
            return
        if self.is_open:
            self.finish(self.end_ms)
        try:
            await asyncio.wait({self._task}, timeout=CLOSE_S)
        finally:
            self._task.cancel()

    async def _run(
        self, on_response: Callable[["RecognitionStream", pb.StreamingRecognizeResponse], None]
    ) -> ProviderError | None:
        opener = self._opener
        try:
            metadata = make_metadata(opener.provider, opener.account)
            lease = await opener.server.connect(opener.provider, opener.connect_s)
            call = GrpcStream(opener.provider, lease, RECOGNISE, metadata)
            writer = asyncio.get_running_loop().create_task(self._write(call))
            try:
                while (response := await call.read()) is not None:
                    if self._is_wanted:
                        on_response(self, response)
            finally:
                writer.cancel()
                call.cancel()
        except ProviderError as error:
            return error
        if self.is_open:
            return ProviderError(opener.provider, "the stream was ended", cause="cut")
        return None

    async def _write(self, call: _RecogniseCall) -> None:
        opener = self._opener
        try:
            await call.write(pb.StreamingRecognizeRequest(recognizer=opener.recogniser, streaming_config=opener.config))
            await call.wait_until_accepted(ACCEPTED_S)
            self._accepted.set_result(None)
            while audio := await self._outgoing.get():
                await call.write(pb.StreamingRecognizeRequest(audio=audio))
                self._unsent_bytes -= len(audio)
            await call.finish()
        except ProviderError:
            pass  # whoever reads is told
