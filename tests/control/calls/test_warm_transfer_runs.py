"""The tool `transfer` of agents that transfer warm, at control's end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.transfers import queries as transfers_queries
from control.calls.transfers import service as transfers_service
from control.calls.transfers.rules import MOST_RETURNS, WarmTransfer
from control.calls.transfers.service import END_TARGET
from control.calls.transfers.tool import LONGEST_PACE_S, LONGEST_RING_S, WarmTransferRuns
from control.carriers.pacer import CallPacer
from control.carriers.rules import CarrierName, CarrierRefused, CarrierUnavailable, TargetCallRequest
from control.carriers.service import Carriers
from control.media_requests.handlers import HandlerContext, RunningCall, TenantTransactions
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from tests.control.calls.call_platform import CallPlatform, FakeCarrier, LiveWorkspace, later
from tests.control.calls.test_outbound import CALLEE

# What happens to the target's leg once it was called.
Reaction = Callable[[UUID], Awaitable[Any]]


@dataclass
class TargetCarrier(FakeCarrier):
    """A carrier that calls targets."""

    name: CarrierName = "twilio"
    called: list[TargetCallRequest] = field(default_factory=list)
    reaction: Reaction | None = None

    @property
    def targets(self) -> "TargetCarrier":
        return self

    async def call(self, request: TargetCallRequest) -> str:
        self.called.append(request)
        self._answer("call")
        if self.reaction is not None:
            await self.reaction(UUID(request.transfer_id))
        return f"CA-{request.transfer_id}"


@dataclass
class Scene:
    """A call in progress, and the tool's handler."""

    platform: CallPlatform
    workspace: LiveWorkspace
    call_id: UUID
    carrier: TargetCarrier
    calls_per_s: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self, run_id: str = "run-1", *, left_s: float = 10.0, number: str = CALLEE, at: float = 0.0) -> Any:
        row = await self.platform.call_row(self.call_id)
        running = RunningCall(
            id=self.call_id,
            workspace_id=row["workspace_id"],
            agent_id=row["agent_id"],
            direction="inbound",
            is_test=False,
            caller=row["caller_number"],
            called=row["called_number"],
            workspace_name="W",
            timezone="UTC",
        )
        arguments = msgspec.json.encode({"number": number, "brief": "An invoice", "language": "en"}).decode()
        until = asyncio.get_running_loop().time() + left_s
        transactions = TenantTransactions(self.platform.pool, 2)
        context = HandlerContext(running, arguments, run_id, later(at), until, transactions)
        pacer = CallPacer(self.platform.redis, {"twilio": self.calls_per_s})
        runs = WarmTransferRuns(self.platform.outbound, Carriers({"twilio": self.carrier}), pacer, self.sleep)
        (handler,) = runs.handlers().values()
        return await handler.answer(context)

    async def transfers(self) -> list[WarmTransfer]:
        return await self.platform.in_platform(lambda db: transfers_queries.select_of_call(db, self.call_id))


@pytest.fixture
async def scene(platform: CallPlatform) -> Scene:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, f"CA-{new_id()}")
    return Scene(platform, workspace, call.call_id, TargetCarrier())


async def test_the_run_ends_when_the_target_has_accepted(scene: Scene) -> None:
    async def accept(one: UUID) -> None:
        await scene.platform.in_platform(lambda db: transfers_service.accept(db, one, "room"))

    scene.carrier.reaction = accept
    assert await scene.run() == {"conference": "room", "number": CALLEE}
    (called,) = scene.carrier.called
    assert (called.caller, called.called) == (scene.workspace.number, CALLEE)
    assert await scene.run() == {"conference": "room", "number": CALLEE}, "the same run, after its process has died"
    assert len(scene.carrier.called) == 1, "calls nobody twice"


async def test_the_run_ends_when_the_target_declines(scene: Scene) -> None:
    async def decline(one: UUID) -> None:
        await scene.platform.in_platform(lambda db: transfers_service.fail(db, one, "refused"))

    scene.carrier.reaction = decline
    assert await scene.run() == {"failure": "refused"}


