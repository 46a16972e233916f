"""What can be stopped in the middle of everything and started again on the same state: a store or a program."""

from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Generic, TypeVar

T = TypeVar("T")


class Service(Generic[T]):
    """make: runs it for as long as a block lasts; its addresses are the same each time."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._make = make
        self._stack: AsyncExitStack | None = None

    async def start(self) -> T:
        """Raises what the service raises that does not start."""
        self._stack = AsyncExitStack()
        return await self._stack.enter_async_context(self._make())

    async def stop(self) -> None:
        """In order; nothing happens when it does not run."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


class Program(Service[Process]):
    """Listens on `port`; can be killed, too."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Process]], port: int) -> None:
        super().__init__(make)
        self.port = port
        self._process: Process | None = None

    async def start(self) -> Process:
        """Returns when it is ready. Raises ServerFailed."""
        self._process = await super().start()
        return self._process

    def kill(self) -> None:
        """As a machine that is switched off; it was started before."""
        assert self._process is not None
        self._process.kill()
