"""Services that can be stopped and started again on the same state while the others run."""

from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Generic, TypeVar

T = TypeVar("T")


class Service(Generic[T]):
    """A store or a program. make: runs it for as long as a block lasts, at the same address each time."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._make = make
        self._stack: AsyncExitStack | None = None

    async def start(self) -> T:
        """Returns when it is ready. Raises the service's own error."""
        self._stack = AsyncExitStack()
        return await self._stack.enter_async_context(self._make())

    async def stop(self) -> None:
        """Stops it gently; does nothing when it does not run."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


class Program(Service[Process]):
    """A program that listens on `port`."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Process]], port: int) -> None:
        super().__init__(make)
        self.port = port
        self._process: Process | None = None

    async def start(self) -> Process:
        """Returns when it is ready. Raises ServerFailed."""
        self._process = await super().start()
        return self._process

    @property
    def pid(self) -> int:
        """Of the process; it must have been started."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    def kill(self) -> None:
        """Sends SIGKILL, as if its machine were switched off. It must have been started."""
        assert self._process is not None
        self._process.kill()

    async def drain(self) -> None:
        """Sends SIGTERM and waits, for as long as its calls take."""
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()
        await self.stop()
