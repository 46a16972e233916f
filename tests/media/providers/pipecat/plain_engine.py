"""An engine process without pipecat, whose packages print: `python -m tests.media.providers.pipecat.plain_engine`."""

import argparse
import asyncio
from pathlib import Path

from media.providers.engine_process.messages import encode_frame, receive_message
from media.providers.engine_process.server import serve_until_stopped
from media.providers.pipecat.wire import EngineServes, make_request_decoder

NOISE = "a package says something " * 20_000  # more than a pipe holds


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await receive_message(reader, make_request_decoder())
    print(NOISE, flush=True)
    writer.write(encode_frame(EngineServes()))
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    print(NOISE)
    asyncio.run(serve_until_stopped(serve, arguments.socket, child=arguments.child))
