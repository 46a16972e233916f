"""The program of the simulated vendors: python -m vocalized.vendors --config FILE --port N."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec

from media.providers.local.models import SpeechModelError
from media.providers.local.recognizer import Recognizer
from simulator.carrier.mulaw import RATE
from vocalized.vendors.configuration import VendorsConfig, read_config
from vocalized.vendors.local_voice import LocalVoice
from vocalized.vendors.servers import Senses, running_vendors


def main() -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m vocalized.vendors", description="Simulated vendors.")
    parser.add_argument("--config", type=Path, required=True, help="file that `vocalized up` writes")
    parser.add_argument("--port", type=int, required=True, help="port of the interface for faults")
    arguments = parser.parse_args()
    try:
        config = msgspec.structs.replace(read_config(arguments.config), operation=arguments.port)
        recognizer = Recognizer()
        senses = Senses(lambda pcm: recognizer.transcribe(pcm, RATE).text, LocalVoice())
        asyncio.run(_run(config, senses))
    except (OSError, msgspec.DecodeError, SpeechModelError) as error:
        print(f"vendors: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: VendorsConfig, senses: Senses) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_vendors(config, senses):
        await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
