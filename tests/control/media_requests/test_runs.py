"""A request with an effect is run once under its run id: by racing processes, by a resumed call, after a killed one."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from control.calls.deletion.service import delete_workspace_calls
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.media_requests.handlers import Effect, HandlerContext, MediaRequestHandler
from control.media_requests.runs import UNKNOWN_MESSAGE
from control.media_requests.tasks import media_requests_tasks
from shared.bus.requests import MediaRequest, RequestRefused, RequestTimedOut
from shared.errors import Conflict, Unavailable
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace
from tests.control.media_requests.ends import (
    NODE,
    NOW,
    Node,
    make_api_process,
    reference,
    running_api_process,
    running_node,
    wait_until_true,
)

ROOT = Path(__file__).parents[3]


class Booking:
    """A handler with an effect. failures: raised by the first runs. gate: closed, runs wait."""

    def __init__(self, effect: Effect, *failures: Exception) -> None:
        self.effect, self.failures, self.runs = effect, list(failures), 0
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    @property
    def handlers(self) -> Mapping[str, MediaRequestHandler]:
        return {name: MediaRequestHandler(self._answer, self.effect) for name in ("book", "other")}

    async def _answer(self, context: HandlerContext) -> str:
        self.runs += 1
        self.begun.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return f"booking {self.runs}"


async def run_row(platform: CallPlatform, call: AdmittedCall) -> Any:
    """The call's only run."""
    (row,) = await platform.in_platform(lambda db: db.fetch("SELECT * FROM tool_runs WHERE call_id = $1", call.call_id))
    return row


@pytest.mark.parametrize("effect", ["once", "repeatable"])
async def test_stored_outcome_answers_who_asks_again(
    platform: CallPlatform, call: AdmittedCall, node: Node, effect: Effect
) -> None:
    booking = Booking(effect)
    async with running_api_process(platform, booking.handlers):
        answers = [await node.ask(call, "book", run_id="r1") for _ in range(2)]
        assert await node.ask(call, "book", run_id="r2") == b'"booking 2"'
    assert answers == [b'"booking 1"'] * 2


async def test_racing_processes_run_it_once(
    platform: CallPlatform, call: AdmittedCall, node: Node, valkey_url: str
) -> None:
    booking = Booking("once")
    booking.gate.clear()
    async with (
        running_api_process(platform, booking.handlers, concurrency=3),
        running_api_process(platform, booking.handlers, concurrency=3),
        running_node(valkey_url, name="node-2") as resumed,
    ):
        asked = [asyncio.create_task(one.ask(call, "book", run_id="r")) for one in (node, resumed) * 3]
        await booking.begun.wait()
        await asyncio.sleep(0.05)
        booking.gate.set()
        assert await asyncio.gather(*asked) == [b'"booking 1"'] * 6
    assert booking.runs == 1


