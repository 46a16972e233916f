"""An API process's reader as a process of its own, to be killed: python -m tests.control.media_requests.mortal_process
DATABASE_URL VALKEY_URL FILE. Its handlers `once` and `repeat` write a line to FILE, and never end."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from control.db.pool import open_pool
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, TenantTransactions
from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.reader import ReaderPace, RequestReader
from control.media_requests.runs import IdempotentRuns, RunPace
from control.media_requests.service import MediaRequests
from shared.bus.client import bus_client
from shared.bus.requests import RequestStream
from shared.secrets import Sealer

# Made here, because the other test modules take seconds to import.
SEALER = Sealer([bytes(range(32))])


async def main(database_url: str, valkey_url: str, file: Path) -> None:
    """Runs until it is killed."""

    async def never_end(context: HandlerContext) -> None:
        with file.open("a") as lines:
            lines.write(f"{context.run_id}\n")
        await asyncio.Event().wait()

    handlers = {"once": MediaRequestHandler(never_end, "once"), "repeat": MediaRequestHandler(never_end, "repeatable")}
    metrics = MediaRequestMetrics()
    async with open_pool(database_url, size=2) as pool:
        runs = IdempotentRuns(SEALER, RunPace(lease=1.0))
        service = MediaRequests(handlers, TenantTransactions(pool, 2), runs, metrics, lambda: datetime.now(UTC))
        stream = RequestStream(bus_client(valkey_url, 5.0), SEALER)
        async with RequestReader(
            stream, service.answer, metrics, concurrency=4, pace=ReaderPace(wait=0.2, keep=0.1)
        ).running():
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
