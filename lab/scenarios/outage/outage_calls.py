"""50 calls while all first choices of all roles fail for a minute and are well again, on two nodes that share their
board of health."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lab.scenarios.failover.cell_call import make_plan
from lab.scenarios.failover.cells import CHAINS, ROLES
from lab.stage.conversation import Conversation, read_conversation
from lab.stage.machine_load import MachineLoad, measuring_load
from lab.stage.media_nodes import CALL_S, MediaNodes, running_nodes
from lab.stage.timed_caller import TimedCaller
from lab.stage.vendor_accounts import VendorAccounts, running_accounts
from shared.events import CallEnded, EventEnvelope, ProviderFailed
from shared.ids import new_id
from simulator.carrier.caller import Caller
from simulator.carrier.media_call import CompletedCall
from simulator.carrier.script import After, AfterAgent, Ending
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault, FaultKind, Role

CHAIN: Final = CHAINS["nova"]
NODES: Final = 2
CALLS: Final = 50
STARTS_PER_S: Final = 10.0
# Short calls that come and go all the time, so that recognizers are opened during the outage and after it, too.
SHORT_EVERY_S: Final = 2.0
SHORT_TURNS: Final = 2
HEALTHY_S: Final = 30.0
OUTAGE_S: Final = 60.0
# The cool-down doubles with each probe that fails, so after a minute it takes up to another one until the next probe.
# The other node then waits for a first cool-down (15 s), the next short call (4 s) and its words before its own probe.
AFTER_S: Final = 105.0
# More turns than fit into the time; the caller hangs up when it is over.
_MOST_TURNS: Final = 60
_WHENS: Final = AfterAgent(quiet_ms=700, patience_ms=15_000)
# Each connection gets the next one.
FAULT_KINDS: Final[tuple[FaultKind, ...]] = ("refuse", "stall", "garbage", "half_open", "error")


@dataclass(frozen=True, slots=True)
class OutagePhases:
    """Seconds of each phase."""

    healthy_s: float = HEALTHY_S
    outage_s: float = OUTAGE_S
    after_s: float = AFTER_S

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.healthy_s + self.outage_s + self.after_s


@dataclass(slots=True)
class OutageCall:
    """One call. started_at: seconds of `time.time`. is_long: whether it ran from the first phase to the last."""

    call_id: str
    node: int
    party: TimedCaller
    is_long: bool
    started_at: float = 0.0
    record: CompletedCall | None = None
    events: Sequence[EventEnvelope] = ()
    fault: str = ""

    @property
    def failures(self) -> list[tuple[EventEnvelope, ProviderFailed]]:
        """Providers that failed in it."""
        return [(event, event.event) for event in self.events if isinstance(event.event, ProviderFailed)]

    @property
    def ended_well(self) -> bool:
        """Whether it went on until its caller hung up."""
        ends = [event.event for event in self.events if isinstance(event.event, CallEnded)]
        return not self.fault and bool(ends) and ends[-1].end_reason == "caller_hangup"


@dataclass(slots=True)
class OutageRun:
    """What happened. struck_at, healed_at: seconds of `time.time`. opened: connections and requests that met the first
    choice of each role during the outage. logs: of the nodes. load: of the machine meanwhile."""

    phases: OutagePhases
    begun_at: float
    logs: tuple[Path, ...]
    calls: list[OutageCall] = field(default_factory=list)
    struck_at: float = 0.0
    healed_at: float = 0.0
    opened: dict[Role, int] = field(default_factory=dict)
    load: MachineLoad | None = None


async def run_outage(root: Path, folder: Path, phases: OutagePhases, calls: int = CALLS) -> OutageRun:
    """Runs all of it. root: the checkout. folder: for logs."""
    certificate = make_certificate(folder)
    conversation = await asyncio.to_thread(read_conversation, root)
    async with AsyncExitStack() as running:
        nodes = await running.enter_async_context(running_nodes(root, folder, certificate, NODES))
        accounts = await running.enter_async_context(running_accounts(certificate, conversation.make_ear))
        async with measuring_load() as gauge:
            outage = _Outage(nodes, accounts, conversation, OutageRun(phases, time.time(), nodes.logs))
            result = await outage.run(calls)
        result.load = gauge.load
        return result


class _Outage:
    """One run."""

    def __init__(
        self, nodes: MediaNodes, accounts: VendorAccounts, conversation: Conversation, result: OutageRun
    ) -> None:
        self._nodes = nodes
        self._accounts = accounts
        self._conversation = conversation
        self._result = result

    async def run(self, calls: int) -> OutageRun:
        phases = self._result.phases
        async with asyncio.TaskGroup() as running:
            for _ in range(calls):
                running.create_task(self._call(phases.total_s, is_long=True))
                await asyncio.sleep(1 / STARTS_PER_S)
            short = running.create_task(self._start_short_calls(running))
            await asyncio.sleep(self._left_s(phases.healthy_s))
            self._strike()
            await asyncio.sleep(self._left_s(phases.healthy_s + phases.outage_s))
            self._heal()
            await asyncio.sleep(self._left_s(phases.total_s - 10.0))
            short.cancel()
        return self._result

    def _left_s(self, until_s: float) -> float:
        return max(0.0, self._result.begun_at + until_s - time.time())

    async def _start_short_calls(self, running: asyncio.TaskGroup) -> None:
        while True:
            running.create_task(self._call(SHORT_TURNS * 4.0, is_long=False))
            await asyncio.sleep(SHORT_EVERY_S)

    async def _call(self, seconds: float, *, is_long: bool) -> None:
        words = await self._conversation.turns([After(300), *[_WHENS] * (_MOST_TURNS - 1)])
        call = OutageCall(
            call_id=f"outage-{new_id()}",
            node=len(self._result.calls) % NODES,
            party=TimedCaller(Caller(words, Ending()), seconds * 1_000),
            is_long=is_long,
        )
        self._result.calls.append(call)
        call.started_at = time.time()
        try:
            plan = make_plan(self._accounts, CHAIN, call.call_id)
            call.record = await self._nodes.call(plan, call.party, call.node, limit_s=seconds + CALL_S)
            call.events = await self._nodes.events.of(call.call_id)
        except (ConnectionError, TimeoutError) as error:
            call.fault = f"{type(error).__name__}: {error}"

    def _strike(self) -> None:
        self._result.struck_at = time.time()
        for role in ROLES:
            state = self._accounts.state(CHAIN.of(role)[0])
            self._result.opened[role] = -state.opened[role]
            state.faults.strike(role, *map(Fault, FAULT_KINDS))

    def _heal(self) -> None:
        self._result.healed_at = time.time()
        for role in ROLES:
            state = self._accounts.state(CHAIN.of(role)[0])
            self._result.opened[role] += state.opened[role]
            state.faults.heal(role)
