"""What people who listen to calls cost, and how far behind they hear: calls with and without listeners, side by side.

Every few seconds a caller's silence holds a click. A listener's lag is the time from the moment at which the click's
frame was sent to the moment at which the click came to the listener. On the agent's side it is the time from the moment
at which an answer's first audible sound was heard by the caller. The servers run on a bus of their own, whose Valkey
counts as a part of them.
"""

import asyncio
import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final, cast

from lab.benchmarks import frames, twilio
from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import FRAME, SILENCE, Phrase
from lab.benchmarks.delays import PLAN
from lab.benchmarks.line import Line
from lab.benchmarks.load import LoadPlan, MakeFrame, run_loads
from lab.benchmarks.meter import Meter
from lab.benchmarks.results import LoadResult, Spread, spread, without_rivals
from lab.benchmarks.run import Machine, summary
from lab.benchmarks.server import Contender, NotReady, running

CLICK: Final = b"\x00\x80" * 8  # 2 ms of the loudest mu-law codes
CLICK_FRAME: Final = base64.b64encode(CLICK.rjust(FRAME // 2, b"\xff").ljust(FRAME, b"\xff"))
CLICK_EVERY: Final = 125  # silent frames
# Sound of the agent counts as the beginning of an answer after so much silence, in samples.
QUIET_BEFORE: Final = 1_600
LATEST_S: Final = 3.0
TOKENS_S: Final = 60.0
# For the server to claim the plans of the last calls.
CLAIMED_S: Final = 2.0
MOST_MORE_MS: Final = 0.3
MOST_LAG_MS: Final = 400.0
_HEAD: Final = struct.Struct("<IBxH")


class Clicks:
    """Makes the silent frames of all calls. sent: by call, when the frames with a click were made, which is when they
    are sent."""

    def __init__(self) -> None:
        self.sent: dict[int, list[float]] = {}

    def make_silence(self, number: int) -> MakeFrame:
        """Return what makes the silent frames of a call."""
        sent, count = self.sent.setdefault(number, []), 0

        def make() -> bytes:
            nonlocal count
            count += 1
            if count % CLICK_EVERY:
                return SILENCE
            sent.append(perf_counter())
            return CLICK_FRAME

        return make


@dataclass(slots=True)
class Heard:
    """What one listener heard. caller, agent: when a click or an answer came, and its lag in s. missing_ms: audio that
    never came. ended: the close frame's reason."""

    caller: list[tuple[float, float]] = field(default_factory=list)
    agent: list[tuple[float, float]] = field(default_factory=list)
    missing_ms: float = 0.0
    messages: int = 0
    ended: str = ""


class Listener(asyncio.Protocol):
    """The socket of one person who listens."""

    def __init__(self, url: str, line: Line, sent: Sequence[float], *, reads: bool = True) -> None:
        """sent: when the clicks of the call were sent. reads: false for a listener that takes nothing."""
        self.heard = Heard()
        self._host, self._path = url.removeprefix("ws://").split("/", 1)
        self._line, self._sent, self._reads = line, sent, reads
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._opening: frames.Opening | None = frames.Opening(self._key)
        self._inbox = frames.Inbox()
        self._tail = b""  # the last samples of the caller, because a click may lie between two messages
        self._quiet = QUIET_BEFORE  # samples of the agent's silence
        self._next_ms: float | None = None
        self._clicks = self._answers = 0.0  # the last one that was heard
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(frames.request(self._host, f"/{self._path}", self._key))
        if not self._reads:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if self._opening is not None:
            rest = self._opening.feed(data)
            if rest is None:
                return
            self._opening, data = None, rest
        for opcode, payload in self._inbox.feed(data):
            if opcode == frames.CLOSE:
                self.heard.ended = payload[2:].decode(errors="replace")
            elif opcode == frames.TEXT:
                self._read_text(payload)
            else:
                self._read_audio(now, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.ended = self.heard.ended or "lost"

    def _read_text(self, payload: bytes) -> None:
        message = json.loads(payload)
        if message["event"] == "dropped":
            self._next_ms = None  # counted here
            self.heard.missing_ms += message["ms"]

    def _read_audio(self, now: float, payload: bytes) -> None:
        at_ms, _, samples = _HEAD.unpack_from(payload)
        self.heard.messages += 1
        # Times are whole milliseconds.
        if self._next_ms is not None and at_ms > self._next_ms + 2:
            self.heard.missing_ms += at_ms - self._next_ms
        self._next_ms = at_ms + samples / 8
        caller = self._tail + payload[_HEAD.size : _HEAD.size + samples]
        self._tail = caller[1 - len(CLICK) :]
        if CLICK in caller:
            self._clicks = _add(self.heard.caller, now, self._sent, self._clicks)
        self._follow_agent(now, payload[_HEAD.size + samples :])

    def _follow_agent(self, now: float, agent: bytes) -> None:
        if not twilio.audible(agent):
            self._quiet += len(agent)
            return
        if self._quiet >= QUIET_BEFORE:
            answers = [turn.answered for turn in self._line.caller.turns[-2:] if turn.answered is not None]
            self._answers = _add(self.heard.agent, now, answers, self._answers)
        self._quiet = 0


def _add(heard: list[tuple[float, float]], now: float, sounded: Sequence[float], last: float) -> float:
    """Adds the lag of the latest sound, unless it is known or too old to be the one that came; returns its time."""
    at = max((moment for moment in sounded[-4:] if moment <= now), default=0.0)
    if at > last and now - at < LATEST_S:
        heard.append((now, now - at))
        return at
    return last


@dataclass(slots=True)
class Desk:
    """All listeners of a server, one for each call; one more takes nothing."""

    url: str
    tokens: Sequence[dict[str, str]]
    clicks: Clicks
    listeners: list[Listener] = field(default_factory=list)
    stuck: Listener | None = None

    async def open(self, lines: Sequence[Line]) -> None:
        """Opens the sockets once the calls run."""
        await asyncio.sleep(CLAIMED_S)
        for number, line in enumerate(lines):
            self.listeners.append(await self._open(self.tokens[number]["listener"], line, number))
        self.stuck = await self._open(self.tokens[0]["stuck"], lines[0], 0, reads=False)

    async def _open(self, token: str, line: Line, number: int, *, reads: bool = True) -> Listener:
        url = f"{self.url}/media/supervise/{token}"
        listener = Listener(url, line, self.clicks.sent[number], reads=reads)
        opened = socket.socket()
        if not reads:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        host, port = self.url.removeprefix("ws://").split(":")
        opened.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(opened, (host, int(port)))
        await loop.create_connection(lambda: listener, sock=opened)
        return listener

    def figures(self, load: LoadResult) -> "ListenerFigures":
        """What the listeners heard within the window."""
        end = load.began + load.seconds
        heard = [listener.heard for listener in self.listeners]
        sent = sum(load.began <= at < end - LATEST_S for found in self.clicks.sent.values() for at in found)
        found = [lag for each in heard for now, lag in each.caller if load.began <= now - lag < end - LATEST_S]
        return ListenerFigures(
            caller_ms=[1_000 * lag for each in heard for now, lag in each.caller if load.began <= now < end],
            agent_ms=[1_000 * lag for each in heard for now, lag in each.agent if load.began <= now < end],
            clicks_sent=sent,
            clicks_heard=len(found),
            missing_frames=sum(each.missing_ms for each in heard) / 20,
            ended=sum(each.ended not in ("", "call_ended") for each in heard),
        )


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    """What all listeners of a load heard. ended: listeners whose socket ended before their call."""

    caller_ms: list[float]
    agent_ms: list[float]
    clicks_sent: int
    clicks_heard: int
    missing_frames: float
    ended: int


@dataclass(frozen=True, slots=True)
class ListenerPair:
    """The loads of the two servers of a pair."""

    listened: LoadResult
    alone: LoadResult
    figures: ListenerFigures

    @property
    def more_ms(self) -> float:
        """Processor time that the listeners cost, ms per call-second."""
        return _cpu_ms(self.listened) - _cpu_ms(self.alone)


def measure(
    phrase: Phrase, calls: int, seconds: float, pairs: int, core: int, say: Callable[[str], None]
) -> Iterator[ListenerPair]:
    """Runs the pairs; the server that starts first alternates. Raises NotReady."""
    for number in range(pairs):
        pair = _run_pair(phrase, calls, seconds, core, listened_first=number % 2 == 0)
        if pair.listened.void or pair.alone.void:
            say(f"pair {number + 1}: the machine was busy with other processes; repeating")
            pair = _run_pair(phrase, calls, seconds, core, listened_first=number % 2 == 0)
        say(f"with listeners: {summary(pair.listened)}")
        say(f"without: {summary(pair.alone)}")
        yield pair


def _run_pair(phrase: Phrase, calls: int, seconds: float, core: int, *, listened_first: bool) -> ListenerPair:
    behavior = CallerBehavior(len(phrase.frames))
    names = ("listened", "alone") if listened_first else ("alone", "listened")
    loads: dict[str, tuple[LoadPlan, Meter | None]] = {}
    desks: dict[str, Desk] = {}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for name in names:
            path = Path(folder) / f"{name}.json"
            server = stack.enter_context(running(_contender(name, calls, path), core, Path(folder) / f"{name}.log"))
            tokens, clicks = _wait_for_tokens(path), Clicks()
            desk = desks[name] = Desk(server.url.removesuffix("/media/twilio"), tokens, clicks)
            plan = LoadPlan(
                server.url,
                calls,
                seconds,
                phrase,
                behavior,
                make_silence=clicks.make_silence,
                make_suffix=lambda number, tokens=tokens: f"/{tokens[number]['call']}",  # type: ignore[misc]
                on_connected=desk.open if name == "listened" else None,
            )
            loads[name] = (plan, Meter(server.pid, core))
        results = dict(zip(names, without_rivals(run_loads([loads[name] for name in names])), strict=True))
    return ListenerPair(results["listened"], results["alone"], desks["listened"].figures(results["listened"]))


def _contender(name: str, calls: int, tokens: Path) -> Contender:
    arguments = (
        *("-m", "lab.stage.listened_node", "--port", "{port}", "--plan", str(PLAN)),
        *("--calls", str(calls), "--tokens", str(tokens)),
    )
    return Contender(name, f"Vocalized media on a bus ({name})", arguments, "/media/twilio")


def _wait_for_tokens(path: Path) -> list[dict[str, str]]:
    until = time.monotonic() + TOKENS_S
    while not path.exists():
        if time.monotonic() > until:
            raise NotReady("the node issued no tokens")
        time.sleep(0.1)
    found: list[dict[str, str]] = json.loads(path.read_text())
    return found


def _cpu_ms(load: LoadResult) -> float:
    return load.server.cpu_ms if load.server else 0.0


# --- the page ---

_HEADER: Final = """\
# Cost and lag of listeners

For people who plan a live desk: what listening costs a media node, and how far behind the call a listener hears.
`python -m lab.benchmarks listeners --out docs/evidence/listeners.md` writes this page.

{machine}
{pairs} pairs of two servers on one core in the same {seconds:.0f} s: {calls} calls with a listener each and one more
that reads nothing, and {calls} calls alone. Each server has a bus of its own; its Valkey counts as a part of it.

| | with listeners | without | target |
| --- | --- | --- | --- |
"""
_VOID: Final = """
**Void**: other processes used the machine during at least one pair.
"""
_METHOD: Final = """
**Method.** Callers speak a recorded phrase. Stand-ins recognize, answer and speak with fixed delays, as in
[performance](performance.md). After every 2.5 s of its silence, a caller sends a click of 2 ms. The lag of the
caller's side is the time from the moment at which the frame with the click was sent until the click came to the
listener. The lag of the agent's side is the time from the first audible sound of an answer at the caller until that
sound came to the listener.
"""


def page(machine: Machine, pairs: Sequence[ListenerPair]) -> str:
    """The page, as Markdown."""
    first = pairs[0].listened
    described = (
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, {machine.date}."
    )
    header = _HEADER.format(machine=described, pairs=len(pairs), seconds=first.seconds, calls=first.calls)
    void = _VOID if any(pair.listened.void or pair.alone.void for pair in pairs) else ""
    return header + "".join(f"{row}\n" for row in _rows(pairs)) + void + _METHOD


def _rows(pairs: Sequence[ListenerPair]) -> Iterator[str]:
    caller, agent = _spread(pairs, "caller_ms"), _spread(pairs, "agent_ms")
    with_them, alone = [pair.listened for pair in pairs], [pair.alone for pair in pairs]
    for number, pair in enumerate(pairs, 1):
        yield f"| CPU per call-second, pair {number}, ms | {_cpu_ms(pair.listened):.2f} | {_cpu_ms(pair.alone):.2f} | |"
    more = sum(pair.more_ms for pair in pairs) / len(pairs)
    yield f"| CPU that a listener adds, mean, ms | {more:.2f} | | {_verdict(more <= MOST_MORE_MS, 'at most 0.3')} |"
    gaps = [sum(load.underruns for load in loads) for loads in (with_them, alone)]
    yield f"| underruns of callers | {gaps[0]} | {gaps[1]} | {_verdict(gaps[0] == 0, '0')} |"
    lost = [sum(load.lost + load.refused + load.unanswered for load in loads) for loads in (with_them, alone)]
    yield f"| calls lost, turns unanswered | {lost[0]} | {lost[1]} | {_verdict(lost[0] == 0, '0')} |"
    answers = [sum(load.latency.p50 for load in loads) / len(loads) for loads in (with_them, alone)]
    yield f"| answer, p50, ms | {answers[0]:.0f} | {answers[1]:.0f} | |"
    for side, lag in (("caller", caller), ("agent", agent)):
        target = _verdict(0 < lag.p95 <= MOST_LAG_MS, "at most 400 at p95")
        yield f"| lag of the {side}'s side, p50 and p95, ms | {lag.p50:.0f}, {lag.p95:.0f} | | {target} |"
    sent = sum(pair.figures.clicks_sent for pair in pairs)
    heard = sum(pair.figures.clicks_heard for pair in pairs)
    yield f"| clicks heard, of those sent | {heard} of {sent} | | {_verdict(heard == sent, 'all')} |"
    missing = sum(pair.figures.missing_frames for pair in pairs)
    yield f"| frames of 20 ms that listeners missed | {missing:.0f} | | {_verdict(missing < 1, '0')} |"
    ended = sum(pair.figures.ended for pair in pairs)
    yield f"| listeners that ended before their call | {ended} | | {_verdict(ended == 0, '0')} |"


def _spread(pairs: Sequence[ListenerPair], name: str) -> Spread:
    return spread([lag for pair in pairs for lag in getattr(pair.figures, name)])


def _verdict(is_met: bool, target: str) -> str:
    return f"{target}: met" if is_met else f"{target}: **missed**"
