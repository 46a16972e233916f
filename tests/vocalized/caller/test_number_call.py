"""`vocalized answer` at the simulated network, where the API has no record of the call."""

import asyncio
from io import StringIO

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.network.config import make_config
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.server import running_network
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.caller.console import CallPrinter
from vocalized.caller.number_call import answer_number
from vocalized.caller.result import call_result

TARGET, CALLER = "+16465550123", "+14155550199"


async def log_in(_: web.Request) -> web.Response:
    return web.json_response({"token": "t"})


async def no_calls(_: web.Request) -> web.Response:
    return web.json_response({"calls": []})


def empty_api() -> web.Application:
    """An API without calls."""
    app = web.Application()
    app.router.add_post("/{path:.*}", log_in)
    app.router.add_get("/{path:.*}", no_calls)
    return app


async def test_target_of_a_transfer_that_answered_completes() -> None:
    out, waiting = StringIO(), asyncio.Event()

    class Printer(CallPrinter):
        def info(self, text: str) -> None:
            super().info(text)
            waiting.set()

    printer = Printer(Console(file=out, width=200))
    async with (
        running_network(make_config({}), make_clock=lambda: RealTimeClock(20)) as network,
        TestServer(network.app) as server,
        TestServer(empty_api()) as api,
        asyncio.timeout(20),
    ):
        carrier, control = (str(each.make_url("")).rstrip("/") for each in (server, api))
        addresses = msgspec.structs.replace(ADDRESSES, carrier=carrier, control=control)
        answering = asyncio.create_task(
            answer_number(addresses, TARGET, PassiveParty(), printer, wait_s=15, patience_s=0.3)
        )
        await waiting.wait()
        reached = await network.phone_network.ring_phone(CALLER, TARGET, carrier="twilio", call_id="CA9")
        await reached.line.play(tone(400, 700.0))
        reached.line.hang_up()
        call = await answering
        await reached.line.closed()
    result = call_result(call.record, call.transcript, None)
    assert (result.status, result.end_reason) == ("completed", "agent_hangup")
    assert "the API does not know the call" in out.getvalue()
    assert "transferred call" in out.getvalue()
