"""`python -m benchmarks.malformed`: thousands of sessions that break the protocol, beside a call that must not notice.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType
from rich.console import Console
from rich.progress import track

from benchmarks import twilio
from benchmarks.clip import SILENCE, load_phrase
from benchmarks.meter import Meter
from benchmarks.server import OURS, ROOT, running

AT_ONCE = 20
CLOSED_WITHIN_S = 15.0
CLIP = ROOT / "config" / "samples" / "jfk.flac"
console = Console()


@dataclass
class Healthy:
    """One good caller: speaks a phrase every four seconds and counts the answers."""

    asked: int = 0
    answered: int = 0
    lost: bool = False
    audio_since_asking: bool = field(default=True)


def kinds(seed: random.Random) -> dict[str, list[str | bytes]]:
    """Sessions by name: the messages of each, in order. The last one (or the order) is at fault."""
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
    """Plays one malformed session; returns how the server took it."""
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
    """Talks until told to stop."""
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


async def attack(url: str, sessions: int, meter: Meter) -> tuple[Healthy, Counter[str], list[float]]:
    """The whole run; memory in MB is read ten times along the way."""
    seed, outcomes, memory = random.Random(7), Counter[str](), []
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
            memory.append(meter.memory())
        stop.set()
        return await caller, outcomes, memory


def main(sessions: Annotated[int, typer.Option(help="How many malformed sessions.")] = 10_000) -> None:
    """Attack our media server and tell what became of it."""
    core = max(os.sched_getaffinity(0))
    log = Path(tempfile.mkdtemp()) / "server.log"
    with running(OURS, core, log) as server:
        seen, outcomes, memory = asyncio.run(attack(server.url, sessions, Meter(server.pid, core)))
    for outcome, count in sorted(outcomes.items()):
        console.print(f"{count:6}  {outcome}")
    # A message of 10 MB is in memory while it is being refused, so one reading may stand out.
    growth = min(memory[-3:]) - memory[0]
    console.print(f"memory after each tenth, MB: {' '.join(f'{size:.1f}' for size in memory)} (growth {growth:+.1f})")
    console.print(f"healthy call: {seen.answered} of {seen.asked} phrases answered, {'LOST' if seen.lost else 'kept'}")
    open_sessions = sum(count for outcome, count in outcomes.items() if "OPEN" in outcome)
    good = not seen.lost and seen.answered >= seen.asked - 1 and open_sessions == 0 and growth < 5.0
    console.print("PASS" if good else "MISS")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)
