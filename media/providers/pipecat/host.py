"""The engine process of pipecat (`python -m media.providers.pipecat.host --socket PATH`).

pipecat's own log is disabled, because it contains the words of callers and agents.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from loguru import logger as pipecat_logger

from media.providers.engine_process.server import end_with_parent, serve_until_stopped


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine. Return the exit code: 0 after a clean stop, 1 if the socket cannot be opened."""
    parser = argparse.ArgumentParser(prog="python -m media.providers.pipecat.host", description="Runs pipecat.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen at")
    parser.add_argument("--child", action="store_true", help="end when the parent process or the standard input does")
    arguments = parser.parse_args(argv)
    if arguments.child:
        end_with_parent()
    _configure_logs()
    try:
        asyncio.run(_serve(arguments.socket, arguments.child))
        arguments.socket.unlink(missing_ok=True)
    except OSError as error:
        print(error, flush=True)
        return 1
    return 0


async def _serve(path: Path, child: bool) -> None:
    # Imported late, because parents of this process do not need pipecat.
    from media.providers.pipecat.engine.server import SessionServer

    async with SessionServer() as server:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: server.report(context))
        await serve_until_stopped(server.serve, path, child=child)


def _configure_logs() -> None:
    """Send our own warnings to the standard error, and silence libraries, whose messages may contain texts and keys."""
    pipecat_logger.remove()
    logging.captureWarnings(True)
    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("media")
    ours.propagate = False
    ours.addHandler(logging.StreamHandler(sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
