"""PostgreSQL and Valkey as programs that a supervisor runs."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from vocalized.services.postgres import Postgres
from vocalized.services.valkey import Valkey

_POLL_S: Final = 0.2


class StoreProcess:
    """A store's process, which a thread started, awaited like a program's."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    async def wait(self) -> int:
        """Returns its exit code when it has ended; polls, because a thread that waits could not be cancelled."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 -- a Popen has no event
            await asyncio.sleep(_POLL_S)
        return code


@asynccontextmanager
async def running_store(
    server: AbstractAsyncContextManager[Postgres | Valkey], report_url: Callable[[str], object]
) -> AsyncIterator[StoreProcess]:
    """Runs a store while it is entered. report_url: called with its URL when it is ready. Raises ServiceFailed."""
    async with server as store:
        report_url(store.url)
        yield StoreProcess(store.process)
