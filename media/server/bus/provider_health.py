"""Shares the health of providers with other nodes through Redis."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from media.providers.health import HealthBoard, HealthChange, HealthKey, SharedHealth
from media.providers.ports import ProviderKind
from media.server.bus.tasks import start_bus_task, stop_task, wait_and_clear
from media.server.metrics import Metrics
from shared.bus.health import HealthReport, HealthState, ProviderHealthStates, RecentRequests, SharedStates
from shared.supervised_task import SupervisedTask

EVERY_S: Final = 1.0
# If Redis's time goes back by more than this, its clock was set back, or another Redis took over.
CLOCK_BACK_MS: Final = 1_000
# The maximum number of changes (at most one per key) that wait for Redis. Beyond it, the oldest is dropped.
MAX_PENDING: Final = 1_000


class ProviderHealthSync:
    """Reports each change of the board at once, and reads the reports of other nodes every EVERY_S seconds."""

    def __init__(
        self, board: HealthBoard, states: ProviderHealthStates, metrics: Metrics, *, every_s: float = EVERY_S
    ) -> None:
        self._board, self._states, self._metrics, self._every_s = board, states, metrics, every_s
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._pending: dict[HealthKey, tuple[HealthChange, float]] = {}  # each with the time of the change
        self._redis_ms = 0
        self._wake = asyncio.Event()
        self.task: SupervisedTask | None = None
        board.subscribe(self._on_change)

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("provider_health", self._step, self._metrics)

    async def close(self) -> None:
        """Stop the task."""
        await stop_task(self.task)

    def _on_change(self, change: HealthChange) -> None:
        if change.shared:
            return
        self._pending.pop(change.key, None)
        if len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[change.key] = change, self._clock()
        self._wake.set()

    async def _step(self) -> None:
        await self._exchange()
        await wait_and_clear(self._wake, self._every_s)

    async def _exchange(self) -> None:
        """Exchange states in one round trip. Raises BusUnavailable; the changes then stay for the next round trip."""
        sent, now = dict(self._pending), self._clock()
        reports = [_report(change, now - at) for change, at in sent.values()]
        recent = {_name(key): RecentRequests(*seen) for key, seen in self._board.recent().items()}
        shared = await self._states.exchange(reports, recent)
        for key, entry in sent.items():
            if self._pending.get(key) is entry:
                del self._pending[key]
        self._apply(shared)
        self._board.set_out_of_service(await self._states.list_out_of_service())

    def _apply(self, shared: SharedStates) -> None:
        if shared.now_ms < self._redis_ms - CLOCK_BACK_MS:  # newer reports have lower versions from now on
            self._board.forget_versions()
        self._redis_ms = shared.now_ms
        for name, seen in shared.recent.items():
            if (key := _parse(name)) is not None:
                self._board.heed(key, seen.doubts, seen.useful_age_s)
        for name, state in shared.states.items():
            if state.node != self._states.node and (key := _parse(name)) is not None:
                self._board.learn(key, _shared_health(state, shared.now_ms))


def _report(change: HealthChange, age_s: float) -> HealthReport:
    began_s = age_s + change.evidence_s
    if not change.cool_down_s:
        return HealthReport(_name(change.key), began_s)
    return HealthReport(_name(change.key), began_s, change.cool_down_s + change.evidence_s, change.ejections)


def _name(key: HealthKey) -> str:
    return f"{key.kind}:{key.fingerprint}:{key.provider}"


def _parse(name: str) -> HealthKey | None:
    """Parse a key. Returns None for a name that another release wrote."""
    kind, _, rest = name.partition(":")
    fingerprint, separator, provider = rest.partition(":")
    if kind not in ("stt", "llm", "tts") or not separator:
        return None
    return HealthKey(cast(ProviderKind, kind), provider, fingerprint)


def _shared_health(state: HealthState, now_ms: int) -> SharedHealth:
    left_s = None if state.works else (state.until_ms - now_ms) / 1_000
    return SharedHealth(state.version, (now_ms - state.at_ms) / 1_000, left_s, state.ejections)
