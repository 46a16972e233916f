"""100 calls whose first language model is dead: how many turns meet it, and how long their callers wait.

Boards of health stand for media processes, with the chains that calls use, in real time. Each variant has its
own accounts, so all run at once on one Valkey.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from aiohttp import ClientSession

from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import scripted_caller
from lab.stage.calls import check_calls, start_calls, wait_for_records
from lab.stage.platform import Platform, PlatformShape, running_platform
from lab.verdict import Report, Verdict, make_report
from media.providers.chain.chain_health import ChainHealth
from media.providers.factory import ProviderFactory
from media.providers.health import HealthBoard, HealthKey
from media.providers.health_record import HealthPolicy
from media.providers.ports import ChatRequest, LanguageModel, Message, ProviderError, TextDelta
from media.server.bus.provider_health import ProviderHealthSync
from media.server.metrics import Metrics
from shared.bus.client import bus_client
from shared.bus.health import ProviderHealthStates
from shared.events import ProviderFailed
from shared.plan import AgentPlan, CallPlan, ProviderPlan
from simulator.carrier.prepared_turn import PreparedTurn
from vendors.standin import media as standin_media
from vocalized.services.valkey import running_valkey

CALLS: Final = 100
TURNS: Final = 3
PER_S: Final = 5.0
PAUSE_S: Final = 3.0
PROCESSES: Final = (2, 8)
BUS_S: Final = 1.0
# Most turns that may meet the dead model, of all.
MOST_MET: Final = 25
REQUEST: Final = ChatRequest("", [Message("user", "Are you open?")])
WORKING: Final = ProviderPlan("second", {"first_token_ms": 200, "text": "Yes, until five."}, "standin")
Fault = Literal["silent", "open"]


@dataclass(frozen=True, slots=True)
class Variant:
    """fault: the dead model never answers, or refuses at once. cool_down_s: 0: no board. shared: through Redis."""

    title: str
    fault: Fault
    cool_down_s: float
    shared: bool
    processes: int


VARIANTS: Final = tuple(
    Variant(title, fault, cool_down_s, shared, processes)
    for fault in ("silent", "open")
    for processes in PROCESSES
    for title, cool_down_s, shared in (
        ("each call alone", 0.0, False),
        ("a board per process, Redis gone", 15.0, False),
        ("boards shared through Redis", 15.0, True),
    )
)


@dataclass(slots=True)
class Waits:
    """Of one variant: each turn's seconds to the first token, the calls that met the dead model, and how often."""

    seconds: list[float] = field(default_factory=list)
    met: int = 0
    calls: set[int] = field(default_factory=set)


async def measure_waits(variant: Variant, redis_url: str) -> Waits:
    """Runs the calls of one variant."""
    waits, secret = Waits(), secrets.token_bytes(32)
    plan = CallPlan(
        AgentPlan(),
        stt=[ProviderPlan("standin")],
        llm=[ProviderPlan("first", {"fail": variant.fault}, "standin"), WORKING],
        tts=[ProviderPlan("standin")],
    )
    async with AsyncExitStack() as running:
        factories = [
            await running.enter_async_context(_process(variant, secret, redis_url)) for _ in range(variant.processes)
        ]
        async with asyncio.TaskGroup() as calls:
            for number in range(CALLS):
                factory = factories[number % variant.processes]
                calls.create_task(_call(factory, plan, number, waits))
                await asyncio.sleep(1 / PER_S)
    return waits


@asynccontextmanager
async def _process(variant: Variant, secret: bytes, redis_url: str) -> AsyncIterator[ProviderFactory]:
    """What a media process has of providers: the factory, the board, and its link to Redis."""
    board = HealthBoard(asyncio.get_running_loop().time, HealthPolicy(cool_down_s=variant.cool_down_s))
    async with ClientSession() as http, bus_client(redis_url, BUS_S) as redis:
        sync = ProviderHealthSync(board, ProviderHealthStates(redis, secrets.token_hex(4)), Metrics())
        if variant.shared:
            sync.start()
        yield ProviderFactory((standin_media.VENDOR,), http, health=board, health_secret=secret)
        await sync.close()


async def _call(factory: ProviderFactory, plan: CallPlan, number: int, waits: Waits) -> None:
    def on_failed(failed: ProviderFailed) -> None:
        waits.met += 1
        waits.calls.add(number)

    llm = factory.build(plan, on_failed, lambda usage: None).llm
    for _ in range(TURNS):
        waits.seconds.append(await _first_token_s(llm))
        await asyncio.sleep(PAUSE_S)


async def _first_token_s(llm: LanguageModel) -> float:
    begun, first = time.monotonic(), 0.0
    async for event in llm.stream(REQUEST):
        if isinstance(event, TextDelta) and not first:
            first = time.monotonic() - begun
    return first


