"""A media node as a process of its own, to be killed.

python -m tests.media.server.bus.mortal_node VALKEY_URL FOLDER NAME: writes its URL to stdout once it serves."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.platform.bus_node import running_bus_node

START_S = 60.0


@dataclass(frozen=True, slots=True)
class MortalNode:
    """The running process. url: where it serves."""

    url: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """Kills it with SIGKILL: it closes nothing, writes nothing, and says goodbye to nobody."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running_mortal_node(valkey_url: str, folder: Path, name: str) -> AsyncIterator[MortalNode]:
    """A node in another process until it is killed, at the latest when the block ends."""
    command = (sys.executable, "-m", __name__, valkey_url, str(folder), name)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            url = await _read_url(process.stdout)
        yield MortalNode(url, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _read_url(output: asyncio.StreamReader) -> str:
    """The log goes to stdout, too."""
    async for line in output:
        if line.startswith(b"http://"):
            return line.decode().strip()
    raise AssertionError("the node did not start")


async def main(valkey_url: str, folder: Path, name: str) -> None:
    """Runs until it is killed."""
    async with running_bus_node(valkey_url, folder, node_id=name) as node:
        print(node.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
