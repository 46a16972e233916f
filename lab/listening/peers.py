"""Servers beside each other, in real time over their sockets: clips with pauses, said by callers of `lab/benchmarks/`.

Ours hears the clips with the local recognizer. The others get recognized text from a stand-in, which they do not use to
end turns: stock pipecat asks smart-turn, lean pipecat waits.
"""

import asyncio
import base64
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from lab.benchmarks.caller import Caller, CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.line import Line, LineState
from lab.benchmarks.server import LEAN, OURS, STOCK, Contender, running
from lab.listening.clips import Clip, ClipAudio
from lab.listening.our_server import our_server
from lab.listening.sound import FRAME_MS, USUAL_DB, at_level
from lab.listening.timeline import LEAD_MS, speak

PEERS: Final = (OURS, STOCK, LEAN)
AT_ONCE: Final = 4
ANSWER_S: Final = 5.0
_DIAL_S: Final = 10.0


class PeerCase(msgspec.Struct, frozen=True):
    """One call. pause_ms: 0 without a pause. was_cut: agent audio arrived before the true end. response_ms: from the
    true end to the first agent audio after it; None: none came."""

    server: str
    clip: str
    pause_ms: int
    was_cut: bool
    response_ms: float | None


class PeerError(Exception):
    """A call was refused or lost; the message names the server."""


def run_peer(peer: Contender, clips: Sequence[Clip], audio: ClipAudio, pauses_ms: Sequence[int]) -> list[PeerCase]:
    """Each clip with each pause at its first boundary (0: without), a few calls at once. Raises PeerError, NotReady,
    SourceError."""
    wanted = [(clip, pause_ms) for clip in clips for pause_ms in pauses_ms]
    with TemporaryDirectory() as name:
        folder, cases = Path(name), list[PeerCase]()
        contender = our_server(folder) if peer is OURS else peer
        with running(contender, max(os.sched_getaffinity(0)), folder / "log") as server:
            for start in range(0, len(wanted), AT_ONCE):
                cases += asyncio.run(_run_some(peer, server.url, wanted[start : start + AT_ONCE], audio))
    return cases


async def _run_some(peer: Contender, url: str, wanted: Sequence[tuple[Clip, int]], audio: ClipAudio) -> list[PeerCase]:
    phrases = [_phrase(clip, pause_ms, audio) for clip, pause_ms in wanted]
    calls = [_call(peer, url, number, phrase) for number, phrase in enumerate(phrases)]
    found = await asyncio.gather(*calls)
    return [
        PeerCase(peer.name, clip.name, pause_ms, was_cut, response)
        for (clip, pause_ms), (was_cut, response) in zip(wanted, found, strict=True)
    ]


def _phrase(clip: Clip, pause_ms: int, audio: ClipAudio) -> Phrase:
    """What the caller says: from its first sound to the true end, to the next 20 ms."""
    caller = speak(at_level(audio.samples(clip), USUAL_DB), clip.boundaries[:1] if pause_ms else (), pause_ms)
    frames = caller.frames[LEAD_MS // FRAME_MS : -(-int(caller.end_ms) // FRAME_MS)]
    return Phrase(tuple(base64.b64encode(frame) for frame in frames), LEAD_MS, int(caller.end_ms))


async def _call(peer: Contender, url: str, number: int, phrase: Phrase) -> tuple[bool, float | None]:
    """Whether the agent spoke too early, and the response in ms."""
    loop, up = asyncio.get_running_loop(), asyncio.Event()
    seconds = len(phrase.frames) * FRAME_MS / 1_000
    behavior = CallerBehavior(len(phrase.frames), cycle_s=1_000.0, patience_s=1_000.0)
    caller = Caller(behavior, loop.time() + LEAD_MS / 1_000)
    line = Line(url, number, phrase, caller, lambda _: up.set(), loop.time)
    host, port = url.removeprefix("ws://").partition("/")[0].split(":")
    await loop.create_connection(lambda: line, host, int(port))
    try:
        async with asyncio.timeout(_DIAL_S):
            await up.wait()
        began = loop.time()
        for frame in range(round((LEAD_MS / 1_000 + seconds + ANSWER_S) * 1_000 / FRAME_MS)):
            await asyncio.sleep(began + frame * FRAME_MS / 1_000 - loop.time())
            line.send_frame(loop.time())
        if line.state is not LineState.UP:
            raise PeerError(f"{peer.name}: the line is {line.state.value}")
        line.hang_up()
    except TimeoutError as error:
        raise PeerError(f"{peer.name}: not up after {_DIAL_S:g} s") from error
    finally:
        line.close()
    turn = caller.turns[0]
    return turn.cut_in, None if turn.answered is None or turn.ended is None else (turn.answered - turn.ended) * 1_000
