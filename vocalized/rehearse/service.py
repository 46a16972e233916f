"""PostgreSQL or Valkey that can be stopped in the middle of everything and started again on the same state."""

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
