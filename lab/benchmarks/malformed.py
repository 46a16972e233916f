"""`python -m lab.benchmarks.malformed`: thousands of invalid sessions, beside a call that must not be affected.

Starts the media server, holds one healthy call for the whole run, and opens malformed sessions of many kinds, some at
once. Tells whether the server survived, whether its memory stayed flat, and whether the healthy call was disturbed.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType
from rich.console import Console
from rich.progress import track

from lab.benchmarks import twilio
from lab.benchmarks.clip import SILENCE, load_phrase
from lab.benchmarks.meter import Meter
from lab.benchmarks.server import OURS, ROOT, running

AT_ONCE = 20
CLOSED_WITHIN_S = 15.0
MOST_GROWTH_MB = 5.0
# Readings (one per tenth of the sessions) until the allocator's pools and the interpreter's caches are filled.
WARM_READINGS = 3
CLIP = ROOT / "config" / "samples" / "jfk.flac"
console = Console()


@dataclass
class Healthy:
    """A valid call: speaks a phrase every four seconds and counts the answers."""

    asked: int = 0
    answered: int = 0
    lost: bool = False
    audio_since_asking: bool = field(default=True)


def kinds(seed: random.Random) -> dict[str, list[str | bytes]]:
    """Sessions by name: the messages of each, in order. The last one, or the order, is invalid."""
    stream = twilio.Stream(seed.randrange(1 << 30))
    start = stream.start().decode()
    media = stream.media(SILENCE).decode()
    bad = json.loads(media)
    wrong = {**bad, "streamSid": "MZ" + "0" * 32}
    no_base64 = {**bad, "media": {**bad["media"], "payload": "@@@"}}
    no_payload = {**bad, "media": {"track": "inbound"}}
    number = {**bad, "media": {**bad["media"], "payload": 7}}
    noise = seed.randbytes(200).decode("latin-1")
    return {
        "not json": [start, noise],
        "json, no object": [start, "[1, 2, 3]"],
        "unknown event": [start, json.dumps({"event": "party"})],
        "media before start": [media],
        "two starts": [start, start],
        "wrong stream": [start, json.dumps(wrong)],
        "bad base64": [start, json.dumps(no_base64)],
        "missing payload": [start, json.dumps(no_payload)],
        "payload of a wrong type": [start, json.dumps(number)],
        "binary message": [start, seed.randbytes(160)],
        "after stop": [start, stream.stop().decode(), media],
        "bad format": [start.replace("8000", "44100")],
        "cut off in the middle": [start, media[: len(media) // 2]],
        "64 KiB and more": [start, "x" * 70_000],
        "10 MB": [start, "x" * 10_000_000],
        "gone without a word": [start, media],
    }


async def session(client: ClientSession, url: str, name: str, messages: list[str | bytes]) -> str:
    """Sends one malformed session; returns the server's reaction."""
    try:
        async with asyncio.timeout(CLOSED_WITHIN_S), client.ws_connect(url) as socket:
            for message in messages:
                await _send(socket, message)
            if name == "gone without a word":
                return "left"
            while (answer := await socket.receive()).type is WSMsgType.TEXT:
                pass
            return f"closed {socket.close_code}" if answer.type is not WSMsgType.ERROR else "broken"
    except (ConnectionError, ClientError) as error:
        return f"broken ({type(error).__name__})"
    except TimeoutError:
        return "STILL OPEN"


async def _send(socket: ClientWebSocketResponse, message: str | bytes) -> None:
    if isinstance(message, str):
        await socket.send_str(message)
    else:
        await socket.send_bytes(message)


async def healthy_call(client: ClientSession, url: str, phrase: list[bytes], stop: asyncio.Event) -> Healthy:
    """Talks until `stop` is set."""
    seen, stream = Healthy(), twilio.Stream(1)
    async with client.ws_connect(url) as socket:
        await socket.send_str(twilio.CONNECTED.decode())
        await socket.send_str(stream.start().decode())
        reader = asyncio.create_task(_answers(socket, stream, seen))
        began, sent = asyncio.get_running_loop().time(), 0
        while not stop.is_set() and not reader.done():
            index = sent % 200  # a phrase, then silence, 4 s in all
            if index == 0:
                seen.asked += not reader.done()
                seen.audio_since_asking = False
            frame = phrase[index] if index < len(phrase) else SILENCE
            await socket.send_str(stream.media(frame).decode())
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * 0.02 - asyncio.get_running_loop().time()))
        seen.lost = reader.done()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    return seen


