"""The boards of several processes, shared through a real Valkey, and what holds without it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import ProviderSlow
from media.server.bus import provider_health
from media.server.bus.provider_health import ProviderHealthSync
from media.server.metrics import Metrics
from media.server.provider_health import ProviderHealthReporter
from shared.bus.client import BusClient, bus_client
from shared.bus.health import HealthReport, HealthState, ProviderHealthStates, SharedStates
from shared.events import CallerSaid, ProviderFailed
from shared.plan import CallPlan
from tests.media.server.bus.conftest import call_plan
from tests.media.server.conftest import PLAN
from tests.media.server.phone import Phone
from tests.platform.bus_node import BusNode, running_bus_node, wait_until
from vocalized.services.valkey import running_valkey

KEY = HealthKey("llm", "my:llama", "f00")
DOWN = ProviderSlow("my-llama", "nothing came for 4 s")
EVERY_S = 0.02
WORDS = "and so my fellow americans"  # of the plan's own recognizer


class SharedBoard:
    """A board with its link to Redis and its metrics."""

    def __init__(self, redis: BusClient) -> None:
        self.metrics = Metrics()
        self.board = HealthBoard(asyncio.get_running_loop().time)
        self.board.subscribe(ProviderHealthReporter(self.metrics))
        self.sync = ProviderHealthSync(
            self.board, ProviderHealthStates(redis, token_hex(4)), self.metrics, every_s=EVERY_S
        )

    def fail(self, times: int = 3) -> None:
        for _ in range(times):
            self.board.start(KEY).fail(DOWN)

    async def wait_usable(self, usable: bool) -> None:
        async def poll() -> bool:
            return self.board.is_usable(KEY) is usable

        await wait_until(poll)

    def metric(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(f"vocalized_media_{name}", labels)
        return found or 0.0


@asynccontextmanager
async def shared_boards(url: str, count: int = 2) -> AsyncIterator[list[SharedBoard]]:
    async with AsyncExitStack() as stack:
        boards = []
        for _ in range(count):
            redis = await stack.enter_async_context(aclosing(bus_client(url, 1.0)))
            boards.append(SharedBoard(redis))
            boards[-1].sync.start()
            stack.push_async_callback(boards[-1].sync.close)
        yield boards


@pytest.fixture
def valkey_folder() -> Iterator[Path]:
    """A short path, so that Valkey's socket has the same path after every start."""
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir="/tmp"))
    yield folder
    rmtree(folder)


async def test_what_one_finds_dead_all_know_and_whoever_heals_it_heals_it_for_all(redis_url: str) -> None:
    async with shared_boards(redis_url, 3) as (first, second, third):
        first.fail()
        await second.wait_usable(False)
        await third.wait_usable(False)
        labels = {"kind": "llm", "provider": "my:llama"}
        assert second.metric("provider_ejected", **labels) == 1
        assert second.metric("provider_transitions_total", to="ejected", **labels) == 1
        second.board.start(KEY).mark_useful()
        await third.wait_usable(True)
        assert third.metric("provider_ejected", **labels) == 0
        assert third.metric("provider_transitions_total", to="healed", **labels) == 1


async def test_all_nodes_follow_a_provider_taken_out_of_service(redis_url: str) -> None:
    async with shared_boards(redis_url) as (one, two):
        await one.sync._states.set_out_of_service([KEY.provider])
        await asyncio.gather(one.wait_usable(False), two.wait_usable(False))
        await one.sync._states.set_out_of_service([])
        await asyncio.gather(one.wait_usable(True), two.wait_usable(True))


async def test_process_that_starts_later_reads_the_state_at_once(redis_url: str) -> None:
    async with shared_boards(redis_url) as (first, second):
        first.fail()
        await second.wait_usable(False)
        async with shared_boards(redis_url, 1) as (late,):
            await late.wait_usable(False)


async def test_received_state_is_not_reported_again(redis_url: str) -> None:
    """Else two nodes would keep a provider ejected for ever."""
    async with aclosing(bus_client(redis_url, 1.0)) as redis:
        states = ProviderHealthStates(redis)
        await states.exchange([HealthReport("llm:f00:my:llama", 1.0, 15.0, 1)])
        before = (await states.exchange([])).states
        async with shared_boards(redis_url, 1) as (board,):
            await board.wait_usable(False)
            await board.sync._exchange()
        assert (await states.exchange([])).states == before


async def test_an_interrupted_probe_is_given_back_though_it_was_reported(redis_url: str) -> None:
    """Other processes wait for its result; the process that probes must not wait for itself."""
    async with shared_boards(redis_url, 1) as (board,), bus_client(redis_url, 1.0) as redis:
        now = asyncio.get_running_loop().time()
        clock = [now]
        board.board._clock = lambda: clock[0]
        board.fail()
        await board.sync._exchange()
        clock[0] += 20
        await asyncio.sleep(0.01)  # so that the probe is a later event, by Redis's clock
        probe = board.board.start(KEY)
        await board.sync._exchange()
        assert not board.board.is_usable(KEY), "the probe is under way"
        states = (await ProviderHealthStates(redis).exchange([])).states
        assert not states["llm:f00:my:llama"].works
        probe.release()
        await board.sync._exchange()
        assert board.board.is_usable(KEY)


