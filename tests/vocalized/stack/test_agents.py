"""Numbers that agents get: one that another carrier has sold already is passed over."""

from collections.abc import Sequence

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from vocalized.stack.agents import ensure_live_agent
from vocalized.stack.api_client import ApiClient, ApiError

OFFERS = ["+14155550001", "+14155550002"]


class NumbersApi:
    """The API's answers of a workspace with one draft agent. taken: numbers that it refuses to sell."""

    def __init__(self, taken: Sequence[str], status: int = 409) -> None:
        self.taken, self.status = taken, status
        self.ordered: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/workspaces/w/agents", self.answer({"agents": [{"id": "a", "name": "Mine"}]}))
        agent = {"agent": {"id": "a", "status": "live"}, "phone_number": None}
        app.router.add_put("/workspaces/w/agents/a", self.answer(agent))
        app.router.add_get("/workspaces/w/phone-numbers", self.answer({"phone_numbers": []}))
        offers = {"available": [{"phone_number": number} for number in OFFERS]}
        app.router.add_get("/workspaces/w/phone-numbers/available", self.answer(offers))
        app.router.add_post("/workspaces/w/phone-numbers", self.sell)
        return app

    def answer(self, body: object) -> Handler:
        async def handle(_: web.Request) -> web.Response:
            return web.json_response(body)

        return handle

    async def sell(self, request: web.Request) -> web.Response:
        number = (await request.json())["phone_number"]
        self.ordered.append(number)
        if number in self.taken:
            return web.json_response({"error": {"message": "This number is taken."}}, status=self.status)
        return web.json_response({"phone_number": {"id": "n", "phone_number": number, "status": "active"}})

    async def make_agent(self) -> str:
        async with TestServer(self.app()) as server, aiohttp.ClientSession() as session:
            api = ApiClient(session, str(server.make_url("")))
            return (await ensure_live_agent(api, "w", {}, "Mine", "twilio")).number


async def test_taken_number_is_passed_over() -> None:
    assert await NumbersApi(taken=OFFERS[:1]).make_agent() == OFFERS[1]


async def test_refusal_of_every_number_is_reported() -> None:
    numbers = NumbersApi(taken=OFFERS)
    with pytest.raises(ApiError, match="409"):
        await numbers.make_agent()
    assert numbers.ordered == OFFERS


async def test_other_refusals_are_not_repeated() -> None:
    numbers = NumbersApi(taken=OFFERS, status=403)
    with pytest.raises(ApiError, match="403"):
        await numbers.make_agent()
    assert numbers.ordered == OFFERS[:1]