async def compare_boards(folder: Path) -> Report:
    """Measure each variant; the report is good if the boards kept the callers away from the dead model."""
    async with running_valkey(folder, durable=False) as valkey:
        found = await asyncio.gather(*(measure_waits(variant, valkey.url) for variant in VARIANTS))
    lines = [
        f"{CALLS} calls, {PER_S:g} a second, {TURNS} turns each; wait for the first token\n",
        "| the first model | processes | health | turns that met it | calls | p50 | p95 | longest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(variant, waits) for variant, waits in zip(VARIANTS, found, strict=True)),
    ]
    shared = [waits for variant, waits in zip(VARIANTS, found, strict=True) if variant.shared]
    return Report("\n".join(lines), all(waits.met <= MOST_MET for waits in shared))


def _row(variant: Variant, waits: Waits) -> str:
    p50, p95, longest = (float(np.percentile(waits.seconds, share)) for share in (50, 95, 100))
    fault = "never answers" if variant.fault == "silent" else "refuses at once"
    met = f"{waits.met} of {len(waits.seconds)} | {len(waits.calls)}"
    return f"| {fault} | {variant.processes} | {variant.title} | {met} | {p50:.2f} s | {p95:.2f} s | {longest:.2f} s |"


def describe_flapping(hours: float = 1.0) -> str:
    """Return a table of what becomes of a model that fails every third request, or each with the chance of a third."""
    lines = [
        "| requests a second | failures | ejections in an hour | requests served by it |",
        "| --- | --- | --- | --- |",
    ]
    for per_s in (0.2, 1.0, 10.0):
        for every in (True, False):
            ejections, share = count_ejections(per_s, hours * 3_600, every_third=every)
            kind = "every third" if every else "a third at random"
            lines.append(f"| {per_s:g} | {kind} | {ejections} | {100 * share:.0f} % |")
    return "\n".join(lines)


def count_ejections(per_s: float, seconds: float, *, every_third: bool) -> tuple[int, float]:
    """Sends one request after the other to a board with a clock of its own. Returns the ejections and the share of the
    requests that the provider was tried for."""
    now, tried, ejections, chance = 0.0, 0, 0, np.random.default_rng(1)
    board = HealthBoard(lambda: now, chance=chance.random)
    changes: list[str] = []
    board.subscribe(lambda change: changes.append(change.what))
    health = ChainHealth(board, [HealthKey("llm", "first")])
    total = round(per_s * seconds)
    for number in range(total):
        now = number / per_s
        if not health.is_usable(0):
            continue
        tried += 1
        attempt = health.start(0)
        if (tried % 3 == 0) if every_third else (chance.random() < 1 / 3):
            attempt.fail(ProviderError("first", "HTTP 500"))
        else:
            attempt.mark_useful()
    ejections = changes.count("ejected")
    return ejections, tried / total


async def dead_model_calls(platform: Platform, words: Sequence[PreparedTurn]) -> list[Verdict]:
    """The same through the whole platform: its agents' first model never answers."""
    callers = [scripted_caller(words, index) for index in range(CALLS)]
    await asyncio.gather(*await start_calls(platform, callers, PER_S))
    records = await wait_for_records(platform, callers)
    (failed,) = await platform.rows(
        "SELECT count(*) AS turns, count(DISTINCT call_id) AS calls FROM call_events "
        "WHERE event_type = 'provider.failed'"
    )
    (turns,) = await platform.rows(
        "SELECT count(*) AS all, percentile_disc(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP "
        "(ORDER BY (event_data->>'total_ms')::int) AS ms FROM call_events WHERE event_type = 'turn.latency'"
    )
    p50, p95, longest = turns["ms"] or (0, 0, 0)
    met = f"{failed['turns']} of {turns['all']}, in {failed['calls']} calls"
    return [
        Verdict("turns that met the dead model", f"≤ {MOST_MET}", met, failed["turns"] <= MOST_MET),
        Verdict("answers as media measures them: p50, p95, longest", "", f"{p50}, {p95}, {longest} ms", None),
        *check_calls(callers, records),
    ]


async def _run(stage: Stage) -> Report:
    boards = await compare_boards(stage.folder)
    async with running_platform(stage.root, stage.folder, PlatformShape(nodes=2, dead_model=True)) as platform:
        calls = make_report(await dead_model_calls(platform, stage.words))
    through = f"The whole platform with two media nodes\n\n{calls.body}"
    return Report("\n\n".join([boards.body, describe_flapping(), through]), boards.good and calls.good)


SCENARIO: Final = Scenario(title="A dead first model", turns=TURNS, run=_run)
