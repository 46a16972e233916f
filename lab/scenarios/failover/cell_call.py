"""One cell of the matrix: a call whose first choices fail."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lab.scenarios.failover.bills import compare_bills, mark_bills, settle_bills
from lab.scenarios.failover.cell_result import CallFacts, CellResult
from lab.scenarios.failover.cells import CHAINS, Cell, ChainPair
from lab.stage.conversation import Conversation, expected_reply
from lab.stage.media_nodes import MediaNodes
from lab.stage.vendor_accounts import VendorAccounts
from shared.events import UsageRecorded
from shared.ids import new_id
from shared.plan import AgentPlan, CallPlan, LimitsPlan, TurnPlan
from simulator.carrier.caller import Caller
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import After, AfterAgent, Ending, When

SILENCE_MS: Final = 400
TURNS: Final = 3
_FIRST: Final = After(300)
_AFTER: Final = AfterAgent(quiet_ms=500, patience_ms=15_000)
# The caller waits for the rest of a disturbed answer, else a stall would look like its end.
_AFTER_DISTURBED: Final = AfterAgent(quiet_ms=3_000, patience_ms=15_000)


class TurnWatcher:
    """A caller; on_turn gets the number of each turn, from 1, when its speech begins."""

    def __init__(self, caller: Caller, on_turn: Callable[[int], None]) -> None:
        self.caller = caller
        self._on_turn = on_turn

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The caller's next 20 ms."""
        before = len(self.caller.reports)
        output = self.caller.tick(at_ms, heard)
        if len(self.caller.reports) > before:
            self._on_turn(before + 1)
        return output

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Passed on."""
        self.caller.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """Passed on."""
        self.caller.cleared(at_ms)


@dataclass(frozen=True, slots=True)
class CallSetting:
    """What calls one after the other share: the vendors' accounts, the nodes, and the caller's words."""

    accounts: VendorAccounts
    nodes: MediaNodes
    conversation: Conversation

    async def learn(self, chain: str, calls: int, turns: int) -> None:
        """Calls without faults, from which a node learns how long each provider usually takes."""
        plans = [make_plan(self.accounts, CHAINS[chain], f"learn-{new_id()}") for _ in range(calls)]
        words = await self.conversation.turns([_FIRST, *[_AFTER] * (turns - 1)])
        ending = Ending(quiet_ms=300)
        await asyncio.gather(*(self.nodes.call(plan, Caller(words, ending)) for plan in plans))
        await asyncio.gather(*(self.nodes.events.of(plan.call_id) for plan in plans))
        await settle_bills(self.accounts)


def make_plan(accounts: VendorAccounts, chain: ChainPair, call_id: str) -> CallPlan:
    """A call's plan with these providers."""
    return CallPlan(
        agent=AgentPlan(prompt="You are the front desk."),
        stt=[accounts.plan(name) for name in chain.stt],
        llm=[accounts.plan(name) for name in chain.llm],
        tts=[accounts.plan(name) for name in chain.tts],
        turn=TurnPlan(silence_ms=SILENCE_MS, adaptive=False),
        limits=LimitsPlan(idle_nudge_s=0, silence_s=0),
        tools=(),
        call_id=call_id,
    )


class CellCall:
    """Runs one cell's call. turns: of the caller; disturbed: which of them the fault strikes, from 1, unless the cell's
    fault is at the opening. chain: the call's providers, in place of those that the cell names."""

    def __init__(
        self,
        setting: CallSetting,
        cell: Cell,
        turns: int = TURNS,
        disturbed: int = 2,
        *,
        chain: ChainPair | None = None,
    ) -> None:
        self._setting = setting
        self._accounts = setting.accounts
        self._cell = cell
        self._chain = chain or CHAINS[cell.chain]
        self._turns = turns
        self._disturbed = 1 if cell.is_at_opening else disturbed
        self._struck_at = datetime.max.replace(tzinfo=UTC)
        self._call_id = f"cell-{new_id()}"

    async def run(self) -> CellResult:
        """Runs the call; `judge_call` is left to do. Whatever a provider does is in the result."""
        result = CellResult(self._cell)
        caller = Caller(await self._words(), Ending(quiet_ms=1_200, timeout_ms=15_000))
        known = {name: len(self._accounts.chat_bodies(name)) for name in self._chain.llm}
        mark = mark_bills(self._accounts)
        if self._cell.is_at_opening:
            self._strike()
        try:
            plan = make_plan(self._accounts, self._chain, self._call_id)
            call = await self._setting.nodes.call(plan, TurnWatcher(caller, self._begin_turn))
            events = await self._setting.nodes.events.of(self._call_id)
        except (ConnectionError, TimeoutError) as error:
            result.fault = f"{type(error).__name__}: {error}"
            return result
        finally:
            self._heal()
        await settle_bills(self._accounts)
        if len(caller.reports) < self._turns:
            result.fault = f"ended by {call.end.by} after {len(caller.reports)} turns"
            return result
        result.facts = CallFacts(
            said=[self._setting.conversation.text(turn) for turn in range(1, self._turns + 1)],
            replies=[expected_reply(turn) for turn in range(1, self._turns + 1)],
            reports=caller.reports,
            agent=bytes(call.audio.agent),
            bodies=[body for name, count in known.items() for body in self._accounts.chat_bodies(name)[count:]],
            events=events,
            disturbed=self._disturbed,
            struck_at=self._struck_at,
        )
        usage = [event.event for event in events if isinstance(event.event, UsageRecorded)]
        result.bills = compare_bills(self._accounts, mark, self._chain.providers, usage)
        return result

    async def _words(self) -> Sequence[PreparedTurn]:
        later = [_AFTER_DISTURBED if turn == self._disturbed + 1 else _AFTER for turn in range(2, self._turns + 1)]
        whens: list[When] = [_FIRST, *later]
        return await self._setting.conversation.turns(whens)

    def _begin_turn(self, number: int) -> None:
        if number == self._disturbed and not self._cell.is_at_opening:
            self._strike()
        elif number == self._disturbed + 1:
            self._heal()

    def _strike(self) -> None:
        self._struck_at = datetime.now(UTC)
        for fault in self._cell.faults:
            self._accounts.state(self._chain.of(fault.role)[0]).faults.strike(fault.role, fault.fault)

    def _heal(self) -> None:
        for fault in self._cell.faults:
            self._accounts.state(self._chain.of(fault.role)[0]).faults.heal(fault.role)