async def test_reports_count_again_after_the_redis_clock_is_set_back(redis_url: str) -> None:
    """A replica took over whose clock is behind: its times are lower than those that this process knows."""
    async with shared_boards(redis_url, 1) as (board,):
        now_ms = 1_800_000_000_000

        def apply(now_ms: int, **state: int) -> None:
            found = {"llm:f00:my:llama": HealthState(node="other", **state)}
            board.sync._apply(SharedStates(now_ms, found, {}))

        await board.sync.close()
        apply(now_ms, at_ms=now_ms, until_ms=now_ms + 15_000, ejections=1)
        assert not board.board.is_usable(KEY)
        earlier = now_ms - 3_600_000
        apply(earlier, at_ms=earlier)
        assert board.board.is_usable(KEY)


async def test_states_of_a_later_version_are_ignored(redis_url: str) -> None:
    async with shared_boards(redis_url) as (first, second), bus_client(redis_url, 1.0) as redis:
        reports = [HealthReport("video:f00:x", 0.0, 15.0, 1), HealthReport("llm", 0.0, 15.0, 1)]
        await ProviderHealthStates(redis).exchange(reports)
        first.fail()
        await second.wait_usable(False)
        assert len(second.board._records) == 1


async def test_without_redis_each_process_has_its_own_board_and_reports_later(valkey_folder: Path) -> None:
    async with AsyncExitStack() as stack:
        valkey_stack = AsyncExitStack()
        valkey = await valkey_stack.enter_async_context(running_valkey(valkey_folder, durable=False))
        first, second = await stack.enter_async_context(shared_boards(valkey.url))
        await valkey_stack.aclose()
        first.fail()
        assert not first.board.is_usable(KEY)

        async def is_counted() -> bool:
            return first.metric("bus_failures_total", part="provider_health") > 0

        await wait_until(is_counted)
        assert second.board.is_usable(KEY)
        async with running_valkey(valkey_folder, durable=False):
            await second.wait_usable(False)


def test_changes_that_wait_for_redis_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_health, "MAX_PENDING", 2)

    async def main() -> None:
        board = SharedBoard(bus_client("redis://127.0.0.1:9", 0.1))
        for number in range(5):
            for _ in range(3):
                board.board.start(HealthKey("stt", f"ear {number}")).fail(DOWN)
        assert [key.provider for key in board.sync._pending] == ["ear 3", "ear 4"]

    asyncio.run(main())


# --- calls ----------------------------------------------------------------------------------------------------------

DEAD = b'"llm": [{"provider": "first", "vendor": "standin", "options": {"fail": "open"}}, {'


def plan_with_dead_model() -> CallPlan:
    return call_plan(PLAN, (b'"llm": [{', DEAD))


async def take_turn(bus_node: BusNode, speech: bytes, stream: str) -> None:
    phone: Phone = await bus_node.dial(plan_with_dead_model(), stream)
    await phone.speak(speech)
    await phone.wait_for_audio(600)
    await phone.hang_up()


async def failed_calls(bus_node: BusNode) -> set[str]:
    """The calls that met the dead model."""
    found = await bus_node.envelopes()
    return {envelope.call_id for envelope in found if isinstance(envelope.event, ProviderFailed)}


async def test_calls_of_two_nodes_find_a_dead_model_out_together(
    redis_url: str, tmp_path: Path, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three calls on one node meet it; the next one there does not, nor one on the other node."""
    async with (
        running_bus_node(redis_url, tmp_path / "a", node_id="a") as first,
        running_bus_node(redis_url, tmp_path / "b", node_id="b") as second,
    ):
        for number in range(4):
            await take_turn(first, speech, f"MZ{number}")

        async def is_known() -> bool:
            return second.metric("vocalized_media_provider_ejected", kind="llm", provider="first") == 1

        await wait_until(is_known)
        await take_turn(second, speech, "MZ5")
        assert len(await failed_calls(second)) == 3


async def test_an_open_recognizer_of_a_running_call_is_left_when_the_staff_take_it_out_of_service(
    bus_node: BusNode, speech: bytes
) -> None:
    """Told over the bus in mid-call: the next turn is recognized by the other one, and the call goes on."""
    first = (
        b'"stt": [{"provider": "first", "vendor": "standin", "options": {"final_ms": 10, "text": "by the first"}}, {'
    )
    phone = await bus_node.dial(call_plan(PLAN, (b'"stt": [{', first)))
    await phone.speak(speech)
    await phone.wait_for_audio(600)
    await ProviderHealthStates(bus_node.redis).set_out_of_service(["first"])

    async def is_left() -> bool:
        return any(isinstance(event, ProviderFailed) for event in await bus_node.events())

    await wait_until(is_left)
    await phone.pause(1_000)  # after so much of an answer what the caller says is another turn
    await phone.speak(speech)

    async def has_two_turns() -> bool:
        return len([event for event in await bus_node.events() if isinstance(event, CallerSaid)]) == 2

    await wait_until(has_two_turns)
    await phone.hang_up()
    events = await bus_node.events()
    assert [event.text for event in events if isinstance(event, CallerSaid)] == ["by the first", WORDS]
    (left,) = [event for event in events if isinstance(event, ProviderFailed)]
    assert (left.kind, left.provider, left.reason, left.next) == ("stt", "first", "taken out of service", "standin")
