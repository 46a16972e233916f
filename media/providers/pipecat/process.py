"""The engine process of one media process. It is started when a plan first needs it, and restarted after it has
ended."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from media.providers.engine_process.messages import EngineProtocolError, encode_frame, receive_message
from media.providers.engine_process.server import READY
from media.providers.pipecat.wire import EngineCheck, make_output_decoder
from media.providers.ports import ProviderError, ProviderSlow

log = structlog.get_logger()

ROOT: Final = Path(__file__).resolve().parents[3]
MODULE: Final = "media.providers.pipecat.host"
START_S: Final = 30.0  # pipecat's packages are read from disk
STOP_S: Final = 5.0
NOT_STARTED: Final = -1  # used instead of an exit code
MOST_OUTPUT: Final = 65_536
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
# A process that ran for this long started successfully, so the next pause is the first one again.
STEADY_S: Final = 60.0
# Environment variables with keys of the whole platform, which pipecat's services do not need. The AWS variables are for
# the storage of recordings (`shared/storage.py`); AWS services use the machine's role.
_PRIVATE_PREFIXES: Final = ("VOCALIZED_", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# The interval at which the process is checked. A service may block the process's event loop, but at most for ANSWER_S.
# After that, the process is killed and restarted.
CHECK_EVERY_S: Final = 10.0
ANSWER_S: Final = 20.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class PipecatProcess:
    """Runs the engine process and connects to it.

    Args:
        start_s: The limit of a start, in seconds.
        check_every_s: The interval of checks, in seconds.
        answer_s: The limit of a check's answer, in seconds.
    """

    def __init__(
        self,
        *,
        start_s: float = START_S,
        first_pause_s: float = FIRST_PAUSE_S,
        check_every_s: float = CHECK_EVERY_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._start_s = start_s
        self._first_pause_s = first_pause_s
        self._check_every_s = check_every_s
        self._answer_s = answer_s
        self._folder: Path | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._ready: asyncio.Future[None] | None = None  # the result of the current start
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process ID, or None if no process runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process in the background, unless it was started before."""
        if self._supervisor is None and not self._closed:
            self._ready = asyncio.get_running_loop().create_future()
            self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def connect(self, provider: str) -> Streams:
        """Open a connection when the process is ready. Raises ProviderError, immediately if the process waits for its
        restart."""
        self.start()
        if self._ready is None:
            raise ProviderError(provider, "the pipecat engine is not running")
        try:
            async with asyncio.timeout(self._start_s):
                await asyncio.shield(self._ready)
                return await asyncio.open_unix_connection(self._socket)
        except TimeoutError as error:
            raise ProviderSlow(provider, "the pipecat engine did not start in time", may_bill=False) from error
        except OSError as error:
            raise ProviderError(provider, f"the pipecat engine cannot be reached: {error.strerror}") from error

    async def close(self) -> None:
        """End the process and wait for its end."""
        self._closed = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)

    @property
    def _socket(self) -> Path:
        assert self._folder is not None
        return self._folder / "engine.sock"

    async def _supervise(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vocalized-pipecat-"))
        pause_s = self._first_pause_s
        try:
            while True:
                began = time.monotonic()
                code = await self._run_once()
                lasted_s = time.monotonic() - began
                pause_s = self._first_pause_s if lasted_s >= STEADY_S else pause_s
                log.error("pipecat_engine.ended", code=code, lasted_s=round(lasted_s, 1), restart_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                self._ready = asyncio.get_running_loop().create_future()
        finally:
            self._fail_start()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _run_once(self) -> int:
        """Run the process until it ends or stops serving. Return its exit code."""
        command = [sys.executable, "-W", "ignore", "-m", MODULE, "--socket", str(self._socket), "--child"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE_PREFIXES)}
        try:
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE)
        except OSError as error:  # out of memory or processes, which may be temporary
            log.error("pipecat_engine.start_failed", error=error.strerror)
            self._fail_start()
            return NOT_STARTED
        self._process = process
        reading: asyncio.Task[None] | None = None
        try:
            assert process.stdout is not None
            if await asyncio.wait_for(_is_ready(process.stdout), self._start_s) and self._ready is not None:
                log.info("pipecat_engine.started", pid=process.pid)
                self._ready.set_result(None)
            reading = asyncio.get_running_loop().create_task(_discard(process.stdout))
            await self._watch(process)
            return await process.wait()
        except TimeoutError:
            log.error("pipecat_engine.start_timed_out", limit_s=self._start_s)
            return NOT_STARTED
        finally:
            self._process = None
            self._fail_start()
            await _stop(process)
            if reading is not None:
                reading.cancel()

    async def _watch(self, process: Process) -> None:
        """Return when the process has ended. Kills a process that stopped serving."""
        ended = asyncio.get_running_loop().create_task(process.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=self._check_every_s))[0]:
                if not await self._serves():
                    log.error("pipecat_engine.hung", pid=process.pid, limit_s=self._answer_s)
                    with suppress(ProcessLookupError):
                        process.kill()
        finally:
            ended.cancel()

    async def _serves(self) -> bool:
        """Whether the process answers in time. An error on this side does not count against the process."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._answer_s):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                writer.write(encode_frame(EngineCheck()))
                await receive_message(reader, make_output_decoder())
        except (TimeoutError, BlockingIOError):  # BlockingIOError: the process accepts no connection
            return False
        except (OSError, EngineProtocolError):
            return True
        finally:
            if writer is not None:
                writer.close()
        return True

    def _fail_start(self) -> None:
        """Fail all waits for the process, and further ones until it is restarted."""
        if self._ready is None or self._ready.done():
            self._ready = asyncio.get_running_loop().create_future()
        self._ready.set_exception(ConnectionRefusedError(0, "the process has ended"))
        self._ready.exception()  # there may be no waiting task


async def _is_ready(output: asyncio.StreamReader) -> bool:
    """Return whether the process reports that it listens before it ends. Other packages may print something first."""
    text = "\n"
    while part := await output.read(4_096):
        text = text[-MOST_OUTPUT:] + part.decode(errors="replace")
        if f"\n{READY}\n" in text:
            return True
    return False


async def _discard(output: asyncio.StreamReader) -> None:
    """Read what packages print, because a full pipe would block the process."""
    while await output.read(MOST_OUTPUT):
        pass


async def _stop(process: Process) -> None:
    """End a process and wait at most STOP_S before it is killed."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
