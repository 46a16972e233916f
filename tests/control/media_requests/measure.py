"""Measures the round trip of a request, with one API process on this machine:
python -m tests.control.media_requests.measure [REQUESTS]"""

import asyncio
import sys
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from control.agents.call_tools.table import agents_request_handlers
from control.db.migrate import migrate
from tests.control.calls.call_platform import open_call_platform
from tests.control.media_requests.ends import running_api_process, running_node
from vocalized.services.postgres import serve_postgres
from vocalized.services.valkey import serve_valkey


async def measure(database_url: str, valkey_url: str, folder: Path, count: int) -> None:
    """Prints percentiles of one request after the other, and of twenty at once."""
    async with open_call_platform(database_url, valkey_url, folder) as platform, running_node(valkey_url) as node:
        call = await platform.admit(await platform.create_workspace())

        async def ask(times: int) -> list[float]:
            took = []
            for _ in range(times):
                began = time.perf_counter()
                await node.ask(call, "tool.call_context")
                took.append((time.perf_counter() - began) * 1000)
            return took

        async with running_api_process(platform, agents_request_handlers()):
            await ask(50)
            _report("one after the other", await ask(count))
            lanes = await asyncio.gather(*(ask(count // 20) for _ in range(20)))
            _report("twenty at once", [ms for lane in lanes for ms in lane])


def _report(title: str, took: list[float]) -> None:
    cuts = quantiles(took, n=100)
    print(f"{title}: {len(took)} requests, p50 {cuts[49]:.2f} ms, p95 {cuts[94]:.2f} ms, p99 {cuts[98]:.2f} ms")


def main(count: int) -> None:
    """Starts the servers, measures, stops them."""
    with TemporaryDirectory(prefix="vocalized-measure-", dir="/tmp") as temporary:
        state = Path(temporary)
        state.chmod(0o711)
        with serve_postgres(state, durable=False) as postgres, serve_valkey(state, durable=False) as valkey:
            migrate(postgres.url)
            asyncio.run(measure(postgres.url, valkey.url, state, count))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