async def test_run_needs_a_run_id(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    booking = Booking("once")
    async with running_api_process(platform, booking.handlers):
        with pytest.raises(RequestRefused, match="run_id_missing"):
            await node.ask(call, "book")
    assert booking.runs == 0


async def test_run_id_belongs_to_one_request(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    booking = Booking("repeatable")
    async with running_api_process(platform, booking.handlers):
        await node.ask(call, "book", run_id="r")
        with pytest.raises(RequestRefused, match="run_id_reused"):
            await node.ask(call, "other", run_id="r")


async def test_run_id_of_another_call_is_another_run(
    platform: CallPlatform, call: AdmittedCall, workspace: LiveWorkspace, node: Node
) -> None:
    booking, other = Booking("once"), await platform.admit(workspace)
    async with running_api_process(platform, booking.handlers):
        assert await node.ask(call, "book", run_id="r") == b'"booking 1"'
        assert await node.ask(other, "book", run_id="r") == b'"booking 2"'


async def test_refusal_is_an_outcome(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    booking = Booking("once", Conflict("That hour is taken.", code="hour_taken"))
    async with running_api_process(platform, booking.handlers):
        for _ in range(2):
            with pytest.raises(RequestRefused, match="hour_taken: That hour is taken"):
                await node.ask(call, "book", run_id="r")
    assert booking.runs == 1
    assert (await run_row(platform, call))["ok"] is False


@pytest.mark.parametrize("failure", [RuntimeError("x"), TimeoutError(), Unavailable("x")])
async def test_outcome_of_a_failed_run_is_unknown_and_it_is_not_repeated(
    platform: CallPlatform, call: AdmittedCall, node: Node, failure: Exception
) -> None:
    """Unavailable: the connection may have been lost while its transaction was committed."""
    booking = Booking("once", failure)
    async with running_api_process(platform, booking.handlers):
        for _ in range(2):
            with pytest.raises(RequestRefused, match="outcome_unknown"):
                await node.ask(call, "book", run_id="r")
    assert booking.runs == 1


@pytest.mark.parametrize("effect", ["once", "repeatable"])
async def test_effect_with_too_long_an_answer_is_told_to_have_happened(
    platform: CallPlatform, call: AdmittedCall, node: Node, effect: Effect
) -> None:
    async def answer(context: HandlerContext) -> str:
        return "x" * 70_000

    async with running_api_process(platform, {"book": MediaRequestHandler(answer, effect)}):
        for _ in range(2):
            with pytest.raises(RequestRefused, match="reply_too_large: This was carried out"):
                await node.ask(call, "book", run_id="r")


async def test_outcome_is_stored_though_the_deadline_passes_meanwhile(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    """A row's lock delays the storing until the deadline is over."""
    booking = Booking("once")
    booking.gate.clear()
    async with running_api_process(platform, booking.handlers):
        waiting = asyncio.create_task(node.ask(call, "book", run_id="r", deadline_s=1.0))
        await booking.begun.wait()
        async with platform.pool.transaction() as db:
            await enter_platform(db)
            await db.execute("SELECT 1 FROM tool_runs WHERE call_id = $1 FOR UPDATE", call.call_id)
            booking.gate.set()
            with pytest.raises((RequestTimedOut, RequestRefused)):
                await waiting
            await asyncio.sleep(0.1)
        assert await node.ask(call, "book", run_id="r") == b'"booking 1"'


async def test_lease_is_renewed_while_handlers_have_all_transactions(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    begun, gate, runs = asyncio.Event(), asyncio.Event(), 0

    async def book(context: HandlerContext) -> None:
        nonlocal runs
        runs += 1

        async def hold(db: Connection) -> None:
            begun.set()
            await gate.wait()

        await context.in_transaction(hold)

    handlers = {"book": MediaRequestHandler(book, "repeatable")}
    async with running_api_process(platform, handlers, transactions=1):
        waiting = asyncio.create_task(node.ask(call, "book", run_id="r"))
        await begun.wait()
        first = (await run_row(platform, call))["lease_until"]

        async def is_renewed() -> bool:
            return bool((await run_row(platform, call))["lease_until"] > first)

        async with asyncio.timeout(30):
            await wait_until_true(is_renewed)
        gate.set()
        await waiting
    assert runs == 1


@pytest.mark.parametrize("failure", [RuntimeError("x"), Unavailable("x")])
async def test_failed_run_is_repeated_where_it_may_be(
    platform: CallPlatform, call: AdmittedCall, node: Node, failure: Exception
) -> None:
    booking = Booking("repeatable", failure)
    async with running_api_process(platform, booking.handlers):
        with pytest.raises(RequestRefused):
            await node.ask(call, "book", run_id="r")
        assert await node.ask(call, "book", run_id="r") == b'"booking 2"'
    assert (await run_row(platform, call))["attempt"] == 2


async def test_run_that_is_cancelled_at_its_deadline_is_unknown_at_once(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    booking = Booking("once")
    booking.gate.clear()
    async with running_api_process(platform, booking.handlers):
        with pytest.raises((RequestTimedOut, RequestRefused)):
            await node.ask(call, "book", run_id="r", deadline_s=0.3)
        with pytest.raises(RequestRefused, match="outcome_unknown"):
            await node.ask(call, "book", run_id="r")
    assert booking.runs == 1


async def test_late_run_is_told_to_be_unknown(platform: CallPlatform, call: AdmittedCall) -> None:
    """Control's limit ends a little before the node's, whose model then hears this."""
    booking = Booking("once")
    booking.gate.clear()
    answer = make_api_process(platform, booking.handlers).reader._answer
    its = reference(call)
    request = MediaRequest("1", NODE, "book", its.call_id, its.workspace_id, its.agent_id, 0, run_id="r")
    reply = await answer(request, 0.3)
    assert (reply.code, reply.message) == ("timed_out", f"This took too long. {UNKNOWN_MESSAGE}")


async def test_long_run_keeps_its_lease(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    booking = Booking("once")
    booking.gate.clear()
    async with running_api_process(platform, booking.handlers):
        waiting = asyncio.create_task(node.ask(call, "book", run_id="r"))
        await booking.begun.wait()
        first = (await run_row(platform, call))["lease_until"]

        async def is_renewed() -> bool:
            return bool((await run_row(platform, call))["lease_until"] > first)

        await wait_until_true(is_renewed)
        booking.gate.set()
        assert await waiting == b'"booking 1"'


async def test_outcome_is_sealed(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, Booking("once").handlers):
        await node.ask(call, "book", run_id="r")
    row = await run_row(platform, call)
    assert row["ok"] is True and row["workspace_id"] == call.workspace_id
    assert b"booking" not in row["outcome"]


async def test_runs_are_deleted_with_their_call(
    platform: CallPlatform, call: AdmittedCall, workspace: LiveWorkspace, node: Node
) -> None:
    async with running_api_process(platform, Booking("once").handlers):
        await node.ask(call, "book", run_id="r")
    assert await run_row(platform, call)
    await platform.in_platform(lambda db: delete_workspace_calls(db, workspace.workspace_id, 10))
    count = "SELECT count(*) FROM tool_runs WHERE call_id = $1"
    assert await platform.in_platform(lambda db: db.fetchval(count, call.call_id)) == 0


async def test_duty_deletes_runs_after_a_day(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, Booking("once").handlers):
        for run_id in ("old", "new"):
            await node.ask(call, "book", run_id=run_id)
    await platform.in_platform(lambda db: db.execute("UPDATE tool_runs SET started_at = $1 WHERE run_id = 'new'", NOW))
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE tool_runs SET started_at = $1 WHERE run_id = 'old'", NOW - timedelta(hours=24, seconds=1)
        )
    )
    (duty,) = media_requests_tasks().duties
    assert await duty.run_once(platform.pool, NOW) == 1
    assert (await run_row(platform, call))["run_id"] == "new"


@pytest.fixture
def mortal(database_url: str, valkey_url: str, tmp_path: Path) -> Iterator["Popen[bytes]"]:
    """An API process's reader whose handlers never end."""
    module = "tests.control.media_requests.mortal_process"
    process = Popen([sys.executable, "-m", module, database_url, valkey_url, str(tmp_path / "runs")], cwd=ROOT)
    yield process
    process.kill()
    process.wait()


async def test_run_of_a_killed_process(
    platform: CallPlatform, call: AdmittedCall, node: Node, valkey_url: str, mortal: "Popen[bytes]", tmp_path: Path
) -> None:
    """Two requests are left to a process that is killed in their midst; then the resumed call asks for both again."""
    lost = [asyncio.create_task(node.ask(call, name, run_id=name)) for name in ("once", "repeat")]
    file = tmp_path / "runs"

    async def have_begun() -> bool:
        return file.exists() and len(file.read_text().split()) == 2

    await wait_until_true(have_begun)
    mortal.kill()
    mortal.wait()
    bookings = {"once": Booking("once"), "repeat": Booking("repeatable")}
    handlers = {name: booking.handlers["book"] for name, booking in bookings.items()}
    async with running_api_process(platform, handlers), running_node(valkey_url, name="node-2") as resumed:
        asked = [resumed.ask(call, name, run_id=name) for name in ("once", "repeat")]
        answers = await asyncio.gather(*lost, *asked, return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, RequestRefused)] == ["outcome_unknown"] * 2
    assert answers[1] == answers[3] == b'"booking 1"'
    assert sorted(file.read_text().split()) == ["once", "repeat"]
    assert (bookings["once"].runs, bookings["repeat"].runs) == (0, 1)
