"""The programs' users in a real Valkey: each can do its part of a call, and nothing else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from redis.exceptions import ConnectionError, NoPermissionError, RedisError

from control.calls.live.service import Assignments, StreamTarget
from shared.bus.authority import BusAuthority
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.client import BusClient, bus_client
from shared.bus.commands import DONE, CallCommand, CommandStream, SayText
from shared.bus.events import EventStream, prove_line
from shared.bus.function_care import check_functions
from shared.bus.functions import NodeFunction, load_functions
from shared.bus.granted_time import GrantedTime, GrantedTimes
from shared.bus.health import ProviderHealthStates
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.requests import MediaReply, MediaRequest, RequestStream
from shared.bus.tickets import Ticket, Tickets
from shared.bus.webhook_queue import DeferredWebhooks
from shared.ids import new_id
from shared.plan import AgentPlan, CallPlan, ProviderPlan
from tests.platform.trust import make_identity
from vocalized.services.valkey import serve_valkey, user_url
from vocalized.services.valkey_users import RULES, user_lines

PASSWORDS = {name: f"p%/{name}" for name in RULES}
KEYS, URL, CALL, NODE = [bytes(32)], "wss://media-1.example.com", new_id(), "media-1-ab"
AUTHORITY, IDENTITY = BusAuthority(KEYS), make_identity(KEYS, URL)
CREDENTIAL = AUTHORITY.stream_credentials.issue(CALL, 0, IDENTITY.id)
STANDIN = [ProviderPlan("standin")]
PLAN = CallPlan(AgentPlan("You help."), STANDIN, STANDIN, STANDIN, call_id=CALL, stream_credential=CREDENTIAL.text)


@dataclass
class Users:
    """A client of each program."""

    api: BusClient
    worker: BusClient
    media: BusClient
    url: str


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_valkey(tmp_path_factory.mktemp("valkey"), durable=False, passwords=PASSWORDS) as valkey:
        yield valkey.url


@pytest.fixture
async def users(server_url: str) -> AsyncIterator[Users]:
    urls = {name: user_url(server_url, name, PASSWORDS[name]) for name in RULES}
    api, worker, media = (bus_client(urls[name], 5.0) for name in ("api", "worker", "media"))
    async with aclosing(api), aclosing(worker), aclosing(media):
        await check_functions(worker)
        yield Users(api, worker, media, server_url)


async def test_a_call_passes_through_the_programs_users(users: Users) -> None:
    node, link = NodeRegistry(users.media, identity=IDENTITY), AUTHORITY.enrollment.find_peer(IDENTITY.card).link
    await node.heartbeat(NodeState(NODE, URL, 0, 10))
    registry = NodeRegistry(users.api, AUTHORITY, allowed=["wss://media-1.example.com"])
    assert await registry.choose() and await registry.is_alive(NODE) and await registry.list_alive()
    token = await Tickets(users.api, None).issue(Ticket("twilio", "CA1", PLAN), link=link)
    assert await Assignments(users.api, AUTHORITY.sealer).put(UUID(CALL), 0, StreamTarget(URL, token, NODE)) is None
    assert await Tickets(users.media, None, IDENTITY).claim(token, "twilio", "CA1") == PLAN
    assert await Tickets(users.api, None).is_known(token)
    live = LiveCall(CALL, NODE, 0, IDENTITY.card)
    await LiveCalls(users.media).refresh([live], {CALL: CREDENTIAL})
    (found,) = await LiveCalls(users.worker, AUTHORITY).get([CALL])
    assert found is not None and msgspec.structs.replace(found, at_ms=0) == live
    await _send_events(users)
    await _command(users)
    await _ask(users)
    await GrantedTimes(users.worker, AUTHORITY.stream_credentials).write({CALL: GrantedTime(60)})
    assert await GrantedTimes(users.media).read([CALL], {CALL: CREDENTIAL}) == [GrantedTime(60)]
    await ProviderHealthStates(users.media, NODE).exchange([])
    await ProviderHealthStates(users.worker, "control").set_out_of_service(["openai"])
    assert await ProviderHealthStates(users.media, NODE).list_out_of_service() == {"openai"}
    await Checkpoints(users.media, None).put_outcome(CALL, StreamOutcome(0), stream_credential=CREDENTIAL)
    assert await Checkpoints(users.api, None, AUTHORITY).get_outcome(CALL) == StreamOutcome(0)
    await LiveCalls(users.media).remove([CALL])
    await node.remove(NODE)
    assert await DeferredWebhooks(users.api, AUTHORITY.sealer).add(b"{}")
    assert len(await DeferredWebhooks(users.worker, AUTHORITY.sealer).oldest(10)) == 1


async def _send_events(users: Users) -> None:
    await EventStream(users.media).append([prove_line(b"{}", CREDENTIAL)])
    stream = EventStream(users.worker)
    await stream.create_group()
    (entry,) = await stream.read("worker", 10, 0.1)
    assert entry.proof and await stream.length() == 1
    assert await stream.reclaim("worker", 10, 0.0)
    await stream.remove([entry.id])
    await stream.remove_dead_consumers(0.0)
    await stream.leave("worker")


async def _command(users: Users) -> None:
    control, node = CommandStream(users.api, AUTHORITY), CommandStream(users.media, identity=IDENTITY)
    sent = CallCommand("1", CALL, SayText("Hello."), "first")
    await control.send(NODE, sent, AUTHORITY.enrollment.find_peer(IDENTITY.card).link)
    _, (read,) = await node.read(NODE, "0", 0.1)
    assert read.command == sent.command and read.is_sealed and await node.claim(read)
    await node.answer("1", DONE, is_sealed=True)
    assert await control.wait_for_answer("1", 1.0) == DONE
    await control.forget_answer("1")


async def _ask(users: Users) -> None:
    node, control = (
        RequestStream(users.media, None, identity=IDENTITY),
        RequestStream(users.api, None, authority=AUTHORITY),
    )
    await control.create_group()
    request = MediaRequest("r1", NODE, "book", CALL, "w", "a", await node.now_ms() + 5_000)
    assert await node.send(request, CREDENTIAL)
    (entry,) = await control.read("api", 1, 0.1)
    assert entry.request is not None and await control.admit(entry) > 0
    await control.keep("api", [entry.id])
    await control.reply(entry.id, NODE, MediaReply("r1", "true"), entry.link)
    ids, replies = await node.read_replies(NODE, 0.1)
    assert replies == [MediaReply("r1", "true")]
    await node.remove_replies(NODE, ids)
    await control.remove_dead_consumers(60.0)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("media", ("XRANGE", "vocalized:events", "-", "+")),
        ("media", ("XREAD", "STREAMS", "vocalized:events", "0")),
        ("media", ("GET", "vocalized:over:{c}")),
        ("media", ("GET", "vocalized:checkpoint:{c}")),
        ("media", ("SET", "vocalized:granted:{c}", "{}")),
        ("media", ("XADD", "vocalized:commands:{n}", "*", "c", "{}")),
        ("media", ("SET", "vocalized:assigned:{c}", "x")),
        ("media", ("GET", "vocalized:reservations:{w}")),
        ("media", ("XRANGE", "vocalized:notes", "-", "+")),
        ("api", ("XRANGE", "vocalized:events", "-", "+")),
        ("worker", ("XREAD", "STREAMS", "vocalized:requests", "0")),
        ("worker", ("GET", "{limit:login}:account:x")),
        *((program, command) for program in RULES for command in (
            ("KEYS", "*"), ("SCAN", "0"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("SHUTDOWN",),
            ("RANDOMKEY",), ("MONITOR",), ("CLIENT", "LIST"), ("GET", "other"),
        )),
    ],
)  # fmt: skip
async def test_nothing_else_is_permitted(users: Users, program: str, command: tuple[str, ...]) -> None:
    client: Any = getattr(users, program)
    with pytest.raises(NoPermissionError):
        await client.execute_command(*command)


async def test_a_function_may_do_no_more_than_its_user(users: Users) -> None:
    peek = NodeFunction("peek", "return redis.call('GET', 'vocalized:over:{c}')")
    await load_functions(users.worker, [peek])
    with pytest.raises(RedisError, match=r"(?i)permission"):
        await peek.call(users.media, ["vocalized:over:{c}"])


async def test_nobody_gets_in_without_a_password(users: Users) -> None:
    for url in (users.url, user_url(users.url, "media", "wrong")):
        async with aclosing(bus_client(url, 5.0)) as client:
            with pytest.raises((NoPermissionError, ConnectionError)):
                await client.get("vocalized:over:{c}")


def test_the_files_of_deployments_have_the_same_users() -> None:
    deploy = Path(__file__).parents[3] / "deploy"
    passwords = {name: f"${{{name.upper()}_REDIS_PASSWORD:?in deploy/.env}}" for name in RULES}
    compose = (deploy / "compose.yaml").read_text()
    assert all(f"      {line}\n" in compose for line in user_lines(passwords))
    example = user_lines({name: f"MADE-UP-PASSWORD-OF-{name.upper()}" for name in RULES})
    assert [line for line in (deploy / "valkey-users.acl").read_text().splitlines() if line[0] != "#"] == example
