"""Runs Deepgram, OpenAI and Cartesia over TLS with fixed delays in a separate process, for benchmarks.

`python -m simulator.vendors.timed_vendors --config FILE --folder FOLDER` writes the authority's certificate into the
folder and prints a JSON object with the address of each vendor. At SIGTERM it writes `figures.json` there.
"""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import msgspec
import uvloop
from msgspec import Struct

from simulator.vendors.audio_markers import MarkedEar, MarkerArrival
from simulator.vendors.certificate import make_certificate
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.entry import ServerSetting, SimulatorEntry, load_entries
from simulator.vendors.known_speech import Ear, KnownSpeech, spread_words
from simulator.vendors.server import VendorState

# Vendors that always run.
BASE: Final = ("deepgram", "openai", "cartesia")
FIGURES: Final = "figures.json"
# Maximum number of contexts and connections, high enough that a benchmark never reaches the limit.
_MAX_CONTEXTS: Final = 10_000
_BEAT_S: Final = 0.005


class TimedVendorsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Texts and delays of the vendors.

    Attributes:
        recording: mu-law of what each caller says. The words of `heard` are spread over it.
        answer: The model's answer.
        final_ms: Time from the audio to its result.
        first_audio_ms: Time from a text to its first audio of chunk_ms.
        key: The only accepted key.
        serves_all: Whether the other vendors run, too.
    """

    recording: bytes
    heard: str
    answer: str
    final_ms: float
    first_token_ms: float
    token_ms: float
    first_audio_ms: float
    chunk_ms: int
    key: str
    serves_all: bool = False


class VendorAddresses(Struct, frozen=True):
    """Addresses for clients.

    Attributes:
        authority: PEM file that clients must trust.
        others: Host and port of the other vendors.
        key_file: Key file of the service account at Google's speech service, if it runs.
    """

    authority: str
    deepgram: str
    openai: str
    cartesia: str
    others: dict[str, str] = {}
    key_file: str = ""


class LoopBeat(Struct, frozen=True, array_like=True):
    """A beat of the event loop.

    Attributes:
        at: Seconds of the monotonic clock.
        late_s: Delay of the beat.
        cpu_s: CPU time of the process since its start.
    """

    at: float
    late_s: float
    cpu_s: float


@dataclass
class TimedVendors:
    """The vendors and their measurements."""

    config: TimedVendorsConfig
    arrivals: list[MarkerArrival] = field(default_factory=list)
    beats: list[LoopBeat] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[VendorAddresses]:
        """Serve the vendors. The certificates are written into the folder. Raises OSError."""
        certificate = make_certificate(folder)
        beating = asyncio.create_task(self._beat())
        async with AsyncExitStack() as stack:
            stack.callback(beating.cancel)
            addresses: dict[str, str] = {}
            key_file = ""
            for name, entry in self._entries().items():
                state = entry.make_state() if entry.has_key_file else VendorState(key=self.config.key)
                server = entry.account.make(state, self._setting)
                address = await stack.enter_async_context(entry.run(server, certificate, 0, True))
                addresses[name] = address if name not in BASE else f"{entry.scheme}://{address}{entry.account.path}"
                key_file = state.key if entry.has_key_file else key_file
            yield VendorAddresses(
                authority=str(certificate.authority),
                **{name: addresses.pop(name) for name in BASE},
                others=addresses,
                key_file=key_file,
            )

    def figures(self) -> bytes:
        """Return the measurements as JSON."""
        return msgspec.json.encode({"arrivals": self.arrivals, "beats": self.beats})

    def _entries(self) -> dict[str, SimulatorEntry]:
        return {name: entry for name, entry in load_entries().items() if name in BASE or self.config.serves_all}

    @cached_property
    def _setting(self) -> ServerSetting:
        config = self.config
        return ServerSetting(
            make_ear=self._make_ear,
            reply=self._reply,
            first_token_s=config.first_token_ms / 1_000,
            token_s=config.token_ms / 1_000,
            final_ms=config.final_ms,
            first_audio_ms=config.first_audio_ms,
            chunk_ms=config.chunk_ms,
            most_at_once=_MAX_CONTEXTS,
        )

    def _reply(self, body: Mapping[str, Any]) -> ChatReply:
        return ChatReply(self.config.answer)

    def _make_ear(self) -> MarkedEar:
        return MarkedEar(Ear(self._speech), self.arrivals.append)

    @cached_property
    def _speech(self) -> KnownSpeech:
        recording = self.config.recording
        return KnownSpeech([spread_words(recording, self.config.heard, 0.0, len(recording) / 8)])

    async def _beat(self) -> None:
        """Measure the delay of the loop."""
        while True:
            due = perf_counter() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            now = perf_counter()
            self.beats.append(LoopBeat(now, now - due, process_time()))


async def _serve(config: TimedVendorsConfig, folder: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    vendors = TimedVendors(config)
    async with vendors.running(folder) as addresses:
        gc.collect()
        gc.disable()  # for a few minutes: a pause would count against the server under test
        print(msgspec.json.encode(addresses).decode(), flush=True)
        await stop.wait()
        (folder / FIGURES).write_bytes(vendors.figures())


def main() -> int:
    """Run the vendors. Returns the exit code: 0 after a clean stop, 2 for an invalid config."""
    parser = argparse.ArgumentParser(prog="timed_vendors", description="Simulated vendors with fixed delays.")
    parser.add_argument("--config", type=Path, required=True, help="a JSON file: TimedVendorsConfig")
    parser.add_argument("--folder", type=Path, required=True, help="takes the certificates and the figures")
    arguments = parser.parse_args()
    try:
        config = msgspec.json.decode(arguments.config.read_bytes(), type=TimedVendorsConfig)
    except (OSError, msgspec.DecodeError) as error:
        print(f"timed_vendors: {error}", file=sys.stderr)
        return 2
    uvloop.run(_serve(config, arguments.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
