"""`vocalized answer` at the simulated network, where the API answers less than it usually does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.network.config import make_config
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.server import running_network
from tests.vocalized.call_events import CALL_ID
from tests.vocalized.fake_api import USER, WORKSPACE, FakeApi
from tests.vocalized.recording_printer import RecordingPrinter
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.caller.finished_call import FinishedCall
from vocalized.caller.number_call import answer_number
from vocalized.caller.result import call_result

TARGET, CALLER = "+16465550123", "+14155550199"


async def log_in(_: web.Request) -> web.Response:
    return web.json_response({"token": "t"})


async def no_calls(_: web.Request) -> web.Response:
    return web.json_response({"calls": []})


@asynccontextmanager
async def empty_api() -> AsyncIterator[str]:
    """An API without calls."""
    app = web.Application()
    app.router.add_post("/{path:.*}", log_in)
    app.router.add_get("/{path:.*}", no_calls)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def answer(control: str, printer: RecordingPrinter, carrier_call_id: str) -> FinishedCall:
    """Answer a call that the network rings with this id, and return it after the other side hung up."""
    async with (
        running_network(make_config({}), make_clock=lambda: RealTimeClock(20)) as network,
        TestServer(network.app) as server,
        asyncio.timeout(20),
    ):
        carrier = str(server.make_url("")).rstrip("/")
        addresses = msgspec.structs.replace(
            ADDRESSES, carrier=carrier, control=control, user=USER, workspace_id=WORKSPACE
        )
        answering = asyncio.create_task(
            answer_number(addresses, TARGET, PassiveParty(), printer, wait_s=15, patience_s=0.3)
        )
        await printer.informed.wait()
        reached = await network.phone_network.ring_phone(CALLER, TARGET, carrier="twilio", call_id=carrier_call_id)
        await reached.line.play(tone(400, 700.0))
        reached.line.hang_up()
        call = await answering
        await reached.line.closed()
        return call


async def test_target_of_a_transfer_that_answered_completes() -> None:
    printer = RecordingPrinter()
    async with empty_api() as control:
        call = await answer(control, printer, "CA9")
    result = call_result(call.record, call.transcript, None)
    assert (result.status, result.end_reason) == ("completed", "agent_hangup")
    assert "the API does not know the call" in printer.text
    assert "transferred call" in printer.text


async def test_says_why_there_are_no_costs() -> None:
    """The staff's sign-in needs a code, which the command line does not have."""
    printer = RecordingPrinter()
    async with FakeApi(staff_needs_code=True).running() as api:
        call = await answer(api.url, printer, "CA1")
    assert (call.transcript.call_id, call.costs) == (CALL_ID, ())
    assert f"costs are in GET /admin/calls/{CALL_ID}, for staff" in printer.text
    assert "401: The code of your authenticator app is needed." in printer.text
