"""A plan is claimed once, by its call, and is stored sealed."""

import asyncio

import pytest

from shared.bus.client import BusClient
from shared.bus.tickets import Ticket, TicketRefused, Tickets
from shared.plan import AgentPlan, CallPlan, ProviderPlan
from shared.secrets import Sealer

CHAIN = [ProviderPlan("standin")]
PLAN = CallPlan(AgentPlan(prompt="the safe's code is four-7-1-1"), CHAIN, CHAIN, CHAIN, call_id="c1")
TICKET = Ticket("twilio", "CA1", PLAN)


@pytest.fixture
def tickets(redis: BusClient) -> Tickets:
    return Tickets(redis, Sealer([bytes(32)]))


async def test_call_gets_its_plan(tickets: Tickets) -> None:
    assert await tickets.claim(await tickets.issue(TICKET), "twilio", "CA1") == PLAN


async def test_only_one_of_concurrent_claims_succeeds(tickets: Tickets) -> None:
    token = await tickets.issue(TICKET)
    claims = [tickets.claim(token, "twilio", "CA1") for _ in range(20)]
    found = await asyncio.gather(*claims, return_exceptions=True)
    assert [one for one in found if isinstance(one, CallPlan)] == [PLAN]
    assert {str(one) for one in found if not isinstance(one, CallPlan)} == {"no plan: unknown"}


@pytest.mark.parametrize("call", [("twilio", "CA2"), ("telnyx", "CA1")])
async def test_wrong_call_does_not_consume_the_ticket(tickets: Tickets, call: tuple[str, str]) -> None:
    token = await tickets.issue(TICKET)
    with pytest.raises(TicketRefused) as refused:
        await tickets.claim(token, *call)  # type: ignore[arg-type]
    assert refused.value.reason == "other_call"
    assert await tickets.claim(token, "twilio", "CA1") == PLAN


@pytest.mark.parametrize("token", ["", "x", "../../etc", "a" * 5000, "{nodes}:seen"])
async def test_unknown_token_is_refused(tickets: Tickets, token: str) -> None:
    with pytest.raises(TicketRefused) as refused:
        await tickets.claim(token, "twilio", "CA1")
    assert refused.value.reason == "unknown"


async def test_ticket_expires(tickets: Tickets, redis: BusClient) -> None:
    token = await tickets.issue(TICKET)
    (key,) = [key async for key in redis.scan_iter()]
    assert 50 < await redis.ttl(key) <= 60
    await redis.pexpire(key, 0)
    with pytest.raises(TicketRefused):
        await tickets.claim(token, "twilio", "CA1")


async def test_prompt_is_not_readable_in_redis(tickets: Tickets, redis: BusClient) -> None:
    await tickets.issue(TICKET)
    (key,) = [key async for key in redis.scan_iter()]
    assert b"four-7" not in str(await redis.hgetall(key)).encode()


async def test_other_keys_cannot_open_the_plan(tickets: Tickets, redis: BusClient) -> None:
    token = await tickets.issue(TICKET)
    with pytest.raises(TicketRefused) as refused:
        await Tickets(redis, Sealer([b"\x01" * 32])).claim(token, "twilio", "CA1")
    assert refused.value.reason == "unreadable"
