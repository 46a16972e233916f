"""One call of the scene: who calls whom, what the workspace does meanwhile, and what the carriers saw of it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lab.stage.call_records import carrier_ids
from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.line_faults import LineCase
from lab.stage.platform import Platform
from simulator.carrier.media_stream import Party
from simulator.carrier.network.line import Line
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.phone_network import CallOutcome, Ring, Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.stack.api_client import ApiError

# More than a call with its turns takes, and an outbound one's wait for its turn at the carrier.
CALL_S: Final = 120.0
_POLL_S: Final = 0.1
# What the phone does that a caller is transferred to: it speaks for a second, and hangs up after three.
_TARGET_SOUND: Final = tone(1_000, 440.0)
_TARGET_S: Final = 3.0
FIND_IDS: Final = "SELECT carrier_call_id, id::text AS id FROM calls WHERE carrier_call_id = ANY($1)"
_STATUS: Final = "SELECT status FROM calls WHERE id::text = $1"


@dataclass(slots=True)
class LineCall:
    """A call with its case.

    call_id: ours, once it is known. rings: how often the carrier rang the phone of an outbound call.
    target_answered_at: when the phone was answered that the caller was transferred to. error: why the workspace's
    action failed, or the call did not end.
    """

    case: LineCase
    caller: RehearsalCaller
    number: int
    call_id: str = ""
    rings: int = 0
    target_answered_at: float | None = None
    error: str = ""
    answered_line: asyncio.Future[Line] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def ring(self, ring: Ring) -> Party:
        """The callee's phone: its owner answers the first call at once."""
        self.rings += 1
        self.caller.call_id = ring.call_id
        return self.party()

    def answered(self, line: Line) -> None:
        """The callee is on the line."""
        if not self.answered_line.done():
            self.answered_line.set_result(line)

    def party(self) -> Party:
        """The caller, or callee, on its line."""
        return self.case.fault.impair(self.caller, self.number)

    def answer_transfer(self) -> Party:
        """The person at the target of a transfer."""
        self.target_answered_at = time.monotonic()
        return PassiveParty(_TARGET_SOUND, longest_s=_TARGET_S)

    @property
    def target(self) -> str:
        """The number to which the caller is transferred."""
        return f"+1646{5_000_000 + self.number:07d}"


def make_line_call(case: LineCase, words: Sequence[PreparedTurn], number: int) -> LineCall:
    """number: gives the phones their numbers."""
    return LineCall(case, scripted_caller(words, number), number)


async def run_line_call(platform: Platform, call: LineCall) -> None:
    """Runs the whole call; what went wrong is found by `find_faults`."""
    network, fault = platform.network, call.case.fault
    fault.apply(network, call.caller.number)
    acting = asyncio.create_task(_act(platform, call)) if fault.action else None
    try:
        async with asyncio.timeout(CALL_S):
            if call.case.direction == "inbound":
                called = platform.workspace.agents[call.case.carrier].number
                await call.caller.call(network.phone_network, called, call.party())
            else:
                await _be_called(platform, call)
    except TimeoutError:
        call.error = call.error or f"not over after {CALL_S:g} s"
    except ApiError as error:
        call.error = str(error)
    finally:
        if acting is not None:
            await _stop(acting, call)


async def _stop(acting: asyncio.Task[None], call: LineCall) -> None:
    acting.cancel()
    await asyncio.wait({acting})
    failure = None if acting.cancelled() else acting.exception()
    if failure is not None:
        call.error = f"{type(failure).__name__}: {failure}"


async def _be_called(platform: Platform, call: LineCall) -> None:
    """Has the workspace call the phone; returns when the call is over."""
    call.caller.started_at = time.monotonic()
    platform.network.phone_network.subscribers[call.caller.number] = Subscriber(phone=call)
    body = {
        "agent_id": platform.workspace.agents[call.case.carrier].id,
        "phone_number_to_call": call.caller.number,
    }
    placed = await platform.workspace.owner.request("POST", f"{platform.workspace.path}/calls/outbound", body)
    call.call_id = placed["call_id"]
    if not call.case.fault.expected.answered:
        return await _wait_until_failed(platform, call)
    line = await call.answered_line
    await line.closed()
    call.caller.outcome = CallOutcome(
        carrier=call.case.carrier,
        call_id=call.caller.call_id,
        answered=True,
        reason="",
        audio=line.audio,
        ended_by=line.by,
        last_stream=line.last_end,
        faults=tuple(line.faults),
    )


async def _wait_until_failed(platform: Platform, call: LineCall) -> None:
    """Waits for the end of a call of which the phone is to hear nothing."""
    while (await platform.rows(_STATUS, call.call_id))[0]["status"] in ("queued", "ringing"):  # noqa: ASYNC110 -- another process writes
        await asyncio.sleep(1.0)


async def _act(platform: Platform, call: LineCall) -> None:
    """Ends or transfers the call once the caller's first turn was answered."""
    reports = call.caller.party.reports
    while not (reports and reports[0].latency_ms is not None):  # noqa: ASYNC110 -- set by the network without a signal
        await asyncio.sleep(_POLL_S)
    call.call_id = call.call_id or await _wait_for_id(platform, call)
    body: dict[str, Any] = {}
    if call.case.fault.action == "transfer":
        target = Subscriber(call.case.fault.target, party=call.answer_transfer)
        platform.network.phone_network.subscribers[call.target] = target
        body = {"number": call.target}
    path = f"{platform.workspace.path}/calls/{call.call_id}/{call.case.fault.action}"
    await platform.workspace.owner.request("POST", path, body)


async def _wait_for_id(platform: Platform, call: LineCall) -> str:
    while not (found := await platform.rows(FIND_IDS, carrier_ids(platform, call.caller))):  # noqa: ASYNC110 -- another process writes
        await asyncio.sleep(_POLL_S)
    call_id: str = found[0]["id"]
    return call_id
