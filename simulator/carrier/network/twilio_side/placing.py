"""A call that the customer asked for by REST: queued, rung, answered and led through its documents."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.flow import Flow, Refused, Stopped, unless_stopped
from simulator.carrier.network.twilio_side.ledger import REASONS, Ledger
from simulator.carrier.network.twilio_side.machine import Detection, detect
from simulator.carrier.network.twilio_side.model import Call, Callback, Source
from simulator.carrier.network.twilio_side.recorder import Recorder
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.network.world import NotReached, Reached, World


@dataclass(frozen=True, slots=True)
class Wish:
    """How a call is to be made. record: None for no recording."""

    source: Source
    timeout_s: float = 60.0
    time_limit_s: float = 14_400.0
    detection: Detection | None = None
    record: Callback | None = None
    record_dual: bool = False


class Placing:
    """Places calls, at most so many a second when the account is limited."""

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        webhooks: Webhooks,
        recorder: Recorder,
        flow: Callable[[Call, Callable[[], Line]], Flow],
        calls_per_second: float | None,
    ) -> None:
        self._world, self._ledger, self._webhooks, self._recorder = world, ledger, webhooks, recorder
        self._flow = flow
        self._gap_s = 1 / calls_per_second if calls_per_second else 0.0
        self._next = 0.0

    async def place(self, call: Call, wish: Wish) -> None:
        """The whole call, to its final status."""
        try:
            reached = await unless_stopped(call, self._reach(call, wish))
        except NotReached as failure:
            return self._ledger.finish(call, *REASONS[failure.reason])
        except Stopped:
            return self._ledger.finish(call, "canceled", 487)
        timer = asyncio.get_running_loop().call_later(wish.time_limit_s, reached.line.hang_up)
        try:
            await self._carry(call, wish, reached)
        finally:
            timer.cancel()
            self._ledger.finish(call, "completed")
            await reached.line.closed()

    async def _reach(self, call: Call, wish: Wish) -> Reached:
        await self._turn()
        self._webhooks.progress(call, "initiated")
        ringing = partial(self._ledger.ringing, call)
        return await self._world.reach(
            call.caller, call.called, timeout_s=wish.timeout_s, ringing=ringing, carrier="twilio", call_id=call.sid
        )

    async def _carry(self, call: Call, wish: Wish, reached: Reached) -> None:
        self._ledger.answered(call, reached.line)
        if wish.record is not None:
            self._recorder.start(call, "OutboundAPI", dual=wish.record_dual, callback=wish.record)
        async with asyncio.TaskGroup() as tasks:
            finding: asyncio.Task[None] | None = None
            if wish.detection is not None:
                detecting = detect(call, reached, wish.detection, self._webhooks, self._world.pace)
                finding = tasks.create_task(detecting)
                if not wish.detection.asynchronous:
                    await finding
            with suppress(Refused):
                await self._flow(call, lambda: reached.line).run(wish.source)
            if finding is not None:
                finding.cancel()

    async def _turn(self) -> None:
        """Calls that are asked for too quickly wait in the queue."""
        now = asyncio.get_running_loop().time()
        begins = max(now, self._next)
        self._next = begins + self._gap_s
        await asyncio.sleep(begins - now)
