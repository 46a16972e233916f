"""A TCP relay to PostgreSQL that can be frozen: it forwards nothing and closes nothing, as when a machine stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Relay:
    """Forwards bytes between a program and the server."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        """Holds back what is sent from now on, in both directions."""
        self._flows.clear()

    def thaw(self) -> None:
        """Forwards what was held back, and all that follows."""
        self._flows.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until either side closes it."""
        server_reader, server = await asyncio.open_unix_connection(self._socket)
        for source, sink in ((reader, server), (server_reader, writer)):
            task = asyncio.create_task(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Closes all connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._flows.wait()
                sink.write(data)
        except OSError:
            pass  # the other side closed the connection
        finally:
            sink.close()


@asynccontextmanager
async def running_relay(database_url: str) -> AsyncIterator[tuple[str, Relay]]:
    """The database's URL through a relay, and the relay."""
    parts = urlsplit(database_url)
    relay = Relay(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    server = await asyncio.start_server(relay.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}", relay
    finally:
        server.close()
        await relay.close()