@pytest.mark.parametrize(
    "error", [CarrierRefused("twilio", "21219", "no"), CarrierUnavailable("twilio", "timeout", "no answer")]
)
async def test_a_carrier_that_does_not_call_is_a_failed_transfer(scene: Scene, error: Exception) -> None:
    scene.carrier.answers["call"] = error
    assert await scene.run() == {"failure": "failed"}


async def test_a_target_that_does_not_decide_in_time_is_hung_up(scene: Scene) -> None:
    before = len(await scene.platform.job_payloads(END_TARGET))
    assert await scene.run(left_s=2.3) == {"failure": "no_answer"}
    (one,) = await scene.transfers()
    assert (one.status, one.leg_id) == ("failed", f"CA-{one.id}")
    assert len(await scene.platform.job_payloads(END_TARGET)) == before + 1


async def test_a_number_that_may_not_be_called_is_refused(scene: Scene) -> None:
    with pytest.raises(Invalid) as refused:
        await scene.run(number=scene.workspace.number)
    assert refused.value.code == "number_is_own"
    assert scene.carrier.called == []


async def test_a_call_has_few_of_them(scene: Scene) -> None:
    scene.carrier.answers["call"] = CarrierRefused("twilio", "21219", "no")
    for number in range(MOST_RETURNS):
        await scene.run(f"run-{number}")
    with pytest.raises(Conflict) as refused:
        await scene.run("one-more")
    assert refused.value.code == "transfer_limit"
    assert await scene.run("run-0") == {"failure": "failed"}, "a repeat is none"


async def test_a_call_has_one_of_them_at_a_time(scene: Scene) -> None:
    """Of two targets that accept, one would wait for nobody."""

    async def ask_again(one: UUID) -> None:
        with pytest.raises(Conflict) as refused:
            await scene.run("another")
        assert refused.value.code == "transfer_going_on"
        await scene.platform.in_platform(lambda db: transfers_service.fail(db, one, "refused"))

    scene.carrier.reaction = ask_again
    assert await scene.run() == {"failure": "refused"}
    assert len(scene.carrier.called) == 1


async def test_nobody_is_called_for_a_caller_who_has_gone(scene: Scene) -> None:
    """The call ended after the request was admitted."""
    await scene.platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'completed' WHERE id = $1", scene.call_id)
    )
    with pytest.raises(NotFound):
        await scene.run()
    assert scene.carrier.called == []


async def test_targets_are_called_at_the_pace_of_outbound_calls(scene: Scene) -> None:
    """And wait for a long queue no longer than a caller would."""
    scene.carrier.answers["call"] = CarrierRefused("twilio", "21219", "no")
    scene.calls_per_s = 0.05
    for number in range(2):
        await scene.run(f"run-{number}")
    first, second = scene.slept
    assert (first < LONGEST_PACE_S, second) == (True, LONGEST_PACE_S)


async def test_caller_who_leaves_while_the_target_waits_for_its_turn_has_nobody_called(scene: Scene) -> None:
    async def end_call(_: float) -> None:
        await scene.platform.in_platform(lambda db: transfers_service.end_of_call(db, scene.call_id))

    scene.sleep = end_call  # type: ignore[assignment,method-assign]
    assert await scene.run() == {"failure": "failed"}
    assert scene.carrier.called == []


async def test_a_target_of_whom_nothing_is_reported_rings_no_longer_than_a_phone(scene: Scene) -> None:
    """The process died before it called, or the webhook was lost; another one takes the run over."""

    async def die(_: UUID) -> None:
        raise RuntimeError("killed")

    scene.carrier.reaction = die
    with pytest.raises(RuntimeError):
        await scene.run()
    assert await scene.run(at=LONGEST_RING_S) == {"failure": "no_answer"}
    assert len(scene.carrier.called) == 1