async def _answers(socket: ClientWebSocketResponse, stream: twilio.Stream, seen: Healthy) -> None:
    async for message in socket:
        said = json.loads(message.data)
        if said["event"] == "mark":
            await socket.send_str(stream.mark(said["mark"]["name"]).decode())
        elif said["event"] == "media" and not seen.audio_since_asking:
            seen.audio_since_asking = True
            seen.answered += 1


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in MB (10^6 bytes).

    whole: with the process's share of mapped libraries, which changes with other programs that map them (by 15 MB while
    a server was idle). own: private pages only.
    """

    whole: float
    own: float


def look(meter: Meter, pid: int) -> Memory:
    """Reads the server's memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
    return Memory(meter.memory(), own * 1024 / 1e6)


def growth(sizes: list[float]) -> tuple[float, float]:
    """The growth in total, and since the warm-up. A reading may stand out while a 10 MB message is being refused."""
    last = min(sizes[-3:])
    return last - sizes[0], last - sizes[WARM_READINGS - 1]


async def attack(url: str, sessions: int, look: Callable[[], Memory]) -> tuple[Healthy, Counter[str], list[Memory]]:
    """Runs all sessions; reads the memory ten times."""
    seed, outcomes, memory = random.Random(7), Counter[str](), list[Memory]()
    stop, room = asyncio.Event(), asyncio.Semaphore(AT_ONCE)
    phrase = list(load_phrase(CLIP, 1).frames)
    async with ClientSession() as client:
        caller = asyncio.create_task(healthy_call(client, url, phrase, stop))

        async def one() -> None:
            async with room:
                name, messages = seed.choice(list(kinds(seed).items()))
                outcomes[f"{name}: {await session(client, url, name, messages)}"] += 1

        for _ in track(range(10), "malformed sessions", console=console):
            await asyncio.gather(*(one() for _ in range(sessions // 10)))
            memory.append(look())
        stop.set()
        return await caller, outcomes, memory


def tell(name: str, sizes: list[float], sessions: int) -> float:
    """Prints the readings; returns the total growth."""
    grown, later = growth(sizes)
    per_thousand = later / (sessions * (len(sizes) - WARM_READINGS) / len(sizes)) * 1_000
    console.print(f"{name} after each tenth, MB: {' '.join(f'{size:.1f}' for size in sizes)}", soft_wrap=True)
    console.print(f"    growth {grown:+.1f} MB; after the warm-up {per_thousand:+.2f} MB per 1,000 sessions")
    return grown


def main(sessions: Annotated[int, typer.Option(help="How many malformed sessions.")] = 10_000) -> None:
    """Send malformed sessions to our media server and report its reactions."""
    core = max(os.sched_getaffinity(0))
    log = Path(tempfile.mkdtemp()) / "server.log"
    with running(OURS, core, log) as server:
        meter = Meter(server.pid, core)
        seen, outcomes, memory = asyncio.run(attack(server.url, sessions, lambda: look(meter, server.pid)))
    for outcome, count in sorted(outcomes.items()):
        console.print(f"{count:6}  {outcome}")
    grown = tell("memory", [size.whole for size in memory], sessions)
    tell("its own", [size.own for size in memory], sessions)
    console.print(f"healthy call: {seen.answered} of {seen.asked} phrases answered, {'LOST' if seen.lost else 'up'}")
    open_sessions = sum(count for outcome, count in outcomes.items() if "OPEN" in outcome)
    good = not seen.lost and seen.answered >= seen.asked - 1 and open_sessions == 0 and grown < MOST_GROWTH_MB
    console.print("PASS" if good else "MISS")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)
